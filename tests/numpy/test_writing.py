"""Writes into arrays made in a trace, views, and in-place operators."""

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import grad, jacfwd, jit, vmap
from fungrad.core.errors import DtypeError, LostDerivativeError, ShapeError, ViewWriteError

X = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


def tridiagonal(x):
    """A matrix filled in by loops, as NumPy programs do it."""
    n = x.shape[0]
    a = fnp.zeros((n, n))
    for i in range(n):
        a[i, i] = 2 * x[i]
        if i:
            a[i, i - 1] = a[i - 1, i] = -x[i]
    a[0] *= 3.0
    a[:, -1] += x
    a[1:, ::2] -= 0.5
    return a


def by_hand(x):
    a = np.diag(2 * x) - np.diag(x[1:], 1) - np.diag(x[1:], -1)
    a[0] *= 3.0
    a[:, -1] += x
    a[1:, ::2] -= 0.5
    return a


def test_item_assignment_equals_numpy_in_value_and_derivative():
    x = np.array([1.0, 2.0, 3.0, 4.0])
    plain = tridiagonal(x)
    assert type(plain) is np.ndarray
    np.testing.assert_array_equal(plain, by_hand(x))
    weights = np.arange(16.0).reshape(4, 4)
    expected = [(by_hand(x + e) - by_hand(x - e)).ravel() @ weights.ravel() / 2 for e in np.eye(4)]
    np.testing.assert_allclose(grad(lambda x: (tridiagonal(x) * weights).sum())(x), expected)
    forward = jacfwd(tridiagonal)(x)
    np.testing.assert_allclose(np.tensordot(weights, forward, 2), expected)
    stacked = vmap(tridiagonal)(np.stack([x, 2 * x]))
    np.testing.assert_array_equal(stacked[1], by_hand(2 * x))
    np.testing.assert_array_equal(jit(tridiagonal)(x), by_hand(x))


def test_writes_that_overlap_keep_the_last():
    def f(x):
        y = fnp.zeros(3)
        y[[0, 0, 1]] = x
        return (y * fnp.array([1.0, 10.0, 100.0])).sum()

    np.testing.assert_array_equal(grad(f)(np.array([1.0, 2.0, 3.0])), [0.0, 1.0, 10.0])


def test_aliases_see_a_write():
    def f(x):
        y = x * 1.0
        alias = y
        y += 1.0
        y[0] = 0.0
        assert alias is y
        return alias.sum()

    np.testing.assert_array_equal(grad(f)(X), [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])


@pytest.mark.parametrize(
    "change",
    [
        lambda y: y.__iadd__(2.0),
        lambda y: y.__isub__(2.0),
        lambda y: y.__imul__(2.0),
        lambda y: y.__itruediv__(2.0),
        lambda y: y.__ifloordiv__(2.0),
        lambda y: y.__imod__(2.0),
        lambda y: y.__ipow__(2),
        lambda y: y.__imatmul__(np.ones((3, 3))),
    ],
)
def test_in_place_operators(change):
    def f(x):
        y = x * 1.0
        assert change(y) is y
        return y

    expected = change(X.copy())
    np.testing.assert_array_equal(vmap(f)(X[None])[0], expected)


def test_in_place_operators_on_arguments_and_scalars_rebind():
    def f(x):
        before = x
        x += 1.0
        total = x.sum()
        kept = total
        total *= 2.0
        return (before * total).sum() + kept

    total = X.sum() + X.size
    np.testing.assert_allclose(grad(f)(X), np.full(X.shape, 2 * total + 2 * X.sum() + 1))


def test_in_place_operators_keep_dtype_and_shape():
    def with_dtype(x):
        y = fnp.ones(3, np.float32)
        y += x
        assert y.dtype == np.float32
        n = fnp.zeros(3, int)
        with pytest.raises(DtypeError, match="dtype int64 has a result of dtype float64; write y"):
            n += x
        with pytest.raises(ShapeError, match=r"shape \(3,\) has a result of shape \(2, 3\)"):
            y += fnp.ones((2, 3))
        return y.sum()

    np.testing.assert_array_equal(grad(with_dtype)(np.ones(3)), np.ones(3))


