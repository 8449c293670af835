"""Factorisations and eigenvalues."""

from fungrad.numpy import linalg, products
from fungrad.numpy.matrix_arguments import matrices, promoted, square_matrices
from fungrad.numpy.schur_forms import sorted_schur
from fungrad.primitives.joining import Pad
from fungrad.primitives.linalg import Cholesky, TriangularSolve
from fungrad.primitives.matrices import (
    adjoint,
    conjugated,
    converted,
    matrix_product,
    rows_of,
    with_diagonal,
)
from fungrad.primitives.orthogonal import Qr, QrPivots, column_order
from fungrad.primitives.schur import Hessenberg, Schur
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
    (2) or b a v = w v (3), reduced by the Cholesky factor of b. `eigvals`, a pair of numbers, takes
    the eigenvalues with these numbers and those between them.

    >>> eigh([[2.0, 0.0], [0.0, 3.0]], [[1.0, 0.0], [0.0, 3.0]], eigvals_only=True)
    array([1., 2.])
    """
    chosen = _numbered(eigvals)
    if type not in (1, 2, 3):
        raise ValueError(f"eigh: type is 1, 2 or 3, not {type!r}")
    if b is None:
        a = square_matrices(a)
        if eigvals_only:
            return Eigvalsh(bool(lower))(a)[..., chosen]
        w, v = Eigh(bool(lower))(a)
        return w[..., chosen], v[..., chosen]
    a, b = promoted(a, b)
    a = hermitian(square_matrices(a), bool(lower))
    factor = Cholesky()(hermitian(square_matrices(b), bool(lower)))
    solve = TriangularSolve(False, False, False)
    if type == 1:
        a = solve(factor, adjoint(solve(factor, a)))
    else:
        a = matrix_product(adjoint(factor), matrix_product(a, factor))
    if eigvals_only:
        return Eigvalsh(True)(a)[..., chosen]
    w, v = Eigh(True)(a)
    w, v = w[..., chosen], v[..., chosen]
    if type == 3:
        return w, matrix_product(factor, v)
    return w, TriangularSolve(False, True, True)(factor, v)


def _numbered(numbers):
    """The slice from one number to another, both ends included; all for None."""
    if numbers is None:
        return slice(None)
    first, last = [n.__index__() for n in numbers]
    if not 0 <= first <= last:
        raise ValueError(f"eigenvalues are numbered from 0, the first before the last: {numbers}")
    return slice(first, last + 1)


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


def schur(a, output="real", *, sort=None):
    """(T, Z) with Z T Z^H = a, Z unitary and T upper triangular.

    `output` "real" gives a real matrix a real form, with blocks of 2 by 2 for complex eigenvalues.

    With `sort`, (T, Z, count): the eigenvalues that it chooses stand first, so many. It is "lhp"
    or "rhp" (the left or right half plane), "iuc" or "ouc" (inside or outside the unit circle), or
    a function of an array of complex eigenvalues to truth values.

    >>> t, z = schur([[0.0, 2.0], [2.0, 0.0]])
    >>> np.sort(np.diagonal(t))
    array([-2.,  2.])
    """
    if output not in ("real", "complex"):
        raise ValueError(
            f"Expected 'output' to be either 'real' or 'complex', got output={output}."
        )
    a, is_complex = square_matrices(a), output == "complex"
    if sort is None:
        return tuple(Schur(is_complex)(a))
    return sorted_schur(a, is_complex, sort)


def rsf2csf(T, Z, check_finite=True):
    """The complex Schur form and vectors, given the real ones."""
    T, Z = promoted(T, Z)
    t, vectors = Schur(True)(square_matrices(T))
    return t, matrix_product(converted(Z, t.dtype), vectors)


def hessenberg(a, *, calc_q=False, overwrite_a=False, check_finite=True):
    """H with Q H Q^H = a, zero below its first subdiagonal, or (H, Q) with `calc_q`.

    >>> hessenberg([[1.0, 2.0], [3.0, 4.0]])
    array([[1., 2.],
           [3., 4.]])
    """
    h, q = Hessenberg()(square_matrices(a))
    return (h, q) if calc_q else h


def qr_multiply(
    a, c, mode="right", pivoting=False, conjugate=False, overwrite_a=False, overwrite_c=False
):
    """(c Q, R) for `mode` "right" or (Q c, R) for "left", with Q R = a, Q of min(m, n) columns.

    With `pivoting` (product, R, order of columns), as `qr`; a `conjugate` Q is the conjugate.

    >>> product, r = qr_multiply([[3.0], [4.0]], [1.0, 0.0])
    >>> product
    array([-0.6])
    """
    if mode not in ("left", "right"):
        raise ValueError(f"Mode argument can only be 'left' or 'right' but not {mode!r}")
    a, c = promoted(a, c)
    q, *rest = qr(a, mode="economic", pivoting=pivoting)
    q = conjugated(q) if conjugate else q
    if mode == "right":
        return (products.matmul(c, q), *rest)
    if c.shape[0] == a.shape[-2] and a.shape[-2] != q.shape[-1]:
        q = qr(a, mode="full", pivoting=pivoting)[0]
        q = conjugated(q) if conjugate else q
    return (products.matmul(q, c), *rest)
