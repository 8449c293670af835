"""Counts of values by bin: bincount and histograms, differentiable in their weights and edges."""

import numpy as np

from fungrad.core.errors import ShapeError, UnknownValueError
from fungrad.core.tracing import Tracer
from fungrad.numpy import ufuncs
from fungrad.numpy.arrays import number_or_operand, operand
from fungrad.numpy.at import at
from fungrad.numpy.creation import linspace, zeros
from fungrad.numpy.dispatch import traced
from fungrad.numpy.promotion import convert, promote, result_dtype
from fungrad.numpy.reductions import max, min, sum
from fungrad.numpy.selection import known_mask, where
from fungrad.numpy.shapes import expand_dims, ravel, reshape
from fungrad.numpy.sorting import require_monotonic, searchsorted

FLOAT64 = np.dtype(np.float64)


def _known(x):
    """The value of an array where it is known, else None."""
    return x if type(x) is not Tracer else x.value if x.is_known else None


@traced(np.bincount, extras=("length",))
def bincount(x, /, weights=None, minlength=0, *, length=None):
    """`numpy.bincount`, differentiable in the weights.

    Under jit `length`, JAX's keyword, gives the size of the result, and positions beyond are
    dropped; without it `minlength` is the size, and a position beyond raises OutOfBoundsError.
    """
    x = operand(x)
    if x.ndim != 1:
        raise ValueError(f"bincount: positions of shape {x.shape} must have one axis")
    if x.dtype.kind not in "biu":
        raise TypeError(f"bincount: positions must be integers, not {x.dtype}")
    if minlength < 0:
        raise ValueError("'minlength' must not be negative")
    values = _known(x)
    mode = "drop"
    if values is None and length is None and minlength:
        length, mode = minlength, "raise"
    if values is None and length is None:
        raise UnknownValueError(
            "bincount: the size of the result depends on values that do not exist while "
            f"{x.recording.title} is traced; give it as length= or minlength="
        )
    if values is not None and values.size and values.min() < 0:
        raise ValueError("bincount: the positions must have no negative elements")
    if length is None:
        size = int(values.max()) + 1 if values.size else 0
        length = size if size > minlength else minlength
    if weights is None:
        weights = np.int64(1)
    else:
        weights = operand(weights)
        if weights.dtype.kind == "c":
            raise TypeError(f"bincount: weights of {weights.dtype} must be real")
        if weights.shape != x.shape:
            raise ValueError(
                f"The weights and list don't have the same length: {weights.shape}, {x.shape}"
            )
        weights = convert(weights, FLOAT64)
    return _counts(ufuncs.maximum(x, 0), weights, length, mode)


def _counts(places, weights, size, mode="drop"):
    """The sum of the weights at each place; places from `size` on are dropped."""
    return at(zeros((size,), weights.dtype))[places].add(weights, mode=mode)


@traced(np.histogram_bin_edges)
def histogram_bin_edges(a, bins=10, range=None, weights=None):
    """`numpy.histogram_bin_edges`; the names of rules for bins need known values."""
    a = ravel(operand(a))
    if isinstance(bins, str):
        known = None if weights is None else np.asarray(weights)
        return np.histogram_bin_edges(known_mask("histogram_bin_edges", a), bins, range, known)
    if np.ndim(bins) == 1:
        bins = operand(bins)
        require_monotonic(bins, "`bins` must increase monotonically, when an array", falling=False)
        return bins
    count = _bin_count(bins)
    low, high = _outer_edges(a, range)
    dtype = result_dtype(*(range or (low, high)), a)
    dtype = dtype if dtype.kind in "fc" else np.result_type(dtype, float)
    return linspace(low, high, count + 1, dtype=dtype)


def _bin_count(bins):
    try:
        count = bins.__index__()
    except AttributeError:
        raise TypeError("`bins` must be an integer, a string, or an array") from None
    if count < 1:
        raise ValueError("`bins` must be positive, when an integer")
    return count


