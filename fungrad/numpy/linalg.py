"""`numpy.linalg`: the part that needs contractions, norms, and the Cholesky factor."""

import numpy as np

from fungrad.core.errors import ShapeError
from fungrad.numpy import products, ufuncs
from fungrad.numpy import reductions as r
from fungrad.numpy.arrays import operand
from fungrad.numpy.creation import eye
from fungrad.numpy.dispatch import normalize_axes, traced
from fungrad.numpy.einsum import einsum
from fungrad.numpy.promotion import as_quotient, convert
from fungrad.numpy.shapes import diagonal as _diagonal
from fungrad.numpy.shapes import matrix_transpose, ravel, reshape
from fungrad.primitives import elementwise as e
from fungrad.primitives.linalg import Cholesky, adjoint
from fungrad.primitives.orthogonal import Qr

LinAlgError = np.linalg.LinAlgError


def _inexact(x):
    x = operand(x)
    return convert(x, as_quotient(x.dtype))


def _moduli(x):
    """The squares of the moduli."""
    if x.dtype.kind == "c":
        return e.square(e.real(x)) + e.square(e.imag(x))
    return e.square(x)


@traced(np.linalg.norm)
def norm(x, ord=None, axis=None, keepdims=False):
    """`numpy.linalg.norm`; the derivative at 0 is 0. Spectral and nuclear norms are missing."""
    x = _inexact(x)
    if axis is None:
        if ord is None or (ord in ("f", "fro") and x.ndim == 2) or (ord == 2 and x.ndim == 1):
            flat = ravel(x)
            y = r.root(r.sum(_moduli(flat)))
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
        return r.root(r.sum(_moduli(x), axes, keepdims=keepdims))
    if ord == np.inf:
        return r.max(modulus(x), axes, keepdims=keepdims)
    if ord == -np.inf:
        return r.min(modulus(x), axes, keepdims=keepdims)
    if ord == 0:
        return r.sum(convert(x != 0, r.real_part(x.dtype)), axes, keepdims=keepdims)
    if ord == 1:
        return r.sum(modulus(x), axes, keepdims=keepdims)
    if isinstance(ord, str):
        raise ValueError(f"Invalid norm order '{ord}' for vectors")
    total = r.sum(ufuncs.power(modulus(x), ord), axes, keepdims=keepdims)
    return ufuncs.power(total, 1.0 / ord)


def _matrix_norm(x, ord, axes, keepdims):
    row, column = axes
    if ord in (None, "fro", "f"):
        return r.root(r.sum(_moduli(x), axes, keepdims=keepdims))
    if ord in (1, -1, np.inf, -np.inf):
        inner, outer = (row, column) if abs(ord) == 1 else (column, row)
        lines = r.sum(ufuncs.absolute(x), inner, keepdims=True)
        y = (r.max if ord > 0 else r.min)(lines, outer, keepdims=True)
        return y if keepdims else reshape(y, [n for a, n in enumerate(x.shape) if a not in axes])
    if ord in (2, -2, "nuc"):
        raise NotImplementedError(f"norm with ord={ord!r} of a matrix needs singular values")
    raise ValueError("Invalid norm order for matrices.")


@traced(np.linalg.vector_norm)
def vector_norm(x, /, *, axis=None, keepdims=False, ord=2):
    """`numpy.linalg.vector_norm`; the derivative at 0 is 0."""
    x = _inexact(x)
    return _vector_norm(x, ord, normalize_axes(axis, x.ndim), keepdims)


@traced(np.linalg.matrix_norm)
def matrix_norm(x, /, *, keepdims=False, ord="fro"):
    """`numpy.linalg.matrix_norm`; spectral and nuclear norms are missing."""
    x = _inexact(x)
    return _matrix_norm(x, ord, (x.ndim - 2, x.ndim - 1), keepdims)


@traced(np.linalg.cholesky)
def cholesky(a, /, *, upper=False):
    """`numpy.linalg.cholesky`: reads one triangle."""
    a = _inexact(a)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise LinAlgError(f"Last 2 dimensions of the array must be square, not {a.shape}")
    return adjoint(Cholesky()(adjoint(a))) if upper else Cholesky()(a)


QRResult = type(np.linalg.qr(np.eye(1)))


