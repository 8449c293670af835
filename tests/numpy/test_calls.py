"""Every call of the table, traced, gives NumPy's values, dtypes and shapes."""

import warnings

import numpy as np
import pytest
from calls import CALLS
from harness import compiled_path, eagerly, operands, same, with_operands

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

# Results that depend on values: only where these are known.
VALUE_DEPENDENT = {np.trim_zeros}


def expected(call):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return with_operands(call, operands(call))


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_known_values(call):
    same(expected(call), eagerly(lambda *x: with_operands(call, x), *operands(call)))


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_unknown_values(call):
    if call.function in VALUE_DEPENDENT:
        pytest.skip("the shape depends on values")
    same(expected(call), compiled_path(lambda *x: with_operands(call, x), *operands(call)))
