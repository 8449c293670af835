"""Rows that are selected: what makes them is computed of those rows alone.

`(x @ w)[rows]` is `x[rows] @ w`: where all readers of an array select along one axis, by index or
by slice, and need less than all of it, the selections move towards the inputs through everything
that works row by row.
"""

from fungrad.core.program import Literal, Variable
from fungrad.core.record import record
from fungrad.optimize.rewrite import Rebuilding, with_inputs
from fungrad.optimize.rowwise import axes_of_inputs, resized
from fungrad.primitives.indexing import Gather
from fungrad.primitives.movement import Reshape, Slice, Transpose

#: What one more equation must save, in arithmetic operations: a microsecond of one core.
COST = 4096
#: The most equations in a row through which a selection moves; it is a recursion.
_DEEPEST = 100
_WHOLE = None  # the demand of a reader that needs all of an array


@record(frozen=True)
class Range:
    """A slice along an axis."""

    start: int
    stop: int
    step: int

    @property
    def size(self):
        """How many places are selected."""
        return -(-(self.stop - self.start) // self.step)

    may_fail = False

    def take(self, x, axis, result, source):
        """The selected places of `x`."""
        starts, stops, steps = [0] * x.type.ndim, list(x.type.shape), [1] * x.type.ndim
        starts[axis], stops[axis], steps[axis] = self.start, self.stop, self.step
        return result.add(Slice(tuple(starts), tuple(stops), tuple(steps)), [x], source)


@record(frozen=True)
class Index:
    """An index array along an axis, the variable or literal of the old program."""

    index: Variable | Literal
    mode: str
    shown: object

    @property
    def size(self):
        """How many places are selected."""
        return self.index.type.size

    @property
    def may_fail(self):
        """Whether an index may lie outside."""
        return self.mode == "raise"

    def take(self, x, axis, result, source):
        """The selected places of `x`, along the same axis."""
        index = result.value(self.index)
        if index.type.ndim != 1:
            index = result.add(Reshape((self.size,)), [index], source)
        rows = result.add(Gather((axis,), self.mode, self.shown), [x, index], source)
        return with_axis_at(rows, 0, axis, result)


def select_early(program):
    """The same program, in which arrays of which few rows are read are made of few rows.

    `c = contract[...] a b; d = gather[axes=(0)] c i` becomes
    `c = gather[axes=(0)] a i; d = contract[...] c b`.
    """
    selecting = [e for e in program.equations if selection_of(e) is not None]
    if not selecting:
        return program
    barred = set()
    while True:
        moved = _plan(program, barred)
        wasteful = _wasteful(program, moved)
        if not wasteful:
            break
        barred |= wasteful
    return _Selecting(program, moved).run() if moved else program


def selection_of(equation):
    """The (axis, selection) of an equation that selects along an axis of its first input."""
    p = equation.primitive
    if isinstance(p, Gather):
        if len(p.axes) != 1 or p.mode not in ("raise", "clip", "wrap"):
            return None
        index = equation.inputs[1]
        return p.axes[0], Index(index, p.mode, p.shown or p.axes)
    if not isinstance(p, Slice):
        return None
    before, after = equation.inputs[0].type.shape, equation.outputs[0].type.shape
    if 0 in after or before == after:
        return None
    axis = min(range(len(before)), key=lambda a: after[a] / before[a])
    return axis, Range(p.starts[axis], p.stops[axis], p.steps[axis])


# ---- which equations are to be computed of selected rows


def _plan(program, barred):
    """{equation: (axis, selections)} of those whose output is needed at few places only."""
    demands = {v: {_WHOLE: 0} for v in program.outputs}
    moved = {}
    for equation in reversed(program.equations):
        found = {}
        for v in equation.outputs:
            found |= demands.pop(v, {})
        few = None if equation in barred else _few(equation, found)
        if few is not None:
            moved[equation] = few[0], tuple(found)
            _pass_on(equation, few, found, demands)
            continue
        chosen = selection_of(equation)
        for i, v in enumerate(equation.inputs):
            is_selected = chosen is not None and i == 0
            demands.setdefault(v, {})[chosen if is_selected else _WHOLE] = 0
    return {e: (axis, [s for _, s in found]) for e, (axis, found) in moved.items()}


def _few(equation, found):
    """The axis of the output, and those of the inputs, where few places of it are needed."""
    if not found or _WHOLE in found or max(found.values()) >= _DEEPEST:
        return None
    axes = {axis for axis, _ in found}
    if len(equation.outputs) != 1 or len(axes) != 1:
        return None
    (axis,) = axes
    if sum(s.size for _, s in found) >= equation.outputs[0].type.shape[axis]:
        return None
    inputs = axes_of_inputs(equation, axis)
    if inputs is None or all(a is None for a in inputs) and any(s.may_fail for _, s in found):
        return None
    return axis, inputs


def _pass_on(equation, few, found, demands):
    """Demand of the inputs what is demanded of the output."""
    for v, a in zip(equation.inputs, few[1], strict=True):
        asked = demands.setdefault(v, {})
        if a is None:
            asked[_WHOLE] = 0
            continue
        for (_, selection), depth in found.items():
            key = (a, selection)
            asked[key] = max(asked.get(key, 0), depth + 1)


def _wasteful(program, moved):
    """The equations that hang together and save less than the equations cost that are added."""
    group = {}  # equation -> the first one of those that it hangs together with
    saved = {}
    made_by = {v: e for e in moved for v in e.outputs}
    for equation in program.equations:
        if equation not in moved:
            continue
        above = [group[made_by[v]] for v in equation.inputs if v in made_by]
        first = above[0] if above else equation
        for other in set(above[1:]) - {first}:
            saved[first] += saved.pop(other)
            group |= {e: first for e, g in group.items() if g is other}
        group[equation] = first
        saved[first] = saved.get(first, 0) + _saving(equation, *moved[equation])
    return {e for e, first in group.items() if saved[first] <= 0}


def _saving(equation, axis, selections):
    inputs, outputs = [[v.type for v in vs] for vs in (equation.inputs, equation.outputs)]
    part = sum(s.size for s in selections) / outputs[0].shape[axis]
    return (1 - part) * equation.primitive.flops(inputs, outputs) - COST * len(selections)


# ---- the new program


class _Selecting(Rebuilding):
    """The program in the making; arrays of selected rows are made when a reader asks for them."""

    def __init__(self, program, moved):
        super().__init__(program)
        self._moved = {e.outputs[0]: e for e in moved}
        self._taken = {}  # (variable of the old program, axis, selection) -> its selected rows

    def run(self):
        """The new program."""
        for equation in self.program.equations:
            if any(v in self._moved for v in equation.outputs):
                continue
            if equation.inputs and equation.inputs[0] in self._moved:
                self.replace(equation.outputs[0], self._selected(equation))
            else:
                self.append(with_inputs(equation, self.values(equation.inputs)))
        return self.finish()

    def _selected(self, equation):
        """What stands for the output of a selection of an array that is not made as a whole."""
        axis, selection = selection_of(equation)
        rows = self._rows(equation.inputs[0], axis, selection, equation.source)
        p, shape = equation.primitive, equation.outputs[0].type.shape
        if isinstance(p, Gather):
            rows = with_axis_at(rows, axis, 0, self)
            return rows if rows.type.shape == shape else self.add(Reshape(shape), [rows])
        rest = [list(n) for n in (p.starts, p.stops, p.steps)]
        for n, whole in zip(rest, (0, selection.size, 1), strict=True):
            n[axis] = whole
        return self.add(Slice(*map(tuple, rest)), [rows], equation.source)

    def _rows(self, v, axis, selection, source):
        key = v, axis, selection
        if key in self._taken:
            return self._taken[key]
        made = self._moved.get(v)
        if made is None:
            rows = selection.take(self.value(v), axis, self, source)
        else:
            inputs = [
                self.value(x) if a is None else self._rows(x, a, selection, source)
                for x, a in zip(made.inputs, axes_of_inputs(made, axis), strict=True)
            ]
            rows = self.add(resized(made.primitive, axis, selection.size), inputs, made.source)
        self._taken[key] = rows
        return rows


def with_axis_at(x, axis, to, result):
    """The array with an axis moved to another place."""
    order = [a for a in range(x.type.ndim) if a != axis]
    order.insert(to, axis)
    return x if order == sorted(order) else result.add(Transpose(tuple(order)), [x])
