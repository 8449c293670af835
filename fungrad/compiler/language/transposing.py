"""Transposed copies of matrices, block by block in registers, as kernels for generated source.

    transpose_float32(rows, columns, x, x_row, y, y_row)
        y[j*y_row + i] = x[i*x_row + j], i < rows, j < columns

    transpose_streamed_float32(rows, columns, x, x_row, y, y_row)
        the same for a part of a result that the caches do not hold

One name per dtype (`NAMES` matches them). A loop that writes one element after another takes a
cache line per element of one of the two; blocks of 8 rows by 8 columns need an eighth. They follow
each other along the rows, as far apart as a line of the cache is long, so that every line is
written as a whole while it is there. Threads share the bands of rows of large matrices. A large
result is written past the caches, by whole lines: through them the memory would send each line
first (4096 x 4096 float64, one thread: 30 ms; past them 12 ms, a plain copy 13 ms).
"""

from functools import cache

import numpy as np

from fungrad.compiler.language.arguments import Pointer, Scalar
from fungrad.compiler.language.lanes import Registers
from fungrad.compiler.language.streaming import LINE, STREAMED, settle, skew

NAMES = r"\btranspose_(?:streamed_)?float(?:32|64)\b"

#: The last block of a row or column overlaps the one before.
_SOURCE = """
def transposed(rows, columns, x, x_row, y, y_row):
    if rows < SIZE or columns < SIZE:
        for i in range(rows):
            for j in range(columns):
                y[j * y_row + i] = x[i * x_row + j]
        return 0
    count = (rows + LINE - 1) // LINE
    bands(count, rows * columns, rows, columns, x, x_row, y, y_row)
    return 0
"""
_BANDS = """
def bands(count, operations, rows, columns, x, x_row, y, y_row):
    for n in range(count):
        for m in range((columns + SIZE - 1) // SIZE):
            j = min(m * SIZE, columns - SIZE)
            for k in range(LINE // SIZE):
                i = min(n * LINE + k * SIZE, rows - SIZE)
                block(offset(x, i * x_row + j), x_row, offset(y, j * y_row + i), y_row)
    return 0
"""
#: The last rows may be no whole line.
_STREAMED_BANDS = """
def streamed_bands(count, operations, rows, columns, x, x_row, y, y_row):
    for n in range(count):
        first = n * AT_ONCE
        whole = min(rows - first, AT_ONCE) // LINE
        for m in range((columns + LINE - 1) // LINE):
            j = min(m * LINE, columns - LINE)
            for k in range(whole):
                i = first + k * LINE
                block(offset(x, i * x_row + j), x_row, offset(y, j * y_row + i), y_row)
        settle(y)
        for i in range(first + whole * LINE, min(rows, first + AT_ONCE)):
            for j in range(columns):
                y[j * y_row + i] = x[i * x_row + j]
    return 0
"""
_STREAMED = """
def streamed(rows, columns, x, x_row, y, y_row):
    if skew(y) + y_row % LINE or columns < LINE:
        return transposed(rows, columns, x, x_row, y, y_row)
    count = (rows + AT_ONCE - 1) // AT_ONCE
    bands(count, rows * columns, rows, columns, x, x_row, y, y_row)
    return 0
"""
_AT_ONCE = 16  # rows that are read next to each other
_SIZE = 8


SHORTEST = 8  # rows or columns: fewer are copied as fast by plain loops


@cache
def routine(name):
    """The kernel of a name."""
    dtype = name.rpartition("_")[2]
    pointer, number = Pointer(dtype), Scalar("int64")
    arguments = pointer, number, pointer, number
    taken, whole = (number, number, number, number, *arguments), (number, number, *arguments)
    is_streamed = "streamed" in name
    line = LINE // np.dtype(dtype).itemsize
    words = {"LINE": line, "SIZE": _SIZE, "AT_ONCE": _AT_ONCE}

    def built(source, name, arguments, functions, **how):
        from fungrad.compiler.llvm.build import kernel

        for word, value in words.items():
            source = source.replace(word, str(value))
        return kernel(source, name, arguments, functions, **how)

    text = _block(dtype, line if is_streamed else _SIZE, is_streamed)
    block = built(text, "block", arguments, None, language="llvm", effort=1)
    if not is_streamed:
        bands = built(_BANDS, "bands", taken, {"block": block}, in_parts=True)
        return built(_SOURCE, "transposed", whole, {"bands": bands})
    inner = {"block": block, "settle": settle(dtype)}
    bands = built(_STREAMED_BANDS, "streamed_bands", taken, inner, in_parts=True)
    plain = routine(f"transpose_{dtype}")
    outer = {"bands": bands, "transposed": plain, "skew": skew(dtype)}
    return built(_STREAMED, "streamed", whole, outer)


def name_of(dtype, size):
    """The name of the kernel for a matrix in an array of so many elements."""
    is_streamed = size * dtype.itemsize >= STREAMED
    return f"transpose_streamed_{dtype.name}" if is_streamed else f"transpose_{dtype.name}"


def is_known(dtype):
    """Whether there is a kernel for a dtype."""
    return dtype.name in ("float32", "float64")


def _block(dtype, size, is_streamed):
    """The LLVM text that transposes one block."""
    registers = Registers(dtype, size)
    rows, targets = registers.rows("x", "x_row"), registers.rows("y", "y_row")
    ending = f", align {LINE}, !nontemporal !0" if is_streamed else ""
    for first in range(0, size, registers.lane):
        for column, target in zip(registers.columns(rows, first), targets[first:], strict=False):
            registers.store(column, target, ending)
    header = "define i64 @block(ptr noalias %x, i64 %x_row, ptr noalias %y, i64 %y_row) {"
    return "\n".join([header, *registers.lines, "  ret i64 0", "}", "!0 = !{i32 1}"])
