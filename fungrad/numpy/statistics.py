"""Averages, reductions that ignore nan, covariance."""

import numpy as np

from fungrad.core.errors import ShapeError
from fungrad.core.tracing import Tracer
from fungrad.numpy import moments, reductions, running_totals, ufuncs
from fungrad.numpy.arrays import number_or_operand, operand
from fungrad.numpy.creation import zeros
from fungrad.numpy.dispatch import normalize_axes, traced
from fungrad.numpy.joining import concatenate, getitem_any
from fungrad.numpy.products import dot
from fungrad.numpy.promotion import broadcast_to, convert, promote_to_float
from fungrad.numpy.moments import mean
from fungrad.numpy.reductions import KEEP, argmax, argmin, is_set, reduced_axes, sum
from fungrad.numpy.selection import where as choose
from fungrad.numpy.shapes import reshape
from fungrad.primitives import elementwise as e
from fungrad.primitives.demand import Demand


@traced(np.average)
def average(a, axis=None, weights=None, returned=False, *, keepdims=KEEP):
    """`numpy.average`."""
    a = operand(a)
    axis = axis if axis is None else normalize_axes(axis, a.ndim)
    if weights is None:
        result = mean(a, axis, keepdims=keepdims)
        if not returned:
            return result
        count = result.dtype.type(a.size / max(result.size, 1))
        return result, broadcast_to(count, tuple(result.shape))
    a, weights = promote_to_float(a, operand(weights))
    if a.shape != weights.shape:
        weights = _spread_weights(a, weights, axis)
    scale = sum(weights, axis, keepdims=keepdims)
    known = scale.value if type(scale) is Tracer and scale.is_known else scale
    if type(known) is not Tracer and np.any(known == 0):
        raise ZeroDivisionError("Weights sum to zero, can't be normalized")
    result = ufuncs.divide(sum(ufuncs.multiply(a, weights), axis, keepdims=keepdims), scale)
    return (result, broadcast_to(scale, result.shape)) if returned else result


def _spread_weights(a, weights, axis):
    if axis is None:
        raise TypeError("Axis must be specified when shapes of a and weights differ.")
    axes = axis
    if weights.shape != tuple([a.shape[i] for i in axes]):
        raise ShapeError(
            f"Shape of weights {weights.shape} must be consistent with shape {a.shape} of a along "
            f"axis {axis}"
        )
    shape = [1] * a.ndim
    for i in axes:
        shape[i] = a.shape[i]
    return reshape(weights, tuple(shape))


# ---- without nan


def _without_nan(a, fill):
    a = operand(a)
    if a.dtype.kind not in "fc":
        return a, None
    is_nan = e.isnan(a)
    return e.select(is_nan, a.dtype.type(fill), a), is_nan


@traced(np.nansum)
def nansum(a, axis=None, dtype=None, out=None, keepdims=KEEP, initial=KEEP, where=KEEP):
    """`numpy.nansum`."""
    return sum(_without_nan(a, 0)[0], axis, dtype, out, keepdims, initial, where)


@traced(np.nanprod)
def nanprod(a, axis=None, dtype=None, out=None, keepdims=KEEP, initial=KEEP, where=KEEP):
    """`numpy.nanprod`."""
    a = _without_nan(a, 1)[0]
    return reductions.prod(a, axis, dtype, out, keepdims, initial, where)


@traced(np.nancumsum)
def nancumsum(a, axis=None, dtype=None, out=None):
    """`numpy.nancumsum`."""
    return running_totals.cumsum(_without_nan(a, 0)[0], axis, dtype, out)


@traced(np.nancumprod)
def nancumprod(a, axis=None, dtype=None, out=None):
    """`numpy.nancumprod`."""
    return running_totals.cumprod(_without_nan(a, 1)[0], axis, dtype, out)


def _nan_extremum(function, fill, a, axis, out, keepdims, initial, where):
    if operand(a).dtype.kind == "c":
        return _complex_nan_extremum(function, fill, a, axis, out, keepdims, initial, where)
    x, is_nan = _without_nan(a, fill)
    y = function(x, axis, out, keepdims, initial, where)
    if is_nan is None or is_set(initial):
        return y
    return choose(reductions.all(is_nan, axis, keepdims=keepdims), np.nan, y)


