"""Linear algebra: triangular matrices, LU and QR factors."""

import numpy as np

from fungrad.core.errors import DtypeError, ShapeError
from fungrad.primitives.determinant import Cofactors, Det, LogDet
from fungrad.primitives.eigen import Eig, Eigvals
from fungrad.primitives.linalg import Cholesky, TriangularSolve
from fungrad.primitives.lu import Factors, Inverse, Lu, Permutation, Solve
from fungrad.primitives.orthogonal import Qr, QrPivots
from fungrad.primitives.pseudo_inverse import PseudoInverse
from fungrad.primitives.spectral import Eigh, Eigvalsh, Svd, Svdvals
from fungrad.primitives.splitting import Even, GapQuotient, Splitting
from fungrad.primitives.tridiagonal import TridiagonalSolve
from samples.table import C128, F32, F64, LAWS, REALS, SINGLES, bad, sample


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


def general(shape, shift, dtype):
    """Well-conditioned matrices without symmetry."""
    x = np.sin(1.7 * np.arange(np.prod(shape)) + shift).reshape(shape)
    if np.dtype(dtype).kind == "c":
        x = x + 1j * np.cos(np.arange(x.size) * shift).reshape(shape)
    return (x + 2 * np.eye(*shape[-2:])).astype(dtype)


def rows(make, count=3):
    """The inputs of a sample and of its variants, as keywords."""
    inputs = [make(shift) for shift in (0.5, 1.0, 1.6)[:count]]
    inputs = [x if isinstance(x, tuple) else (x,) for x in inputs]
    return inputs[0], tuple(inputs[1:])


def factored(primitive, make, **options):
    """A sample of a primitive of one matrix."""
    inputs, variants = rows(make)
    return sample(primitive, *inputs, variants=variants, **options)


def with_factors(shape, dtype, columns=None):
    """A matrix, its factors and pivots, and right-hand sides, by a shift."""

    def make(shift):
        a = general(shape, shift, dtype)
        b = general((*shape[:-1], columns or 1), shift + 1, dtype)
        return (a, *Factors(None).evaluate(a), *((b,) if columns else ()))

    return make


# Factors have no derivative of their own, so that what takes them is no function of them; that of
# the whole is in numpy/test_linalg.py.
_ALONE = ("types", "batch")
FACTORS = [
    *[
        factored(Qr(full), lambda s, d=dtype, n=shape: general(n, s, d), order=order)
        for full in (False, True)
        for dtype, shape, order in [
            *[(F64, (2, 3, 3), 1), (F64, (4, 2), 2), (F64, (2, 4), 1), (F32, (3, 2), 1)],
            *[(C128, (3, 2), 1), (C128, (2, 3), 1)],
        ]
    ],
    sample(Qr(False), np.zeros((0, 2)), order=1),
    sample(Qr(True), np.zeros((2, 3, 0)), order=1),
    *[
        factored(Lu(), lambda s, d=dtype, n=shape: general(n, s, d), order=order)
        for dtype, shape, order in [
            *[(F64, (3, 3), 2), (F64, (2, 4, 2), 1), (F64, (2, 4), 1), (C128, (2, 3, 2), 1)],
            *[(F32, (3, 3), 1), (F64, (0, 0), 1), (F64, (2, 0, 3), 1)],
        ]
    ],
    *[
        factored(Inverse(), lambda s, d=dtype, n=shape: general(n, s, d), order=order)
        for dtype, shape, order in [(F64, (3, 3), 2), (C128, (2, 2, 2), 1), (F64, (0, 0), 1)]
    ],
    factored(Factors("solve"), lambda s: general((2, 3, 3), s, F64), laws=_ALONE),
    *[
        factored(Solve(*forms), with_factors(shape, dtype, 2), laws=_ALONE)
        for forms in [(False, False), (True, False), (True, True)]
        for dtype, shape in [(F64, (2, 3, 3)), (C128, (3, 3)), (F64, (0, 0))]
    ],
    *[factored(LogDet(), with_factors((2, 3, 3), d), laws=_ALONE) for d in (F64, C128)],
    sample(Permutation(4), np.array([[1, 1, 3], [0, 3, 2]], np.int32)),
]
_PIVOTS = np.array([0, 1], np.int32)
FACTORS_BAD = [
    bad(Qr(False), [REALS[0]], ShapeError, "qr needs matrices, got shape (3,)"),
    bad(Lu(), [np.eye(2, dtype=int)], DtypeError, "lu is not defined for dtype int64"),
    bad(Factors("solve"), [REALS], ShapeError, "solve needs square matrices, got shape (2, 3)"),
    bad(Factors("solve"), [np.ones((2, 2))], np.linalg.LinAlgError, "solve: singular matrix"),
    bad(Inverse(), [np.ones((2, 2))], np.linalg.LinAlgError, "inv: singular matrix"),
    bad(Solve(False, False), [np.eye(2), np.eye(2), _PIVOTS, REALS.T], ShapeError, "do not fit"),
    bad(Solve(False, False), [np.eye(2), np.eye(2), _PIVOTS, SINGLES], DtypeError, "differ"),
    bad(LogDet(), [REALS, REALS, _PIVOTS], ShapeError, "slogdet needs square matrices"),
    bad(Permutation(1), [_PIVOTS], ShapeError, "pivots of shape (2,) for 1 rows"),
]


