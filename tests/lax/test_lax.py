"""The functions of `fungrad.lax` against NumPy, on plain values and under jit."""

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import grad, jit, lax, vmap
from fungrad.core.errors import ShapeError, UnknownAxisNameError
from tests.tables.of_lax import GATHER, X, Y


def same(expected, result):
    expected, result = np.asarray(expected), np.asarray(result)
    assert (expected.shape, expected.dtype) == (result.shape, result.dtype)
    np.testing.assert_allclose(result, expected, rtol=1e-10, atol=1e-12)


def test_sorting_of_several_arrays():
    keys, second = np.array([1, 0, 1, 0]), np.array([3.0, 2.0, 1.0, 4.0])
    a, b, c = lax.sort((keys, second, np.arange(4)), num_keys=2)
    assert a.tolist() == [0, 0, 1, 1] and b.tolist() == [2, 4, 1, 3] and c.tolist() == [1, 3, 2, 0]
    a, b = lax.sort_key_val(second, np.arange(4))
    assert b.tolist() == [2, 1, 0, 3]
    values, places = lax.top_k(X, 2)
    same(-np.sort(-X, 1)[:, :2], values)
    same(np.argsort(-X, 1)[:, :2], places)
    gradient = grad(lambda x: (lax.top_k(x, 1)[0] ** 2).sum())(second)
    assert gradient.tolist() == [0.0, 0.0, 0.0, 8.0]


def test_split_and_shapes():
    first, second = lax.split(X, [1, 3], 1)
    same(X[:, :1], first)
    same(X[:, 1:], second)
    assert lax.broadcast_shapes((3, 1), (4,)) == (3, 4)
    assert lax.dtype(np.float32(1)) == np.float32


def test_stop_gradient_of_pytrees():
    def f(x):
        stopped = lax.stop_gradient({"a": x, "b": (x * 2, 3)})
        assert stopped["b"][1] == 3
        return x * stopped["a"] + stopped["b"][0]

    assert grad(f)(2.0) == 2.0
    assert lax.stop_gradient(2.0) == 2.0


def test_collectives():
    def f(x):
        return (
            lax.psum(x, "i"), lax.pmean({"x": x}, "i")["x"], lax.pmax(x, "i"), lax.pmin(x, "i"),
            lax.axis_index("i") * 1, lax.all_gather(x, "i", axis=1),
            lax.all_gather(x, "i", tiled=True), lax.axis_size("i"),
        )  # fmt: skip

    total, mean, most, least, place, columns, joined, size = vmap(f, axis_name="i")(X)
    same(np.broadcast_to(X.sum(0), X.shape), total)
    same(np.broadcast_to(X.mean(0), X.shape), mean)
    same(np.broadcast_to(X.max(0), X.shape), most)
    same(np.broadcast_to(X.min(0), X.shape), least)
    same(np.arange(3), place)
    same(np.stack([X.T] * 3), columns)
    same(np.stack([X.ravel()] * 3), joined)
    assert np.all(np.asarray(size) == 3)
    nested = vmap(vmap(lambda x: lax.psum(x, ("i", "j")), axis_name="j"), axis_name="i")(X)
    same(np.full(X.shape, X.sum()), nested)
    with pytest.raises(UnknownAxisNameError, match=r"axis_name='k'; write vmap\(f, axis_name='k'"):
        vmap(lambda x: lax.psum(x, "k"), axis_name="i")(X)


def test_gather_and_scatter_under_jit_and_grad():
    d = GATHER((1,), (0,), (0,))

    def f(x, i):
        return (lax.gather(x, i, d, (1, 4)) ** 2).sum()

    i = np.array([[0], [0], [2]])
    expected = 2 * X * np.array([[2.0], [0.0], [1.0]])
    same(expected, jit(grad(f))(X, i))
    same(expected, grad(f)(X, i))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: lax.pad(X, 0.0, [(0, 0, 0)]), ShapeError, "1 entries for an array of rank 2"),
        (lambda: lax.pad(X, 0.0, [(-2, -2, 0), (0, 0, 0)]), ShapeError, "cuts more than shape"),
        (lambda: lax.top_k(X, 5), ShapeError, "k must be between 0 and the size 4 of axis 1"),
        (lambda: lax.split(X, [1, 1], 1), ShapeError, "do not add up to 4"),
        (lambda: lax.dot(X, Y), ShapeError, "axis 1 of shape .* has size 4, but axis 0 of shape"),
        (lambda: lax.dynamic_slice(X, [0], (1, 1)), ShapeError, "1 start indices for an array"),
        (lambda: lax.dynamic_slice(X, [0, 0], (9, 1)), ShapeError, r"shape \(9, 1\) does not fit"),
        (lambda: lax.dynamic_slice_in_dim(X, 0, -1), ShapeError, "does not fit into shape"),
        (lambda: lax.dynamic_update_slice(X, X[:, :1], [0]), ShapeError, "1 start indices for an"),
        (lambda: lax.dynamic_update_slice(X[:1], X, [0, 0]), ShapeError, "update_slice: a block"),
        (lambda: lax.index_in_dim(X, 4), IndexError, "index 4 is out of bounds for axis 0"),
        (lambda: lax.select_n(X > 0, X, X, X), TypeError, "a boolean chooses between 2 cases, 3"),
        (lambda: lax.select_n(X > 0), TypeError, "at least one case"),
        (lambda: lax.collapse(X, 1, 1), ValueError, "no axes between 1 and 1"),
        (lambda: lax.psum(X, "i"), UnknownAxisNameError, "no enclosing vmap has axis_name='i'"),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_where_halves_of_clamp_split():
    assert grad(lambda x: lax.clamp(0.0, x, 1.0))(0.0) == 0.5
    assert grad(lambda x: fnp.sum(lax.div(x, 2.0)))(1.0) == 0.5
