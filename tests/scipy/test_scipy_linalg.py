"""`fungrad.scipy.linalg`: SciPy's values, derivatives, compiled and batched."""

import numpy as np
import pytest
import scipy.linalg as sla

import fungrad.scipy.linalg as la
from fungrad import grad, jit, value_and_grad, vmap
from fungrad.errors import NotDifferentiableError
from fungrad.testing import check_grads

RANDOM = np.random.default_rng(7)


def general(*shape, dtype=np.float64):
    x = RANDOM.normal(size=shape)
    if np.dtype(dtype).kind == "c":
        x = x + 1j * RANDOM.normal(size=shape)
    return (x + 2 * np.eye(*shape[-2:])).astype(dtype)


A, Z, TALL, WIDE, BATCH = (
    *[general(3, 3), general(3, 3, dtype=complex), general(4, 2), general(2, 4)],
    general(2, 3, 3),
)
P, PZ = A @ A.T + np.eye(3), Z @ Z.conj().T + np.eye(3)
S = (A + A.T) / 2 + np.diag([0, 3, 6])
B, BZ = general(3, 2), general(3, 2, dtype=complex)


def flat(result):
    if isinstance(result, tuple | list):
        return [y for x in result for y in flat(x)]
    return [result]


# (what, our function, SciPy's, arrays, order of derivatives to check)
CALLS = [
    ("det", la.det, sla.det, (A,), 2),
    ("inv", la.inv, sla.inv, (Z,), 1),
    ("cholesky", la.cholesky, sla.cholesky, (P,), 1),
    ("cholesky, lower", lambda a: la.cholesky(a, lower=True), None, (PZ,), 0),
    ("cho_solve", lambda a, b: la.cho_solve(la.cho_factor(a), b), sla.solve, (P, B), 0),
    (
        "cho_solve, lower",
        lambda a, b: la.cho_solve(la.cho_factor(a, True), b),
        sla.solve,
        (PZ, BZ[:, 0]),
        0,
    ),
    ("lu", la.lu, sla.lu, (TALL,), 1),
    ("lu, wide", la.lu, sla.lu, (WIDE,), 1),
    (
        "lu, permuted",
        lambda a: la.lu(a, permute_l=True),
        lambda a: sla.lu(a, permute_l=True),
        (BATCH,),
        1,
    ),
    ("lu_factor", la.lu_factor, sla.lu_factor, (A,), 1),
    *[
        (
            f"lu_solve, {k}",
            lambda a, b, k=k: la.lu_solve(la.lu_factor(a), b, trans=k),
            lambda a, b, k=k: sla.lu_solve(sla.lu_factor(a), b, trans=k),
            (Z, BZ),
            1,
        )
        for k in (0, 1, 2)
    ],
    (
        "lu_solve of vectors",
        lambda a, b: la.lu_solve(la.lu_factor(a), b),
        sla.solve,
        (A, B[:, 0]),
        2,
    ),
    ("solve", la.solve, sla.solve, (A, B), 2),
    ("solve, pos", lambda a, b: la.solve(a, b, assume_a="pos"), sla.solve, (P, B), 0),
    (
        "solve, pos, lower",
        lambda a, b: la.solve(np.tril(a), b, assume_a="pos", lower=True),
        sla.solve,
        (PZ, BZ),
        0,
    ),
    ("solve, sym", lambda a, b: la.solve(np.triu(a), b, assume_a="sym"), sla.solve, (S, B), 0),
    (
        "solve, tridiagonal",
        lambda a, b: la.solve(a, b, assume_a="tridiagonal"),
        lambda a, b: sla.solve(np.triu(np.tril(a, 1), -1), b),
        (S, B),
        1,
    ),
    (
        "solve, diagonal",
        lambda a, b: la.solve(a, b, assume_a="diagonal"),
        lambda a, b: sla.solve(np.diag(np.diag(a)), b),
        (S, B),
        1,
    ),
    (
        "solve, triangular",
        lambda a, b: la.solve(a, b, assume_a="upper triangular"),
        lambda a, b: sla.solve_triangular(a, b),
        (S, B),
        1,
    ),
    *[
        (
            f"solve_triangular {trans} {lower}",
            lambda a, b, t=trans, k=lower: la.solve_triangular(a, b, t, k),
            lambda a, b, t=trans, k=lower: sla.solve_triangular(a, b, t, k),
            (Z, BZ),
            1,
        )
        for trans in (0, "T", "C")
        for lower in (False, True)
    ],
    ("svd, values", lambda a: la.svd(a, compute_uv=False), sla.svdvals, (TALL,), 1),
    (
        "svd",
        lambda a: la.svd(a, full_matrices=False),
        lambda a: sla.svd(a, full_matrices=False),
        (TALL,),
        1,
    ),
    ("qr", la.qr, sla.qr, (TALL,), 1),
    (
        "qr, economic, pivoting",
        lambda a: la.qr(a, mode="economic", pivoting=True),
        lambda a: sla.qr(a, mode="economic", pivoting=True),
        (WIDE,),
        1,
    ),
    ("qr, r", lambda a: (la.qr(a, mode="r"),), lambda a: sla.qr(a, mode="r"), (A,), 1),
    ("eigh", lambda a: la.eigh(a, eigvals_only=True), sla.eigvalsh, (S,), 2),
    *[
        (
            f"eigh, generalised, {k}",
            lambda a, b, k=k: la.eigh(a, b, eigvals_only=True, type=k),
            lambda a, b, k=k: sla.eigh(a, b, eigvals_only=True, type=k),
            (S, P),
            1,
        )
        for k in (1, 2, 3)
    ],
    (
        "eigh_tridiagonal",
        lambda d, e: la.eigh_tridiagonal(d, e, eigvals_only=True),
        lambda d, e: sla.eigh_tridiagonal(d, e, eigvals_only=True),
        (S[0], B[:2, 0]),
        1,
    ),
    (
        "eigh_tridiagonal, some",
        lambda d, e: la.eigh_tridiagonal(d, e, eigvals_only=True, select="i", select_range=(0, 1)),
        lambda d, e: sla.eigh_tridiagonal(d, e, eigvals_only=True, select="i", select_range=(0, 1)),
        (S[0], B[:2, 0]),
        1,
    ),
    ("polar", la.polar, sla.polar, (TALL,), 2),
    (
        "polar, left",
        lambda a: la.polar(a, side="left"),
        lambda a: sla.polar(a, side="left"),
        (Z,),
        1,
    ),
    ("expm", la.expm, sla.expm, (A,), 2),
    ("expm of batches", la.expm, sla.expm, (5 * BATCH,), 0),
    ("expm, complex", la.expm, sla.expm, (Z,), 1),
    ("expm, defective", la.expm, sla.expm, (np.diag([1.0, 1.0], 1),), 2),
    ("expm, empty", la.expm, sla.expm, (np.zeros((0, 0)),), 1),
    ("expm_frechet", la.expm_frechet, sla.expm_frechet, (A, A.T @ A), 1),
    ("schur", la.schur, sla.schur, (A,), 0),
    (
        "schur, complex",
        lambda a: la.schur(a, "complex"),
        lambda a: sla.schur(a, "complex"),
        (A,),
        0,
    ),
    (
        "hessenberg",
        lambda a: la.hessenberg(a, calc_q=True),
        lambda a: sla.hessenberg(a, calc_q=True),
        (general(4, 4),),
        0,
    ),
    ("sqrtm", la.sqrtm, lambda a: sla.sqrtm(a + 0j), (A,), 2),
    ("sqrtm, complex", la.sqrtm, sla.sqrtm, (Z,), 1),
    ("funm", lambda a: la.funm(a, np.exp), lambda a: sla.expm(a + 0j), (A,), 1),
    ("solve_sylvester", la.solve_sylvester, sla.solve_sylvester, (A, general(2, 2), B), 2),
    ("qr_multiply", la.qr_multiply, sla.qr_multiply, (TALL, general(2, 4)), 1),
    (
        "qr_multiply, left",
        lambda a, c: la.qr_multiply(a, c, mode="left"),
        lambda a, c: sla.qr_multiply(a, c, mode="left"),
        (TALL, general(2, 3)),
        1,
    ),
    (
        "qr_multiply, conjugate",
        lambda a, c: la.qr_multiply(a, c, conjugate=True),
        lambda a, c: sla.qr_multiply(a, c, conjugate=True),
        (Z, Z),
        1,
    ),
    ("circulant", la.circulant, sla.circulant, (A[0],), 1),
    ("hankel", la.hankel, sla.hankel, (A[0],), 1),
    ("hankel of two", la.hankel, sla.hankel, (A[0], WIDE[1]), 1),
    ("companion", la.companion, sla.companion, (WIDE[0],), 1),
    ("leslie", la.leslie, sla.leslie, (WIDE[0], A[0]), 1),
    ("fiedler", la.fiedler, sla.fiedler, (WIDE[0],), 1),
    *[
        ("fiedler_companion", la.fiedler_companion, sla.fiedler_companion, (general(n, n)[0],), 1)
        for n in (3, 4, 5, 6)
    ],
    *[
        (
            f"convolution_matrix, {mode}",
            lambda a, m=mode: la.convolution_matrix(a, 3, m),
            lambda a, m=mode: sla.convolution_matrix(a, 3, m),
            (WIDE[0],),
            1,
        )
        for mode in ("full", "same", "valid")
    ],
    ("block_diag", la.block_diag, sla.block_diag, (A, B), 1),
    ("toeplitz", la.toeplitz, sla.toeplitz, (Z[0], Z[1]), 1),
]
TITLES = [c[0] for c in CALLS]


