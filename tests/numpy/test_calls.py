"""Every call of the table, traced, gives NumPy's values, dtypes and shapes."""

import warnings

import numpy as np
import pytest

from tests.tables.laws import known_values, unknown_values
from tests.tables.of_numpy import CALLS
from tests.tables.traced import eagerly, operands, same, with_operands

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_known_values(call):
    known_values(call)


@pytest.mark.parametrize("call", [c for c in CALLS if c.sized], ids=str)
def test_unknown_values(call):
    unknown_values(call)


# Integers as they come: unstable order, bins out of order, trimmed zeros, division by zero.
NOT_OF_INTEGERS = {np.argsort, np.digitize, np.polymul, np.reciprocal}
REAL = [c for c in CALLS if operands(c) and all(x.dtype == np.float64 for x in operands(c))]


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
@pytest.mark.parametrize("call", REAL, ids=str)
def test_other_dtypes(call, dtype):
    values = [(x if dtype == np.float32 else 3 * x).astype(dtype) for x in operands(call)]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            plain = with_operands(call, values)
    except (TypeError, ValueError, IndexError):
        pytest.skip("NumPy refuses the dtype")
    if dtype == np.int32 and call.function in NOT_OF_INTEGERS:
        pytest.skip("another order, or another error")
    same(plain, eagerly(lambda *x: with_operands(call, x), *values), 1e-4)
