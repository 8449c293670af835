"""What the kernels of a compiled program are: their time, their work, and how near it is to the
machine's limits.

The entry is compiled once more with a clock around every call. Work is read from the source: the
extents of loops are numbers in a call, so operations and the elements touched can be counted. An
element that is read twice counts once; what a gather reads counts per access.
"""

import ast
import re
import time
from dataclasses import dataclass

import numpy as np

from fungrad.compiler.convolution import units as convolution_units
from fungrad.compiler.language import parts
from tests.speed.products import product_of, time_alone
from tests.speed.table import shown

CLOCK = """
declare i64 @llvm.readcyclecounter()

define i64 @{name}(ptr %times, i64 %slot) {{
  %place = getelementptr i64, ptr %times, i64 %slot
  %before = load i64, ptr %place
  %now = call i64 @llvm.readcyclecounter()
  %after = {sign} i64 %before, %now
  store i64 %after, ptr %place
  %next = getelementptr i64, ptr %place, i64 1
  %count = load i64, ptr %next
  %more = add i64 %count, {more}
  store i64 %more, ptr %next
  ret i64 0
}}
"""
CALL = re.compile(r"^(\s*)(?:\w+ = )?(\w+)\((.*?)\)(  #.*)?$")
NAMED_SIZE = re.compile(r"^ +(n\d+) = (sizes\[\d+\])$", re.MULTILINE)
ELEMENTARY = 20  # operations that an exponential and its like count as
MOST = 20  # kernels that are listed
CHEAP = {"minimum", "maximum", "fast_add", "abs", "select", "float64", "float32", "int64", "where"}


@dataclass
class Work:
    """What a call does: arithmetic operations, and bytes that it must move."""

    flops: float = 0.0
    bytes: float = 0.0


def timed(program, arguments, seconds=1.0):
    """Per call in the entry: (its text, seconds in a run, times called in a run); the whole run."""
    from fungrad.compiler.assemble import assemble
    from fungrad.compiler.execution.calling import caller
    from fungrad.compiler.execution.plan import Kept
    from fungrad.compiler.llvm import build

    assembly = assemble(program)
    interface = assembly.interface
    lines, calls = clocked(assembly)
    times = np.zeros(2 * len(calls), np.int64)
    pointer, number = build.Pointer("int64"), build.Scalar("int64")
    kernels = {
        k.name: build.kernel(k.source, k.function, k.arguments, in_parts=k.in_parts)
        for k in assembly.kernels
    }
    for name, sign, more in (("begin", "sub", 0), ("finish", "add", 1)):
        text = CLOCK.format(name=name, sign=sign, more=more)
        kernels[name] = build.kernel(text, name, (pointer, number), language="llvm")
    source = "\n".join(lines)
    taken = (*interface.arguments, build.Array("int64"))
    if interface.stacks:
        plain = build.entry(source, "entry", taken, kernels)
        entry = caller(program, interface, lambda *given: plain(*given, times))
    else:
        origins = (*interface.origins, Kept(times))
        entry = build.checked_entry(
            source, "entry", taken, origins, interface.returned, kernels=kernels
        )
    if entry(*arguments) is NotImplemented:
        raise SystemExit("the entry does not take the arguments")
    times[:] = 0
    runs, start, cycles = 0, time.perf_counter(), cycle_time()
    while time.perf_counter() < start + seconds or runs < 3:
        entry(*arguments)
        runs += 1
    whole = (time.perf_counter() - start) / runs
    found = times.reshape(-1, 2)
    rows = [
        (text, cycles * spent / runs, count / runs)
        for text, (spent, count) in zip(calls, found.tolist(), strict=True)
    ]
    return assembly, rows, whole


def clocked(assembly):
    """The lines of the entry with a clock around every call, and the calls."""
    from fungrad.compiler.products import blas, packed

    routines = re.compile(f"{blas.NAMES}|{packed.NAMES}")
    names = {k.name for k in assembly.kernels}
    header, *body = assembly.source.strip("\n").split("\n")
    lines, calls = [header.replace("):", ", times):")], []
    for line in body:
        found = CALL.match(line)
        if not found or not (found[2] in names or routines.fullmatch(found[2])):
            lines.append(line)
            continue
        slot = 2 * len(calls)
        calls.append(line.strip())
        lines += [f"{found[1]}begin(times, {slot})", line, f"{found[1]}finish(times, {slot})"]
    return lines, calls


