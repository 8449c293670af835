"""Every call of the table, traced, gives NumPy's values, dtypes and shapes."""

import warnings

import numpy as np
import pytest
from calls import CALLS
from harness import compiled_path, eagerly, operands, same, with_operands

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

# Results that depend on values: only where these are known.
VALUE_DEPENDENT = {
    np.trim_zeros, np.unique, np.union1d, np.setdiff1d, np.intersect1d, np.setxor1d, np.nonzero,
    np.flatnonzero, np.argwhere,
}  # fmt: skip


def expected(call):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return with_operands(call, operands(call))


@pytest.mark.law("values")
@pytest.mark.parametrize("call", CALLS, ids=str)
def test_known_values(call):
    same(expected(call), eagerly(lambda *x: with_operands(call, x), *operands(call)))


@pytest.mark.law("values")
@pytest.mark.parametrize("call", CALLS, ids=str)
def test_unknown_values(call):
    if call.function in VALUE_DEPENDENT:
        pytest.skip("the shape depends on values")
    same(expected(call), compiled_path(lambda *x: with_operands(call, x), *operands(call)))


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
