"""Lines of an array along an axis, and the elements of operands that stand or are computed there."""

from math import prod

from fungrad.compiler.language.elements import Elements
from fungrad.compiler.language.index import IndexBuilder
from fungrad.compiler.language.scalar import INDEX, call
from fungrad.primitives.cumulative import Recurrence


def _split(shape, axis):
    """The shape as (before, along, after) the axis."""
    return prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :])


def as_lines(view, axis):
    """A row-major view as an array of three axes, the middle one being the axis."""
    before, n, after = _split(view.shape, axis)
    return type(view)(view.buffer, view.offset, (before, n, after), (n * after, after, 1))


def following(primitive, inputs, state, index):
    """The element at an index, after the one before it in the order of a running combination."""
    value = inputs[-1].load(*index)
    if isinstance(primitive, Recurrence):
        return inputs[0].load(*index) * state + value
    return call(primitive.combine, state.dtype, state, value)


class AtHand:
    """Access to a few lines in the scratch memory of a part."""

    def __init__(self, scratch, part, numbers):
        self.scratch, self.part, self.numbers = scratch, part, numbers

    def load(self, i, j, k):
        """The element of a line as it is now."""
        return self.scratch.load(self.part, self.numbers[i], j)

    def store(self, index, value):
        """Write an element of a line."""
        i, j, _ = index
        self.scratch.store((self.part, self.numbers[i], j), value)


def operand(build, writer, v, axis):
    """Access to the elements of an operand by (before, along, after) the axis."""
    if build.is_computed_where_read(v):
        return Computed(build, writer, v, axis)
    return writer.array(as_lines(build.contiguous(v), axis))


class Computed:
    """The elements of an operand that has no memory; at most one axis is behind the routine's."""

    def __init__(self, build, writer, v, axis, of_line=None):
        self.writer, self.v, self.axis = writer, v, axis
        self.of_line = of_line  # a value that stands in lines at hand, and these
        self.index = IndexBuilder()
        self.elements = Elements(build.lowering, writer, self.index)

    def load(self, i, j, k):
        """The element, computed now."""
        shape, build = self.v.type.shape, self.index
        at, before = [], shape[: self.axis]
        if not i.is_constant:
            build.extents[i] = prod(before)
        for axis, n in enumerate(before):
            inner = build.constant(prod(before[axis + 1 :]), INDEX)
            number = build.call("index_divide", INDEX, i, inner)
            if axis:
                number = build.call("index_remainder", INDEX, number, build.constant(n, INDEX))
            at.append(number)
        at = (*at, *(j, k)[: len(shape) - self.axis])
        if self.of_line is not None:
            v, lines = self.of_line
            self.elements.known[v, at] = lines.load(i, j, k)
        return self.writer.let(self.writer.resolved(self.elements.element(self.v, at), build), "x")
