"""Order: sort, argsort, searchsorted, partition, and sets of values."""

import numpy as np

from fungrad.core.tracing import Tracer
from fungrad.numpy import ufuncs
from fungrad.numpy.arrays import constant, operand
from fungrad.numpy.at import at
from fungrad.numpy.creation import zeros
from fungrad.numpy.dispatch import normalize_axis, traced
from fungrad.numpy.joining import concatenate, getitem_any, parts_of
from fungrad.numpy.promotion import convert, promote
from fungrad.numpy.reductions import all as all_along
from fungrad.numpy.reductions import any
from fungrad.numpy.running_totals import cumsum
from fungrad.numpy.selection import compress, flatnonzero, known_mask, where
from fungrad.numpy.shapes import expand_dims, flip, ravel
from fungrad.numpy.taking import take, take_along_axis
from fungrad.primitives.demand import Demand
from fungrad.primitives.indexing import Gather
from fungrad.primitives.ordering import Argsort, Sort


def _line(a, axis, order):
    """The operand and a non-negative axis: flattened for None."""
    if order is not None:
        raise ValueError("Cannot specify order when the array has no fields.")
    a = operand(a)
    return (ravel(a), 0) if axis is None else (a, normalize_axis(axis, a.ndim))


@traced(np.sort, extras=("descending",))
def sort(a, axis=-1, kind=None, order=None, *, stable=None, descending=False):
    """`numpy.sort`; nan last."""
    a, axis = _line(a, axis, order)
    result = Sort(axis)(a)
    return flip(result, axis) if descending else result


@traced(np.argsort, extras=("descending", "dtype"))
def argsort(a, axis=-1, kind=None, order=None, *, stable=None, descending=False, dtype=None):
    """`numpy.argsort`; on traced values it is stable."""
    a, axis = _line(ravel(a) if not np.ndim(a) and axis in (0, -1) else a, axis, order)
    places = Argsort(axis, descending)(a)
    return places if dtype is None else convert(places, np.dtype(dtype))


@traced(np.sort_complex)
def sort_complex(a):
    """`numpy.sort_complex`: sorted along the last axis, as complex numbers."""
    a = sort(a)
    if a.dtype.kind == "c":
        return a
    is_small = a.dtype.kind in "iu" and a.dtype.itemsize < 4
    return convert(a, np.dtype(np.complex64 if is_small else np.complex128))


@traced(np.partition)
def partition(a, kth, axis=-1, kind="introselect", order=None):
    """`numpy.partition`: on traced values everything is sorted."""
    a = _reachable(operand(a), kth, axis)
    return sort(a, axis, order=order)


@traced(np.argpartition)
def argpartition(a, kth, axis=-1, kind="introselect", order=None):
    """`numpy.argpartition`: on traced values everything is sorted."""
    a = _reachable(operand(a), kth, axis)
    return argsort(a, axis, order=order)


def _reachable(a, kth, axis):
    """The operand of a partition; ValueError where a rank is none of its lines'."""
    if axis is None or not a.ndim:
        size = a.size
    else:
        size = a.shape[normalize_axis(axis, a.ndim)]
    for k in np.ravel(np.asarray(kth)):
        if a.size and not -size <= k < size:
            raise ValueError(f"kth(={k}) out of bounds ({size})")
    return a


@traced(np.lexsort)
def lexsort(keys, axis=-1):
    """`numpy.lexsort`: by the last key first."""
    order = None
    for key in parts_of(keys):
        if order is None:
            order = argsort(key, axis)
        else:
            order = take_along_axis(order, argsort(take_along_axis(key, order, axis), axis), axis)
    return order


