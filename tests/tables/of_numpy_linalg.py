"""Calls of `numpy.linalg`'s functions: what, the function, its arrays, the order of derivatives."""

import numpy as np

from tests.tables.row import Call, marked

la = np.linalg
RANDOM = np.random.default_rng(3)


def general(*shape, dtype=np.float64):
    """Well-conditioned matrices."""
    x = RANDOM.normal(size=shape)
    if np.dtype(dtype).kind == "c":
        x = x + 1j * RANDOM.normal(size=shape)
    return (x + 2 * np.eye(*shape[-2:])).astype(dtype)


def symmetric(*shape, dtype=np.float64):
    """Hermitian matrices with eigenvalues apart from each other."""
    x = general(*shape, dtype=dtype) + np.diag(2.0 * np.arange(shape[-1]))
    return ((x + x.conj().swapaxes(-1, -2)) / 2).astype(dtype)


def vectors(*shape, dtype=np.float64):
    return RANDOM.normal(size=shape).astype(dtype)


C128 = np.complex128
A, A4, BATCH, TALL, WIDE = (general(*s) for s in [(3, 3), (4, 4), (2, 3, 3), (4, 2), (2, 4)])
S, SB, Z = symmetric(3, 3), symmetric(2, 3, 3), general(3, 3, dtype=C128)
ZS = symmetric(3, 3, dtype=C128)
P, PB = S @ S + np.eye(3), SB @ SB + np.eye(3)
A6 = general(6, 6) + 4 * np.eye(6)

