"""Random index expressions, read and written, against NumPy."""

import random

import numpy as np
import pytest

from fungrad import jit
from tests.tables.traced import compiled_path, eagerly

SHAPES = [(3,), (3, 4), (2, 3, 4), (0, 3), (2, 0, 3), (2, 2, 2, 3)]
R = np.random.default_rng(3)


def random_index(choose, shape):
    """Integers, slices, None, an ellipsis, index arrays and masks, some of them out of range."""
    items, axis, form = [], 0, None
    while axis < len(shape):
        n, kind = shape[axis], choose.random()
        if kind < 0.12:
            items.append(None)
            continue
        if kind < 0.2 and not any(i is Ellipsis for i in items):
            items.append(Ellipsis)
            axis += choose.randint(0, len(shape) - axis)
            continue
        if kind < 0.35:
            far = choose.random() < 0.05
            items.append(choose.randint(-n - far, n - 1 + far) if n else 0)
        elif kind < 0.65:
            bounds = [choose.choice([None, choose.randint(-n - 1, n + 1)]) for _ in range(2)]
            items.append(slice(*bounds, choose.choice([None, 1, 2, -1, -2])))
        elif kind < 0.88:
            form = form or choose.choice([(2,), (1,), (3,), (2, 2)])
            items.append(R.integers(-n, n, form) if n else np.zeros(form, int))
        else:
            items.append(R.random(n) > 0.5)
        axis += 1
        if choose.random() < 0.15:
            break
    return tuple(items)


def cases(count):
    choose = random.Random(5)
    for _ in range(count):
        shape = choose.choice(SHAPES)
        yield shape, random_index(choose, shape)


def changes_of(index):
    """A read, a write and an in-place sum at an index."""

    def written(x):
        y = x.copy()
        y[index] = 7.0
        return y

    def added(x):
        y = x.copy()
        y[index] += 2.0
        return y

    return lambda x: x[index], written, added


def outcome(function, x):
    try:
        return function(x), None
    except (IndexError, ValueError) as error:
        return None, type(error)


@pytest.mark.parametrize("path", [eagerly, compiled_path])
def test_reads_and_writes(path):
    met = 0
    for shape, index in cases(400):
        x = R.standard_normal(shape)
        for function in changes_of(index):
            expected, error = outcome(function, x)
            result, own = outcome(lambda x, f=function: path(f, x)[0], x)
            if error is not None:
                assert own is not None and issubclass(own, error), (shape, index, error, own)
                continue
            met += 1
            assert own is None, (shape, index, own)
            np.testing.assert_array_equal(result, expected, err_msg=f"{shape} {index}")
            assert np.shape(result) == np.shape(expected), (shape, index)
    assert met > 800


def test_compiled():
    """Several indices to a program."""
    x = R.standard_normal((2, 3, 4))
    indices = []
    for shape, index in cases(400):
        if shape == x.shape and outcome(lambda x, i=index: x[i], x)[1] is None:
            indices.append(index)
    indices = indices[:24]
    results = jit(lambda x: [[f(x) for f in changes_of(i)] for i in indices])(x)
    for index, found in zip(indices, results, strict=True):
        for function, y in zip(changes_of(index), found, strict=True):
            np.testing.assert_array_equal(y, function(x), err_msg=str(index))
