"""Arrays made, reshaped and reduced, under the names and arguments of `jax.lax`."""

import numpy as np

from fungrad.core.errors import ShapeError
from fungrad.numpy import creation, joining, reductions, shapes
from fungrad.numpy.creation import operand as as_operand
from fungrad.numpy.dispatch import normalize_axis
from fungrad.numpy.promotion import convert
from fungrad.primitives import cumulative
from fungrad.primitives.joining import Pad
from fungrad.primitives.movement import Broadcast, Iota, Slice

# ---- creation


def iota(dtype, size):
    """0, 1, ..., size - 1."""
    return Iota((size,), np.dtype(dtype), 0)()


def broadcasted_iota(dtype, shape, dimension):
    """0, 1, 2, ... along one axis of a shape."""
    return Iota(tuple(shape), np.dtype(dtype), normalize_axis(dimension, len(shape)))()


def full(shape, fill_value, dtype=None):
    """An array of one value."""
    return creation.full(shape, fill_value, dtype)


def full_like(x, fill_value, dtype=None, shape=None):
    """An array of one value in the shape and dtype of x."""
    return creation.full_like(x, fill_value, dtype, shape=shape)


def empty(shape, dtype=float):
    """An array whose elements do not matter: zeros."""
    return creation.zeros(shape, dtype)


# ---- shapes


def broadcast(operand, sizes):
    """New axes in front."""
    operand = as_operand(operand)
    return shapes.broadcast_to(operand, (*sizes, *np.shape(operand)))


def broadcast_in_dim(operand, shape, broadcast_dimensions):
    """Axis i of `operand` becomes axis `broadcast_dimensions[i]`; axes of size 1 stretch."""
    return Broadcast(tuple(shape), tuple(broadcast_dimensions))(as_operand(operand))


def broadcast_shapes(*args):
    """The shape to which shapes broadcast."""
    return np.broadcast_shapes(*args)


def broadcast_like(arr, like_arr):
    """The array in the shape of another one.

    >>> broadcast_like(1.0, np.zeros(2))
    array([1., 1.])
    """
    return shapes.broadcast_to(as_operand(arr), np.shape(like_arr))


def broadcast_to_rank(x, rank):
    """Axes of size 1 in front up to a rank."""
    x = as_operand(x)
    return shapes.reshape(x, (1,) * (rank - np.ndim(x)) + tuple(np.shape(x)))


def expand_dims(array, dimensions):
    """Axes of size 1 at positions of the result."""
    return shapes.expand_dims(array, tuple(dimensions))


def squeeze(array, dimensions):
    """Without axes of size 1."""
    return shapes.squeeze(array, tuple(dimensions))


def reshape(operand, new_sizes, dimensions=None):
    """The elements under another shape; `dimensions` orders the axes first."""
    operand = as_operand(operand)
    operand = operand if dimensions is None else shapes.transpose(operand, dimensions)
    return shapes.reshape(operand, tuple(new_sizes))


def transpose(operand, permutation):
    """Axes in another order."""
    return shapes.transpose(operand, tuple(permutation))


def rev(operand, dimensions):
    """Elements in reverse order along axes."""
    return shapes.flip(operand, tuple(dimensions))


def collapse(operand, start_dimension, stop_dimension=None):
    """Axes from start to stop merged into one."""
    operand = as_operand(operand)
    start, stop, _ = slice(start_dimension, stop_dimension).indices(operand.ndim)
    if stop <= start:
        raise ValueError(f"collapse: no axes between {start_dimension} and {stop_dimension}")
    return shapes.reshape(operand, (*operand.shape[:start], -1, *operand.shape[stop:]))


def concatenate(operands, dimension):
    """Arrays one after another."""
    return joining.concatenate(list(operands), dimension)


def stack(operands, axis=0):
    """Arrays along a new axis."""
    return joining.stack(list(operands), axis)


def split(operand, sizes, axis=0):
    """Parts of given sizes along an axis."""
    sizes = [int(n) for n in sizes]
    if sum(sizes) != as_operand(operand).shape[axis]:
        raise ShapeError(f"split: sizes {sizes} do not add up to {as_operand(operand).shape[axis]}")
    return joining.split(as_operand(operand), np.cumsum(sizes)[:-1].tolist(), axis)


def unstack(x, axis=0):
    """The slices along an axis, as a tuple.

    >>> unstack(np.array([1.0, 2.0]))
    (np.float64(1.0), np.float64(2.0))
    """
    return tuple(joining.unstack(as_operand(x), axis=axis))


def tile(operand, reps):
    """The array repeated."""
    return joining.tile(operand, reps)


