"""Norms of vectors and matrices, and what tells how far a matrix is from a singular one."""

import numpy as np

from fungrad.numpy import reductions as r
from fungrad.numpy import ufuncs
from fungrad.numpy.arrays import operand
from fungrad.numpy.dispatch import normalize_axes, traced
from fungrad.numpy.matrix_arguments import (
    LinAlgError,
    inexact,
    matrices,
    require_precision,
    square_matrices,
)
from fungrad.numpy.moments import real_part, root
from fungrad.numpy.promotion import convert
from fungrad.numpy.selection import where
from fungrad.numpy.shapes import expand_dims, moveaxis, ravel, reshape
from fungrad.primitives import elementwise as e
from fungrad.primitives.lu import Factors, Solve
from fungrad.primitives.matrices import identity
from fungrad.primitives.spectral import Eigvalsh, Svdvals


def _moduli(x):
    """The squares of the moduli."""
    if x.dtype.kind == "c":
        return e.square(e.real(x)) + e.square(e.imag(x))
    return e.square(x)


@traced(np.linalg.norm)
def norm(x, ord=None, axis=None, keepdims=False):
    """`numpy.linalg.norm`, all orders; the derivative at 0 is 0.

    >>> from fungrad import grad
    >>> grad(lambda x: norm(x, "nuc"))(np.array([[2.0, 0.0], [0.0, 3.0]]))
    array([[1., 0.],
           [0., 1.]])
    """
    x = inexact(x)
    if axis is None:
        if ord is None or (ord in ("f", "fro") and x.ndim == 2) or (ord == 2 and x.ndim == 1):
            flat = x if x.ndim == 1 else ravel(x)
            y = root(r.sum(_moduli(flat)))
            return reshape(y, (1,) * x.ndim) if keepdims else y
        axis = tuple(range(x.ndim))
    axes = normalize_axes(axis, x.ndim)
    if len(axes) == 1:
        return _vector_norm(x, 2 if ord is None else ord, axes, keepdims)
    if len(axes) == 2:
        return _matrix_norm(x, ord, axes, keepdims)
    raise ValueError("Improper number of dimensions to norm.")


def _vector_norm(x, ord, axes, keepdims):
    modulus = ufuncs.absolute
    if ord == 2:
        return root(r.sum(_moduli(x), axes, keepdims=keepdims))
    if ord == np.inf:
        return _largest(modulus(x), axes, keepdims)
    if ord == -np.inf:
        return r.min(modulus(x), axes, keepdims=keepdims)
    if ord == 0:
        return r.sum(convert(x != 0, real_part(x.dtype)), axes, keepdims=keepdims)
    if ord == 1:
        return r.sum(modulus(x), axes, keepdims=keepdims)
    if isinstance(ord, str):
        raise ValueError(f"Invalid norm order '{ord}' for vectors")
    total = r.sum(ufuncs.power(modulus(x), ord), axes, keepdims=keepdims)
    return ufuncs.power(total, 1.0 / ord)


def _matrix_norm(x, ord, axes, keepdims):
    row, column = axes
    if ord in (None, "fro", "f"):
        return root(r.sum(_moduli(x), axes, keepdims=keepdims))
    if ord in (1, -1, np.inf, -np.inf):
        inner, outer = (row, column) if abs(ord) == 1 else (column, row)
        lines = r.sum(ufuncs.absolute(x), inner, keepdims=True)
        y = (_largest if ord > 0 else r.min)(lines, outer, keepdims=True)
        return y if keepdims else reshape(y, [n for a, n in enumerate(x.shape) if a not in axes])
    if ord in (2, -2, "nuc"):
        require_precision(x)
        s = Svdvals()(moveaxis(x, axes, (-2, -1)))
        if ord == "nuc":
            y = r.sum(s, -1)
        else:
            y = _largest(s, -1) if ord == 2 else r.min(s, -1)
        return expand_dims(y, axes) if keepdims else y
    raise ValueError("Invalid norm order for matrices.")


def _largest(sizes, axes, keepdims=False):
    """The largest of numbers that are not negative; 0 where there is none."""
    options = {} if sizes.size else {"initial": 0}
    return r.max(sizes, axes, keepdims=keepdims, **options)


@traced(np.linalg.vector_norm)
def vector_norm(x, /, *, axis=None, keepdims=False, ord=2):
    """`numpy.linalg.vector_norm`; the derivative at 0 is 0."""
    x = inexact(x)
    return _vector_norm(x, ord, normalize_axes(axis, x.ndim), keepdims)


@traced(np.linalg.matrix_norm)
def matrix_norm(x, /, *, keepdims=False, ord="fro"):
    """`numpy.linalg.matrix_norm`, all orders; the derivative at 0 is 0."""
    x = inexact(x)
    return _matrix_norm(x, ord, (x.ndim - 2, x.ndim - 1), keepdims)


@traced(np.linalg.matrix_rank)
def matrix_rank(A, tol=None, hermitian=False, *, rtol=None):
    """`numpy.linalg.matrix_rank`: an integer, whose derivative is 0."""
    if rtol is not None and tol is not None:
        raise ValueError("`tol` and `rtol` can't be both set.")
    A = operand(A)
    if A.ndim < 2:
        return convert(r.any(A != 0), np.dtype(np.int64))
    A = matrices(A)
    s = ufuncs.absolute(Eigvalsh(True)(A)) if hermitian else Svdvals()(A)
    if tol is None:
        rtol = max(A.shape[-2:]) * np.finfo(s.dtype).eps if rtol is None else operand(rtol)
        tol = r.max(s, -1, initial=0) * rtol
    return r.sum(s > expand_dims(operand(tol), -1), -1)


@traced(np.linalg.cond)
def cond(x, p=None):
    """`numpy.linalg.cond`; the condition number of a singular matrix is inf.

    >>> from fungrad import grad
    >>> grad(cond)(np.array([[4.0, 0.0], [0.0, 2.0]]))
    array([[ 0.5,  0. ],
           [ 0. , -1. ]])
    """
    x = matrices(x)
    if 0 in x.shape[-2:]:
        raise LinAlgError("cond is not defined on empty arrays")
    if p is None or p in (2, -2):
        s = Svdvals()(x)
        first, last = (s[..., -1], s[..., 0]) if p == -2 else (s[..., 0], s[..., -1])
        with np.errstate(divide="ignore", invalid="ignore"):
            y = first / last
    else:
        x = square_matrices(x)
        factors = Factors(None)(x)
        with np.errstate(divide="ignore", invalid="ignore"):
            inverse = Solve(False, False)(x, *factors, identity(x.shape, x.dtype))
            axes = (x.ndim - 2, x.ndim - 1)
            y = _matrix_norm(x, p, axes, False) * _matrix_norm(inverse, p, axes, False)
    has_nan = r.any(ufuncs.isnan(x), (-2, -1))
    return where(ufuncs.isnan(y) & ~has_nan, np.inf, y)
