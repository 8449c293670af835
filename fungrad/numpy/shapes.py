"""The same elements under other axes: reshape, transpose, squeeze. NumPy's views."""

import math

import numpy as np

from fungrad.core.errors import ShapeError
from fungrad.core.tracer import is_same
from fungrad.core.tracing import Tracer
from fungrad.numpy import promotion
from fungrad.numpy.arrays import operand, shape_of
from fungrad.numpy.dispatch import normalize_axes, normalize_axis, traced
from fungrad.numpy.writing import as_view, copied
from fungrad.primitives.movement import Reshape, Reverse, Slice, Transpose


def _reshaped(a, shape):
    if a.shape == shape:
        return a
    return as_view(Reshape(shape)(a), a)


def resolved_shape(shape, size, old):
    """The shape with its -1 computed; ShapeError when the sizes do not fit."""
    unknown = [i for i, n in enumerate(shape) if n == -1]
    if len(unknown) > 1:
        raise ValueError("can only specify one unknown dimension")
    if unknown:
        rest = math.prod(n for n in shape if n != -1)
        if not rest or size % rest:
            raise ShapeError(f"cannot reshape array of size {size} into shape {shape}")
        i = unknown[0]
        return (*shape[:i], size // rest, *shape[i + 1 :])
    if math.prod(shape) != size:
        raise ShapeError(f"cannot reshape array of size {size} into shape {shape}: it is {old}")
    return shape


_ORDERS = frozenset("CFAKcfak")


@traced(np.reshape)
def reshape(a, /, shape, order="C", *, copy=None):
    """`numpy.reshape` in C or Fortran order."""
    a = operand(a)
    shape = resolved_shape(shape_of(shape), a.size, a.shape)
    if order not in _ORDERS:
        raise ValueError(f"order must be one of 'C', 'F', 'A' or 'K', not {order!r}")
    if order in "Ff":
        back = Reshape(shape[::-1])(_flipped_axes(a))
        return _flipped_axes(back)
    result = _reshaped(a, shape)
    return copied(result) if copy else as_view(result, a) if result is a else result


def _flipped_axes(a):
    return Transpose(tuple(range(a.ndim))[::-1])(a) if a.ndim > 1 else a


@traced(np.ravel)
def ravel(a, order="C"):
    """`numpy.ravel`."""
    a = operand(a)
    return reshape(a, (a.size,), order)


def along(a, axis):
    """The operand and a non-negative axis: flattened for None; a scalar is a line of one."""
    if axis is None or (not a.ndim and axis in (0, -1)):
        return ravel(a), 0
    return a, normalize_axis(axis, a.ndim)


@traced(np.squeeze)
def squeeze(a, axis=None):
    """`numpy.squeeze`; ValueError for an axis whose size is not 1."""
    a = operand(a)
    if axis is None:
        axes = [i for i, n in enumerate(a.shape) if n == 1]
    else:
        axes = () if not a.ndim and axis in (0, -1) else normalize_axes(axis, a.ndim)
        if any(a.shape[i] != 1 for i in axes):
            raise ValueError(
                "cannot select an axis to squeeze out which has size not equal to one: "
                f"axes {axes} of shape {a.shape}"
            )
    return _reshaped(a, tuple([n for i, n in enumerate(a.shape) if i not in axes]))


@traced(np.expand_dims)
def expand_dims(a, axis):
    """`numpy.expand_dims`."""
    a = operand(a)
    axes = axis if isinstance(axis, tuple | list) else (axis,)
    count = len(axes)
    axes = normalize_axes(axes, a.ndim + count)
    rest = iter(a.shape)
    return _reshaped(a, tuple([1 if i in axes else next(rest) for i in range(a.ndim + count)]))


@traced(np.transpose, np.permute_dims)
def transpose(a, axes=None):
    """`numpy.transpose`."""
    a = operand(a)
    if axes is None:
        order = tuple(range(a.ndim))[::-1]
    else:
        axes = (axes,) if hasattr(axes, "__index__") else tuple(axes)
        if len(axes) != a.ndim:
            raise ValueError(f"axes don't match array: {axes} for shape {a.shape}")
        order = normalize_axes(axes, a.ndim)
    return permuted(a, order)


permute_dims = transpose


def permuted(a, order):
    """The axes of `a` in another order, as a view."""
    if order == tuple(range(a.ndim)):
        return a
    return as_view(Transpose(tuple(order))(a), a)


@traced(np.matrix_transpose)
def matrix_transpose(x, /):
    """`numpy.matrix_transpose`: the last two axes exchanged."""
    x = operand(x)
    if x.ndim < 2:
        raise ValueError(f"Input array must be at least 2-dimensional, but it is {x.ndim}")
    return swapaxes(x, -1, -2)


@traced(np.swapaxes)
def swapaxes(a, axis1, axis2):
    """`numpy.swapaxes`."""
    a = operand(a)
    i, j = normalize_axis(axis1, a.ndim), normalize_axis(axis2, a.ndim)
    order = list(range(a.ndim))
    order[i], order[j] = j, i
    return permuted(a, tuple(order))


@traced(np.moveaxis)
def moveaxis(a, source, destination):
    """`numpy.moveaxis`."""
    a = operand(a)
    sources, targets = normalize_axes(source, a.ndim), normalize_axes(destination, a.ndim)
    if len(sources) != len(targets):
        raise ValueError(
            "`source` and `destination` arguments must have the same number of elements"
        )
    order = [i for i in range(a.ndim) if i not in sources]
    for target, i in sorted(zip(targets, sources, strict=True)):
        order.insert(target, i)
    return permuted(a, tuple(order))


@traced(np.rollaxis)
def rollaxis(a, axis, start=0):
    """`numpy.rollaxis`."""
    a = operand(a)
    axis = normalize_axis(axis, a.ndim)
    start += a.ndim if start < 0 else 0
    if not 0 <= start <= a.ndim:
        raise np.exceptions.AxisError(f"'start' arg requires {-a.ndim} <= start < {a.ndim + 1}")
    start -= 1 if axis < start else 0
    order = [i for i in range(a.ndim) if i != axis]
    order.insert(start, axis)
    return permuted(a, tuple(order))


@traced(np.broadcast_to)
def broadcast_to(array, shape, subok=False):
    """`numpy.broadcast_to`."""
    array, shape = operand(array), shape_of(shape)
    if any(type(n) is int and n < 0 for n in shape):
        raise ValueError(f"all elements of broadcast shape must be non-negative, not {shape}")
    return as_view(promotion.broadcast_to(array, shape), array)


@traced(np.broadcast_arrays)
def broadcast_arrays(*args, subok=False):
    """`numpy.broadcast_arrays`."""
    operands = [operand(x) for x in args]
    shape = promotion.common_shape("broadcast_arrays", *operands)
    return tuple([broadcast_to(x, shape) for x in operands])


def broadcast_shapes(*args):
    """`numpy.broadcast_shapes`."""
    return np.broadcast_shapes(*args)


def _at_least(rank):
    def apply(*arys):
        results = [_raised(operand(a), rank) for a in arys]
        return results[0] if len(results) == 1 else tuple(results)

    apply.__doc__ = f"`numpy.atleast_{rank}d`."
    return apply


def _raised(a, rank):
    shape = tuple(a.shape)
    if rank == 3 and len(shape) == 1:
        shape = (1, *shape, 1)
    elif rank == 3 and len(shape) == 2:
        shape = (*shape, 1)
    return reshape(a, (1,) * (rank - len(shape)) + shape)


atleast_1d = traced(np.atleast_1d)(_at_least(1))
atleast_2d = traced(np.atleast_2d)(_at_least(2))
atleast_3d = traced(np.atleast_3d)(_at_least(3))


@traced(np.flip)
def flip(m, axis=None):
    """`numpy.flip`."""
    m = operand(m)
    axes = normalize_axes(axis, m.ndim)
    return as_view(Reverse(axes)(m), m) if axes else m


@traced(np.flipud)
def flipud(m):
    """`numpy.flipud`."""
    return flip(m, 0)


@traced(np.fliplr)
def fliplr(m):
    """`numpy.fliplr`."""
    m = operand(m)
    if m.ndim < 2:
        raise ValueError("Input must be >= 2-d.")
    return flip(m, 1)


@traced(np.rot90)
def rot90(m, k=1, axes=(0, 1)):
    """`numpy.rot90`."""
    m = operand(m)
    first, second = normalize_axes(tuple(axes), m.ndim)
    k %= 4
    if k == 0:
        return m
    if k == 2:
        return flip(m, (first, second))
    if k == 1:
        return swapaxes(flip(m, second), first, second)
    return flip(swapaxes(m, first, second), second)


@traced(np.diagonal)
def diagonal(a, offset=0, axis1=0, axis2=1):
    """`numpy.diagonal`."""
    a = operand(a)
    i, j = normalize_axis(axis1, a.ndim), normalize_axis(axis2, a.ndim)
    if i == j:
        raise ValueError("axis1 and axis2 cannot be the same")
    order = [k for k in range(a.ndim) if k not in (i, j)]
    x = Transpose((*order, i, j))(a) if a.ndim > 1 else a
    return as_view(diagonal_of_last_axes(x, offset), a)


def diagonal_of_last_axes(x, offset=0):
    """The diagonal of the last two axes: one slice of the flattened matrix."""
    *batch, rows, columns = x.shape
    start_row, start_column = max(-offset, 0), max(offset, 0)
    length = max(min(rows - start_row, columns - start_column), 0)
    flat = Reshape((*batch, rows * columns))(x)
    start = start_row * columns + start_column if length else 0
    stop = start + (length - 1) * (columns + 1) + 1 if length else 0
    zeros = (0,) * len(batch)
    step = columns + 1 if length > 1 else 1
    return Slice((*zeros, start), (*batch, stop), (*[1] * len(batch), step))(flat)


@traced(np.shape)
def shape(a):
    """`numpy.shape`."""
    return operand(a).shape


@traced(np.ndim)
def ndim(a):
    """`numpy.ndim`."""
    return operand(a).ndim


@traced(np.size)
def size(a, axis=None):
    """`numpy.size`."""
    a = operand(a)
    return math.prod(a.shape[i] for i in normalize_axes(axis, a.ndim))


@traced(np.astype)
def astype(x, dtype, /, *, copy=True, device=None):
    """`numpy.astype`: the values in another dtype; a copy."""
    x = operand(x)
    result = promotion.convert(x, np.dtype(dtype))
    return copied(result) if type(result) is Tracer and copy and is_same(result, x) else result


@traced(np.copy)
def copy(a, order="K", subok=False):
    """`numpy.copy`: inside a trace it may be written to."""
    a = operand(a)
    return copied(a) if type(a) is Tracer else np.array(a)
