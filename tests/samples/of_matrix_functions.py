"""Functions of matrices, and solutions by Cholesky factors."""

import numpy as np

from fungrad.core.errors import DtypeError, ShapeError
from fungrad.primitives.exponential import Expm, ExpmFrechet
from fungrad.primitives.linalg import Cholesky, PositiveSolve
from fungrad.primitives.schur import Hessenberg, Schur, SortedSchur, Sqrtm, Sylvester
from samples.of_linalg import factored, general, positive_definite
from samples.table import C128, F32, F64, REALS, SINGLES, bad, sample


def positive_system(dtype, columns=2):
    """A matrix, its Cholesky factor and right-hand sides, by a shift."""

    def make(shift):
        a = np.stack([positive_definite(3, s, dtype) for s in (shift, shift + 0.3)])
        return a, Cholesky().evaluate(a), general((2, 3, columns), shift, dtype)

    return make


MATRIX_FUNCTIONS = [
    *[
        factored(Expm(), lambda s, d=dtype, n=shape: general(n, s, d) / 2, order=order)
        for dtype, shape, order in [
            *[(F64, (3, 3), 2), (F64, (2, 2, 2), 1), (F32, (3, 3), 1), (C128, (2, 2), 1)],
            (F64, (0, 0), 1),
        ]
    ],
    *[
        factored(
            ExpmFrechet(),
            lambda s, d=dtype: (general((2, 2), s, d) / 2, general((2, 2), s + 1, d)),
            order=order,
        )
        for dtype, order in [(F64, 2), (C128, 1)]
    ],
    *[factored(PositiveSolve(), positive_system(d), laws=("types", "batch")) for d in (F64, C128)],
    *[
        factored(primitive, lambda s, d=dtype, n=shape: general(n, s, d), laws=("types", "batch"))
        for primitive in (Schur(True), Schur(False), Hessenberg())
        for dtype, shape in [(F64, (2, 3, 3)), (F32, (3, 3)), (C128, (4, 4)), (F64, (0, 0))]
    ],
    *[
        factored(
            SortedSchur(is_complex),
            lambda s, d=dtype, n=shape: (general(n, s, d), np.arange(n[-1]) % 2 == np.ones(n[:-1])),
            laws=("types", "batch"),
        )
        for is_complex, dtype, shape in [(True, F64, (2, 3, 3)), (False, F32, (4, 4))]
    ],
    *[
        factored(Sqrtm(), lambda s, d=dtype, n=shape: general(n, s, d), order=order)
        for dtype, shape, order in [
            *[(F64, (3, 3), 2), (C128, (2, 2, 2), 1), (F32, (2, 2), 1), (F64, (0, 0), 1)],
        ]
    ],
    *[
        factored(
            Sylvester(),
            lambda s, d=dtype, m=m, n=n: (
                general((*m, m[-1]), s, d),
                general((*m[:-1], n, n), s + 1, d),
                general((*m, n), s, d),
            ),
            order=order,
        )
        for dtype, m, n, order in [(F64, (3,), 2, 2), (C128, (2, 2), 3, 1), (F64, (2, 0), 2, 1)]
    ],
    sample(PositiveSolve(), np.zeros((0, 0)), np.zeros((0, 0)), np.zeros((0, 1)), order=1),
]
MATRIX_FUNCTIONS_BAD = [
    bad(Schur(True), [REALS], ShapeError, "schur needs square matrices, got shape (2, 3)"),
    bad(Schur(True), [np.full((2, 2), np.nan)], ValueError, "infs or NaNs"),
    bad(SortedSchur(True), [np.eye(2), np.ones(3, bool)], ShapeError, "do not fit"),
    bad(SortedSchur(True), [np.eye(2), np.ones(2)], DtypeError, "not true or false"),
    bad(Hessenberg(), [REALS], ShapeError, "hessenberg needs square matrices"),
    bad(Sqrtm(), [REALS], ShapeError, "sqrtm needs square matrices, got shape (2, 3)"),
    bad(Sylvester(), [np.eye(2), np.eye(3), REALS.T], ShapeError, "do not fit"),
    bad(Sylvester(), [np.eye(2), np.eye(3), SINGLES], DtypeError, "differ"),
    bad(Expm(), [REALS], ShapeError, "expm needs square matrices, got shape (2, 3)"),
    bad(ExpmFrechet(), [np.eye(2), np.eye(3)], ShapeError, "differ"),
    bad(ExpmFrechet(), [np.eye(2), np.eye(2, dtype=F32)], DtypeError, "differ"),
    bad(PositiveSolve(), [np.eye(2), np.eye(2), REALS.T], ShapeError, "do not fit"),
    bad(PositiveSolve(), [np.eye(2), np.eye(2), SINGLES], DtypeError, "differ"),
]
