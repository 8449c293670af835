"""What depends on values under jit: writing by mask, and results whose size is given."""

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import at, grad, jacfwd, jit, vmap
from fungrad.errors import BooleanIndexError, OutOfBoundsError, UnknownValueError
from fungrad.testing import check_grads

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


# ---- positions that are not known

LINE, TABLE = np.arange(5.0) ** 2, np.arange(12.0).reshape(3, 4)
INSERTED = [
    (LINE, np.array([1, 3]), 9.0, None),
    (LINE, np.array([3, 1]), np.array([7.0, 8.0]), None),
    (LINE, np.array([0, 0, 5, -1]), np.array([1.0, 2.0, 3.0, 4.0]), None),
    (LINE, np.array([], int), np.array([]), None),
    (LINE, 5, np.array([1.0, 2.0]), None),
    (LINE, -1, 7.0, None),
    (TABLE, np.array([2, 0]), TABLE[:, :2], 1),
    (TABLE, 3, np.array([1.0, 2.0, 3.0]), 1),
    (TABLE, 1, 5.0, None),
]


@pytest.mark.parametrize("case", range(len(INSERTED)))
def test_insert_at_unknown_positions(case):
    x, places, values, axis = INSERTED[case]
    insert = jit(lambda x, places, values: fnp.insert(x, places, values, axis))
    np.testing.assert_array_equal(insert(x, places, values), np.insert(x, places, values, axis))
    check_grads(lambda x, values: insert(x, places, values), (x, values), 1)


@pytest.mark.parametrize("places", [[1, 3], [4, 0], [-1, 0], []])
def test_delete_at_unknown_positions(places):
    places = np.array(places, int)
    delete = lambda x, i: fnp.delete(x, i, assume_unique_indices=True)
    np.testing.assert_array_equal(jit(delete)(LINE, places), np.delete(LINE, places))
    np.testing.assert_array_equal(delete(LINE, places), np.delete(LINE, places))
    check_grads(lambda x: jit(delete)(x, places), (LINE,), 1)
    rows = vmap(lambda i: fnp.delete(LINE, i))(np.arange(5))
    np.testing.assert_array_equal(rows, [np.delete(LINE, i) for i in range(5)])


@pytest.mark.parametrize("bound", [-1.0, 3.0, 99.0])
def test_place_by_an_unknown_mask(bound):
    expected = LINE.copy()
    np.place(expected, LINE > bound, [1.0, 2.0])

    def f(x):
        y = x * 1.0
        np.place(y, y > bound, [1.0, 2.0])
        return y

    np.testing.assert_array_equal(jit(f)(LINE), expected)
    np.testing.assert_array_equal(jit(jacfwd(f))(LINE), np.diag(LINE <= bound) * 1.0)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: jit(fnp.repeat)(LINE, np.ones(5, int)), UnknownValueError, "total_repeat_length"),
        (lambda: jit(fnp.delete)(LINE, np.array([1])), UnknownValueError, "assume_unique_indices"),
        (lambda: jit(fnp.delete)(LINE, 5), OutOfBoundsError, "index 5 is out of bounds"),
        (lambda: jit(fnp.delete)(LINE, -6), OutOfBoundsError, "index -6 is out of bounds"),
        (lambda: jit(fnp.insert)(LINE, 9, 1.0), OutOfBoundsError, "index 9 is out of bounds"),
        (lambda: jit(fnp.insert)(LINE, -6, 1.0), OutOfBoundsError, "out of bounds"),
        (lambda: jit(lambda x: np.place(x * 1, x > 0, []))(LINE), ValueError, "empty"),
    ],
)
def test_unknown_positions_that_do_not_fit(call, error, text):
    with pytest.raises(error, match=text):
        call()
