"""Functions applied along axes, and the index objects `r_` and `c_`."""

import numpy as np

from fungrad.core.tracing import Tracer
from fungrad.numpy.arrays import number_or_operand, operand
from fungrad.numpy.dispatch import has_tracer, normalize_axis, traced
from fungrad.numpy.joining import column_stack, concatenate, getitem_any, stack
from fungrad.numpy.promotion import convert, result_dtype
from fungrad.numpy.shapes import atleast_1d, expand_dims, moveaxis, reshape


@traced(np.result_type)
def result_type(*arrays_and_dtypes):
    """`numpy.result_type`."""
    return np.result_type(
        *[_promotable(x) if type(x) is Tracer else x for x in arrays_and_dtypes]
    )


def _promotable(x):
    """What stands for a traced value in promotion: a Python number where it is weak."""
    kinds = {"b": False, "i": 0, "f": 0.0, "c": 0j}
    return kinds[x.dtype.kind] if x.weak else result_dtype(x)


@traced(np.apply_along_axis)
def apply_along_axis(func1d, axis, arr, *args, **kwargs):
    """`numpy.apply_along_axis`: a loop over the lines."""
    arr = operand(arr)
    axis = normalize_axis(axis, arr.ndim)
    lines = moveaxis(arr, axis, -1)
    batch = tuple(lines.shape[:-1])
    results = [func1d(getitem_any(lines, i), *args, **kwargs) for i in np.ndindex(batch)]
    if not results:
        raise ValueError("Cannot apply_along_axis when any iteration dimensions are 0")
    results = [operand(r) for r in results]
    inner = tuple(np.shape(results[0]))
    table = reshape(stack(results), (*batch, *inner))
    front = tuple(range(len(batch), len(batch) + len(inner)))
    return moveaxis(table, front, tuple(range(axis, axis + len(inner))))


@traced(np.apply_over_axes)
def apply_over_axes(func, a, axes):
    """`numpy.apply_over_axes`."""
    result = operand(a)
    for axis in axes if isinstance(axes, tuple | list) else (axes,):
        axis = normalize_axis(axis, np.ndim(a))
        reduced = func(result, axis)
        result = expand_dims(reduced, axis) if reduced.ndim != result.ndim else reduced
    return result


class _Concatenator:
    """`r_[...]` or `c_[...]`: NumPy's on plain values; slices are ranges."""

    def __init__(self, plain, join):
        self._plain = plain
        self._join = join

    def __getitem__(self, items):
        items = items if isinstance(items, tuple) else (items,)
        if not has_tracer(items):
            return self._plain[items]
        if any(isinstance(i, str) for i in items):
            raise TypeError("r_ with a string is not supported on traced values: use concatenate")
        parts = [self._plain[i] if isinstance(i, slice) else number_or_operand(i) for i in items]
        dtype = result_type(*parts)
        return self._join([convert(atleast_1d(operand(x)), dtype) for x in parts])


r_ = _Concatenator(np.r_, concatenate)
c_ = _Concatenator(np.c_, column_stack)
