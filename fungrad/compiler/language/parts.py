"""A kernel in parts: its outermost loop is cut into pieces that several threads may run.

The loop nest becomes a function over a range of the outermost loop. The kernel itself runs the
whole range where it is short, else it hands the parts to the pool (see `parallel`).
"""

import ast

from fungrad.compiler.language.arguments import Scalar, parameters
from fungrad.compiler.language.words import QUICK

PARTS = 8
#: From so many operations on (about 50 us) a second thread is worth being woken.
WORTH_WAKING = 60_000
#: So many times that much wakes threads that sleep; less does if it comes again and again.
MUCH = 8
CALL_WEIGHT = 8  # an elementary function, among operations of weight 1
#: What counts no more than the signs of arithmetic do: quick words, reads, and the names of dtypes
#: that values are converted to. A search in windows of 6 us would count as 650 otherwise.
LIGHT = QUICK | frozenset(
    """bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 load abs""".split()
)
_TILE = 16  # the extent of a loop in a tile, or more
FIRST, LAST = "first_part", "last_part"
WORK = "operations"  # the parameter that says how many there are, of a kernel that knows


def over_a_range(tree):
    """Let the outermost loop of a kernel's syntax tree go from FIRST below LAST, new parameters."""
    (loop,) = [s for s in tree.body if isinstance(s, ast.For)]
    loop.iter.args = [ast.Name(FIRST, ast.Load()), ast.Name(LAST, ast.Load())]
    tree.args.args += [ast.arg(FIRST), ast.arg(LAST)]


def extent_of(tree):
    """The extent of the outermost loop, a parameter's name or `PARTS`; None if it is neither."""
    loops = [s for s in tree.body if isinstance(s, ast.For)]
    if len(loops) != 1 or len(loops[0].iter.args) != 1:
        return None
    (extent,) = loops[0].iter.args
    if isinstance(extent, ast.Constant):
        return PARTS if extent.value == PARTS else None
    return extent.id if isinstance(extent, ast.Name) and extent.id in _names(tree) else None


def _names(tree):
    return {a.arg for a in tree.args.args}


def _work(statements, names):
    """The factors of the number of operations: names of parameters and numbers."""
    loops = [s for s in ast.walk(ast.Module(statements, [])) if isinstance(s, ast.For)]
    if not loops:
        calls = [n for s in statements for n in ast.walk(s) if isinstance(n, ast.Call)]
        heavy = [n for n in calls if getattr(n.func, "id", None) not in LIGHT]
        return [1 + CALL_WEIGHT * len(heavy)]
    inner = loops[0]
    extent = inner.iter.args[-1]
    if isinstance(extent, ast.Name):
        own = [extent.id if extent.id in names else _TILE]
    else:
        own = [extent.value] if isinstance(extent, ast.Constant) else []
    return [*own, *_work(inner.body, names)]


def shared(symbol, parameters, work, least, whole, part, count):
    """The LLVM text of a function that runs the `whole` at once or its parts by the pool.

    `parameters` are its (LLVM type, LLVM name) pairs. `whole` is the call that does everything;
    `part` are the instructions of a part between %first and %last, which end in %status, after
    those (its first element) that compute the %extent; `work` are the factors of the operations.
    Parts are made from the `least` operations and the least extent on.
    """
    extent, instructions = part
    declared = ", ".join(f"{kind} {name}" for kind, name in parameters)
    kinds = [kind.removesuffix(" noalias") for kind, _ in parameters]
    pack = f"{{{', '.join(kinds)}}}"
    products, stores, loads = ["  %work0 = add i64 1, 0"], [], []
    for i, factor in enumerate(work):
        products.append(f"  %work{i + 1} = mul i64 %work{i}, {factor}")
    for i, (kind, (_, name)) in enumerate(zip(kinds, parameters, strict=True)):
        place = f"  %place{i} = getelementptr {pack}, ptr %pack, i32 0, i32 {i}"
        stores += [place, f"  store {kind} {name}, ptr %place{i}"]
        loads += [place, f"  {name} = load {kind}, ptr %place{i}"]
    newline = "\n"
    return f"""
declare i64 @fungrad.parallel.run(i64, i64, i64, i64)
define i64 @{symbol}({declared}) {{
  %pack = alloca {pack}
{newline.join(products)}
{extent}
  %is_much = icmp sgt i64 %work{len(work)}, {least[0]}
  %is_wide = icmp sge i64 %extent, {least[1]}
  %is_long = and i1 %is_much, %is_wide
  br i1 %is_long, label %long, label %short
short:
  %whole = call i64 {whole}
  ret i64 %whole
long:
{newline.join(stores)}
  %given = ptrtoint ptr %pack to i64
  %worth = sdiv i64 %work{len(work)}, {least[0]}
  %all = call i64 @fungrad.parallel.run(i64 ptrtoint (ptr @{symbol}.part to i64), i64 %given,
    i64 {count}, i64 %worth)
  ret i64 %all
}}
define internal i64 @{symbol}.part(i64 %given, i64 %number) {{
  %pack = inttoptr i64 %given to ptr
{newline.join(loads)}
{extent}
  %next = add i64 %number, 1
  %low = mul i64 %extent, %number
  %first = sdiv i64 %low, {count}
  %high = mul i64 %extent, %next
  %last = sdiv i64 %high, {count}
{instructions}
  ret i64 %status
}}
"""


def dispatcher(tree, arguments, symbol):
    """The LLVM text of the kernel itself and of one part; `symbol.body` is the loop nest."""
    names = [a.arg for a in tree.args.args]
    taken = [pair for n, a in zip(names, arguments, strict=True) for pair in parameters(a, n)]
    passed = ", ".join(f"{kind.removesuffix(' noalias')} {name}" for kind, name in taken)
    extent = extent_of(tree)
    if WORK in names:
        factors = [WORK]
    elif extent == PARTS:  # whoever cut the loop into parts knew that this pays
        factors = [MUCH * WORTH_WAKING]
    else:
        factors = _work(tree.body, set(names))
    extent = extent if extent == PARTS else f"%{extent}"
    work = [f"%{f}" if isinstance(f, str) else f for f in factors]
    call = f"@{symbol}.body({passed}, i64 {{}}, i64 {{}})"
    part = (
        f"  %extent = add i64 {extent}, 0",
        f"  %status = call i64 {call.format('%first', '%last')}",
    )
    least = WORTH_WAKING, 2 if WORK in names else PARTS
    return shared(symbol, taken, work, least, call.format(0, extent), part, PARTS)


BOUNDS = (Scalar("int64"), Scalar("int64"))
