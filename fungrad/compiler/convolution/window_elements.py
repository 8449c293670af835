"""Which element of each window is the extremum; elements with a number taken from windows.

An element's number counts in the row-major order of a window. Comparing it with the number of each
element in turn, instead of going where it says, makes vectors of what would be gathers.
"""

from contextlib import ExitStack
from math import prod

import numpy as np

from fungrad.compiler.convolution.computed import operand
from fungrad.compiler.convolution.sliding import Sliding, joined
from fungrad.compiler.convolution.walks import Walk
from fungrad.compiler.language.builder import Builder
from fungrad.compiler.language.scalar import BOOL, INDEX, call, constant
from fungrad.compiler.language.views import row_major
from fungrad.compiler.moves.copy import fill

_build = Builder()
_MOST_TERMS = 32  # elements of a window that are written out one after another
_ZERO, _ONE = constant(0, INDEX), constant(1, INDEX)


def find_in_windows(build, primitive, inputs, outputs):
    """Write a search for the first extremum of every window and its number; nan wins."""
    x, (y, number) = operand(build, inputs[0]), (build.output(v) for v in outputs)
    dtype = x.buffer.dtype
    worst = constant(primitive.worst(dtype), dtype)
    if not prod(y.shape):
        return
    if not prod(x.shape):
        fill(build.entry, worst, y)
        fill(build.entry, constant(-1, number.buffer.dtype), number)
        return
    _, number, *_ = joined(x, number, primitive.windows, primitive.widths)
    x, y, windows, widths = joined(x, y, primitive.windows, primitive.widths)
    writer = build.kernel(f"{primitive.name}_kernel")
    sliding = Sliding(x.shape, windows, widths)
    search = _Search(writer, primitive.largest, worst, sliding, (y, number))
    if all(w is None or (w.left == 1 and w.right > 0) for w in windows):
        size = prod(y.shape) * prod(widths)
        search.write_simple(Walk(build, writer, sliding, [(x, worst)], size))
    else:
        search.write_guarded(x)
    build.call(writer)


