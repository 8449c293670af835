"""Differences, integrals, interpolation and convolution of sampled functions."""

import numpy as np

from fungrad.core.errors import DtypeError, ShapeError
from fungrad.numpy import ufuncs
from fungrad.numpy.arrays import number_or_operand, operand
from fungrad.numpy.dispatch import normalize_axes, normalize_axis, traced
from fungrad.numpy.joining import concatenate, getitem_any, part
from fungrad.numpy.products import PRECISION, conjugated, factors
from fungrad.numpy.promotion import as_quotient, broadcast_to, convert, result_dtype
from fungrad.numpy.reductions import KEEP, sum
from fungrad.numpy.running_totals import cumsum
from fungrad.numpy.selection import where
from fungrad.numpy.shapes import ravel, reshape
from fungrad.numpy.sorting import argsort, searchsorted
from fungrad.primitives.convolution import Convolve
from fungrad.primitives.indexing import Gather
from fungrad.primitives.windows import Window

INT64 = np.dtype(np.int64)


def _at(x, axis, index):
    return getitem_any(x, (slice(None),) * axis + (index,))


@traced(np.diff)
def diff(a, n=1, axis=-1, prepend=KEEP, append=KEEP):
    """`numpy.diff`."""
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n}")
    a = operand(a)
    if n == 0:
        return a
    if not a.ndim:
        raise ValueError("diff requires input that is at least one dimensional")
    axis = normalize_axis(axis, a.ndim)
    parts = [p if p is KEEP else _edge(a, axis, operand(p)) for p in (prepend, append)]
    parts = [p for p in (parts[0], a, parts[1]) if p is not KEEP]
    a = concatenate(parts, axis) if len(parts) > 1 else a
    for _ in range(n):
        later, earlier = part(a, axis, 1, None), part(a, axis, 0, -1)
        if a.dtype.kind == "b":
            a = ufuncs.not_equal(later, earlier)
        else:
            a = ufuncs.subtract(later, earlier)
    return a


def _edge(a, axis, value):
    if np.ndim(value):
        return value
    shape = list(a.shape)
    shape[axis] = 1
    return broadcast_to(value, tuple(shape))


@traced(np.ediff1d)
def ediff1d(ary, to_end=None, to_begin=None):
    """`numpy.ediff1d`."""
    ary = ravel(operand(ary))
    parts = [ufuncs.subtract(part(ary, 0, 1, None), part(ary, 0, 0, -1))]
    dtype = parts[0].dtype
    if to_begin is not None:
        parts.insert(0, _end("to_begin", to_begin, dtype))
    if to_end is not None:
        parts.append(_end("to_end", to_end, dtype))
    return concatenate(parts) if len(parts) > 1 else parts[0]


def _end(name, x, dtype):
    """What stands before or after differences, in their dtype; TypeError where it does not fit."""
    x = ravel(operand(x))
    if not np.can_cast(x.dtype, dtype, "same_kind"):
        raise TypeError(f"dtype of `{name}`, {x.dtype}, must be compatible with {dtype} of `ary`")
    return convert(x, dtype)


@traced(np.trapezoid)
def trapezoid(y, x=None, dx=1.0, axis=-1):
    """`numpy.trapezoid`."""
    y = operand(y)
    axis = normalize_axis(axis, y.ndim)
    if x is None:
        d = number_or_operand(dx)
    else:
        x = operand(x)
        if x.ndim == 1:
            shape = [1] * y.ndim
            shape[axis] = -1
            d = reshape(diff(x), tuple(shape))
        else:
            d = diff(x, axis=axis)
    heights = ufuncs.add(part(y, axis, 1, None), part(y, axis, 0, -1))
    return sum(ufuncs.multiply(d, heights) / 2.0, axis)


