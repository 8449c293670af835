"""Linear algebra."""

import numpy as np

from fungrad.core.errors import DtypeError, ShapeError
from fungrad.primitives.linalg import Cholesky, TriangularSolve
from samples.table import C128, F32, F64, REALS, SINGLES, bad, sample


def positive_definite(n, shift, dtype):
    """A Hermitian positive definite matrix."""
    x = np.sin(np.arange(n * n) + shift).reshape(n, n)
    if np.dtype(dtype).kind == "c":
        x = x + 1j * np.cos(np.arange(n * n) * shift).reshape(n, n)
    return (x @ x.conj().T + (1 + shift) * np.eye(n)).astype(dtype)


def triangular(n, shift, dtype):
    """A matrix whose triangles are well conditioned."""
    return (positive_definite(n, shift, dtype) / 4 + np.diag(np.arange(2.0, 2 + n))).astype(dtype)


def stacks(make, dtype):
    """Three samples of two matrices each: one for the inputs, two for the variants."""
    return [np.stack([make(3, s, dtype), make(3, s + 0.3, dtype)]) for s in (0.5, 1.0, 1.5)]


SIDES = [np.linspace(-1, 1, 12).reshape(2, 3, 2) * s for s in (1.0, 0.8, 0.6)]
LINALG = [
    *[
        sample(Cholesky(), matrices[0], variants=tuple([(m,) for m in matrices[1:]]))
        for matrices in [stacks(positive_definite, d) for d in (F64, F32, C128)]
    ],
    sample(Cholesky(), np.zeros((0, 0))),
    sample(Cholesky(), np.zeros((0, 2, 2))),
    *[
        sample(
            TriangularSolve(upper, transposed, conjugated),
            *pairs[0],
            variants=tuple(pairs[1:]),
        )
        for upper in (False, True)
        for transposed, conjugated in [(False, False), (True, False), (True, True)]
        for dtype in (F64, C128)
        for pairs in [
            [(m, b.astype(dtype)) for m, b in zip(stacks(triangular, dtype), SIDES, strict=True)]
        ]
    ],
    sample(
        TriangularSolve(False, False, False),
        triangular(3, 0.5, F32),
        SIDES[0][0].astype(F32),
        variants=tuple([(triangular(3, s, F32), SIDES[0][1].astype(F32)) for s in (1.0, 1.5)]),
    ),
    sample(TriangularSolve(False, False, False), np.zeros((0, 0)), np.zeros((0, 2))),
]
LINALG_BAD = [
    bad(Cholesky(), [REALS], ShapeError, "square matrices, got shape (2, 3)"),
    bad(Cholesky(), [-np.eye(2)], np.linalg.LinAlgError, "positive definite"),
    bad(Cholesky(), [np.eye(2, dtype=int)], DtypeError, "int64"),
    bad(TriangularSolve(False, False, False), [np.eye(2), REALS.T], ShapeError, "do not fit"),
    bad(TriangularSolve(False, False, False), [np.eye(2), SINGLES], DtypeError, "differ"),
    bad(TriangularSolve(True, False, False), [np.zeros((2, 2)), REALS], np.linalg.LinAlgError, ""),
]
