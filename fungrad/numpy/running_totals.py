"""Running sums and products along an axis, with NumPy's keywords."""

import numpy as np

from fungrad.numpy.arrays import operand
from fungrad.numpy.dispatch import normalize_axis, refuse_out, traced
from fungrad.numpy.promotion import convert
from fungrad.numpy.reductions import INT64, reduced_axes, total_dtype, whole_axis
from fungrad.numpy.ufuncs import truth
from fungrad.primitives import cumulative
from fungrad.primitives.joining import Pad
from fungrad.primitives.movement import Reshape


def _running(primitive, name, a, axis, dtype, out):
    refuse_out(name, out)
    a = operand(a)
    dtype = np.dtype(dtype) if dtype is not None else total_dtype(a.dtype)
    if dtype.kind == "b":
        return truth(_running(primitive, name, truth(a), axis, INT64, None))
    a = convert(a, dtype)
    if axis is None or reduced_axes(whole_axis(axis), a.ndim) == ():
        a, axis = Reshape((a.size,))(a) if a.ndim != 1 else a, 0
    return primitive(normalize_axis(axis, a.ndim), False)(a)


@traced(np.cumsum)
def cumsum(a, axis=None, dtype=None, out=None):
    """`numpy.cumsum`."""
    return _running(cumulative.CumSum, "cumsum", a, axis, dtype, out)


@traced(np.cumprod)
def cumprod(a, axis=None, dtype=None, out=None):
    """`numpy.cumprod`; the derivative is exact where elements are 0."""
    return _running(cumulative.CumProd, "cumprod", a, axis, dtype, out)


def _with_initial(running, first, x, axis, dtype, out, include_initial):
    x = operand(x)
    if axis is None:
        if x.ndim > 1:
            raise ValueError("For arrays which have more than one dimension ``axis`` is required.")
        axis = 0
    y = running(x, axis, dtype, out)
    if not include_initial:
        return y
    axis = normalize_axis(axis, y.ndim)
    low = tuple([1 if i == axis else 0 for i in range(y.ndim)])
    return Pad(low, (0,) * y.ndim, (0,) * y.ndim)(y, y.dtype.type(first))


@traced(np.cumulative_sum)
def cumulative_sum(x, /, *, axis=None, dtype=None, out=None, include_initial=False):
    """`numpy.cumulative_sum`."""
    return _with_initial(cumsum, 0, x, axis, dtype, out, include_initial)


@traced(np.cumulative_prod)
def cumulative_prod(x, /, *, axis=None, dtype=None, out=None, include_initial=False):
    """`numpy.cumulative_prod`."""
    return _with_initial(cumprod, 1, x, axis, dtype, out, include_initial)
