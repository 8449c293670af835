"""Loops over tiles, where an array is read across its rows: `x + x.T`.

Along the innermost loop such a read goes from row to row, and a whole line of the cache comes for
each element. Within a tile the lines are still there when their next element is read. The processor
does not foresee which rows come next, so each tile asks for the lines of the one after it. Floats
of a matrix are first transposed in registers, to a tile in the order of the loops, so that these
read vectors. A square matrix that is read along its rows and across them is walked through in pairs
of tiles that mirror each other: what the second one reads is still there from the first. Results
that the caches do not hold are made in a tile, too, and go from there past the caches. Where nothing
is computed, the matrix is transposed as a whole.
"""

from contextlib import contextmanager

import numpy as np

from fungrad.compiler.language import streaming, transposing
from fungrad.compiler.language.builder import Builder
from fungrad.compiler.language.index import Affine
from fungrad.compiler.language.scalar import BOOL, INDEX, call, constant, substitute
from fungrad.compiler.language.statements import Call, Let, Loop, Point, load

_build = Builder()

#: The extent of a tile along the axis that the read is contiguous in, and along the innermost one.
_SIZES = 64, 16
_SIDE = 256  # bytes of a side of a transposed tile, which stays in the first cache
_LEAST = 128  # of an axis
_FAR = 512  # bytes from one element to the next
_LINE = 64  # bytes of the cache that come together


def tiles_of(nest, writer):
    """The tiles of the two innermost axes of a nest, or None where they would gain nothing."""
    axes = nest.axes[-2:]
    if (
        nest.checks
        or nest.group.last_phase
        or nest.group.is_unrolled
        or any(r.reduction is not None or r.is_landing for r in nest.roots)
    ):
        return None
    if len(axes) < 2:
        return None
    along = [nest.symbols[axis.members[-1]] for axis in axes]
    crossed = []
    for symbol, (_, form, dtype) in nest.sources.items():
        near, far = [form.coefficients.get(symbol, 0) for symbol in along]
        if abs(near) == 1 and abs(far) * np.dtype(dtype).itemsize >= _FAR:
            crossed.append(symbol)
    # The sizes of the axes come last: only where they matter, they decide about the code.
    if not crossed or min(axis.value for axis in axes) < _LEAST:
        return None
    return Tiles(nest, writer, along, crossed)