@traced(np.gradient)
def gradient(f, *varargs, axis=None, edge_order=1):
    """`numpy.gradient`: second-order differences, with uniform or given spacing."""
    f = operand(f)
    axes, dtype = normalize_axes(axis, f.ndim), f.dtype
    spacings = list(varargs) or [1.0]
    if len(spacings) == 1 and np.ndim(spacings[0]) == 0:
        spacings = spacings * len(axes)
    if len(spacings) != len(axes):
        raise TypeError("invalid number of arguments")
    if edge_order not in (1, 2):
        raise ValueError("'edge_order' greater than 2 not supported")
    f = convert(f, as_quotient(dtype))
    results = []
    for a, h in zip(axes, spacings, strict=True):
        if f.shape[a] < edge_order + 1:
            raise ValueError(
                "Shape of array too small to calculate a numerical gradient, at least "
                "(edge_order + 1) elements are required."
            )
        if dtype.kind == "b":
            raise DtypeError("gradient is not defined for booleans, which have no differences")
        results.append(convert(_slopes(f, a, number_or_operand(h), edge_order), f.dtype))
    if len(results) == 1 and (axis is None or np.ndim(axis) == 0):
        return results[0]
    return tuple(results)


def _slopes(f, axis, h, edge_order):
    n = f.shape[axis]

    def at(i):
        return part(f, axis, i, i + 1 if i != -1 else None)

    def along(v):
        shape = [1] * f.ndim
        shape[axis] = -1
        return reshape(v, tuple(shape))

    if np.ndim(h):
        if h.shape != (n,):
            raise ValueError("when 1d, distances must match the length of the corresponding axis")
        steps = diff(h)
        first, last = getitem_any(steps, slice(None, -1)), getitem_any(steps, slice(1, None))
        a, b = along(first), along(last)
        low, middle, high = part(f, axis, 0, -2), part(f, axis, 1, -1), part(f, axis, 2, None)
        inner = -b / (a * (a + b)) * low + (b - a) / (a * b) * middle + a / (b * (a + b)) * high
        s0, s1 = getitem_any(steps, 0), getitem_any(steps, 1 if n > 2 else 0)
        t0, t1 = getitem_any(steps, -1), getitem_any(steps, -2 if n > 2 else -1)
    else:
        inner = (part(f, axis, 2, None) - part(f, axis, 0, -2)) / (2.0 * h)
        s0 = s1 = t0 = t1 = h
    if edge_order == 1:
        left, right = (at(1) - at(0)) / s0, (at(-1) - part(f, axis, n - 2, n - 1)) / t0
    else:
        left = (
            -(2.0 * s0 + s1) / (s0 * (s0 + s1)) * at(0)
            + (s0 + s1) / (s0 * s1) * at(1)
            - s0 / (s1 * (s0 + s1)) * at(2)
        )
        right = (
            t0 / (t1 * (t0 + t1)) * part(f, axis, n - 3, n - 2)
            - (t0 + t1) / (t0 * t1) * part(f, axis, n - 2, n - 1)
            + (2.0 * t0 + t1) / (t0 * (t0 + t1)) * at(-1)
        )
    return concatenate([left, inner, right], axis)


@traced(np.interp)
def interp(x, xp, fp, left=None, right=None, period=None):
    """`numpy.interp`: linear between the points."""
    x, xp, fp = (operand(v) for v in (x, xp, fp))
    if x.dtype.kind == "c" or xp.dtype.kind == "c":
        raise DtypeError(f"interp: x of {x.dtype} and xp of {xp.dtype} must be real")
    target = np.result_type(fp.dtype, np.float64)
    x, xp = (convert(v, np.dtype(np.float64)) for v in (x, xp))
    fp = convert(fp, target)
    if xp.ndim != 1 or fp.ndim != 1 or xp.shape != fp.shape:
        raise ShapeError(f"fp and xp are not of the same length: {fp.shape} and {xp.shape}")
    if not xp.size:
        raise ValueError("array of sample points is empty")
    if period is not None:
        x, xp, fp = _periodic(x, xp, fp, abs(period))
        left = right = None
    n = xp.shape[0]
    first, last = getitem_any(fp, 0), getitem_any(fp, -1)
    if n == 1:
        inside = broadcast_to(first, np.shape(x))
    else:
        high = ufuncs.minimum(ufuncs.maximum(searchsorted(xp, x, "right"), 1), n - 1)
        take = Gather((0,), "clip")
        x0, x1, f0, f1 = (take(v, i) for v in (xp, fp) for i in (high - 1, high))
        width = x1 - x0
        slope = (f1 - f0) / where(width == 0, 1.0, width)
        inside = where(x == x1, f1, slope * (x - x0) + f0)
    low = first if left is None else operand(left)
    top = last if right is None else operand(right)
    result = where(x < getitem_any(xp, 0), low, where(x > getitem_any(xp, -1), top, inside))
    return where(ufuncs.isnan(x), np.nan, result)


