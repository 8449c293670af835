"""The functions of `fungrad.lax` against NumPy, on plain values and under jit."""

import math

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import grad, jit, lax, vmap
from fungrad.core.errors import ShapeError, UnknownAxisNameError

R = np.random.default_rng(0)
X, Y = R.standard_normal((3, 4)), R.standard_normal((3, 4))
C = R.standard_normal((2, 3, 4))
I, J = np.array([-7, 7, 5, -3, 0]), np.array([2, -2, 3, 2, 4])
HALVES = np.array([0.5, 1.5, -0.5, -2.5, 0.3])
GATHER, SCATTER = lax.GatherDimensionNumbers, lax.ScatterDimensionNumbers


def scattered(x, index, value):
    y = x.copy()
    y[index] = value
    return y


# (name, arguments, keywords, expected): arrays among the arguments are traced under jit.
CALLS = [
    ("div", (I, J), {}, np.trunc(I / J).astype(int)),
    ("div", (X, Y), {}, X / Y),
    ("rem", (I, J), {}, np.fmod(I, J)),
    ("round", (HALVES,), {}, np.array([1.0, 2.0, -1.0, -3.0, 0.0])),
    ("round", (HALVES, lax.RoundingMethod.TO_NEAREST_EVEN), {}, np.rint(HALVES)),
    ("integer_pow", (X, -3), {}, X**-3),
    ("rsqrt", (X**2,), {}, 1 / np.abs(X)),
    ("reciprocal", (X,), {}, 1 / X),
    ("logistic", (X,), {}, 1 / (1 + np.exp(-X))),
    ("erf", (X,), {}, np.vectorize(math.erf)(X)),
    ("lgamma", (X**2,), {}, np.vectorize(math.lgamma)(X**2)),
    ("population_count", (np.array([0, 5, 7]),), {}, np.array([0, 2, 3])),
    ("complex", (X, Y), {}, X + 1j * Y),
    ("clamp", (-0.5, X, 0.5), {}, np.clip(X, -0.5, 0.5)),
    ("select", (X > 0, X, Y), {}, np.where(X > 0, X, Y)),
    ("select_n", (np.array([0, 2, 1]), X[0, :3], Y[0, :3], X[1, :3]), {},
     np.array([X[0, 0], X[1, 1], Y[0, 2]])),
    ("select_n", (X > 0, X, Y), {}, np.where(X > 0, Y, X)),
    ("convert_element_type", (X, np.int32), {}, X.astype(np.int32)),
    ("iota", (np.int32, 4), {}, np.arange(4, dtype=np.int32)),
    ("broadcasted_iota", (float, (2, 3), 1), {}, np.array([[0.0, 1, 2], [0, 1, 2]])),
    ("full", ((2, 3), 7.0), {}, np.full((2, 3), 7.0)),
    ("full_like", (X, 7), {"dtype": int}, np.full((3, 4), 7)),
    ("empty", ((2,),), {}, np.zeros(2)),
    ("broadcast", (X, (2,)), {}, np.stack([X, X])),
    ("broadcast_in_dim", (X[:, :1], (3, 2, 4), (0, 2)), {},
     np.broadcast_to(X[:, :1, None], (3, 2, 4))),
    ("broadcast_to_rank", (X, 4), {}, X[None, None]),
    ("expand_dims", (X, (0, 3)), {}, X[None, :, :, None]),
    ("squeeze", (X[:, :1], (1,)), {}, X[:, 0]),
    ("reshape", (X, (2, 6), (1, 0)), {}, X.T.reshape(2, 6)),
    ("transpose", (C, (2, 0, 1)), {}, C.transpose(2, 0, 1)),
    ("rev", (C, (0, 2)), {}, C[::-1, :, ::-1]),
    ("collapse", (C, 0, -1), {}, C.reshape(6, 4)),
    ("collapse", (C, 1), {}, C.reshape(2, 12)),
    ("concatenate", ([X, Y], 1), {}, np.hstack([X, Y])),
    ("stack", ([X, Y], 1), {}, np.stack([X, Y], 1)),
    ("tile", (X, (2, 1)), {}, np.tile(X, (2, 1))),
    ("pad", (X, 0.5, [(1, -1, 0), (0, 0, 0)]), {}, np.pad(X, ((1, 0), (0, 0)),
     constant_values=0.5)[:-1]),
    ("pad", (X[0], 0.0, [(0, 1, 2)]), {}, np.array([X[0, 0], 0, 0, X[0, 1], 0, 0, X[0, 2], 0, 0,
                                                     X[0, 3], 0])),
    ("slice", (X, (0, 1), (3, 4), (2, 1)), {}, X[::2, 1:]),
    ("slice_in_dim", (X, 1, 4), {"stride": 2, "axis": 1}, X[:, 1:4:2]),
    ("index_in_dim", (X, -1, 1), {}, X[:, -1:]),
    ("index_in_dim", (X, 2), {"keepdims": False}, X[2]),
    ("dynamic_slice", (X, [np.int64(9), np.int64(-3)], (2, 2)), {}, X[1:3, 1:3]),
    ("dynamic_slice_in_dim", (X, np.int64(2), 2), {"axis": 1}, X[:, 2:]),
    ("dynamic_index_in_dim", (X, np.int64(-2)), {"axis": 1, "keepdims": False}, X[:, -2]),
    ("dynamic_update_slice", (X, np.ones((2, 2)), [np.int64(9), np.int64(1)]), {},
     scattered(X, np.s_[1:3, 1:3], 1.0)),
    ("dynamic_update_slice_in_dim", (X, np.ones((3, 1)), np.int64(1), 1), {},
     scattered(X, np.s_[:, 1], 1.0)),
    ("dynamic_update_index_in_dim", (X, np.ones(4), np.int64(-1), 0), {}, scattered(X, 2, 1.0)),
    ("index_take", (X, (np.array([0, 9]), np.array([1, 3])), (0, 1)), {}, X[[0, 2], [1, 3]]),
    ("reduce_sum", (C, (0, 2)), {}, C.sum((0, 2))),
    ("reduce_prod", (C, (0, 2)), {}, C.prod((0, 2))),
    ("reduce_max", (C, (1,)), {}, C.max(1)),
    ("reduce_min", (C, (1,)), {}, C.min(1)),
    ("reduce_and", (C > 0, (1,)), {}, (C > 0).all(1)),
    ("reduce_or", (C > 0, (1,)), {}, (C > 0).any(1)),
    ("reduce", (C, 2.0, lax.mul, (0, 1)), {}, 2 * C.prod((0, 1))),
    ("reduce", (C[:, :0], 2.0, lax.add, (1,)), {}, np.full((2, 4), 4.0)),
    ("argmax", (X, 1), {"index_dtype": np.int32}, X.argmax(1).astype(np.int32)),
    ("argmin", (X, 0), {}, X.argmin(0)),
    ("cumsum", (X, 1), {"reverse": True}, X[:, ::-1].cumsum(1)[:, ::-1]),
    ("cumprod", (X, 1), {}, X.cumprod(1)),
    ("cummax", (X,), {}, np.maximum.accumulate(X)),
    ("cummin", (X,), {"reverse": True}, np.minimum.accumulate(X[::-1])[::-1]),
    ("cumlogsumexp", (X, 1), {}, np.logaddexp.accumulate(X, 1)),
    ("sort", (X,), {"dimension": 0}, np.sort(X, 0)),
    ("dot", (X, Y.T), {}, X @ Y.T),
    ("dot", (X[0], Y[0]), {}, X[0] @ Y[0]),
    ("dot_general", (C, C.transpose(2, 0, 1), (((2,), (0,)), ((0,), (1,)))), {},
     np.einsum("bik,kbj->bij", C, C.transpose(2, 0, 1))),
    ("batch_matmul", (C, C.transpose(0, 2, 1)), {}, C @ C.transpose(0, 2, 1)),
    ("gather", (X, np.array([[0], [5]]), GATHER((1,), (0,), (0,)), (1, 4)), {}, X[[0, 2]]),
    ("gather", (X, np.array([[0, 1], [1, 3]]), GATHER((1, 2), (), (0, 1)), (1, 2)),
     {"mode": "fill", "fill_value": 0.0}, np.stack([X[:1, 1:3], np.zeros((1, 2))])),
    ("gather", (X, np.array([[0], [3], [1]]), GATHER((), (1,), (1,), (0,), (0,)), (1, 1)), {},
     X[[0, 1, 2], [0, 3, 1]]),
    ("scatter", (X, np.array([[0], [5]]), np.ones((2, 4)), SCATTER((1,), (0,), (0,))), {},
     scattered(X, 0, 1.0)),
    ("scatter", (X, np.array([[5]]), np.ones((1, 4)), SCATTER((1,), (0,), (0,))),
     {"mode": "clip"}, scattered(X, 2, 1.0)),
    ("scatter_add", (X, np.array([[1], [1]]), np.ones((3, 2)), SCATTER((0,), (1,), (1,))), {},
     scattered(X, np.s_[:, 1], X[:, 1] + 2)),
    ("scatter_mul", (X, np.array([[1]]), np.full((3, 1), 3.0), SCATTER((0,), (1,), (1,))), {},
     scattered(X, np.s_[:, 1], X[:, 1] * 3)),
    ("scatter_max", (X, np.array([[1]]), np.zeros((3, 1)), SCATTER((0,), (1,), (1,))), {},
     scattered(X, np.s_[:, 1], np.maximum(X[:, 1], 0))),
    ("scatter_min", (X, np.array([[1]]), np.zeros((3, 1)), SCATTER((0,), (1,), (1,))), {},
     scattered(X, np.s_[:, 1], np.minimum(X[:, 1], 0))),
]  # fmt: skip


