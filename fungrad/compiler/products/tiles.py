"""Tiles of matrix products in registers, as kernels for generated source.

A tile is a few rows of vectors of a product, which stay in registers while all products are added.
What the rows are multiplied by is read where it stands: the places of a convolution that a tile
meets are a constant distance apart, so no matrix of windows is gathered. One name per dtype, length
of a vector, rows, vectors per row, way through the sum, distance of rows (`NAMES` matches them):

    tile_float32_v16_14x2_t1(n1, n0, a, a1, b, b1, table, y, row, lanes)
        y[i*row + j] = the sum over k1 < n1 and k0 < n0 of
            a[k1*a1 + table[2*k0] + i] * b[k1*b1 + table[2*k0 + 1] + j], i < 14
    tile_float32_v16_14x2_s1(n1, n0, a, a1, a0, b, b1, b0, y, row, lanes, adds)
        the same with k0*a0 and k0*b0 instead of the table; added to y if `adds` is not 0
    tile_float32_v16_14x2_tv(..., step), tile_float32_v16_14x2_sv(..., step)
        the same with a[... + i*step + j]: each column by itself
    tile_float32_v16_7x2_l3(n1, n0, a, a1, b, b1, table, y, row, lanes, step, line)
        y[i*row + j] = the sum over k1 < n1, k0 < n0 and h < 3 of
            a[k1*a1 + table[2*k0] + h*step] * b[k1*b1 + table[2*k0 + 1] + (i + h)*line + j]
        so that each vector of b, a part of a line, is read once for three rows
    tile_float32_v16_5x4_d1(n1, n0, a, a1, b, b1, y, row, lanes, step_a, step_b)
        y[i*row + j*16 + l] += the sum over k1 < n1 and k0 < n0 of
            a[k1*a1 + k0*16 + i*step_a + l] * b[k1*b1 + k0*16 + j*step_b + l], i < 5, j < 4
        lane by lane; of the last vectors, k0 = n0 - 1, only `lanes` are read

Of the last vector of each row, `lanes` elements are read and written.
"""

from functools import cache
from itertools import product
from operator import index
from typing import NamedTuple

from fungrad.compiler.language.arguments import LLVM_TYPES, Pointer, Scalar

NAMES = r"\btile_float(?:32|64)_v\d+_\d+x\d+_(?:[ts](?:\d+|v)|l\d+|d1)\b"

_FEW_SUMS = 4  # a sum waits for the one before it, so as many at least are in turn


class Tile(NamedTuple):
    """Rows of vectors of a length."""

    length: int
    rows: int
    vectors: int


def best_tile(dtype, rows, columns):
    """The tile for a product of so many rows and columns, and its cost in vectors multiplied.

    Where its rows do not divide all rows, others have one row less (see `split`); of columns, the
    last are multiplied by a tile of fewer vectors.
    """
    return _best_tile(dtype, index(rows), index(columns))  # no open numbers: they would outlive


