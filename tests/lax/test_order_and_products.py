"""lax.sort, top_k, dot_general and ragged_dot against NumPy, with derivatives."""

import numpy as np
import pytest
from samples.of_convolution import numbers

from fungrad import grad, jit, lax, vmap
from fungrad.errors import ShapeError
from fungrad.testing import check_grads

X = numbers(3, 5)
KEYS = np.array([[2, 1, 2, 1, 2], [0, 0, 0, 1, 0], [3, 2, 1, 0, 0]])


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_sorting_by_several_keys(axis):
    second = np.round(X)
    for call in (lax.sort, jit(lax.sort, static_argnames=("dimension", "num_keys"))):
        a, b, c = call((KEYS, second, X), dimension=axis, num_keys=2)
        order = np.lexsort((second, KEYS), axis)
        for found, given in ((a, KEYS), (b, second), (c, X)):
            np.testing.assert_array_equal(found, np.take_along_axis(given, order, axis))


def test_derivative_of_a_sort_by_keys_follows_the_order():
    f = lambda x: lax.sort_key_val(KEYS, x)[1]
    check_grads(f, (X,), order=1)
    check_grads(jit(lambda x: lax.sort((x, x * x), num_keys=1)[1]), (X,), order=1)


@pytest.mark.parametrize("axis", [0, 1])
def test_largest_elements(axis):
    order = np.argsort(-X, axis)
    order = np.take(order, [0, 1, 2], axis)
    wanted = np.take_along_axis(X, order, axis)
    for call in (lax.top_k, jit(lax.top_k, static_argnums=1, static_argnames="axis")):
        values, places = call(X, 3, axis=axis)
        np.testing.assert_array_equal(values, wanted)
        np.testing.assert_array_equal(places, order)
    check_grads(lambda x: lax.top_k(x, 2, axis=axis)[0], (X,), order=2)
    check_grads(jit(vmap(lambda x: lax.top_k(x, 2)[0])), (X,), order=1)


def test_ties_and_nan_among_the_largest():
    values, places = lax.top_k(np.array([1.0, np.nan, 7.0, 7.0]), 3)
    np.testing.assert_array_equal(values, [np.nan, 7, 7])
    np.testing.assert_array_equal(places, [1, 2, 3])
    values, places = lax.approx_min_k(X, 2, 1)
    np.testing.assert_array_equal(values, np.sort(X, 1)[:, :2])


def test_products_of_any_axes():
    x, y = numbers(2, 3, 4, 5), numbers(4, 6, 2, 3)
    numbers_of_both = (((1, 2), (3, 0)), ((0,), (2,)))
    wanted = np.einsum("bijk,jnbi->bkn", x, y)
    np.testing.assert_allclose(lax.dot_general(x, y, numbers_of_both), wanted)
    np.testing.assert_allclose(
        jit(lambda x, y: lax.dot_general(x, y, numbers_of_both))(x, y), wanted
    )
    small = np.full((2, 2), 100, np.int8)
    y = lax.dot(small, small, preferred_element_type=np.int32)
    assert y.dtype == np.int32 and (y == 20_000).all()


def test_ragged_products():
    x, y, sizes = numbers(6, 2), numbers(3, 2, 4), np.array([2, 0, 3])
    wanted = np.concatenate([x[:2] @ y[0], x[2:5] @ y[2], np.zeros((1, 4))])
    for call in (lax.ragged_dot, jit(lax.ragged_dot)):
        np.testing.assert_allclose(call(x, y, sizes), wanted)
    check_grads(lambda x, y: lax.ragged_dot(x, y, sizes), (x, y), order=1)


def test_smaller_names():
    np.testing.assert_array_equal(lax.broadcast_like(1.0, X), np.ones_like(X))
    assert len(lax.unstack(X, 1)) == 5 and lax.unstack(X, 1)[0].shape == (3,)
    assert grad(lambda x: lax.optimization_barrier({"a": x})["a"] ** 2)(3.0) == 6.0
    with pytest.raises(ValueError, match="no function for the platform 'cpu'"):
        lax.platform_dependent(1.0, tpu=lambda x: x)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: lax.top_k(X, 6), ShapeError, "k must be between 0 and the size 5 of axis 1"),
        (lambda: lax.top_k(1.0, 1), ShapeError, "has no axis"),
        (lambda: lax.sort((X, X), num_keys=3), ValueError, "between 1 and the number of operands"),
        (lambda: lax.sort((X, X[0])), ShapeError, "operands of one shape"),
        (lambda: lax.dot(X, X), ShapeError, "axis 1 of shape .3, 5. has size 5, but axis 0"),
        (lambda: lax.dot_general(X, X, (((1,), ()), ((), ()))), TypeError, "as many contracting"),
        (
            lambda: lax.dot_general(X, X, (((2,), (1,)), ((), ()))),
            ShapeError,
            "do not fit its shape",
        ),
        (lambda: lax.ragged_dot(X, X, KEYS), ShapeError, r"\(m, k\), \(groups, k, n\)"),
    ],
)
def test_what_does_not_fit_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
