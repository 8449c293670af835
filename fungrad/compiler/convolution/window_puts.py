"""Elements put into windows: sums of what windows have for the element with a number.

As in `window_elements` each element is compared with the numbers of all windows that it is in.
"""

from contextlib import ExitStack
from itertools import product
from math import prod

from fungrad.compiler.convolution.computed import array, operand
from fungrad.compiler.convolution.reach import Phase, Reach
from fungrad.compiler.convolution.sliding import Sliding, joined
from fungrad.compiler.convolution.walks import Walk
from fungrad.compiler.language.builder import Builder
from fungrad.compiler.language.scalar import BOOL, INDEX, call, constant
from fungrad.compiler.language.views import View, row_major
from fungrad.compiler.moves.copy import fill
from fungrad.primitives.windows import Window

_build = Builder()
_MOST_PHASES = 16
_MOST_TERMS = 32  # elements of a window that are written out one after another
_ZERO = constant(0, INDEX)


def put_into_windows(build, primitive, inputs, outputs):
    """Write the sums of what windows have for the element with a number, times the factor if any."""
    y, number = (build.contiguous(v) for v in inputs[:2])
    factor = operand(build, inputs[2]) if len(inputs) > 2 else None
    target = build.output(outputs[0])
    if not prod(target.shape) or not prod(y.shape):
        if prod(target.shape):
            fill(build.entry, constant(0, target.buffer.dtype), target)
        return
    _, number, *_ = joined(target, number, primitive.windows, primitive.widths)
    target, y, windows, widths = joined(target, y, primitive.windows, primitive.widths)
    sliding = Sliding(target.shape, windows, widths)
    reach = {
        a: Reach(w.from_output(n), w.size, width)
        for a, (n, w, width) in enumerate(zip(target.shape, windows, widths, strict=True))
        if w is not None
    }
    phases = prod([len(r.phases) for r in reach.values()])
    if phases <= _MOST_PHASES and prod(widths) <= _MOST_TERMS:
        _Gathering(build, sliding, reach, (y, number, factor), target).write()
        return
    _write_scattered(build, sliding, (y, number), target)
    if factor is not None:
        writer = build.kernel("multiply_kernel")
        _multiply(build, writer, factor, target, (), windows[-1] is not None)
        writer.in_parts = True
        build.call(writer)


def _multiply(build, writer, factor, target, front, rows_slide):
    """Multiply what an array has at an index of its first axes by the same of another.

    Both are in row-major order, so one loop goes over all that is left: rows in which windows slide
    may be short. Where these are features, a factor that is computed has a loop for each axis:
    biases would be found by a division for each element.
    """
    rank, shape = len(front), target.shape
    if rows_slide or factor.buffer.kind != "computed":
        shape = (*shape[:rank], prod(shape[rank:]))
    x, y = (View(v.buffer, v.offset, shape, row_major(shape)) for v in (factor, target))
    x, y = array(build, writer, x), writer.array(y, is_written=True)
    with ExitStack() as stack:
        index = [*front, *[stack.enter_context(writer.loop(writer.integer(n))) for n in shape[rank:]]]
        value, factor = y.load(*index), x.load(*index)
        is_mask = factor.dtype.kind == "b" and value.dtype.kind != "b"
        zero = constant(0, value.dtype)
        y.store(index, _build.select(factor, value, zero) if is_mask else value * factor)


