"""Routines along one axis: running combinations and recurrences."""

from math import prod

from fungrad.compiler.language import transposing
from fungrad.compiler.language.builder import Builder
from fungrad.compiler.language.parts import PARTS
from fungrad.compiler.language.scalar import INDEX, call, constant
from fungrad.compiler.language.statements import Call
from fungrad.compiler.order import streamed_lines
from fungrad.compiler.order.lines import AtHand, Computed, as_lines, following, operand
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


def cumulative(build, primitive, inputs, outputs):
    """Write a running combination: `y[i] = combine(y[i-1], x[i])`, or a linear recurrence."""
    if not build.lowering.postponed and _goes_on(build, primitive, outputs[0]):
        build.lowering.postponed.append(build.equation)
        return
    target = as_lines(build.output(outputs[0]), primitive.axis)
    writer = build.kernel(f"{primitive.name}_kernel")
    equations = [*build.lowering.postponed, build.equation]
    build.lowering.postponed.clear()
    primitives, of_what = [e.primitive for e in equations], (target.shape, target.buffer.dtype)
    if streamed_lines.are_lines(primitives, *of_what):
        streamed_lines.write_lines(build, writer, equations, target)
    elif len(equations) > 1:
        _write_both(build, writer, equations[0], target)
    elif streamed_lines.are_columns(primitive, *of_what):
        streamed_lines.write_columns(build, writer, build.equation, target)
    else:
        _write_one(build, writer, primitive, target)
    build.call(writer)


def _write_one(build, writer, primitive, target):
    operands = [operand(build, writer, v, primitive.axis) for v in build.equation.inputs]
    output = writer.array(target, is_written=True)
    running = _Running(writer, primitive, operands, output, target.shape)
    if _is_worth_turning(primitive, target):
        scratch = build.temporary(target.buffer.dtype, (PARTS, target.shape[1], _LINES))
        running.write_turned(scratch)
    else:
        running.write()
    writer.in_parts = target.shape[0] > 1


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
            at_hand = AtHand(scratch, part, {i: number(k) for k, i in enumerate(lines)})
            inputs = [operand(build, writer, x, axis) for x in first.inputs]
            passes = [_Running(writer, first.primitive, inputs, at_hand, shape)]
            inputs = [Computed(build, writer, x, axis, (v, at_hand)) for x in build.equation.inputs]
            passes.append(_Running(writer, build.equation.primitive, inputs, output, shape))
            for each in passes:
                each.advance(lines, n - number(1))
    writer.in_parts = True


# ---- one of them


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
            own = turned.at(part, index(0), index(0))
            with writer.loop(stop - start) as block:
                first = writer.let((start + block) * index(_LINES), "first")
                left = _build.call("minimum", INDEX, before - first, index(_LINES))
                lines, zero = writer.let(left, "lines"), index(0)
                x, y = (a.at(first, zero, zero) for a in (*self.inputs, self.output))
                turn = f"transpose_{turned.dtype.name}"
                writer.write(Call(turn, [lines, n, x, n, own, index(_LINES)]))
                with writer.loop(last) as j, writer.loop(index(_LINES)) as k:
                    here, there = self._places(j, last)
                    value = turned.load(part, here, k)
                    state = turned.load(part, there, k)
                    state = call(self.primitive.combine, state.dtype, state, value)
                    turned.store((part, here, k), state)
                writer.write(Call(turn, [n, lines, own, index(_LINES), y, n]))

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
        return following(self.primitive, self.inputs, state, index)