def _complex_nan_extremum(function, fill, a, axis, out, keepdims, initial, where):
    """Nan gives way to any number; where there is nothing else, the first of them is returned."""
    a = operand(a)
    if where is not KEEP or initial is not KEEP:
        x = _without_nan(a, complex(fill, fill))[0]
        return function(x, axis, out, keepdims, initial, where)
    is_nan = e.isnan(a)
    all_nan = reductions.all(is_nan, axis, keepdims=True)
    x = choose(ufuncs.greater(is_nan, all_nan), a.dtype.type(complex(fill, fill)), a)
    return function(x, axis, out, keepdims)


@traced(np.nanmax)
def nanmax(a, axis=None, out=None, keepdims=KEEP, initial=KEEP, where=KEEP):
    """`numpy.nanmax`; nan where all are nan."""
    return _nan_extremum(reductions.max, -np.inf, a, axis, out, keepdims, initial, where)


@traced(np.nanmin)
def nanmin(a, axis=None, out=None, keepdims=KEEP, initial=KEEP, where=KEEP):
    """`numpy.nanmin`; nan where all are nan."""
    return _nan_extremum(reductions.min, np.inf, a, axis, out, keepdims, initial, where)


@traced(np.nanargmax)
def nanargmax(a, axis=None, out=None, *, keepdims=KEEP):
    """`numpy.nanargmax`; ValueError where all elements are nan."""
    return _nan_position(argmax, -np.inf, a, axis, out, keepdims)


@traced(np.nanargmin)
def nanargmin(a, axis=None, out=None, *, keepdims=KEEP):
    """`numpy.nanargmin`; ValueError where all elements are nan."""
    return _nan_position(argmin, np.inf, a, axis, out, keepdims)


def _nan_position(function, fill, a, axis, out, keepdims):
    x, is_nan = _without_nan(a, fill)
    place = function(x, axis, out, keepdims=keepdims)
    if is_nan is None:
        return place
    has_none = reductions.all(is_nan, axis, keepdims=keepdims)
    return Demand("ValueError", "All-NaN slice encountered")(place, e.logical_not(has_none))


def _count(a, is_nan, axis, keepdims, where):
    """The number of elements that are not nan and not masked."""
    valid = e.logical_not(is_nan)
    return sum(valid, axis, keepdims=keepdims, where=where)


@traced(np.nanmean)
def nanmean(a, axis=None, dtype=None, out=None, keepdims=KEEP, *, where=KEEP):
    """`numpy.nanmean`."""
    x, is_nan = _without_nan(a, 0)
    if is_nan is None:
        return mean(x, axis, dtype, out, keepdims, where=where)
    axis = axis if axis is None else reduced_axes(axis, x.ndim)
    _require_inexact(dtype)
    total = sum(x, axis, dtype, out, keepdims, where=where)
    count = convert(_count(x, is_nan, axis, keepdims, where), total.dtype)
    return ufuncs.divide(total, count)


def _require_inexact(dtype):
    if dtype is not None and np.dtype(dtype).kind not in "fc":
        raise TypeError(f"If a is inexact, then dtype must be inexact, not {np.dtype(dtype)}")


