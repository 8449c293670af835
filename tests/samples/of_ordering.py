"""Sorting."""

import numpy as np

from fungrad.core.errors import DtypeError, ShapeError
from fungrad.primitives.ordering import Argsort, OrderStatistic, Sort, SortBy, TopK
from samples.table import COMPLEXES, CUBE, EMPTY, INTS, REALS, SINGLES, TRUTHS, bad, sample

RANKS = np.array([[0, 1], [2, 0]])
ORDERING = [
    *[sample(Sort(axis), x) for axis, x in [(0, REALS), (1, SINGLES), (1, INTS), (0, TRUTHS)]],
    sample(Sort(1), EMPTY),
    sample(Sort(2), CUBE[:, :, ::-1]),
    *[
        sample(Argsort(axis, descending), x)
        for descending in (False, True)
        for axis, x in [(0, REALS), (1, SINGLES), (1, INTS % 3), (0, TRUTHS), (1, EMPTY)]
    ],
    *[
        sample(SortBy(axis), keys, x)
        for axis, keys, x in [(1, INTS % 3, REALS), (0, REALS, COMPLEXES), (1, SINGLES, SINGLES)]
    ],
    sample(SortBy(1), EMPTY, EMPTY),
    *[sample(OrderStatistic(), x, RANKS) for x in (REALS, SINGLES, INTS, COMPLEXES)],
    sample(OrderStatistic(), EMPTY, np.zeros((0, 2), int)),
    *[sample(TopK(1, 2), x) for x in (REALS, SINGLES, INTS % 3, TRUTHS, EMPTY, CUBE)],
    sample(
        TopK(0, 2), np.array([[np.nan, 1.0], [2.0, 1.0], [np.nan, 1.0]]), laws=("types", "batch")
    ),
]
ORDERING_BAD = [
    bad(Sort(2), [REALS], ShapeError, "axis 2 does not fit shape (2, 3)"),
    bad(
        SortBy(1), [REALS, REALS[0]], ShapeError, "keys of shape (2, 3) for elements of shape (3,)"
    ),
    bad(OrderStatistic(), [REALS, RANKS[0]], ShapeError, "do not fit lines"),
    bad(TopK(2, 1), [REALS], ShapeError, "axis 2 does not fit shape (2, 3)"),
    bad(TopK(1, 4), [REALS], ShapeError, "k=4 for the size 3 of axis 1"),
    bad(TopK(1, 1), [REALS + 1j], DtypeError, "top_k is not defined for dtype complex128"),
    bad(Argsort(2, False), [REALS], ShapeError, "axis 2 does not fit shape (2, 3)"),
]
