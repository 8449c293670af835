"""Medians, quantiles and percentiles: elements of certain ranks and what lies between them."""

import math

import numpy as np

from fungrad.core.errors import DtypeError, ShapeError
from fungrad.core.tracing import Tracer
from fungrad.numpy import ufuncs
from fungrad.numpy.arrays import number_or_operand, operand, stacked
from fungrad.numpy.dispatch import normalize_axes, refuse_out, traced
from fungrad.numpy.promotion import broadcast_to, convert
from fungrad.numpy.moments import mean
from fungrad.numpy.reductions import KEEP, any, sum
from fungrad.numpy.running_totals import cumsum
from fungrad.numpy.selection import where as choose
from fungrad.numpy.shapes import moveaxis, reshape
from fungrad.numpy.taking import take_along_axis
from fungrad.primitives import elementwise as e
from fungrad.primitives.ordering import Argsort, OrderStatistic

INT64 = np.dtype(np.int64)


def _last(a, axis):
    """The operand with the reduced axes merged into the last, and these axes."""
    a = operand(a)
    axes = normalize_axes(axis, a.ndim)
    kept = [i for i in range(a.ndim) if i not in axes]
    moved = moveaxis(a, tuple(kept), tuple(range(len(kept))))
    n = math.prod(a.shape[i] for i in axes)
    return reshape(moved, (*[a.shape[i] for i in kept], n)), axes, a.shape


def _restored(result, axes, shape, extra, keepdims):
    if keepdims is KEEP or not keepdims:
        return result
    wide = tuple([1 if i in axes else n for i, n in enumerate(shape)])
    return reshape(result, (*result.shape[:extra], *wide))


def _read(read, x, position):
    """What `read(lines, positions)` finds; the first axes of the positions are additional ones."""
    batch = x.shape[:-1]
    extra = position.ndim - len(batch)
    front = position.shape[:extra]
    flat = moveaxis(reshape(position, (math.prod(front), *batch)), 0, -1)
    return reshape(moveaxis(read(x, flat), -1, 0), (*front, *batch))


def _ranked(x, rank):
    """The elements of lines at ranks."""
    return _read(OrderStatistic(), x, rank)


def _nan_if_any(x, result):
    """The result, or nan for lines of real numbers that contain one."""
    if x.dtype.kind not in "fc":
        return result
    if x.dtype.kind == "c":  # which of them is the last in NumPy's order
        last = _ranked(x, broadcast_to(np.int64(x.shape[-1] - 1), tuple(x.shape[:-1])))
        return choose(ufuncs.isnan(last), last, result)
    return choose(any(ufuncs.isnan(x), -1), result.dtype.type(np.nan), result)