@traced(np.nanvar)
def nanvar(
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
    """`numpy.nanvar`."""
    ddof = ddof if correction is KEEP else correction
    x, is_nan = _without_nan(a, 0)
    if is_nan is None:
        return moments.var(x, axis, dtype, out, ddof, keepdims, where=where, mean=mean)
    axis = axis if axis is None else reduced_axes(axis, x.ndim)
    _require_inexact(dtype)
    center = nanmean(a, axis, dtype, None, True, where=where) if mean is KEEP else mean
    gap = convert(ufuncs.subtract(x, number_or_operand(center)), x.dtype)
    gap = choose(is_nan, gap.dtype.type(0), gap)
    square = e.square(ufuncs.absolute(gap))
    total = sum(square, axis, dtype, out, keepdims, where=where)
    count = convert(_count(x, is_nan, axis, keepdims, where), total.dtype)
    return choose(count <= ddof, np.nan, ufuncs.divide(total, count - ddof))


@traced(np.nanstd)
def nanstd(
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
    """`numpy.nanstd`; the derivative at a constant array is 0."""
    return moments.standard(
        nanvar(a, axis, dtype, out, ddof, keepdims, where=where, mean=mean, correction=correction)
    )


# ---- covariance


@traced(np.cov)
def cov(m, y=None, rowvar=True, bias=False, ddof=None, fweights=None, aweights=None, *, dtype=None):
    """`numpy.cov`."""
    m = operand(m)
    if m.ndim > 2:
        raise ValueError("m has more than 2 dimensions")
    parts = [_observations(m, rowvar)]
    if y is not None:
        parts.append(_observations(operand(y), rowvar))
    x = concatenate(parts, 0)
    if not x.shape[0]:
        return zeros((0, 0))
    x = convert(x, np.dtype(dtype) if dtype is not None else np.result_type(x.dtype, np.float64))
    ddof = (0 if bias else 1) if ddof is None else ddof
    if ddof != int(ddof):
        raise ValueError("ddof must be integer")
    weights = None
    _require_weights(x.shape[1], fweights=fweights, aweights=aweights)
    for w in (fweights, aweights):
        if w is not None:
            weights = operand(w) * 1.0 if weights is None else ufuncs.multiply(weights, operand(w))
    if weights is None:
        center = mean(x, 1, keepdims=True)
        factor = x.shape[1] - ddof
        gap = ufuncs.subtract(x, center)
        product = dot(gap, ufuncs.conjugate(gap).T)
        return reshape(product / max(factor, 0), _shape_of_cov(product))
    total = sum(weights)
    center = average(x, 1, weights, keepdims=True)
    if ddof == 0:
        factor = total
    elif aweights is None:
        factor = total - ddof
    else:
        factor = total - ddof * sum(weights * operand(aweights)) / total
    gap = ufuncs.subtract(x, center)
    product = dot(gap, ufuncs.conjugate(ufuncs.multiply(gap, weights)).T)
    return reshape(product / factor, _shape_of_cov(product))


def _require_weights(size, **given):
    """NumPy's errors for weights of observations that do not fit, or are known to be negative."""
    for name, w in given.items():
        if w is None:
            continue
        w = operand(w)
        if name == "fweights" and w.dtype.kind not in "iu":
            raise TypeError("fweights must be integer")
        if w.ndim > 1:
            raise RuntimeError(f"cannot handle multidimensional {name}")
        if w.shape != (size,):
            raise RuntimeError(f"incompatible numbers of samples and {name}")
        known = w.value if type(w) is Tracer and w.is_known else w
        if type(known) is not Tracer and np.any(known < 0):
            raise ValueError(f"{name} cannot be negative")


def _shape_of_cov(product):
    return () if product.shape == (1, 1) else product.shape


def _observations(m, rowvar):
    if m.ndim < 2:
        return reshape(m, (1, -1))
    return m if rowvar else m.T


@traced(np.corrcoef)
def corrcoef(x, y=None, rowvar=True, *, dtype=None):
    """`numpy.corrcoef`."""
    c = cov(x, y, rowvar, dtype=dtype)
    if not np.ndim(c):
        return ufuncs.divide(c, c)
    scale = ufuncs.sqrt(ufuncs.absolute(getitem_any(c, (np.arange(len(c)), np.arange(len(c))))))
    c = c / reshape(scale, (-1, 1)) / reshape(scale, (1, -1))
    if c.dtype.kind == "c":
        parts = [choose(ufuncs.absolute(v) > 1, ufuncs.sign(v), v) for v in (e.real(c), e.imag(c))]
        return e.make_complex(*parts)
    return choose(ufuncs.absolute(c) > 1, ufuncs.sign(c), c)
