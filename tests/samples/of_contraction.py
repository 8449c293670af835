"""Contractions."""

import numpy as np

from fungrad.core.errors import DtypeError, ShapeError
from fungrad.primitives.accumulation import AddProduct
from fungrad.primitives.contraction import Contract
from samples.table import COMPLEXES, CUBE, INTS, REALS, SINGLES, bad, sample

MATMUL = Contract((0, 1), (1, 2), (0, 2))
CONTRACTIONS = [
    *[
        sample(MATMUL, x, np.arange(12).reshape(3, 4).astype(x.dtype))
        for x in (REALS, SINGLES, COMPLEXES, INTS)
    ],
    sample(Contract((0,), (0,), ()), REALS[0], REALS[1]),
    sample(Contract((0,), (1,), (1, 0)), REALS[0], CUBE[0, 0]),
    sample(Contract((), (0,), (0,)), 1.5, REALS[0]),
    sample(Contract((), (), ()), 1.5, -2.5),
    sample(Contract((0, 1), (0, 1), (0,)), REALS, REALS + 1),
    sample(Contract((0, 1, 2), (0, 3, 2), (3, 0, 1)), CUBE, CUBE[:, :2] + 1),
    sample(Contract((2, 0, 1), (1, 2), (0,)), CUBE, CUBE[0, :2].T + 0.5),
    sample(Contract((0, 1), (1, 0), ()), REALS, REALS.T + 1),
    sample(MATMUL, np.zeros((2, 0)), np.zeros((0, 3))),
    sample(MATMUL, np.zeros((0, 2)), np.ones((2, 3))),
]
ADDED = AddProduct((0, 1), (1, 2), (0, 2))
SUMS = [
    *[
        sample(primitive, x[:, :2] + 1, x, x.T)
        for x in (REALS, SINGLES, COMPLEXES)
        for primitive in (ADDED, ADDED.replace(is_subtracted=True))
    ],
    sample(AddProduct((0, 1), (1,), (0,)), REALS[:, 0], REALS, REALS[1]),
    sample(
        AddProduct((0, 1, 2), (0, 2, 3), (3, 0, 1)), np.ones((3, 2, 3)), CUBE, CUBE.swapaxes(1, 2)
    ),
    sample(ADDED, np.ones((2, 3)), np.zeros((2, 0)), np.zeros((0, 3))),
]
CONTRACTIONS += SUMS
CONTRACTIONS_BAD = [
    bad(ADDED, [REALS, REALS, REALS.T], ShapeError, "of shape (2, 2) is added to f64[2,3]"),
    bad(ADDED, [INTS[:, :2], INTS, INTS.T], DtypeError, "a product of int64 is added to int64"),
    bad(MATMUL, [REALS, REALS], ShapeError, "axis 1 of (2, 3) has size 3, axis 0 of (2, 3) has"),
    bad(MATMUL, [REALS, REALS[0]], ShapeError, "shapes (2, 3), (3,)"),
    bad(MATMUL, [REALS, SINGLES.T], DtypeError, "float64 and float32 differ"),
]
