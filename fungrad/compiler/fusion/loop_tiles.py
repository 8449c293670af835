"""Loops over tiles, where an array is read across its rows: `x + x.T`.

Along the innermost loop such a read goes from row to row, and a whole line of the cache comes for
each element. Within a tile the lines are still there when their next element is read.
"""

from contextlib import contextmanager

import numpy as np

from fungrad.compiler.language.scalar import INDEX, Builder, constant
from fungrad.compiler.language.statements import Let, Loop

_build = Builder()

#: The extent of a tile along the axis that the read is contiguous in, and along the innermost one.
_SIZES = 64, 16
_LEAST = 128  # of an axis
_FAR = 512  # bytes from one element to the next


def tiles_of(nest, writer):
    """The tiles of the two innermost axes of a nest, or None where they would gain nothing."""
    axes = nest.axes[-2:]
    if nest.checks or nest.group.last_phase or any(r.reduction is not None for r in nest.roots):
        return None
    if len(axes) < 2 or min(axis.value for axis in axes) < _LEAST:
        return None
    along = [nest.symbols[axis.members[-1]] for axis in axes]
    for _, form, dtype in nest.sources.values():
        near, far = [abs(form.coefficients.get(symbol, 0)) for symbol in along]
        if near == 1 and far * np.dtype(dtype).itemsize >= _FAR:
            return Tiles(writer, axes, len(nest.axes) - 2)
    return None


class Tiles:
    """The loops over the tiles of two axes, of which the first is the loop number `depth`."""

    def __init__(self, writer, axes, depth):
        self.writer, self.axes, self.depth = writer, axes, depth
        self.within = {}  # of each axis: the first index and the extent of the tile

    @contextmanager
    def loops(self):
        """Write what goes around the loops in a tile, meanwhile."""
        with self._along(0), self._along(1):
            yield

    @contextmanager
    def _along(self, number):
        axis, size = self.axes[number], _SIZES[number]
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
        step = _build.symbol(f"step{self.axes.index(axis)}", INDEX)
        return Loop(step.attribute, length, body=[Let(axis.symbol.attribute, first + step)])
