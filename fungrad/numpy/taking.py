"""Elements by position: take, take_along_axis, and arrays of positions."""

import math

import numpy as np

from fungrad.core.errors import DtypeError
from fungrad.numpy import ufuncs
from fungrad.numpy.arrays import operand, shape_of
from fungrad.numpy.at import read
from fungrad.numpy.dispatch import normalize_axes, normalize_axis, refuse_out, traced
from fungrad.numpy.promotion import broadcast_to as broadcast
from fungrad.numpy.promotion import common_shape, convert
from fungrad.numpy.selection import flatnonzero
from fungrad.numpy.shapes import along as line
from fungrad.numpy.shapes import moveaxis, ravel, reshape
from fungrad.primitives.demand import Demand

INT64 = np.dtype(np.int64)


def positions(index, name="take"):
    """An array of positions; DtypeError unless it is of integers."""
    index = operand(index)
    if not np.size(index) and type(index) is np.ndarray and index.dtype.kind == "f":
        index = index.astype(np.int64)
    if index.dtype.kind not in "iub":
        raise DtypeError(f"{name}: positions must be integers, not {index.dtype}")
    return convert(index, INT64) if index.dtype.kind == "b" else index


@traced(np.take, extras=("fill_value", "unique_indices", "indices_are_sorted"))
def take(
    a,
    indices,
    axis=None,
    out=None,
    mode="raise",
    *,
    fill_value=None,
    unique_indices=False,
    indices_are_sorted=False,
):
    """`numpy.take` in the modes raise, clip and wrap; mode "fill" reads `fill_value` outside."""
    refuse_out("take", out)
    a, indices = operand(a), positions(indices)
    a, axis = line(a, axis)
    if mode == "clip":  # NumPy's: negative positions are clipped to 0
        indices = ufuncs.maximum(indices, 0)
    index = (*[slice(None)] * axis, indices)
    if mode == "wrap" and not np.ndim(indices):
        indices = indices % a.shape[axis]
        index = (*[slice(None)] * axis, indices)
    return read(a, index, mode, fill_value)


@traced(np.take_along_axis, extras=("mode", "fill_value"))
def take_along_axis(arr, indices, axis=-1, mode="raise", fill_value=None):
    """`numpy.take_along_axis`."""
    arr, indices = operand(arr), positions(indices, "take_along_axis")
    if axis is None:
        if np.ndim(indices) != 1:
            raise ValueError("when axis=None, `indices` must have a single dimension.")
        arr, axis = ravel(arr), 0
    axis = normalize_axis(axis, arr.ndim)
    return read(arr, along(arr, indices, axis), mode, fill_value)


def along(arr, indices, axis):
    """The index that reads `arr` at positions along an axis, the other axes aligned."""
    if np.ndim(indices) != arr.ndim:
        raise ValueError("`indices` and `arr` must have the same number of dimensions")
    shape = tuple(
        [
            np.broadcast_shapes((n,), (m,))[0] if a != axis else m
            for a, (n, m) in enumerate(zip(arr.shape, np.shape(indices), strict=True))
        ]
    )
    indices = broadcast(indices, shape)
    index = []
    for a, n in enumerate(shape):
        ones = [1] * arr.ndim
        ones[a] = n
        index.append(indices if a == axis else np.arange(n).reshape(ones))
    return tuple(index)


@traced(np.lib.stride_tricks.sliding_window_view)
def sliding_window_view(x, window_shape, axis=None, *, subok=False, writeable=False):
    """`numpy.lib.stride_tricks.sliding_window_view`: the windows along new last axes."""
    x, window = operand(x), shape_of(window_shape)
    axes = normalize_axes(axis, x.ndim)
    if len(axes) != len(window):
        raise ValueError(f"window_shape {window} must have one entry for each of the axes {axes}")
    for a, size in zip(axes, window, strict=True):
        count = x.shape[a] - size + 1
        if size < 0 or count < 1:
            raise ValueError(
                f"window shape {window} does not fit into axes {axes} of an array of shape {x.shape}"
            )
        places = np.arange(count)[:, None] + np.arange(size)
        x = moveaxis(take(x, places, a), a + 1, -1)
    return x


# ---- arrays of positions


@traced(np.meshgrid)
def meshgrid(*xi, copy=True, sparse=False, indexing="xy"):
    """`numpy.meshgrid`."""
    if indexing not in ("xy", "ij"):
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    n = len(xi)
    lines = []
    for i, x in enumerate(xi):
        shape = [1] * n
        place = 1 - i if indexing == "xy" and n > 1 and i < 2 else i
        shape[place] = -1
        lines.append(reshape(operand(x), tuple(shape)))
    if sparse or not lines:
        return tuple(lines)
    shape = common_shape("meshgrid", *lines)
    return tuple([broadcast(x, shape) for x in lines])


@traced(np.ix_)
def ix_(*args):
    """`numpy.ix_`."""
    n = len(args)
    result = []
    for i, x in enumerate(args):
        x = operand(x)
        if np.ndim(x) != 1:
            raise ValueError("Cross index must be 1 dimensional")
        if x.dtype.kind == "b":
            x = flatnonzero(x)
        result.append(reshape(x, (1,) * i + (-1,) + (1,) * (n - i - 1)))
    return tuple(result)


@traced(np.unravel_index)
def unravel_index(indices, shape, order="C"):
    """`numpy.unravel_index`; ValueError for positions outside."""
    flat = positions(indices, "unravel_index")
    shape = shape_of(shape)
    flat = _inside("unravel_index", flat, math.prod(shape))
    result = []
    for n in shape[::-1] if order == "C" else shape:
        result.append(flat % n)
        flat = flat // n
    return tuple(result[::-1] if order == "C" else result)


def _inside(name, index, size):
    """The positions; ValueError where one lies outside."""
    message = f"{name}: invalid entry in the positions: they are 0 to {size - 1}"
    is_inside = ufuncs.logical_and(index >= 0, index < size)
    return Demand("ValueError", message)(index, is_inside)


@traced(np.ravel_multi_index)
def ravel_multi_index(multi_index, dims, mode="raise", order="C"):
    """`numpy.ravel_multi_index`; ValueError for positions outside."""
    modes = mode if isinstance(mode, tuple | list) else (mode,) * len(dims)
    pairs = list(zip(multi_index, dims, modes, strict=True))
    flat = 0
    for i, n, m in pairs if order == "C" else reversed(pairs):
        i = positions(i, "ravel_multi_index")
        if m == "clip":
            i = ufuncs.minimum(ufuncs.maximum(i, 0), n - 1)
        elif m == "wrap":
            i = i % n
        else:
            i = _inside("ravel_multi_index", i, n)
        flat = flat * n + i
    return flat


@traced(np.indices)
def indices(dimensions, dtype=int, sparse=False):
    """`numpy.indices`."""
    return np.indices(tuple([n.__index__() for n in dimensions]), dtype, sparse)


@traced(np.diag_indices_from)
def diag_indices_from(arr):
    """`numpy.diag_indices_from`."""
    return np.diag_indices_from(np.broadcast_to(0, arr.shape))


@traced(np.tril_indices_from)
def tril_indices_from(arr, k=0):
    """`numpy.tril_indices_from`."""
    return np.tril_indices_from(np.broadcast_to(0, arr.shape), k)


@traced(np.triu_indices_from)
def triu_indices_from(arr, k=0):
    """`numpy.triu_indices_from`."""
    return np.triu_indices_from(np.broadcast_to(0, arr.shape), k)
