"""Products with a long sum for each of few elements, in parts: each adds up a part of the terms.

A weight gradient of a narrow layer, or X^T X of a tall X, has no rows or columns to share. So each
part makes a whole result from its terms, in memory of its own; these are added in their order at
the end. The sizes alone decide that, and results do not depend on the number of threads.
"""

from fungrad.compiler.language.arguments import LLVM_TYPES

_PARTS = 4
_LEAST_WORK = 4_000_000
_WORTH_WAKING = 2_000_000  # as of other products
LEAST_TERMS = 1024
MOST_ELEMENTS = 128 * 128


def splitter(name, dtype, parameters):
    """The LLVM text of `name.narrow`: gemm by parts of the sum where that is long, else whole."""
    element = LLVM_TYPES[dtype]
    size = 4 if dtype == "float32" else 8
    kinds = [kind for kind, _ in parameters] + ["ptr"]
    names = [given for _, given in parameters] + ["%scratch"]
    declared = ", ".join(f"{kind} {given}" for kind, given in parameters)
    pack = f"{{{', '.join(kinds)}}}"
    stores, loads = [], []
    for i, (kind, given) in enumerate(zip(kinds, names, strict=True)):
        place = f"  %place{i} = getelementptr {pack}, ptr %pack, i32 0, i32 {i}"
        stores += [place, f"  store {kind} {given}, ptr %place{i}"]
        loads += [place, f"  {given} = load {kind}, ptr %place{i}"]
    changed = {"%k": "%size", "%a": "%a.part", "%b": "%b.part", "%c": "%c.part"}
    changed |= {"%ldc": "%ldc.part", "%beta": "%beta.part"}
    passed = ", ".join(f"{kind} {changed.get(given, given)}" for kind, given in parameters)
    newline = "\n"
    return f"""
declare ptr @malloc(i64)
declare void @free(ptr)
define internal i64 @{name}.narrow({declared}) {{
entry:
  %pack = alloca {pack}
  %mn = mul i64 %m, %n
  %work = mul i64 %mn, %k
  %is_much = icmp sgt i64 %work, {_LEAST_WORK}
  %is_deep = icmp sge i64 %k, {LEAST_TERMS}
  %is_small = icmp sle i64 %mn, {MOST_ELEMENTS}
  %is_long = and i1 %is_much, %is_deep
  %is_split = and i1 %is_long, %is_small
  br i1 %is_split, label %split, label %whole
whole:
  %status = call i64 @{name}.whole({declared})
  ret i64 %status
split:
  %bytes = mul i64 %mn, {size * (_PARTS - 1)}
  %scratch = call ptr @malloc(i64 %bytes)
  %is_absent = icmp eq ptr %scratch, null
  br i1 %is_absent, label %whole, label %go
go:
{newline.join(stores)}
  %given = ptrtoint ptr %pack to i64
  %worth = sdiv i64 %work, {_WORTH_WAKING}
  %all = call i64 @fungrad.parallel.run(i64 ptrtoint (ptr @{name}.terms to i64), i64 %given,
    i64 {_PARTS}, i64 %worth)
  br label %row
row:
  %i = phi i64 [0, %go], [%i.next, %row.end]
  %from.row = mul i64 %i, %n
  %to.row = mul i64 %i, %ldc
  br label %column
column:
  %j = phi i64 [0, %row], [%j.next, %column]
  %from = add i64 %from.row, %j
  %to = add i64 %to.row, %j
  %to.at = getelementptr {element}, ptr %c, i64 %to
  %sum0 = load {element}, ptr %to.at
{_added(element)}
  store {element} %sum{_PARTS - 1}, ptr %to.at
  %j.next = add i64 %j, 1
  %j.more = icmp slt i64 %j.next, %n
  br i1 %j.more, label %column, label %row.end
row.end:
  %i.next = add i64 %i, 1
  %i.more = icmp slt i64 %i.next, %m
  br i1 %i.more, label %row, label %done
done:
  call void @free(ptr %scratch)
  ret i64 %all
}}
define internal i64 @{name}.terms(i64 %given, i64 %number) {{
  %pack = inttoptr i64 %given to ptr
{newline.join(loads)}
  %next = add i64 %number, 1
  %low = mul i64 %k, %number
  %first = sdiv i64 %low, {_PARTS}
  %high = mul i64 %k, %next
  %last = sdiv i64 %high, {_PARTS}
  %size = sub i64 %last, %first
  %a.as_is = icmp eq i64 %ta, 0
  %a.step = select i1 %a.as_is, i64 1, i64 %lda
  %a.moved = mul i64 %a.step, %first
  %a.part = getelementptr {element}, ptr %a, i64 %a.moved
  %b.as_is = icmp eq i64 %tb, 0
  %b.step = select i1 %b.as_is, i64 %ldb, i64 1
  %b.moved = mul i64 %b.step, %first
  %b.part = getelementptr {element}, ptr %b, i64 %b.moved
  %is_first = icmp eq i64 %number, 0
  %mn = mul i64 %m, %n
  %slot = sub i64 %number, 1
  %c.moved = mul i64 %mn, %slot
  %own = getelementptr {element}, ptr %scratch, i64 %c.moved
  %c.part = select i1 %is_first, ptr %c, ptr %own
  %ldc.part = select i1 %is_first, i64 %ldc, i64 %n
  %beta.part = select i1 %is_first, {element} %beta, {element} 0.0
  %status = call i64 @{name}.whole({passed})
  ret i64 %status
}}
"""


def _added(element):
    """The instructions that add what the other parts have made."""
    lines = []
    for p in range(1, _PARTS):
        lines += [
            f"  %part{p} = mul i64 %mn, {p - 1}",
            f"  %at{p} = add i64 %part{p}, %from",
            f"  %from{p}.at = getelementptr {element}, ptr %scratch, i64 %at{p}",
            f"  %more{p} = load {element}, ptr %from{p}.at",
            f"  %sum{p} = fadd {element} %sum{p - 1}, %more{p}",
        ]
    return "\n".join(lines)