class _Search:
    """The loops of a search: over the output, and inside over the elements of a window."""

    def __init__(self, writer, largest, worst, sliding, targets):
        self.writer, self.largest, self.worst, self.sliding = writer, largest, worst, sliding
        self.shape = targets[0].shape
        self.number_dtype = targets[1].buffer.dtype
        self.y, self.number = (writer.array(v, is_written=True) for v in targets)
        # Integers as wide as the elements, so that as many fit into a vector.
        self.integer = np.dtype(np.int32) if worst.dtype.itemsize <= 4 else INDEX
        self.row_major = row_major(sliding.widths)

    def write_simple(self, walk):
        """Without branches: what surrounds the array is the worst value, which never wins.

        Where it may be that no other one wins either, the winner is at first none, and a second
        loop over the row lets the first element that there is stand for it: inside of the first
        loop, this would keep LLVM from making vectors.
        """
        writer, outside = self.writer, self.sliding.reaches_outside
        search = self._along_row if prod(self.sliding.widths) > _MOST_TERMS else self._one_by_one
        with walk.places(self.shape[:-1]) as place:
            least = writer.variable(constant(0, self.number_dtype), "least") if outside else None
            search(walk, place, -1 if outside else 0)
            if outside:
                with writer.loop(writer.integer(self.shape[-1])) as i:
                    number = self.number.load(*place, i)
                    least.set(call("minimum", self.number_dtype, least.symbol, number))
                is_missing = call("less", BOOL, least.symbol, constant(0, self.number_dtype))
                with writer.branch(is_missing):
                    self._write_firsts(place)

    def _one_by_one(self, walk, place, none):
        """One window of a row after another."""
        with self.writer.loop(self.writer.integer(self.shape[-1])) as i:
            place = [*place, i]
            self._begin(none)
            with walk.window() as steps:
                value = walk.elements[0].load(*walk.index(place, steps))
                self._compare(value, self._numbered(steps))
            self._store(place, self.found.symbol)

    def _along_row(self, walk, place, none):
        """One element of large windows after another, for all windows of a row."""
        row = self.writer.integer(self.shape[-1])
        with self.writer.loop(row) as i:
            self.y.store([*place, i], self.worst)
            self.number.store([*place, i], constant(none, self.number_dtype))
        with walk.window() as steps, self.writer.loop(row) as i:
            here = [*place, i]
            value, best = walk.elements[0].load(*walk.index(here, steps)), self.y.load(*here)
            wins = self.writer.let(self._wins(value, best), "wins")
            number = _build.cast(self._numbered(steps), self.number_dtype)
            number = _build.select(wins, number, self.number.load(*here))
            self.number.store(here, number)
            self.y.store(here, _build.select(wins, value, best))

    def _write_firsts(self, place):
        """The number of the first element, for the windows of a row in which none has won."""
        writer, none = self.writer, constant(0, self.number_dtype)
        with writer.loop(writer.integer(self.shape[-1])) as i:
            is_none = call("less", BOOL, self.number.load(*place, i), none)
            with writer.branch(is_none):
                first = self._first([*place, i])
                self.number.store([*place, i], _build.cast(first, self.number_dtype))

    def write_guarded(self, x):
        """With a branch per element of the kernel, which asks whether it meets one."""
        writer, array = self.writer, self.writer.array(x)
        with ExitStack() as stack:
            place = [stack.enter_context(writer.loop(writer.integer(n))) for n in self.shape]
            self._begin(none=-1)
            with ExitStack() as inner:
                index, steps, inside = self._element(place, inner)
                if inside is not None:
                    inner.enter_context(writer.branch(inside))
                is_first = call("less", BOOL, self.found.symbol, constant(0, self.integer))
                self._compare(array.load(*index), self._numbered(steps), is_first)
            self._store(place, self.found.symbol)
        writer.in_parts = True

    def _begin(self, none):
        self.best = self.writer.variable(self.worst, "best")
        self.found = self.writer.variable(constant(none, self.integer), "found")

    def _store(self, place, found):
        self.number.store(place, _build.cast(found, self.number_dtype))
        self.y.store(place, self.best.symbol)

    def _numbered(self, steps):
        return _build.cast(number_of(self.writer, steps, self.row_major), self.integer)

    def _met(self, i, w):
        """The place of the first element of the kernel."""
        return i * self.writer.integer(w.out) + self.writer.integer(w.offset)

    def _first(self, place):
        """The number of the first element of a window, or -1."""
        writer, sliding, steps, exists = self.writer, self.sliding, [], None
        pairs = zip(place, sliding.shape, sliding.windows, sliding.widths, strict=True)
        for i, n, w, width in pairs:
            steps.append(None)
            if w is None:
                continue
            at, step = self._met(i, w), writer.integer(w.right)
            missing = call("maximum", INDEX, _ZERO - at, _ZERO)
            if w.right != 1:
                missing = call("floor_divide", INDEX, missing + step - _ONE, step)
            steps[-1] = missing
            last = at + step * writer.integer(width - 1)
            end = call("minimum", INDEX, last, writer.integer(n - 1))
            is_inside = call("less_equal", BOOL, at + missing * step, end)
            exists = is_inside if exists is None else call("logical_and", BOOL, exists, is_inside)
        return _build.select(exists, number_of(writer, steps, self.row_major), constant(-1, INDEX))

    def _element(self, place, inner):
        """An element of the window, inside loops: its index, its steps, whether there is one."""
        writer, sliding, index, steps, inside = self.writer, self.sliding, [], [], None
        pairs = zip(place, sliding.shape, sliding.windows, sliding.widths, strict=True)
        for i, n, w, width in pairs:
            steps.append(None)
            if w is None:
                index.append(i)
                continue
            steps[-1] = k = inner.enter_context(writer.loop(writer.integer(width)))
            at = writer.let(self._met(i, w) + k * writer.integer(w.right))
            tests, at = self._tests(at, n, w.left)
            for test in tests:
                inside = test if inside is None else call("logical_and", BOOL, inside, test)
            index.append(at)
        return index, steps, inside

    def _tests(self, at, n, left):
        """Whether a place is that of an element, and of which."""
        tests = []
        if left != 1:
            step = self.writer.integer(left)
            tests.append(_build.equal(call("remainder", INDEX, at, step), _ZERO))
            at = call("floor_divide", INDEX, at, step)
        tests.append(call("greater_equal", BOOL, at, _ZERO))
        tests.append(call("less", BOOL, at, self.writer.integer(n)))
        return tests, at

    def _compare(self, value, number, is_first=None):
        """Let an element win against the best one so far."""
        best, found = self.best.symbol, self.found.symbol
        wins = self._wins(value, best)
        if is_first is not None:
            wins = call("logical_or", BOOL, wins, is_first)
        wins = self.writer.let(wins, "wins")
        self.found.set(_build.select(wins, number, found))
        self.best.set(_build.select(wins, value, best))

    def _wins(self, value, best):
        """Whether an element wins against the best one: nan does, against all but nan."""
        order = (best, value) if self.largest else (value, best)
        if value.dtype.kind != "f":
            return call("less", BOOL, *order)
        loses = call("less_equal", BOOL, *reversed(order))
        return call("logical_and", BOOL, call("logical_not", BOOL, loses), _build.equal(best, best))


def number_of(writer, steps, strides):
    """The number of an element, from its steps along the axes."""
    total = _ZERO
    for step, stride in zip(steps, strides, strict=True):
        if step is not None:
            total = total + step * writer.integer(stride)
    return total


def take_from_windows(build, primitive, inputs, outputs):
    """Write the choice of the element with a number from each window."""
    x, number = operand(build, inputs[0]), build.contiguous(inputs[1])
    target = build.output(outputs[0])
    zero = constant(0, target.buffer.dtype)
    if not prod(target.shape) or not prod(x.shape):
        if prod(target.shape):
            fill(build.entry, zero, target)
        return
    _, number, *_ = joined(x, number, primitive.windows, primitive.widths)
    x, target, windows, widths = joined(x, target, primitive.windows, primitive.widths)
    writer = build.kernel(f"{primitive.name}_kernel")
    sliding, size = Sliding(x.shape, windows, widths), prod(target.shape) * prod(widths)
    walk = Walk(build, writer, sliding, [(x, zero)], size)
    numbers, y = writer.array(number), writer.array(target, is_written=True)
    with walk.places(target.shape) as place:
        wanted = numbers.load(*place)
        total = writer.variable(zero, "taken")
        with walk.window() as steps:
            mine = _build.cast(number_of(writer, steps, row_major(widths)), wanted.dtype)
            value = walk.elements[0].load(*walk.index(place, steps))
            total.set(_build.select(_build.equal(wanted, mine), value, total.symbol))
        y.store(place, total.symbol)
    build.call(writer)
