"""Compute each common subexpression once."""

from fungrad.optimize.rewrite import Rebuilding, with_inputs


def share_common_subexpressions(program):
    """The same program in which no two equations apply one primitive to the same inputs.

    An equation that makes a part of what another one makes (see `Primitive.part_of`), as the
    largest elements of windows are a part of these and their places, is left to that one.
    """
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
    shared = result.finish()
    has_parts = any(p.part_of and (p.part_of[0], inputs) in known for p, inputs in known)
    return _without_parts(shared) if has_parts else shared


def _without_parts(program):
    """The program in which equations that make all stand where a part of it is first needed."""
    result = Rebuilding(program)
    wholes = {(e.primitive, e.inputs): e for e in program.equations}
    made = set()
    for equation in program.equations:
        part = equation.primitive.part_of
        whole = wholes.get((part[0], equation.inputs)) if part is not None else None
        if whole is not None:
            result.replace(equation.outputs[0], whole.outputs[part[1]])
            equation = whole
        if equation not in made:
            made.add(equation)
            result.append(with_inputs(equation, result.values(equation.inputs)))
    return result.finish()
