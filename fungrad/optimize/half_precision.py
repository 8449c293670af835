"""float16 computed in float32 and rounded after each operation, which is how NumPy computes it."""

from dataclasses import replace

import numpy as np

from fungrad.core.errors import DtypeError
from fungrad.core.program import Equation, Literal, Program, Variable, derived, subprograms
from fungrad.core.types import ArrayType
from fungrad.optimize.rewrite import Rebuilding
from fungrad.primitives.elementwise import Convert, nextafter
from fungrad.primitives.half_precision import (
    BITS,
    FLOAT16,
    FLOAT32,
    DecodeHalf,
    EncodeHalf,
    RoundToHalf,
)


@derived
def uses_half(program):
    """Whether a value of the program, or of one inside it, is of float16."""
    variables = [*program.inputs, *program.outputs]
    for e in program.equations:
        variables += [*e.inputs, *e.outputs]
        if any(uses_half(inner) for _, inner in subprograms(e.primitive)):
            return True
    return any(widened(v.type) is not v.type for v in variables)


def without_half(program):
    """The program on the bits of its float16 arrays (uint16), computing in float32."""
    inner = _computing_wide(program)
    inputs, equations, known = [], [], {}
    for v, wide in zip(program.inputs, inner.inputs, strict=True):
        if v.type is wide.type or not isinstance(v.type, ArrayType):
            inputs.append(wide)
            continue
        bits = Variable(v.type.with_dtype(BITS))
        inputs.append(bits)
        known[wide] = Variable(wide.type)
        equations.append(_equation(DecodeHalf(), bits, known[wide]))
    for e in inner.equations:
        equations.append(replace(e, inputs=tuple([known.get(v, v) for v in e.inputs])))
    outputs = []
    for old, v in zip(program.outputs, inner.outputs, strict=True):
        v = known.get(v, v)
        if old.type is not v.type and isinstance(old.type, ArrayType):
            bits = Variable(old.type.with_dtype(BITS))
            equations.append(_equation(EncodeHalf(), v, bits))
            v = bits
        outputs.append(v)
    return Program(tuple(inputs), tuple(equations), tuple(outputs), program.name)


def _equation(primitive, x, y):
    return Equation(primitive, (x,), (y,))


@derived
def _computing_wide(program):
    """The program with float32 in place of float16, rounded after each operation."""
    result = Rebuilding(program)
    inputs = []
    for v in program.inputs:
        wide = widened(v.type)
        inputs.append(v if wide is v.type else Variable(wide))
        result.replace(v, inputs[-1])
    for e in program.equations:
        given = tuple([_literal(v) for v in result.values(e.inputs)])
        if not _concerns_half(e):
            result.append(replace(e, inputs=given))
            continue
        outputs = _applied(result, e, given)
        for old, new in zip(e.outputs, outputs, strict=True):
            result.replace(old, new)
    outputs = tuple([_literal(v) for v in result.values(program.outputs)])
    return Program(tuple(inputs), tuple(result.equations), outputs, program.name)


def _concerns_half(equation):
    return any(widened(v.type) is not v.type for v in (*equation.inputs, *equation.outputs)) or any(
        uses_half(inner) for _, inner in subprograms(equation.primitive)
    )


def _applied(result, e, given):
    """The outputs of an equation's primitive on float32 operands, rounded where it computes."""
    if e.primitive is nextafter:
        raise DtypeError("nextafter of float16 is not supported under jit: convert to float32")
    if e.primitive is Convert(FLOAT16) and given[0].type.dtype == np.float64:
        return [result.add(RoundToHalf(), given, e.source)]
    primitive = _with_wide_fields(e.primitive)
    outputs = result.add(primitive, given, e.source)
    outputs = outputs if primitive.has_many_outputs else (outputs,)
    if subprograms(primitive) or getattr(primitive, "is_free", False):
        return outputs
    return [
        result.add(RoundToHalf(), (v,), e.source)
        if isinstance(v.type, ArrayType) and old.type.dtype == FLOAT16
        else v
        for old, v in zip(e.outputs, outputs, strict=True)
    ]


def _literal(v):
    if type(v) is Literal and v.type.dtype == FLOAT16:
        return Literal(v.value.astype(FLOAT32))
    return v


def _with_wide_fields(primitive):
    """The primitive with float32 wherever its fields say float16."""
    changed = {name: _wide_field(getattr(primitive, name)) for name in primitive.fields}
    return primitive.replace(**changed) if primitive.fields else primitive


def _wide_field(value):
    if isinstance(value, Program):
        return _computing_wide(value)
    if isinstance(value, tuple) and type(value) is tuple:
        return tuple([_wide_field(v) for v in value])
    if isinstance(value, np.dtype):
        return FLOAT32 if value == FLOAT16 else value
    if isinstance(value, np.float16):
        return value.astype(FLOAT32)
    return widened(value)


def widened(type):
    """The type with float32 in place of float16, also inside of stacks; other things as they are."""
    if isinstance(type, ArrayType):
        return type.with_dtype(FLOAT32) if type.dtype == FLOAT16 else type
    element = getattr(type, "element", None)
    if isinstance(element, ArrayType) or hasattr(element, "element"):
        wide = widened(element)
        return type if wide is element else type.__class__(wide)
    return type
