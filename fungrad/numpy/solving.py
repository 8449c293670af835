"""`numpy.linalg`'s solutions, inverses and determinants."""

from math import prod

import numpy as np

from fungrad.numpy import products
from fungrad.numpy import reductions as r
from fungrad.numpy.arrays import operand
from fungrad.numpy.creation import eye, zeros
from fungrad.numpy.dispatch import traced
from fungrad.numpy.matrix_arguments import (
    LinAlgError,
    matrices,
    promoted,
    square_matrices,
)
from fungrad.numpy.moments import real_part
from fungrad.numpy.norms import matrix_rank
from fungrad.numpy.promotion import broadcast_to, convert
from fungrad.numpy.shapes import expand_dims, reshape, transpose
from fungrad.primitives.determinant import Det, LogDet
from fungrad.primitives.lu import Factors, Inverse, Solve
from fungrad.primitives.matrices import folded, unfolded
from fungrad.primitives.pseudo_inverse import PseudoInverse
from fungrad.primitives.spectral import Svdvals
from fungrad.primitives.spectral import hermitian as hermitian_of

SlogdetResult = type(np.linalg.slogdet(np.eye(1)))
_NOT_GIVEN = object()


@traced(np.linalg.solve)
def solve(a, b):
    """`numpy.linalg.solve`; a `b` with one axis is a vector. The derivatives reuse the factors.

    Raises numpy.linalg.LinAlgError where a matrix is singular.

    >>> from fungrad import grad
    >>> a = np.array([[2.0, 0.0], [0.0, 4.0]])
    >>> grad(lambda b: solve(a, b).sum())(np.array([1.0, 2.0]))
    array([0.5 , 0.25])
    """
    a, b = promoted(a, b)
    square_matrices(a)
    is_vector = b.ndim == 1
    return applied_solution(
        a, b, is_vector, lambda a, b: Solve(False, False)(a, *Factors("solve")(a), b)
    )


def applied_solution(a, b, is_vector, solver, name="solve"):
    """`solver(a, b)` for a vector or matrices b, with NumPy's batches: they broadcast."""
    if b.ndim == 0:
        raise LinAlgError("0-dimensional array given. Array must be at least one-dimensional")
    b = expand_dims(b, -1) if is_vector else b
    if b.shape[-2] != a.shape[-1]:
        raise ValueError(
            f"{name}: operand 1 has {b.shape[-2]} rows, but operand 0 has shape {a.shape}"
        )
    if a.ndim == 2 and b.ndim > 2:
        batch, columns = b.shape[:-2], b.shape[-1]
        b = folded(reshape(b, (prod(batch), *b.shape[-2:])))
        x = reshape(unfolded(solver(a, b), prod(batch), columns), (*batch, a.shape[-1], columns))
    else:
        batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        a = broadcast_to(a, (*batch, *a.shape[-2:]))
        b = broadcast_to(b, (*batch, *b.shape[-2:]))
        x = solver(a, b)
    return x[..., 0] if is_vector else x


@traced(np.linalg.inv)
def inv(a):
    """`numpy.linalg.inv`; numpy.linalg.LinAlgError where a matrix is singular.

    >>> from fungrad import grad
    >>> grad(lambda a: inv(a)[0, 0])(np.array([[2.0, 0.0], [0.0, 4.0]]))
    array([[-0.25,  0.  ],
           [ 0.  ,  0.  ]])
    """
    return Inverse()(square_matrices(a))


@traced(np.linalg.det)
def det(a):
    """`numpy.linalg.det`, with the right derivative at singular matrices too.

    >>> from fungrad import grad
    >>> grad(det)(np.array([[1.0, 2.0], [2.0, 4.0]]))
    array([[ 4., -2.],
           [-2.,  1.]])
    """
    a = square_matrices(a)
    n = a.shape[-1]
    if n == 2:
        return a[..., 0, 0] * a[..., 1, 1] - a[..., 0, 1] * a[..., 1, 0]
    return Det()(a)


@traced(np.linalg.slogdet, ignored=("method",))
def slogdet(a):
    """`numpy.linalg.slogdet`; the sign of a complex determinant is its phase.

    >>> from fungrad import grad
    >>> grad(lambda a: slogdet(a).logabsdet)(np.array([[2.0, 0.0], [0.0, 4.0]]))
    array([[0.5 , 0.  ],
           [0.  , 0.25]])
    """
    a = square_matrices(a)
    return SlogdetResult(*LogDet()(a, *Factors(None)(a)))