def pad(operand, padding_value, padding_config):
    """Padded by (low, high, interior) per axis; negative low and high cut off."""
    operand = as_operand(operand)
    if len(padding_config) != operand.ndim:
        raise ShapeError(f"pad: {len(padding_config)} entries for an array of rank {operand.ndim}")
    low, high, interior = zip(*padding_config, strict=True) if padding_config else ((), (), ())
    value = convert(as_operand(padding_value), operand.dtype)
    positive = Pad(
        tuple([max(n, 0) for n in low]), tuple([max(n, 0) for n in high]), tuple(interior)
    )
    y = positive(operand, value)
    starts = tuple([max(-n, 0) for n in low])
    stops = tuple([n - max(-h, 0) for n, h in zip(y.shape, high, strict=True)])
    if any(a > b for a, b in zip(starts, stops, strict=True)):
        raise ShapeError(f"pad: {padding_config} cuts more than shape {operand.shape} has")
    return (
        y if stops == y.shape and not any(starts) else Slice(starts, stops, (1,) * operand.ndim)(y)
    )


# ---- reductions


def _reduction(function, documented):
    def apply(operand, axes):
        return function(as_operand(operand), tuple(axes))

    apply.__doc__ = documented
    return apply


def _dtype_sum(x, axes):
    return reductions.sum(x, axes, dtype=x.dtype)


def _dtype_prod(x, axes):
    return reductions.prod(x, axes, dtype=x.dtype)


reduce_sum = _reduction(_dtype_sum, "The sum along axes, in the dtype of x.")
reduce_prod = _reduction(_dtype_prod, "The product along axes, in the dtype of x.")
reduce_max = _reduction(reductions.max, "The largest element along axes.")
reduce_min = _reduction(reductions.min, "The smallest element along axes.")
reduce_and = _reduction(reductions.all, "Whether all elements along axes are true.")
reduce_or = _reduction(reductions.any, "Whether some element along axes is true.")


def reduce(operands, init_values, computation, dimensions):
    """Arrays reduced by an associative function of two values (or pytrees of values)."""
    from fungrad.core import tree

    arrays, structure = tree.flatten(operands)
    inits = tree.leaves(init_values)
    arrays = [as_operand(x) for x in arrays]
    axes = sorted(normalize_axis(a, arrays[0].ndim) for a in dimensions)
    for axis in reversed(axes):
        arrays = _halved(arrays, inits, computation, structure, axis)
    inits = [convert(as_operand(i), x.dtype) for i, x in zip(inits, arrays, strict=True)]
    return computation(structure.unflatten(inits), structure.unflatten(arrays))


def _halved(arrays, inits, computation, structure, axis):
    """The arrays without an axis, along which halves are combined until one element is left."""
    from fungrad.core import tree

    if not arrays[0].shape[axis]:
        return [
            shapes.broadcast_to(as_operand(i), x.shape[:axis] + x.shape[axis + 1 :])
            for i, x in zip(inits, arrays, strict=True)
        ]
    while arrays[0].shape[axis] > 1:
        n = arrays[0].shape[axis]
        left = [joining.part(x, axis, 0, n // 2) for x in arrays]
        right = [joining.part(x, axis, n // 2, n // 2 * 2) for x in arrays]
        rest = [joining.part(x, axis, n // 2 * 2, n) for x in arrays]
        joined = computation(structure.unflatten(left), structure.unflatten(right))
        arrays = tree.leaves(joined)
        if n % 2:
            pairs = zip(arrays, rest, strict=True)
            arrays = [joining.concatenate([x, r], axis) for x, r in pairs]
    return [shapes.squeeze(x, axis) for x in arrays]


def argmax(operand, axis, index_dtype=np.int64):
    """The first position of the largest element along an axis."""
    return convert(reductions.argmax(as_operand(operand), axis), np.dtype(index_dtype))


def argmin(operand, axis, index_dtype=np.int64):
    """The first position of the smallest element along an axis."""
    return convert(reductions.argmin(as_operand(operand), axis), np.dtype(index_dtype))


def _cumulative(primitive, documented):
    def apply(operand, axis=0, reverse=False):
        operand = as_operand(operand)
        return primitive(normalize_axis(axis, operand.ndim), bool(reverse))(operand)

    apply.__doc__ = documented
    return apply


cumsum = _cumulative(cumulative.CumSum, "The running sum, from the end when `reverse`.")
cumprod = _cumulative(cumulative.CumProd, "The running product, from the end when `reverse`.")
cummax = _cumulative(cumulative.CumMax, "The running maximum, from the end when `reverse`.")
cummin = _cumulative(cumulative.CumMin, "The running minimum, from the end when `reverse`.")
cumlogsumexp = _cumulative(
    cumulative.CumLogSumExp, "The running logsumexp, from the end when `reverse`."
)
