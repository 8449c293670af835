"""Means, variances and standard deviations along axes, with NumPy's keywords and dtypes."""

import numpy as np

from fungrad.core.tracing import Tracer
from fungrad.numpy import reductions, ufuncs
from fungrad.numpy.arrays import number_or_operand, operand
from fungrad.numpy.dispatch import normalize_axes, refuse_out, traced
from fungrad.numpy.promotion import broadcast_to, convert
from fungrad.numpy.reductions import KEEP, kept, reduced, reduced_axes
from fungrad.numpy.remembered import holds
from fungrad.primitives import elementwise as e
from fungrad.primitives import reductions as r


def _axes(axis, ndim, where):
    """The axes as a tuple; those of a scalar are named only beside a mask, as in NumPy."""
    if where is KEEP or where is True or isinstance(axis, list):
        return normalize_axes(reductions.whole_axis(axis) if isinstance(axis, list) else axis, ndim)
    return reduced_axes(axis, ndim)


def _size(a, axes, where, dtype):
    """The number of elements that are reduced: an int, or an array where a mask is given."""
    if where is KEEP or where is True or where is None:
        count = 1
        for i in axes:
            count *= a.shape[i]
        return count
    mask = broadcast_to(ufuncs.truth(operand(where)), tuple(a.shape))
    return convert(reductions.sum(mask, axes, dtype=np.int64), dtype)


def inexact(dtype):
    """The dtype in which NumPy takes means: float64 for integers."""
    return dtype if dtype.kind in "fc" else np.dtype(np.float64)


def real_part(dtype):
    """The dtype of the real part."""
    return np.dtype(f"f{dtype.itemsize // 2}") if dtype.kind == "c" else dtype


def _total(a, axes, where, dtype):
    if dtype.kind == "b":
        return reductions.any(a, axes, where=where)
    return reduced(r.Sum, convert(a, dtype), axes, KEEP, where, dtype.type(0))


def _quotient(total, count, dtype):
    """A total over a count, in a dtype."""
    if type(count) is int and count:
        return convert(ufuncs.divide(total, count), dtype)
    with np.errstate(divide="ignore", invalid="ignore"):
        return convert(ufuncs.divide(total, count), dtype)


@traced(np.mean)
def mean(a, axis=None, dtype=None, out=None, keepdims=KEEP, *, where=KEEP):
    """`numpy.mean`."""
    refuse_out("mean", out)
    a = operand(a)
    target = np.dtype(dtype) if dtype is not None else inexact(a.dtype)
    wide = np.dtype(np.float32) if target == np.float16 and dtype is None else target
    axes = _axes(axis, a.ndim, where)
    count = _size(a, axes, where, inexact(wide))
    y = _quotient(_total(a, axes, where, wide), count, target)
    return kept(y, a.shape, axes, keepdims)


def _ddof(ddof, correction):
    return ddof if correction is KEEP else correction


@traced(np.var)
def var(
    a,
    axis=None,
    dtype=None,
    out=None,
    ddof=0,
    keepdims=KEEP,
    *,
    where=KEEP,
    mean=KEEP,
    correction=KEEP,
):
    """`numpy.var`."""
    refuse_out("var", out)
    a = operand(a)
    axes = _axes(axis, a.ndim, where)
    wide = np.dtype(dtype) if dtype is not None else inexact(a.dtype)
    count, lost = _size(a, axes, where, real_part(inexact(wide))), _ddof(ddof, correction)
    center = _center(a, axes, where, wide) if mean is KEEP else number_or_operand(mean)
    square = _square(ufuncs.subtract(a, center), a.dtype)
    target = wide if dtype is not None else square.dtype
    total = _total(square, axes, where, target)
    if type(count) is int and type(lost) is int:
        divisor = count - lost if lost < count else 0
    else:
        divisor = ufuncs.maximum(count - lost, 0)
    return kept(_quotient(total, divisor, target), a.shape, axes, keepdims)


def _center(a, axes, where, dtype):
    return mean(a, axes, dtype, keepdims=len(axes) < a.ndim, where=where)


def _square(deviation, dtype):
    """The squares of the deviations of numbers of a dtype; of complex ones, of their sizes."""
    if deviation.dtype.kind == "c" and dtype.kind not in "iuf":
        return e.square(e.real(deviation)) + e.square(e.imag(deviation))
    return ufuncs.square(deviation)


@traced(np.std)
def std(
    a,
    axis=None,
    dtype=None,
    out=None,
    ddof=0,
    keepdims=KEEP,
    *,
    where=KEEP,
    mean=KEEP,
    correction=KEEP,
):
    """`numpy.std`; the derivative at a constant array is 0."""
    refuse_out("std", out)
    return standard(
        var(a, axis, dtype, None, ddof, keepdims, where=where, mean=mean, correction=correction)
    )


def standard(y):
    """The standard deviation of a variance, in its dtype."""
    if y.dtype.kind in "fc":
        return root(y)
    if y.ndim:
        raise TypeError(f"std: the square roots are not cast to {y.dtype}")
    return convert(ufuncs.sqrt(y), y.dtype)


def _has_no_zeros(value):
    if type(value) is np.ndarray:
        return np.count_nonzero(value) == value.size
    return bool(value != 0)


def root(x):
    """The square root of sums of squares: the derivative at 0 is 0, a subgradient."""
    if type(x) is not Tracer:
        return np.sqrt(x)
    if holds(_has_no_zeros, x):  # the recording of an eager call holds for this branch
        return ufuncs.sqrt(x)
    zero, one = x.dtype.type(0), x.dtype.type(1)
    is_zero = e.equal(x, zero)
    return e.select(is_zero, zero, e.sqrt(e.select(is_zero, one, x)))
