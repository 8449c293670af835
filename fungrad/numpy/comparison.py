"""Whether arrays are equal or near, infinite with a sign, real or complex."""

import numpy as np

from fungrad.core.errors import DtypeError
from fungrad.numpy import ufuncs
from fungrad.numpy.arrays import number_or_operand, operand
from fungrad.numpy.dispatch import refuse_out, traced
from fungrad.numpy.elementary import imag
from fungrad.numpy.promotion import convert, result_dtype
from fungrad.numpy.reductions import all
from fungrad.numpy.ufuncs import logical_and, logical_or, subtract


@traced(np.isclose)
def isclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
    """`numpy.isclose`."""
    a, b = number_or_operand(a), number_or_operand(b)
    if hasattr(b, "dtype"):
        b = convert(b, result_dtype(b, 1.0))
    elif isinstance(b, int):
        b = float(b)
    near = ufuncs.less_equal(abs(subtract(a, b)), atol + rtol * abs(b))
    result = logical_or(logical_and(near, ufuncs.isfinite(b)), ufuncs.equal(a, b))
    if equal_nan:
        result = logical_or(result, logical_and(ufuncs.isnan(a), ufuncs.isnan(b)))
    return result


@traced(np.allclose)
def allclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
    """`numpy.allclose`."""
    return all(isclose(a, b, rtol, atol, equal_nan))


@traced(np.array_equal)
def array_equal(a1, a2, equal_nan=False):
    """`numpy.array_equal`."""
    a, b = operand(a1), operand(a2)
    if a.shape != b.shape:
        return False
    same = ufuncs.equal(a, b)
    if equal_nan and result_dtype(a, b).kind in "fc":
        same = logical_or(same, logical_and(ufuncs.isnan(a), ufuncs.isnan(b)))
    return all(same)


@traced(np.array_equiv)
def array_equiv(a1, a2):
    """`numpy.array_equiv`."""
    a, b = operand(a1), operand(a2)
    try:
        np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        return False
    return all(ufuncs.equal(a, b))


@traced(np.isneginf)
def isneginf(x, out=None):
    """`numpy.isneginf`."""
    refuse_out("isneginf", out)
    return ufuncs.equal(_ordered("isneginf", x), -np.inf)


@traced(np.isposinf)
def isposinf(x, out=None):
    """`numpy.isposinf`."""
    refuse_out("isposinf", out)
    return ufuncs.equal(_ordered("isposinf", x), np.inf)


def _ordered(name, x):
    x = operand(x)
    if x.dtype.kind == "c":
        raise DtypeError(f"{name} is not defined for {x.dtype}: infinity has no sign there")
    return x


@traced(np.isreal)
def isreal(x):
    """`numpy.isreal`."""
    return imag(x) == 0


@traced(np.iscomplex)
def iscomplex(x):
    """`numpy.iscomplex`."""
    return imag(x) != 0


@traced(np.iscomplexobj)
def iscomplexobj(x):
    """`numpy.iscomplexobj`."""
    return operand(x).dtype.kind == "c"


@traced(np.isrealobj)
def isrealobj(x):
    """`numpy.isrealobj`."""
    return operand(x).dtype.kind != "c"
