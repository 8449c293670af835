"""Routines along one axis: running combinations and recurrences."""

from fungrad.compiler.language import transposing
from fungrad.compiler.language.parts import PARTS
from fungrad.compiler.language.scalar import INDEX, Builder, call, constant
from fungrad.compiler.language.statements import Call, Point
from fungrad.primitives.cumulative import Recurrence

_build = Builder()

#: Words that take so long that lines are worth being laid next to each other for vectors of them.
_LONG = ("logaddexp",)
_LINES = 32  # next to each other: several vectors
_ABREAST = 4  # lines in one loop, where each step waits for the one before it
_LARGE = 100_000  # elements, from which on that is worth its code
_MOST = 2**20  # bytes of these, which stay in the second cache


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
    views = [as_lines(build.contiguous(v), primitive.axis) for v in inputs]
    target = as_lines(build.output(outputs[0]), primitive.axis)
    writer = build.kernel(f"{primitive.name}_kernel")
    running = _Running(writer, primitive, views, target)
    if _is_worth_turning(primitive, target):
        scratch = build.temporary(target.buffer.dtype, (PARTS, target.shape[1], _LINES))
        running.write_turned(scratch)
    else:
        running.write()
    writer.in_parts = target.shape[0] > 1
    build.call(writer)


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

    def __init__(self, writer, primitive, views, target):
        self.writer, self.primitive = writer, primitive
        self.before, self.n, self.after = target.shape
        self.inputs = [writer.array(v) for v in views]
        self.output = writer.array(target, is_written=True)

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
            lines = [begin + constant(k, INDEX) for k in range(_ABREAST)]
            zero = constant(0, INDEX)
            states = [writer.variable(self._first(i, zero, last), "state") for i in lines]
            with writer.loop(last) as j:
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
