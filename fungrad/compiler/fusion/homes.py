"""Values computed where they have to end up: memory taken over from an operand that dies.

An output of a program has a place that is given from outside. Its operand may already live there,
if it dies in the step that makes the output and that step reads it element by element, or begins
with it (a scatter begins with its operand). So a chain of updates works in one piece of memory.
"""

from fungrad.compiler.fusion.groups import Group
from fungrad.compiler.fusion.uses import lands, uses_of
from fungrad.compiler.language.views import row_major, source_of
from fungrad.core.primitive import Reduction
from fungrad.core.program import Variable
from fungrad.primitives.movement import Reshape


class Homes:
    """Where the stored values of a schedule may live, beyond memory of their own."""

    def __init__(self, program, schedule):
        self.schedule = schedule
        self.outputs = set(program.outputs)
        self.inputs = set(program.inputs)
        self.made_in, self.last_use = {}, {}
        self._taken = {}
        self._readers = {}  # of each group: the last phase that reads a variable
        for number, step in enumerate(schedule.steps):
            for v in step.outputs:
                self.made_in[v] = number
            for v in step.reads:
                self.last_use[v] = number
        end = len(schedule.steps)
        self.last_use.update({v: end for v in self.outputs if type(v) is Variable})

    def may_replace(self, old, new):
        """Whether `new` can be written over the input `old`, for which nobody waits any more."""
        if old.type is not new.type or new not in self.made_in:
            return False
        last, made = self.last_use.get(old, -1), self.made_in[new]
        return last < made or last == made and self._is_in_place(made, old, new)

    def predecessor(self, v):
        """The operand whose memory a value may take over, since it dies in the same step."""
        if v not in self._taken:
            operand = self._dying_operand(self.made_in[v], v)
            self._taken[v] = operand if operand not in self._taken.values() else None
        return self._taken[v]

    def chain(self, output, occupant=None):
        """The values that can live where `output` has to end up, `output` first.

        `occupant` is an input that lives there at first.
        """
        found = [output]
        while True:
            made = self.made_in[found[-1]]
            operand = self._dying_operand(made, found[-1])
            if operand is None or operand in self.inputs:
                return found
            if occupant is not None and not self.may_replace(occupant, operand):
                return found
            found.append(operand)

    def unshaped(self, v):
        """What `v` has the elements of, in their order, if it dies where `v` is made of it alone."""
        number, made = self.made_in[v], self.schedule.maker[v]
        step = self.schedule.steps[number]
        if not isinstance(made.primitive, Reshape) or not isinstance(step, Group):
            return None
        found = source_of(made.inputs[0], self.schedule.stored.__contains__, self.schedule.maker)
        if found is None or len(step.phases) != 1:
            return None
        source, start, strides = found
        shape = made.inputs[0].type.shape
        rows = zip(shape, strides, row_major(shape), strict=True)
        is_in_order = not start and all(n == 1 or s == c for n, s, c in rows)
        is_whole = is_in_order and source.type.size == v.type.size
        is_dying = self.last_use.get(source) == number and source in self.made_in
        return source if is_whole and is_dying else None

    def _dying_operand(self, number, output):
        step = self.schedule.steps[number]
        own = [v for v in step.reads if v in step.outputs]
        for v in (*reversed(own), *step.reads):
            is_dying = self.last_use[v] == number and v not in self.outputs
            if is_dying and v.type is output.type and self._is_in_place(number, v, output):
                return v
        return None

    def _is_in_place(self, number, old, new):
        """Whether a step may write `new` through the pointer that it reads `old` by."""
        step = self.schedule.steps[number]
        if isinstance(step, Group):
            if old in step.outputs:
                return self._is_in_row(step, old, new)
            maker = self.schedule.maker[new]
            if lands(maker):
                return old is maker.inputs[0] and self._is_only_begun_with(step, old)
            is_last = step.phases[maker] == step.last_phase and maker not in step.over_rows
            is_map = not isinstance(maker.primitive, Reduction)
            return is_map and is_last and old not in step.elsewhere and old not in step.outputs
        equation = step.equation
        begins = getattr(equation.primitive, "begins_with", {})
        number = begins.get(equation.outputs.index(new))
        if step.is_local or number is None:
            return False
        return equation.inputs[number] is old and old not in step.elsewhere

    def _is_only_begun_with(self, group, v):
        """Whether a group does not look at what one of its values begins as."""
        return v not in group.outputs and v not in self._reading_phases(group)

    def _is_in_row(self, group, old, new):
        """Whether a group may write `new` where it has written `old` in an earlier phase.

        So the exponentials of a softmax stand where the quotients will, and are still in the cache.
        """
        makers = [self.schedule.maker[v] for v in (old, new)]
        if any(isinstance(m.primitive, Reduction) or m in group.over_rows for m in makers):
            return False
        earlier, later = [group.phases[m] for m in makers]
        if earlier >= later or old in group.elsewhere:
            return False
        return self._reading_phases(group).get(old, 0) <= later

    def _reading_phases(self, group):
        """The last phase of a group in which each value is read."""
        if group not in self._readers:
            last = self._readers[group] = {}
            for equation, phase in group.phases.items():
                uses = uses_of(equation, self.schedule.maker, self.schedule.stored)
                for u in uses.stored:
                    last[u] = max(phase, last.get(u, 0))
        return self._readers[group]
