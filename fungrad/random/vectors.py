"""Draws of vectors and matrices: multivariate normal, orthogonal."""

import numpy as np

from fungrad.core.errors import DtypeError, ShapeError
from fungrad.numpy import linalg
from fungrad.numpy.arrays import operand
from fungrad.numpy.einsum import einsum
from fungrad.numpy.promotion import convert, promote_to_float
from fungrad.numpy.shapes import diagonal, swapaxes
from fungrad.numpy.ufuncs import sign, sqrt
from fungrad.random.arguments import drawn_shape, float_dtype, key_of, require_fit
from fungrad.random.real_numbers import standard_normal

_METHODS = ("cholesky", "eigh", "svd")


def multivariate_normal(key, mean, cov, shape=None, dtype=None, method="cholesky"):
    """Vectors of the normal distribution of a mean and a covariance matrix.

    Args:
        key: a key.
        mean: of shape (..., n).
        cov: symmetric and positive (for method "eigh" and "svd": semi-) definite, of shape
            (..., n, n). The draw is differentiable in mean and cov.
        shape: the shape of the result without its last axis, by default that to which the leading
            axes of mean and cov broadcast.
        dtype: a float dtype, by default that of mean and cov.
        method: which square root of cov is taken: "cholesky", "eigh" or "svd".

    Returns:
        An array of shape (*shape, n).

    Raises:
        numpy.linalg.LinAlgError where cov has no Cholesky factor; ValueError for another method;
        DtypeError, ShapeError.

    >>> from fungrad import random
    >>> random.multivariate_normal(random.key(0), np.zeros(2), np.array([[2.0, 1.0], [1.0, 2.0]]))
    array([-0.29110475, -1.10669023])
    """
    if method not in _METHODS:
        raise ValueError(
            f"random.multivariate_normal: method is one of {', '.join(_METHODS)}, got {method!r}"
        )
    mean, cov = promote_to_float(operand(mean), operand(cov))
    if mean.dtype.kind != "f":
        raise DtypeError(f"random.multivariate_normal: real numbers are needed, got {mean.dtype}")
    dtype = float_dtype("multivariate_normal", mean.dtype if dtype is None else dtype)
    if not np.ndim(mean) or tuple(np.shape(cov)[-2:]) != (mean.shape[-1],) * 2:
        raise ShapeError(
            "random.multivariate_normal: mean has the shape (..., n) and cov (..., n, n); got "
            f"{tuple(np.shape(mean))} and {tuple(np.shape(cov))}"
        )
    leading = tuple(mean.shape[:-1]), tuple(cov.shape[:-2])
    shape = np.broadcast_shapes(*leading) if shape is None else drawn_shape("", shape)
    for own in leading:
        require_fit("multivariate_normal", shape, own)
    key = key_of("multivariate_normal", key)
    noise = standard_normal(key, shape=(*shape, mean.shape[-1]), dtype=dtype)
    factor = _square_root(convert(cov, dtype), method)
    return convert(mean, dtype) + einsum("...ij,...j->...i", factor, noise)


def _square_root(cov, method):
    """A matrix F with F F^T = cov."""
    if method == "cholesky":
        return linalg.cholesky(cov)
    if method == "eigh":
        values, vectors = np.linalg.eigh(cov)
        return vectors * sqrt(values[..., None, :])
    left, values, _ = np.linalg.svd(cov)
    return left * sqrt(values[..., None, :])


def orthogonal(key, n, shape=(), dtype=None, m=None):
    """Orthogonal matrices, none more likely than another (Haar measure): shape (*shape, n, m).

    Args:
        key: a key.
        n, m: the size; m is n by default. The shorter sides are orthonormal.
        shape: the shape of a batch in front.
        dtype: a float dtype, float64 by default.

    Raises:
        DtypeError, ShapeError for a bad key or dtype.

    >>> from fungrad import random
    >>> q = random.orthogonal(random.key(0), 3)
    >>> bool(np.allclose(q @ q.T, np.eye(3)))
    True
    """
    dtype = float_dtype("orthogonal", dtype)
    shape = drawn_shape("orthogonal", shape)
    n = n.__index__()
    m = n if m is None else m.__index__()
    key = key_of("orthogonal", key)
    z = standard_normal(key, shape=(*shape, max(n, m), min(n, m)), dtype=dtype)
    q, r = linalg.qr(z)
    q = q * sign(diagonal(r, 0, -2, -1))[..., None, :]
    return swapaxes(q, -1, -2) if n < m else q