def fails(f, text):
    with pytest.raises(ViewWriteError, match=text):
        grad(lambda x: f(x).sum())(X)


def test_arguments_are_not_written():
    def f(x):
        x[0] = 1.0
        return x

    fails(f, r"an argument of grad of .*\(2, 3\).*copy it first, y = y.copy\(\), or .*at\[ind")

    def copied(x):
        x = x.copy()
        x[0] = 1.0
        return x.sum()

    np.testing.assert_array_equal(grad(copied)(X), [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])


def test_arrays_of_an_enclosing_trace_are_not_written():
    def f(x):
        y = x * 2

        def inner(w):
            y[0] = w
            return y.sum()

        return grad(inner)(1.0) * x

    fails(f, "an array of grad of .* is written inside grad of inner, which may not change values")


@pytest.mark.parametrize(
    "view",
    [
        lambda y: y[0],
        lambda y: y[:, 1:],
        lambda y: y[0][1:],
        lambda y: y.T,
        lambda y: y.reshape(-1),
        lambda y: y.ravel(),
        lambda y: y[None],
        lambda y: np.swapaxes(y, 0, 1),
        lambda y: np.split(y, 2)[1],
        lambda y: np.flip(y),
        lambda y: y.diagonal(),
        lambda y: np.broadcast_to(y, (4, 2, 3)),
        lambda y: next(iter(y)),
    ],
)
def test_views_are_not_written_and_not_used_after_a_write(view):
    def write(x):
        v = view(x * 2)
        v[0] = 1.0
        return v

    fails(write, r"a view of a traced array of shape \(2, 3\) is written; write the array itself")

    def stale(x):
        y = x * 2
        v = view(y)
        y[0, 0] = 1.0
        return v + 1

    fails(stale, "a view of a traced array of shape .* is used after the array was written")

    def fresh(x):
        y = x * 2
        y[0, 0] = 1.0
        return view(y).copy() + y.sum()

    assert grad(lambda x: fresh(x).sum())(X)[0, 0] == 0.0


@pytest.mark.parametrize("before", range(12))
def test_views_of_arrays_of_an_enclosing_trace(before):
    """However many values that trace has made before: each numbers its own."""

    def taken(x, i):
        y = x
        for _ in range(before):
            y = y + 1.0
        return vmap(lambda shift: y[:, i] + y.T[i] + shift)(np.arange(2.0))

    x, shifts = np.arange(6.0).reshape(2, 3), np.arange(2.0)[:, np.newaxis]
    expected = 2 * (x[:, 1] + before) + shifts
    np.testing.assert_array_equal(jit(taken)(x, 1), expected)
    np.testing.assert_array_equal(jit(lambda x: taken(x, 1))(x), expected)
    np.testing.assert_array_equal(grad(lambda x: taken(x, 1).sum())(x), [[0, 4, 0]] * 2)


@pytest.mark.parametrize(
    "copy",
    [
        lambda y: y.copy(),
        lambda y: fnp.array(y),
        lambda y: np.copy(y),
        lambda y: y.flatten(),
        lambda y: fnp.full((3,), y),
        lambda y: written(y),
        lambda y: (fnp.zeros(3) + y),
    ],
)
def test_a_copy_of_an_array_of_an_enclosing_trace_is_written(copy):
    """The value comes from outside; what is written belongs to the inner trace."""

    def outer(x):
        y = (x * 2 + 1) * 3

        def inner(s):
            z = copy(y)
            z[0] = s
            z[1] *= s
            return (z * y).sum()

        return grad(inner)(2.0) + vmap(inner)(fnp.arange(2.0) + 0 * x[0]).sum()

    def by_hand(x):
        y = (x * 2 + 1) * 3
        return y[0] + y[1] ** 2 + y[0] + y[1] ** 2 + 2 * y[2] ** 2

    x, unit = np.array([1.0, 2.0, 3.0]), 1e-6 * np.eye(3)
    slopes = [(by_hand(x + u) - by_hand(x - u)) / 2e-6 for u in unit]
    for f in (outer, jit(outer)):
        np.testing.assert_allclose(grad(f)(x), slopes, rtol=1e-8)


