"""argmax and argmin: lines abreast, parts of long lines, and who comes first."""

import numpy as np
import pytest

import fungrad
import fungrad.numpy as fnp

_random = np.random.default_rng(0)

#: Shapes and axes: lines of neighbours and lines abreast, in one piece and in parts.
CASES = [((7, 5), 0), ((7, 5), 1), ((300_000,), 0), ((600, 500), 0), ((2, 500, 300), 1)]


def _values(dtype, shape):
    """Few different values, so that most extrema stand in several places."""
    return _random.integers(0, 2 if dtype == "?" else 50, shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["f8", "i1", "?"])
@pytest.mark.parametrize("shape, axis", CASES)
def test_the_first_extremum_is_numpys(dtype, shape, axis):
    x = _values(dtype, shape)
    found = fungrad.jit(lambda x: (fnp.argmax(x, axis), fnp.argmin(x, axis)))(x)
    np.testing.assert_array_equal(found[0], np.argmax(x, axis))
    np.testing.assert_array_equal(found[1], np.argmin(x, axis))


@pytest.mark.parametrize("shape, axis", CASES)
def test_the_first_nan_goes_before_everything(shape, axis):
    x = _values("f8", shape)
    x.flat[_random.integers(0, x.size, 5)] = np.nan
    x.flat[_random.integers(0, x.size, 5)] = np.inf
    found = fungrad.jit(lambda x: (fnp.argmax(x, axis), fnp.argmin(x, axis)))(x)
    np.testing.assert_array_equal(found[0], np.argmax(x, axis))
    np.testing.assert_array_equal(found[1], np.argmin(x, axis))
