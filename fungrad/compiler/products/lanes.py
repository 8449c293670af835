"""Tiles of sums lane by lane: both operands have neighbours along what is summed (see `tiles`)."""

from itertools import product

from fungrad.compiler.language.arguments import LLVM_TYPES, Pointer, Scalar

SIGNATURE = "n1 n0 a a1 b b1 y row lanes step_a step_b".split()


def text_of(name, dtype, length, rows, columns):
    """The LLVM text of a tile, and its arguments."""
    pointers = dict.fromkeys("aby", dtype)
    arguments = [Pointer(pointers[n]) if n in pointers else Scalar("int64") for n in SIGNATURE]
    return _Lanes(name, LLVM_TYPES[dtype], dtype[-2:], length, rows, columns).function(), arguments


class _Lanes:
    def __init__(self, name, number, bits, length, rows, columns):
        self.name, self.number, self.length = name, number, length
        self.rows, self.columns = rows, columns
        self.vector, self.mask = f"<{length} x {number}>", f"<{length} x i1>"
        self.suffix = f"v{length}f{bits}"
        self.cells = list(product(range(rows), range(columns)))

    def function(self):
        """The declarations and the function."""
        kinds = {"a": "ptr noalias", "b": "ptr noalias", "y": "ptr noalias"}
        declared = ", ".join(f"{kinds.get(n, 'i64')} %{n}" for n in SIGNATURE)
        v, m, s = self.vector, self.mask, self.suffix
        lines = [
            f"declare {v} @llvm.masked.load.{s}.p0(ptr, i32, {m}, {v})",
            f"declare {v} @llvm.fma.{s}({v}, {v}, {v})",
            f"define i64 @{self.name}({declared}) {{",
            *self._entry(),
            *self._outer(),
            *self._inner(),
            "done:",
            *self._added(),
            "  ret i64 0",
            "}",
        ]
        return "\n".join(lines)

    def _element(self, name, pointer, index):
        return f"  %{name} = getelementptr {self.number}, ptr %{pointer}, i64 {index}"

    def _entry(self):
        """The mask of the last turn, and where each operand of a tile begins."""
        wide, n = f"<{self.length} x i64>", self.length
        steps = ", ".join(f"i64 {i}" for i in range(n))
        zeros = f"<{n} x i32> zeroinitializer"
        return [
            "entry:",
            f"  %wide.0 = insertelement {wide} poison, i64 %lanes, i32 0",
            f"  %wide = shufflevector {wide} %wide.0, {wide} poison, {zeros}",
            f"  %last = icmp slt {wide} <{steps}>, %wide",
            "  %before = sub nsw i64 %n0, 1",
            *[f"  %p{i}.to = mul nsw i64 %step_a, {i}" for i in range(self.rows)],
            *[f"  %q{j}.to = mul nsw i64 %step_b, {j}" for j in range(self.columns)],
            "  br label %outer",
        ]

    def _outer(self):
        """The head and the body of the loop over k1."""
        return [
            "outer:",
            "  %k1 = phi i64 [0, %entry], [%k1.next, %ended]",
            *self._sums("c", "zeroinitializer", "entry", "d", "ended"),
            "  %more1 = icmp slt i64 %k1, %n1",
            "  br i1 %more1, label %turn, label %done",
            "turn:",
            "  %a1.to = mul nsw i64 %k1, %a1",
            self._element("a.1", "a", "%a1.to"),
            "  %b1.to = mul nsw i64 %k1, %b1",
            self._element("b.1", "b", "%b1.to"),
            "  br label %inner",
        ]

    def _sums(self, name, first, entry, others, end):
        """The sums of all cells where a loop begins."""
        found = []
        for i, j in self.cells:
            begin = first if first == "zeroinitializer" else f"%{first}{i}.{j}"
            phi = f"phi {self.vector} [{begin}, %{entry}], [%{others}{i}.{j}, %{end}]"
            found.append(f"  %{name}{i}.{j} = {phi}")
        return found

    def _inner(self):
        """The loop over k0."""
        n, v = self.length, self.vector
        all_lanes = f"<{', '.join(['i1 true'] * n)}>"
        lines = [
            "inner:",
            "  %k0 = phi i64 [0, %turn], [%k0.next, %body]",
            *self._sums("d", "c", "turn", "e", "body"),
            "  %more0 = icmp slt i64 %k0, %n0",
            "  br i1 %more0, label %body, label %ended",
            "body:",
            "  %is_last = icmp eq i64 %k0, %before",
            f"  %lane = select i1 %is_last, {self.mask} %last, {self.mask} {all_lanes}",
            f"  %at = mul nsw i64 %k0, {n}",
            self._element("a.2", "a.1", "%at"),
            self._element("b.2", "b.1", "%at"),
        ]
        for j in range(self.columns):
            lines += self._load(f"q{j}", "b.2", f"%q{j}.to")
        for i in range(self.rows):
            lines += self._load(f"p{i}", "a.2", f"%p{i}.to")
            for j in range(self.columns):
                operands = f"{v} %p{i}, {v} %q{j}, {v} %d{i}.{j}"
                lines.append(f"  %e{i}.{j} = call {v} @llvm.fma.{self.suffix}({operands})")
        lines += ["  %k0.next = add nsw i64 %k0, 1", "  br label %inner"]
        return [*lines, "ended:", "  %k1.next = add nsw i64 %k1, 1", "  br label %outer"]

    def _load(self, name, pointer, index):
        """A vector, of which the lanes of the turn are read."""
        return [
            self._element(f"{name}.at", pointer, index),
            f"  %{name} = call {self.vector} @llvm.masked.load.{self.suffix}.p0("
            f"ptr %{name}.at, i32 4, {self.mask} %lane, {self.vector} zeroinitializer)",
        ]

    def _added(self):
        """The sums added to what is there."""
        lines = [f"  %y{i}.to = mul nsw i64 %row, {i}" for i in range(self.rows)]
        add = f"fadd {self.vector}"
        for i, j in self.cells:
            if not j:
                lines.append(self._element(f"y{i}.0", "y", f"%y{i}.to"))
            else:
                lines.append(self._element(f"y{i}.{j}", f"y{i}.0", j * self.length))
            lines.append(f"  %s{i}.{j} = load {self.vector}, ptr %y{i}.{j}, align 4")
            lines.append(f"  %t{i}.{j} = {add} %s{i}.{j}, %c{i}.{j}")
            lines.append(f"  store {self.vector} %t{i}.{j}, ptr %y{i}.{j}, align 4")
        return lines
