"""Reductions and cumulative functions."""

import numpy as np

from fungrad.core.errors import DtypeError, ShapeError
from fungrad.primitives.cumulative import CumLogSumExp, CumMax, CumMin, CumProd, CumSum, Recurrence
from fungrad.primitives.reductions import All, Any, ArgExtremum, Max, Min, Prod, Sum
from samples.table import COMPLEXES, CUBE, EMPTY, I32, INTS, REALS, SINGLES, TRUTHS, U8, bad, sample

REDUCTIONS = [
    *[
        sample(kind(axes), x)
        for kind in (Sum, Prod)
        for axes, x in [
            ((0,), REALS),
            ((1,), SINGLES),
            ((0, 1), COMPLEXES),
            ((), REALS),
            ((0, 2), CUBE + 3.0),
            ((0,), EMPTY),
            ((1,), EMPTY),
            ((0,), INTS),
            ((1,), INTS.astype(I32)),
            ((0, 1), np.abs(INTS).astype(U8)),
            ((), 1.5),
        ]
    ],
    sample(Prod((0,)), np.array([2.0, 0.0, 3.0])),
    sample(Prod((1,)), np.array([[2.0, 0.0, 3.0, 0.0], [1.5, 0.0, -1.0, 2.0]])),
    *[
        sample(kind(axes), x)
        for kind in (Max, Min)
        for axes, x in [
            ((0,), REALS),
            ((1,), SINGLES),
            ((0, 2), CUBE),
            ((), REALS),
            ((1,), EMPTY),
            ((0,), INTS),
            ((1,), np.abs(INTS).astype(U8)),
            ((0, 1), TRUTHS),
        ]
    ],
    *[sample(kind(axes), TRUTHS) for kind in (Any, All) for axes in [(0,), (0, 1), ()]],
    *[sample(kind((0,)), np.zeros((0, 3), bool)) for kind in (Any, All)],
    *[
        sample(ArgExtremum(axis, largest), x)
        for largest in (True, False)
        for axis, x in [(0, REALS), (1, SINGLES), (1, INTS), (0, TRUTHS), (1, EMPTY)]
    ],
    *[
        sample(kind(axis, reverse), x)
        for kind in (CumSum, CumProd)
        for axis, reverse, x in [
            (0, False, REALS),
            (1, True, REALS),
            (1, False, SINGLES),
            (0, True, COMPLEXES),
            (1, False, INTS),
            (0, False, EMPTY),
            (1, False, EMPTY),
        ]
    ],
    sample(CumProd(0, False), np.array([2.0, 0.0, 3.0, 0.0])),
    sample(CumProd(0, True), np.array([2.0, 0.0, 3.0, 0.0])),
    *[
        sample(kind(axis, reverse), x)
        for kind in (CumMax, CumMin)
        for axis, reverse, x in [
            (0, False, REALS),
            (1, True, REALS),
            (1, False, SINGLES),
            (1, False, INTS),
            (0, True, TRUTHS),
            (0, False, EMPTY),
        ]
    ],
    *[
        sample(CumLogSumExp(axis, reverse), x)
        for axis, reverse, x in [
            (0, False, REALS),
            (1, True, REALS),
            (1, False, SINGLES),
            (0, False, EMPTY),
            (1, False, REALS * 500),
            (1, True, REALS * 500),
        ]
    ],
    *[
        sample(Recurrence(axis, reverse), x, x[::-1] + 1)
        for axis, reverse, x in [
            (0, False, REALS),
            (1, True, REALS),
            (1, False, SINGLES),
            (0, True, COMPLEXES),
            (0, False, EMPTY),
            (1, False, INTS),
        ]
    ],
]
REDUCTIONS_BAD = [
    *[
        bad(kind((2,)), [REALS], ShapeError, "axes (2,) do not fit")
        for kind in (Sum, Prod, Max, Min)
    ],
    *[bad(kind((0, 0)), [REALS], ShapeError, "do not fit") for kind in (Sum, Prod, Max, Min)],
    *[bad(kind((0,)), [TRUTHS], DtypeError, "dtype bool") for kind in (Sum, Prod)],
    *[bad(kind((0,)), [COMPLEXES], DtypeError, "complex128") for kind in (Max, Min)],
    *[bad(kind((0,)), [EMPTY], ShapeError, "is empty") for kind in (Max, Min)],
    *[bad(kind((0,)), [REALS], DtypeError, "float64") for kind in (Any, All)],
    bad(ArgExtremum(0, True), [EMPTY], ShapeError, "argmax of shape (0, 3) along axis 0 is empty"),
    bad(ArgExtremum(2, False), [REALS], ShapeError, "do not fit"),
    bad(ArgExtremum(0, True), [COMPLEXES], DtypeError, "complex128"),
    *[
        bad(kind(2, False), [REALS], ShapeError, "axis 2 does not fit")
        for kind in (CumSum, CumProd, CumMax, CumMin, CumLogSumExp)
    ],
    *[bad(kind(0, False), [TRUTHS], DtypeError, "bool") for kind in (CumSum, CumProd)],
    *[bad(kind(0, False), [COMPLEXES], DtypeError, "complex128") for kind in (CumMax, CumMin)],
    bad(CumLogSumExp(0, False), [COMPLEXES], DtypeError, "complex128"),
    bad(Recurrence(0, False), [REALS, CUBE[0]], ShapeError, "differ"),
    bad(Recurrence(0, False), [REALS, SINGLES], DtypeError, "differ"),
    bad(Recurrence(2, False), [REALS, REALS], ShapeError, "axis 2"),
]