def written(y):
    """An array that was made in the trace, all of it written."""
    z = fnp.zeros(3)
    z[:] = y
    return z


def test_copies_of_views_live_on():
    def f(x):
        y = x * 2
        row, rows, flat = y[0].copy(), y[[0, 1]], y.flatten()
        y[:] = 0.0
        row[0] = 5.0
        rows[0] += 1.0
        return row.sum() + rows.sum() + flat.sum() + y.sum()

    np.testing.assert_array_equal(grad(f)(X), [[4.0, 6.0, 6.0], [4.0, 4.0, 4.0]])


def test_an_operator_through_a_view_is_noticed():
    def used(x):
        y = x * 2
        row = y[0]
        row += 1.0
        return row

    def forgotten(x):
        y = x * 2
        row = y[0]
        row += 1.0
        return y

    def elsewhere(x):
        y = x * 2
        row = y[0]
        row += 1.0
        y[1] = row
        return y

    for f in (used, forgotten, elsewhere):
        fails(f, r"an in-place operator wrote through a view .* write y\[index\] \+= value")

    def completed(x):
        y = x * 2
        row = y[0]
        row += 1.0
        y[0] = row
        return y

    assert grad(lambda x: completed(x).sum())(X).sum() == 12.0


def test_functions_that_write():
    def f(x):
        y = fnp.zeros((3, 3))
        np.fill_diagonal(y, x)
        np.put(y, [1, 2], x[0])
        np.copyto(y, 7.0, where=np.eye(3)[::-1] > 0)
        np.put_along_axis(y, np.array([[1], [0], [0]]), x[:, None] * 2, 1)
        np.place(y, np.tri(3, k=-2) > 0, x[2:])
        np.putmask(y, y == 7.0, x)
        np.add.at(y, ([0, 0], [0, 0]), x[:2])
        return y

    x = np.array([1.0, 2.0, 3.0])
    expected = f(x)
    weights = np.arange(1.0, 10.0).reshape(3, 3)
    slopes = [((f(x + 1e-6 * e) - f(x - 1e-6 * e)) * weights).sum() / 2e-6 for e in np.eye(3)]
    gradient = grad(lambda x: (f(x) * weights).sum())(x)
    np.testing.assert_allclose(gradient, slopes, rtol=1e-6)
    assert expected[0, 0] == x[0] + x[0] + x[1]


def test_a_plain_array_does_not_take_traced_values():
    def ufunc(x):
        np.add.at(np.zeros(3), [0], x[0, 0])
        return x

    with pytest.raises(TypeError, match="writes traced values into a plain array; make the array"):
        grad(lambda x: ufunc(x).sum())(X)

    def operator(x):
        y = np.zeros(3)
        y += x[0]
        return y

    with pytest.raises(TypeError, match=r"in-place operator \(add\) .* write y = y \+ x instead"):
        grad(lambda x: operator(x).sum())(X)

    def item(x):
        np.zeros(3)[0] = x[0, 0]
        return x

    with pytest.raises(LostDerivativeError, match="setting an item of a plain array would drop"):
        grad(lambda x: item(x).sum())(X)


def test_methods_that_write():
    def f(x):
        y = x * 1.0
        y.sort()
        z = fnp.empty(3)
        z.fill(x[0, 0])
        return (y[:, 0] * 2).sum() + z.sum()

    np.testing.assert_array_equal(grad(f)(-X), [[3.0, 0.0, 2.0], [0.0, 0.0, 2.0]])
