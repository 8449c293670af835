"""Elements put into arrays and taken out of them: insert, delete."""

import numpy as np

from fungrad.core.errors import UnknownValueError
from fungrad.core.tracing import Tracer
from fungrad.numpy.arrays import operand
from fungrad.numpy.at import at
from fungrad.numpy.creation import iota
from fungrad.numpy.dispatch import normalize_axis, traced
from fungrad.numpy.joining import concatenate, part, take_static
from fungrad.numpy.promotion import convert
from fungrad.numpy.shapes import broadcast_to as broadcast
from fungrad.numpy.shapes import moveaxis, ravel, reshape
from fungrad.numpy.taking import positions


@traced(np.insert)
def insert(arr, obj, values, axis=None):
    """`numpy.insert`; the values of the positions need not be known."""
    arr, values = operand(arr), operand(values)
    if axis is None:
        arr, axis = ravel(arr), 0
    axis = normalize_axis(axis, arr.ndim)
    n = arr.shape[axis]
    if is_unknown(obj):
        places = positions(obj, "insert")
        if not places.ndim:
            values = moveaxis(_lifted(values, arr.ndim), 0, axis) if values.ndim else values
            places = broadcast(places, (values.shape[axis] if values.ndim else 1,))
        return _inserted(arr, ravel(places), values, axis)
    places = obj if isinstance(obj, slice) else np.asarray(obj)
    is_single = not isinstance(obj, slice) and places.ndim == 0
    numbers = np.insert(np.arange(n), places, -1)
    inserted = np.flatnonzero(numbers < 0)
    values = convert(values, arr.dtype)
    if is_single and values.ndim:
        values = moveaxis(_lifted(values, arr.ndim), 0, axis)
        count = values.shape[axis]
        if count != 1:
            at = int(inserted[0])
            return concatenate([part(arr, axis, 0, at), values, part(arr, axis, at, n)], axis)
    shape = [*arr.shape[:axis], len(inserted), *arr.shape[axis + 1 :]]
    both = concatenate([arr, broadcast(values, tuple(shape))], axis)
    numbers[inserted] = n + np.argsort(np.argsort(inserted, kind="stable"), kind="stable")
    if not isinstance(obj, slice) and places.ndim and places.dtype.kind != "b":
        order = np.argsort(np.where(places < 0, places + n, places), kind="stable")
        numbers[inserted] = n + order
    return take_static(both, numbers, axis)


def _lifted(x, ndim):
    return reshape(x, (1,) * (ndim - x.ndim) + tuple(x.shape))


def _inserted(arr, places, values, axis):
    """`insert` at positions whose values are not known."""
    n, count = arr.shape[axis], places.shape[0]
    shape = (*arr.shape[:axis], count, *arr.shape[axis + 1 :])
    both = concatenate([arr, broadcast(convert(values, arr.dtype), shape)], axis)
    too_low = np.where(places < -n, n + count, places + n)  # out of bounds below
    places = np.where(places < 0, too_low, places)
    order = np.argsort(places, stable=True)
    places = places[order] + iota(count)  # where each stands in the result
    before = np.sum(places[:, None] <= iota(n + count), axis=0)
    return take_static(both, at(iota(n + count) - before)[places].set(n + order), axis)


@traced(np.delete, extras=("assume_unique_indices",))
def delete(arr, obj, axis=None, *, assume_unique_indices=False):
    """`numpy.delete` at known positions.

    With `assume_unique_indices`, JAX's keyword, at positions whose values need not be known.
    """
    arr = operand(arr)
    if axis is None:
        arr, axis = ravel(arr), 0
    axis = normalize_axis(axis, arr.ndim)
    if is_unknown(obj):
        if not assume_unique_indices and obj.ndim:
            raise UnknownValueError(
                "delete: the size of the result depends on values that do not exist while "
                f"{obj.recording.title} is traced; give assume_unique_indices=True where no two "
                "positions are equal"
            )
        return _deleted(arr, ravel(positions(obj, "delete")), axis)
    obj = obj.value if type(obj) is Tracer else obj
    return take_static(arr, np.delete(np.arange(arr.shape[axis]), obj), axis)


def _deleted(arr, places, axis):
    """`delete` at positions that differ, whose values are not known."""
    n = arr.shape[axis]
    places = np.sort(at(iota(n))[places].get()) - iota(places.shape[0])
    kept = iota(n - places.shape[0])
    return take_static(arr, kept + np.sum(places[:, None] <= kept, axis=0), axis)


def is_unknown(x):
    """Whether the elements of `x` are not known while it is traced."""
    return type(x) is Tracer and not x.is_known
