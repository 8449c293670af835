"""Many small matrix products by one call: threads share the batch.

`gemms_float64(count, inner, sa, sb, sc, oa, ob, oc, ...)` computes what `gemm_float64(...)` does,
for `count` matrices: groups of `inner`, whose matrices stand `sa`, `sb` and `sc` elements apart,
and the groups `oa`, `ob` and `oc`. So heads may stand between the rows of a sequence.
"""

from fungrad.compiler.language.arguments import LLVM_TYPES
from fungrad.compiler.language.parts import shared

BATCH = ("count", "inner", "sa", "sb", "sc", "oa", "ob", "oc")
_PARTS = 8
_WORTH_WAKING = 2_000_000


def batched(name, one, dtype, parameters, has_pool):
    """The LLVM text of `name`, that calls `one` for each matrix.

    `parameters` are the (LLVM type, LLVM name) pairs of both; those of the batch come first.
    """
    element = LLVM_TYPES[dtype]
    declared = ", ".join(f"{kind} {given}" for kind, given in parameters)
    inner = ", ".join(
        f"{kind} {given}.here" if given in ("%a", "%b", "%c") else f"{kind} {given}"
        for kind, given in parameters[len(BATCH) :]
    )
    moved = "\n".join(
        f"  %{x}.outer = mul i64 %group, %o{x}\n"
        f"  %{x}.inner = mul i64 %place, %s{x}\n"
        f"  %{x}.moved = add i64 %{x}.outer, %{x}.inner\n"
        f"  %{x}.here = getelementptr {element}, ptr %{x}, i64 %{x}.moved"
        for x in "abc"
    )
    loop = f"""
define internal i64 @{name}.range({declared}, i64 %first, i64 %last) {{
entry:
  br label %head
head:
  %i = phi i64 [%first, %entry], [%next, %body]
  %before = phi i64 [0, %entry], [%status, %body]
  %more = icmp slt i64 %i, %last
  br i1 %more, label %body, label %done
body:
  %group = sdiv i64 %i, %inner
  %place = srem i64 %i, %inner
{moved}
  %now = call i64 @{one}({inner})
  %status = or i64 %before, %now
  %next = add i64 %i, 1
  br label %head
done:
  ret i64 %before
}}
"""
    call = f"@{name}.range({declared}, i64 {{}}, i64 {{}})"
    if not has_pool:
        return f"""{loop}
define i64 @{name}({declared}) {{
  %status = call i64 {call.format(0, "%count")}
  ret i64 %status
}}
"""
    work = [f"%{factor}" for factor in ("count", "m", "n", "k")]
    part = (
        "  %extent = add i64 %count, 0",
        f"  %status = call i64 {call.format('%first', '%last')}",
    )
    least = _WORTH_WAKING, 2
    return loop + shared(name, parameters, work, least, call.format(0, "%count"), part, _PARTS)
