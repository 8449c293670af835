"""Transposed copies of matrices, block by block in registers, as kernels for generated source.

    transpose_float32(rows, columns, x, x_row, y, y_row)
        y[j*y_row + i] = x[i*x_row + j], i < rows, j < columns

One name per dtype (`NAMES` matches them). A loop that writes one element after another takes a
cache line per element of one of the two; blocks of 8 rows by 8 columns need an eighth. They follow
each other along the rows, as far apart as a line of the cache is long, so that every line is
written as a whole while it is there. Threads share the bands of rows of large matrices.
"""

from functools import cache

import numpy as np

from fungrad.compiler.language.arguments import LLVM_TYPES, Pointer, Scalar

NAMES = r"\btranspose_float(?:32|64)\b"

#: The last block of a row or column overlaps the one before.
_SOURCE = """
def transposed(rows, columns, x, x_row, y, y_row):
    if rows < SIZE or columns < SIZE:
        for i in range(rows):
            for j in range(columns):
                y[j * y_row + i] = x[i * x_row + j]
        return 0
    count = (rows + BAND - 1) // BAND
    bands(count, rows * columns, rows, columns, x, x_row, y, y_row)
    return 0
"""
_BANDS = """
def bands(count, operations, rows, columns, x, x_row, y, y_row):
    for n in range(count):
        for m in range((columns + SIZE - 1) // SIZE):
            j = min(m * SIZE, columns - SIZE)
            for k in range(BAND // SIZE):
                i = min(n * BAND + k * SIZE, rows - SIZE)
                block(offset(x, i * x_row + j), x_row, offset(y, j * y_row + i), y_row)
    return 0
"""
_SIZE = 8
_LINE = 64  # bytes of the cache that come together


SHORTEST = 8  # rows or columns: fewer are copied as fast by plain loops


@cache
def routine(name):
    """The kernel of a name."""
    from fungrad.compiler.llvm.build import kernel

    dtype = name.removeprefix("transpose_")
    pointer, number = Pointer(dtype), Scalar("int64")
    arguments = pointer, number, pointer, number
    block = kernel(_block(dtype, _SIZE), "block", arguments, None, "llvm")
    bands, source = (
        text.replace("BAND", str(_LINE // np.dtype(dtype).itemsize)).replace("SIZE", str(_SIZE))
        for text in (_BANDS, _SOURCE)
    )
    taken = (number, number, number, number, *arguments)
    bands = kernel(bands, "bands", taken, {"block": block}, in_parts=True)
    return kernel(source, "transposed", (number, number, *arguments), {"bands": bands})


def is_known(dtype):
    """Whether there is a kernel for a dtype."""
    return dtype.name in ("float32", "float64")


def _block(dtype, size):
    """The LLVM text that transposes one block: rows i and i + size/2 are merged, again and again.

    Merging takes an element of the one, then of the other; the bits of the place (row, column) of
    an element turn by one, and after log2(size) times row and column are exchanged.
    """
    number, vector = LLVM_TYPES[dtype], f"<{size} x {LLVM_TYPES[dtype]}>"
    align = np.dtype(dtype).itemsize
    lines = ["define i64 @block(ptr noalias %x, i64 %x_row, ptr noalias %y, i64 %y_row) {"]
    for i in range(size):
        lines.append(f"  %x.at{i} = mul nsw i64 %x_row, {i}")
        lines.append(f"  %x.{i} = getelementptr {number}, ptr %x, i64 %x.at{i}")
        lines.append(f"  %v0.{i} = load {vector}, ptr %x.{i}, align {align}")
    half, turn = size // 2, 0
    for turn in range(size.bit_length() - 1):
        for i in range(half):
            for side in range(2):
                first = side * half
                picked = [k for j in range(first, first + half) for k in (j, j + size)]
                mask = ", ".join(f"i32 {k}" for k in picked)
                lines.append(
                    f"  %v{turn + 1}.{2 * i + side} = shufflevector {vector} %v{turn}.{i}, "
                    f"{vector} %v{turn}.{i + half}, <{size} x i32> <{mask}>"
                )
    for i in range(size):
        lines.append(f"  %y.at{i} = mul nsw i64 %y_row, {i}")
        lines.append(f"  %y.{i} = getelementptr {number}, ptr %y, i64 %y.at{i}")
        lines.append(f"  store {vector} %v{turn + 1}.{i}, ptr %y.{i}, align {align}")
    return "\n".join([*lines, "  ret i64 0", "}"])