@traced(np.linalg.pinv)
def pinv(a, rcond=None, hermitian=False, *, rtol=_NOT_GIVEN):
    """`numpy.linalg.pinv`; it has a derivative where the rank does not change.

    >>> from fungrad import grad
    >>> grad(lambda a: pinv(a)[0, 0])(np.array([[2.0], [0.0]]))
    array([[-0.25],
           [ 0.  ]])
    """
    a = matrices(a)
    if rcond is None:
        rcond = 1e-15 if rtol is _NOT_GIVEN else rtol
        rcond = max(a.shape[-2:]) * np.finfo(a.dtype).eps if rcond is None else rcond
    elif rtol is not _NOT_GIVEN:
        raise ValueError("`rtol` and `rcond` can't be both set.")
    return pseudo_inverse(hermitian_of(square_matrices(a), True) if hermitian else a, rcond)


def pseudo_inverse(a, rcond):
    """The pseudo-inverse, given the part of the largest singular value that counts as 0."""
    part = convert(operand(rcond), real_part(a.dtype))
    return PseudoInverse()(a, broadcast_to(part, a.shape[:-2]))


@traced(np.linalg.lstsq, ignored=("numpy_resid",))
def lstsq(a, b, rcond=None):
    """`numpy.linalg.lstsq`: (solution, residuals, rank, singular values).

    On traced values the residuals of a matrix with more rows than columns are always there; NumPy
    leaves them out where the rank is smaller.

    >>> from fungrad import grad
    >>> a = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
    >>> grad(lambda y: lstsq(a, y)[0][1])(np.array([0.0, 1.0, 3.0])).round(6) + 0.0
    array([-0.5,  0. ,  0.5])
    """
    a, b = promoted(a, b)
    for x, least in ((a, 2), (b, 1)):
        if x.ndim > 2 or x.ndim < least:
            raise LinAlgError(f"{x.ndim}-dimensional array given. Array must be two-dimensional")
    if a.shape[0] != b.shape[0]:
        raise LinAlgError("Incompatible dimensions")
    m, n = a.shape
    eps = np.finfo(a.dtype).eps
    rcond = max(m, n) * eps if rcond is None else eps if rcond == -1 else rcond
    x = products.matmul(pseudo_inverse(a, rcond), b)
    s = Svdvals()(a)
    if m > n:
        rest = b - products.matmul(a, x)
        rest = reshape(rest, (m, -1)) if m and rest.size else reshape(rest, (m, 0))
        residuals = r.sum((rest * rest.conj()).real, 0)
    else:
        residuals = zeros(0, real_part(a.dtype))
    rank = convert(matrix_rank(a, rtol=rcond), np.dtype(np.int32))
    return x, residuals, rank, s


@traced(np.linalg.matrix_power)
def matrix_power(a, n):
    """`numpy.linalg.matrix_power`, by repeated squaring; of the inverse where n < 0."""
    a = operand(a)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise LinAlgError(f"Last 2 dimensions of the array must be square, not {a.shape}")
    try:
        n = n.__index__()
    except AttributeError:
        raise TypeError("exponent must be an integer") from None
    if n < 0:
        a, n = inv(a), -n
    if n == 0:
        return broadcast_to(eye(a.shape[-1], dtype=a.dtype), tuple(a.shape))
    result = None
    while n:
        if n & 1:
            result = a if result is None else products.matmul(result, a)
        n >>= 1
        a = products.matmul(a, a) if n else a
    return result


@traced(np.linalg.tensorinv)
def tensorinv(a, ind=2):
    """`numpy.linalg.tensorinv`."""
    a = operand(a)
    if ind <= 0:
        raise ValueError("Invalid ind argument.")
    shape = a.shape[ind:] + a.shape[:ind]
    rows = prod(a.shape[ind:])
    return reshape(inv(reshape(a, (-1, rows) if rows else (prod(a.shape[:ind]), 0))), shape)


@traced(np.linalg.tensorsolve)
def tensorsolve(a, b, axes=None):
    """`numpy.linalg.tensorsolve`."""
    a, b = operand(a), operand(b)
    if axes is not None:
        order = [k for k in range(a.ndim) if k not in axes]
        a = transpose(a, (*order, *axes))
    shape = a.shape[b.ndim :]
    if prod(shape) != prod(a.shape[: b.ndim]):
        raise LinAlgError(
            "Input arrays must satisfy the requirement "
            "prod(a.shape[b.ndim:]) == prod(a.shape[:b.ndim])"
        )
    n = prod(shape)
    return reshape(solve(reshape(a, (n, n)), reshape(b, (n,))), shape)
