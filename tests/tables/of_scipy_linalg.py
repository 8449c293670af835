"""Calls of `scipy.linalg`'s functions: what, ours, SciPy's, the arrays, the order of derivatives."""

import numpy as np
import scipy.linalg as sla

import fungrad.scipy.linalg as la
from tests.tables.row import Call, Table, marked

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
    ("schur, real eigenvalues", la.schur, sla.schur, (S + 0.1 * A,), 2),
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
        2,
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
    (
        "cho_factor",
        lambda a: np.triu(la.cho_factor(a)[0]),
        lambda a: np.triu(sla.cho_factor(a)[0]),
        (P,),
        2,
    ),
]


def rows():
    """The table as calls; the first word of what is shown is the name."""
    return [
        Call(
            ours,
            tuple(map(marked, arrays)),
            smooth=order > 0,
            order=2,
            names=(("scipy.linalg", title.split()[0].strip(",:")),),
            expected=theirs,
            batches=all(x.size for x in arrays),
        )
        for title, ours, theirs, arrays, order in CALLS
    ] + _constants()


def _constants():
    """The matrices that depend on a size only."""
    table = Table("scipy.linalg", la)
    for name in "dft hadamard helmert hilbert invhilbert invpascal pascal".split():
        table.row(name, 4, to=getattr(sla, name))
    table.row("rsf2csf", A, by=lambda f, a: f(*la.schur(a))[0].diagonal().sum(),
              to=lambda a: np.trace(a) + 0j, smooth=False)  # fmt: skip
    return table
