"""Slices at static and run-time positions, gather and scatter, as in `jax.lax`.

Run-time positions are moved so that the block lies inside; negative ones count from the end.
"""

from dataclasses import dataclass

import numpy as np

from fungrad.api.loops import fori_loop
from fungrad.api.vectorize import vmap
from fungrad.core.errors import ShapeError
from fungrad.numpy.at import read
from fungrad.numpy.creation import operand as as_operand
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


def slice(operand, start_indices, limit_indices, strides=None):
    """Elements from start to limit along every axis."""
    operand = as_operand(operand)
    strides = (1,) * operand.ndim if strides is None else tuple(strides)
    return Slice(tuple(start_indices), tuple(limit_indices), strides)(operand)


def slice_in_dim(operand, start_index, limit_index, stride=1, axis=0):
    """Elements from start to limit along one axis."""
    operand = as_operand(operand)
    axis = normalize_axis(axis, operand.ndim)
    return getitem_any(
        operand, (_slice(None),) * axis + (_slice(start_index, limit_index, stride),)
    )


def index_in_dim(operand, index, axis=0, keepdims=True):
    """The elements at a static position of an axis."""
    operand = as_operand(operand)
    axis = normalize_axis(axis, operand.ndim)
    n = operand.shape[axis]
    if not -n <= index < n:
        raise IndexError(f"index {index} is out of bounds for axis {axis} with size {n}")
    start = index % n
    y = slice_in_dim(operand, start, start + 1, axis=axis)
    return y if keepdims else squeeze(y, axis)


def _starts(name, x, start_indices, sizes, wraps=True):
    """The start positions of a block of these sizes in `x`, which it has to fit."""
    if len(start_indices) != x.ndim:
        raise ShapeError(
            f"{name}: {len(start_indices)} start indices for an array of rank {x.ndim}"
        )
    fits = len(sizes) == x.ndim and all(0 <= s <= n for s, n in zip(sizes, x.shape, strict=True))
    if not fits:
        raise ShapeError(f"{name}: a block of shape {sizes} does not fit into shape {x.shape}")
    each = wraps if isinstance(wraps, tuple | list) else [wraps] * x.ndim
    return [_start(*row) for row in zip(start_indices, x.shape, each, strict=True)]


def _start(i, n, wraps):
    """A start position, from the end when negative and `wraps`; a scalar."""
    if isinstance(i, int | np.integer):
        return np.int64(i + n if i < 0 and wraps else i)
    i = convert(as_operand(i), INT64)
    i = reshape(i, ()) if np.shape(i) else i
    return where(i < 0, i + n, i) if wraps else i


def dynamic_slice(operand, start_indices, slice_sizes, *, allow_negative_indices=True):
    """A block of static sizes at run-time positions; one truth for all axes, or one for each."""
    operand = as_operand(operand)
    sizes = tuple(slice_sizes)
    starts = _starts("dynamic_slice", operand, start_indices, sizes, allow_negative_indices)
    return DynamicSlice(sizes)(operand, *starts)


def dynamic_slice_in_dim(operand, start_index, slice_size, axis=0, *, allow_negative_indices=True):
    """A block of one axis at a run-time position."""
    operand = as_operand(operand)
    axis = normalize_axis(axis, operand.ndim)
    starts, sizes = [0] * operand.ndim, list(operand.shape)
    starts[axis], sizes[axis] = start_index, slice_size
    return dynamic_slice(operand, starts, sizes, allow_negative_indices=allow_negative_indices)


def dynamic_index_in_dim(operand, index, axis=0, keepdims=True, *, allow_negative_indices=True):
    """The elements at a run-time position of an axis."""
    how = {"allow_negative_indices": allow_negative_indices}
    y = dynamic_slice_in_dim(operand, index, 1, axis, **how)
    return y if keepdims else squeeze(y, axis)


def dynamic_update_slice(operand, update, start_indices, *, allow_negative_indices=True):
    """`operand` with a block overwritten at run-time positions."""
    operand = as_operand(operand)
    update = convert(as_operand(update), operand.dtype)
    sizes = tuple(update.shape)
    starts = _starts("dynamic_update_slice", operand, start_indices, sizes, allow_negative_indices)
    return DynamicUpdate()(operand, update, *starts)


def dynamic_update_slice_in_dim(operand, update, start_index, axis, *, allow_negative_indices=True):
    """`operand` with a block of one axis overwritten at a run-time position."""
    operand = as_operand(operand)
    starts = [0] * operand.ndim
    starts[normalize_axis(axis, operand.ndim)] = start_index
    return dynamic_update_slice(
        operand, update, starts, allow_negative_indices=allow_negative_indices
    )


def dynamic_update_index_in_dim(operand, update, index, axis, *, allow_negative_indices=True):
    """`operand` with the elements at a run-time position of an axis overwritten."""
    operand, update = as_operand(operand), as_operand(update)
    axis = normalize_axis(axis, operand.ndim)
    if np.ndim(update) != operand.ndim:
        update = expand_dims(update, axis)
    return dynamic_update_slice_in_dim(
        operand, update, index, axis, allow_negative_indices=allow_negative_indices
    )


