"""Running sums and products of eight lines at once, as kernels for generated source.

    run_add_float32(count, x, x_row, state, y, y_row)
        state[i] += x[i*x_row + j];  y[i*y_row + j] = state[i], for j = 0, 1, ... below count
    run_back_multiply_float64(count, x, x_row, state, y, y_row)
        state[i] *= x[i*x_row + j];  y[i*y_row + j] = state[i], for j = count-1, ... down to 0

for the lines i < 8. Each line is combined in its order, element after element, as NumPy does, so
the results have the same bits; a vector holds an element of each line. Squares of 8 by 8 are
exchanged in registers before and after (see `lanes`), so that memory is read and written along the
lines. 32768 lines of 1024 float32, one thread: 12 ms past the caches; four lines next to each other,
element by element, 25 ms; a plain copy 12 ms.
"""

from functools import cache

from fungrad.compiler.language.arguments import Pointer, Scalar
from fungrad.compiler.language.lanes import Registers

NAMES = r"\brun_(?:back_)?(?:add|multiply)_float(?:32|64)\b"
LINES = 8

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


def is_known(combine, dtype):
    """Whether there is a kernel for a combination of numbers of a dtype."""
    return combine in ("add", "multiply") and dtype.name in ("float32", "float64")


def name_of(primitive, dtype):
    """The name of the kernel for a running combination."""
    back = "back_" if primitive.reverse else ""
    return f"run_{back}{primitive.combine}_{dtype.name}"


@cache
def routine(name):
    """The kernel of a name."""
    from fungrad.compiler.llvm.build import kernel

    *words, combine, dtype = name.split("_")
    pointer, number = Pointer(dtype, aliased=True), Scalar("int64")
    arguments = number, pointer, number, pointer, pointer, number
    text = _squares(dtype, combine, "back" in words)
    squares = kernel(text, "squares", arguments, None, "llvm", effort=1)
    source = _BACK if "back" in words else _SOURCE
    source = source.replace("SIGN", {"add": "+", "multiply": "*"}[combine])
    source = source.replace("LINES", str(LINES))
    return kernel(source, "run", arguments, {"squares": squares})


def _squares(dtype, combine, is_back):
    """The LLVM text for as many columns as some squares have."""
    registers = Registers(dtype, LINES)
    x, y = registers.rows("x.at", "x_row"), registers.rows("y.at", "y_row")
    lane, state, operation = registers.lane, "%state.n", {"add": "fadd", "multiply": "fmul"}
    columns = [None] * LINES
    for first in range(0, LINES, lane):
        columns[first : first + lane] = registers.columns(x, first)
    for j in reversed(range(LINES)) if is_back else range(LINES):
        registers.lines.append(
            f"  %sum.{j} = {operation[combine]} {registers.vector} {state}, {columns[j]}"
        )
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
