"""`jax.lax.linalg`'s names: factorisations of matrices, with batches in front."""

import enum

from fungrad.core.errors import ShapeError
from fungrad.lax.reflections import hessenberg, tridiagonal  # noqa: F401
from fungrad.lazy import no_other_names
from fungrad.numpy import products, ufuncs
from fungrad.numpy.arrays import operand
from fungrad.numpy.matrix_arguments import matrices, promoted, square_matrices
from fungrad.numpy.schur_forms import sorted_schur
from fungrad.primitives.eigen import Eig, Eigvals, left_vectors
from fungrad.primitives.elementwise import select
from fungrad.primitives.linalg import Cholesky, TriangularSolve
from fungrad.primitives.lu import Lu, Permutation
from fungrad.primitives.matrices import (
    adjoint,
    conjugated,
    converted,
    matrix_product,
    matrix_transpose,
    positions,
    rows_of,
)
from fungrad.primitives.orthogonal import Qr, QrPivots, column_order, product_of_reflectors
from fungrad.primitives.schur import Schur
from fungrad.primitives.spectral import Eigh, Svd, Svdvals
from fungrad.primitives.tridiagonal import TridiagonalSolve


class SvdAlgorithm(enum.Enum):
    """Ways to compute singular values; LAPACK's divide and conquer serves all of them."""

    DEFAULT = "default"
    QR = "QR"
    JACOBI = "Jacobi"
    POLAR = "polar"


def symmetrized(x):
    """The Hermitian part."""
    return (x + adjoint(x)) * x.dtype.type(0.5)


def cholesky(x, *, symmetrize_input=True):
    """The lower triangular L with L L^H = x, for positive definite Hermitian matrices.

    Raises numpy.linalg.LinAlgError where a matrix is not positive definite. Without
    `symmetrize_input` only the lower triangles are read.

    >>> cholesky(np.array([[4.0, 2.0], [2.0, 5.0]]))
    array([[2., 0.],
           [1., 2.]])
    """
    x = square_matrices(x)
    return Cholesky()(symmetrized(x) if symmetrize_input else x)


def cholesky_update(r_matrix, w_vector):
    """The upper triangular R' with R'^H R' = R^H R + w w^H."""
    r, w = promoted(r_matrix, w_vector)
    square_matrices(r)
    if w.shape != r.shape[:-1]:
        raise ShapeError(f"cholesky_update: shapes {r.shape} and {w.shape} do not fit")
    column = w[..., None]
    total = matrix_product(adjoint(r), r) + matrix_product(column, adjoint(column))
    return adjoint(Cholesky()(total))


def eig(
    x,
    *,
    compute_left_eigenvectors=True,
    compute_right_eigenvectors=True,
    enable_eigvec_derivs=False,
    implementation=None,
    use_magma=None,
):
    """[eigenvalues, left eigenvectors, right eigenvectors], the vectors only if asked for.

    Everything is complex. All derivatives exist where the eigenvalues are distinct.
    """
    x = square_matrices(x)
    if not (compute_left_eigenvectors or compute_right_eigenvectors):
        return [Eigvals()(x)]
    w, right = Eig()(x)
    left = [left_vectors(right)] if compute_left_eigenvectors else []
    return [w, *left, *([right] if compute_right_eigenvectors else [])]


def eigh(
    x,
    *,
    lower=True,
    symmetrize_input=True,
    sort_eigenvalues=True,
    subset_by_index=None,
    implementation=None,
):
    """(eigenvectors, eigenvalues in ascending order) of Hermitian matrices.

    Without `symmetrize_input` only one triangle is read: the lower one, or else the upper one.

    >>> eigh(np.array([[1.0, 0.0], [0.0, -3.0]]))[1]
    array([-3.,  1.])
    """
    x = square_matrices(x)
    w, v = Eigh(bool(lower))(symmetrized(x) if symmetrize_input else x)
    if subset_by_index is not None:
        start, stop = _subset(subset_by_index, x.shape[-1])
        w, v = w[..., start:stop], v[..., start:stop]
    return v, w


def _subset(subset, n):
    start, stop = subset
    if not 0 <= start < stop <= n:
        raise ValueError(f"subset_by_index {subset} is not within (0, {n})")
    return start, stop


def householder_product(a, taus):
    """The first columns of the product of elementary reflectors, as LAPACK's `orgqr` gives them.

    Column i of `a` holds, below its diagonal, the vector of reflector i, whose factor is taus[i].
    """
    a, taus = promoted(a, taus)
    m, n = matrices(a).shape[-2:]
    k = taus.shape[-1]
    if k > n or n > m or taus.shape[:-1] != a.shape[:-2]:
        raise ShapeError(f"householder_product: shapes {a.shape} and {taus.shape} do not fit")
    return product_of_reflectors(a, taus, n)


def ormqr(a, taus, c, *, left=True, transpose=False):
    """Q c, or Q^H c where `transpose`, or on the other side: Q of reflectors as above, m by m."""
    a, taus, c = promoted(a, taus, c)
    q = product_of_reflectors(a, taus, a.shape[-2])
    q = adjoint(q) if transpose else q
    return products.matmul(q, c) if left else products.matmul(c, q)


def lu(x):
    """(L and U in one matrix, pivots, permutation) with x[permutation] = L U; integers are int32.

    >>> factors, pivots, permutation = lu(np.array([[1.0, 2.0], [4.0, 4.0]]))
    >>> factors, permutation
    (array([[4.  , 4.  ],
           [0.25, 1.  ]]), array([1, 0], dtype=int32))
    """
    x = matrices(x)
    factors, pivots = Lu()(x)
    return factors, pivots, Permutation(x.shape[-2])(pivots)