def index_take(src, idxs, axes):
    """Elements of `src` at index arrays (moved inside the bounds) along `axes`."""
    src = as_operand(src)
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
    operand,
    start_indices,
    dimension_numbers,
    slice_sizes,
    *,
    unique_indices=False,
    indices_are_sorted=False,
    mode=None,
    fill_value=None,
):
    """Blocks of `operand` at run-time positions, as `jax.lax.gather` defines it.

    Mode "clip" (the default) moves blocks inside; "fill" reads `fill_value` (default nan) outside.
    """
    operand, starts, d = as_operand(operand), as_operand(start_indices), dimension_numbers
    mode = GatherScatterMode.from_any(mode or "clip")
    skipped = {*d.collapsed_slice_dims, *d.operand_batching_dims}
    batching = dict(zip(d.operand_batching_dims, d.start_indices_batching_dims, strict=True))
    places, wide, valid = _places(
        operand.shape, starts, tuple(slice_sizes), tuple(d.start_index_map), skipped, batching, mode
    )
    y = Gather(tuple(range(operand.ndim)), "clip")(operand, *places)
    if valid is not None:
        if fill_value is None:
            fill_value = np.nan if operand.dtype.kind in "fc" else np.iinfo(operand.dtype).min
        y = e.select(valid, y, operand.dtype.type(fill_value))
    lead = starts.ndim - 1
    return moveaxis(y, tuple(range(lead, len(wide))), tuple(d.offset_dims))


def _scatter(combine):
    def apply(
        operand,
        scatter_indices,
        updates,
        dimension_numbers,
        *,
        indices_are_sorted=False,
        unique_indices=False,
        mode=None,
    ):
        operand, starts, d = as_operand(operand), as_operand(scatter_indices), dimension_numbers
        updates = convert(as_operand(updates), operand.dtype)
        mode = GatherScatterMode.from_any(mode)
        skipped = {*d.inserted_window_dims, *d.operand_batching_dims}
        batching = dict(zip(d.operand_batching_dims, d.scatter_indices_batching_dims, strict=True))
        windows = tuple(d.update_window_dims)
        sizes = iter([updates.shape[a] for a in windows])
        window = tuple([1 if a in skipped else next(sizes) for a in range(operand.ndim)])
        places, wide, valid = _places(
            operand.shape,
            starts,
            window,
            tuple(d.scatter_dims_to_operand_dims),
            skipped,
            batching,
            mode,
        )
        rest = [a for a in range(updates.ndim) if a not in windows]
        updates = transpose(updates, (*rest, *windows))
        if valid is not None:
            outside = np.int64(operand.shape[0])
            places[0] = e.select(valid, places[0], broadcast_to(outside, wide))
        how = "clip" if valid is None else "drop"
        return Scatter(tuple(range(operand.ndim)), combine, how)(operand, updates, *places)

    apply.__doc__ = (
        f"`x` with blocks of updates at run-time positions ({combine}); those that do not lie "
        'inside are dropped, or moved with mode="clip".'
    )
    return apply


scatter = _scatter("set")
scatter_add = _scatter("add")
scatter_mul = _scatter("multiply")


def scatter_sub(operand, scatter_indices, updates, dimension_numbers, **options):
    """`operand` less blocks of updates at run-time positions; options as for `scatter_add`."""
    return scatter_add(operand, scatter_indices, -as_operand(updates), dimension_numbers, **options)


scatter_min = _scatter("minimum")
scatter_max = _scatter("maximum")


def scatter_apply(
    operand,
    scatter_indices,
    func,
    dimension_numbers,
    *,
    update_shape=(),
    indices_are_sorted=False,
    unique_indices=False,
    mode=None,
):
    """`operand` with a function of one number applied to blocks at run-time positions.

    It is applied as often as positions name an element; what lies outside is left out, or moved
    with mode="clip". `update_shape` is the shape that updates would have.

    >>> numbers = ScatterDimensionNumbers((), (0,), (0,))
    >>> places = np.array([[2], [2], [0]])
    >>> x = np.array([1.0, 2.0, 3.0])
    >>> scatter_apply(x, places, lambda x: 2 * x, numbers, update_shape=(3,))
    array([ 2.,  2., 12.])
    """
    operand = as_operand(operand)
    ones = np.ones(update_shape, np.int64)
    times = scatter_add(
        np.zeros(operand.shape, np.int64), scatter_indices, ones, dimension_numbers, mode=mode
    )
    each = vmap(func)

    def again(k, y):
        changed = reshape(convert(each(reshape(y, (-1,))), operand.dtype), operand.shape)
        return where(times > k, changed, y)

    return fori_loop(0, np.max(times, initial=0), again, operand)
