"""Programs that are called once where they stand become part of the program that calls them."""

from dataclasses import replace

from fungrad.core.program import Variable
from fungrad.optimize.rewrite import Rebuilding


def inline_calls(program, kind=object):
    """The same program with the equations of called programs in place of the calls.

    A primitive says by its attribute `inlined` that it computes what that program computes. Only
    calls by primitives of a `kind` are replaced.
    """

    def is_replaced(primitive):
        return isinstance(primitive, kind) and hasattr(primitive, "inlined")

    if not any(is_replaced(e.primitive) for e in program.equations):
        return program
    result = Rebuilding(program)
    for equation in program.equations:
        inputs = result.values(equation.inputs)
        if not is_replaced(equation.primitive):
            result.append(replace(equation, inputs=inputs))
            continue
        inner = inline_calls(equation.primitive.inlined, kind)
        outputs = _copied(inner, inputs, result)
        for old, new in zip(equation.outputs, outputs, strict=True):
            result.replace(old, new)
    return result.finish()


def _copied(program, inputs, result):
    """Append the equations of a program on given inputs; return its outputs."""
    known = dict(zip(program.inputs, inputs, strict=True))
    for equation in program.equations:
        outputs = tuple([Variable(v.type) for v in equation.outputs])
        operands = tuple([known.get(v, v) for v in equation.inputs])
        result.append(replace(equation, inputs=operands, outputs=outputs))
        known.update(zip(equation.outputs, outputs, strict=True))
    return [known.get(v, v) for v in program.outputs]
