"""What depends on values under jit: writing by mask, and results whose size is given."""

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import at, grad, jit, vmap
from fungrad.errors import BooleanIndexError, OutOfBoundsError, UnknownValueError

X = np.array([1.0, -2.0, 3.0, -4.0, 3.0])
ROWS = np.arange(12.0).reshape(3, 4) - 5


def changed(x):
    """In-place operators on masked elements."""
    y = x.copy()
    y[y > 0] += 10
    y[x < 0] *= x[0]
    y[y > 12] = 0
    return y


def rows_changed(x):
    """A mask of the first axis, a value for the others."""
    y = x.copy()
    y[x[:, 0] > -3] -= x[0]
    return y


@pytest.mark.parametrize(("function", "x"), [(changed, X), (rows_changed, ROWS)])
def test_masks_in_place(function, x):
    expected = function(x)
    np.testing.assert_array_equal(jit(function)(x), expected)
    slope = grad(lambda x: (function(x) ** 2).sum())
    np.testing.assert_allclose(jit(slope)(x), slope(x))
    np.testing.assert_array_equal(jit(vmap(function))(np.stack([x, -x])), [expected, function(-x)])


@pytest.mark.parametrize("operation", "set add subtract multiply mul divide power min max".split())
def test_changes_by_mask(operation):
    by_mask = lambda x: getattr(at(x)[x > 0], operation)(2.0)  # noqa: E731
    by_place = getattr(at(X)[np.flatnonzero(X > 0)], operation)(2.0)
    np.testing.assert_array_equal(jit(by_mask)(X), by_place)
    np.testing.assert_array_equal(jit(lambda x: at(x)[x < 0].apply(np.abs))(X), np.abs(X))


READS = {
    "returned": lambda x: x[x > 0],
    "method": lambda x: x[x > 0].sum(),
    "numpy": lambda x: np.sum(x[x > 0]),
    "fungrad": lambda x: fnp.sum(x[x > 0]),
    "operator": lambda x: 1 + x[x > 0],
    "iterated": lambda x: list(x[x > 0]),
    "get": lambda x: at(x)[x > 0].get(),
    "another array": lambda x: changed_elsewhere(x),
    "values of a size": lambda x: at(x)[x > 0].add(x[:2]),
}


def changed_elsewhere(x):
    y = x.copy()
    part = y[x > 0]
    part += 1
    y[x < 0] = part
    return y


@pytest.mark.parametrize("which", READS)
def test_reading_by_mask_names_the_way_out(which):
    with pytest.raises(BooleanIndexError, match=r"mask of shape \(5,\).*where\(mask, x, 0\)"):
        jit(READS[which])(X)


SIZED = {
    "nonzero": (lambda x: fnp.nonzero(x > 0, size=4, fill_value=-1)[0], [0, 2, 4, -1]),
    "flatnonzero": (lambda x: fnp.flatnonzero(x < 0, size=1), [1]),
    "argwhere": (lambda x: fnp.argwhere(x < 0, size=2), [[1], [3]]),
    "where": (lambda x: fnp.where(x < 0, size=2)[0], [1, 3]),
    "compress": (lambda x: fnp.compress(x > 0, x, size=4, fill_value=9), [1, 3, 3, 9]),
    "extract": (lambda x: fnp.extract(x > 0, x, size=2), [1, 3]),
    "unique": (lambda x: fnp.unique(x, size=5), [-4, -2, 1, 3, -4]),
    "unique_counts": (
        lambda x: fnp.unique(x, return_counts=True, size=5, fill_value=0)[1],
        [1, 1, 1, 2, 0],
    ),
    "unique_inverse": (lambda x: fnp.unique(x, return_inverse=True, size=4)[1], [2, 1, 3, 0, 3]),
    "repeat": (
        lambda x: fnp.repeat(x[:3], abs(x[:3]).astype(int), total_repeat_length=6),
        [1, -2, -2, 3, 3, 3],
    ),
    "union1d": (lambda x: fnp.union1d(x, x + 2, size=6), [-4, -2, 0, 1, 3, 5]),
    "intersect1d": (lambda x: fnp.intersect1d(x, x[1:3], size=3), [-2, 3, 0]),
    "setdiff1d": (lambda x: fnp.setdiff1d(x, x[1:3], size=3), [-4, 1, 0]),
    "setxor1d": (lambda x: fnp.setxor1d(x, x + 2, size=4), [-4, 0, 1, 5]),
    "bincount": (lambda x: fnp.bincount(abs(x).astype(int), length=4), [0, 1, 1, 2]),
}


@pytest.mark.parametrize("name", SIZED)
def test_sizes_under_jit(name):
    function, expected = SIZED[name]
    np.testing.assert_array_equal(jit(function)(X), expected)


def test_bincount_under_jit_counts_to_minlength():
    count = jit(lambda i, w: np.bincount(i, weights=w, minlength=4))
    np.testing.assert_array_equal(count(np.array([0, 3, 3]), X[:3]), [1, 0, 0, 1])
    with pytest.raises(OutOfBoundsError, match="index 4 is out of bounds for axis 0 with size 4"):
        count(np.array([0, 4, 3]), X[:3])
    with pytest.raises(UnknownValueError, match="give it as length= or minlength="):
        jit(lambda i: np.bincount(i))(np.array([0, 1]))
