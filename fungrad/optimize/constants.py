"""Evaluate what is known: scalars computed from literals, arrays filled with one scalar."""

import numpy as np

from fungrad.core.primitive import Pointwise
from fungrad.core.program import Literal
from fungrad.optimize.rewrite import Rebuilding, with_inputs
from fungrad.primitives.elementwise import Elementwise
from fungrad.primitives.movement import Broadcast, Fill


def fold_constants(program):
    """The same program with scalar equations on literals evaluated and fills moved outwards.

    `a = fill[(3)] 1.0; b = sin a` becomes `b = fill[(3)] 0.84`; where only some operands are
    filled arrays, their scalar stands in the equation itself.
    """
    result = Rebuilding(program)
    for equation in program.equations:
        inputs = result.values(equation.inputs)
        if _is_foldable(equation, inputs):
            with np.errstate(all="ignore"):
                value = equation.primitive.evaluate(*[v.value for v in inputs])
            result.replace(equation.outputs[0], Literal(value, equation.outputs[0].type.dtype))
        elif isinstance(equation.primitive, Elementwise) and equation.outputs[0].type.shape:
            _move_fills(result, equation, inputs)
        else:
            result.append(with_inputs(equation, inputs))
    return result.finish()


def _is_foldable(equation, inputs):
    return (
        isinstance(equation.primitive, Pointwise)
        and not equation.primitive.has_many_outputs
        and not equation.outputs[0].type.shape
        and all(type(v) is Literal for v in inputs)
        and (inputs or equation.primitive.is_creation and _is_evaluable(equation.primitive))
    )


def _is_evaluable(primitive):
    """Whether a creation primitive needs no surroundings (as the index of a named axis does)."""
    return not hasattr(primitive, "label")


def _move_fills(result, equation, inputs):
    """Scalars in place of filled arrays; a fill of the result where all operands are scalars."""
    shape = equation.outputs[0].type.shape
    scalars = tuple([_scalar(result, v) for v in inputs])
    if all(not v.type.shape for v in scalars):
        inner = _on_scalars(result, equation, scalars)
        result.replace(equation.outputs[0], result.add(Fill(shape), [inner], equation.source))
        return
    result.append(with_inputs(equation, scalars))


def _on_scalars(result, equation, scalars):
    if all(type(v) is Literal for v in scalars):
        with np.errstate(all="ignore"):
            value = equation.primitive.evaluate(*[v.value for v in scalars])
        return Literal(value, equation.outputs[0].type.dtype)
    return result.add(equation.primitive, scalars, equation.source)


def _scalar(result, v):
    """The scalar that fills the array `v`, or `v`."""
    made = result.made_by.get(v)
    is_filled = made is not None and isinstance(made.primitive, Fill | Broadcast)
    return made.inputs[0] if is_filled and not made.inputs[0].type.shape else v
