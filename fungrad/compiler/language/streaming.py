"""Rows written past the caches, by whole lines, as kernels for generated source.

    stream_float32(rows, columns, x, x_row, y, y_row)
        y[i*y_row + j] = x[i*x_row + j], i < rows, j < columns
    settle_float32(y)
        what this thread has written past the caches is there for all threads

One name per dtype (`NAMES` matches them). What is written through the caches is first read from
memory, line by line, unless the processor sees that whole lines follow each other. So a large
result that nobody reads soon goes past them where it is made in tiles. The lines that a row begins
and ends with, which it may share with others, are written as usual.
"""

from functools import cache

import numpy as np

from fungrad.compiler.language.arguments import LLVM_TYPES, Pointer, Scalar

NAMES = r"\b(?:stream|settle)_float(?:32|64)\b"
LINE = 64  # bytes of the caches that come together
STREAMED = 2**24  # bytes of a result, from which on it is written past the caches

_STREAM = """
def stream(rows, columns, x, x_row, y, y_row):
    if skew(y) + y_row % LINE + columns % LINE == 0:
        lines(rows, columns // LINE, x, x_row, y, y_row)
        return 0
    for i in range(rows):
        source = offset(x, i * x_row)
        target = offset(y, i * y_row)
        head = min((LINE - skew(target)) % LINE, columns)
        for j in range(head):
            target[j] = source[j]
        whole = (columns - head) // LINE
        lines(1, whole, offset(source, head), 0, offset(target, head), 0)
        for j in range(head + whole * LINE, columns):
            target[j] = source[j]
    return 0
"""


def is_known(dtype):
    """Whether there is a kernel for a dtype."""
    return dtype.name in ("float32", "float64")


@cache
def routine(name):
    """The kernel of a name."""
    word, dtype = name.split("_")
    return {"stream": _stream, "settle": settle}[word](dtype)


def _stream(dtype):
    from fungrad.compiler.llvm.build import kernel

    size, pointer, number = np.dtype(dtype).itemsize, Pointer(dtype), Scalar("int64")
    arguments = (number, number, pointer, number, pointer, number)
    lines = kernel(_lines(dtype), "lines", arguments, None, "llvm", effort=1)
    source = _STREAM.replace("LINE", str(LINE // size))
    return kernel(source, "stream", arguments, {"lines": lines, "skew": skew(dtype)})


def _lines(dtype):
    """The LLVM text that copies whole lines: `count` of each row."""
    vector, size = line_vector(dtype), np.dtype(dtype).itemsize
    body = f"""
  %value = load {vector}, ptr %from, align {size}
  store {vector} %value, ptr %to, align {LINE}, !nontemporal !0"""
    return over_lines(dtype, "ptr noalias %x, i64 %x_row, ptr noalias %y, i64 %y_row", body)


def line_vector(dtype):
    """The type of a line of the cache as one vector."""
    return f"<{LINE // np.dtype(dtype).itemsize} x {LLVM_TYPES[dtype]}>"


def over_lines(dtype, parameters, body, is_back=False):
    """The LLVM text of a function `lines` whose body is done for `count` lines of each row.

    The body finds a line of `x` at `%from`, that of `y` at `%to`, and its number among elements,
    `%at`. With `is_back` the last row comes first.
    """
    number, row = LLVM_TYPES[dtype], "%last" if is_back else "%turn"
    return f"""
define i64 @lines(i64 %rows, i64 %count, {parameters}) {{
entry:
  br label %head
head:
  %turn = phi i64 [0, %entry], [%turn.next, %end]
  %turn.more = icmp slt i64 %turn, %rows
  br i1 %turn.more, label %begin, label %done
begin:
  %turn.next = add nsw i64 %turn, 1
  %last = sub nsw i64 %rows, %turn.next
  %x.at = mul nsw i64 {row}, %x_row
  %x.i = getelementptr {number}, ptr %x, i64 %x.at
  %y.at = mul nsw i64 {row}, %y_row
  %y.i = getelementptr {number}, ptr %y, i64 %y.at
  br label %line
line:
  %n = phi i64 [0, %begin], [%n.next, %body]
  %n.more = icmp slt i64 %n, %count
  br i1 %n.more, label %body, label %end
body:
  %at = mul nsw i64 %n, {LINE // np.dtype(dtype).itemsize}
  %from = getelementptr {number}, ptr %x.i, i64 %at
  %to = getelementptr {number}, ptr %y.i, i64 %at{body}
  %n.next = add nsw i64 %n, 1
  br label %line
end:
  br label %head
done:
  ret i64 0
}}
!0 = !{{i32 1}}"""


@cache
def skew(dtype):
    """The kernel `skew(y)`: how many elements of a line stand before an address."""
    from fungrad.compiler.llvm.build import kernel

    text = f"""
define i64 @skew(ptr %y) {{
  %address = ptrtoint ptr %y to i64
  %bytes = and i64 %address, {LINE - 1}
  %elements = udiv i64 %bytes, {np.dtype(dtype).itemsize}
  ret i64 %elements
}}"""
    return kernel(text, "skew", (Pointer(dtype, aliased=True),), None, "llvm", effort=1)


@cache
def settle(dtype):
    """The kernel `settle(y)`: such writes are not ordered as others are, so a thread waits."""
    from fungrad.compiler.llvm.build import kernel

    text = "define i64 @settle(ptr %y) {\n  fence seq_cst\n  ret i64 0\n}"
    return kernel(text, "settle", (Pointer(dtype, aliased=True),), None, "llvm", effort=1)
