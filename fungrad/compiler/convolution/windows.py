"""Windows as views of memory, and reductions over them by direct loops."""

from contextlib import ExitStack
from math import prod

import numpy as np

from fungrad.compiler.language.scalar import BOOL, INDEX, Builder, call, constant
from fungrad.compiler.language.views import View
from fungrad.compiler.moves.copy import copy, fill
from fungrad.primitives.reductions import highest, lowest
from fungrad.primitives.windows import covered, met

_build = Builder()

_MOST_AT_ONCE = 16  # elements of a window; of more, sums along one axis after another are fewer


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
    given = _joined(x, target, primitive.windows, primitive.widths)
    for step in _passes(build, *given):
        if primitive.combine == "add" and any(w is not None and w.left > 1 for w in step[2]):
            _scatter_windows(build, primitive.name, *step)
        else:
            _gather_windows(build, primitive, identity, *step)


def _passes(build, x, target, windows, widths):
    """The reduction along all axes at once or, of large windows, along one after another."""
    axes = [a for a, w in enumerate(windows) if w is not None]
    if len(axes) < 2 or prod(widths) <= _MOST_AT_ONCE:
        yield x, target, windows, widths
        return
    axes.sort(key=lambda a: windows[a].size / x.shape[a])
    for a in axes:
        shape = (*x.shape[:a], windows[a].size, *x.shape[a + 1 :])
        made = target if a == axes[-1] else build.temporary(target.buffer.dtype, shape)
        alone = [w if b == a else None for b, w in enumerate(windows)]
        yield _joined(x, made, alone, [n if b == a else 1 for b, n in enumerate(widths)])
        x = made


def _gather_windows(build, primitive, identity, x, target, windows, widths):
    """One element of the output after another, from all elements of its window."""
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
    writer.in_parts = True
    build.call(writer)


def _scatter_windows(build, name, x, target, windows, widths):
    """One element of the input after another, added to all that it is a part of.

    So an input with holes is read as it is, as in the derivative of a sum over windows with
    strides. Seen from the output the windows are those of the other operation.
    """
    inverse = [w and w.from_output(n) for w, n in zip(windows, x.shape, strict=True)]
    sliding = Sliding(target.shape, inverse, widths)
    outside, memory = sliding.reaches_outside, target
    zero = constant(0, target.buffer.dtype)
    if outside:
        memory = build.temporary(target.buffer.dtype, sliding.covered_shape)
        fill(build.entry, zero, target)  # not all of it need be covered
    fill(build.entry, zero, memory)
    writer = build.kernel(f"{name}_kernel")
    elements = writer.array(x)
    sums = writer.array(sliding.view(memory, outside), is_written=True)
    with ExitStack() as stack:
        place, steps = [], []
        last_is_apart = inverse[-1] is not None
        for a, (n, w, width) in enumerate(zip(x.shape, inverse, widths, strict=True)):
            if a == len(x.shape) - 1 and not last_is_apart:
                continue
            place.append(stack.enter_context(writer.loop(writer.integer(n))))
            steps.append(
                None if w is None else stack.enter_context(writer.loop(writer.integer(width)))
            )
        if not last_is_apart:
            place.append(stack.enter_context(writer.loop(writer.integer(x.shape[-1]))))
            steps.append(None)
        at = [i for pair in zip(place, steps, strict=True) for i in pair if i is not None]
        sums.store(at, sums.load(*at) + elements.load(*place))
    build.call(writer)
    if outside:
        sliding.take_back(build, memory, target)


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
    sliding, memory = Sliding(x.shape, windows, widths), x
    dtype = x.buffer.dtype
    worst = constant((lowest if primitive.largest else highest)(dtype), dtype)
    is_simple = all(w is None or (w.left == 1 and w.right > 0) for w in windows)
    is_surrounded = is_simple and sliding.reaches_outside
    if is_surrounded:
        memory = sliding.surrounded(build, x, worst)
    writer = build.kernel(f"{primitive.name}_kernel")
    elements = sliding.view(memory, is_surrounded) if is_simple else None
    search = _Search(writer, primitive.largest, worst, target, sliding)
    if is_simple:
        search.write_simple(elements, x)
    else:
        search.write_guarded(x)
    writer.in_parts = True
    build.call(writer)