class _Gathering:
    """One element of the target after another, from all windows that it is in.

    Elements that are a stride apart are alike: they are in as many windows, as the same elements of
    these. So each such phase has loops of its own; those of the last axis share one, which writes
    neighbours.
    """

    def __init__(self, build, sliding, reach, operands, target):
        self.build, self.writer = build, build.kernel("window_put_kernel")
        self.widths, self.target, self.reach = sliding.widths, target, reach
        self.zero, self.shifts = constant(0, target.buffer.dtype), {}
        y, number, self.factor = operands
        frame = [
            Window(reach[a].size, 1, 1, 1, reach[a].low) if a in reach else None
            for a in range(len(y.shape))
        ]
        arrays = (y, self.zero), (number, constant(-1, number.buffer.dtype))
        size = prod(y.shape) * prod(sliding.widths)
        sliding = Sliding(y.shape, frame, [1] * len(y.shape))
        self.walk = Walk(build, self.writer, sliding, arrays, size)

    def write(self):
        """Write everything."""
        self.y = self.writer.array(self.target, is_written=True)
        with self.walk.images() as front, ExitStack() as stack:
            for a in range(len(front), len(self.target.shape) - 1):
                if a in self.reach:
                    break
                n = self.writer.integer(self.target.shape[a])
                front = [*front, stack.enter_context(self.writer.loop(n))]
            phases = [self._phases(a) for a in range(len(front), len(self.target.shape))]
            for chosen in product(*phases[:-1]):
                self._rows(front, chosen, phases[-1])
            if self.factor is not None:
                rows_slide = len(self.target.shape) - 1 in self.reach
                _multiply(self.build, self.writer, self.factor, self.target, front, rows_slide)
        self.build.call(self.writer)

    def _shift(self, at):
        """A distance as a parameter: LLVM shall not know that a turn reads what the next one does.

        It would keep that in a register from turn to turn, and then see no vectors: windows of 3 x
        3, two steps apart, took six times as long.
        """
        if at not in self.shifts:
            self.shifts[at] = self.writer.parameter(at)
        return self.shifts[at]

    def _phases(self, a):
        """The phases of an axis: where nothing slides, one of all places."""
        if a in self.reach:
            return self.reach[a].phases
        return [Phase(0, 1, self.target.shape[a], 1, {0: 0})]

    def _rows(self, front, chosen, last):
        """The rows of a phase of all axes but the last.

        First where all phases of the last axis have an element, then what is left of each.
        """
        writer, integer = self.writer, self.writer.integer
        with ExitStack() as stack:
            numbers = [stack.enter_context(writer.loop(integer(p.count))) for p in chosen]
            full = min(p.count for p in last)
            with writer.loop(integer(full)) as i:
                for phase in last:
                    self._element(front, [*numbers, i], (*chosen, phase))
            for phase in last:
                if phase.count > full:
                    with writer.loop(integer(phase.count - full)) as i:
                        self._element(front, [*numbers, i + integer(full)], (*chosen, phase))

    def _element(self, front, numbers, phases):
        """The sum for an element, whose numbers in its phases are given."""
        writer, integer, total = self.writer, self.writer.integer, self.zero
        y, wanted = self.walk.elements
        strides = row_major(self.widths)[len(front) :]
        for terms in product(*[p.reach.items() for p in phases]):
            index = list(front)
            for a, (q, p, (_, at)) in enumerate(zip(numbers, phases, terms, strict=True)):
                index.append(q * integer(p.distance) + self._shift(at))
                if a + len(front) in self.reach:
                    index.append(_ZERO)
            mine = sum(k * stride for (k, _), stride in zip(terms, strides, strict=True))
            found = wanted.load(*index)
            is_mine = _build.equal(found, constant(mine, found.dtype))
            value = _build.select(is_mine, y.load(*index), self.zero)
            total = value if total is self.zero else writer.let(total + value, "total")
        place = [
            q * integer(p.step) + integer(p.start) for q, p in zip(numbers, phases, strict=True)
        ]
        self.y.store([*front, *place], total)


def _write_scattered(build, sliding, operands, target):
    """One window after another, each of which adds what it has where its number says."""
    fill(build.entry, constant(0, target.buffer.dtype), target)
    writer = build.kernel("window_put_kernel")
    y, number = (writer.array(v) for v in operands)
    x, integer = writer.array(target, is_written=True), writer.integer
    with ExitStack() as stack:
        place = [stack.enter_context(writer.loop(integer(n))) for n in operands[0].shape]
        found = writer.let(_build.cast(number.load(*place), INDEX), "number")
        stack.enter_context(writer.branch(call("greater_equal", BOOL, found, _ZERO)))
        index = []
        rows = zip(place, sliding.windows, sliding.widths, row_major(sliding.widths), strict=True)
        for i, w, width, stride in rows:
            if w is not None:
                k = call("index_divide", INDEX, found, integer(stride))
                k = call("index_remainder", INDEX, k, integer(width))
                i = i * integer(w.out) + k * integer(w.right) + integer(w.offset)
                i = call("index_divide", INDEX, i, integer(w.left))
            index.append(i)
        x.store(index, x.load(*index) + y.load(*place))
    writer.in_parts = sliding.windows[0] is None
    build.call(writer)