@pytest.mark.parametrize("title, ours, theirs, arrays, order", CALLS, ids=TITLES)
def test_values_and_derivatives(title, ours, theirs, arrays, order):
    found = flat(ours(*arrays))
    expected = flat((theirs or (lambda a: sla.cholesky(a, lower=True)))(*arrays))
    for x, y in zip(found, expected, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-10, atol=1e-10)
        assert np.asarray(x).dtype == np.asarray(y).dtype
    if order:
        check_grads(ours, arrays, order)


CHOSEN = [
    "lu_solve, 1",
    "solve, pos",
    "expm",
    "expm, complex",
    "expm of batches",
    "polar",
    "cho_solve, lower",
    "eigh, generalised, 1",
]


@pytest.mark.parametrize("call", [c for c in CALLS if c[0] in CHOSEN], ids=lambda c: c[0])
def test_compiled_and_batched(call):
    _, ours, _, arrays, order = call

    def loss(*x):
        return sum([(abs(y) ** 2).sum() for y in flat(ours(*x)) if np.dtype(y.dtype).kind in "fc"])

    def scaled(*x):
        return loss(*x) / loss(*arrays)

    expected = value_and_grad(scaled)(*arrays)
    np.testing.assert_allclose(jit(value_and_grad(scaled))(*arrays)[1], expected[1], 1e-9, 1e-9)
    rows = [np.stack([x, 1.01 * x]) for x in arrays]
    mapped = vmap(grad(scaled))(*rows)
    np.testing.assert_allclose(mapped[0], expected[1], 1e-9, 1e-9)


