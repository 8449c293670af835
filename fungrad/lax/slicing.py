"""Slices at static and run-time positions, gather and scatter, as in `jax.lax`.

Run-time positions are moved so that the block lies inside; negative ones count from the end.
"""

from dataclasses import dataclass

import numpy as np

from fungrad.core.errors import ShapeError
from fungrad.numpy.at import read
from fungrad.numpy.creation import operand
from fungrad.numpy.dispatch import normalize_axis
from fungrad.numpy.joining import getitem_any
from fungrad.numpy.promotion import broadcast_to, convert
from fungrad.numpy.selection import where
from fungrad.numpy.shapes import expand_dims, moveaxis, reshape, squeeze, transpose
from fungrad.primitives import elementwise as e
from fungrad.primitives.dynamic import DynamicSlice, DynamicUpdate
from fungrad.primitives.indexing import Gather, Scatter
from fungrad.primitives.movement import Slice

INT64 = np.dtype(np.int64)
_slice = slice


def slice(x, start_indices, limit_indices, strides=None):
    """Elements from start to limit along every axis."""
    x = operand(x)
    strides = (1,) * x.ndim if strides is None else tuple(strides)
    return Slice(tuple(start_indices), tuple(limit_indices), strides)(x)


def slice_in_dim(x, start_index, limit_index, stride=1, axis=0):
    """Elements from start to limit along one axis."""
    x = operand(x)
    axis = normalize_axis(axis, x.ndim)
    return getitem_any(x, (_slice(None),) * axis + (_slice(start_index, limit_index, stride),))


def index_in_dim(x, index, axis=0, keepdims=True):
    """The elements at a static position of an axis."""
    x = operand(x)
    axis = normalize_axis(axis, x.ndim)
    n = x.shape[axis]
    if not -n <= index < n:
        raise IndexError(f"index {index} is out of bounds for axis {axis} with size {n}")
    start = index % n
    y = slice_in_dim(x, start, start + 1, axis=axis)
    return y if keepdims else squeeze(y, axis)


def _starts(x, start_indices):
    if len(start_indices) != x.ndim:
        raise ShapeError(
            f"dynamic_slice: {len(start_indices)} start indices for an array of rank {x.ndim}"
        )
    return [_start(i, n) for i, n in zip(start_indices, x.shape, strict=True)]


def _start(i, n):
    """A start position, from the end when negative; a scalar."""
    if isinstance(i, int | np.integer):
        return np.int64(i + n if i < 0 else i)
    i = convert(operand(i), INT64)
    i = reshape(i, ()) if np.shape(i) else i
    return where(i < 0, i + n, i)


def dynamic_slice(x, start_indices, slice_sizes):
    """A block of static sizes at run-time positions."""
    x = operand(x)
    return DynamicSlice(tuple(slice_sizes))(x, *_starts(x, start_indices))


def dynamic_slice_in_dim(x, start_index, slice_size, axis=0):
    """A block of one axis at a run-time position."""
    x = operand(x)
    axis = normalize_axis(axis, x.ndim)
    starts, sizes = [0] * x.ndim, list(x.shape)
    starts[axis], sizes[axis] = start_index, slice_size
    return dynamic_slice(x, starts, sizes)


def dynamic_index_in_dim(x, index, axis=0, keepdims=True):
    """The elements at a run-time position of an axis."""
    y = dynamic_slice_in_dim(x, index, 1, axis)
    return y if keepdims else squeeze(y, axis)


def dynamic_update_slice(x, update, start_indices):
    """`x` with a block overwritten at run-time positions."""
    x = operand(x)
    update = convert(operand(update), x.dtype)
    return DynamicUpdate()(x, update, *_starts(x, start_indices))


def dynamic_update_slice_in_dim(x, update, start_index, axis):
    """`x` with a block of one axis overwritten at a run-time position."""
    x = operand(x)
    starts = [0] * x.ndim
    starts[normalize_axis(axis, x.ndim)] = start_index
    return dynamic_update_slice(x, update, starts)


def dynamic_update_index_in_dim(x, update, index, axis):
    """`x` with the elements at a run-time position of an axis overwritten."""
    x, update = operand(x), operand(update)
    axis = normalize_axis(axis, x.ndim)
    if np.ndim(update) != x.ndim:
        update = expand_dims(update, axis)
    return dynamic_update_slice_in_dim(x, update, index, axis)


def index_take(src, idxs, axes):
    """Elements of `src` at index arrays (moved inside the bounds) along `axes`."""
    src = operand(src)
    index = [_slice(None)] * src.ndim
    for a, i in zip(axes, idxs, strict=True):
        index[a] = i
    return read(src, tuple(index), "clip")


# ---- gather and scatter by dimension numbers


@dataclass(frozen=True)
class GatherDimensionNumbers:
    """As `jax.lax.GatherDimensionNumbers`."""

    offset_dims: tuple
    collapsed_slice_dims: tuple
    start_index_map: tuple
    operand_batching_dims: tuple = ()
    start_indices_batching_dims: tuple = ()


@dataclass(frozen=True)
class ScatterDimensionNumbers:
    """As `jax.lax.ScatterDimensionNumbers`."""

    update_window_dims: tuple
    inserted_window_dims: tuple
    scatter_dims_to_operand_dims: tuple
    operand_batching_dims: tuple = ()
    scatter_indices_batching_dims: tuple = ()


