"""Programs that are called once where they stand become part of the program that calls them."""

from dataclasses import replace

from fungrad.core.program import Variable
from fungrad.optimize.rewrite import Rebuilding, with_inputs


def inline_calls(program, kind=object):
    """The same program with the equations of called programs in place of the calls.

    A primitive says by its attribute `inlined` that it computes what that program computes. Only
    calls by primitives of a `kind` are replaced.
    """

    def called(primitive):
        return getattr(primitive, "inlined", None) if isinstance(primitive, kind) else None

    return replaced_by_programs(program, called)


def replaced_by_programs(program, replacement):
    """The same program with programs in place of equations, in these again and again.

    `replacement(primitive)` is the program that computes the same, or None.
    """
    if all(replacement(e.primitive) is None for e in program.equations):
        return program
    result = Rebuilding(program)
    for equation in program.equations:
        inputs = result.values(equation.inputs)
        inner = replacement(equation.primitive)
        if inner is None:
            result.append(with_inputs(equation, inputs))
            continue
        outputs = copied(replaced_by_programs(inner, replacement), inputs, result)
        for old, new in zip(equation.outputs, outputs, strict=True):
            result.replace(old, new)
    return result.finish()


def copied(program, inputs, result):
    """Append the equations of a program on given inputs; return its outputs."""
    known = dict(zip(program.inputs, inputs, strict=True))
    for equation in program.equations:
        outputs = tuple([Variable(v.type) for v in equation.outputs])
        operands = tuple([known.get(v, v) for v in equation.inputs])
        result.append(replace(equation, inputs=operands, outputs=outputs))
        known.update(zip(equation.outputs, outputs, strict=True))
    return [known.get(v, v) for v in program.outputs]