@traced(np.median)
def median(a, axis=None, out=None, overwrite_input=False, keepdims=False):
    """`numpy.median`."""
    refuse_out("median", out)
    x, axes, shape = _last(a, axis)
    n = x.shape[-1]
    if not n:
        return _restored(mean(x, -1), axes, shape, 0, keepdims)
    ranks = np.arange((n - 1) // 2, n // 2 + 1)
    middle = mean(OrderStatistic()(x, broadcast_to(ranks, (*x.shape[:-1], len(ranks)))), -1)
    return _restored(_nan_if_any(x, middle), axes, shape, 0, keepdims)


@traced(np.nanmedian)
def nanmedian(a, axis=None, out=None, overwrite_input=False, keepdims=KEEP):
    """`numpy.nanmedian`."""
    if operand(a).dtype.kind not in "fc":
        return median(a, axis, out, keepdims=keepdims)
    refuse_out("nanmedian", out)
    x, axes, shape = _last(a, axis)
    if not x.shape[-1]:
        return _restored(mean(x, -1), axes, shape, 0, keepdims)
    count = sum(ufuncs.logical_not(ufuncs.isnan(x)), -1)
    ranks = ufuncs.maximum(count - 1, 0) // 2, ufuncs.minimum(count // 2, x.shape[-1] - 1)
    found = _ranked(x, stacked(ranks))
    low, high = found[0], found[1]
    both = choose(ufuncs.equal(low, high), low, (low + high) / 2)
    if x.dtype.kind == "c":  # of nothing but nans: NumPy's mean of nothing
        both = choose(ufuncs.equal(count, 0), np.nan, both)
    return _restored(both, axes, shape, 0, keepdims)


@traced(np.percentile)
def percentile(
    a, q, axis=None, out=None, overwrite_input=False, method="linear", keepdims=False, *,
    weights=None, **options,
):  # fmt: skip
    """`numpy.percentile` in all its methods."""
    return quantile(
        a, number_or_operand(q) / 100, axis, out, False, method, keepdims, weights=weights
    )


@traced(np.nanpercentile)
def nanpercentile(
    a, q, axis=None, out=None, overwrite_input=False, method="linear", keepdims=KEEP, *,
    weights=None, **options,
):  # fmt: skip
    """`numpy.nanpercentile` in all its methods."""
    return nanquantile(
        a, number_or_operand(q) / 100, axis, out, False, method, keepdims, weights=weights
    )


@traced(np.quantile)
def quantile(
    a, q, axis=None, out=None, overwrite_input=False, method="linear", keepdims=False, *,
    weights=None, **options,
):  # fmt: skip
    """`numpy.quantile` in all its methods."""
    refuse_out("quantile", out)
    a = _real("quantile", a)
    _require_fractions(q)
    x, axes, shape = _last(a, axis)
    if weights is not None:
        result = _weighted(x, q, _last(_spread(weights, a, axes), axis)[0], method)
        return _restored(result, axes, shape, np.ndim(q), keepdims)
    n = x.shape[-1]
    if not n and np.size(q):
        _require_method(method)
        raise IndexError(f"quantile: axis {axis} of shape {shape} has no elements")
    result = _nan_if_any(x, _at_quantile(x, q, n, method))
    return _restored(result, axes, shape, np.ndim(q), keepdims)


@traced(np.nanquantile)
def nanquantile(
    a, q, axis=None, out=None, overwrite_input=False, method="linear", keepdims=KEEP, *,
    weights=None, **options,
):  # fmt: skip
    """`numpy.nanquantile` in all its methods."""
    a = _real("nanquantile", a)
    _require_fractions(q)
    if not a.size:  # NumPy's, which has no axes for q
        return mean(a, axis, keepdims=keepdims)
    if weights is not None:
        is_nan = ufuncs.isnan(a)
        axes = normalize_axes(axis, a.ndim)
        weights = choose(is_nan, 0.0, broadcast_to(_spread(weights, a, axes), tuple(a.shape)))
        a = choose(is_nan, -np.inf, a)
        return quantile(a, q, axis, out, False, method, keepdims, weights=weights)
    refuse_out("nanquantile", out)
    x, axes, shape = _last(a, axis)
    count = x.shape[-1]
    if x.dtype.kind == "f":
        count = ufuncs.maximum(sum(ufuncs.logical_not(ufuncs.isnan(x)), -1), 1)
    result = _at_quantile(x, q, count, method)
    return _restored(result, axes, shape, np.ndim(q), keepdims)


def _real(name, a):
    a = operand(a)
    if a.dtype.kind == "c":
        raise DtypeError(f"{name}: a must be an array of real numbers, not of {a.dtype}")
    return a


def _require_fractions(q):
    """ValueError unless the fractions, where they are known, lie in [0, 1]."""
    q = q.value if type(q) is Tracer and q.is_known else q
    if type(q) is Tracer:
        return
    q = np.asarray(q)
    if q.ndim > 2:
        raise ValueError("q must be a scalar or 1d")
    if not ((q >= 0) & (q <= 1)).all():
        raise ValueError("Quantiles must be in the range [0, 1]")


# ---- where a quantile lies in a sorted line of n elements (Hyndman and Fan, 1996)

#: The plotting positions (alpha, beta) of the methods that interpolate.
_POSITIONS = {
    "interpolated_inverted_cdf": (0, 1),
    "hazen": (0.5, 0.5),
    "weibull": (0, 0),
    "median_unbiased": (1 / 3, 1 / 3),
    "normal_unbiased": (3 / 8, 3 / 8),
}


def _whole_place(method, n, q):
    """The position, a whole number, in the methods that choose one element; None in others."""
    if method == "inverted_cdf":
        return ufuncs.ceil(n * q - 1)
    if method == "closest_observation":
        place = n * q - 1.5
        low = ufuncs.floor(place)
        return choose((place == low) & (low % 2 == 1), low, low + 1)
    place = (n - 1) * q
    if method in ("lower", "higher", "nearest"):
        rounded = {"lower": ufuncs.floor, "higher": ufuncs.ceil, "nearest": ufuncs.rint}
        return rounded[method](place)
    is_whole = method == "linear" and place.dtype.kind in "iub"
    return place if is_whole else None


def _require_method(method):
    whole = ("linear", "lower", "higher", "midpoint", "nearest", "inverted_cdf")
    names = (*whole, "averaged_inverted_cdf", "closest_observation", *_POSITIONS)
    if method not in names:
        raise ValueError(f"{method!r} is not a valid method. Use one of: {', '.join(names)}")


def _place(method, n, q):
    """The position between elements, and the weight of the next one given the fraction."""
    if method == "linear":
        return (n - 1) * q, lambda part: part
    if method == "midpoint":
        place = (n - 1) * q
        half = 0.5 * (ufuncs.floor(place) + ufuncs.ceil(place))
        return half, lambda part: choose(part == 0.5, 0.5, 0.0 * part)
    if method == "averaged_inverted_cdf":
        return n * q - 1, lambda part: choose(part == 0, 0.5 + 0.0 * part, 1.0)
    _require_method(method)
    alpha, beta = _POSITIONS[method]
    return n * q + (alpha + q * (1 - alpha - beta)) - 1, lambda part: part


def _at_quantile(x, q, n, method):
    """Values at the fractions q of their n elements, the axes of q in front."""
    is_weak = type(q) in (int, float)
    batch = x.shape[:-1]
    q = operand(q)
    fractions = reshape(q, (*np.shape(q), *[1] * len(batch))) if np.ndim(q) else q
    full = (*np.shape(q), *batch)
    whole = _whole_place(method, n, fractions)
    if whole is not None:
        place = broadcast_to(convert(e.stop_gradient(operand(whole)), INT64), full)
        return _ranked(x, ufuncs.maximum(ufuncs.minimum(place, n - 1), 0))
    place, weight_of = _place(method, n, fractions)
    place = broadcast_to(operand(place), full)
    low = ufuncs.floor(e.stop_gradient(place))
    previous = ufuncs.maximum(ufuncs.minimum(low, convert(operand(n - 1), low.dtype)), 0)
    following = ufuncs.maximum(ufuncs.minimum(low + 1, convert(operand(n - 1), low.dtype)), 0)
    found = _ranked(x, stacked([convert(p, INT64) for p in (previous, following)]))
    below, above = found[0], found[1]
    weight = weight_of(place - previous)
    if is_weak:
        kind = x.dtype if x.dtype.kind == "f" else np.dtype(np.float64)
        weight = convert(weight, kind)
    step = ufuncs.subtract(above, below)
    return choose(weight < 0.5, below + step * weight, above - step * (1 - weight))


# ---- weighted


def _spread(weights, a, axes):
    """The weights in the shape of the operand, or along the axis that is reduced."""
    weights = operand(weights)
    if weights.shape == a.shape:
        return weights
    shape = tuple([n if i in axes else 1 for i, n in enumerate(a.shape)])
    if len(axes) == a.ndim or weights.shape != tuple([a.shape[i] for i in axes]):
        raise ShapeError(
            f"weights of shape {weights.shape} do not fit shape {a.shape} along axes {axes}"
        )
    return broadcast_to(reshape(weights, shape), tuple(a.shape))


def _weighted(x, q, weights, method):
    """The first elements of sorted lines at which the running weights reach the fractions."""
    if method != "inverted_cdf":
        raise ValueError(f"Only method 'inverted_cdf' supports weights. Got: {method}.")
    order = Argsort(x.ndim - 1, False)(x)
    line = take_along_axis(x, order, -1)
    running = cumsum(convert(take_along_axis(weights, order, -1), np.dtype(np.float64)), -1)
    running = running / running[..., -1:]
    running = choose(running == 0, -1.0, running)
    q = operand(q)
    fractions = reshape(q, (*np.shape(q), *[1] * x.ndim))
    place = sum(ufuncs.less(running, fractions), -1)
    place = ufuncs.minimum(place, x.shape[-1] - 1)
    result = _read(lambda lines, places: take_along_axis(lines, places, -1), line, place)
    return _nan_if_any(line, result)
