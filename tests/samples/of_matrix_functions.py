"""Functions of matrices, and solutions by Cholesky factors."""

import numpy as np

from fungrad.core.errors import DtypeError, ShapeError
from fungrad.primitives.exponential import Expm, ExpmFrechet
from fungrad.primitives.linalg import Cholesky, PositiveSolve
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
    sample(PositiveSolve(), np.zeros((0, 0)), np.zeros((0, 0)), np.zeros((0, 1)), order=1),
]
MATRIX_FUNCTIONS_BAD = [
    bad(Expm(), [REALS], ShapeError, "expm needs square matrices, got shape (2, 3)"),
    bad(ExpmFrechet(), [np.eye(2), np.eye(3)], ShapeError, "differ"),
    bad(ExpmFrechet(), [np.eye(2), np.eye(2, dtype=F32)], DtypeError, "differ"),
    bad(PositiveSolve(), [np.eye(2), np.eye(2), REALS.T], ShapeError, "do not fit"),
    bad(PositiveSolve(), [np.eye(2), np.eye(2), SINGLES], DtypeError, "differ"),
]
