"""Conversion between dtypes, and complex numbers, as LLVM instructions."""

import numpy as np
from llvmlite import ir

from fungrad.compiler.language.scalar import real_dtype
from fungrad.compiler.llvm.functions import llvm_type


def convert(builder, node, x):
    """The value in the dtype of the node, as C converts it."""
    return _convert_between(builder, x, node.operands[0].dtype, node.dtype)


def _convert_between(builder, x, source, target):
    if source.kind == "c":
        return _convert_complex(builder, x, source, target)
    if target.kind == "c":
        part = _convert_between(builder, x, source, real_dtype(target))
        return _complex_value(builder, target, part, part.type(0))
    if source.kind == "f":
        return _convert_float(builder, x, source, target)
    to = llvm_type(target)
    if target.kind == "b":
        return builder.icmp_unsigned("!=", x, x.type(0))
    if target.kind == "f":
        return builder.sitofp(x, to) if source.kind == "i" else builder.uitofp(x, to)
    if to.width <= x.type.width:
        return builder.trunc(x, to) if to.width < x.type.width else x
    return builder.sext(x, to) if source.kind == "i" else builder.zext(x, to)


def _convert_float(builder, x, source, target):
    to = llvm_type(target)
    if target.kind == "b":
        return builder.fcmp_unordered("!=", x, x.type(0))
    if target.kind == "f":
        if source.itemsize == target.itemsize:
            return x
        return builder.fptrunc(x, to) if source.itemsize > target.itemsize else builder.fpext(x, to)
    if target.itemsize < 4:  # C's conversion goes through int, and wraps around
        return builder.trunc(_whole(builder, x, ir.IntType(32)), to)
    if target == np.uint32:
        return builder.trunc(_whole(builder, x, ir.IntType(64)), to)
    if target == np.uint64:
        return _convert_float_to_uint64(builder, x, to)
    return _whole(builder, x, to)


def _whole(builder, x, to):
    """The signed integer towards zero; of nan and what is too large the lowest, as on x86.

    LLVM's fptosi leaves these undefined: of a nan that it knows, it makes any number.
    """
    limit = 2.0 ** (to.width - 1)
    is_above = builder.fcmp_ordered(">=", x, x.type(-limit))
    is_below = builder.fcmp_ordered("<", x, x.type(limit))
    lowest = to(-(2 ** (to.width - 1)))
    return builder.select(builder.and_(is_above, is_below), builder.fptosi(x, to), lowest)


def _convert_complex(builder, x, source, target):
    parts = [builder.extract_value(x, 0), builder.extract_value(x, 1)]
    to = target if target.kind == "b" else real_dtype(target)
    real, imag = (_convert_between(builder, part, real_dtype(source), to) for part in parts)
    if target.kind == "b":
        return builder.or_(real, imag)
    return _complex_value(builder, target, real, imag) if target.kind == "c" else real


def _convert_float_to_uint64(builder, x, to):
    """Wraps negative numbers around, as C on x86 does; LLVM's fptoui leaves them undefined."""
    half = x.type(2.0**63)
    is_small = builder.fcmp_unordered("<", x, half)
    low = _whole(builder, builder.select(is_small, x, builder.fsub(x, half)), to)
    return builder.select(is_small, low, builder.xor(low, to(1 << 63)))


def bitcast(builder, node, x):
    """The value of the dtype of the node that has the same bits."""
    if node.operands[0].dtype.kind == "b" or node.dtype.kind == "b":
        return convert(builder, node, x)
    return builder.bitcast(x, llvm_type(node.dtype))


def make_complex(builder, node, real, imag):
    """The complex number of two parts."""
    return _complex_value(builder, node.dtype, real, imag)


def _complex_value(builder, dtype, real, imag):
    empty = ir.Constant(llvm_type(dtype), ir.Undefined)
    return builder.insert_value(builder.insert_value(empty, real, 0), imag, 1)
