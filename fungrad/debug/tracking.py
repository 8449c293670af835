"""Where a bad number comes from: from an output back to the equation that made it.

A value is followed only along operands that matter: an operand is to blame if the output is good
once the bad elements of that operand are replaced. So the untaken arm of a `where` is never blamed.
"""

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from fungrad.api.jitting import disable_jit
from fungrad.core.evaluation import evaluator
from fungrad.core.program import Literal, Program
from fungrad.core.tracing import state


@dataclass(frozen=True)
class Origin:
    """What made a bad number: an equation of a program, or an input where `equation` is None.

    `index` is where in the output (or input) it stands, `operands` are the values of the operands
    of the equation, and `turns` names the loops around it with the number of their turn.
    """

    program: Program
    equation: object
    number: int
    index: tuple
    operands: tuple
    turns: tuple = ()


class _Found(Exception):
    def __init__(self, origin):
        super().__init__("found")
        self.origin = origin


def first_bad(value, is_bad):
    """The index of the first bad element of an array or stack, or None."""
    if hasattr(value, "elements"):
        for k, element in enumerate(value.elements):
            index = first_bad(element, is_bad)
            if index is not None:
                return (k, *index)
        return None
    if getattr(getattr(value, "dtype", None), "kind", "") not in "fc" or not hasattr(
        value, "shape"
    ):
        return None
    marks = is_bad(value)
    return tuple(map(int, np.argwhere(marks)[0])) if np.any(marks) else None


def _is_bad_at(value, index, is_bad):
    if hasattr(value, "elements"):
        return first_bad(value, is_bad) is not None
    return bool(is_bad(np.asarray(value))[index])


def origin_of(program, inputs, is_bad):
    """The origin of the first bad number among the outputs of a program, or None."""
    values = dict(zip(program.inputs, inputs, strict=True))
    made = [v for e in program.equations for v in e.outputs]
    values.update(zip(made, evaluator(program, True)(*inputs), strict=True))
    makers = {v: e for e in program.equations for v in e.outputs}
    for v in program.outputs:
        if type(v) is Literal:
            continue
        index = first_bad(values[v], is_bad)
        if index is not None:
            return _followed(program, v, index, values, makers, is_bad)
    return None


def _followed(program, v, index, values, makers, is_bad):
    while v in makers:
        e = makers[v]
        operands = [u.value if type(u) is Literal else values[u] for u in e.inputs]
        k = _to_blame(e, operands, e.outputs.index(v), index, is_bad)
        if k is None:
            origin = Origin(program, e, e.outputs.index(v), index, tuple(operands))
            return _inside(origin, is_bad) if e.primitive.runs() else origin
        v = e.inputs[k]
        same = v.type.shape == e.outputs[0].type.shape and not hasattr(values[v], "elements")
        if not (same and _is_bad_at(values[v], index, is_bad)):
            index = first_bad(values[v], is_bad)
    return Origin(program, None, program.inputs.index(v), index, ())


def _to_blame(e, operands, number, index, is_bad):
    """The operand from which a bad output comes, or None where the equation makes it itself."""
    bad = [k for k, x in enumerate(operands) if first_bad(x, is_bad) is not None]

    def is_cured(chosen):
        cured = [_replaced(x, is_bad) if k in chosen else x for k, x in enumerate(operands)]
        with np.errstate(all="ignore"):
            result = e.primitive.evaluate(*cured)
        result = result[number] if e.primitive.has_many_outputs else result
        return not _is_bad_at(result, index, is_bad)

    for k in bad:
        if is_cured({k}):
            return k
    return bad[0] if bad and is_cured(set(bad)) else None


def _replaced(x, is_bad):
    if hasattr(x, "elements"):
        return type(x)(tuple([_replaced(y, is_bad) for y in x.elements]), x.type)
    return np.where(is_bad(x), x.dtype.type(1), x)[()]


def _inside(origin, is_bad):
    """The origin inside the programs that the equation runs, where it is found there."""
    loops, turns = _loops_of(origin.equation), Counter()

    def wrapped(program, function):
        name, inner = loops.get(program, ("", ()))

        def located(found):
            turn = ((name, turns[program]),) if name else ()
            return _Found(replace(found, turns=(*turn, *found.turns)))

        def evaluate(*inputs):
            turns[program] += 1
            for p in inner:
                turns[p] = 0
            try:
                outputs = function(*inputs)
            except _Found as found:
                raise located(found.origin) from None
            if any(first_bad(y, is_bad) is not None for y in outputs):
                with _evaluating(None):
                    found = origin_of(program, inputs, is_bad)
                if found is not None and found.equation is not None:
                    raise located(found)
            return outputs

        return evaluate

    try:
        with _evaluating(wrapped), disable_jit(), np.errstate(all="ignore"):
            origin.equation.primitive.evaluate(*origin.operands)
    except _Found as found:
        return found.origin
    return origin


def _loops_of(equation):
    """For each program that a loop runs, at any depth: the loop's name, and programs inside."""
    found = {}

    def visit(e):
        inside = []
        for program, times in e.primitive.runs():
            below = [p for inner in program.equations for p in visit(inner)]
            if times != 1:
                found[program] = e.primitive.name, tuple(below)
            inside += [program, *below]
        return inside

    visit(equation)
    return found


@contextmanager
def _evaluating(wrapper):
    """A context in which inner programs are evaluated by what a wrapper makes of them."""
    before, state.wrap_evaluator = state.wrap_evaluator, wrapper
    try:
        yield
    finally:
        state.wrap_evaluator = before
