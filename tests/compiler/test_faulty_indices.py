"""Large gathers and scatters: checked once per index, shared by threads, columns in blocks."""

import numpy as np
import pytest

import fungrad

_random = np.random.default_rng(0)


def test_the_first_part_with_a_wrong_index_is_named_by_any_number_of_threads():
    x = _random.standard_normal((1000, 100))
    rows = np.arange(1000)
    rows[[100, 900]] = 5001, -9999
    take = fungrad.jit(lambda x, i: 2 * x[i])
    for n in (1, 2):
        with fungrad.threads(n), pytest.raises(IndexError, match="index 5001 is out of bounds"):
            take(x, rows)


@pytest.mark.parametrize("shape", [(100, 30), (3, 70, 20), (64, 9)])
def test_columns_take_their_updates_in_order(shape):
    x = _random.standard_normal(shape)
    index = _random.integers(-shape[-1], shape[-1], 40)
    updates = _random.standard_normal((*shape[:-1], 40))
    add = fungrad.jit(lambda x, i, u: fungrad.at(x)[..., i].add(u))
    place = fungrad.jit(lambda x, i, u: fungrad.at(x)[..., i].set(u))
    added, placed = x.copy(), x.copy()
    for k, column in enumerate(index):
        added[..., column] += updates[..., k]
        placed[..., column] = updates[..., k]
    np.testing.assert_array_equal(add(x, index, updates), added)
    np.testing.assert_array_equal(place(x, index, updates), placed)
    with pytest.raises(IndexError):
        add(x, index + 200, updates)