@cache
def _best_tile(dtype, rows, columns):
    from fungrad.compiler.llvm.machine import vectors

    n_bytes, registers = vectors()
    length = n_bytes // dtype.itemsize
    if columns <= length // 2:
        length //= 2
    wide = -(-columns // length)
    few = _FEW_SUMS * n_bytes // (length * dtype.itemsize)  # half vectors are made two at a time
    found = []
    for count in range(1, min(wide, 4) + 1):
        most = min(rows, (registers - 1 - count) // count)
        if most > 0:
            tile = Tile(length, -(-rows // -(-rows // most)), count)
            found.append((_cost(tile, rows, wide, few), tile))
    cost, tile = min(found)
    return tile, cost * length * dtype.itemsize / n_bytes


def _cost(tile, rows, wide, few):
    """The time of a product of so many rows and vectors, in units of one product of vectors."""
    total, (full, rest) = 0, divmod(wide, tile.vectors)
    for count, times in ((tile.vectors, full), (rest, 1)):
        if count:
            sizes = split(rows, tile.rows)
            total += times * sum(
                n * (max(size * count, few) + 0.3 * (size + count)) for size, n in sizes
            )
    return total


def split(rows, most):
    """Rows in tiles of nearly the same size: pairs (rows of a tile, number of such tiles)."""
    count = -(-rows // most)
    size, larger = divmod(rows, count)
    return [(n, times) for n, times in ((size + 1, larger), (size, count - larger)) if times]


_SUM_OVER_TABLE = "n1 n0 a a1 b b1 table y row lanes"
_SUM_OVER_LINES = f"{_SUM_OVER_TABLE} step line"
_SUM_OVER_STEPS = "n1 n0 a a1 a0 b b1 b0 y row lanes adds"


def name_of(dtype, tile, way, distance):
    """The name of the kernel of a `Tile`.

    The way is "t" (table), "s" (steps), "l" (lines) or "d" (lane by lane, of distance 1).

    The distance is "v" where each column is by itself; of lines it is their number in a sum.
    """
    return f"tile_{dtype.name}_v{tile.length}_{tile.rows}x{tile.vectors}_{way}{distance}"


@cache
def routine(name):
    """The kernel of a name."""
    from fungrad.compiler.llvm.build import kernel

    _, dtype, length, size, way = name.split("_")
    rows, vectors = map(int, size.split("x"))
    if way == "d1":
        from fungrad.compiler.products.lanes import text_of

        text, arguments = text_of(name, dtype, int(length[1:]), rows, vectors)
        return kernel(text, name, arguments, None, "llvm")
    text = _Text(name, dtype, int(length[1:]), rows, vectors, way)
    return kernel(text.function(), name, text.arguments, None, "llvm")


class _Text:
    """The LLVM text of a tile: accumulators c, of which each turn makes the next ones."""

    def __init__(self, name, dtype, length, rows, vectors, way):
        self.name, self.length = name, length
        self.rows, self.vectors = rows, vectors
        self.distance = None if way[1:] == "v" else int(way[1:])
        self.height = self.distance if way[0] == "l" else None
        self.number = LLVM_TYPES[dtype]
        self.vector, self.mask = f"<{length} x {self.number}>", f"<{length} x i1>"
        self.suffix = f"v{length}f{dtype[-2:]}"
        self.has_table = way[0] != "s"
        by_way = {"t": _SUM_OVER_TABLE, "l": _SUM_OVER_LINES, "s": _SUM_OVER_STEPS}
        self.names = by_way[way[0]].split()
        if self.distance is None:
            self.names.append("step")
        pointers = {"a": dtype, "b": dtype, "table": "int64", "y": dtype}
        self.arguments = [
            Pointer(pointers[n]) if n in pointers else Scalar("int64") for n in self.names
        ]
        self.cells = list(product(range(rows), range(vectors)))

    def function(self):
        """The declarations and the function."""
        declared = ", ".join(
            f"{'ptr noalias' if isinstance(a, Pointer) else 'i64'} %{n}"
            for n, a in zip(self.names, self.arguments, strict=True)
        )
        v, m, s = self.vector, self.mask, self.suffix
        lines = [
            f"declare {v} @llvm.masked.load.{s}.p0(ptr, i32, {m}, {v})",
            f"declare void @llvm.masked.store.{s}.p0({v}, ptr, i32, {m})",
            f"declare {v} @llvm.fma.{s}({v}, {v}, {v})",
            f"define i64 @{self.name}({declared}) {{",
            *self._entry(),
            *self._outer(),
            *self._inner(),
            *self._stored(),
            "  ret i64 0",
            "}",
        ]
        return "\n".join(lines)

    # ---- pieces

    def _splat(self, name, kind, value):
        """A vector of one value."""
        wide = f"<{self.length} x {kind}>"
        zeros = f"<{self.length} x i32> zeroinitializer"
        return [
            f"  %{name}.0 = insertelement {wide} poison, {kind} {value}, i32 0",
            f"  %{name} = shufflevector {wide} %{name}.0, {wide} poison, {zeros}",
        ]

    def _element(self, name, pointer, index):
        return f"  %{name} = getelementptr {self.number}, ptr %{pointer}, i64 {index}"

    def _load(self, name, place, vector):
        """A vector read; of the last one in a row, the lanes that are in use."""
        if vector < self.vectors - 1:
            return f"  %{name} = load {self.vector}, ptr %{place}, align 4"
        return (
            f"  %{name} = call {self.vector} @llvm.masked.load.{self.suffix}.p0("
            f"ptr %{place}, i32 4, {self.mask} %last, {self.vector} zeroinitializer)"
        )

    def _entry(self):
        """The mask and the first accumulators."""
        steps = ", ".join(f"i64 {i}" for i in range(self.length))
        lines = ["entry:", *self._splat("wide", "i64", "%lanes")]
        lines.append(f"  %last = icmp slt <{self.length} x i64> <{steps}>, %wide")
        for i, j in self.cells:
            if not j:
                lines.append(f"  %start{i} = mul nsw i64 %row, {i}")
                lines.append(self._element(f"y{i}.0", "y", f"%start{i}"))
            else:
                lines.append(self._element(f"y{i}.{j}", f"y{i}.0", j * self.length))
        if self.distance is None:
            lines += [f"  %x{i}.to = mul nsw i64 %step, {i}" for i in range(self.rows)]
        if self.has_table:
            return [*lines, "  br label %outer"]
        lines += [
            "  %is_added = icmp ne i64 %adds, 0",
            "  br i1 %is_added, label %sum, label %outer",
        ]
        lines.append("sum:")
        lines += [self._load(f"s{i}.{j}", f"y{i}.{j}", j) for i, j in self.cells]
        return [*lines, "  br label %outer"]

    def _outer(self):
        """The head and the body of the loop over k1."""
        first = "[0, %entry]" if self.has_table else "[0, %entry], [0, %sum]"
        lines = ["outer:", f"  %k1 = phi i64 {first}, [%k1.next, %ended]"]
        for i, j in self.cells:
            known = "" if self.has_table else f"[%s{i}.{j}, %sum], "
            lines.append(
                f"  %c{i}.{j} = phi {self.vector} [zeroinitializer, %entry], {known}"
                f"[%d{i}.{j}, %ended]"
            )
        lines += [
            "  %more1 = icmp slt i64 %k1, %n1",
            "  br i1 %more1, label %turn, label %done",
            "turn:",
        ]
        for operand in "ab":
            lines.append(f"  %{operand}1.at = mul nsw i64 %k1, %{operand}1")
            lines.append(self._element(f"{operand}.1", operand, f"%{operand}1.at"))
        return [*lines, "  br label %inner"]

    def _inner(self):
        """The loop over k0."""
        lines = ["inner:", "  %k0 = phi i64 [0, %turn], [%k0.next, %body]"]
        for i, j in self.cells:
            lines.append(f"  %d{i}.{j} = phi {self.vector} [%c{i}.{j}, %turn], [%e{i}.{j}, %body]")
        lines += [
            "  %more0 = icmp slt i64 %k0, %n0",
            "  br i1 %more0, label %body, label %ended",
            "body:",
            *self._operand_places(),
        ]
        lines += self._products() if self.height is None else self._products_of_lines()
        lines += ["  %k0.next = add nsw i64 %k0, 1", "  br label %inner"]
        return [*lines, "ended:", "  %k1.next = add nsw i64 %k1, 1", "  br label %outer"]

    def _products(self):
        """What all rows add: the vectors are read once."""
        lines = []
        for j in range(self.vectors):
            lines.append(self._element(f"v{j}.at", "b.0", j * self.length))
            lines.append(self._load(f"v{j}", f"v{j}.at", j))
        for i in range(self.rows):
            lines += self._row(i)
        return lines

    def _products_of_lines(self):
        """What rows add, line by line: each is read once for all rows that it is part of."""
        lines, last = [], self.height - 1
        for h in range(self.height):
            at = "%step" if h else 0
            lines.append(self._element(f"x{h}.at", f"x{h - 1}.at" if h else "a.0", at))
            lines.append(f"  %x{h} = load {self.number}, ptr %x{h}.at")
            lines += self._splat(f"w{h}", self.number, f"%x{h}")
        for r in range(self.rows + last):
            lines.append(
                self._element(f"line{r}", f"line{r - 1}" if r else "b.0", "%line" if r else 0)
            )
            for j in range(self.vectors):
                lines.append(self._element(f"v{r}.{j}.at", f"line{r}", j * self.length))
                lines.append(self._load(f"v{r}.{j}", f"v{r}.{j}.at", j))
            for h in range(max(0, r - self.rows + 1), min(r, last) + 1):
                for j in range(self.vectors):
                    lines.append(self._added_line(r - h, j, h, f"v{r}.{j}"))
        return lines

    def _added_line(self, i, j, h, vector):
        """The sum of row i after it has met line h of those that it is made of."""
        total = f"e{i}.{j}.{h}" if h < self.height - 1 else f"e{i}.{j}"
        before = f"e{i}.{j}.{h - 1}" if h else f"d{i}.{j}"
        operands = ", ".join(f"{self.vector} %{n}" for n in (f"w{h}", vector, before))
        return f"  %{total} = call {self.vector} @llvm.fma.{self.suffix}({operands})"

    def _row(self, i):
        """What row i adds: an element, or vectors, times the vectors of the other operand."""
        if self.distance is None:
            lines = [self._element(f"x{i}.at", "a.0", f"%x{i}.to")]
        else:
            lines = [self._element(f"x{i}.at", "a.0", i * self.distance)]
            lines.append(f"  %x{i} = load {self.number}, ptr %x{i}.at")
            lines += self._splat(f"w{i}", self.number, f"%x{i}")
        for j in range(self.vectors):
            factor = f"w{i}"
            if self.distance is None:
                factor = f"w{i}.{j}"
                lines.append(self._element(f"{factor}.at", f"x{i}.at", j * self.length))
                lines.append(self._load(factor, f"{factor}.at", j))
            operands = ", ".join(f"{self.vector} %{n}" for n in (factor, f"v{j}", f"d{i}.{j}"))
            lines.append(f"  %e{i}.{j} = call {self.vector} @llvm.fma.{self.suffix}({operands})")
        return lines

    def _operand_places(self):
        if not self.has_table:
            lines = [f"  %{x}0.to = mul nsw i64 %k0, %{x}0" for x in "ab"]
        else:
            lines = [
                "  %twice = shl nsw i64 %k0, 1",
                "  %pair = getelementptr i64, ptr %table, i64 %twice",
            ]
            lines += ["  %a0.to = load i64, ptr %pair"]
            lines += ["  %second = getelementptr i64, ptr %pair, i64 1"]
            lines += ["  %b0.to = load i64, ptr %second"]
        return lines + [self._element(f"{x}.0", f"{x}.1", f"%{x}0.to") for x in "ab"]

    def _stored(self):
        lines = ["done:"]
        for i, j in self.cells:
            if j < self.vectors - 1:
                lines.append(f"  store {self.vector} %c{i}.{j}, ptr %y{i}.{j}, align 4")
            else:
                lines.append(
                    f"  call void @llvm.masked.store.{self.suffix}.p0({self.vector} %c{i}.{j}, "
                    f"ptr %y{i}.{j}, i32 4, {self.mask} %last)"
                )
        return lines