def hermitian(shape, shift, dtype):
    """Hermitian matrices with eigenvalues apart from each other."""
    x = general(shape, shift, dtype) + np.diag(3.0 * np.arange(shape[-1]))
    return ((x + x.conj().swapaxes(-1, -2)) / 2).astype(dtype)


# Complex vectors are determined up to a phase, and the last columns of a full U up to a rotation:
# functions that do not depend on these are in numpy/test_linalg.py.
SPECTRAL = [
    *[
        factored(
            primitive,
            lambda s, d=dtype, n=shape: hermitian(n, s, d),
            order=1 if primitive == Eigh(False) else order,
            **laws,
        )
        for primitive in (Eigh(True), Eigh(False), Eigvalsh(True), Eigvalsh(False))
        for dtype, shape, order in [
            *[(F64, (3, 3), 2), (F64, (2, 2, 2), 1), (F32, (3, 3), 1), (C128, (3, 3), 1)],
            (F64, (0, 0), 1),
        ]
        for laws in [{"laws": _ALONE} if dtype == C128 and isinstance(primitive, Eigh) else {}]
    ],
    *[
        factored(primitive, lambda s, d=dtype, n=shape: general(n, s, d), order=order, **laws)
        for primitive in (Svd(False), Svd(True), Svdvals())
        for dtype, shape, order in [
            *[
                (F64, (3, 3), 1 if primitive == Svd(True) else 2),
                (F64, (3, 2), 1),
                (F64, (2, 2, 3), 1),
                (F32, (3, 3), 1),
            ],
            *[(C128, (3, 2), 1), (F64, (2, 0, 3), 1)],
        ]
        for is_free in [dtype == C128 or (primitive == Svd(True) and shape[-1] != shape[-2])]
        for laws in [{"laws": _ALONE} if is_free and primitive != Svdvals() else {}]
    ],
    *[
        factored(primitive, lambda s, d=dtype, n=shape: general(n, s, d), order=order)
        for primitive in (Eig(), Eigvals())
        for dtype, shape, order in [
            *[(F64, (3, 3), 2), (F64, (2, 2, 2), 1), (F32, (3, 3), 1), (C128, (3, 3), 1)],
            (F64, (0, 0), 1),
        ]
    ],
    *[
        factored(primitive, lambda s, d=dtype, n=shape: general(n, s, d), order=order)
        for primitive in (Det(), Cofactors())
        for dtype, shape, order in [
            *[(F64, (3, 3), 2), (F64, (2, 4, 4), 1), (C128, (2, 2), 1), (F64, (0, 0), 1)],
            (F64, (1, 1), 1),
        ]
    ],
    *[sample(Det(), general((4, rank), 0.5, F64) @ general((rank, 4), 1, F64)) for rank in (3, 2)],
    *[
        sample(
            GapQuotient(strict, strict, True),
            np.array([1.0, 2.5, 4.5]),
            hermitian((3, 3), 0.5, F64),
            laws=("types", "jvp", "batch"),
        )
        for strict in (False, True)
    ],
    *[
        sample(
            Splitting(unitary, False, *used),
            np.array([1.0, 2.5, 4.5]),
            hermitian((3, 3), 0.5, F64),
            laws=("types", "jvp", "batch"),
        )
        for unitary, *used in [(True, True, True), (False, True, False), (True, False, True)]
    ],
    sample(Even(), np.array([1.0, 2.5, 4.5]), np.array([0.3, -0.4, 0.6])),
]
_DIAGONAL = np.array([1.0, 2.0])
SPECTRAL_BAD = [
    bad(Eigh(True), [REALS], ShapeError, "eigh needs square matrices, got shape (2, 3)"),
    bad(Eigvalsh(True), [np.eye(2, dtype=int)], DtypeError, "eigvalsh is not defined for"),
    bad(Svd(True), [REALS[0]], ShapeError, "svd needs matrices, got shape (3,)"),
    bad(Svdvals(), [REALS[0]], ShapeError, "svdvals needs matrices, got shape (3,)"),
    bad(Eig(), [REALS], ShapeError, "eig needs square matrices, got shape (2, 3)"),
    bad(Eigvals(), [REALS], ShapeError, "eigvals needs square matrices, got shape (2, 3)"),
    bad(Eig(), [np.full((2, 2), np.nan)], np.linalg.LinAlgError, "eig: "),
    bad(Det(), [REALS], ShapeError, "det needs square matrices, got shape (2, 3)"),
    bad(Cofactors(), [REALS], ShapeError, "det needs square matrices, got shape (2, 3)"),
    bad(Splitting(True, False), [_DIAGONAL, np.eye(3)], ShapeError, "do not fit"),
    bad(Even(), [_DIAGONAL, np.ones(3)], ShapeError, "do not fit"),
    bad(GapQuotient(False, False, True), [_DIAGONAL, np.eye(3)], ShapeError, "do not fit"),
    bad(GapQuotient(False, False, True), [_DIAGONAL.astype(F32), np.eye(2)], DtypeError, "differ"),
]


