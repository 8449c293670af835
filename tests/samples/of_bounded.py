"""Integers in a range."""

import numpy as np

from fungrad.core.errors import DtypeError
from fungrad.primitives.bounded import Bounded
from samples.table import REALS, bad, sample

CLASSES = np.array([[0, 2], [3, 1]])

BOUNDED = [
    sample(Bounded(4, "labels"), CLASSES),
    sample(Bounded(300, "labels"), CLASSES.astype(np.uint8)),
    sample(Bounded(1, "labels"), np.zeros(0, np.int32)),
]
BOUNDED_BAD = [
    bad(Bounded(4, "labels"), [REALS], DtypeError, "labels: integers are meant, got dtype float64"),
]