# (what, function of traced arrays, the arrays, order of derivatives to check)
CALLS = [
    ("solve of a vector", la.solve, (A, vectors(3)), 2),
    ("solve of a matrix", la.solve, (A, vectors(3, 2)), 1),
    ("solve of batches", la.solve, (BATCH, vectors(2, 3, 2)), 1),
    ("solve: batch of right-hand sides", la.solve, (A, vectors(2, 2, 3, 2)), 1),
    ("solve: batch of matrices", la.solve, (BATCH, vectors(3, 2)), 1),
    ("solve: batch of matrices, one vector", la.solve, (BATCH, vectors(3)), 1),
    ("solve: broadcast", la.solve, (general(2, 1, 2, 2), vectors(3, 2, 1)), 1),
    ("solve of complex matrices", la.solve, (Z, vectors(3, 2)), 1),
    ("solve: empty", la.solve, (np.zeros((0, 0)), np.zeros((0, 2))), 1),
    ("inv", la.inv, (BATCH,), 2),
    ("inv of complex matrices", la.inv, (Z,), 1),
    ("det of 1", la.det, (general(2, 1, 1),), 2),
    ("det of 2", la.det, (general(2, 2, 2),), 2),
    ("det of 3", la.det, (BATCH,), 2),
    ("det of 4", la.det, (A4,), 2),
    ("det, complex", la.det, (Z,), 1),
    ("det, empty", la.det, (np.zeros((2, 0, 0)),), 1),
    ("det, singular", la.det, (np.outer(np.arange(3.0), np.ones(3)),), 2),
    ("slogdet", la.slogdet, (-BATCH,), 2),
    ("slogdet, complex", la.slogdet, (Z,), 1),
    ("cholesky", lambda a: la.cholesky((a + a.T) / 2), (P,), 2),
    ("cholesky, upper", lambda a: la.cholesky((a + a.T) / 2, upper=True), (P,), 1),
    ("qr", la.qr, (TALL,), 2),
    ("qr, complete", lambda a: la.qr(a, mode="complete"), (TALL,), 1),
    ("qr, r", lambda a: la.qr(a, mode="r"), (WIDE,), 1),
    ("eigh", la.eigh, (SB,), 2),
    ("eigh, upper", lambda a: la.eigh(a, UPLO="U"), (S,), 1),
    ("eigh, complex", lambda a: la.eigh(a).eigenvalues, (ZS,), 1),
    ("eigvalsh", la.eigvalsh, (S,), 2),
    ("eigvals", lambda a: la.eigvals(a.astype(complex)), (A,), 2),
    ("eig", lambda a: la.eig(a.astype(complex)), (A,), 1),
    ("svd", lambda a: la.svd(a, full_matrices=False), (TALL,), 2),
    ("svd, square", la.svd, (A,), 1),
    ("svd, values", lambda a: la.svd(a, compute_uv=False), (WIDE,), 1),
    ("svd, Hermitian", lambda a: la.svd(a - 5 * np.eye(3), hermitian=True), (S,), 1),
    ("svdvals", la.svdvals, (BATCH,), 1),
    ("pinv, tall", la.pinv, (TALL,), 2),
    ("pinv, wide", la.pinv, (general(2, 2, 3),), 1),
    ("pinv, Hermitian", lambda a: la.pinv(a, hermitian=True), (S,), 1),
    ("pinv, rtol", lambda a: la.pinv(a, rtol=None), (Z,), 1),
    ("pinv, low rank", lambda x, y: la.pinv(x @ y.T, rcond=1e-9), (TALL, general(3, 2)), 1),
    ("lstsq, tall", lambda a, b: la.lstsq(a, b), (TALL, vectors(4, 2)), 2),
    ("lstsq, wide, vector", lambda a, b: la.lstsq(a, b), (WIDE, vectors(2)), 1),
    ("matrix_power", lambda a: la.matrix_power(a, -3), (BATCH,), 1),
    ("matrix_power 0", lambda a: la.matrix_power(a, 0), (A,), 1),
    ("matrix_rank", la.matrix_rank, (np.stack([np.eye(3), np.ones((3, 3)), np.zeros((3, 3))]),), 0),
    ("matrix_rank, tol", lambda a: la.matrix_rank(a, tol=0.5, hermitian=True), (S,), 0),
    ("matrix_rank of a vector", la.matrix_rank, (vectors(3),), 0),
    *[(f"cond {p}", lambda a, p=p: la.cond(a, p), (BATCH,), 1) for p in (None, -2, 1, "fro")],
    *[(f"norm {p}", lambda a, p=p: la.norm(a, p), (WIDE,), 2) for p in (2, -2, "nuc")],
    *[
        (f"matrix_norm {p}", lambda a, p=p: la.matrix_norm(a, ord=p, keepdims=True), (BATCH,), 1)
        for p in (2, -2, "nuc", "fro", 1, -np.inf)
    ],
    ("norm 2 along axes", lambda a: la.norm(a, 2, axis=(2, 0)), (BATCH,), 1),
    ("norm 2, complex", lambda a: la.norm(a, 2), (Z,), 1),
    ("tensorinv", lambda a: la.tensorinv(a), (A6.reshape(2, 3, 3, 2),), 1),
    ("tensorsolve", la.tensorsolve, (A6.reshape(2, 3, 6), vectors(2, 3)), 1),
    (
        "tensorsolve, axes",
        lambda a, b: la.tensorsolve(a, b, axes=(1,)),
        (A6, vectors(6)),
        1,
    ),
    ("multi_dot", lambda *m: la.multi_dot(m), (TALL, general(2, 3), general(3, 2)), 1),
    ("matmul", la.matmul, (A, TALL.T[:, :3].T), 2),
    ("tensordot", lambda x, y: la.tensordot(x, y, axes=1), (A, WIDE.T[:3]), 2),
    ("vecdot", la.vecdot, (A, BATCH[0]), 2),
]


def rows():
    """The table as calls; the first word of what is shown is the name."""
    return [
        Call(
            function,
            tuple(map(marked, arrays)),
            smooth=order > 0,
            order=2,
            names=(("numpy.linalg", title.split()[0].strip(",:")),),
            batches=all(x.size for x in arrays) and title != "matrix_rank of a vector",
        )
        for title, function, arrays, order in CALLS
    ]
