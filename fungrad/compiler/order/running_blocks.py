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
next to each other, element by element, 25 ms; a plain copy 12 ms. Where lines are neighbours, rows
are read while others are written: from a tile to memory it took 16 ms instead of 13.
"""

from functools import cache

import numpy as np

from fungrad.compiler.language.arguments import LLVM_TYPES, Pointer, Scalar
from fungrad.compiler.language.lanes import Registers
from fungrad.compiler.language.streaming import LINE, skew

NAMES = r"\brun_(?:down_)?(?:back_)?(?:add|multiply)_float(?:32|64)\b"
LINES = 8
_BUNDLE = 16  # lines of the cache that are in registers at once
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
    """The LLVM text for whole lines of the cache, some in registers for all rows.

    Each of these has an instruction of its own, so that the processor foresees the next row.
    """
    number, size = LLVM_TYPES[dtype], np.dtype(dtype).itemsize
    taken = "ptr %x, i64 %x_row, ptr %state, ptr %y, i64 %y_row"
    bodies = [_bundle(dtype, combine, is_back, count, taken) for count in (_BUNDLE, 1)]
    loops, before = [], "entry"
    for count in (_BUNDLE, 1):
        start = "0" if count == _BUNDLE else f"%n{_BUNDLE}"
        loops.append(f"""
  br label %head{count}
head{count}:
  %n{count} = phi i64 [{start}, %{before}], [%next{count}, %body{count}]
  %next{count} = add nsw i64 %n{count}, {count}
  %fits{count} = icmp sle i64 %next{count}, %count
  br i1 %fits{count}, label %body{count}, label %done{count}
body{count}:
  %at{count} = mul nsw i64 %n{count}, {LINE // size}
  %x{count} = getelementptr {number}, ptr %x, i64 %at{count}
  %state{count} = getelementptr {number}, ptr %state, i64 %at{count}
  %y{count} = getelementptr {number}, ptr %y, i64 %at{count}
  call void @bundle{count}(i64 %rows, ptr %x{count}, i64 %x_row, ptr %state{count}, ptr %y{count},
    i64 %y_row)
  br label %head{count}
done{count}:""")
        before = f"done{count}"
    newline = "\n"
    return f"""{newline.join(bodies)}
define i64 @lines(i64 %rows, i64 %count, {taken}) {{
entry:{"".join(loops)}
  ret i64 0
}}
!0 = !{{i32 1}}"""


def _bundle(dtype, combine, is_back, count, taken):
    """The LLVM text of a function for all rows of so many lines."""
    number, size = LLVM_TYPES[dtype], np.dtype(dtype).itemsize
    vector = f"<{LINE // size} x {number}>"
    loads, states, body, stores = [], [], [], []
    for k in range(count):
        at = k * (LINE // size)
        loads.append(f"""  %state.{k} = getelementptr {number}, ptr %state, i64 {at}
  %first.{k} = load {vector}, ptr %state.{k}, align {size}""")
        states.append(f"  %before.{k} = phi {vector} [%first.{k}, %entry], [%sum.{k}, %row]")
        body.append(f"""  %from.{k} = getelementptr {number}, ptr %x.i, i64 {at}
  %to.{k} = getelementptr {number}, ptr %y.i, i64 {at}
  %value.{k} = load {vector}, ptr %from.{k}, align {size}
  %sum.{k} = {_OPERATIONS[combine]} {vector} %before.{k}, %value.{k}
  store {vector} %sum.{k}, ptr %to.{k}, align {LINE}, !nontemporal !0""")
        stores.append(f"  store {vector} %before.{k}, ptr %state.{k}, align {size}")
    newline, turn = "\n", "%last" if is_back else "%turn"
    return f"""
define void @bundle{count}(i64 %rows, {taken}) {{
entry:
{newline.join(loads)}
  br label %head
head:
  %turn = phi i64 [0, %entry], [%next, %row]
{newline.join(states)}
  %more = icmp slt i64 %turn, %rows
  br i1 %more, label %row, label %done
row:
  %next = add nsw i64 %turn, 1
  %last = sub nsw i64 %rows, %next
  %x.at = mul nsw i64 {turn}, %x_row
  %x.i = getelementptr {number}, ptr %x, i64 %x.at
  %y.at = mul nsw i64 {turn}, %y_row
  %y.i = getelementptr {number}, ptr %y, i64 %y.at
{newline.join(body)}
  br label %head
done:
{newline.join(stores)}
  ret void
}}"""
