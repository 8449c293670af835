"""Elements of a program's values as expressions in a routine's kernel: computed where they are read."""

from fungrad.compiler.language.statements import load
from fungrad.core.program import Literal


class Elements:
    """The elements of the values that a lowering knows, for one kernel.

    What is stored is loaded; all else is computed from what is stored. The results may hold size
    symbols of the index builder (see `KernelWriter.resolved`).
    """

    def __init__(self, lowering, writer, index):
        self.lowering, self.writer, self.index = lowering, writer, index
        self.known = {}

    def element(self, v, at):
        """The element of a variable or literal at an index."""
        if type(v) is Literal:
            return self.writer.scalar(self.lowering.literal(v))
        if (v, at) not in self.known:
            self.known[v, at] = self._element(v, at)
        return self.known[v, at]

    def _element(self, v, at):
        schedule = self.lowering.schedule
        if v in schedule.stored:
            return self._loaded(v, at)
        equation = schedule.maker[v]
        inputs = equation.inputs
        return self.index.element(equation, at, lambda i, at: self.element(inputs[i], tuple(at)))

    def _loaded(self, v, at):
        scalar = self.lowering.local_scalar(v, at)
        if scalar is not None:
            return self.writer.scalar(scalar)
        view = self.lowering.view(v)
        place = self.index.expression(self.index.position(at, view.strides))
        pointer = self.writer.pointer(view.buffer, view.offset)
        return load(pointer, self.writer.resolved(place, self.index), v.type.dtype)
