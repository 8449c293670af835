"""What rules of linear algebra are written with: matrices in the last two axes, batches in front."""

import numpy as np

from fungrad.core.errors import DtypeError, ShapeError
from fungrad.primitives.contraction import Contract
from fungrad.primitives.elementwise import (
    Convert,
    absolute,
    conjugate,
    equal,
    greater,
    greater_equal,
    imag,
    less_equal,
    make_complex,
    real,
    select,
)
from fungrad.primitives.movement import Broadcast, Iota, Reshape, Slice, Transpose
from fungrad.primitives.reductions import Max, Sum

INT64 = np.dtype(np.int64)


def require_matrices(name, x):
    """An error unless there are two axes at least, and real or complex elements."""
    if x.ndim < 2:
        raise ShapeError(f"{name} needs matrices, got shape {x.shape}")
    if x.dtype.kind not in "fc":
        raise DtypeError(f"{name} is not defined for dtype {x.dtype}")


def require_square(name, x):
    """An error unless the last two axes have one size and the elements are real or complex."""
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"{name} needs square matrices, got shape {x.shape}")
    require_matrices(name, x)


def real_type(dtype):
    """The dtype of the real parts."""
    return np.dtype(f"f{dtype.itemsize // 2}") if dtype.kind == "c" else dtype


def complex_type(dtype):
    """The dtype of complex numbers with such parts."""
    return np.dtype(f"c{dtype.itemsize * 2}") if dtype.kind == "f" else dtype


def converted(x, dtype):
    """An operand in another dtype, if it is not in that already."""
    return x if x.dtype == dtype else Convert(dtype)(x)


def matrix_transpose(x):
    """The last two axes exchanged."""
    n = x.ndim
    return Transpose((*range(n - 2), n - 1, n - 2))(x)


def conjugated(x):
    """The complex conjugate; real arrays as they are."""
    return conjugate(x) if x.dtype.kind == "c" else x


def real_part(x):
    """The real part; real arrays as they are."""
    return real(x) if x.dtype.kind == "c" else x


def adjoint(x):
    """The conjugate transpose of matrices."""
    return conjugated(matrix_transpose(x))


def matrix_product(x, y):
    """The product of matrices with equal batches in front."""
    batch = tuple(range(x.ndim - 2))
    i, j, k = len(batch), len(batch) + 1, len(batch) + 2
    return Contract((*batch, i, j), (*batch, j, k), (*batch, i, k))(x, y)


def positions(shape):
    """The row and the column number of every element."""
    shape = tuple(shape)
    n = len(shape)
    return Iota(shape, INT64, n - 2)(), Iota(shape, INT64, n - 1)()


def lower_triangle(x, diagonal=1.0):
    """The lower triangles, with the diagonal scaled."""
    row, column = positions(x.shape)
    zero = x.dtype.type(0)
    kept = select(greater_equal(row, column), x, zero)
    if diagonal == 1.0:
        return kept
    return select(greater(row, column), kept, select(row == column, x * diagonal, zero))


def upper_triangle(x):
    """The upper triangles with the diagonal."""
    row, column = positions(x.shape)
    return select(less_equal(row, column), x, x.dtype.type(0))


def hermitian_of_lower(x):
    """The Hermitian matrices that lower triangles stand for: the diagonals are real."""
    strict = lower_triangle(x, 0.0)
    diagonal = lower_triangle(x) - strict
    if x.dtype.kind == "c":
        diagonal = (diagonal + conjugate(diagonal)) * 0.5
    return strict + adjoint(strict) + diagonal


def identity(shape, dtype):
    """Ones on the diagonals, zeros elsewhere."""
    return Convert(dtype)(equal(*positions(shape)))


def diagonal(x):
    """The diagonals of square matrices."""
    row, column = positions(x.shape)
    return Sum((x.ndim - 1,))(select(equal(row, column), x, x.dtype.type(0)))


def with_diagonal(d):
    """Matrices that are 0 but for the given diagonals."""
    n = d.shape[-1]
    row, column = positions((*d.shape, n))
    return select(equal(row, column), columns_of(d, n), d.dtype.type(0))


def rows_of(v, n):
    """Vectors as n equal rows."""
    return Broadcast((*v.shape[:-1], n, v.shape[-1]), (*range(v.ndim - 1), v.ndim))(v)


def columns_of(v, n):
    """Vectors as n equal columns."""
    return Broadcast((*v.shape, n), tuple(range(v.ndim)))(v)


def imaginary_diagonal(x):
    """The imaginary parts of the diagonals of complex matrices, with the other elements 0."""
    row, column = positions(x.shape)
    part = imag(x)
    zero = part.dtype.type(0)
    return make_complex(zero, select(equal(row, column), part, zero))


def part_of(x, rows=slice(None), columns=slice(None)):
    """Some adjacent rows and columns."""
    ranges = [slice(0, n) for n in x.shape[:-2]]
    for which, n in zip((rows, columns), x.shape[-2:], strict=True):
        ranges.append(slice(*which.indices(n)[:2]))
    starts, stops = [r.start for r in ranges], [r.stop for r in ranges]
    if stops == list(x.shape) and not any(starts):
        return x
    return Slice(tuple(starts), tuple(stops), (1,) * x.ndim)(x)


def folded(x):
    """A batch in front of matrices as further columns: (k, ..., m, n) to (..., m, k n)."""
    k, *batch, m, n = x.shape
    order = (*range(1, x.ndim - 1), 0, x.ndim - 1)
    return Reshape((*batch, m, k * n))(Transpose(order)(x))


def unfolded(x, k, n):
    """The inverse of `folded`, for k matrices of n columns."""
    x = Reshape((*x.shape[:-1], k, n))(x)
    return Transpose((x.ndim - 2, *range(x.ndim - 2), x.ndim - 1))(x)


def spread(v, shape):
    """One number per matrix as many as the matrix has elements."""
    return Broadcast(tuple(shape), tuple(range(v.ndim)))(v) if v.ndim else v


def largest(x):
    """The largest modulus along the last axis."""
    return Max((x.ndim - 1,))(absolute(x))
