"""Solutions of linear systems, and the factors that they are made from."""

from fungrad.numpy.linalg import det as _det
from fungrad.numpy.linalg import inv as _inv
from fungrad.numpy.matrix_arguments import matrices, promoted, square_matrices
from fungrad.numpy.promotion import broadcast_to
from fungrad.numpy.solving import applied_solution
from fungrad.numpy.sorting import argsort
from fungrad.primitives.elementwise import (
    Convert,
    absolute,
    equal,
    less_equal,
    select,
    stop_gradient,
)
from fungrad.primitives.linalg import Cholesky, PositiveSolve, TriangularSolve
from fungrad.primitives.lu import Factors, Lu, Permutation, Solve, permuted
from fungrad.primitives.matrices import (
    INT64,
    adjoint,
    columns_of,
    identity,
    lower_triangle,
    matrix_transpose,
    part_of,
    positions,
    real_type,
    upper_triangle,
)
from fungrad.primitives.spectral import hermitian


def det(a, overwrite_a=False, check_finite=True):
    """The determinants; the derivative is right at singular matrices too.

    >>> det([[1.0, 2.0], [3.0, 4.0]]).round(12)
    np.float64(-2.0)
    """
    return _det(a)


def inv(a, overwrite_a=False, check_finite=True):
    """The inverse matrices; numpy.linalg.LinAlgError where one is singular.

    >>> inv([[2.0, 0.0], [0.0, 4.0]])
    array([[0.5 , 0.  ],
           [0.  , 0.25]])
    """
    return _inv(a)


def cholesky(a, lower=False, overwrite_a=False, check_finite=True):
    """The upper triangular U with U^H U = a, or the lower L with L L^H = a; reads that triangle.

    Raises numpy.linalg.LinAlgError where a matrix is not positive definite.

    >>> cholesky([[4.0, 2.0], [2.0, 5.0]])
    array([[2., 1.],
           [0., 2.]])
    """
    a = square_matrices(a)
    return Cholesky()(a) if lower else adjoint(Cholesky()(adjoint(a)))


def cho_factor(a, lower=False, overwrite_a=False, check_finite=True):
    """(Cholesky factor, lower) for `cho_solve`; the other triangle is 0."""
    return cholesky(a, lower), lower


def cho_solve(c_and_lower, b, overwrite_b=False, check_finite=True):
    """x with a x = b, given what `cho_factor(a)` returns.

    >>> cho_solve(cho_factor([[4.0, 2.0], [2.0, 5.0]]), [6.0, 7.0])
    array([1., 1.])
    """
    c, lower = c_and_lower
    c, b = promoted(c, b)
    square_matrices(c)

    def both(c, b):
        first = TriangularSolve(not lower, not lower, not lower)
        second = TriangularSolve(not lower, bool(lower), bool(lower))
        return second(c, first(c, b))

    return applied_solution(c, b, b.ndim == 1, both, "cho_solve")


def lu_factor(a, overwrite_a=False, check_finite=True):
    """(L and U in one matrix, pivots) for `lu_solve`; row i was exchanged with row pivots[i].

    >>> lu_factor([[1.0, 2.0], [4.0, 4.0]])
    (array([[4.  , 4.  ],
           [0.25, 1.  ]]), array([1, 1], dtype=int32))
    """
    return Lu()(square_matrices(a))


def lu_solve(lu_and_piv, b, trans=0, overwrite_b=False, check_finite=True):
    """x with a x = b, a^T x = b (`trans` 1) or a^H x = b (2), given what `lu_factor(a)` returns.

    >>> lu_solve(lu_factor([[1.0, 2.0], [4.0, 4.0]]), [3.0, 8.0])
    array([1., 1.])
    """
    factors, pivots = lu_and_piv
    factors, b = promoted(factors, b)
    n = square_matrices(factors).shape[-1]
    form = _form(trans)
    upper = TriangularSolve(True, form > 0, form == 2)
    lower = TriangularSolve(False, form > 0, form == 2, True)

    def both(factors, b):
        order = Permutation(n)(pivots)
        wide = _with_batch(order, b.shape[:-2])
        if not form:
            return upper(factors, lower(factors, permuted(b, wide)))
        return permuted(lower(factors, upper(factors, b)), _inverted(wide))

    return applied_solution(factors, b, b.ndim == 1, both, "lu_solve")


def _with_batch(order, batch):
    return broadcast_to(order, (*batch, order.shape[-1]))