@traced(np.linalg.qr)
def qr(a, mode="reduced"):
    """`numpy.linalg.qr`: modes "reduced", "complete" and "r".

    >>> from fungrad import grad
    >>> grad(lambda a: qr(a).R[0, 0])(np.array([[3.0, 1.0], [4.0, 2.0]]))
    array([[-0.6,  0. ],
           [-0.8,  0. ]])
    """
    if mode not in ("reduced", "complete", "r"):
        hint = "; use 'reduced' on traced values" if mode == "raw" else ""
        raise ValueError(f"Unrecognized mode '{mode}'{hint}")
    a = _matrices(a)
    q, r = Qr(mode == "complete")(a)
    return r if mode == "r" else QRResult(q, r)


def _matrices(a):
    a = _inexact(a)
    if a.ndim < 2:
        raise LinAlgError(
            f"{a.ndim}-dimensional array given. Array must be at least two-dimensional"
        )
    return a


@traced(np.linalg.matrix_power)
def matrix_power(a, n):
    """`numpy.linalg.matrix_power` for n >= 0, by repeated squaring."""
    a = operand(a)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise LinAlgError(f"Last 2 dimensions of the array must be square, not {a.shape}")
    if n < 0:
        raise NotImplementedError("matrix_power with n < 0 needs the inverse")
    if n == 0:
        return products.matmul(a * 0, a) + eye(a.shape[-1], dtype=a.dtype)
    result = None
    while n:
        if n & 1:
            result = a if result is None else products.matmul(result, a)
        n >>= 1
        a = products.matmul(a, a) if n else a
    return result


@traced(np.linalg.multi_dot)
def multi_dot(arrays, *, out=None):
    """`numpy.linalg.multi_dot`: the cheapest order of products."""
    arrays = [operand(x) for x in arrays]
    if len(arrays) < 2:
        raise ValueError("Expecting at least two arrays.")
    labels, used, shared = [], 0, None
    for position, x in enumerate(arrays):
        is_end = position in (0, len(arrays) - 1)
        if x.ndim != 2 and not (is_end and x.ndim == 1):
            raise ShapeError(f"multi_dot: operand {position} of shape {x.shape} is not a matrix")
        left = shared
        if left is None and x.ndim == 2:
            left, used = used, used + 1
        right = None
        if position < len(arrays) - 1 or x.ndim == 2:
            right, used = used, used + 1
        labels.append([i for i in (left, right) if i is not None])
        shared = right
    ends = ([labels[0][0]] if arrays[0].ndim == 2 else []) + (
        [labels[-1][-1]] if arrays[-1].ndim == 2 else []
    )
    return einsum(*[v for pair in zip(arrays, labels, strict=True) for v in pair], ends)


@traced(np.linalg.matmul)
def matmul(x1, x2, /):
    """`numpy.linalg.matmul`."""
    return products.matmul(x1, x2)


@traced(np.linalg.outer)
def outer(x1, x2, /):
    """`numpy.linalg.outer`."""
    return products.outer(x1, x2)


@traced(np.linalg.tensordot)
def tensordot(x1, x2, /, *, axes=2):
    """`numpy.linalg.tensordot`."""
    return products.tensordot(x1, x2, axes)


@traced(np.linalg.vecdot)
def vecdot(x1, x2, /, *, axis=-1):
    """`numpy.linalg.vecdot`."""
    return products.vecdot(x1, x2, axis=axis)


@traced(np.linalg.cross)
def cross(x1, x2, /, *, axis=-1):
    """`numpy.linalg.cross`."""
    return products.cross(x1, x2, axis=axis)


@traced(np.linalg.diagonal)
def diagonal(x, /, *, offset=0):
    """`numpy.linalg.diagonal`."""
    return _diagonal(x, offset, -2, -1)


@traced(np.linalg.trace)
def trace(x, /, *, offset=0, dtype=None):
    """`numpy.linalg.trace`."""
    return products.trace(x, offset, -2, -1, dtype)


@traced(np.linalg.matrix_transpose)
def _matrix_transpose(x, /):
    return matrix_transpose(x)


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    if hasattr(np.linalg, name):
        hint = f"numpy.linalg.{name} works on plain arrays"
    else:
        hint = "NumPy has no such name"
    raise AttributeError(f"fungrad.numpy.linalg has no {name!r} yet; {hint}")
