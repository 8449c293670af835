"""Operands of joined arrays that are computed where they have to end up, so that nothing is copied.

An array that only a concatenation reads, as it is or reshaped, may live in the memory of the result
from the start, if it stands there without gaps. Its part of the loops that join the operands then
has nothing to do, and is left out (see `kernels_of`).
"""

from fungrad.compiler.fusion.groups import Group
from fungrad.compiler.language.literals import LITERAL
from fungrad.compiler.language.views import View, row_major, source_of


class Joins:
    """For the variables of a schedule: whose memory they are part of, and where in it."""

    def __init__(self, homes, schedule, is_array):
        self.homes, self.schedule, self.is_array = homes, schedule, is_array
        self.places = {}  # variable -> (the joined array, offset in elements)
        for number, step in enumerate(schedule.steps):
            if isinstance(step, Group) and len(step.phases) == 1:
                (equation,) = step.equations
                if hasattr(equation.primitive, "regions"):
                    self._place(equation, number)

    def _place(self, equation, number):
        (joined,) = equation.outputs
        starts = equation.primitive.regions(*[v.type for v in equation.inputs])
        if starts is None or not self.is_array(joined) or self.homes.chain(joined) != [joined]:
            return
        if joined.type.shape[equation.primitive.axis] <= LITERAL:
            return  # one loop joins all operands: see `LoopNest.halves`
        for v, place in zip(equation.inputs, starts, strict=True):
            found = source_of(v, self._is_stored, self.schedule.maker)
            if found is None:
                continue
            source, start, strides = found
            is_whole = not start and strides == row_major(v.type.shape)
            if is_whole and source.type.size == v.type.size and self._ends(source, number):
                self.places.setdefault(source, (joined, place))

    def _is_stored(self, v):
        return v in self.schedule.stored

    def _ends(self, v, number):
        """Whether a value can live in the result: it is made here, and dies in that step."""
        maker = self.schedule.maker.get(v)
        if maker is None or not self.is_array(v) or self.homes.last_use.get(v) != number:
            return False
        return not hasattr(maker.primitive, "begins_with")

    def view(self, v, view_of):
        """The place of `v` in the array that it is part of; None if it is part of none."""
        if v not in self.places:
            return None
        joined, offset = self.places[v]
        whole, shape = view_of(joined), v.type.shape
        if whole is None:
            return None
        return View(whole.buffer, whole.offset + offset, shape, row_major(shape))
