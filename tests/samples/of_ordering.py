"""Sorting."""

from fungrad.core.errors import ShapeError
from fungrad.primitives.ordering import Argsort, Sort
from samples.table import CUBE, EMPTY, INTS, REALS, SINGLES, TRUTHS, bad, sample

ORDERING = [
    *[sample(Sort(axis), x) for axis, x in [(0, REALS), (1, SINGLES), (1, INTS), (0, TRUTHS)]],
    sample(Sort(1), EMPTY),
    sample(Sort(2), CUBE[:, :, ::-1]),
    *[
        sample(Argsort(axis, descending), x)
        for descending in (False, True)
        for axis, x in [(0, REALS), (1, SINGLES), (1, INTS % 3), (0, TRUTHS), (1, EMPTY)]
    ],
]
ORDERING_BAD = [
    bad(Sort(2), [REALS], ShapeError, "axis 2 does not fit shape (2, 3)"),
    bad(Argsort(2, False), [REALS], ShapeError, "axis 2 does not fit shape (2, 3)"),
]