def _periodic(x, xp, fp, period):
    if not period:
        raise ValueError("period must be a non-zero value")
    x, xp = x % period, xp % period
    order = argsort(xp)
    take = Gather((0,), "clip")
    xp, fp = take(xp, order), take(fp, order)
    xp = concatenate([part(xp, 0, -1, None) - period, xp, part(xp, 0, 0, 1) + period])
    fp = concatenate([part(fp, 0, -1, None), fp, part(fp, 0, 0, 1)])
    return x, xp, fp


_MODES = {0: "valid", 1: "same", 2: "full", "v": "valid", "s": "same", "f": "full"}


def _part_of(n, m, mode):
    """The first place and the size of what a mode keeps of all n + m - 1 places."""
    mode = _MODES.get(mode, mode)
    if mode == "full":
        return 0, n + m - 1
    if mode == "same":
        return (min(n, m) - 1) // 2, max(n, m)
    if mode == "valid":
        return min(n, m) - 1, max(n, m) - min(n, m) + 1
    raise ValueError(f"mode must be one of 'valid', 'same', or 'full' (got {mode!r})")


def _slid(a, v, window):
    """The sums of products of a line with another one that slides over it.

    Where that reaches beyond the ends, its elements take no part: a nan or infinity among them
    does not spread there, as it would by products with zeros.
    """
    if a.dtype.kind == "b":
        return _slid(convert(a, INT64), convert(v, INT64), window) != 0
    return Convolve((0,), (0,), (0,), (window,), keeps_inside=True)(a, v)


def _two_lines(name, a, v):
    if name == "convolve":
        a, v = (ravel(x) if not np.ndim(x) else x for x in (a, v))
    if a.ndim != 1 or v.ndim != 1:
        raise ValueError(f"{name}: operands of shapes {a.shape} and {v.shape} must have one axis")
    if not a.shape[0] or not v.shape[0]:
        raise ValueError(f"{'v' if a.shape[0] else 'a'} cannot be empty")
    return a, v


@traced(np.convolve, extras=PRECISION)
def convolve(a, v, mode="full", *, precision=None, preferred_element_type=None):
    """`numpy.convolve`."""
    a, v = _two_lines("convolve", *factors(a, v, preferred_element_type))
    a, v = (a, v) if len(a) >= len(v) else (v, a)
    start, size = _part_of(len(a), len(v), mode)
    return _slid(a, v, Window(size, 1, 1, -1, start))


@traced(np.correlate, extras=PRECISION)
def correlate(a, v, mode="valid", *, precision=None, preferred_element_type=None):
    """`numpy.correlate`."""
    a, v = _two_lines("correlate", *factors(a, v, preferred_element_type))
    n, m = len(a), len(v)
    start, size = _part_of(n, m, mode)
    if m > n:  # NumPy correlates v with a, and turns the result round
        start = n + m - 1 - start - size
    return _slid(a, conjugated(v), Window(size, 1, 1, 1, start - (m - 1)))


@traced(np.unwrap)
def unwrap(p, discont=None, axis=-1, *, period=2 * np.pi):
    """`numpy.unwrap`."""
    p = operand(p)
    axis = normalize_axis(axis, p.ndim)
    step = diff(p, axis=axis)
    discont = period / 2 if discont is None else discont
    dtype = result_dtype(step, number_or_operand(period))
    is_whole = dtype.kind in "iu"
    high = period // 2 if is_whole else period / 2
    wrapped = ufuncs.remainder(step + high, period) - high
    if not is_whole or period % 2 == 0:
        wrapped = where(ufuncs.logical_and(wrapped == -high, step > 0), high, wrapped)
    correction = where(ufuncs.absolute(step) < discont, 0, wrapped - step)
    rest = part(p, axis, 1, None) + cumsum(correction, axis)
    return concatenate([convert(part(p, axis, 0, 1), dtype), convert(rest, dtype)], axis)
