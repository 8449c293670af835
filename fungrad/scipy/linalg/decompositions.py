"""Factorisations and eigenvalues."""

from fungrad.numpy import linalg
from fungrad.numpy.matrix_arguments import matrices, promoted, square_matrices
from fungrad.primitives.joining import Pad
from fungrad.primitives.linalg import Cholesky, TriangularSolve
from fungrad.primitives.matrices import adjoint, converted, matrix_product, rows_of, with_diagonal
from fungrad.primitives.orthogonal import Qr, QrPivots, column_order
from fungrad.primitives.spectral import Eigh, Eigvalsh, Svd, hermitian


def svd(
    a,
    full_matrices=True,
    compute_uv=True,
    overwrite_a=False,
    check_finite=True,
    lapack_driver="gesdd",
):
    """(U, singular values in descending order, V^H), or the singular values alone.

    >>> svd([[3.0, 0.0], [0.0, 2.0]], compute_uv=False)
    array([3., 2.])
    """
    if lapack_driver not in ("gesdd", "gesvd"):
        raise ValueError(f'lapack_driver must be "gesdd" or "gesvd", not {lapack_driver!r}')
    a = matrices(a)
    return tuple(Svd(bool(full_matrices))(a)) if compute_uv else linalg.svdvals(a)


def qr(a, overwrite_a=False, lwork=None, mode="full", pivoting=False, check_finite=True):
    """(Q, R), or with `pivoting` (Q, R, order of columns); modes "full", "economic" and "r".

    >>> q, r = qr([[3.0], [4.0]], mode="economic")
    >>> r
    array([[-5.]])
    """
    if mode not in ("full", "economic", "r"):
        raise ValueError(f"Mode argument should be one of ['full', 'r', 'economic'], not {mode!r}")
    a, last = matrices(a), ()
    if pivoting:
        last = (QrPivots()(a),)
        a = column_order(a, last[0])
    q, r = Qr(mode != "economic")(a)
    return (r, *last) if mode == "r" else (q, r, *last)


def eigh(
    a,
    b=None,
    lower=True,
    eigvals_only=False,
    overwrite_a=False,
    overwrite_b=False,
    turbo=True,
    eigvals=None,
    type=1,
    check_finite=True,
):
    """(eigenvalues in ascending order, eigenvectors) of Hermitian matrices; reads one triangle.

    With a positive definite `b`, of the generalised problem: a v = w b v (`type` 1), a b v = w v
    (2) or b a v = w v (3), reduced by the Cholesky factor of b.

    >>> eigh([[2.0, 0.0], [0.0, 3.0]], [[1.0, 0.0], [0.0, 3.0]], eigvals_only=True)
    array([1., 2.])
    """
    if eigvals is not None:
        raise NotImplementedError("eigh: take slices of the result instead of eigvals=")
    if type not in (1, 2, 3):
        raise ValueError(f"eigh: type is 1, 2 or 3, not {type!r}")
    if b is None:
        a = square_matrices(a)
        return Eigvalsh(bool(lower))(a) if eigvals_only else tuple(Eigh(bool(lower))(a))
    a, b = promoted(a, b)
    a = hermitian(square_matrices(a), bool(lower))
    factor = Cholesky()(hermitian(square_matrices(b), bool(lower)))
    solve = TriangularSolve(False, False, False)
    if type == 1:
        a = solve(factor, adjoint(solve(factor, a)))
    else:
        a = matrix_product(adjoint(factor), matrix_product(a, factor))
    if eigvals_only:
        return Eigvalsh(True)(a)
    w, v = Eigh(True)(a)
    if type == 3:
        return w, matrix_product(factor, v)
    return w, TriangularSolve(False, True, True)(factor, v)


def polar(a, side="right", *, method="svd", eps=None, max_iterations=None):
    """(U, P) with a = U P (`side` "right") or a = P U, P positive and the columns of U orthonormal.

    The derivative exists where all singular values are positive, coinciding ones included.

    >>> polar([[0.0, -2.0], [3.0, 0.0]])
    (array([[ 0., -1.],
           [ 1.,  0.]]), array([[3., 0.],
           [0., 2.]]))
    """
    if side not in ("right", "left"):
        raise ValueError(f"side must be 'right' or 'left', not {side!r}")
    a = matrices(a)
    u, s, vh = Svd(False)(a)
    basis = adjoint(vh) if side == "right" else u
    scaled = basis * rows_of(converted(s, a.dtype), basis.shape[-2])
    return matrix_product(u, vh), matrix_product(scaled, adjoint(basis))


def eigh_tridiagonal(
    d, e, *, eigvals_only=False, select="a", select_range=None, tol=None, key=None
):
    """(eigenvalues in ascending order, eigenvectors) of a real symmetric tridiagonal matrix.

    `d` is the diagonal, `e` the one beside it; `select` "i" takes the eigenvalues whose numbers
    are in `select_range`, both ends included.

    >>> eigh_tridiagonal([2.0, 2.0], [1.0], eigvals_only=True)
    array([1., 3.])
    """
    d, e = promoted(d, e)
    if d.dtype.kind == "c":
        raise TypeError("eigh_tridiagonal: the diagonals are real")
    if select not in ("a", "i"):
        raise ValueError(f"select is 'a' or 'i', not {select!r}")
    n = d.shape[-1]
    full = with_diagonal(d)
    if n > 1:
        none = (0,) * (d.ndim - 1)
        below = Pad((*none, 1, 0), (*none, 0, 1), (0,) * full.ndim)
        full = full + below(with_diagonal(e), e.dtype.type(0))
    chosen = slice(None)
    if select == "i":
        chosen = slice(select_range[0], select_range[1] + 1)
    if eigvals_only:
        return Eigvalsh(True)(full)[..., chosen]
    w, v = Eigh(True)(full)
    return w[..., chosen], v[..., chosen]
