"""Blocks of rows whose elements are computed column by column and then put where they belong.

In a loop over rows the elements of one column lie far apart, or where data says, so they would be
written one by one, and LLVM would not compute several rows at once. So the results of a block of
rows go to a tile in which a column lies together; a second loop puts them where they belong.
"""

from fungrad.compiler.fusion.cut import PART, has_room
from fungrad.compiler.language import transposing
from fungrad.compiler.language.builder import Builder
from fungrad.compiler.language.index import Affine
from fungrad.compiler.language.parts import PARTS, WORTH_WAKING
from fungrad.compiler.language.scalar import INDEX, call, constant, substitute
from fungrad.compiler.language.statements import Call, Let, Loop, Point, load
from fungrad.compiler.language.views import row_major

_build = Builder()

_SIZE = 64  # rows of a block
_LEAST = 5  # elements of a row: fewer are put together in registers by LLVM itself
_LANES = 4  # operations that take the time of one, since several rows are computed at once
STEP = _build.symbol("step", INDEX)


def blocks_of(nest, writer):
    """The blocks of the innermost axis of a nest over rows; None where rows are short."""
    if not nest.group.is_unrolled or not nest.axes:
        return None
    wide, landing = {}, {}
    for number, root in enumerate(nest.roots):
        if root.is_landing:
            landing.setdefault(root.equation, []).append(number)
        elif root.reduction is None:
            wide.setdefault(root.view, []).append(number)
    tiles = [
        _Transposed(nest, writer, view, numbers)
        for view, numbers in wide.items()
        if _is_wide(nest, view, numbers)
    ]
    tiles += [_Landing(nest, writer, numbers) for numbers in landing.values()]
    return Blocks(nest, writer, tiles) if tiles else None


def _is_wide(nest, view, numbers):
    rest = len(nest.group.domain)
    is_together = view.strides[rest:] == row_major(view.shape[rest:])
    return is_together and len(numbers) >= _LEAST and transposing.is_known(view.buffer.dtype)


class Blocks:
    """The loops over blocks of the innermost axis; `spots` are the places of roots in tiles."""

    def __init__(self, nest, writer, tiles):
        self.nest, self.writer, self.axis, self.tiles = nest, writer, nest.axes[-1], tiles
        self.spots = {
            number: (tile.memory.name, tile.memory.place(column))
            for tile in tiles
            for column, number in enumerate(tile.numbers)
        }

    def number_to_cut(self, order):
        """The number of the axis that parts are made of, or None where one thread is enough."""
        work = len(order) // _LANES
        for axis in self.nest.axes:
            work *= axis.value
        return 0 if work > WORTH_WAKING and has_room(self.nest) else None

    def begin(self, is_in_parts):
        """Name the tiles, of which each part of the loops has its own."""
        for tile in self.tiles:
            tile.memory.begin(self.nest.lowering.entry, is_in_parts)

    def write(self, cut, write_body, land):
        """Write the loops, and what puts the tiles where they belong.

        `land(number, value)` writes what lands of a root.
        """
        writer, size = self.writer, constant(_SIZE, INDEX)
        is_cut = cut is not None and cut.axis is self.axis
        extent = cut.length if is_cut else self.axis.extent
        count = _build.call("index_divide", INDEX, extent + constant(_SIZE - 1, INDEX), size)
        with writer.loop(writer.let(count, "blocks"), "block") as block:
            begin = block * size
            first = writer.let(begin + cut.first if is_cut else begin, "first")
            length = writer.let(_build.call("minimum", INDEX, extent - begin, size), "length")
            self._loop(first, length, write_body)
            for tile in self.tiles:
                if isinstance(tile, _Transposed):
                    tile.put(self.axis, first, length)
                else:
                    self._loop(first, length, lambda: tile.put(land))  # noqa: B023

    def _loop(self, first, length, write_body):
        index = Let(self.axis.symbol.attribute, first + STEP)
        loop = Loop(STEP.attribute, length, body=[index])
        self.writer.write(loop)
        with self.writer.block(loop.body):
            write_body()


class _Tile:
    """Memory for some columns of a block of rows."""

    def __init__(self, writer, dtype, columns):
        self.writer, self.dtype, self.columns = writer, dtype, columns
        self.name = writer.fresh("tile")

    def place(self, column):
        """Where the element of a row stands, inside the loop over the rows."""
        return constant(column * _SIZE, INDEX) + STEP

    def begin(self, entry, is_in_parts):
        """Find the memory, and name it."""
        size = self.columns * _SIZE
        memory = entry.workspace(self.dtype, size * PARTS if is_in_parts else size, "tile")
        source = self.writer.pointer(memory, is_written=True)
        place = PART * constant(size, INDEX) if is_in_parts else constant(0, INDEX)
        self.writer.write(Point(self.name, f"offset({source}, {{}})", (place,)))


class _Transposed:
    """An array whose rows are put together by transposing its tile."""

    def __init__(self, nest, writer, view, numbers):
        self.nest, self.writer = nest, writer
        self.numbers = sorted(numbers, key=lambda n: nest.roots[n].form.offset)
        self.memory = _Tile(writer, view.buffer.dtype, len(numbers))
        self.form = nest.roots[self.numbers[0]].form
        form = self.form + Affine(view.offset, ())
        self.target, self.place = nest.spot(view.buffer, form, is_written=True)

    def put(self, axis, first, length):
        """Write the statement that puts the block into rows."""
        nest, writer, memory = self.nest, self.writer, self.memory
        stride = self.form.coefficients[nest.symbols[axis.members[-1]]]
        (place,) = substitute([self.place], lambda x, given: _moved(x, given, axis.symbol, first))
        rows = writer.fresh("rows")
        writer.write(Point(rows, f"offset({self.target}, {{}})", (place,)))
        columns, size = (constant(n, INDEX) for n in (memory.columns, _SIZE))
        given = [columns, length, memory.name, size, rows, nest.integer(stride)]
        writer.write(Call(f"transpose_{memory.dtype.name}", given))


class _Landing:
    """Updates that are put where data says, one after another."""

    def __init__(self, nest, writer, numbers):
        self.numbers = numbers
        dtype = nest.roots[numbers[0]].value.dtype
        self.memory = _Tile(writer, dtype, len(numbers))

    def put(self, land):
        """Write the statements for one row."""
        memory = self.memory
        for column, number in enumerate(self.numbers):
            land(number, load(memory.name, memory.place(column), memory.dtype))


def _moved(node, operands, symbol, other):
    """A node of an expression with another symbol in place of one."""
    if node is symbol:
        return other
    return call(node.op, node.dtype, *operands, attribute=node.attribute) if operands else node
