"""The words of scalar expressions as Numba intrinsics, which generated source calls by name.

Every word of `words.VOCABULARY` is a function here (`maximum(x, y)`, `exp(x)`), dispatched on the
Numba types of its operands and written into the caller as LLVM instructions. So is every
conversion (`float32(x)`) and reinterpretation of bits (`bitcast_int32(x)`). Importing this module
imports Numba.
"""

import math

import numpy as np
from numba.core import types
from numba.extending import intrinsic
from numba.np.numpy_support import as_dtype, from_dtype

from fungrad.compiler.language.scalar import result_dtype
from fungrad.compiler.language.words import VOCABULARY
from fungrad.compiler.llvm.scalar import emit_word
from fungrad.compiler.math import constant_table

inf, nan = math.inf, math.nan

_DTYPE_NAMES = """bool int8 int16 int32 int64 uint8 uint16 uint32 uint64
    float32 float64 complex64 complex128"""
_DTYPES = [np.dtype(name) for name in _DTYPE_NAMES.split()]


def _typed(word, operand_types, dtype=None, attribute=None):
    """The signature and the code generator of a word for operands of these Numba types."""
    operand_types = [types.unliteral(t) for t in operand_types]
    dtypes = [as_dtype(t) for t in operand_types]
    result = result_dtype(word, *dtypes) if dtype is None else dtype

    def generate(context, builder, signature, operands):
        operands = operands[: len(dtypes)]
        return emit_word(builder, word, result, attribute, dtypes, operands)

    return from_dtype(result)(*operand_types), generate


def _word(word):
    """The intrinsic that applies a word."""
    if VOCABULARY[word] == 1:

        def typed(typing_context, x):
            return _typed(word, (x,))

    elif VOCABULARY[word] == 2:

        def typed(typing_context, x, y):
            return _typed(word, (x, y))

    elif VOCABULARY[word] == 3:

        def typed(typing_context, x, y, z):
            return _typed(word, (x, y, z))

    else:

        def typed(typing_context, x, y, z, w):
            return _typed(word, (x, y, z, w))

    return _named(typed, word)


def _conversion(word, name, dtype):
    """The intrinsic that converts to a dtype, or reinterprets bits as that dtype."""

    def typed(typing_context, x):
        return _typed(word, (x,), dtype=dtype)

    return _named(typed, name)


def _named(typed, name, **options):
    typed.__name__ = typed.__qualname__ = name
    return intrinsic(**options)(typed) if options else intrinsic(typed)


def _typed_integer_power(typing_context, x, exponent):
    if not isinstance(exponent, types.IntegerLiteral):
        return None
    signature, generate = _typed("integer_power", (x,), attribute=exponent.literal_value)
    return signature.return_type(*signature.args, exponent), generate


def _typed_table(typing_context, name, index):
    if not isinstance(name, types.StringLiteral):
        return None
    dtype = constant_table(name.literal_value).dtype
    return _after_literal(name, _typed("table", (index,), dtype, name.literal_value))


def _typed_call_where(typing_context, name, condition, x):
    if not isinstance(name, types.StringLiteral):
        return None
    return _after_literal(name, _typed("call_where", (condition, x), None, name.literal_value))


def _after_literal(literal, typed):
    """The signature and code generator with a literal in front of the operands."""
    signature, generate_operands = typed

    def generate(context, builder, signature, operands):
        return generate_operands(context, builder, signature, operands[1:])

    return signature.return_type(literal, *signature.args), generate


_WITH_ATTRIBUTE = {"convert", "bitcast", "integer_power", "table", "call_where"}
for _name in VOCABULARY.keys() - _WITH_ATTRIBUTE:
    globals()[_name] = _word(_name)
for _dtype in _DTYPES:
    globals()[_dtype.name] = _conversion("convert", _dtype.name, _dtype)
    globals()[f"bitcast_{_dtype.name}"] = _conversion("bitcast", f"bitcast_{_dtype.name}", _dtype)
integer_power = _named(_typed_integer_power, "integer_power", prefer_literal=True)
table = _named(_typed_table, "table", prefer_literal=True)
call_where = _named(_typed_call_where, "call_where", prefer_literal=True)

#: Every name that generated source may use, with its value: the globals of a generated module.
NAMES = {
    name: globals()[name]
    for name in (
        *VOCABULARY,
        *(d.name for d in _DTYPES),
        *(f"bitcast_{d.name}" for d in _DTYPES),
        "inf",
        "nan",
    )
    if name not in ("convert", "bitcast")
}