@traced(np.searchsorted, ignored=("method",))
def searchsorted(a, v, side="left", sorter=None):
    """`numpy.searchsorted` by bisection; positions have no derivative."""
    if side not in ("left", "right"):
        raise ValueError(f"'{side}' is an invalid value for keyword 'side'")
    a, v = promote(operand(a), operand(v))
    if a.ndim != 1:
        raise ValueError("object too deep for desired array: `a` must have one axis")
    if sorter is not None:
        a = Gather((0,), "clip")(a, operand(sorter))
    known = _known_position(a, v, side)
    if known is not None:
        return known
    n = a.shape[0]
    low = zeros(np.shape(v), np.int64) if type(v) is Tracer else np.zeros(np.shape(v), int)[()]
    if not n:
        return low
    high = low + n
    for _ in range(n.bit_length()):
        middle = (low + high) // 2
        is_open = low < high
        x = Gather((0,), "clip")(a, middle)
        goes_up = _precedes(x, v) if side == "left" else ufuncs.logical_not(_precedes(v, x))
        low = where(ufuncs.logical_and(is_open, goes_up), middle + 1, low)
        high = where(ufuncs.logical_and(is_open, ufuncs.logical_not(goes_up)), middle, high)
    return low


def _known_position(a, v, side):
    """NumPy's own result where everything is known, recorded as a constant."""
    values = [x.value if type(x) is Tracer and x.is_known else x for x in (a, v)]
    if Tracer in map(type, values):
        return None
    return constant(np.searchsorted(*values, side))


def _precedes(x, y):
    """Whether x comes before y in sorted order: nan last."""
    before = ufuncs.less(x, y)
    if x.dtype.kind != "f":
        return before
    late = ufuncs.logical_and(ufuncs.isnan(y), ufuncs.logical_not(ufuncs.isnan(x)))
    return ufuncs.logical_or(before, late)


@traced(np.digitize, ignored=("method",))
def digitize(x, bins, right=False):
    """`numpy.digitize` with increasing or decreasing bins."""
    x, bins = operand(x), operand(bins)
    if x.dtype.kind == "c":
        raise TypeError("x may not be complex")
    n = bins.shape[0]
    bins = _monotonic(bins)
    side = "left" if right else "right"
    up = searchsorted(bins, x, side)
    if n < 2:
        return up
    down = n - searchsorted(flip(bins), x, side)
    return where(getitem_any(bins, 0) > getitem_any(bins, n - 1), down, up)


def _monotonic(bins):
    """The bins; ValueError where they go up and down, at run time if they are not known before."""
    message = "bins must be monotonically increasing or decreasing"
    if type(bins) is not Tracer or bins.is_known:
        require_monotonic(bins, message)
        return bins
    first, second = getitem_any(bins, slice(None, -1)), getitem_any(bins, slice(1, None))
    rises, falls = all_along(first <= second), all_along(first >= second)
    return Demand("ValueError", message)(bins, ufuncs.logical_or(rises, falls))


def require_monotonic(bins, message, falling=True):
    """ValueError where the bins are known and go up and down, or down when that is not allowed."""
    known = bins.value if type(bins) is Tracer and bins.is_known else bins
    if type(known) is not Tracer:
        steps = np.diff(known.astype(float))
        if (steps < 0).any() and ((steps > 0).any() or not falling):
            raise ValueError(message)


# ---- sets of values, where these are known


@traced(np.unique, extras=("size", "fill_value"))
def unique(
    ar,
    return_index=False,
    return_inverse=False,
    return_counts=False,
    axis=None,
    *,
    equal_nan=True,
    sorted=True,
    size=None,
    fill_value=None,
):
    """`numpy.unique` where the values are known: a gather, differentiable in the values.

    Under jit `size` gives the number of values; those after the last are `fill_value`, by default
    the smallest.
    """
    ar = operand(ar)
    if size is not None:
        if axis is not None:
            raise ValueError("unique: size= is not supported together with axis=")
        flags = (return_index, return_inverse, return_counts)
        return _unique_of_size(ravel(ar), flags, size, fill_value, equal_nan)
    value = known_mask("unique", ar)
    _, index, *rest = np.unique(
        value, True, return_inverse, return_counts, axis, equal_nan=equal_nan
    )
    result = take(ravel(ar) if axis is None else ar, index, 0 if axis is None else axis)
    if not (return_index or return_inverse or return_counts):
        return result
    return (result, *([index] if return_index else []), *rest)


