"""Totals of joined arrays are carried in parts, and joined after the loop."""

from fungrad.core.program import Literal
from fungrad.optimize.inline import copied
from fungrad.optimize.rewrite import Rebuilding, with_inputs
from fungrad.primitives.movement import Fill


def carry_in_parts(program):
    """The same program with the totals of joined arrays that loops carry taken apart.

    A loop says by its method `parted` which program on its operands does so, given which of them
    are zeros, or None.
    """
    if not any(hasattr(e.primitive, "parted") for e in program.equations):
        return program
    result = Rebuilding(program)
    for equation in program.equations:
        inputs = result.values(equation.inputs)
        parted = getattr(equation.primitive, "parted", None)
        inner = parted and parted(tuple([_is_zero(v, result) for v in inputs]))
        if inner is None:
            result.append(with_inputs(equation, inputs))
            continue
        for old, new in zip(equation.outputs, copied(inner, inputs, result), strict=True):
            result.replace(old, new)
    return result.finish()


def _is_zero(v, result):
    """Whether a value is 0 everywhere, and not -0."""
    if type(v) is Literal:
        return str(v.value) in ("0", "0.0")
    made = result.made_by.get(v)
    return (
        made is not None and isinstance(made.primitive, Fill) and _is_zero(made.inputs[0], result)
    )
