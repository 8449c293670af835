"""Compute each common subexpression once."""

from fungrad.optimize.rewrite import Rebuilding, with_inputs


def share_common_subexpressions(program):
    """The same program in which no two equations apply one primitive to the same inputs."""
    result = Rebuilding(program)
    known = {}
    for equation in program.equations:
        inputs = result.values(equation.inputs)
        key = equation.primitive, inputs
        if key in known:
            for old, new in zip(equation.outputs, known[key], strict=True):
                result.replace(old, new)
            continue
        known[key] = equation.outputs
        result.append(with_inputs(equation, inputs))
    return result.finish()
