"""Loops over tiles, where an array is read across its rows: `x + x.T`.

Along the innermost loop such a read goes from row to row, and a whole line of the cache comes for
each element. Within a tile the lines are still there when their next element is read. The processor
does not foresee which rows come next, so each tile asks for the lines of the one after it. Floats
of a matrix are first transposed in registers, to a tile in the order of the loops, so that these
read vectors.
"""

from contextlib import contextmanager

import numpy as np

from fungrad.compiler.language import transposing
from fungrad.compiler.language.index import Affine
from fungrad.compiler.language.scalar import INDEX, Builder, call, constant, substitute
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
    if nest.checks or nest.group.last_phase or any(r.reduction is not None for r in nest.roots):
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
        self.sizes = _SIZES
        if self.is_packed:
            self.sizes = (_SIDE // max(c.dtype.itemsize for c in self.crossed),) * 2
            self._read_packed()

    def _read_packed(self):
        """Let the loads read transposed tiles: one per row of tiles, for threads share these."""
        replaced = {}
        row, side = self.axes[0], self.sizes[1]
        for crossed in self.crossed:
            entry = self.nest.lowering.entry
            crossed.tile = entry.workspace(crossed.dtype, row.value * side, "tile")
            crossed.target = self.writer.pointer(crossed.tile, is_written=True)
            place = row.symbol * constant(side, INDEX) + self.steps[1]
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

    @contextmanager
    def loops(self):
        """Write what goes around the loops in a tile, meanwhile."""
        with self._along(0), self._along(1):
            for crossed in self.crossed:
                if self.is_packed:
                    self._pack(crossed)
                self._fetch_next(crossed)
            yield

    def _pack(self, crossed):
        (first, length), (row, rows) = [self.within[axis.symbol] for axis in self.axes]
        side = constant(self.sizes[1], INDEX)
        far = self.writer.integer(crossed.far)
        places = crossed.rest + row * far + first, first * side
        names = []
        for pointer, place in zip((crossed.source, crossed.target), places, strict=True):
            names.append(self.writer.fresh("matrix"))
            self.writer.write(Point(names[-1], f"offset({pointer}, {{}})", (place,)))
        given = [rows, length, names[0], far, names[1], side]
        self.writer.write(Call(f"transpose_{crossed.dtype.name}", given))

    def _fetch_next(self, crossed):
        """Ask for what the next tile along the rows reads across them."""
        (first, _), (row, _) = [self.within[axis.symbol] for axis in self.axes]
        size, rows = self.sizes
        writer, far = self.writer, self.writer.integer(crossed.far)
        next_row = row + constant(rows, INDEX)
        start = writer.let(crossed.rest + next_row * far + first * crossed.near, "next")
        step = constant(_LINE // crossed.dtype.itemsize, INDEX) * crossed.near
        with writer.loop(constant(rows, INDEX), "row") as i:
            begin = writer.let(start + i * far, "begin")
            lines = max(size * crossed.dtype.itemsize // _LINE, 1)
            with writer.loop(constant(lines, INDEX), "line") as line:
                writer.write(Call("fetch", [crossed.source, begin + line * step]))

    @contextmanager
    def _along(self, number):
        axis, size = self.axes[number], self.sizes[number]
        count = self.writer.parameter(-(-axis.value // size))
        tile = _build.symbol(f"tile{number}", INDEX)
        loop = Loop(tile.attribute, count)
        self.writer.write(loop)
        with self.writer.block(loop.body):
            first = self.writer.let(tile * constant(size, INDEX), "first")
            rest = axis.extent - first
            length = _build.call("minimum", INDEX, rest, constant(size, INDEX))
            self.within[axis.symbol] = first, self.writer.let(length, "length")
            yield

    def loop(self, axis):
        """The loop along an axis in a tile; its body begins with the index."""
        first, length = self.within[axis.symbol]
        step = self.steps[self.axes.index(axis)]
        return Loop(step.attribute, length, body=[Let(axis.symbol.attribute, first + step)])


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
