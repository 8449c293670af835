"""Draws by trial. Their tangents are those of quantile functions: see random/test_derivatives.py."""

import numpy as np

from fungrad.core.errors import DtypeError, ShapeError
from fungrad.primitives.count_draws import RandomBinomial, RandomPoisson
from fungrad.primitives.gamma_draws import RandomGamma
from samples.table import bad, sample

KEYS = np.array([[1, 2**40, 3], [2**63, 5, 2**64 - 1]], np.uint64)
SHAPES = np.array([[0.01, 0.7, 1.0], [2.5, 40.0, 1e4]])
RATES = np.array([[0.0, 0.7, 9.9], [10.0, 40.0, 1e6]])
TRIALS = np.array([[0.0, 1.0, 9.0], [20.0, 100.0, 1e6]])
CHANCES = np.array([[0.5, 0.0, 1.0], [0.3, 0.9, 0.01]])
FORWARD = ("types", "batch")

SAMPLERS = [
    *[sample(RandomGamma(form), KEYS, SHAPES, laws=FORWARD, order=1) for form in (False, True)],
    sample(RandomGamma(False), KEYS[0, 0], SHAPES, laws=FORWARD, order=1),
    sample(RandomGamma(True), KEYS, SHAPES[1, 1], laws=FORWARD, order=1),
    sample(RandomGamma(False), KEYS, [[0.0, -1.0, np.nan]] * 2, laws=FORWARD, order=1),
    sample(RandomGamma(False), KEYS[:0], SHAPES[:0], laws=FORWARD, order=1),
    sample(RandomPoisson(), KEYS, RATES, laws=FORWARD, order=1),
    sample(RandomPoisson(), KEYS[0, 0], RATES[1, 1], laws=FORWARD, order=1),
    sample(RandomPoisson(), KEYS, [[0.0, -1.0, np.nan]] * 2, laws=FORWARD, order=1),
    sample(RandomBinomial(), KEYS, TRIALS, CHANCES, laws=FORWARD, order=1),
    sample(RandomBinomial(), KEYS, TRIALS, 0.25, laws=FORWARD, order=1),
    sample(
        RandomBinomial(),
        KEYS,
        [[-1.0, 5.0, 5.0]] * 2,
        [[0.5, 1.5, np.nan]] * 2,
        laws=FORWARD,
        order=1,
    ),
]
BAD_SAMPLERS = [
    bad(RandomGamma(False), (KEYS, SHAPES.astype(np.float32)), DtypeError, "float64 parameters"),
    bad(RandomPoisson(), (KEYS.astype(np.int64), RATES), DtypeError, "uint64 key"),
    bad(RandomBinomial(), (KEYS, TRIALS, CHANCES[:, :2]), ShapeError, "differ"),
]
