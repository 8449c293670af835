"""Routines along one axis: running combinations and recurrences."""

from fungrad.compiler.language.scalar import INDEX, call, constant
from fungrad.primitives.cumulative import Recurrence


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
    _Running(writer, primitive, views, target).write()
    writer.in_parts = target.shape[0] > 1
    build.call(writer)


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
