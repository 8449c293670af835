"""Arrays put together and taken apart: concatenate, stack, split, tile, repeat, roll."""

import numpy as np

from fungrad.core.errors import ShapeError, UnknownValueError
from fungrad.core.tracing import Tracer
from fungrad.numpy.arrays import operand
from fungrad.numpy.creation import iota
from fungrad.numpy.dispatch import normalize_axes, normalize_axis, refuse_out, traced
from fungrad.numpy.indexing import getitem
from fungrad.numpy.promotion import convert, result_dtype
from fungrad.numpy.shapes import (
    along,
    atleast_1d,
    atleast_2d,
    atleast_3d,
    expand_dims,
    moveaxis,
    ravel,
    reshape,
)
from fungrad.numpy.shapes import broadcast_to as broadcast
from fungrad.primitives.indexing import Gather
from fungrad.primitives.joining import Concatenate
from fungrad.primitives.movement import Reshape


def parts_of(arrays):
    """The arrays of a sequence, or the rows of an array, as operands."""
    if type(arrays) is Tracer or isinstance(arrays, np.ndarray):
        return [operand(arrays)[i] for i in range(arrays.shape[0])]
    return [operand(x) for x in arrays]


@traced(np.concatenate, np.concat)
def concatenate(arrays, /, axis=0, out=None, *, dtype=None, casting="same_kind"):
    """`numpy.concatenate`."""
    refuse_out("concatenate", out)
    parts = parts_of(arrays)
    if not parts:
        raise ValueError("need at least one array to concatenate")
    if axis is None:
        parts, axis = [ravel(x) for x in parts], 0
    if not parts[0].ndim:
        raise ShapeError("zero-dimensional arrays cannot be concatenated: use stack")
    axis = normalize_axis(axis, parts[0].ndim)
    target = np.dtype(dtype) if dtype is not None else result_dtype(*parts)
    parts = [convert(x, target) for x in parts]
    first = tuple(parts[0].shape)
    before, after = first[:axis], first[axis + 1 :]
    for number, x in enumerate(parts):
        shape = x.shape
        if shape[:axis] == before and shape[axis + 1 :] == after and len(shape) == len(first):
            continue
        if len(shape) != len(first):
            raise ShapeError(
                "all the input array dimensions must match, but the array at index 0 has "
                f"{len(first)} dimension(s) and the array at index {number} has {len(shape)}"
            )
        for a, (n, m) in enumerate(zip(first, shape, strict=True)):
            if n != m and a != axis:
                raise ShapeError(
                    "all the input array dimensions except for the concatenation axis must match "
                    f"exactly, but along dimension {a}, the array at index 0 has size {n} and the "
                    f"array at index {number} has size {m}"
                )
    return Concatenate(axis)(*parts)


concat = concatenate


@traced(np.stack)
def stack(arrays, axis=0, out=None, *, dtype=None, casting="same_kind"):
    """`numpy.stack`."""
    refuse_out("stack", out)
    parts = parts_of(arrays)
    if not parts:
        raise ValueError("need at least one array to stack")
    shapes = sorted({tuple(x.shape) for x in parts})
    if len(shapes) > 1:
        raise ShapeError(
            f"all input arrays must have the same shape, not {' and '.join(map(str, shapes))}"
        )
    axis = normalize_axis(axis, len(shapes[0]) + 1)
    target = np.dtype(dtype) if dtype is not None else result_dtype(*parts)
    widen = Reshape((*shapes[0][:axis], 1, *shapes[0][axis:]))
    return Concatenate(axis)(*[widen(convert(x, target)) for x in parts])


@traced(np.vstack)
def vstack(tup, *, dtype=None, casting="same_kind"):
    """`numpy.vstack`."""
    return concatenate([atleast_2d(x) for x in parts_of(tup)], 0, dtype=dtype)


@traced(np.hstack)
def hstack(tup, *, dtype=None, casting="same_kind"):
    """`numpy.hstack`."""
    parts = [atleast_1d(x) for x in parts_of(tup)]
    return concatenate(parts, 0 if parts and parts[0].ndim == 1 else 1, dtype=dtype)


@traced(np.dstack)
def dstack(tup):
    """`numpy.dstack`."""
    return concatenate([atleast_3d(x) for x in parts_of(tup)], 2)


@traced(np.column_stack)
def column_stack(tup):
    """`numpy.column_stack`."""
    parts = [reshape(x, (-1, 1)) if x.ndim < 2 else x for x in parts_of(tup)]
    return concatenate(parts, 1)