def same(expected, result):
    expected, result = np.asarray(expected), np.asarray(result)
    assert (expected.shape, expected.dtype) == (result.shape, result.dtype)
    np.testing.assert_allclose(result, expected, rtol=1e-10, atol=1e-12)


def identity(call):
    name, args, kwargs, _ = call
    return f"{name}({', '.join(str(np.shape(a)) for a in args)}{kwargs or ''})"


@pytest.mark.parametrize("call", CALLS, ids=identity)
def test_on_plain_values(call):
    name, args, kwargs, expected = call
    same(expected, getattr(lax, name)(*args, **kwargs))


@pytest.mark.parametrize("call", CALLS, ids=identity)
def test_under_vmap(call):
    """The values are hidden; arrays among the arguments have a batch axis of one element."""
    name, args, kwargs, expected = call
    arrays = [a for a in args if isinstance(a, np.ndarray) and a.ndim]

    def function(*values):
        values = iter(values)
        given = [next(values) if isinstance(a, np.ndarray) and a.ndim else a for a in args]
        return getattr(lax, name)(*given, **kwargs)

    same(expected, vmap(function, axis_size=1)(*[a[None] for a in arrays])[0])


def test_names_that_are_numpys():
    for name, function in {
        "abs": np.abs, "neg": np.negative, "exp": np.exp, "asinh": np.arcsinh, "tan": np.tan,
        "sign": np.sign, "floor": np.floor, "square": np.square, "cbrt": np.cbrt,
        "is_finite": np.isfinite, "erf": None,
    }.items():  # fmt: skip
        if function is not None:
            same(function(X), getattr(lax, name)(X))
    for name, function in {
        "add": np.add, "sub": np.subtract, "mul": np.multiply, "max": np.maximum,
        "min": np.minimum, "atan2": np.arctan2, "eq": np.equal, "ge": np.greater_equal,
    }.items():  # fmt: skip
        same(function(X, Y), getattr(lax, name)(X, Y))


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
