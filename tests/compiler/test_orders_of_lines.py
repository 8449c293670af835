"""Positions that sort, compiled: the same as NumPy's stable ones, for lines of every length."""

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import jit

RANDOM = np.random.default_rng(8)


def lines(kind, n):
    """Three lines of n elements: far apart, near each other, few and special values."""
    whole = RANDOM.integers(-50, 50, (3, n))
    if np.dtype(kind).kind == "i":
        whole[1] = RANDOM.integers(-(2**31), 2**31 - 1, n)
        whole[2] = np.iinfo(kind).max - RANDOM.integers(0, 3, n)
        return whole.astype(kind)
    x = RANDOM.standard_normal((3, n)).astype(kind)
    x[1] = 1 + RANDOM.integers(0, 9, n) * np.finfo(kind).eps
    x[2] = np.array([np.nan, -0.0, 0.0, np.inf, -np.inf, 1e-310, -1.0], kind)[whole[2] % 7]
    return x


@pytest.mark.parametrize("n", [3, 39, 40, 100, 399, 400, 1500])
@pytest.mark.parametrize("kind", ["f8", "f4", "i8", "i4"])
def test_positions_are_the_stable_ones(kind, n):
    x = lines(kind, n)
    rows, columns, falling = jit(
        lambda x: (
            fnp.argsort(x, axis=1),
            fnp.argsort(x.T, axis=0),
            fnp.argsort(x, axis=1, descending=True),
        )
    )(x)
    expected = np.argsort(x, axis=1, kind="stable")
    np.testing.assert_array_equal(rows, expected)
    np.testing.assert_array_equal(columns, expected.T)
    for row, order in zip(x, falling, strict=True):
        ordered = row[order]
        np.testing.assert_array_equal(np.sort(row), ordered[::-1])
        ties = ordered[1:] == ordered[:-1]
        assert (np.diff(order)[ties] > 0).all()