def lu_pivots_to_permutation(pivots, permutation_size):
    """The order of rows (int32) that the exchanges of `lu` lead to."""
    return Permutation(int(permutation_size))(operand(pivots))


def qdwh(x, *, is_hermitian=False, max_iterations=None, eps=None, dynamic_shape=None):
    """(U, H, iterations, whether they converged) with x = U H, U with orthonormal columns.

    The factors come from singular values: there are no iterations, and they have converged. With a
    `dynamic_shape`, rows and columns from there on count as 0, in x and in the factors; it may be
    traced.
    """
    x = matrices(x)
    if dynamic_shape is not None:
        rows, columns = dynamic_shape
        row, column = positions(x.shape)
        inside = ufuncs.logical_and(ufuncs.less(row, rows), ufuncs.less(column, columns))
        x = select(inside, x, x.dtype.type(0))
    u, s, vh = Svd(False)(x)
    if dynamic_shape is not None:
        _, column = positions(u.shape)
        u = select(ufuncs.less(column, columns), u, u.dtype.type(0))
    v = adjoint(vh)
    h = matrix_product(v * rows_of(converted(s, v.dtype), v.shape[-2]), vh)
    return matrix_product(u, vh), h, 0, True


def qr(x, *, pivoting=False, full_matrices=True, use_magma=None):
    """(Q, R) with Q R = x, or with `pivoting` (Q, R, order) with Q R = x[:, order].

    >>> q, r = qr(np.array([[3.0], [4.0]]), full_matrices=False)
    >>> r
    array([[-5.]])
    """
    x = matrices(x)
    if not pivoting:
        return Qr(bool(full_matrices))(x)
    order = QrPivots()(x)
    return (*Qr(bool(full_matrices))(column_order(x, order)), order)


def schur(x, *, compute_schur_vectors=True, sort_eig_vals=False, select_callable=None):
    """(T, Z) with Z T Z^H = x, of the dtype of x, or (T,) without vectors.

    With `sort_eig_vals` those eigenvalues stand first for which `select_callable`, a function of
    an array of complex numbers, is true.
    """
    if sort_eig_vals and select_callable is None:
        raise ValueError("schur: sort_eig_vals needs select_callable, which chooses eigenvalues")
    x = square_matrices(x)
    t, z, *_ = sorted_schur(x, False, select_callable) if sort_eig_vals else Schur(False)(x)
    return (t, z) if compute_schur_vectors else (t,)


def svd(x, *, full_matrices=True, compute_uv=True, subset_by_index=None, algorithm=None):
    """(U, singular values in descending order, V^H), or the singular values alone."""
    x = matrices(x)
    if not compute_uv:
        s = Svdvals()(x)
        return (
            s if subset_by_index is None else s[..., slice(*_subset(subset_by_index, s.shape[-1]))]
        )
    u, s, vh = Svd(bool(full_matrices))(x)
    if subset_by_index is not None:
        if full_matrices and subset_by_index != (0, s.shape[-1]):
            raise ValueError("full_matrices and subset_by_index cannot both be set")
        chosen = slice(*_subset(subset_by_index, s.shape[-1]))
        u, s, vh = u[..., chosen], s[..., chosen], vh[..., chosen, :]
    return u, s, vh


def symmetric_product(a_matrix, c_matrix, *, alpha=1.0, beta=0.0, symmetrize_output=False):
    """alpha a a^T + beta c for symmetric c; always symmetric, whether asked for or not."""
    a, c = promoted(a_matrix, c_matrix)
    product = matrix_product(a, matrix_transpose(a))
    return product * a.dtype.type(alpha) + c * a.dtype.type(beta)


def triangular_solve(
    a,
    b,
    *,
    left_side=False,
    lower=False,
    transpose_a=False,
    conjugate_a=False,
    unit_diagonal=False,
):
    """x with op(a) x = b where `left_side`, else x op(a) = b; reads one triangle of a.

    `b` may be a vector where `left_side`. Raises numpy.linalg.LinAlgError where the diagonal has
    a 0.

    >>> triangular_solve(np.array([[2.0, 0.0], [1.0, 4.0]]), np.array([2.0, 5.0]), lower=True,
    ...                  left_side=True)
    array([1., 1.])
    """
    a, b = promoted(a, b)
    square_matrices(a)
    conjugate_a = conjugate_a and a.dtype.kind == "c"
    if b.ndim == a.ndim - 1 and left_side:
        solve = triangular_solve
        options = {"lower": lower, "transpose_a": transpose_a, "conjugate_a": conjugate_a}
        x = solve(a, b[..., None], left_side=True, unit_diagonal=unit_diagonal, **options)
        return x[..., 0]
    if conjugate_a and not transpose_a:
        a, conjugate_a = conjugated(a), False
    upper, unit = not lower, bool(unit_diagonal)
    if left_side:
        return TriangularSolve(upper, bool(transpose_a), bool(conjugate_a), unit)(a, b)
    if conjugate_a:
        a = conjugated(a)
    x = TriangularSolve(upper, not transpose_a, False, unit)(a, matrix_transpose(b))
    return matrix_transpose(x)


def tridiagonal_solve(dl, d, du, b, *, perturb_singular=False):
    """x with T x = b, T having the diagonal d, and dl and du below and above it.

    All have the length of the diagonal; dl[0] and du[-1] are not used.

    >>> tridiagonal_solve(np.array([0.0, 1.0]), np.array([2.0, 2.0]), np.array([1.0, 0.0]),
    ...                   np.array([[3.0], [3.0]]))
    array([[1.],
           [1.]])
    """
    dl, d, du, b = promoted(dl, d, du, b)
    return TridiagonalSolve()(dl, d, du, b)


__getattr__ = no_other_names(__name__)
