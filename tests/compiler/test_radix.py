"""Sorting by codes in compiled code: every kind of element, few and many, and awkward orders."""

import math

import numpy as np
import pytest

from fungrad import jit
from fungrad.primitives.ordering import Argsort, OrderStatistic, Sort, SortBy, TopK

RANDOM = np.random.default_rng(0)


def _dependent_digits(n):
    """Numbers of three digits, of which the upper two would decide if they were not the same."""
    bits = (n.bit_length() + 2) // 2
    upper, lowest = RANDOM.integers(0, 2**bits, (2, n))
    return upper << 2 * bits | upper << bits | lowest


def elements(n):
    """Lines of n elements by name."""
    reals = RANDOM.normal(size=n)
    special = np.array([np.nan, 0.0, -0.0, np.inf, -np.inf, 1e-310, -np.nan])
    reals[:: max(n // 40, 1)] = RANDOM.choice(special, len(reals[:: max(n // 40, 1)]))
    whole = RANDOM.integers(0, 200, n)
    return {
        "float64": reals,
        "float32": reals.astype(np.float32),
        "float16": reals.astype(np.float16),
        "int64": RANDOM.integers(-(2**63), 2**63 - 1, n),
        "int32": RANDOM.integers(-(2**31), 2**31, n, dtype=np.int32),
        "int8": RANDOM.integers(-5, 5, n).astype(np.int8),
        "uint64": RANDOM.integers(0, 2**64, n, dtype=np.uint64),
        "uint32": RANDOM.integers(0, 2**32, n, dtype=np.uint32),
        "bool": RANDOM.random(n) < 0.3,
        "equal": np.zeros(n),
        "in order": np.arange(n),
        "falling": np.arange(n)[::-1].copy(),
        "nearly in order": np.arange(n) + 3 * RANDOM.normal(size=n),
        "gap": whole + 2**40 * RANDOM.integers(0, 3, n),
        "dependent digits": _dependent_digits(n),
    }


@pytest.mark.parametrize("n", [1, 13, 39, 40, 300, 3000])
def test_positions_are_those_of_a_stable_sort(n):
    ascending = jit(lambda x: Argsort(0, False)(x))
    descending = jit(lambda x: Argsort(0, True)(x))
    for name, x in elements(n).items():
        np.testing.assert_array_equal(ascending(x), np.argsort(x, kind="stable"), name)
        np.testing.assert_array_equal(descending(x), Argsort(0, True).evaluate(x), name)


@pytest.mark.parametrize("shape", [(5, 30), (30, 5), (3, 200), (200, 3)])
@pytest.mark.parametrize("axis", [0, 1])
def test_values_follow_their_keys(shape, axis):
    sort = jit(lambda keys, x: SortBy(axis)(keys, x))
    size = np.prod(shape)
    for keys in (RANDOM.integers(0, 9, size), RANDOM.normal(size=size)):
        keys = keys.reshape(shape)
        order = np.argsort(keys, axis, kind="stable")
        for dtype in (np.int8, np.uint16, np.float32, np.int64, np.float64, np.complex128):
            x = np.arange(size).astype(dtype).reshape(shape)
            np.testing.assert_array_equal(sort(keys, x), np.take_along_axis(x, order, axis))


@pytest.mark.parametrize("axis", [0, 1])
def test_threads_share_lines(axis):
    """Ranks, codes with places, digits, and NumPy's own sort, of enough lines for two threads."""
    for n in (12, 90, 450):
        shape = (n, 300) if axis == 0 else (300, n)
        x = RANDOM.normal(size=shape)
        order = jit(lambda x: Argsort(axis, False)(x))(x)
        np.testing.assert_array_equal(order, np.argsort(x, axis, kind="stable"))
        np.testing.assert_array_equal(jit(lambda x: Sort(axis)(x))(x), np.sort(x, axis))


@pytest.mark.parametrize("shape", [(1, 1024), (2, 1500)])
def test_sorted_lines_and_elements_at_ranks(shape):
    sort, at_ranks = jit(lambda x: Sort(1)(x)), jit(lambda x, ranks: OrderStatistic()(x, ranks))
    n = shape[1]
    ranks = np.array([[0, n - 1, n // 2, n // 2 + 1, 3]] * shape[0])
    many_ranks = RANDOM.integers(0, n, (shape[0], 40))
    for name, x in elements(shape[0] * n).items():
        x = x.reshape(shape)
        expected = np.sort(x, 1)
        np.testing.assert_array_equal(sort(x), expected, name)
        for wanted in (ranks, many_ranks):
            found = at_ranks(x, wanted)
            np.testing.assert_array_equal(found, np.take_along_axis(expected, wanted, 1), name)


@pytest.mark.parametrize("shape, axis", [((900,), 0), ((12, 300), 1), ((300, 12), 0)])
def test_places_of_the_largest(shape, axis):
    """A few are kept in order, more are those of the upper digits, sorted."""
    for k in (3, 90):
        found = jit(lambda x, k=k: TopK(axis, k)(x))
        for name, x in elements(math.prod(shape)).items():
            x = x.reshape(shape)
            np.testing.assert_array_equal(found(x), TopK(axis, k).evaluate(x), name)


def test_negative_zeros_stay():
    x = np.tile([0.0, -0.0, 1.0, -1.0], 300)
    found = jit(lambda x: Sort(0)(x))(x)
    assert np.signbit(found[found == 0]).sum() == 300
