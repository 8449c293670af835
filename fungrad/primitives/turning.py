"""How the unitary factors of Schur and Hessenberg forms turn: dZ = Z W with skew Hermitian W.

With M = Z^H dA Z and A = Z T Z^H, dT = M - W T + T W has to keep the zeros of T, which gives W
column by column. Phases (signs) that the forms leave free do not move.
"""

import numpy as np

from fungrad.primitives.elementwise import conjugate, equal, logical_and, not_equal, select
from fungrad.primitives.joining import Concatenate
from fungrad.primitives.linalg import TriangularSolve
from fungrad.primitives.matrices import adjoint, identity, matrix_product, part_of, positions
from fungrad.primitives.movement import Broadcast
from fungrad.primitives.reductions import Sum


def _rows_below(x, y):
    return Concatenate(x.ndim - 2)(x, y)


def _columns_beside(x, y):
    return Concatenate(x.ndim - 1)(x, y)


def schur_turn(t, m):
    """W of a triangular T, by whose differences of eigenvalues it divides; nan where T has a block.

    Blocks of 2 by 2 stand for pairs of complex eigenvalues of real matrices.
    """
    n = t.shape[-1]
    lower = None  # the strictly lower columns of W, full columns with zeros above
    for j in range(n - 1):
        below, here = slice(j + 1, None), slice(j, j + 1)
        right = part_of(m, below, here)
        if lower is not None:
            past = part_of(lower, below)
            right = right - matrix_product(past, part_of(t, slice(0, j), here))
        corner = part_of(t, below, below)
        eye = identity(corner.shape, t.dtype)
        shifted = corner - _spread(part_of(t, here, here), corner) * eye
        x = -TriangularSolve(True, False, False)(_apart(shifted), right)
        column = _rows_below(part_of(m, slice(0, j + 1), here) * 0, x)
        lower = column if lower is None else _columns_beside(lower, column)
    if lower is None:
        return m * 0
    lower = _columns_beside(lower, part_of(m, columns=slice(n - 1, n)) * 0)
    return (lower - adjoint(lower)) * _one_without_blocks(t)


def _apart(t):
    """A triangular matrix with nan for a 0 on the diagonal, where two eigenvalues are equal."""
    is_equal = logical_and(equal(*positions(t.shape)), equal(t, t.dtype.type(0)))
    return select(is_equal, t.dtype.type(np.nan), t)


def _one_without_blocks(t):
    """A 1 for every element of triangular matrices, nan for those of others."""
    row, column = positions(t.shape)
    is_block = logical_and(equal(row, column + 1), not_equal(t, t.dtype.type(0)))
    marks = select(is_block, t.dtype.type(np.nan), t.dtype.type(0))
    total = 1 + Sum((t.ndim - 2, t.ndim - 1))(marks)
    return Broadcast(t.shape, tuple(range(t.ndim - 2)))(total)


def _spread(one, like):
    """A 1 by 1 matrix as large as another one."""
    column = part_of(like, columns=slice(0, 1)) * 0 + 1
    return matrix_product(matrix_product(column, one), adjoint(column))


def hessenberg_turn(h, m):
    """W of a Hessenberg form, whose first column does not move; its subdiagonal is real."""
    n = h.shape[-1]
    turn = part_of(m, columns=slice(0, 1)) * 0
    for j in range(n - 1):
        here, after = slice(j, j + 1), slice(j + 1, j + 2)
        right = (
            part_of(m, columns=here)
            - matrix_product(turn, part_of(h, slice(0, j + 1), here))
            + matrix_product(h, part_of(turn, columns=here))
        )
        x = matrix_product(part_of(right, slice(j + 1, None)), 1 / part_of(h, after, here))
        first = part_of(x, slice(0, 1))
        first = (first - conjugate(first)) * 0.5 if h.dtype.kind == "c" else first * 0
        column = _rows_below(-adjoint(part_of(turn, after)), first)
        if j < n - 2:
            column = _rows_below(column, part_of(x, slice(1, None)))
        turn = _columns_beside(turn, column)
    return turn
