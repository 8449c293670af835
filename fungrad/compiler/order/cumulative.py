"""Routines along one axis: running combinations and recurrences."""

from math import prod

from fungrad.compiler.language import transposing
from fungrad.compiler.language.elements import Elements
from fungrad.compiler.language.index import IndexBuilder
from fungrad.compiler.language.parts import PARTS
from fungrad.compiler.language.scalar import INDEX, Builder, call, constant
from fungrad.compiler.language.statements import Call, Point
from fungrad.primitives.cumulative import CumMax, CumMin, CumProd, CumSum, Recurrence

_build = Builder()

#: Words that take so long that lines are worth being laid next to each other for vectors of them.
_LONG = ("logaddexp",)
_LINES = 32  # next to each other: several vectors
_ABREAST = 4  # lines in one loop, where each step waits for the one before it
_LARGE = 100_000  # elements, from which on that is worth its code
_MOST = 2**20  # bytes of these, which stay in the second cache
_MOST_LINES = 2**18  # bytes of lines that two combinations go along, one after the other
_QUICK = (CumSum, CumProd, CumMax, CumMin, Recurrence)


def _split(shape, axis):
    """The shape as (before, along, after) the axis."""
    before = after = 1
    for n in shape[:axis]:
        before *= n
    for n in shape[axis + 1 :]:
        after *= n
    return before, shape[axis], after


def as_lines(view, axis):
    """A row-major view as an array of three axes, the middle one being the axis."""
    before, n, after = _split(view.shape, axis)
    return type(view)(view.buffer, view.offset, (before, n, after), (n * after, after, 1))


def cumulative(build, primitive, inputs, outputs):
    """Write a running combination: `y[i] = combine(y[i-1], x[i])`, or a linear recurrence."""
    if not build.lowering.postponed and _goes_on(build, primitive, outputs[0]):
        build.lowering.postponed.append(build.equation)
        return
    target = as_lines(build.output(outputs[0]), primitive.axis)
    writer = build.kernel(f"{primitive.name}_kernel")
    if build.lowering.postponed:
        (first,) = build.lowering.postponed
        build.lowering.postponed.clear()
        _write_both(build, writer, first, target)
    else:
        operands = [_operand(build, writer, v, primitive.axis) for v in inputs]
        output = writer.array(target, is_written=True)
        running = _Running(writer, primitive, operands, output, target.shape)
        if _is_worth_turning(primitive, target):
            scratch = build.temporary(target.buffer.dtype, (PARTS, target.shape[1], _LINES))
            running.write_turned(scratch)
        else:
            running.write()
    writer.in_parts = target.shape[0] > 1
    build.call(writer)


# ---- two of them on the same lines


def _goes_on(build, primitive, output):
    """Whether the next step runs along the same lines, and reads a result nobody else does.

    Then both are computed a few lines at a time, and the first result never leaves the cache: in
    the gradient of a function of running sums these stand between its two passes.
    """
    reader, shape = build.only_reader(output), output.type.shape
    if reader is None or not all(isinstance(p, _QUICK) for p in (primitive, reader.primitive)):
        return False
    if {primitive.axis, reader.primitive.axis} != {len(shape) - 1}:
        return False
    n, size, itemsize = shape[-1], prod(shape), output.type.dtype.itemsize
    is_long = size >= max(_LARGE, PARTS * _ABREAST * n)
    return is_long and n * _ABREAST * itemsize <= _MOST_LINES


