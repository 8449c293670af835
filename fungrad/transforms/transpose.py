"""The transpose of a linear program."""

from fungrad.core.errors import LinearityError
from fungrad.core.program import Literal, derived
from fungrad.core.types import ArrayType
from fungrad.primitives.elementwise import add
from fungrad.transforms.interpret import (
    Environment,
    finish,
    record,
    transform_recording,
    zeros,
)

BACKWARD = ", backward"  # ends the source of an equation that pulls a cotangent back


@derived
def transpose(program, linear, given, forced=False):
    """(x, ct_y) -> ct_dx for a program (x, dx) -> y linear in dx, and which ct_dx are not zero.

    `linear[i]` says whether input i is among dx; `given[k]` whether output k has a cotangent.
    Only cotangents that are not known to be zero are among the outputs; all, when `forced`.
    """
    moving = {v for v, is_linear in zip(program.inputs, linear, strict=True) if is_linear}
    recording = transform_recording("transpose", program)
    values, cotangents = Environment(), Environment()
    with recording:
        for v, is_linear in zip(program.inputs, linear, strict=True):
            if not is_linear:
                values[v] = recording.add_input(v.type)
        seeds = [
            (v, recording.add_input(v.type))
            for v, is_given in zip(program.outputs, given, strict=True)
            if is_given
        ]
        linear_equations = []
        for e in program.equations:
            recording.source = e.source
            if moving.intersection(e.inputs):
                moving.update(e.outputs)
                linear_equations.append(e)
            else:
                inputs = [values.read(v) for v in e.inputs]
                values.write(e.outputs, record(recording, e.primitive, inputs))
        for v, seed in seeds:
            if v in moving:
                accumulate(cotangents, v, seed)
        for e in reversed(linear_equations):
            recording.source = e.source and f"{e.source.removesuffix(BACKWARD)}{BACKWARD}"
            pull_back(e, moving, values, cotangents)
        found = [cotangents.get(v) for v in program.inputs if v in moving]
        if forced:
            dx = [v for v in program.inputs if v in moving]
            found = [zeros(v.type) if c is None else c for v, c in zip(dx, found, strict=True)]
        result = finish(recording, [c for c in found if c is not None], program)
    return result, tuple([c is not None for c in found])


def pull_back(equation, moving, values, cotangents):
    """Move the cotangents of the outputs of a linear equation to its linear inputs."""
    given = [cotangents.pop(v, None) for v in equation.outputs]
    if all(c is None for c in given):
        return
    linear = tuple([v in moving for v in equation.inputs])
    inputs = [
        v.type if is_linear else values.read(v)
        for v, is_linear in zip(equation.inputs, linear, strict=True)
    ]
    pulled = equation.primitive.transpose(given, inputs, linear)
    for v, is_linear, c in zip(equation.inputs, linear, pulled, strict=True):
        if is_linear and c is not None:
            accumulate(cotangents, v, c)


def accumulate(cotangents, v, c):
    """Add to the cotangent of a variable."""
    if type(v) is Literal:
        raise LinearityError("a literal has no cotangent")
    if v not in cotangents:
        cotangents[v] = c
    else:
        plus = add if isinstance(v.type, ArrayType) else v.type.add
        cotangents[v] = plus(cotangents[v], c)
