"""Summaries of samples: the standard error of the mean, the mode, ranks."""

import math
from typing import NamedTuple

import numpy as np

import fungrad.numpy as fnp
from fungrad import lax

_METHODS = ("average", "min", "max", "dense", "ordinal")


def sem(a, axis=0, ddof=1, keepdims=False):
    """The standard error of the mean, std(a, ddof) / sqrt(n), along an axis or over all (None).

    >>> sem(np.array([1.0, 2.0, 3.0, 4.0]))
    np.float64(0.6454972243679028)
    """
    a = fnp.asarray(a)
    n = a.size if axis is None else a.shape[axis]
    return fnp.std(a, axis=axis, ddof=ddof, keepdims=keepdims) / math.sqrt(n)


class ModeResult(NamedTuple):
    """The most common values, and how often each occurs."""

    mode: object
    count: object


def mode(a, axis=0, keepdims=False):
    """The most common value along an axis or of all (None), the smallest of equally common ones.

    >>> mode(np.array([3, 1, 3, 1, 2]))
    ModeResult(mode=np.int64(1), count=np.int64(2))
    """
    a = fnp.asarray(a)
    shape = (1,) * a.ndim
    lines = fnp.ravel(a) if axis is None else fnp.moveaxis(a, axis, -1)
    lines = fnp.sort(lines, axis=-1)
    first, last, _ = _runs(lines)
    counts = last - first
    place = fnp.argmax(counts, axis=-1)[..., None]
    values = fnp.take_along_axis(lines, place, -1)[..., 0]
    most = fnp.take_along_axis(counts, place, -1)[..., 0] + 1
    if keepdims and axis is None:
        return ModeResult(fnp.reshape(values, shape), fnp.reshape(most, shape))
    if keepdims:
        return ModeResult(fnp.expand_dims(values, axis), fnp.expand_dims(most, axis))
    return ModeResult(values[()], most[()])


def rankdata(a, method="average", *, axis=None):
    """The ranks of elements, from 1, along an axis or among all (None), in the shape of `a`.

    Equal elements get the average, lowest ("min") or highest ("max") of their ranks; "dense" counts
    distinct values, "ordinal" tells equal ones apart by their order. Ranks have no derivative.

    >>> rankdata(np.array([0.3, 0.1, 0.3]))
    array([2.5, 1. , 2.5])
    """
    if method not in _METHODS:
        raise ValueError(f"unknown method {method!r}; the methods are {', '.join(_METHODS)}")
    a = lax.stop_gradient(fnp.asarray(a))
    lines = fnp.ravel(a) if axis is None else fnp.moveaxis(a, axis, -1)
    order = fnp.argsort(lines, axis=-1, stable=True)
    first, last, distinct = _runs(fnp.take_along_axis(lines, order, -1))
    ranks = {
        "average": 0.5 * (first + last) + 1,
        "min": first + 1,
        "max": last + 1,
        "dense": distinct,
        "ordinal": first * 0 + fnp.arange(1, lines.shape[-1] + 1),
    }[method]
    ranks = fnp.take_along_axis(ranks, fnp.argsort(order, axis=-1), -1)
    return fnp.reshape(ranks, a.shape) if axis is None else fnp.moveaxis(ranks, -1, axis)


def _runs(lines):
    """Per element of sorted lines: the places of the first and last equal one, the run's number."""
    n, axis = lines.shape[-1], lines.ndim - 1
    place = fnp.broadcast_to(np.arange(n), lines.shape)
    differs = lines[..., 1:] != lines[..., :-1]
    edge = fnp.broadcast_to(True, (*lines.shape[:-1], 1))
    starts = fnp.concatenate([edge, differs], axis=-1)
    ends = fnp.concatenate([differs, edge], axis=-1)
    first = lax.cummax(fnp.where(starts, place, 0), axis)
    last = lax.cummin(fnp.where(ends, place, n), axis, reverse=True)
    return first, last, fnp.cumsum(starts, axis=-1)
