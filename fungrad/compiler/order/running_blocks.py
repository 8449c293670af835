"""Running sums and products by vectors, as kernels for generated source.

    run_add_float32(count, x, x_row, state, y, y_row)
        state[i] += x[i*x_row + j];  y[i*y_row + j] = state[i], for j = 0, 1, ... below count
        and each of eight lines i
    run_down_add_float32(rows, columns, x, x_row, state, y, y_row)
        state[j] += x[i*x_row + j];  y[i*y_row + j] = state[j], for i = 0, 1, ... below rows
        and each column j, past the caches

and the same with `multiply` and with `back`, along a line from its end or from the last row up:
`run_back_multiply_float64`. Each line is combined in its order, element after element, as NumPy
does, so the results have the same bits.

Where elements of a line are neighbours, a vector holds one of each line. Squares of 8 by 8 are
exchanged in registers before and after (see `lanes`), so that memory is read and written along the
lines. 32768 lines of 1024 float32 in tiles that go past the caches, one thread: 12 ms; four lines
next to each other, element by element, 25 ms; a plain copy 12 ms. Where lines are neighbours, whole
rows are read and written in order: pieces of 1024 bytes took 17 ms instead of 12, one thread.
"""

from functools import cache

import numpy as np

from fungrad.compiler.language.arguments import LLVM_TYPES, Pointer, Scalar
from fungrad.compiler.language.lanes import Registers
from fungrad.compiler.language.streaming import LINE, line_vector, over_lines, skew

NAMES = r"\brun_(?:down_)?(?:back_)?(?:add|multiply)_float(?:32|64)\b"
LINES = 8
_SIGNS = {"add": "+", "multiply": "*"}
_OPERATIONS = {"add": "fadd", "multiply": "fmul"}

#: The last columns, which are fewer than a square has, come last, or first where it goes back.
_SOURCE = """
def run(count, x, x_row, state, y, y_row):
    whole = count // LINES
    squares(whole, x, x_row, state, y, y_row)
    for j in range(whole * LINES, count):
        for i in range(LINES):
            state[i] = state[i] SIGN x[i * x_row + j]
            y[i * y_row + j] = state[i]
    return 0
"""
_BACK = """
def run(count, x, x_row, state, y, y_row):
    whole = count // LINES
    for k in range(count - whole * LINES):
        for i in range(LINES):
            j = count - 1 - k
            state[i] = state[i] SIGN x[i * x_row + j]
            y[i * y_row + j] = state[i]
    squares(whole, x, x_row, state, y, y_row)
    return 0
"""


#: The first and the last elements of a row share a line of the cache with others.
_DOWN = """
def down(rows, columns, x, x_row, state, y, y_row):
    if skew(y) + y_row % LINE + columns % LINE == 0:
        lines(rows, columns // LINE, x, x_row, state, y, y_row)
        return 0
    for turn in range(rows):
        i = ROW
        source = offset(x, i * x_row)
        target = offset(y, i * y_row)
        head = minimum((LINE - skew(target)) % LINE, columns)
        for j in range(head):
            state[j] = state[j] SIGN source[j]
            target[j] = state[j]
        whole = (columns - head) // LINE
        lines(1, whole, offset(source, head), 0, offset(state, head), offset(target, head), 0)
        for j in range(head + whole * LINE, columns):
            state[j] = state[j] SIGN source[j]
            target[j] = state[j]
    return 0
"""


def is_known(combine, dtype):
    """Whether there is a kernel for a combination of numbers of a dtype."""
    return combine in ("add", "multiply") and dtype.name in ("float32", "float64")


def name_of(primitive, dtype, is_down=False):
    """The name of the kernel for a running combination."""
    down, back = "down_" * is_down, "back_" * primitive.reverse
    return f"run_{down}{back}{primitive.combine}_{dtype.name}"


@cache
def routine(name):
    """The kernel of a name."""
    _, *words, combine, dtype = name.split("_")
    make = _down if "down" in words else _along
    return make(dtype, combine, "back" in words)