class _Search:
    """The loops of a search: over the output, and inside over the elements of a window."""

    def __init__(self, writer, largest, worst, target, sliding):
        self.writer, self.largest, self.worst, self.sliding = writer, largest, worst, sliding
        self.shape = target.shape
        self.y = writer.array(target, is_written=True)

    def _over_output(self, stack):
        """Loops over the output: the place in each axis."""
        return [stack.enter_context(self.writer.loop(self.writer.integer(n))) for n in self.shape]

    def _axes(self, place):
        """Per axis its place, size, window and width."""
        s = self.sliding
        return zip(place, s.shape, s.windows, s.widths, strict=True)

    def write_simple(self, elements, x):
        """Without branches: what surrounds the array is the worst value, which never wins.

        So the winner is at first none, for which the first element of the window stands, if there
        is one. Its position is counted from the beginning of the window, in integers as wide as the
        elements, so that as many fit into a vector.
        """
        writer = self.writer
        elements, strides = writer.array(elements), [writer.integer(s) for s in x.strides]
        is_narrow = x.buffer.dtype.itemsize <= 4 and prod(x.shape) < 2**31
        integer = np.dtype(np.int32) if is_narrow else INDEX
        none = constant(-1, integer)
        with ExitStack() as stack:
            place = self._over_output(stack)
            self.best = writer.variable(self.worst, "best")
            self.found = writer.variable(none, "found")
            with ExitStack() as inner:
                index, begin, steps = [], constant(0, INDEX), constant(0, INDEX)
                for (i, _, w, width), stride in zip(self._axes(place), strides, strict=True):
                    index.append(i)
                    if w is not None:
                        index.append(inner.enter_context(writer.loop(writer.integer(width))))
                        steps = steps + index[-1] * writer.integer(w.right) * stride
                        i = self._met(i, w)
                    begin = begin + i * stride
                self._compare(elements.load(*index), _build.cast(steps, integer))
            found = self.found.symbol
            is_none = call("less", BOOL, found, constant(0, integer))
            position = begin + _build.cast(found, INDEX)
            self.y.store(place, _build.select(is_none, self._first(place, strides), position))

    def _met(self, i, w):
        """The place of the first element of the kernel."""
        return i * self.writer.integer(w.out) + self.writer.integer(w.offset)

    def _first(self, place, strides):
        """The position of the first element of a window, or -1."""
        writer, zero, one = self.writer, constant(0, INDEX), constant(1, INDEX)
        position, exists = zero, None
        for (i, n, w, width), stride in zip(self._axes(place), strides, strict=True):
            if w is not None:
                at = self._met(i, w)
                step = writer.integer(w.right)
                missing = call("maximum", INDEX, zero - at, zero)
                if w.right != 1:
                    missing = call("floor_divide", INDEX, missing + step - one, step) * step
                i = at + missing
                last = at + step * writer.integer(width - 1)
                end = call("minimum", INDEX, last, writer.integer(n - 1))
                is_inside = call("less_equal", BOOL, i, end)
                exists = (
                    is_inside if exists is None else call("logical_and", BOOL, exists, is_inside)
                )
            position = position + i * stride
        if exists is None or not self.sliding.reaches_outside:
            return position
        return _build.select(exists, position, constant(-1, INDEX))

    def write_guarded(self, x):
        """With a branch per element of the kernel, which asks whether it meets one."""
        writer, self.x = self.writer, self.writer.array(x)
        with ExitStack() as stack:
            place = self._over_output(stack)
            self.best = writer.variable(self.worst, "best")
            self.found = writer.variable(constant(-1, INDEX), "found")
            with ExitStack() as inner:
                index, inside = self._element(place, inner)
                if inside is not None:
                    inner.enter_context(writer.branch(inside))
                is_first = call("less", BOOL, self.found.symbol, constant(0, INDEX))
                self._compare(self.x.load(*index), self.x.position(index), is_first)
            self.y.store(place, self.found.symbol)

    def _element(self, place, inner):
        """The index of an element of the window, inside loops, and whether there is one."""
        writer, index, inside = self.writer, [], None
        for i, n, w, width in self._axes(place):
            if w is None:
                index.append(i)
                continue
            k = inner.enter_context(writer.loop(writer.integer(width)))
            at = writer.let(self._met(i, w) + k * writer.integer(w.right))
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

    def _compare(self, value, position, is_first=None):
        """Let an element win against the best one so far."""
        best, found = self.best.symbol, self.found.symbol
        order = (best, value) if self.largest else (value, best)
        wins = call("less", BOOL, *order)
        if is_first is not None:
            wins = call("logical_or", BOOL, wins, is_first)
        if value.dtype.kind == "f":
            is_nan = call("logical_and", BOOL, _build("isnan", value), _build.equal(best, best))
            wins = call("logical_or", BOOL, wins, is_nan)
        wins = self.writer.let(wins, "wins")
        self.found.set(_build.select(wins, position, found))
        self.best.set(_build.select(wins, value, best))