def _is_first(line, equal_nan=True):
    """Whether each element of a sorted line differs from the one before it."""
    before, after = line[:-1], line[1:]
    differs = ufuncs.not_equal(before, after)
    if line.dtype.kind in "fc" and equal_nan:
        both = ufuncs.logical_and(ufuncs.isnan(before), ufuncs.isnan(after))
        differs = ufuncs.logical_and(differs, ufuncs.logical_not(both))
    return concatenate([np.ones(1, bool), differs])


def _unique_of_size(ar, flags, size, fill_value, equal_nan):
    order = argsort(ar)
    line = take(ar, order)
    is_new = _is_first(line, equal_nan)
    n, number = ar.shape[0], cumsum(is_new)
    starts = flatnonzero(is_new, size=size, fill_value=n)
    inside = starts < n
    fill = line[0] if fill_value is None else fill_value
    results = [where(inside, take(line, ufuncs.minimum(starts, n - 1)), fill)]
    if flags[0]:
        results.append(take(order, where(inside, ufuncs.minimum(starts, n - 1), 0)))
    if flags[1]:
        results.append(at(zeros((n,), np.int64))[order].set(number - 1))
    if flags[2]:
        ends = concatenate([starts[1:], np.array([n])])
        results.append(where(inside, ends - starts, 0))
    return tuple(results) if len(results) > 1 else results[0]


def _unique_form(name, **options):
    """One of the array API's `unique_*`, as a named tuple like NumPy's."""
    function = getattr(np, name)

    def apply(x, /, *, size=None, fill_value=None):
        result = unique(x, **options, equal_nan=False, size=size, fill_value=fill_value)
        if type(result) is not tuple:
            return result
        return type(function(np.zeros(1)))(*result)

    return traced(function, extras=("size", "fill_value"))(ufuncs.named(apply, function))


unique_values = _unique_form("unique_values")
unique_counts = _unique_form("unique_counts", return_counts=True)
unique_inverse = _unique_form("unique_inverse", return_inverse=True)
unique_all = _unique_form("unique_all", return_index=True, return_inverse=True, return_counts=True)


@traced(np.isin, ignored=("method",))
def isin(element, test_elements, assume_unique=False, invert=False, *, kind=None):
    """`numpy.isin`."""
    found = any(ufuncs.equal(expand_dims(operand(element), -1), ravel(operand(test_elements))), -1)
    return ufuncs.logical_not(found) if invert else found


def sets_by_position(name):
    """A set function of two arrays by positions in the first and the second, values known."""
    function = getattr(np, name)

    def apply(ar1, ar2, *args, size=None, fill_value=None, **kwargs):
        if size is not None:
            return _set_of_size(name, ar1, ar2, size, fill_value)
        both = concatenate([ravel(operand(ar1)), ravel(operand(ar2))])
        known = known_mask(name, both)
        n = operand(ar1).size
        found = function(known[:n], known[n:], *args, **kwargs)
        if isinstance(found, tuple):
            raise TypeError(f"{name}: return_indices is not supported on traced values")
        _, first = np.unique(known, return_index=True)
        return take(both, first[np.searchsorted(known[first], found)])

    return traced(function, extras=("size", "fill_value"))(ufuncs.named(apply, function))


def _set_of_size(name, ar1, ar2, size, fill_value):
    """A set function under jit: the first `size` values, then `fill_value`."""
    a, b = promote(ravel(operand(ar1)), ravel(operand(ar2)))
    if name == "union1d":
        return unique(concatenate([a, b]), size=size, fill_value=fill_value)
    line = sort(concatenate([a, b]) if name == "setxor1d" else a)
    in_a, in_b = isin(line, a), isin(line, b)
    wanted = {
        "intersect1d": in_b,
        "setdiff1d": ufuncs.logical_not(in_b),
        "setxor1d": ufuncs.not_equal(in_a, in_b),
    }
    kept = ufuncs.logical_and(_is_first(line), wanted[name])
    return compress(kept, line, size=size, fill_value=0 if fill_value is None else fill_value)


union1d = sets_by_position("union1d")
intersect1d = sets_by_position("intersect1d")
setdiff1d = sets_by_position("setdiff1d")
setxor1d = sets_by_position("setxor1d")
