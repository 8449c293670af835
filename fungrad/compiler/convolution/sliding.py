"""Windows as views of memory."""

from math import prod

from fungrad.compiler.language.views import View
from fungrad.compiler.moves.copy import copy, fill
from fungrad.primitives.windows import covered, met


class Sliding:
    """How windows slide over an array: a Window or None, and a width, for each of its axes."""

    def __init__(self, shape, windows, widths):
        self.shape, self.windows, self.widths = tuple(shape), tuple(windows), tuple(widths)
        self.ranges = [
            (0, n - 1) if w is None else covered(w, width)
            for n, w, width in zip(self.shape, self.windows, self.widths, strict=True)
        ]

    @property
    def reaches_outside(self):
        """Whether windows reach places that no element of the array takes."""
        return any(
            w is not None and (w.left != 1 or low < 0 or high >= n)
            for n, w, (low, high) in zip(self.shape, self.windows, self.ranges, strict=True)
        )

    @property
    def covered_shape(self):
        """How many places are covered along each axis."""
        return tuple([high - low + 1 for low, high in self.ranges])

    def surrounded(self, build, view, surroundings, memory=None):
        """A copy of the array in the memory of all covered places, the others being as they are.

        Without `memory` it is new, and the other places have the scalar `surroundings`.
        """
        if memory is None:
            memory = build.temporary(view.buffer.dtype, self.covered_shape)
            fill(build.entry, surroundings, memory)
        source, target = self.common(view, memory)
        if prod(source.shape):
            copy(build.entry, source, target)
        return memory

    def take_back(self, build, memory, view):
        """Copy what stands in the memory of all covered places to the array."""
        target, source = self.common(view, memory)
        if prod(source.shape):
            copy(build.entry, source, target)

    def common(self, view, memory):
        """The elements of the array that are covered, in the array and among all covered places."""
        source, target, shape, strides = view.offset, memory.offset, [], []
        for n, near, far, window, places in zip(
            self.shape, view.strides, memory.strides, self.windows, self.ranges, strict=True
        ):
            first, count, where = 0, n, slice(0, n, 1)
            if window is not None:
                first, count, where = met(window, places, n)
            source += first * near
            target += where.start * far
            shape.append(count)
            strides.append(far * where.step)
        shape = tuple(shape)
        return (
            View(view.buffer, source, shape, view.strides),
            View(memory.buffer, target, shape, tuple(strides)),
        )

    def view(self, view, is_surrounded):
        """The windows as a view: an axis that slides becomes two, the place and the element."""
        offset, shape, strides = view.offset, [], []
        for n, stride, w, width, (low, _) in zip(
            view.shape, view.strides, self.windows, self.widths, self.ranges, strict=True
        ):
            if w is None:
                shape.append(n)
                strides.append(stride)
                continue
            offset += (w.offset - (low if is_surrounded else 0)) * stride
            shape += [w.size, width]
            strides += [w.out * stride, w.right * stride]
        return View(view.buffer, offset, tuple(shape), tuple(strides))


def joined(x, target, windows, widths):
    """Views of input and output in which neighbouring axes that do not slide are one.

    Arrays of rank 0 get an axis.
    """
    groups = [] if windows else [([], None)]
    for a, w in enumerate(windows):
        if w is None and groups and groups[-1][1] is None:
            groups[-1][0].append(a)
        else:
            groups.append(([a], w))
    shapes = [tuple([prod([v.shape[a] for a in axes]) for axes, _ in groups]) for v in (x, target)]
    strides = [
        tuple([v.strides[axes[-1]] if axes else 1 for axes, _ in groups]) for v in (x, target)
    ]
    joined = [
        View(v.buffer, v.offset, shape, stride)
        for v, shape, stride in zip((x, target), shapes, strides, strict=True)
    ]
    return *joined, [w for _, w in groups], [widths[axes[-1]] if axes else 1 for axes, _ in groups]
