"""Arrays of more than 16 elements: compiled programs keep smaller ones in registers."""

import numpy as np

from fungrad.primitives.contraction import Contract
from fungrad.primitives.cumulative import CumLogSumExp, CumMax, CumMin, CumProd, CumSum, Recurrence
from fungrad.primitives.dynamic import DynamicSlice, DynamicUpdate
from fungrad.primitives.elementwise import Convert, IntegerPower
from fungrad.primitives.indexing import Gather, Scatter
from fungrad.primitives.joining import Concatenate, Pad
from fungrad.primitives.linalg import Cholesky, TriangularSolve
from fungrad.primitives.movement import Broadcast, Fill, Iota, Reshape, Reverse, Slice, Transpose
from fungrad.primitives.ordering import Argsort, Sort
from fungrad.primitives.reductions import All, Any, ArgExtremum, Max, Min, Prod, Sum
from samples.of_contraction import MATMUL
from samples.of_linalg import positive_definite, triangular
from samples.table import C64, C128, F32, F64, I64, sample

LARGE = np.sin(np.arange(45.0) ** 2).reshape(5, 9)
LARGE_INTS = (np.arange(45) ** 2 % 23).reshape(5, 9)
UPDATES = np.cos(np.arange(100.0)).reshape(20, 5)
LARGE_INDICES = np.arange(60).reshape(3, 20) ** 2 % 9
LARGE_ARRAYS = [  # compiled programs keep arrays of up to 16 elements in registers
    *[
        sample(primitive, LARGE.astype(dtype), order=1)
        for dtype in (F64, F32, C128)
        for primitive in (
            Reshape((3, 15)),
            Broadcast((5, 4, 9), (0, 2)),
            Transpose((1, 0)),
            Slice((1, 0), (5, 9), (2, 3)),
            Reverse((0, 1)),
            Sum((0,)),
            Sum((0, 1)),
            Prod((1,)),
            CumSum(0, False),
            CumProd(1, True),
            IntegerPower(3),
            Convert(C64),
        )
    ],
    *[
        sample(primitive, LARGE.astype(dtype), order=1)
        for dtype in (F64, F32)
        for primitive in (
            Max((0,)),
            Min((0, 1)),
            ArgExtremum(0, True),
            ArgExtremum(1, False),
            CumMax(0, False),
            CumMin(1, True),
            CumLogSumExp(1, False),
            Sort(0),
            Argsort(1, True),
        )
    ],
    sample(Max((1,)), LARGE_INTS),
    sample(Sort(1), LARGE_INTS),
    sample(Any((0,)), LARGE > 0.9),
    sample(All((1,)), LARGE > -0.9),
    sample(Fill((5, 9)), 2.5, order=1),
    sample(Iota((5, 9), I64, 1)),
    sample(Pad((1, 0), (2, 1), (0, 1)), LARGE, 1.5, order=1),
    sample(Concatenate(0), LARGE, LARGE[:2], order=1),
    sample(Concatenate(1), LARGE, LARGE[:, :2], order=1),
    sample(Recurrence(1, False), LARGE, LARGE[::-1], order=1),
    *[
        sample(MATMUL, LARGE.astype(dtype), LARGE[::-1].T.astype(dtype), order=1)
        for dtype in (F64, F32, C128)
    ],
    sample(Contract((0, 1), (0, 1), (1,)), LARGE, LARGE[::-1], order=1),
    sample(Contract((0, 1), (1, 0), ()), LARGE, LARGE[::-1].T, order=1),
    sample(MATMUL, LARGE_INTS, LARGE_INTS.T),
    *[
        sample(Gather((1,), mode), LARGE, LARGE_INDICES - 3, order=1)
        for mode in ("raise", "clip", "drop", "wrap")
    ],
    *[
        sample(Scatter((1,), combine, "drop"), LARGE, UPDATES, index, order=1)
        for combine in ("set", "add", "multiply", "minimum", "maximum")
        for index in [LARGE_INDICES[0] * 2 - 4]
    ],
    sample(DynamicSlice((2, 5)), LARGE, 2, 3, order=1),
    sample(DynamicUpdate(), LARGE, LARGE[:2, :5] + 1, 2, 3, order=1),
    sample(
        Cholesky(),
        positive_definite(5, 0.5, F64),
        variants=tuple([(positive_definite(5, s, F64),) for s in (1.0, 1.5)]),
        order=1,
    ),
    sample(
        TriangularSolve(False, True, False),
        triangular(5, 0.5, F64),
        LARGE,
        variants=tuple([(triangular(5, s, F64), LARGE * s) for s in (1.0, 1.5)]),
        order=1,
    ),
]