PSEUDO_INVERSES = [
    sample(
        PseudoInverse(),
        general((*shape[:-1], rank), 0.5, dtype)
        @ general((*shape[:-2], rank, shape[-1]), 1, dtype),
        np.full(shape[:-2], 1e-10, dtype.type(0).real.dtype),
        laws=laws,
        order=order,
    )
    for dtype, shape, rank, laws, order in [
        (F64, (3, 2), 2, LAWS, 2),
        (F64, (2, 2, 3), 2, LAWS, 1),
        (C128, (3, 3), 3, LAWS, 1),
        (F64, (4, 3), 2, _ALONE, 1),
        (F64, (0, 3), 0, _ALONE, 1),
    ]
]
PSEUDO_INVERSES_BAD = [
    bad(PseudoInverse(), [REALS[0], np.float64(0)], ShapeError, "pinv needs matrices"),
    bad(PseudoInverse(), [REALS, np.zeros(2)], ShapeError, "do not fit"),
    bad(PseudoInverse(), [REALS, np.float32(0)], DtypeError, "do not fit"),
]


def tridiagonal(dtype, shape=(2, 4), columns=2):
    """Three diagonals and right-hand sides, by a shift."""

    def make(shift):
        lower, middle, upper = general((3, *shape), shift, dtype)
        return lower, middle + 4, upper, general((*shape, columns), shift, dtype)

    return make


BANDED = [
    *[factored(TridiagonalSolve(), tridiagonal(d), order=1) for d in (F64, F32, C128)],
    factored(TridiagonalSolve(), tridiagonal(F64, (3,), 1)),
    factored(TridiagonalSolve(), tridiagonal(F64, (1,), 1), order=1),
    factored(TridiagonalSolve(), tridiagonal(F64, (2, 0), 1), order=1),
    *[factored(QrPivots(), lambda s, d=d: general((2, 3, 4), s, d)) for d in (F64, C128)],
    sample(QrPivots(), np.zeros((0, 2))),
]
_THREE = [np.zeros(2), np.zeros(2), np.zeros(2)]
BANDED_BAD = [
    bad(TridiagonalSolve(), [*_THREE, REALS.T], ShapeError, "do not fit"),
    bad(TridiagonalSolve(), [*_THREE, SINGLES], DtypeError, "dtypes"),
    bad(TridiagonalSolve(), [*_THREE, REALS], np.linalg.LinAlgError, "is singular"),
    bad(QrPivots(), [REALS[0]], ShapeError, "qr needs matrices"),
]
