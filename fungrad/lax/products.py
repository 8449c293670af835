"""Products of arrays, under the names and arguments of `jax.lax`."""

import numpy as np

from fungrad.core.errors import ShapeError
from fungrad.numpy.creation import operand
from fungrad.numpy.promotion import convert, promote
from fungrad.numpy.selection import where
from fungrad.primitives.contraction import Contract
from fungrad.primitives.cumulative import CumSum


def dot(
    lhs,
    rhs,
    *,
    dimension_numbers=None,
    precision=None,
    preferred_element_type=None,
    out_sharding=None,
):
    """Vectors and matrices multiplied; with dimension numbers it is `dot_general`.

    >>> dot(np.ones((2, 3)), np.ones(3))
    array([3., 3.])
    """
    if dimension_numbers is None:
        lhs, rhs = operand(lhs), operand(rhs)
        if not 1 <= lhs.ndim <= 2 or not 1 <= rhs.ndim <= 2:
            raise ShapeError(
                f"dot: vectors or matrices expected, got shapes {lhs.shape} and {rhs.shape}"
            )
        dimension_numbers = (((lhs.ndim - 1,), (0,)), ((), ()))
    return dot_general(lhs, rhs, dimension_numbers, precision, preferred_element_type)


def _axes(dimension_numbers, x, y):
    """The axes ((left, right contracted), (left, right batch)), checked, counted from 0."""
    (contracted, batch) = (
        tuple([tuple(map(int, axes)) for axes in pair]) for pair in dimension_numbers
    )
    for what, (left, right) in (("contracting", contracted), ("batch", batch)):
        if len(left) != len(right):
            raise TypeError(
                f"dot_general: as many {what} axes of lhs as of rhs are needed, got {left} and "
                f"{right}"
            )
    for name, v, axes in (("lhs", x, (0, 0)), ("rhs", y, (1, 1))):
        used = [*contracted[axes[0]], *batch[axes[1]]]
        if any(not 0 <= a < v.ndim for a in used) or len(set(used)) != len(used):
            raise ShapeError(
                f"dot_general: the axes {used} of {name} do not fit its shape {v.shape}; each one "
                "may be used once"
            )
    return contracted, batch


def dot_general(
    lhs,
    rhs,
    dimension_numbers,
    precision=None,
    preferred_element_type=None,
    *,
    out_sharding=None,
):
    """Contraction over ((left, right contracted axes), (left, right batch axes)).

    The result has the batch axes, then the other axes of lhs, then those of rhs. The dtype in which
    products are added and returned is `preferred_element_type`, by default that of the operands.

    Raises:
        ShapeError, TypeError: sizes of axes differ, an axis is used twice or does not exist.

    >>> x, y = np.ones((5, 2, 3)), np.ones((5, 3, 4))
    >>> dot_general(x, y, (([2], [1]), ([0], [0]))).shape
    (5, 2, 4)
    """
    x, y = promote(operand(lhs), operand(rhs))
    if preferred_element_type is not None:
        x, y = (convert(v, np.dtype(preferred_element_type)) for v in (x, y))
    (left_sum, right_sum), (left_batch, right_batch) = _axes(dimension_numbers, x, y)
    left, right = list(range(x.ndim)), list(range(x.ndim, x.ndim + y.ndim))
    for i, j in zip((*left_sum, *left_batch), (*right_sum, *right_batch), strict=True):
        if x.shape[i] != y.shape[j]:
            raise ShapeError(
                f"dot_general: axis {i} of shape {x.shape} has size {x.shape[i]}, but axis {j} of "
                f"shape {y.shape} has size {y.shape[j]}"
            )
        right[j] = left[i]
    used = {*left_sum, *left_batch}
    out = [left[i] for i in left_batch]
    out += [label for i, label in enumerate(left) if i not in used]
    out += [label for label in right if label >= x.ndim]
    return Contract(tuple(left), tuple(right), tuple(out))(x, y)


def batch_matmul(lhs, rhs, precision=None):
    """Matrices in the last two axes multiplied; the axes in front are equal."""
    n = operand(lhs).ndim
    batch = tuple(range(n - 2))
    return dot_general(lhs, rhs, (((n - 1,), (n - 2,)), (batch, batch)), precision)


def ragged_dot(
    lhs,
    rhs,
    group_sizes,
    precision=None,
    preferred_element_type=None,
    group_offset=None,
    out_sharding=None,
):
    """Rows of a matrix in consecutive groups, each group times a matrix of its own.

    `lhs` is (m, k), `rhs` (groups, k, n) and `group_sizes` says how many rows belong to each; rows
    that belong to none give 0. Every row is multiplied by every matrix.

    >>> ragged_dot(np.ones((3, 2)), np.arange(4.0).reshape(2, 2, 1), np.array([1, 2]))
    array([[1.],
           [5.],
           [5.]])
    """
    x, y = promote(operand(lhs), operand(rhs))
    sizes = convert(operand(group_sizes), np.dtype(np.int64))
    if group_offset is not None:
        raise ValueError("ragged_dot: group_offset is not supported; pass all matrices")
    if x.ndim != 2 or y.ndim != 3 or sizes.shape != y.shape[:1] or x.shape[1] != y.shape[1]:
        raise ShapeError(
            f"ragged_dot: shapes (m, k), (groups, k, n), (groups,) expected, got {x.shape}, "
            f"{y.shape}, {sizes.shape}"
        )
    ends = CumSum(0, False)(sizes)[:, None]
    row = np.arange(x.shape[0])
    is_member = (row < ends) & (row >= ends - sizes[:, None])
    mine = where(is_member[..., None], x, x.dtype.type(0))
    numbers = (((0, 2), (0, 1)), ((), ()))
    return dot_general(mine, y, numbers, precision, preferred_element_type)
