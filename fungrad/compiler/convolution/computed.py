"""Operands of operations on windows that have no memory: their elements are computed where read.

Such an operand has a view like any other, but of a buffer of the kind "computed", whose name is
the variable; so neighbouring axes are joined alike.
"""

from math import prod

from fungrad.compiler.language.elements import Elements
from fungrad.compiler.language.index import IndexBuilder
from fungrad.compiler.language.scalar import INDEX
from fungrad.compiler.language.views import Buffer, whole


def operand(build, v):
    """The view of an operand in row-major order, or of one that is computed where it is read."""
    if not build.is_computed_where_read(v):
        return build.contiguous(v)
    return whole(Buffer("computed", v, v.type.dtype, v.type.size), v.type.shape)


def array(build, writer, view):
    """Access to the elements of such a view by their index."""
    if view.buffer.kind != "computed":
        return writer.array(view)
    return _ComputedArray(build, writer, view)


def windows(build, writer, sliding, view):
    """Access to the elements of windows over a view, by place and step along each axis."""
    if view.buffer.kind != "computed":
        return writer.array(sliding.view(view, False))
    return _ComputedWindows(writer, sliding, _ComputedArray(build, writer, view))


class _ComputedArray:
    """The elements of a value by an index of a view whose axes are some of its own, joined."""

    def __init__(self, build, writer, view):
        self.writer, self.v, self.index = writer, view.buffer.name, IndexBuilder()
        self.elements = Elements(build.lowering, writer, self.index)
        self.sizes = _joined_sizes(self.v.type.shape, view.shape)

    def load(self, *index):
        """The element, computed now."""
        build, at = self.index, []
        for i, sizes in zip(index, self.sizes, strict=True):
            if not i.is_constant and not i.operands:
                build.extents[i] = prod(sizes)
            for number, n in enumerate(sizes):
                inner = prod(sizes[number + 1 :])
                own = i
                if inner != 1:
                    own = build.call("index_divide", INDEX, i, build.constant(inner, INDEX))
                if number:
                    own = build.call("index_remainder", INDEX, own, build.constant(n, INDEX))
                at.append(own)
        element = self.elements.element(self.v, tuple(at))
        return self.writer.let(self.writer.resolved(element, build), "x")


def _joined_sizes(shape, joined):
    """The sizes of a shape, as lists of those that each axis of a joined shape has."""
    sizes, rest = [], list(shape)
    for n in joined:
        own = []
        while rest and (not own or prod(own) != n):
            own.append(rest.pop(0))
        sizes.append(own)
    sizes[-1] += rest  # of size 1
    return sizes


class _ComputedWindows:
    """The elements of windows over such an array, none of which reaches outside."""

    def __init__(self, writer, sliding, array):
        self.writer, self.sliding, self.array = writer, sliding, array

    def load(self, *index):
        """The element at a place, or at a place and a step, along each axis."""
        given, at, integer = iter(index), [], self.writer.integer
        for w in self.sliding.windows:
            i = next(given)
            if w is not None:
                step = next(given)
                i = i * integer(w.out) + step * integer(w.right) + integer(w.offset)
            at.append(i)
        return self.array.load(*at)