def cycle_time():
    """The seconds of one tick of the processor's counter."""
    from pathlib import Path

    text = Path("/proc/cpuinfo").read_text()
    return 1e-6 / float(re.search(r"cpu MHz\s*: ([\d.]+)", text)[1])


# ---- work, from the source


def work_of(call, assembly):
    """The work of one call, as far as its text says; None where it does not."""
    name, values = _name_and_values(call, assembly)
    kernels = {k.name: k for k in assembly.kernels}
    if name in kernels:
        return _Counting(kernels[name], values).work
    size = 4 if name.endswith("32") else 8
    if name.startswith("gemms") and None not in [*values[:1], *values[8:11]]:
        count, m, n, k = values[0], *values[8:11]
        return Work(2 * count * m * n * k, size * count * (m * k + k * n + m * n))
    if name.startswith(("gemm_", "product_")):
        if None in values[:3]:
            return None
        m, n, k = values[:3]
        return Work(2 * m * n * k, size * (m * k + k * n + m * n))
    if name.startswith("gemv") and None not in values[:2]:
        m, n = values[:2]
        return Work(2 * m * n, size * (m * n + m + n))
    return None


def _split(text):
    parts, depth, part = [], 0, ""
    for letter in text:
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and not depth:
            parts.append(part)
            part = ""
        else:
            part += letter
    return [*parts, part]


def _number(text, sizes):
    """An argument of a call that is an integer or a slot of `sizes`; None for others."""
    slot = re.fullmatch(r"sizes\[(\d+)\]", text)
    if slot:
        return int(sizes[int(slot[1])])
    return int(text) if re.fullmatch(r"-?\d+", text) else None


class _Counting:
    """Walks through the source of a kernel and counts."""

    def __init__(self, kernel, values):
        (function,) = ast.parse(kernel.source.strip()).body
        names = [a.arg for a in function.args.args]
        self.integers = {n: v for n, v in zip(names, values, strict=True) if v is not None}
        self.sizes = {
            n: np.dtype(a.dtype).itemsize for n, a in zip(names, kernel.arguments, strict=True)
        }
        self.spans, self.accesses, self.flops = {}, {}, 0.0
        self._block(function.body, 1)
        touched = sum(
            self.sizes.get(p, 8) * min(n, self.spans.get(p, n)) for p, n in self.accesses.items()
        )
        if parts.WORK in self.integers:  # the products are in routines that the kernel calls
            self.flops = 2.0 * convolution_units.AT_A_TIME * self.integers[parts.WORK]
        self.work = Work(self.flops, touched)

    def _block(self, statements, repeats):
        for s in statements:
            if isinstance(s, ast.For):
                extent = self._integer(s.iter.args[-1]) or 1
                self.integers[s.target.id] = extent - 1
                self._block(s.body, repeats * extent)
            elif isinstance(s, ast.If | ast.While):
                self._block(s.body, repeats)
                self._block(s.orelse, repeats)
            elif isinstance(s, ast.Assign):
                self._assign(s, repeats)

    def _assign(self, s, repeats):
        (target,) = s.targets
        value = self._integer(s.value)
        if isinstance(target, ast.Name) and value is not None:
            self.integers[target.id] = value
            return
        if isinstance(target, ast.Subscript):
            self._access(target, repeats)
        self._expression(s.value, repeats)

    def _integer(self, node):
        """The largest value of an index expression; None if it is not one."""
        if isinstance(node, ast.Constant):
            return node.value if type(node.value) is int else None
        if isinstance(node, ast.Name):
            return self.integers.get(node.id)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mult | ast.Sub):
            x, y = self._integer(node.left), self._integer(node.right)
            if x is None or y is None:
                return None
            return {ast.Add: x + y, ast.Mult: x * y, ast.Sub: x - y}[type(node.op)]
        return None

    def _access(self, node, repeats):
        name, last = node.value.id, self._integer(node.slice)
        self.accesses[name] = self.accesses.get(name, 0) + repeats
        if last is not None:
            self.spans[name] = max(self.spans.get(name, 0), last + 1)

    def _expression(self, node, repeats):
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            self._access(node, repeats)
            return
        if isinstance(node, ast.BinOp):
            self.flops += repeats
        elif isinstance(node, ast.Call):
            is_cheap = getattr(node.func, "id", "") in CHEAP
            self.flops += repeats * (1 if is_cheap else ELEMENTARY)
        for child in ast.iter_child_nodes(node):
            self._expression(child, repeats)