class GatherScatterMode:
    """What happens to blocks that do not lie inside: CLIP moves, FILL_OR_DROP drops them."""

    CLIP = "clip"
    FILL_OR_DROP = "fill"
    PROMISE_IN_BOUNDS = "promise_in_bounds"

    @staticmethod
    def from_any(mode):
        """The mode of a string or None."""
        names = {None: "fill", "drop": "fill", "promise_in_bounds": "promise_in_bounds"}
        return names.get(mode, mode)


def _places(shape, starts, window, index_map, skipped, batching, mode):
    """For each axis of the operand its positions, shaped (batch..., window...), and validity.

    `starts` has the positions along its last axis; `window` are the block sizes of all axes.
    """
    lead = tuple(starts.shape[:-1])
    kept = [a for a in range(len(shape)) if a not in skipped]
    wide = (*lead, *[window[a] for a in kept])
    valid, places = None, []
    for a, n in enumerate(shape):
        if a in batching:
            ones = [1] * len(wide)
            ones[batching[a]] = lead[batching[a]]
            places.append(broadcast_to(np.arange(n).reshape(ones), wide))
            continue
        place = np.zeros(lead, np.int64)
        if a in index_map:
            place = convert(getitem_any(starts, (..., index_map.index(a))), INT64)
            inside = e.logical_and(place >= 0, place <= n - window[a])
            valid = inside if valid is None else e.logical_and(valid, inside)
            place = e.minimum(e.maximum(place, np.int64(0)), np.int64(n - window[a]))
        place = reshape(place, (*lead, *[1] * len(kept)))
        if a in kept:
            offsets = np.arange(window[a])
            place = place + offsets.reshape([-1 if b == a else 1 for b in kept])
        places.append(broadcast_to(place, wide))
    if valid is None or mode != "fill":
        return places, wide, None
    return places, wide, broadcast_to(reshape(valid, (*lead, *[1] * len(kept))), wide)


def gather(
    x,
    start_indices,
    dimension_numbers,
    slice_sizes,
    *,
    unique_indices=False,
    indices_are_sorted=False,
    mode=None,
    fill_value=None,
):
    """Blocks of `x` at run-time positions, as `jax.lax.gather` defines it.

    Mode "clip" (the default) moves blocks inside; "fill" reads `fill_value` (default nan) outside.
    """
    x, starts, d = operand(x), operand(start_indices), dimension_numbers
    mode = GatherScatterMode.from_any(mode or "clip")
    skipped = {*d.collapsed_slice_dims, *d.operand_batching_dims}
    batching = dict(zip(d.operand_batching_dims, d.start_indices_batching_dims, strict=True))
    places, wide, valid = _places(
        x.shape, starts, tuple(slice_sizes), tuple(d.start_index_map), skipped, batching, mode
    )
    y = Gather(tuple(range(x.ndim)), "clip")(x, *places)
    if valid is not None:
        if fill_value is None:
            fill_value = np.nan if x.dtype.kind in "fc" else np.iinfo(x.dtype).min
        y = e.select(valid, y, x.dtype.type(fill_value))
    lead = starts.ndim - 1
    return moveaxis(y, tuple(range(lead, len(wide))), tuple(d.offset_dims))


def _scatter(combine):
    def apply(
        x,
        scatter_indices,
        updates,
        dimension_numbers,
        *,
        indices_are_sorted=False,
        unique_indices=False,
        mode=None,
    ):
        x, starts, d = operand(x), operand(scatter_indices), dimension_numbers
        updates = convert(operand(updates), x.dtype)
        mode = GatherScatterMode.from_any(mode)
        skipped = {*d.inserted_window_dims, *d.operand_batching_dims}
        batching = dict(zip(d.operand_batching_dims, d.scatter_indices_batching_dims, strict=True))
        windows = tuple(d.update_window_dims)
        sizes = iter([updates.shape[a] for a in windows])
        window = tuple([1 if a in skipped else next(sizes) for a in range(x.ndim)])
        places, wide, valid = _places(
            x.shape, starts, window, tuple(d.scatter_dims_to_operand_dims), skipped, batching, mode
        )
        rest = [a for a in range(updates.ndim) if a not in windows]
        updates = transpose(updates, (*rest, *windows))
        if valid is not None:
            outside = np.int64(x.shape[0])
            places[0] = e.select(valid, places[0], broadcast_to(outside, wide))
        how = "clip" if valid is None else "drop"
        return Scatter(tuple(range(x.ndim)), combine, how)(x, updates, *places)

    apply.__doc__ = (
        f"`x` with blocks of updates at run-time positions ({combine}); those that do not lie "
        'inside are dropped, or moved with mode="clip".'
    )
    return apply


scatter = _scatter("set")
scatter_add = _scatter("add")
scatter_mul = _scatter("multiply")


def scatter_sub(x, scatter_indices, updates, dimension_numbers, **options):
    """`x` less blocks of updates at run-time positions; the options are those of `scatter_add`."""
    return scatter_add(x, scatter_indices, -operand(updates), dimension_numbers, **options)


scatter_min = _scatter("minimum")
scatter_max = _scatter("maximum")