def _write_both(build, writer, first, target):
    """A few lines of the first, in scratch memory of the part, and then of the second."""
    number = lambda value: constant(value, INDEX)
    (v,), axis, shape = first.outputs, first.primitive.axis, target.shape
    before, n = map(writer.integer, shape[:2])
    scratch = build.temporary(v.type.dtype, (PARTS, _ABREAST, shape[1]))
    output = writer.array(target, is_written=True)
    scratch = writer.array(scratch, is_written=True)
    blocks = writer.parameter(-(-shape[0] // _ABREAST))
    with writer.loop(number(PARTS), "part") as part:
        start, stop = [
            writer.let(_build.call("index_divide", INDEX, blocks * p, number(PARTS)), "block")
            for p in (part, part + number(1))
        ]
        with writer.loop(stop - start) as block:
            begin = (start + block) * number(_ABREAST)
            begin = writer.let(
                _build.call("minimum", INDEX, begin, before - number(_ABREAST)), "line"
            )
            lines = [begin + number(k) for k in range(_ABREAST)]
            at_hand = _AtHand(scratch, part, {i: number(k) for k, i in enumerate(lines)})
            inputs = [_operand(build, writer, x, axis) for x in first.inputs]
            passes = [_Running(writer, first.primitive, inputs, at_hand, shape)]
            inputs = [
                _Computed(build, writer, x, axis, (v, at_hand)) for x in build.equation.inputs
            ]
            passes.append(_Running(writer, build.equation.primitive, inputs, output, shape))
            for each in passes:
                each.advance(lines, n - number(1))


class _AtHand:
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


# ---- one of them


def _operand(build, writer, v, axis):
    """Access to the elements of an operand by (before, along, after) the axis."""
    if build.is_computed_where_read(v):
        return _Computed(build, writer, v, axis)
    return writer.array(as_lines(build.contiguous(v), axis))


class _Computed:
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


def _is_worth_turning(primitive, target):
    """Whether blocks of lines are transposed first, so that they advance next to each other."""
    before, n, after = target.shape
    dtype = target.buffer.dtype
    if getattr(primitive, "combine", None) not in _LONG or not transposing.is_known(dtype):
        return False
    fits = n * _LINES * dtype.itemsize <= _MOST
    return after == 1 and before >= PARTS * _LINES and n >= transposing.SHORTEST and fits


class _Running:
    """Loops over lines; the lines next to each other advance together, so that loops vectorise."""

    def __init__(self, writer, primitive, inputs, output, shape):
        self.writer, self.primitive = writer, primitive
        self.before, self.n, self.after = shape
        self.inputs, self.output = inputs, output

    def write(self):
        if not self.n:
            return
        writer = self.writer
        before, n, after = map(writer.integer, (self.before, self.n, self.after))
        last = n - constant(1, INDEX)
        if self.after == 1 and self.before >= _ABREAST and self.before * self.n >= _LARGE:
            self._several_lines(before, last)
            return
        with writer.loop(before) as i:
            if self.after == 1:
                self._line(i, last)
                return
            with writer.loop(after) as k:
                self._first(i, k, last)
            with writer.loop(last) as j, writer.loop(after) as k:
                here, there = self._places(j, last)
                state = self.output.load(i, there, k)
                self.output.store((i, here, k), self._next(state, i, here, k))

    def write_turned(self, scratch):
        """Blocks of lines: transposed, combined next to each other, and transposed back."""
        writer, index = self.writer, lambda number: constant(number, INDEX)
        n, before = map(writer.integer, (self.n, self.before))
        last, blocks = n - index(1), writer.parameter(-(-self.before // _LINES))
        turned = writer.array(scratch, is_written=True)
        with writer.loop(index(PARTS), "part") as part:
            start, stop = (
                writer.let(_build.call("index_divide", INDEX, blocks * p, index(PARTS)), "block")
                for p in (part, part + index(1))
            )
            own = self._pointer(turned, (part, index(0), index(0)))
            with writer.loop(stop - start) as block:
                first = writer.let((start + block) * index(_LINES), "first")
                left = _build.call("minimum", INDEX, before - first, index(_LINES))
                lines, zero = writer.let(left, "lines"), index(0)
                x, y = (self._pointer(a, (first, zero, zero)) for a in (*self.inputs, self.output))
                turn = f"transpose_{turned.dtype.name}"
                writer.write(Call(turn, [lines, n, x, n, own, index(_LINES)]))
                with writer.loop(last) as j, writer.loop(index(_LINES)) as k:
                    here, there = self._places(j, last)
                    value = turned.load(part, here, k)
                    state = turned.load(part, there, k)
                    state = call(self.primitive.combine, state.dtype, state, value)
                    turned.store((part, here, k), state)
                writer.write(Call(turn, [n, lines, own, index(_LINES), y, n]))

    def _pointer(self, array, index):
        name = self.writer.fresh("lines_of")
        place = array.position(index)
        self.writer.write(Point(name, f"offset({array.pointer}, {{}})", (place,)))
        return name

    def _several_lines(self, before, last):
        """A few lines in one loop, so that one step need not wait; the last few overlap others."""
        writer, count = self.writer, constant(_ABREAST, INDEX)
        with writer.loop(writer.parameter(-(-self.before // _ABREAST))) as block:
            begin = _build.call("minimum", INDEX, block * count, before - count)
            begin = writer.let(begin, "line")
            self.advance([begin + constant(k, INDEX) for k in range(_ABREAST)], last)

    def advance(self, lines, last):
        """Go along some lines, each a step behind the other."""
        zero = constant(0, INDEX)
        states = [self.writer.variable(self._first(i, zero, last), "state") for i in lines]
        with self.writer.loop(last) as j:
            here, _ = self._places(j, last)
            for i, state in zip(lines, states, strict=True):
                state.set(self._next(state.symbol, i, here, zero))
                self.output.store((i, here, zero), state.symbol)

    def _line(self, i, last):
        """One line: what was written last stays in a local variable."""
        zero = constant(0, INDEX)
        first = self._first(i, zero, last)
        state = self.writer.variable(first, "state")
        with self.writer.loop(last) as j:
            here, _ = self._places(j, last)
            state.set(self._next(state.symbol, i, here, zero))
            self.output.store((i, here, zero), state.symbol)

    def _places(self, j, last):
        """The place in turn j + 1 and the one before it."""
        one = constant(1, INDEX)
        return (last - one - j, last - j) if self.primitive.reverse else (j + one, j)

    def _first(self, i, k, last):
        place = last if self.primitive.reverse else constant(0, INDEX)
        value = self.inputs[-1].load(i, place, k)
        self.output.store((i, place, k), value)
        return value

    def _next(self, state, *index):
        value = self.inputs[-1].load(*index)
        if isinstance(self.primitive, Recurrence):
            return self.inputs[0].load(*index) * state + value
        return call(self.primitive.combine, state.dtype, state, value)