def _inverted(order):
    return argsort(order, -1)


def _form(trans):
    forms = {0: 0, 1: 1, 2: 2, "N": 0, "T": 1, "C": 2}
    if trans not in forms:
        raise ValueError(f"trans is 0 or 'N', 1 or 'T', 2 or 'C', not {trans!r}")
    return forms[trans]


def lu(a, permute_l=False, overwrite_a=False, check_finite=True):
    """(P, L, U) with P L U = a, or with `permute_l` (P L, U).

    >>> p, lower, upper = lu([[1.0, 2.0], [4.0, 4.0]])
    >>> p @ lower @ upper
    array([[1., 2.],
           [4., 4.]])
    """
    a = matrices(a)
    m, n = a.shape[-2:]
    k = min(m, n)
    factors, pivots = Lu()(a)
    order = Convert(INT64)(Permutation(m)(pivots))
    lower = part_of(factors, columns=slice(k))
    lower = lower_triangle(lower, 0.0) + identity(lower.shape, a.dtype)
    upper = upper_triangle(part_of(factors, rows=slice(k)))
    wide = columns_of(order, m)
    p = matrix_transpose(Convert(real_type(a.dtype))(equal(wide, positions(wide.shape)[1])))
    if permute_l:
        return permuted(lower, _inverted(order)), upper
    return p, lower, upper


def solve(
    a,
    b,
    lower=False,
    overwrite_a=False,
    overwrite_b=False,
    debug=False,
    check_finite=True,
    assume_a="gen",
):
    """x with a x = b; a `b` with one axis is a vector. The derivatives reuse the factors of a.

    `assume_a` is "gen", "sym" or "her" (one triangle is read), "pos" (by Cholesky factors; one
    triangle is read), "diagonal", "tridiagonal", "banded", "upper triangular" or
    "lower triangular". Raises numpy.linalg.LinAlgError where a matrix is singular, or is not
    positive definite.

    >>> solve([[4.0, 2.0], [2.0, 5.0]], [6.0, 7.0], assume_a="pos")
    array([1., 1.])
    """
    a, b = promoted(a, b)
    square_matrices(a)
    if assume_a not in _PREPARED:
        raise ValueError(f"{assume_a} is not a recognized matrix structure")
    solver = _general
    if assume_a in ("pos", "positive definite"):
        solver = _positive
    if "triangular" in assume_a:
        solver = TriangularSolve(assume_a.startswith("upper"), False, False)
    return applied_solution(_PREPARED[assume_a](a, bool(lower)), b, b.ndim == 1, solver)


def _symmetric(a, lower):
    half = lower_triangle(a if lower else matrix_transpose(a))
    strict = lower_triangle(half, 0.0)
    return half + matrix_transpose(strict)


def _within(band):
    def prepared(a, lower):
        row, column = positions(a.shape)
        return select(less_equal(absolute(row - column), INT64.type(band)), a, a.dtype.type(0))

    return prepared


_PREPARED = {
    **dict.fromkeys(("gen", "general", "banded"), lambda a, lower: a),
    **dict.fromkeys(("upper triangular", "lower triangular"), lambda a, lower: a),
    **dict.fromkeys(("her", "hermitian", "pos", "positive definite"), hermitian),
    **dict.fromkeys(("sym", "symmetric"), _symmetric),
    "diagonal": _within(0),
    "tridiagonal": _within(1),
}


def _general(a, b):
    return Solve(False, False)(a, *Factors("solve")(a), b)


def _positive(a, b):
    return PositiveSolve()(a, Cholesky()(stop_gradient(a)), b)


def solve_triangular(
    a,
    b,
    trans=0,
    lower=False,
    unit_diagonal=False,
    overwrite_b=False,
    debug=None,
    check_finite=True,
):
    """x with op(a) x = b, where only the upper (or `lower`) triangle of a is read.

    op is the identity (`trans` 0 or "N"), the transpose (1 or "T") or the adjoint (2 or "C").
    Raises numpy.linalg.LinAlgError where the diagonal has a 0.

    >>> solve_triangular([[2.0, 0.0], [1.0, 4.0]], [2.0, 5.0], lower=True)
    array([1., 1.])
    """
    a, b = promoted(a, b)
    square_matrices(a)
    form = _form(trans)
    solver = TriangularSolve(not lower, form > 0, form == 2, bool(unit_diagonal))
    return applied_solution(a, b, b.ndim == 1, solver, "solve_triangular")
