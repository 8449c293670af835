"""Special functions: points of the domain per word."""

import numpy as np

from fungrad.core.errors import DtypeError, ShapeError
from fungrad.primitives import elementwise, special
from fungrad.primitives.elementwise import Elementwise
from samples.table import F32, I64, bad, sample

POSITIVE = (0.4, 1.3, 2.6)
#: Points of the domain by word, and the operands that have no derivative.
POINTS = {
    "lgamma": ((0.4, 2.3, -1.6),),
    "digamma": ((0.4, 2.3, -1.6),),
    "zeta": ((2.0, 3.5, 3.0), (0.4, 2.3, -1.6)),
}
CONSTANT = {"zeta": (0,)}


def rows():
    """The rows of special functions."""
    found = [v for v in vars(special).values() if isinstance(v, Elementwise)]
    return [v for v in found if v not in vars(elementwise).values()]


def samples_of(row):
    """A row on arrays of both dtypes, on scalars, and on nothing."""
    points = POINTS[row.word]
    laws = {"laws": ("types", "batch")} if CONSTANT.get(row.word) else {}
    arrays = [np.array(p) for p in points]
    return [
        sample(row, *arrays, order=2, **laws),
        sample(row, *[x.astype(F32) for x in arrays], order=1, **laws),
        sample(row, *[x[0] for x in arrays], order=1, **laws),
        sample(row, *[np.resize(x, (3, 7)) for x in arrays], order=1, **laws),
        sample(row, *[np.zeros((0, 2))] * len(points), order=1, **laws),
    ]


def bad_of(row):
    """Wrong dtypes and shapes for a row."""
    count = len(row.passes)
    found = [bad(row, [np.ones(2, I64)] * count, DtypeError, "dtype int64")]
    if count > 1:
        rest = [np.ones(2)] * (count - 1)
        found.append(bad(row, [np.ones(2, F32), *rest], DtypeError, "differ"))
        found.append(bad(row, [np.ones(3), *rest], ShapeError, "(3,) and (2,) differ"))
    return found


SPECIAL = [s for row in rows() for s in samples_of(row)]
SPECIAL_BAD = [b for row in rows() for b in bad_of(row)]