class Tiles:
    """The loops over the tiles of the two innermost axes, the first of which is number `depth`.

    `along` are the indices of these axes in forms, `crossed` the loads across rows.
    """

    def __init__(self, nest, writer, along, crossed):
        self.nest, self.writer, self.along = nest, writer, along
        self.axes, self.depth = nest.axes[-2:], len(nest.axes) - 2
        self.crossed = [_Crossed(nest, along, symbol) for symbol in crossed]
        self.within = {}  # of each axis: the first index and the extent of the tile
        self.steps = [_build.symbol(f"step{number}", INDEX) for number in range(2)]
        self.is_packed = not self.depth and all(c.is_packable for c in self.crossed)
        self.sizes, self.is_in_pairs, self.streams = _SIZES, False, []
        self.tile = _build.symbol("tile0", INDEX)
        outer, inner = self.depth + 1, self.depth + 2
        self.levels = {self.tile: outer, self.steps[0]: outer, self.steps[1]: inner}
        if self.is_packed:
            self.sizes = (_SIDE // max(c.dtype.itemsize for c in self.crossed),) * 2
            self.is_in_pairs = self._has_mirrored_loads()

    def read_packed(self):
        """Let the loads read transposed tiles."""
        replaced = {}
        for crossed in self.crossed if self.is_packed else ():
            crossed.target, place = self._tile(crossed.dtype)
            replaced[crossed.load] = load(crossed.target, place, crossed.dtype)

        def replace(node, operands):
            if node in replaced or not operands:
                return replaced.get(node, node)
            if node.op == "load":
                return load(node.attribute, *operands, node.dtype)
            return call(node.op, node.dtype, *operands, attribute=node.attribute)

        final = self.nest.final
        values = [r.value for r in self.nest.roots]
        new = substitute([*final.values(), *values], replace)
        self.nest.final = dict(zip(final, new, strict=False))
        for root, value in zip(self.nest.roots, new[len(final) :], strict=True):
            root.value = value

    def streamed(self, root, pointer):
        """The pointer and the place where a root is stored in a tile; None: in its own memory."""
        dtype, near = root.value.dtype, root.form.coefficients.get(self.along[1], 0)
        if not self.is_packed or near != 1 or not streaming.is_known(dtype):
            return None
        if self.axes[0].value * self.axes[1].value * dtype.itemsize < streaming.STREAMED:
            return None
        tile, place = self._tile(dtype)
        self.streams.append((root, pointer, tile))
        return tile, place

    def _tile(self, dtype):
        """The pointer of a tile, and the place in it: one per row of tiles, for threads share these."""
        rows, side = -(-self.axes[0].value // self.sizes[0]) * self.sizes[0], self.sizes[1]
        tile = self.nest.lowering.entry.workspace(dtype, rows * side, "tile")
        row = self.tile * constant(self.sizes[0], INDEX) + self.steps[0]
        place = row * constant(side, INDEX) + self.steps[1]
        return self.writer.pointer(tile, is_written=True), place

    def _has_mirrored_loads(self):
        """Whether the tiles of a square come in pairs: what is read across is also read along."""
        found = {
            (buffer, form.offset, *[form.coefficients.get(a, 0) for a in self.along])
            for buffer, form, _ in self.nest.sources.values()
        }
        is_mirrored = any((b, at, near, far) in found for b, at, far, near in found if far != near)
        return is_mirrored and self.axes[0].value == self.axes[1].value

    # ---- statements

    @contextmanager
    def loops(self):
        """Write what goes around the loops in a tile, meanwhile."""
        with self._all_tiles():
            for crossed in self.crossed:
                if self.is_packed:
                    self._pack(crossed)
                else:
                    self._fetch_next(crossed)
            yield
            for each in self.streams:
                self._stream(*each)

    @contextmanager
    def _all_tiles(self):
        with self._loop_over_tiles(0, self._count(0)) as first:
            if self.is_in_pairs:
                half = _build.call("index_divide", INDEX, self._count(0), constant(2, INDEX))
                turns = (half + constant(1, INDEX)) * constant(2, INDEX)
                with self._loop_over_tiles(1, turns) as turn:
                    self._mirror(first, turn, half)
                    yield
            else:
                self._enter(0, first)
                with self._loop_over_tiles(1, self._count(1)) as second:
                    self._enter(1, second)
                    yield
            for dtype in {r.value.dtype.name for r, _, _ in self.streams}:
                pointer = next(p for r, p, _ in self.streams if r.value.dtype.name == dtype)
                self.writer.write(Call(f"settle_{dtype}", [pointer]))

    def _count(self, number):
        return self.writer.parameter(-(-self.axes[number].value // self.sizes[number]))

    @contextmanager
    def _loop_over_tiles(self, number, count):
        tile = _build.symbol(f"tile{number}", INDEX)
        loop = Loop(tile.attribute, count)
        self.writer.write(loop)
        with self.writer.block(loop.body):
            yield tile

    def _enter(self, number, tile, is_left_out=None):
        """Note which indices a tile has along an axis."""
        axis, size = self.axes[number], constant(self.sizes[number], INDEX)
        first = self.writer.let(tile * size, "first")
        length = _build.call("minimum", INDEX, axis.extent - first, size)
        if is_left_out is not None:
            length = _build.select(is_left_out, constant(0, INDEX), length)
        self.within[axis.symbol] = first, self.writer.let(length, "length")

    def _mirror(self, first, turn, half):
        """Enter a tile of a pair: tile `first` of the rows with each of half of the others, in both
        orders. So each pair stands in one turn of the outer loop, and the turns are equally long.
        """
        writer, one, two = self.writer, constant(1, INDEX), constant(2, INDEX)
        count = self._count(0)
        distance = writer.let(_build.call("index_divide", INDEX, turn, two), "distance")
        self.is_second = is_second = writer.let(
            _build.equal(turn - distance * two, one), "is_second"
        )
        other = first + distance
        other = _build.select(_build.call("less", BOOL, other, count), other, other - count)
        other = writer.let(other, "other")
        is_alone = _build.equal(distance, constant(0, INDEX))
        is_opposite = _build.equal(distance * two, count)
        is_met_before = _build.call("less_equal", BOOL, half, first)
        is_left_out = _build.call(
            "logical_or",
            BOOL,
            _build.call("logical_and", BOOL, is_alone, is_second),
            _build.call("logical_and", BOOL, is_opposite, is_met_before),
        )
        is_left_out = writer.let(is_left_out, "is_left_out")
        self._enter(0, _build.select(is_second, other, first), is_left_out)
        self._enter(1, _build.select(is_second, first, other), is_left_out)

    def _pack(self, crossed):
        (first, length), (row, rows) = [self.within[axis.symbol] for axis in self.axes]
        far = self.writer.integer(crossed.far)
        source = self._point(crossed.source, crossed.rest + row * far + first)
        target = self._point(crossed.target, self._start_of_tile())
        given = [rows, length, source, far, target, constant(self.sizes[1], INDEX)]
        self.writer.write(Call(f"transpose_{crossed.dtype.name}", given))

    def _stream(self, root, pointer, tile):
        (first, length), (column, columns) = [self.within[axis.symbol] for axis in self.axes]
        rest, far = self._rest_of(root)
        source = self._point(tile, self._start_of_tile())
        target = self._point(pointer, rest + first * far + column)
        given = [length, columns, source, constant(self.sizes[1], INDEX), target, far]
        self.writer.write(Call(f"stream_{root.value.dtype.name}", given))

    def _start_of_tile(self):
        return self.tile * constant(self.sizes[0] * self.sizes[1], INDEX)

    def _rest_of(self, root):
        """The place of a root where both indices are 0, and how far apart its rows are."""
        far = root.form.coefficients.get(self.along[0], 0)
        others = Affine(0, ((self.along[0], -far), (self.along[1], -1)))
        return self.nest.place(root.form + others), self.writer.integer(far)

    def _point(self, pointer, place):
        name = self.writer.fresh("matrix")
        self.writer.write(Point(name, f"offset({pointer}, {{}})", (place,)))
        return name

    def _fetch_next(self, crossed):
        """Ask for what the next tile along the rows reads across them."""
        (first, _), (row, _) = [self.within[axis.symbol] for axis in self.axes]
        size, rows = self.sizes
        writer, far = self.writer, self.writer.integer(crossed.far)
        next_row = row + constant(rows, INDEX)
        start = writer.let(crossed.rest + next_row * far + first * crossed.near, "next")
        with writer.loop(constant(rows, INDEX), "row") as i:
            self._fetch_lines(crossed, writer.let(start + i * far, "begin"), size)

    def _fetch_lines(self, crossed, begin, size):
        step = constant(_LINE // crossed.dtype.itemsize, INDEX) * crossed.near
        lines = max(size * crossed.dtype.itemsize // _LINE, 1)
        with self.writer.loop(constant(lines, INDEX), "line") as line:
            self.writer.write(Call("fetch", [crossed.source, begin + line * step]))

    def loop(self, axis):
        """The loop along an axis in a tile; its body begins with the index."""
        first, length = self.within[axis.symbol]
        number = self.axes.index(axis)
        step = self.steps[number]
        body = [Let(axis.symbol.attribute, first + step)]
        if self.is_packed and not number:
            with self.writer.block(body):
                for crossed in self.crossed:
                    self._fetch_row(crossed, step)
        return Loop(step.attribute, length, body=body)

    def _fetch_row(self, crossed, step):
        """Ask for a row of what the next tile will transpose.

        The second tile of a pair asks for what the next pair reads along the rows: these are as
        short as a tile, too.
        """
        first, row = [self.within[axis.symbol][0] for axis in self.axes]
        side = constant(self.sizes[0], INDEX)
        if self.is_in_pairs:
            zero = constant(0, INDEX)
            row = row + _build.select(self.is_second, zero, side)
            first = first + _build.select(self.is_second, side, zero)
        else:
            row = row + side
        begin = crossed.rest + (row + step) * self.writer.integer(crossed.far) + first
        self._fetch_lines(crossed, self.writer.let(begin, "begin"), self.sizes[0])

    # ---- a transposed copy

    def is_copy(self):
        """Whether the only thing to do is to transpose a matrix."""
        if not self.is_packed or len(self.nest.roots) > 1 or len(self.crossed) > 1:
            return False
        (root,), (crossed,) = self.nest.roots, self.crossed
        along = [root.form.coefficients.get(a, 0) for a in self.along]
        return root.value == crossed.load and along[0] > 0 and along[1] == 1

    def write_copy(self, pointer):
        """Transpose the matrix as a whole, to where the only root is stored."""
        (root,), (crossed,) = self.nest.roots, self.crossed
        columns, rows = [axis.extent for axis in self.axes]
        rest, far = self._rest_of(root)
        source, target = self._point(crossed.source, crossed.rest), self._point(pointer, rest)
        given = [rows, columns, source, self.writer.integer(crossed.far), target, far]
        size = self.axes[0].value * self.axes[1].value
        self.writer.write(Call(transposing.name_of(crossed.dtype, size), given))


class _Crossed:
    """A load across rows: of neighbours along the first axis of a tile."""

    def __init__(self, nest, along, symbol):
        buffer, form, dtype = nest.sources[symbol]
        near, self.far = [form.coefficients[each] for each in along]
        others = Affine(0, tuple([(s, -form.coefficients[s]) for s in along]))
        self.near, self.dtype = constant(near, INDEX), np.dtype(dtype)
        self.rest = nest.place(form + others)  # the place where both indices are 0
        self.load = nest.final[symbol]
        self.source = self.load.attribute
        self.is_packable = near == 1 and transposing.is_known(self.dtype)
