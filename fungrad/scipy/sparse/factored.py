"""Solutions of linear systems by the factors of a sparse matrix, which SciPy computes."""

import numpy as np

from fungrad.api.callbacks import pure_callback
from fungrad.api.implicit import custom_linear_solve
from fungrad.api.inspecting import ShapeDtypeStruct
from fungrad.core.errors import ShapeError
from fungrad.numpy.arrays import operand
from fungrad.numpy.products import matmul
from fungrad.numpy.promotion import convert, is_sparse


def spsolve(A, b):
    """x with A x = b for a sparse matrix, by its LU factors, as `scipy.sparse.linalg.spsolve`.

    The factors are computed when the function is called, or traced, and serve the derivatives too.

    Args:
        A: one of SciPy's sparse matrices, (n, n), a constant; float64 or complex128.
        b: an array, (n,) or (n, m).

    Raises:
        ShapeError: the shapes do not fit. LinAlgError: A is singular. TypeError: A is no sparse
            matrix of SciPy's; `fungrad.numpy.linalg.solve` takes arrays.

    >>> from scipy.sparse import csc_array
    >>> spsolve(csc_array([[4.0, 1.0], [0.0, 2.0]]), np.array([6.0, 4.0]))
    array([1., 2.])
    """
    from scipy.sparse.linalg import splu

    if not is_sparse(A):
        raise TypeError(
            f"spsolve takes a sparse matrix of SciPy's, which is a constant, got {type(A).__name__}"
            "; fungrad.numpy.linalg.solve takes arrays"
        )
    b = operand(b)
    if A.ndim != 2 or A.shape[0] != A.shape[1] or b.ndim not in (1, 2) or len(b) != A.shape[0]:
        raise ShapeError(f"spsolve: A of shape {A.shape} and b of shape {b.shape} do not fit")
    dtype = np.result_type(A.dtype, b.dtype, np.float64)
    try:
        factors = splu(A.tocsc().astype(dtype))
    except RuntimeError as error:
        raise np.linalg.LinAlgError(f"spsolve: {error}") from None

    def solver(trans):
        def solve(_, right):
            result = ShapeDtypeStruct(right.shape, right.dtype)
            by_factors = lambda y: factors.solve(np.asarray(y), trans)
            return pure_callback(by_factors, result, right, vmap_method="sequential")

        return solve

    return custom_linear_solve(lambda x: matmul(A, x), convert(b, dtype), solver("N"), solver("T"))
