"""Windows as views of memory, and reductions over them by direct loops."""

from contextlib import ExitStack
from math import prod

from fungrad.compiler.copy import copy, fill
from fungrad.compiler.scalar import BOOL, INDEX, Builder, call, constant
from fungrad.compiler.views import View
from fungrad.primitives.reductions import highest, lowest
from fungrad.primitives.windows import covered, met

_build = Builder()


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
        source, target = self._common(view, memory)
        if prod(source.shape):
            copy(build.entry, source, target)
        return memory

    def take_back(self, build, memory, view):
        """Copy what stands in the memory of all covered places to the array."""
        target, source = self._common(view, memory)
        if prod(source.shape):
            copy(build.entry, source, target)

    def _common(self, view, memory):
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


def _joined(x, target, windows, widths):
    """Views of input and output in which neighbouring axes that do not slide are one."""
    groups = []
    for a, w in enumerate(windows):
        if w is None and groups and groups[-1][1] is None:
            groups[-1][0].append(a)
        else:
            groups.append(([a], w))
    shapes = [tuple([prod([v.shape[a] for a in axes]) for axes, _ in groups]) for v in (x, target)]
    strides = [tuple([v.strides[axes[-1]] for axes, _ in groups]) for v in (x, target)]
    joined = [
        View(v.buffer, v.offset, shape, stride)
        for v, shape, stride in zip((x, target), shapes, strides, strict=True)
    ]
    return *joined, [w for _, w in groups], [widths[axes[-1]] for axes, _ in groups]


def reduce_windows(build, primitive, inputs, outputs):
    """Write the reduction of every window."""
    x, target = build.contiguous(inputs[0]), build.output(outputs[0])
    dtype = target.buffer.dtype
    identity = constant(primitive.identity(dtype), dtype)
    if not prod(target.shape) or not prod(x.shape):
        if prod(target.shape):
            fill(build.entry, identity, target)
        return
    x, target, windows, widths = _joined(x, target, primitive.windows, primitive.widths)
    sliding = Sliding(x.shape, windows, widths)
    outside = sliding.reaches_outside
    x = sliding.surrounded(build, x, identity) if outside else x
    writer = build.kernel(f"{primitive.name}_kernel")
    elements = writer.array(sliding.view(x, outside))
    y = writer.array(target, is_written=True)
    with ExitStack() as stack:
        place = [stack.enter_context(writer.loop(writer.integer(n))) for n in target.shape]
        total = writer.variable(identity, "total")
        with ExitStack() as inner:
            index = []
            for i, w, width in zip(place, windows, widths, strict=True):
                index.append(i)
                if w is not None:
                    index.append(inner.enter_context(writer.loop(writer.integer(width))))
            total.set(_combined(primitive.combine, total.symbol, elements.load(*index)))
        y.store(place, total.symbol)
    build.call(writer)


def _combined(word, x, y):
    if x.dtype.kind == "b":
        return call("logical_or" if word == "maximum" else "logical_and", BOOL, x, y)
    if word == "add" and x.dtype.kind == "f":
        word = "fast_add"
    return call(word, x.dtype, x, y)


def find_in_windows(build, primitive, inputs, outputs):
    """Write a search for the first extremum of every window; nan wins, -1 stands for none."""
    x, target = build.contiguous(inputs[0]), build.output(outputs[0])
    if not prod(target.shape) or not prod(x.shape):
        if prod(target.shape):
            fill(build.entry, constant(-1, INDEX), target)
        return
    x, target, windows, widths = _joined(x, target, primitive.windows, primitive.widths)
    writer = build.kernel(f"{primitive.name}_kernel")
    _Search(writer, primitive.largest, x, target, Sliding(x.shape, windows, widths)).write()
    build.call(writer)


class _Search:
    """The loops of a search: over the output, and inside over the elements of a window."""

    def __init__(self, writer, largest, x, target, sliding):
        self.writer, self.largest, self.sliding = writer, largest, sliding
        self.shape = target.shape
        self.x = writer.array(x)
        self.y = writer.array(target, is_written=True)
        self.is_guarded = sliding.reaches_outside

    def write(self):
        writer, dtype = self.writer, self.x.dtype
        worst = constant((lowest if self.largest else highest)(dtype), dtype)
        with ExitStack() as stack:
            place = [stack.enter_context(writer.loop(writer.integer(n))) for n in self.shape]
            self.best = writer.variable(worst, "best")
            self.found = writer.variable(constant(-1, INDEX), "found")
            with ExitStack() as inner:
                index, inside = self._element(place, inner)
                if inside is not None:
                    inner.enter_context(writer.branch(inside))
                self._compare(index)
            self.y.store(place, self.found.symbol)

    def _element(self, place, inner):
        """The index of an element of the window, inside loops, and whether there is one."""
        writer, index, inside = self.writer, [], None
        for i, n, w, width in zip(
            place, self.sliding.shape, self.sliding.windows, self.sliding.widths, strict=True
        ):
            if w is None:
                index.append(i)
                continue
            k = inner.enter_context(writer.loop(writer.integer(width)))
            at = i * writer.integer(w.out) + k * writer.integer(w.right) + writer.integer(w.offset)
            at = writer.let(at)
            if self.is_guarded:
                tests, at = self._tests(at, n, w.left)
                for test in tests:
                    inside = test if inside is None else call("logical_and", BOOL, inside, test)
            index.append(at)
        return index, inside

    def _tests(self, at, n, left):
        """Whether a place is that of an element, and of which."""
        tests = []
        if left != 1:
            step = self.writer.integer(left)
            tests.append(_build.equal(call("remainder", INDEX, at, step), constant(0, INDEX)))
            at = call("floor_divide", INDEX, at, step)
        tests.append(call("greater_equal", BOOL, at, constant(0, INDEX)))
        tests.append(call("less", BOOL, at, self.writer.integer(n)))
        return tests, at

    def _compare(self, index):
        """Let an element win against the best one so far."""
        value = self.x.load(*index)
        best, found = self.best.symbol, self.found.symbol
        order = (best, value) if self.largest else (value, best)
        wins = call("less", BOOL, *order)
        is_first = call("less", BOOL, found, constant(0, INDEX))
        wins = call("logical_or", BOOL, wins, is_first)
        if value.dtype.kind == "f":
            is_nan = call("logical_and", BOOL, _build("isnan", value), _build.equal(best, best))
            wins = call("logical_or", BOOL, wins, is_nan)
        wins = self.writer.let(wins, "wins")
        position = self.x.position(index)
        self.found.set(_build.select(wins, position, found))
        self.best.set(_build.select(wins, value, best))
