"""`numpy.linalg`: this file is the table of contents, with the products in it."""

import numpy as np

from fungrad.core.errors import ShapeError
from fungrad.lazy import no_other_names
from fungrad.numpy import products
from fungrad.numpy.arrays import operand
from fungrad.numpy.dispatch import traced
from fungrad.numpy.einsum import einsum
from fungrad.numpy.factorisations import (
    cholesky,
    eig,
    eigh,
    eigvals,
    eigvalsh,
    qr,
    svd,
    svdvals,
)
from fungrad.numpy.norms import cond, matrix_norm, matrix_rank, norm, vector_norm
from fungrad.numpy.shapes import diagonal as _diagonal
from fungrad.numpy.shapes import matrix_transpose as _matrix_transpose
from fungrad.numpy.solving import (
    det,
    inv,
    lstsq,
    matrix_power,
    pinv,
    slogdet,
    solve,
    tensorinv,
    tensorsolve,
)

LinAlgError = np.linalg.LinAlgError


@traced(np.linalg.multi_dot, ignored=("precision",))
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


@traced(np.linalg.matmul, extras=products.PRECISION)
def matmul(x1, x2, /, *, precision=None, preferred_element_type=None):
    """`numpy.linalg.matmul`."""
    return products.matmul(*products.factors(x1, x2, preferred_element_type))


@traced(np.linalg.outer)
def outer(x1, x2, /):
    """`numpy.linalg.outer`."""
    return products.outer(x1, x2)


@traced(np.linalg.tensordot, extras=products.PRECISION)
def tensordot(x1, x2, /, *, axes=2, precision=None, preferred_element_type=None):
    """`numpy.linalg.tensordot`."""
    return products.tensordot(*products.factors(x1, x2, preferred_element_type), axes)


@traced(np.linalg.vecdot, extras=products.PRECISION)
def vecdot(x1, x2, /, *, axis=-1, precision=None, preferred_element_type=None):
    """`numpy.linalg.vecdot`."""
    return products.vecdot(*products.factors(x1, x2, preferred_element_type), axis=axis)


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
def matrix_transpose(x, /):
    """`numpy.linalg.matrix_transpose`."""
    return _matrix_transpose(x)


__getattr__ = no_other_names(__name__)