def _along(dtype, combine, is_back):
    from fungrad.compiler.llvm.build import kernel

    pointer, number = Pointer(dtype, aliased=True), Scalar("int64")
    arguments = number, pointer, number, pointer, pointer, number
    text = _squares(dtype, combine, is_back)
    squares = kernel(text, "squares", arguments, None, "llvm", effort=1)
    source = (_BACK if is_back else _SOURCE).replace("SIGN", _SIGNS[combine])
    return kernel(source.replace("LINES", str(LINES)), "run", arguments, {"squares": squares})


def _down(dtype, combine, is_back):
    from fungrad.compiler.llvm.build import kernel

    pointer, number = Pointer(dtype, aliased=True), Scalar("int64")
    arguments = number, number, pointer, number, pointer, pointer, number
    lines = kernel(_lines(dtype, combine, is_back), "lines", arguments, None, "llvm", effort=1)
    words = {"SIGN": _SIGNS[combine], "LINE": str(LINE // np.dtype(dtype).itemsize)}
    source = _DOWN.replace("ROW", "rows - 1 - turn" if is_back else "turn")
    for word, text in words.items():
        source = source.replace(word, text)
    return kernel(source, "down", arguments, {"lines": lines, "skew": skew(dtype)})


def _squares(dtype, combine, is_back):
    """The LLVM text for as many columns as some squares have."""
    registers = Registers(dtype, LINES)
    x, y = registers.rows("x.at", "x_row"), registers.rows("y.at", "y_row")
    lane, state, operation = registers.lane, "%state.n", _OPERATIONS[combine]
    columns = [None] * LINES
    for first in range(0, LINES, lane):
        columns[first : first + lane] = registers.columns(x, first)
    for j in reversed(range(LINES)) if is_back else range(LINES):
        registers.lines.append(f"  %sum.{j} = {operation} {registers.vector} {state}, {columns[j]}")
        state = columns[j] = f"%sum.{j}"
    for row, target in zip(registers.turned(columns), y, strict=True):
        registers.store(row, target)
    number, vector, align = registers.number, registers.vector, registers.itemsize
    turn = "%last.n" if is_back else "%n"
    body = "\n".join(registers.lines)
    return f"""
define i64 @squares(i64 %count, ptr %x, i64 %x_row, ptr %state, ptr %y, i64 %y_row) {{
entry:
  %first = load {vector}, ptr %state, align {align}
  br label %head
head:
  %n = phi i64 [0, %entry], [%next, %body]
  %state.n = phi {vector} [%first, %entry], [{state}, %body]
  %more = icmp slt i64 %n, %count
  br i1 %more, label %body, label %done
body:
  %next = add nsw i64 %n, 1
  %last.n = sub nsw i64 %count, %next
  %at = mul nsw i64 {turn}, {LINES}
  %x.at = getelementptr {number}, ptr %x, i64 %at
  %y.at = getelementptr {number}, ptr %y, i64 %at
{body}
  br label %head
done:
  store {vector} %state.n, ptr %state, align {align}
  ret i64 0
}}"""


def _lines(dtype, combine, is_back):
    """The LLVM text for whole lines of the cache: `count` of each row."""
    number, vector, size = LLVM_TYPES[dtype], line_vector(dtype), np.dtype(dtype).itemsize
    body = f"""
  %state.at = getelementptr {number}, ptr %state, i64 %at
  %value = load {vector}, ptr %from, align {size}
  %before = load {vector}, ptr %state.at, align {size}
  %sum = {_OPERATIONS[combine]} {vector} %before, %value
  store {vector} %sum, ptr %state.at, align {size}
  store {vector} %sum, ptr %to, align {LINE}, !nontemporal !0"""
    return over_lines(dtype, "ptr %x, i64 %x_row, ptr %state, ptr %y, i64 %y_row", body, is_back)
