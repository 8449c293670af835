"""Sorting and the largest elements, under the names and arguments of `jax.lax`."""

from fungrad.core.errors import DtypeError, ShapeError
from fungrad.numpy import joining, sorting
from fungrad.numpy.creation import operand as as_operand
from fungrad.numpy.dispatch import normalize_axis
from fungrad.numpy.taking import take_along_axis
from fungrad.primitives.ordering import TopK


def sort(operand, dimension=-1, is_stable=True, num_keys=1):
    """Sorted along an axis; of a tuple, all arrays in the order of the first `num_keys`.

    The sort is stable, and nan comes last.

    >>> sort((np.array([2, 1, 1]), np.array([5, 7, 6])), num_keys=2)
    (array([1, 1, 2]), array([6, 7, 5]))
    """
    if not isinstance(operand, tuple | list):
        return sorting.sort(as_operand(operand), dimension)
    arrays = [as_operand(v) for v in operand]
    if not 1 <= num_keys <= len(arrays):
        raise ValueError(
            f"sort: num_keys must be between 1 and the number of operands, {len(arrays)}, "
            f"got {num_keys}"
        )
    if any(v.shape != arrays[0].shape for v in arrays):
        raise ShapeError(f"sort: operands of one shape expected, got {[v.shape for v in arrays]}")
    order = None
    for key in reversed(arrays[:num_keys]):
        if order is None:
            order = sorting.argsort(key, dimension, stable=True)
        else:
            step = sorting.argsort(take_along_axis(key, order, dimension), dimension, stable=True)
            order = take_along_axis(order, step, dimension)
    return tuple([take_along_axis(v, order, dimension) for v in arrays])


def sort_key_val(keys, values, dimension=-1, is_stable=True):
    """Keys sorted along an axis, and values in the same order."""
    return sort((keys, values), dimension)


def top_k(operand, k, *, axis=-1):
    """The k largest elements along an axis, the largest first, and their positions.

    Of equal elements the first one comes first; nan counts as the largest.

    >>> top_k(np.array([1.0, 5.0, 3.0]), 2)
    (array([5., 3.]), array([1, 2]))
    """
    x = as_operand(operand)
    if not x.ndim:
        raise ShapeError("top_k: the operand has no axis, its shape is ()")
    axis = normalize_axis(axis, x.ndim)
    if not 0 <= k <= x.shape[axis]:
        raise ShapeError(
            f"top_k: k must be between 0 and the size {x.shape[axis]} of axis {axis} of shape "
            f"{x.shape}, got {k}"
        )
    if 1 <= k <= x.shape[axis] // 2 and x.dtype.kind in "biuf":
        places = TopK(axis, int(k))(x)
    else:
        places = joining.part(sorting.argsort(x, axis, descending=True), axis, 0, k)
    return take_along_axis(x, places, axis), places


def _approximate(name, sign, documented):
    def find(
        operand,
        k,
        reduction_dimension=-1,
        recall_target=0.95,
        reduction_input_size_override=-1,
        aggregate_to_topk=True,
    ):
        x = as_operand(operand)
        if x.dtype.kind != "f":
            raise DtypeError(f"{name} is not defined for dtype {x.dtype}")
        values, places = top_k(sign * x, k, axis=reduction_dimension)
        return sign * values, places

    find.__name__ = find.__qualname__ = name
    find.__doc__ = documented + " Every one of them is found, whatever `recall_target` allows."
    return find


approx_max_k = _approximate(
    "approx_max_k", 1, "The k largest elements along an axis, and their positions."
)
approx_min_k = _approximate(
    "approx_min_k", -1, "The k smallest elements along an axis, and their positions."
)
