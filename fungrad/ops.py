"""Reductions over segments of the first axis, with the names of `jax.ops`."""

import numpy as np

import fungrad.numpy as fnp
from fungrad.core.errors import DtypeError, ShapeError, UnknownValueError
from fungrad.core.tracing import Tracer
from fungrad.lazy import no_other_names
from fungrad.numpy.arrays import operand


def segment_sum(
    data,
    segment_ids,
    num_segments=None,
    indices_are_sorted=False,
    unique_indices=False,
    bucket_size=None,
    mode=None,
):
    """The sums of the rows of `data` that have the same id: row k of the result is that of id k.

    Args:
        data: an array, rows along the first axis.
        segment_ids: an integer for each row; rows with a negative id, or one that is not below
            `num_segments`, count nowhere.
        num_segments: the length of the result, by default the largest id and one; under jit it has
            to be given.
        indices_are_sorted, unique_indices, bucket_size, mode: accepted as in JAX; they change
            nothing here, apart from mode="clip", which takes the nearest segment.

    Raises:
        ShapeError where the ids do not fit the rows, DtypeError where they are no integers.

    >>> segment_sum(np.array([1.0, 2.0, 4.0]), np.array([0, 0, 2]))
    array([3., 0., 4.])
    """
    return _by_segment("segment_sum", "add", 0, data, segment_ids, num_segments, mode)


def segment_prod(
    data,
    segment_ids,
    num_segments=None,
    indices_are_sorted=False,
    unique_indices=False,
    bucket_size=None,
    mode=None,
):
    """The products of the rows with the same id, 1 where there is none; see `segment_sum`.

    >>> segment_prod(np.array([1.0, 2.0, 4.0]), np.array([0, 0, 2]))
    array([2., 1., 4.])
    """
    return _by_segment("segment_prod", "multiply", 1, data, segment_ids, num_segments, mode)


def segment_max(
    data,
    segment_ids,
    num_segments=None,
    indices_are_sorted=False,
    unique_indices=False,
    bucket_size=None,
    mode=None,
):
    """The largest of the rows with the same id, the least number there is where there is none.

    >>> segment_max(np.array([1.0, 2.0, 4.0]), np.array([0, 0, 2]))
    array([  2., -inf,   4.])
    """
    return _by_segment("segment_max", "max", -np.inf, data, segment_ids, num_segments, mode)


def segment_min(
    data,
    segment_ids,
    num_segments=None,
    indices_are_sorted=False,
    unique_indices=False,
    bucket_size=None,
    mode=None,
):
    """The least of the rows with the same id, the largest number there is where there is none.

    >>> segment_min(np.array([1.0, 2.0, 4.0]), np.array([0, 0, 2]))
    array([ 1., inf,  4.])
    """
    return _by_segment("segment_min", "min", np.inf, data, segment_ids, num_segments, mode)


def _by_segment(name, method, start, data, segment_ids, num_segments, mode):
    data, ids = operand(data), operand(segment_ids)
    if ids.dtype.kind not in "iu":
        raise DtypeError(f"{name}: segment_ids of {ids.dtype}; ids are integers")
    if data.ndim < 1 or ids.shape != data.shape[:1]:
        raise ShapeError(
            f"{name}: data of shape {data.shape} needs ids of shape {data.shape[:1]}, one for each "
            f"row, not {ids.shape}"
        )
    if num_segments is None:
        num_segments = _count(name, ids)
    length = int(num_segments)
    if length < 0:
        raise ValueError(f"{name}: num_segments is {num_segments}; it cannot be negative")
    if str(getattr(mode, "name", mode)).lower() == "clip":
        ids = fnp.clip(ids, 0, length - 1)
    else:  # what has no segment goes into one more, which is left out
        ids = fnp.where((ids >= 0) & (ids < length), ids, length)
    empty = fnp.full((length + 1, *data.shape[1:]), _start(start, data.dtype), data.dtype)
    return getattr(fnp.at(empty)[ids], method)(data)[:length]


def _count(name, ids):
    if type(ids) is Tracer and not ids.is_known:
        raise UnknownValueError(f"{name}: the ids have no values under jit; give num_segments")
    values = ids.value if type(ids) is Tracer else ids
    return int(np.max(values, initial=-1)) + 1


def _start(start, dtype):
    if np.isinf(start) and dtype.kind in "iu":
        return np.iinfo(dtype).max if start > 0 else np.iinfo(dtype).min
    return start > 0 if dtype.kind == "b" else start


__all__ = ["segment_max", "segment_min", "segment_prod", "segment_sum"]

__getattr__ = no_other_names(__name__)
