"""Writing by index: scatter, and blocks written at run-time starts."""

from contextlib import ExitStack

from fungrad.compiler.language.builder import Builder
from fungrad.compiler.language.index import IndexBuilder, as_fault
from fungrad.compiler.language.scalar import BOOL, INDEX, call, constant
from fungrad.compiler.language.statements import Return
from fungrad.primitives.indexing import culprit, index_element
from fungrad.primitives.movement import clamp

_build = Builder()

#: Elements of a block of a column's axis: a line of the cache, where the updates lie in columns.
_BLOCK = 8
_LEAST = 64  # of that axis


def scatter(build, primitive, inputs, outputs):
    """Write a scatter: the output begins as the operand, then takes the updates in their order."""
    operand, updates, *indices = inputs
    target = build.begin(outputs[0], operand)
    writer = build.kernel("scatter_kernel")
    _Scatter(writer, primitive, target, build.view(updates), map(build.view, indices)).write()
    build.call(writer)


class _Scatter:
    def __init__(self, writer, primitive, target, updates, indices):
        self.writer, self.primitive = writer, primitive
        self.shape = target.shape
        self.target = writer.array(target, is_written=True)
        self.updates = writer.array(updates)
        self.indices = [writer.array(i) for i in indices]
        self.front = updates.shape[: len(updates.shape) - self._rest_rank()]
        self.rest = [a for a in range(len(self.shape)) if a not in primitive.axes]

    def _rest_rank(self):
        return len(self.shape) - len(self.primitive.axes)

    def write(self):
        is_checked = self.primitive.mode == "raise"
        if is_checked:
            self.failed = self.writer.variable(constant(0, INDEX), "failed")
        with ExitStack() as loops:
            self._loops_around(loops)
            self._front_loops(())
        if is_checked:
            self.writer.write(Return(self.failed.symbol))

    def _loops_around(self, loops):
        """Loops over what an update writes, where that is a column: outside of those over updates.

        Written one after another, each column would touch every line of the target again. The last
        of the loops goes in blocks, whose rows stay in the cache together with the updates' lines.
        """
        self.around, self.block = {}, None
        is_column = self.rest and len(self.shape) - 1 in self.primitive.axes
        if not is_column or not self.front or self.shape[self.rest[-1]] < _LEAST:
            return
        writer, size = self.writer, constant(_BLOCK, INDEX)
        *others, last = self.rest
        for axis in others:
            self.around[axis] = loops.enter_context(writer.loop(writer.integer(self.shape[axis])))
        blocks = writer.parameter(-(-self.shape[last] // _BLOCK))
        first = writer.let(loops.enter_context(writer.loop(blocks)) * size, "first")
        left = writer.integer(self.shape[last]) - first
        self.block = first, writer.let(_build.call("minimum", INDEX, left, size), "length")
        writer.in_parts = True

    def _front_loops(self, index):
        if len(index) < len(self.front):
            with self.writer.loop(self.writer.integer(self.front[len(index)])) as i:
                self._front_loops((*index, i))
            return
        build = IndexBuilder()
        place, valid, faults = {}, None, []
        for number, array in enumerate(self.indices):
            axis, i = self.primitive.axes[number], array.load(*index)
            position, is_valid = index_element(build, i, self.shape[axis], self.primitive.mode)
            place[axis] = self.writer.let(self.writer.resolved(position, build), "p")
            if is_valid is not None:
                is_valid = self.writer.resolved(is_valid, build)
                faults.append((number, is_valid, i))
                valid = is_valid if valid is None else call("logical_and", BOOL, valid, is_valid)
        self._guarded(place, valid, faults, index)

    def _guarded(self, place, valid, faults, index):
        if valid is None:
            self._rest_loops(place, index, ())
            return
        valid = self.writer.let(valid, "valid")
        with self.writer.branch(valid):
            self._rest_loops(place, index, ())
        if self.primitive.mode != "raise":
            return
        for number, is_valid, i in faults:
            self.writer.errors.append(culprit(self.primitive, number, self.shape))
            code = constant(len(self.writer.errors), INDEX)
            fault = as_fault(_build.cast(i, INDEX)) + code
            self.failed.set(_build.select(is_valid, self.failed.symbol, fault))

    def _rest_loops(self, place, front, rest):
        if len(rest) < len(self.rest):
            axis = self.rest[len(rest)]
            if axis in self.around:
                i = self.around[axis]
                self._rest_loops({**place, axis: i}, front, (*rest, i))
                return
            extent = self.writer.integer(self.shape[axis]) if self.block is None else self.block[1]
            with self.writer.loop(extent) as i:
                i = i if self.block is None else self.block[0] + i
                self._rest_loops({**place, axis: i}, front, (*rest, i))
            return
        at = [place[a] for a in range(len(self.shape))]
        value = self.updates.load(*front, *rest)
        if self.primitive.combine != "set":
            value = call(self.primitive.combine, value.dtype, self.target.load(*at), value)
        self.target.store(at, value)


def dynamic_update(build, primitive, inputs, outputs):
    """Write a block at run-time starts, moved inside the array."""
    operand, update, *starts = inputs
    target = build.begin(outputs[0], operand)
    block = build.view(update)
    index = IndexBuilder()
    place = constant(0, INDEX)
    for start, n, size, stride in zip(
        starts, target.shape, block.shape, target.strides, strict=True
    ):
        at = clamp(index, _build.cast(build.scalar(start), INDEX), n - size + 1)
        place = place + build.entry.resolved(at, index) * build.entry.integer(stride)
    if not place.is_constant:
        place = build.entry.let(place, "place")
    writer = build.kernel("update_kernel")
    x, y = writer.array(block), writer.array(target, is_written=True)
    first = writer.scalar(place)
    _copy_block(writer, block.shape, x, y, first, ())
    build.call(writer)


def _copy_block(writer, shape, x, y, first, index):
    if len(index) < len(shape):
        with writer.loop(writer.integer(shape[len(index)])) as i:
            _copy_block(writer, shape, x, y, first, (*index, i))
        return
    writer.store(y.pointer, y.position(index) + first, x.load(*index))