@pytest.mark.parametrize("lower", [False, True])
def test_positive_solve_has_the_derivative_of_solve(lower):
    """One triangle is read, so that its gradient holds both halves of the symmetric one."""

    def loss(a, b):
        return abs(la.solve(a, b, assume_a="pos", lower=lower) ** 2).sum()

    check_grads(loss, (P, B), 2)
    check_grads(loss, (PZ, BZ), 1)
    both = grad(lambda a, b: abs(la.solve(a, b) ** 2).sum())(P, B)
    both = both + both.T - np.diag(np.diag(both))
    triangle = np.tril(both) if lower else np.triu(both)
    np.testing.assert_allclose(grad(loss)(P, B), triangle, rtol=1e-10, atol=1e-12)


def test_generalised_vectors():
    for kind in (1, 2, 3):
        w, v = la.eigh(S, P, type=kind)
        left = {1: S @ v, 2: S @ P @ v, 3: P @ S @ v}[kind]
        right = {1: P @ v, 2: v, 3: v}[kind]
        np.testing.assert_allclose(left, right * w, atol=1e-10)
        expected = sla.eigh(S, P, type=kind)[1]
        np.testing.assert_allclose(abs(v), abs(expected), atol=1e-10)
        check_grads(lambda s, p, k=kind: la.eigh(s, p, type=k), (S, P), 1)


def test_rsf2csf():
    t, z = la.rsf2csf(*la.schur(A))
    np.testing.assert_allclose(z @ t @ z.conj().T, A, atol=1e-12)
    np.testing.assert_allclose(np.tril(t, -1), 0, atol=1e-12)


def test_constant_matrices():
    for name in ("dft", "hadamard", "helmert", "hilbert", "invhilbert", "invpascal", "pascal"):
        np.testing.assert_array_equal(getattr(la, name)(4), getattr(sla, name)(4))


def test_schur_forms_have_no_derivative():
    with pytest.raises(NotDifferentiableError, match="eig, sqrtm, expm and solve_sylvester"):
        grad(lambda a: la.schur(a)[0].sum())(A)
    with pytest.raises(NotDifferentiableError, match="hessenberg has no derivative"):
        grad(lambda a: la.hessenberg(a).sum())(A)


def test_errors():
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        jit(lambda a, b: la.solve(a, b, assume_a="pos"))(-P, B)
    with pytest.raises(np.linalg.LinAlgError, match="triangular_solve: a matrix is singular"):
        jit(la.solve_triangular)(np.zeros((2, 2)), np.ones(2))
    with pytest.raises(ValueError, match="is not a recognized matrix structure"):
        la.solve(A, B, assume_a="nice")
    with pytest.raises(ValueError, match="Mode argument should be one of"):
        la.qr(A, mode="raw")
    with pytest.raises(ValueError, match="cho_solve: operand 1 has 2 rows"):
        la.cho_solve(la.cho_factor(P), B[:2])
