"""Reductions over the batch axis of an enclosing `vmap(..., axis_name=)`, on pytrees."""

import numpy as np

from fungrad.core import tree
from fungrad.core.errors import ShapeError, UnknownAxisNameError
from fungrad.core.tracing import state
from fungrad.lax.slicing import dynamic_slice_in_dim
from fungrad.numpy.creation import operand
from fungrad.numpy.dispatch import normalize_axis
from fungrad.numpy.selection import where
from fungrad.numpy.shapes import moveaxis, reshape, squeeze
from fungrad.numpy.ufuncs import maximum
from fungrad.primitives.collectives import AllGather, AxisIndex, Combine
from fungrad.primitives.reductions import Max, Min, Sum


def axis_size(axis_name):
    """The size of a named batch axis; UnknownAxisNameError when no enclosing vmap has it."""
    recording = state.recording
    while recording is not None:
        axis = recording.axis
        if axis is not None and axis.name == axis_name:
            return axis.size
        recording = recording.parent
    raise UnknownAxisNameError(
        f"no enclosing vmap has axis_name={axis_name!r}; write vmap(f, axis_name={axis_name!r})"
    )


def _names(axis_name):
    return tuple(axis_name) if isinstance(axis_name, tuple | list) else (axis_name,)


def _combined(function, x, axis_name):
    for name in _names(axis_name):
        axis_size(name)
        x = tree.map(lambda leaf, name=name: Combine(function, name)(operand(leaf)), x)
    return x


def psum(x, axis_name, *, axis_index_groups=None):
    """The sum over a named batch axis (or several), of every array in a pytree."""
    _without_groups("psum", axis_index_groups)
    return _combined(Sum, x, axis_name)


def pmean(x, axis_name, *, axis_index_groups=None):
    """The mean over a named batch axis (or several), of every array in a pytree."""
    _without_groups("pmean", axis_index_groups)
    count = 1
    for name in _names(axis_name):
        count *= axis_size(name)
    return tree.map(lambda leaf: leaf / count, psum(x, axis_name))


def pmax(x, axis_name, *, axis_index_groups=None):
    """The maximum over a named batch axis (or several), of every array in a pytree."""
    _without_groups("pmax", axis_index_groups)
    return _combined(Max, x, axis_name)


def pmin(x, axis_name, *, axis_index_groups=None):
    """The minimum over a named batch axis (or several), of every array in a pytree."""
    _without_groups("pmin", axis_index_groups)
    return _combined(Min, x, axis_name)


def all_gather(x, axis_name, *, axis_index_groups=None, axis=0, tiled=False):
    """The values of all elements of a named batch axis, along a new axis; `tiled` joins them."""
    _without_groups("all_gather", axis_index_groups)
    size = axis_size(axis_name)

    def gathered(leaf):
        y = moveaxis(AllGather(axis_name, size)(operand(leaf)), 0, axis)
        if not tiled:
            return y
        at = axis % (y.ndim - 1)
        return reshape(y, (*y.shape[:at], -1, *y.shape[at + 2 :]))

    return tree.map(gathered, x)


def axis_index(axis_name):
    """The position along a named batch axis, int64."""
    axis_size(axis_name)
    return AxisIndex(axis_name)()


# ---- every element of the axis gets parts of what the others have


def _mine(x, axis_name, axis, block=1):
    """The block of an axis whose number is the position along the named axis."""
    start = axis_index(axis_name) * np.int64(block)
    return dynamic_slice_in_dim(x, start, block, axis)


def _blocks(name, x, axis, size):
    """The size of one of `size` equal blocks of an axis; ShapeError where there are none."""
    n = x.shape[axis]
    if n % size:
        raise ShapeError(
            f"{name}: axis {axis} of shape {x.shape} cannot be divided among {size} elements of "
            "the named axis"
        )
    return n // size


def _as_large(name, x, axis, size):
    if x.shape[axis] != size:
        raise ShapeError(
            f"{name}: axis {axis} of shape {x.shape} must have the size {size} of the named axis, "
            "unless tiled=True"
        )


def _without_groups(name, axis_index_groups):
    if axis_index_groups is not None:
        raise ValueError(
            f"{name}: axis_index_groups is not supported; use nested vmaps with two axis names"
        )