@traced(np.block)
def block(arrays):
    """`numpy.block`: nested lists of blocks, the innermost along the last axis."""
    rank = max(_depth(arrays), _rank(arrays))
    return _blocks(arrays, rank, _depth(arrays))


def _depth(arrays):
    return 1 + _depth(arrays[0]) if isinstance(arrays, list) else 0


def _rank(arrays):
    return max(map(_rank, arrays)) if isinstance(arrays, list) else operand(arrays).ndim


def _blocks(arrays, rank, depth):
    if not isinstance(arrays, list):
        x = operand(arrays)
        return reshape(x, (1,) * (rank - x.ndim) + tuple(x.shape))
    return concatenate([_blocks(x, rank, depth - 1) for x in arrays], -depth)


@traced(np.append)
def append(arr, values, axis=None):
    """`numpy.append`."""
    arr, values = operand(arr), operand(values)
    if axis is None:
        return concatenate([ravel(arr), ravel(values)])
    return concatenate([arr, values], axis)


# ---- taken apart


def part(x, axis, start, stop):
    """Elements start to stop along an axis, as a view."""
    return getitem_any(x, (slice(None),) * axis + (slice(start, stop),))


def getitem_any(x, index):
    """`x[index]` of a traced or plain array."""
    return getitem(x, index) if type(x) is Tracer else x[index]


@traced(np.array_split)
def array_split(ary, indices_or_sections, axis=0):
    """`numpy.array_split`."""
    ary = operand(ary)
    axis = normalize_axis(axis, ary.ndim)
    n = ary.shape[axis]
    if isinstance(indices_or_sections, int | np.integer):
        count = int(indices_or_sections)
        if count <= 0:
            raise ValueError("number sections must be larger than 0.")
        each, extra = divmod(n, count)
        sizes = [each + 1] * extra + [each] * (count - extra)
        ends = np.cumsum(sizes).tolist()
    else:
        ends = [*[i.__index__() for i in indices_or_sections], n]
    starts = [0, *ends[:-1]]
    return [part(ary, axis, a, b) for a, b in zip(starts, ends, strict=True)]


@traced(np.split)
def split(ary, indices_or_sections, axis=0):
    """`numpy.split`; ValueError when the parts cannot be equal."""
    ary = operand(ary)
    if isinstance(indices_or_sections, int | np.integer):
        n = ary.shape[normalize_axis(axis, ary.ndim)]
        if n % indices_or_sections:
            raise ValueError(
                f"array split does not result in an equal division: axis {axis} has size {n}, "
                f"the number of parts is {indices_or_sections}"
            )
    return array_split(ary, indices_or_sections, axis)


def _require_axes(name, ary, rank):
    if np.ndim(ary) < rank:
        raise ValueError(f"{name} only works on arrays of {rank} or more dimensions")


@traced(np.vsplit)
def vsplit(ary, indices_or_sections):
    """`numpy.vsplit`."""
    _require_axes("vsplit", ary, 2)
    return split(ary, indices_or_sections, 0)


@traced(np.hsplit)
def hsplit(ary, indices_or_sections):
    """`numpy.hsplit`."""
    ary = operand(ary)
    _require_axes("hsplit", ary, 1)
    return split(ary, indices_or_sections, 0 if ary.ndim == 1 else 1)


@traced(np.dsplit)
def dsplit(ary, indices_or_sections):
    """`numpy.dsplit`."""
    _require_axes("dsplit", ary, 3)
    return split(ary, indices_or_sections, 2)


@traced(np.unstack)
def unstack(x, /, *, axis=0):
    """`numpy.unstack`: the slices along an axis, as a tuple."""
    x = operand(x)
    x = moveaxis(x, normalize_axis(axis, x.ndim), 0)
    return tuple([getitem_any(x, i) for i in range(x.shape[0])])


# ---- repeated, moved, with parts inserted or deleted


@traced(np.tile)
def tile(A, reps):
    """`numpy.tile`."""
    x = operand(A)
    reps = tuple(reps) if isinstance(reps, tuple | list | np.ndarray) else (reps,)
    reps = (1,) * (x.ndim - len(reps)) + tuple([r.__index__() for r in reps])
    shape = (1,) * (len(reps) - x.ndim) + tuple(x.shape)
    mixed = [n for r, n in zip(reps, shape, strict=True) for n in (1, n)]
    wide = [m for r, n in zip(reps, shape, strict=True) for m in (r, n)]
    result = broadcast(reshape(x, tuple(mixed)), tuple(wide))
    return Reshape(tuple([r * n for r, n in zip(reps, shape, strict=True)]))(result)


