"""Tiles of lines: for few features, vectors of places along a row, and rows of a tile below it.

A vector of the image is read once for all elements of a column of the kernel, where tiles whose
rows are features (see `tiles`) would read it again for each.
"""

from math import prod

from fungrad.compiler.convolution.units import moved
from fungrad.compiler.language.scalar import INDEX, call, constant
from fungrad.compiler.language.statements import Call
from fungrad.compiler.products import tiles

_MOST_LINES = 8  # of a kernel, in one sum
_COST_OF_READING = 1.0  # a vector of an image, in vectors multiplied


def lines_of(plan):
    """How tiles of lines compute a convolution that has a plan, and the cost of a row; or None.

    The places of each phase must follow each other along a row, in the image and in the output, and
    the lines above a place in the image.
    """
    work = plan.work
    if plan.channels or not plan.outer or plan.step_of_columns is None:
        return None
    if work.sizes[plan.row] > 1 and work.target.strides[plan.row] != 1:
        return None
    label = plan.outer[-1]
    if not all(p.step == p.distance == 1 for p in plan.reach[plan.row].phases):
        return None
    found = plan.reach[label].phases
    if not all(p.distance == 1 and _are_neighbours(p) for p in found):
        return None
    height, most = max(len(p.reach) for p in found), max(p.count for p in found)
    tile, cost = _best_tile(work.dtype, height, most, plan.reach[plan.row].most)
    return Lines(label, tile), cost * plan.columns


def _are_neighbours(phase):
    """Whether a place meets a few lines that follow each other."""
    at = sorted(phase.reach.values())
    return 0 < len(at) <= _MOST_LINES and at == list(range(at[0], at[0] + len(at)))


def _best_tile(dtype, height, lines, columns):
    """The tile for so many lines of a phase, and its cost for one of them, per element summed."""
    from fungrad.compiler.llvm.machine import vectors

    n_bytes, registers = vectors()
    length = n_bytes // dtype.itemsize
    if columns <= length // 2:
        length //= 2
    wide, found = -(-columns // length), []
    for count in range(1, min(wide, 4) + 1):
        most = min(lines, (registers - 1 - count - height) // count)
        for rows in range(1, most + 1):
            tile = tiles.Tile(length, rows, count)
            number = -(-lines // rows) * -(-wide // count)
            found.append((number * _cost(tile, height) / lines, tile))
    cost, tile = min(found)
    return tile, cost * length * dtype.itemsize / n_bytes


def _cost(tile, height):
    """The time of a tile in vectors multiplied, per element of the kernel."""
    sums, read = tile.rows * tile.vectors, (tile.rows + height - 1) * tile.vectors
    return max(sums, 4) + (_COST_OF_READING * read + 2) / height


class Lines:
    """The label along which lines lie, and the tile."""

    def __init__(self, label, tile):
        self.label, self.tile = label, tile

    def count(self, phase):
        """How many tiles all lines of a phase take; the last one may begin before its turn."""
        return -(-phase[self.label].count // self.rows(phase))

    def rows(self, phase):
        """The rows of the tiles of a phase."""
        return min(self.tile.rows, phase[self.label].count)

    def write(self, writing, phase, table, panel, pointers, band):
        """Write the tiles of all lines, and all features, in one panel of columns.

        The pointers are those of the image, the kernel and the output, at the column of the panel.
        """
        writer, work, plan, tile = writing.writer, writing.work, writing.plan, self.tile
        source, w, made = pointers
        integer, p, label, rows = writer.integer, phase[self.label], self.label, self.rows(phase)
        tables, n0 = table
        first, count = constant(0, INDEX), integer(self.count(phase))
        if plan.outer[0] == label:
            first, count = writing.units.lines_of_band(writer, band, self.count(phase))
        lanes = panel - (-(-panel // tile.length) - 1) * tile.length
        shape = tile._replace(rows=rows, vectors=-(-panel // tile.length))
        height = len(p.reach)
        name = tiles.name_of(work.dtype, shape, "l", height)
        n1, (a1, b1) = prod([work.sizes[i] for i in plan.summed]), writing.steps_summed
        lowest = min(p.reach, key=p.reach.get)
        step = _distance(p) * writing.right.strides[-1 - label]
        row, line = p.step * writing.made[label], writing.strides[label]
        begin = p.start * writing.made[label]
        begin_of_image = p.reach[lowest] * line
        begin_of_kernel = lowest * writing.right.strides[-1 - label]
        with (
            writer.loop(integer(plan.columns), "feature") as feature,
            writer.loop(count, "tile") as number,
        ):
            q = (first + number) * integer(rows)
            if p.count % rows:
                q = call("minimum", INDEX, q, integer(p.count - rows))
            q = writer.let(q, "line")
            a = moved(writer, w, feature + integer(begin_of_kernel), "a")
            b = moved(writer, source, q * integer(line) + integer(begin_of_image), "b")
            place = q * integer(row) + integer(begin) + feature * integer(writing.step)
            y = moved(writer, made, place, "y")
            n1_, n0_, a1_, b1_, row_, last, step_, line_ = map(
                integer, (n1, n0, a1, b1, row, lanes, step, line)
            )
            arguments = [n1_, n0_, a, a1_, b, b1_, tables, y, row_, last, step_, line_]
            writer.write(Call(name, arguments))


def _distance(phase):
    """The elements of the kernel between those that neighbouring lines meet."""
    order = sorted(phase.reach, key=phase.reach.get)
    return order[1] - order[0] if len(order) > 1 else 0