# ---- the machine's limits


def bandwidth():
    """The bytes per second that copying a large array moves: read, written."""
    x = np.ones(8_000_000)
    y = np.zeros_like(x)
    return 2 * x.nbytes / _shortest(lambda: np.copyto(y, x))


def peak(dtype):
    """The operations per second of a large matrix product."""
    n = 1500
    x = np.ones((n, n), dtype)
    return 2 * n**3 / _shortest(lambda: x @ x)


def _shortest(call, rounds=5):
    found = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return min(found)


# ---- the report


def examined(f, arguments, seconds=1.0):
    """What `timed` finds for a function, after the values that its program takes."""
    import fungrad
    from fungrad.compiler.execution.calling import plain
    from fungrad.optimize import optimize

    stage = fungrad.jit(f).lower(*arguments)
    program = optimize(stage.program)
    captured = stage._traced.captures
    given = [*captured, *fungrad.tree.leaves(arguments)]
    values = [plain(x, t) for x, t in zip(given, program.input_types, strict=True)]
    return values, *timed(program, values, seconds)


def products_of(assembly, rows):
    """The matrix products among calls: (dtype, count, m, n, k, ta, tb, times) each."""
    found = [(product_of(*_name_and_values(text, assembly)), times) for text, _, times in rows]
    return [(*product, times) for product, times in found if product]


def report(f, arguments, title):
    """Print the kernels of a function, those that take longest first."""
    values, assembly, rows, whole = examined(f, arguments)
    is_single = all(x.dtype != np.float64 for x in values)
    limits = bandwidth(), peak(np.float32 if is_single else np.float64)
    print(
        f"\n{title}: {shown(whole, 's')} a run; a copy moves {limits[0] / 1e9:.1f} GB/s, "
        f"a product does {limits[1] / 1e9:.0f} Gflop/s\n"
    )
    print("| kernel | time | calls | share | Mflop | MB | of copy | of product |")
    print("|---" * 8 + "|")
    for name, seconds, count, work in by_kernel(rows, assembly)[:MOST]:
        cells = [name, shown(seconds, "s"), f"{count:g}", f"{seconds / whole:.0%}"]
        if work and seconds:
            cells += [f"{work.flops / 1e6:.3g}", f"{work.bytes / 1e6:.3g}"]
            shares = work.bytes / seconds / limits[0], work.flops / seconds / limits[1]
            cells += [f"{share:.0%}" for share in shares]
        print(f"| {' | '.join(cells + [''] * (8 - len(cells)))} |")
    rest = whole - sum(seconds for _, seconds, _ in rows)
    print(f"| outside of calls | {shown(rest, 's')} | | {rest / whole:.0%} | | | | |")
    alone = time_alone(products_of(assembly, rows))
    if alone:
        print(f"\nThe same products in BLAS alone take {shown(alone, 's')}, {alone / whole:.0%}.")


def _name_and_values(call, assembly):
    """The function of a call, and its arguments as far as they are integers."""
    name, arguments = re.search(r"(\w+)\((.*)\)", call).groups()
    named = dict(NAMED_SIZE.findall(assembly.source))  # what loops read again and again
    texts = [named.get(a.strip(), a.strip()) for a in _split(arguments)]
    return name, [_number(text, assembly.interface.sizes) for text in texts]


def by_kernel(rows, assembly):
    """The calls of each kernel together, as (name, seconds, calls, work), the longest first."""
    found = {}
    for call, seconds, count in rows:
        name, work = call.split("(")[0].split("= ")[-1], work_of(call, assembly)
        _, spent, calls, total = found.get(name, (name, 0.0, 0.0, Work()))
        if work is None or total is None:
            total = None
        else:
            total = Work(total.flops + count * work.flops, total.bytes + count * work.bytes)
        found[name] = name, spent + seconds, calls + count, total
    return sorted(found.values(), key=lambda row: -row[1])