def ppermute(x, axis_name, perm):
    """The values sent along a named batch axis by pairs (source, destination).

    Where nothing is sent to, the result is 0.

    >>> from fungrad import vmap
    >>> vmap(lambda x: ppermute(x, "i", [(0, 1), (1, 2)]), axis_name="i")(np.array([5.0, 6.0, 7.0]))
    array([0., 5., 6.])
    """
    size = axis_size(axis_name)
    sources = np.full(size, -1)
    for source, destination in perm:
        if not (0 <= source < size and 0 <= destination < size) or sources[destination] >= 0:
            raise ValueError(
                f"ppermute: {list(perm)} does not send at most one value to each of {size} places"
            )
        sources[destination] = source
    if len({s for s, _ in perm}) != len(list(perm)):
        raise ValueError(f"ppermute: {list(perm)} sends from one place twice")
    mine = dynamic_slice_in_dim(sources, axis_index(axis_name), 1, 0)[0]

    def sent(leaf):
        everything = AllGather(axis_name, size)(operand(leaf))
        start = maximum(mine, np.int64(0))
        found = squeeze(dynamic_slice_in_dim(everything, start, 1, 0), 0)
        if (sources >= 0).all():
            return found
        return where(mine >= 0, found, found.dtype.type(0))

    return tree.map(sent, x)


def pshuffle(x, axis_name, perm):
    """The values along a named batch axis in another order: place i gets that of `perm[i]`."""
    perm = list(perm)
    if sorted(perm) != list(range(axis_size(axis_name))):
        raise ValueError(f"pshuffle: {perm} does not order {axis_size(axis_name)} places")
    return ppermute(x, axis_name, [(source, place) for place, source in enumerate(perm)])


def pbroadcast(x, axis_name, source):
    """The value of one place of a named batch axis, everywhere."""
    size = axis_size(axis_name)
    return tree.map(lambda leaf: AllGather(axis_name, size)(operand(leaf))[source], x)


def all_to_all(x, axis_name, split_axis, concat_axis, *, axis_index_groups=None, tiled=False):
    """Place i of a named batch axis gets part i, along `split_axis`, of the value of every place.

    The parts stand along a new axis at `concat_axis`, in place of `split_axis`, which has the size
    of the named axis; `tiled` divides an axis of any multiple of it, and joins along another.

    >>> from fungrad import vmap
    >>> vmap(lambda x: all_to_all(x, "i", 0, 0), axis_name="i")(np.arange(4.0).reshape(2, 2))
    array([[0., 2.],
           [1., 3.]])
    """
    _without_groups("all_to_all", axis_index_groups)
    size = axis_size(axis_name)

    def exchanged(leaf):
        leaf = operand(leaf)
        split = normalize_axis(split_axis, leaf.ndim)
        concat = normalize_axis(concat_axis, leaf.ndim)
        if not tiled:
            _as_large("all_to_all", leaf, split, size)
        block = _blocks("all_to_all", leaf, split, size)
        parts = _mine(AllGather(axis_name, size)(leaf), axis_name, split + 1, block)
        if not tiled:
            return moveaxis(squeeze(parts, split + 1), 0, concat)
        parts = moveaxis(parts, 0, concat)
        shape = parts.shape
        return reshape(parts, (*shape[:concat], -1, *shape[concat + 2 :]))

    return tree.map(exchanged, x)


def pswapaxes(x, axis_name, axis, *, axis_index_groups=None):
    """The named batch axis exchanged with an axis of the same size."""
    return all_to_all(x, axis_name, axis, axis, axis_index_groups=axis_index_groups)


def psum_scatter(x, axis_name, *, scatter_dimension=0, axis_index_groups=None, tiled=False):
    """The sum over a named batch axis, of which each place gets its part along an axis.

    The axis has the size of the named one, and goes; `tiled` divides an axis of any multiple.

    >>> from fungrad import vmap
    >>> vmap(lambda x: psum_scatter(x, "i"), axis_name="i")(np.arange(4.0).reshape(2, 2))
    array([2., 4.])
    """
    _without_groups("psum_scatter", axis_index_groups)
    size = axis_size(axis_name)

    def scattered(leaf):
        leaf = operand(leaf)
        axis = normalize_axis(scatter_dimension, leaf.ndim)
        if not tiled:
            _as_large("psum_scatter", leaf, axis, size)
        block = _blocks("psum_scatter", leaf, axis, size)
        part = _mine(Combine(Sum, axis_name)(leaf), axis_name, axis, block)
        return part if tiled else squeeze(part, axis)

    return tree.map(scattered, x)
