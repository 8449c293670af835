"""Functions that write into their first argument: on traced values, an array made in the trace."""

import numpy as np

from fungrad.core.tracing import Tracer
from fungrad.numpy import ufuncs
from fungrad.numpy.arrays import operand
from fungrad.numpy.at import at
from fungrad.numpy.dispatch import traced
from fungrad.numpy.indexing import fitting
from fungrad.numpy.joining import resize
from fungrad.numpy.promotion import broadcast_to
from fungrad.numpy.selection import known_mask, where
from fungrad.numpy.shapes import ravel, reshape
from fungrad.numpy.taking import along, positions
from fungrad.numpy.writing import overwrite, require_writeable

INPLACE = ("inplace",)  # JAX's keyword: False returns the changed array and leaves the target


def _write(name, target, changed, inplace=True):
    """Let the target denote the changed array; without `inplace`, that array."""
    if not inplace:
        return changed
    if type(target) is not Tracer and type(changed) is not Tracer:
        return np.copyto(target, changed)
    if type(target) is not Tracer:
        raise TypeError(
            f"numpy.{name} writes traced values into a plain array; make the array with "
            "fungrad.numpy.zeros or array, inside the trace"
        )
    require_writeable(target)
    overwrite(target, changed)


@traced(np.copyto)
def copyto(dst, src, casting="same_kind", where=True):
    """`numpy.copyto`."""
    value = broadcast_to(fitting(src, dst.dtype), dst.shape)
    _write("copyto", dst, value if where is True else _chosen(where, value, dst))


def _chosen(mask, value, otherwise):
    return where(broadcast_to(ufuncs.truth(operand(mask)), otherwise.shape), value, otherwise)


@traced(np.putmask)
def putmask(a, mask, values):
    """`numpy.putmask`."""
    values = resize(fitting(values, a.dtype), a.shape)
    _write("putmask", a, _chosen(mask, values, a))


@traced(np.place, extras=INPLACE)
def place(arr, mask, vals, *, inplace=True):
    """`numpy.place`."""
    mask = operand(mask)
    if type(mask) is Tracer and not mask.is_known:
        return _write("place", arr, _placed(arr, ufuncs.not_equal(mask, 0), vals), inplace)
    where_true = np.flatnonzero(known_mask("place", mask))
    values = resize(fitting(vals, arr.dtype), len(where_true))
    changed = at(ravel(arr))[where_true].set(values)
    return _write("place", arr, reshape(changed, arr.shape), inplace)


def _placed(arr, mask, vals):
    """`place` by a mask whose values are not known: each true element counts those before it."""
    vals = ravel(fitting(vals, arr.dtype))
    if not vals.shape[0]:
        raise ValueError("place: the values are empty")
    number = np.cumsum(ravel(mask)) - 1
    chosen = at(vals)[number % vals.shape[0]].get(mode="wrap")
    return reshape(where(ravel(mask), chosen, ravel(arr)), arr.shape)


@traced(np.put, extras=INPLACE)
def put(a, ind, v, mode="raise", *, inplace=True):
    """`numpy.put`."""
    ind = ravel(positions(ind, "put"))
    values = resize(fitting(v, a.dtype), ind.shape)
    if mode == "clip":  # NumPy's: negative positions are clipped to 0
        ind = ufuncs.maximum(ind, 0)
    changed = at(ravel(a))[ind].set(values, mode=mode)
    return _write("put", a, reshape(changed, a.shape), inplace)


@traced(np.put_along_axis, extras=("inplace", "mode"))
def put_along_axis(arr, indices, values, axis, inplace=True, *, mode="raise"):
    """`numpy.put_along_axis`."""
    indices = positions(indices, "put_along_axis")
    if axis is None:
        changed = reshape(at(ravel(arr))[indices].set(values, mode=mode), arr.shape)
    else:
        changed = at(arr)[along(arr, indices, axis % arr.ndim)].set(values, mode=mode)
    return _write("put_along_axis", arr, changed, inplace)


@traced(np.fill_diagonal, extras=INPLACE)
def fill_diagonal(a, val, wrap=False, *, inplace=True):
    """`numpy.fill_diagonal`."""
    if a.ndim < 2:
        raise ValueError("array must be at least 2-d")
    if a.ndim > 2 and len(set(a.shape)) > 1:
        raise ValueError("All dimensions of input must be of equal length")
    if a.ndim == 2:
        step, end = a.shape[1] + 1, None if wrap else a.shape[1] * a.shape[1]
    else:
        step, end = 1 + int(np.cumprod(a.shape[:-1]).sum()), None
    where_diagonal = np.arange(a.size)[:end:step]
    values = resize(fitting(val, a.dtype), len(where_diagonal))
    changed = at(ravel(a))[where_diagonal].set(values)
    return _write("fill_diagonal", a, reshape(changed, a.shape), inplace)
