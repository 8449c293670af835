"""`pad` in its modes."""

import numpy as np

from fungrad.numpy import moments, reductions
from fungrad.numpy.arrays import operand
from fungrad.numpy.creation import linspace
from fungrad.numpy.dispatch import traced
from fungrad.numpy.joining import concatenate, getitem_any, part, repeat, take_static
from fungrad.numpy.promotion import convert
from fungrad.numpy.quantiles import median
from fungrad.numpy.ufuncs import rint
from fungrad.primitives.joining import Pad
from fungrad.primitives.movement import Reverse

_KEYWORDS = {
    "constant": {"constant_values"},
    "edge": set(),
    "empty": set(),
    "linear_ramp": {"end_values"},
    "maximum": {"stat_length"},
    "mean": {"stat_length"},
    "median": {"stat_length"},
    "minimum": {"stat_length"},
    "reflect": {"reflect_type"},
    "symmetric": {"reflect_type"},
    "wrap": set(),
}


@traced(np.pad)
def pad(array, pad_width, mode="constant", **kwargs):
    """`numpy.pad` in the modes constant, edge, reflect, symmetric, wrap, linear_ramp, maximum,
    mean, median, minimum, empty."""
    array = operand(array)
    widths = _widths(pad_width, array.ndim)
    if callable(mode):
        raise TypeError("pad: mode=function is not supported on traced values; use a named mode")
    if mode not in _KEYWORDS:
        raise ValueError(f"mode '{mode}' is not supported")
    unknown = set(kwargs) - _KEYWORDS[mode]
    if unknown:
        raise ValueError(f"unsupported keyword arguments for mode '{mode}': {unknown}")
    if mode in ("constant", "empty"):
        return _pad_constant(array, widths, kwargs.get("constant_values", 0))
    for axis, (low, high) in enumerate(widths):
        if low or high:
            array = _pad_axis(array, axis, low, high, mode, kwargs)
    return array


def _widths(pad_width, ndim):
    if isinstance(pad_width, dict):
        given = [(0, 0)] * ndim
        for axis, width in pad_width.items():
            given[axis] = width if isinstance(width, tuple) else (width, width)
        pad_width = given
    pad_width = np.asarray(pad_width)
    if pad_width.dtype.kind not in "iu":
        raise TypeError("`pad_width` must be of integral type.")
    if (pad_width < 0).any():
        raise ValueError("index can't contain negative values")
    pairs = np.broadcast_to(pad_width, (ndim, 2)).tolist()
    return [(int(a), int(b)) for a, b in pairs]


def _pad_constant(x, widths, values):
    none = (0,) * x.ndim
    if not np.ndim(values):
        low, high = zip(*widths, strict=True) if widths else ((), ())
        return Pad(tuple(low), tuple(high), none)(x, convert(operand(values), x.dtype))
    values = np.broadcast_to(np.asarray(values), (x.ndim, 2))
    for a, (low, high) in enumerate(widths):
        for width, value, is_low in ((low, values[a, 0], True), (high, values[a, 1], False)):
            here = tuple([width if i == a else 0 for i in range(x.ndim)])
            pads = (here, none) if is_low else (none, here)
            x = Pad(*pads, none)(x, x.dtype.type(value)) if width else x
    return x


def _pad_axis(x, axis, low, high, mode, options):
    """One axis padded by elements of the array, or by what is computed from them."""
    n = x.shape[axis]
    positions = np.arange(-low, n + high)
    if not n:
        raise ValueError(
            f"can't extend empty axis {axis} using modes other than 'constant' or 'empty'"
        )
    if mode == "edge":
        return take_static(x, np.clip(positions, 0, n - 1), axis)
    if mode == "wrap":
        return take_static(x, positions % n, axis)
    if mode in ("reflect", "symmetric"):
        return _pad_mirror(x, axis, low, high, mode, options.get("reflect_type", "even"))
    if mode == "linear_ramp":
        return _pad_ramp(x, axis, low, high, options.get("end_values", 0))
    return _pad_statistic(x, axis, low, high, mode, options.get("stat_length"))


_STATISTICS = {
    "maximum": reductions.max,
    "mean": moments.mean,
    "median": median,
    "minimum": reductions.min,
}


def _pad_statistic(x, axis, low, high, mode, lengths):
    """One axis padded by a statistic of the elements next to its ends."""
    n, statistic = x.shape[axis], _STATISTICS[mode]
    first = last = n
    if lengths is not None:
        first, last = np.broadcast_to(np.asarray(lengths), (x.ndim, 2))[axis].tolist()
    left = statistic(part(x, axis, 0, min(first, n)), axis=axis, keepdims=True)
    right = statistic(part(x, axis, max(n - last, 0), n), axis=axis, keepdims=True)
    if x.dtype.kind in "biu" and mode in ("mean", "median"):
        left, right = (convert(rint(v) if x.dtype != bool else v, x.dtype) for v in (left, right))
    return _between(x, axis, repeat(left, low, axis), repeat(right, high, axis))


def _between(x, axis, left, right):
    pieces = [v for v in (left, x, right) if v.shape[axis]]
    return concatenate(pieces, axis) if len(pieces) > 1 else x


def _pad_mirror(x, axis, low, high, mode, kind):
    n = x.shape[axis]
    skip = 1 if mode == "reflect" else 0
    period = max(2 * (n - skip), 1) if n > 1 or not skip else 1
    if kind == "odd":
        return _pad_odd(x, axis, low, high, skip)
    places = np.arange(-low, n + high) % period
    return take_static(x, np.where(places < n, places, period - places - 1 + skip), axis)


def _pad_odd(x, axis, low, high, skip):
    """Mirrored through the edge value, at most one length at a time."""
    while low or high:
        n = x.shape[axis]
        left, right = min(low, n - skip), min(high, n - skip)
        if n - skip <= 0:
            return _pad_axis(x, axis, low, high, "edge", {})
        first, last = part(x, axis, 0, 1), part(x, axis, n - 1, n)
        flip = Reverse((axis,))
        before = 2 * first - flip(part(x, axis, skip, left + skip))
        after = 2 * last - flip(part(x, axis, n - skip - right, n - skip))
        x = _between(x, axis, before, after)
        low, high = low - left, high - right
    return x


def _pad_ramp(x, axis, low, high, ends):
    ends = np.broadcast_to(np.asarray(ends), (x.ndim, 2))[axis]
    n = x.shape[axis]
    first = getitem_any(x, (slice(None),) * axis + (0,))
    last = getitem_any(x, (slice(None),) * axis + (n - 1,))
    left = linspace(x.dtype.type(ends[0]), first, low, endpoint=False, axis=axis, dtype=x.dtype)
    right = linspace(x.dtype.type(ends[1]), last, high, endpoint=False, axis=axis, dtype=x.dtype)
    return _between(x, axis, left, Reverse((axis,))(right))