@traced(np.repeat, extras=("total_repeat_length",))
def repeat(a, repeats, axis=None, *, total_repeat_length=None):
    """`numpy.repeat`; the numbers of repeats must be known, since they determine the shape.

    Under jit `total_repeat_length`, JAX's keyword, gives the size: the last repeats are cut, or
    the last element is repeated more often.
    """
    a, axis = along(operand(a), axis)
    n = a.shape[axis]
    if total_repeat_length is not None:
        ends = np.cumsum(broadcast(operand(repeats), (n,)))
        turn = iota(total_repeat_length)[:, None]
        places = np.sum(np.less_equal(ends, turn), axis=1)
        return take_static(a, np.minimum(places, n - 1), axis)
    if type(repeats) is Tracer and not repeats.is_known:
        raise UnknownValueError(
            "repeat: the size of the result depends on values that do not exist while "
            f"{repeats.recording.title} is traced; give it as total_repeat_length="
        )
    counts = repeats.value if type(repeats) is Tracer else np.asarray(repeats)
    if counts.ndim == 0 or counts.size == 1:
        r = int(counts.reshape(())[()]) if counts.ndim else int(counts)
        shape = tuple(a.shape)
        wide = broadcast(expand_dims(a, axis + 1), (*shape[: axis + 1], r, *shape[axis + 1 :]))
        return Reshape((*shape[:axis], n * r, *shape[axis + 1 :]))(wide)
    if counts.shape != (n,):
        raise ShapeError(f"repeats of shape {counts.shape} do not fit axis {axis} of size {n}")
    return take_static(a, np.repeat(np.arange(n), counts), axis)


def take_static(a, positions, axis):
    """Elements at known positions (within bounds) along an axis."""
    result = Gather((axis,), "clip")(a, positions)
    return moveaxis(result, tuple(range(positions.ndim)), tuple(range(axis, axis + positions.ndim)))


@traced(np.roll)
def roll(a, shift, axis=None):
    """`numpy.roll`; a traced shift is taken modulo the size."""
    a = operand(a)
    if axis is None:
        return reshape(roll(ravel(a), shift, 0), a.shape)
    axes = axis if isinstance(axis, tuple | list) else (axis,)
    shifts = shift if isinstance(shift, tuple | list) else (shift,) * len(axes)
    axes = axes * len(shifts) if len(axes) == 1 else axes
    if len(shifts) != len(axes):
        raise ValueError("'shift' and 'axis' should be scalars or 1D sequences of one length")
    for s, i in zip(shifts, axes, strict=True):
        a = _rolled(a, s, normalize_axis(i, a.ndim))
    return a


def _rolled(a, shift, axis):
    n = a.shape[axis]
    if not n:
        return a
    if type(shift) is Tracer:
        positions = (iota(n) - shift) % n
        return moveaxis(Gather((axis,), "wrap")(a, positions), 0, axis)
    shift = int(shift) % n
    if not shift:
        return a
    return concatenate([part(a, axis, n - shift, n), part(a, axis, 0, n - shift)], axis)


@traced(np.resize)
def resize(a, new_shape):
    """`numpy.resize`: the elements repeated to fill a shape."""
    a = ravel(operand(a))
    shape = tuple(new_shape) if isinstance(new_shape, tuple | list) else (new_shape,)
    if any(n < 0 for n in shape):
        raise ValueError("all elements of `new_shape` must be non-negative")
    size = int(np.prod(shape))
    if not a.size:
        return broadcast(a.dtype.type(0), shape)
    return reshape(take_static(a, np.arange(size) % a.size, 0), shape)


@traced(np.trim_zeros)
def trim_zeros(filt, trim="fb", axis=None):
    """`numpy.trim_zeros`, where the values are known."""
    filt = operand(filt)
    trim = trim.lower()
    if trim not in ("fb", "bf", "f", "b"):
        raise ValueError(f"unexpected character(s) in `trim`: {trim!r}")
    places = np.nonzero(np.atleast_1d(filt.value if type(filt) is Tracer else filt))
    index = []
    for a, n in enumerate(filt.shape):
        if axis is not None and a not in normalize_axes(axis, filt.ndim):
            index.append(slice(None))
        elif not len(places[a]):
            index.append(slice(0, 0))
        else:
            first = int(places[a].min()) if "f" in trim else 0
            index.append(slice(first, int(places[a].max()) + 1 if "b" in trim else n))
    return filt[tuple(index)] if index else filt
