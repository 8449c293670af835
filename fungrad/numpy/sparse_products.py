"""Products of SciPy's sparse matrices, which are constants, with traced arrays.

A product is a sum over the stored elements, a gather and a scatter, so that every transform has it.
"""

import numpy as np

from fungrad.core.errors import ShapeError
from fungrad.core.tracing import Tracer
from fungrad.numpy.arrays import operand
from fungrad.numpy.promotion import is_sparse, promote
from fungrad.numpy.shapes import expand_dims
from fungrad.numpy.taking import take
from fungrad.primitives.indexing import Scatter
from fungrad.primitives.movement import Fill, Transpose


def sparse_product(name, a, b):
    """`a @ b` where one of them is a sparse matrix and the other an array of rank 1 or 2."""
    for x in (a, b):
        if np.ndim(x) not in (1, 2) and type(x) is Tracer:
            raise ShapeError(
                f"{name}: a sparse matrix is multiplied by arrays of rank 1 or 2, not of shape "
                f"{x.shape}; use vmap for batches"
            )
    if is_sparse(a):
        return _of_columns(name, a, operand(b))
    product = _of_columns(name, b.T, _transposed(operand(a)))
    return _transposed(product)


def _transposed(x):
    return Transpose((1, 0))(x) if x.ndim == 2 else x


def _of_columns(name, a, x):
    """The product of a sparse matrix with a vector or with columns."""
    if a.shape[1] != x.shape[0]:
        raise ShapeError(
            f"{name}: the sparse matrix of shape {a.shape} and the array of shape {x.shape} do "
            "not fit"
        )
    elements = a.tocsr().tocoo()
    values, rows = promote(elements.data, take(x, elements.col, 0))
    if x.ndim == 2:
        values = expand_dims(values, 1)
    terms = values * rows
    zeros = Fill((a.shape[0], *x.shape[1:]))(terms.dtype.type(0))
    return Scatter((0,), "add", "raise")(zeros, terms, elements.row)
