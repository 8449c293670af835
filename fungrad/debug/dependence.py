"""How a loss depends on its parameters: on which, through what, and where derivatives are lost."""

import numpy as np

from fungrad.api.arguments import select_arguments
from fungrad.api.jitting import jit
from fungrad.api.operands import operand_of
from fungrad.api.recorded import Recorded
from fungrad.control.call import Call
from fungrad.core.errors import UnknownValueError
from fungrad.core.evaluation import evaluator
from fungrad.core.program import Literal
from fungrad.core.tree import flatten
from fungrad.inspection.lines import place_of
from fungrad.optimize.inline import inline_calls
from fungrad.primitives.elementwise import stop_gradient
from fungrad.transforms.jvp import stopping_equations
from fungrad.transforms.vjp import vjp


class Dependence:
    """The recorded program of a loss at some arguments; `count` leaves are parameters."""

    def __init__(self, loss, args, kwargs, count, title):
        program, operands, first = _recorded(loss, args, kwargs, title)
        self.program = inline_calls(program, Call)
        self.operands, self.first = operands, first
        marks = tuple([first <= i < first + count for i in range(len(program.inputs))])
        active = tuple(
            [m and v.type.is_differentiable for m, v in zip(marks, program.inputs, strict=True)]
        )
        halves = vjp(self.program, active, (True,) * len(program.outputs))
        self._has = halves.has_cotangent
        self._active = active
        self._needed = _needed(self.program)

    def is_used(self, k):
        """Whether the loss reads parameter leaf k at all."""
        return self.program.inputs[self.first + k] in self._needed

    def has_derivative(self, k):
        """Whether a derivative reaches parameter leaf k."""
        return self._has[self.first + k]

    def stops(self, k, asked=True):
        """The equations at which the derivative in leaf k ends, "rint at model.py:3  ...".

        Comparisons and `stop_gradient` are not among them, unless `asked`: what a comparison
        decides has no derivative anyway, and the other one stops on purpose.
        """
        mine = tuple([i == self.first + k for i in range(len(self._active))])
        active = tuple([a and m for a, m in zip(self._active, mine, strict=True)])
        found = []
        for e in stopping_equations(self.program, active):
            is_needed = any(v in self._needed for v in e.outputs)
            is_meant = e.primitive is stop_gradient
            is_meant |= all(v.type.dtype.kind == "b" for v in e.outputs)
            if is_needed and (asked or not is_meant):
                place = place_of(e)
                found.append(f"{e.primitive}{f' at {place.name}  {place.text}' if place else ''}")
        return found

    def dead_rectifiers(self):
        """Sentences on equations that are 0 for every sample in some units, as a ReLU may be.

        Such an equation returns max(x, 0) of an operand x; its units are along the last axis.
        """
        values = dict(zip(self.program.inputs, self.operands, strict=True))
        made = iter(evaluator(self.program, True)(*self.operands))
        sentences = []
        for e in self.program.equations:
            values.update({v: next(made) for v in e.outputs})
            y = values[e.outputs[0]] if e.outputs else None
            if not isinstance(y, np.ndarray) or y.dtype.kind != "f" or y.ndim < 2:
                continue
            for v in e.inputs:
                x = v.value if type(v) is Literal else values[v]
                if np.shape(x) == y.shape and x is not y and _is_rectified(x, y):
                    dead = np.all(y == 0, axis=tuple(range(y.ndim - 1)))
                    if dead.any():
                        sentences.append(_sentence(e, dead))
                    break
        return sentences


def _is_rectified(x, y):
    return bool((x < 0).any()) and np.array_equal(y, np.where(x > 0, x, 0))


def _sentence(e, dead):
    place = place_of(e)
    where = f" at {place.name}  {place.text}" if place else ""
    count = np.count_nonzero(dead)
    return f"a ReLU{where} is 0 for every sample in {count} of {dead.size} units: they are dead"


def _needed(program):
    """The variables that some output depends on."""
    needed = set(program.outputs)
    for e in reversed(program.equations):
        if needed.intersection(e.outputs):
            needed.update(e.inputs)
    return needed


def _recorded(loss, args, kwargs, title):
    """The program of the loss, its operands, and which operand is the first parameter.

    Recorded without values, so that equations know their lines, unless Python needs the values.
    """
    leaves = [operand_of(x)[0] for x in flatten((args, kwargs))[0]]
    try:
        traced = jit(loss).trace(*args, **kwargs)._traced
        return traced.program, [*traced.captures, *leaves], len(traced.captures)
    except UnknownValueError:
        chosen = select_arguments(loss, args, kwargs, 0, None, title)
        operands = [operand_of(x)[0] for x in chosen.leaves]
        recorded = Recorded.of(loss, operands, [False] * len(operands), chosen.call, title)
        return recorded.program, recorded.operands, 0