def _outer_edges(a, range):
    """The lowest and the highest edge; half a unit around a single value."""
    if range is not None:
        low, high = (number_or_operand(v) for v in range)
        if not isinstance(low, Tracer) and not isinstance(high, Tracer):
            if low > high:
                raise ValueError("max must be larger than min in range parameter.")
            if not (np.isfinite(low) and np.isfinite(high)):
                raise ValueError(f"supplied range of [{low}, {high}] is not finite")
    elif not a.size:
        low, high = 0.0, 1.0
    else:
        low, high = min(a), max(a)
        known = _known(low), _known(high)
        if None not in known and not np.isfinite(known).all():
            raise ValueError(f"autodetected range of [{known[0]}, {known[1]}] is not finite")
    is_point = ufuncs.equal(low, high)
    return where(is_point, low - 0.5, low), where(is_point, high + 0.5, high)


def _bin_of(values, edges):
    """The bin of each value, and the number of bins for values outside; the last is closed."""
    n = edges.shape[0] - 1
    place = searchsorted(edges, values, "right") - 1
    place = where(ufuncs.equal(values, edges[n]), n - 1, place)
    return where(ufuncs.logical_and(place >= 0, place < n), place, n)


@traced(np.histogram)
def histogram(a, bins=10, range=None, density=None, weights=None):
    """`numpy.histogram`: counts and edges; differentiable in the weights."""
    a = operand(a)
    weights = np.int64(1) if weights is None else operand(weights)
    if np.ndim(weights) and weights.shape != a.shape:
        raise ValueError(f"weights of shape {weights.shape} should have the shape {a.shape} of a")
    a = ravel(convert(a, np.dtype(np.uint8)) if a.dtype.kind == "b" else a)
    weights = ravel(weights) if np.ndim(weights) else weights
    edges = histogram_bin_edges(a, bins, range)
    n = edges.shape[0] - 1
    counts = _counts(_bin_of(a, edges), weights, n)
    if density:
        return counts / ufuncs.subtract(edges[1:], edges[:-1]) / sum(counts), edges
    return counts, edges


@traced(np.histogramdd)
def histogramdd(sample, bins=10, range=None, density=None, weights=None):
    """`numpy.histogramdd`: counts by bins along each coordinate, and the edges."""
    columns = _columns(sample)
    d = len(columns)
    bins = [bins] * d if np.ndim(bins) == 0 and not isinstance(bins, list | tuple) else list(bins)
    if len(bins) != d:
        raise ValueError("The dimension of bins must be equal to the dimension of the sample x.")
    ranges = [None] * d if range is None else list(range)
    if len(ranges) != d:
        raise ValueError("range argument must have one entry per dimension")
    edges = [histogram_bin_edges(x, b, r) for x, b, r in zip(columns, bins, ranges, strict=True)]
    shape = tuple([e.shape[0] - 1 for e in edges])
    place, inside = 0, True
    for x, e, n in zip(columns, edges, shape, strict=True):
        here = _bin_of(x, e)
        inside = ufuncs.logical_and(inside, here < n)
        place = place * n + here
    total = int(np.prod(shape))
    weights = np.float64(1) if weights is None else convert(operand(weights), FLOAT64)
    counts = reshape(_counts(where(inside, place, total), weights, total), shape)
    if density:
        counts = counts / sum(counts)
        for axis, e in enumerate(edges):
            widths = ufuncs.subtract(e[1:], e[:-1])
            others = tuple([i for i in np.arange(d) if i != axis])
            counts = counts / (expand_dims(widths, others) if others else widths)
    return counts, edges


def _columns(sample):
    """The coordinates of a sample: columns of an array, or the arrays of a list."""
    if type(sample) is Tracer or isinstance(sample, np.ndarray):
        if sample.ndim != 2:
            sample = reshape(operand(sample), (-1, 1)) if sample.ndim == 1 else sample
        if sample.ndim != 2:
            raise ShapeError(f"histogramdd: a sample has two axes, not the shape {sample.shape}")
        return [sample[:, i] for i in np.arange(sample.shape[1]).tolist()]
    return promote(*[ravel(operand(x)) for x in sample])


@traced(np.histogram2d)
def histogram2d(x, y, bins=10, range=None, density=None, weights=None):
    """`numpy.histogram2d`: counts and the edges along both coordinates."""
    if np.shape(x) != np.shape(y):
        raise ValueError("x and y must have the same length.")
    if np.ndim(bins) == 1 and len(bins) not in (1, 2):
        bins = [bins, bins]
    counts, edges = histogramdd([x, y], bins, range, density, weights)
    return counts, edges[0], edges[1]
