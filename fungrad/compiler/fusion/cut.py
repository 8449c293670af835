"""Large reductions in parts that threads share, where the outermost loop is one that is combined.

Such a loop nest gets a loop over a few parts around it, whose turns are independent. Where many
rows become few, each part combines some of them to partial results of its own, and a second kernel
combines these; where the rows are long and few, each part computes some of the results. How many
parts there are, and where they end, depends on sizes only.
"""

from fungrad.compiler.fusion.uses import has_room_for_parts
from fungrad.compiler.language.builder import Builder
from fungrad.compiler.language.numba_scalar import is_operator
from fungrad.compiler.language.parts import CALL_WEIGHT, LIGHT, PARTS, WORTH_WAKING
from fungrad.compiler.language.scalar import INDEX, constant
from fungrad.compiler.language.statements import Let, Loop, Return, Set

_build = Builder()

#: So many operations: the text of a kernel that is cut is another one, which has to be compiled.
_WORTH_CUTTING = 4 * WORTH_WAKING
_SHORTEST = 1024  # elements of a row in a part: what is read in shorter pieces comes slowly
_ROWS = 64  # at least, for partial results: the parts' are then an eighth of what is read
PART = _build.symbol("part", INDEX)


def axis_to_cut(nest, order):
    """The number of the axis that is to be cut, or None: where that does not pay or is not needed.

    `order` are the expressions of the kernel.
    """
    roots, axes = nest.roots, nest.axes
    if not axes or not is_worth_sharing(axes, order):
        return None
    reductions = [r for r in roots if r.reduction is not None or r.is_landing]
    if not any(r.reduces(axes[0].members[0]) or r.is_landing for r in reductions):
        return None
    if not has_room(nest):
        return None
    is_over_rows = nest.group.last_phase > 0  # all phases are in one loop over the rows
    if is_over_rows and axes[0].members[0] not in nest.group.row:
        return None  # later phases read what is combined along it, of all parts
    is_combined = all(r.reduces(axes[0].members[0]) or r.is_landing for r in reductions)
    if (is_combined or is_over_rows) and axes[0].value >= _ROWS:
        return 0
    if is_over_rows or any(r.is_landing for r in reductions):
        return None
    staying = [
        (axis.value, number)
        for number, axis in enumerate(axes)
        if not any(r.reduces(axis.members[0]) for r in reductions)
    ]
    longest, number = max(staying, default=(0, 0))
    return number if longest >= PARTS * _SHORTEST else None


def has_independent_turns(nest):
    """Whether a kernel is one loop nest whose outermost turns write different elements."""
    body = nest.writer.body
    if sum(isinstance(s, Loop) for s in body) != 1:
        return False
    if any(not isinstance(s, Let | Set | Loop | Return) for s in body):
        return False
    return not any(r.reduces(nest.axes[0].members[0]) or r.is_landing for r in nest.roots)


def has_room(nest):
    """Whether there may be as many targets of what lands as there are parts."""
    landing = [r.equation for r in nest.roots if r.is_landing]
    return all(has_room_for_parts(e, nest.group.work) for e in landing)


def is_worth_sharing(axes, order):
    """Whether a nest over these axes takes long enough for two threads."""
    return operations(axes, order) > _WORTH_CUTTING


def operations(axes, order):
    """The number of operations of a nest over these axes, an elementary function being several."""
    work = 1 + CALL_WEIGHT * sum(
        bool(x.operands) and x.op not in LIGHT and not is_operator(x) for x in order
    )
    for axis in axes:
        work *= axis.value
    return work


class Cut:
    """An axis of a nest that is cut: the statements around and inside its loops."""

    def __init__(self, writer, axis):
        self.writer, self.axis = writer, axis

    def loop_over_parts(self):
        """Write the loop over the parts; what it holds."""
        loop = Loop(PART.attribute, constant(PARTS, INDEX))
        self.writer.write(loop)
        with self.writer.block(loop.body):
            self.first = self.writer.let(self._end(PART), "first")
            last = self._end(PART + constant(1, INDEX))
            self.length = self.writer.let(last - self.first, "length")
        return loop.body

    def _end(self, number):
        product = self.axis.extent * number
        return _build.call("index_divide", INDEX, product, constant(PARTS, INDEX))

    def loop(self):
        """The loop over the axis in a part; its body begins with the index."""
        step = _build.symbol("step", INDEX)
        index = Let(self.axis.symbol.attribute, self.first + step)
        return Loop(step.attribute, self.length, body=[index])
