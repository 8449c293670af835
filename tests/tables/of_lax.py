"""Calls of `lax` functions: name, arguments, keywords, and what they give."""

import math

import numpy as np
import scipy.linalg
import scipy.special

from fungrad import lax, vmap
from tests.tables.row import Table, Traced, t

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

TABLE = Table("lax", lax)


def _argument(x):
    """Arrays of integers and truths are traced as well."""
    if isinstance(x, np.ndarray | np.generic):
        return t(x)
    if isinstance(x, list) and any(isinstance(v, np.ndarray | np.generic) for v in x):
        return Traced(x)
    return x


for _name, _arguments, _keywords, _expected in CALLS:
    # Results that are integers, and quotients that jump between the points of a difference.
    _whole = "round population_count rem convert_element_type full_like argmax argmin"
    _options = {"smooth": _name not in _whole.split()}
    TABLE.row(_name, *map(_argument, _arguments), to=_expected, **_options, **_keywords)

P, H = R.uniform(0.2, 0.8, (3, 2)), R.uniform(1.2, 2.0, (3, 2))
UNIT, OTHER = R.uniform(0.2, 0.8, 4), R.uniform(0.5, 3.0, 4)
ORDERS = np.array([1.0, 2.0, 0.0, 3.0])
BITS = t(np.array([12, 5, 255, 1], np.uint8))
#: The names of NumPy where they differ.
NUMPY = {
    "neg": "negative", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "asinh": "arcsinh",
    "atanh": "arctanh", "sub": "subtract", "mul": "multiply", "max": "maximum", "min": "minimum",
    "pow": "power", "atan2": "arctan2", "eq": "equal", "ne": "not_equal", "lt": "less",
    "le": "less_equal", "gt": "greater", "ge": "greater_equal", "is_finite": "isfinite",
}  # fmt: skip


def numpys(name):
    """NumPy's function of a name of lax."""
    return getattr(np, NUMPY.get(name, name))


for name in """abs neg exp exp2 expm1 log log1p sqrt cbrt square sin cos tan asin acos atan sinh cosh
        tanh asinh atanh""".split():
    TABLE.row(name, P, to=numpys(name))
TABLE.row("acosh", H, to=np.arccosh)
for name in ("sign", "floor", "ceil", "is_finite"):
    TABLE.row(name, X, to=numpys(name), smooth=False)
for name in "add sub mul pow atan2 max min".split():
    TABLE.row(name, P, H, to=numpys(name))
for name in "eq ne lt le gt ge nextafter".split():
    TABLE.row(name, P, H, to=numpys(name), smooth=False)
for name in "bitwise_and bitwise_or bitwise_xor".split():
    TABLE.row(name, t([12, 5]), t([10, 3]), to=numpys(name))
TABLE.row("bitwise_not", t([12, 5]), to=np.invert)
TABLE.row("real", P + 1j * H, to=np.real)
TABLE.row("imag", P + 1j * H, to=np.imag)
TABLE.row("conj", P + 1j * H, to=np.conj)
for name, peer in {
    "erf": "erf", "erfc": "erfc", "erf_inv": "erfinv", "lgamma": "gammaln", "digamma": "digamma",
    "bessel_i0e": "i0e", "bessel_i1e": "i1e",
}.items():  # fmt: skip
    TABLE.row(name, UNIT, to=getattr(scipy.special, peer))
for name, peer in {"igamma": "gammainc", "igammac": "gammaincc"}.items():
    TABLE.row(name, OTHER, UNIT, to=getattr(scipy.special, peer))
TABLE.row("betainc", OTHER, OTHER[::-1], UNIT, to=scipy.special.betainc, order=1)
TABLE.row("igamma_grad_a", OTHER, UNIT, to=lambda a, x: _slope(scipy.special.gammainc, a, x),
          tolerance=1e-5, order=1)  # fmt: skip
TABLE.row("random_gamma_grad", OTHER, UNIT, to=lambda a, x: -_slope(
    scipy.special.gammainc, a, x) / (np.exp(-x) * x ** (a - 1) / scipy.special.gamma(a)),
    tolerance=1e-5, smooth=False)  # fmt: skip
TABLE.row("polygamma", OTHER, by=lambda f, x: f(ORDERS, x),
          to=lambda x: scipy.special.polygamma(ORDERS, x))  # fmt: skip
TABLE.row("zeta", 1 + OTHER, UNIT, to=scipy.special.zeta)


def _slope(function, a, x):
    return (function(a + 1e-6, x) - function(a - 1e-6, x)) / 2e-6


TABLE.row("stop_gradient", X, to=lambda x: x, smooth=False)
TABLE.row("broadcast_shapes", (3, 1), (4,), to=(3, 4))
TABLE.row("broadcast_like", X[0], by=lambda f, x: f(x, np.zeros((3, 4))), to=np.tile(X[0], (3, 1)))
TABLE.row("split", X, (1, 3), 1, to=(X[:, :1], X[:, 1:]))
TABLE.row("unstack", X, to=tuple(X))
TABLE.row("dtype", X, by=lambda f, x: f(x) == np.float64, to=True, smooth=False)
TABLE.row("sort_key_val", t([3, 1, 2]), X[0, :3], to=(np.array([1, 2, 3]), X[0, [1, 2, 0]]))
TABLE.row("top_k", X, 2, to=(-np.sort(-X, 1)[:, :2], np.argsort(-X, 1)[:, :2]))
for name in ("approx_max_k", "approx_min_k"):
    sign = 1 if name == "approx_min_k" else -1
    TABLE.row(name, X, 2, to=(sign * np.sort(sign * X, 1)[:, :2],
              np.argsort(sign * X, 1)[:, :2]))  # fmt: skip
TABLE.row("scatter_sub", X, t([[1]]), np.ones((3, 1)), SCATTER((0,), (1,), (1,)),
          to=scattered(X, np.s_[:, 1], X[:, 1] - 1))  # fmt: skip
TABLE.row("scatter_apply", X, t([[1], [1]]), np.sin, SCATTER((0,), (1,), (1,)), update_shape=(3, 2),
          to=scattered(X, np.s_[:, 1], np.sin(np.sin(X[:, 1]))))  # fmt: skip

# ---- control flow: programs whose values have a formula

TABLE.row("scan", X, by=lambda f, x: f(lambda c, r: (c + r.sum(), c * r), 1.0, x),
          to=lambda x: (1 + x.sum(), x * (1 + np.cumsum(x.sum(1)) - x.sum(1))[:, None]))  # fmt: skip
TABLE.row("while_loop", P, by=lambda f, x: f(lambda c: c[0] < 3, lambda c: (c[0] + 1, c[1] * x),
          (0, x))[1], to=lambda x: x**4)  # fmt: skip
TABLE.row("fori_loop", P, by=lambda f, x: f(0, 3, lambda i, c: c * x + i, x),
          to=lambda x: ((x * x) * x + 1) * x + 2)  # fmt: skip
TABLE.row("cond", P, by=lambda f, x: f(x[0, 0] > 0, np.sin, np.cos, x), to=np.sin)
TABLE.row("switch", P, by=lambda f, x: f(np.int64(1), [np.sin, np.cos, np.exp], x), to=np.cos)
TABLE.row("map", X, by=lambda f, x: f(lambda r: np.sin(r) * r.sum(), x),
          to=lambda x: np.sin(x) * x.sum(1, keepdims=True))  # fmt: skip
TABLE.row("associative_scan", X, by=lambda f, x: f(np.multiply, x), to=lambda x: x.cumprod(0))
TABLE.row("custom_root", P, by=lambda f, a: f(
    lambda x: x * x - a, a, lambda g, x: lax.fori_loop(0, 9, lambda _, x: x - g(x) / (2 * x), x),
    lambda g, y: y / g(np.ones_like(y))), to=np.sqrt)  # fmt: skip
TABLE.row("custom_linear_solve", P[:2], H[:2, 0], by=lambda f, a, b: f(
    lambda x: a @ x + 3 * x, b, lambda m, b: np.linalg.solve(a + 3 * np.eye(2), b),
    lambda m, b: np.linalg.solve((a + 3 * np.eye(2)).T, b)),
    to=lambda a, b: np.linalg.solve(a + 3 * np.eye(2), b))  # fmt: skip

# ---- bits

TABLE.row("shift_left", t([5, 3]), t([1, 2]), to=np.left_shift)
TABLE.row("shift_right_arithmetic", t([-5, 3]), t([1, 1]), to=np.right_shift)
TABLE.row("shift_right_logical", t([-1, 8], np.int32), t([30, 1], np.int32),
          to=np.array([3, 4], np.int32))  # fmt: skip
TABLE.row("clz", BITS, to=np.array([4, 5, 0, 7], np.uint8))
TABLE.row("mulhi", t([200, 3], np.uint8), t([200, 3], np.uint8), to=np.array([156, 0], np.uint8))
TABLE.row("bitcast_convert_type", X, np.int64, to=X.view(np.int64), smooth=False)
TABLE.row("reduce_precision", np.array([1.0, 1 + 2.0**-30]), 8, 7, to=np.ones(2), smooth=False)
TABLE.row("reduce_xor", t([[12, 5], [1, 2]]), (0,), to=np.array([13, 7]))
TABLE.row("rng_bit_generator", t([5, 7], np.uint64), (2,), np.uint64,
          to=(np.array([5, 9], np.uint64), np.array([4568218857448468851, 8837050182540938565],
              np.uint64)))  # fmt: skip
TABLE.row("rng_uniform", 1.0, 1.0, (2,), to=np.ones(2))

# ---- windows and convolutions

LINE, FILTER = R.standard_normal((2, 3, 7)), R.standard_normal((4, 3, 3))
PLANE, SQUARE = R.standard_normal((1, 2, 5, 5)), R.standard_normal((3, 2, 2, 2))
EYES = R.standard_normal((1, 6, 4, 4))


def correlated(x, w):
    """The convolution without padding of batches of lines or planes, from its definition."""
    sizes = [n - k + 1 for n, k in zip(x.shape[2:], w.shape[2:], strict=True)]
    y = np.zeros((x.shape[0], w.shape[0], *sizes))
    for i in np.ndindex(*sizes):
        part = x[(slice(None), slice(None), *[slice(a, a + k) for a, k in zip(i, w.shape[2:])])]
        axes = tuple(range(1, x.ndim))
        y[(slice(None), slice(None), *i)] = np.tensordot(part, w, (axes, axes))
    return y


TABLE.row("reduce_window", X, 0.0, np.add, (2, 2), (1, 2), "VALID",
          to=lambda x, *_: x[:-1, ::2] + x[1:, ::2] + x[:-1, 1::2] + x[1:, 1::2])  # fmt: skip
TABLE.row("conv", LINE, FILTER, (1,), "VALID", to=lambda x, w, *_: correlated(x, w))
TABLE.row("conv_general_dilated", PLANE, SQUARE, (1, 1), "VALID",
          to=lambda x, w, *_: correlated(x, w))  # fmt: skip
TABLE.row("conv_general_dilated", LINE, FILTER, (2,), [(1, 1)],
          to=lambda x, w, *_: correlated(np.pad(x, ((0, 0), (0, 0), (1, 1))), w)[..., ::2])
TABLE.row("conv_with_general_padding", LINE, FILTER, (1,), [(2, 0)], None, None,
          to=lambda x, w, *_: correlated(np.pad(x, ((0, 0), (0, 0), (2, 0))), w))  # fmt: skip
TABLE.row("conv_transpose", LINE.transpose(0, 2, 1), FILTER.transpose(2, 1, 0), (1,), "VALID",
          to=lambda x, w, *_: correlated(np.pad(x.transpose(0, 2, 1), ((0, 0), (0, 0), (2, 2))),
                                         w.transpose(2, 1, 0)).transpose(0, 2, 1))  # fmt: skip
TABLE.row("conv_general_dilated_patches", LINE, (3,), (1,), "VALID",
          to=lambda x, *_: np.lib.stride_tricks.sliding_window_view(x, 3, 2).transpose(
              0, 1, 3, 2).reshape(2, 9, 5))  # fmt: skip
TABLE.row("conv_general_dilated_local", LINE, R.standard_normal((4, 9, 5)), (1,), "VALID", (3,),
          to=lambda x, w, *_: np.einsum("bkp,okp->bop", np.lib.stride_tricks.sliding_window_view(
              x, 3, 2).transpose(0, 1, 3, 2).reshape(2, 9, 5), w))  # fmt: skip
TABLE.row("ragged_dot", X, C.transpose(0, 2, 1), t([1, 2], np.int32),
          to=lambda x, w, _: np.concatenate([x[:1] @ w[0], x[1:] @ w[1]]))  # fmt: skip
TABLE.row("fft", X + 0j, "fft", (4,), to=lambda x, *_: np.fft.fft(x))
TABLE.row("reduce_window_shape_tuple", (5, 6), (2, 3), (1, 2), [(0, 0), (1, 1)], to=(4, 3))
TABLE.row("conv_shape_tuple", (1, 3, 7), (4, 3, 3), (2,), [(1, 1)], to=(1, 4, 4))
TABLE.row("conv_general_shape_tuple", (1, 3, 7), (4, 3, 3), (2,), [(1, 1)], ("NCH", "OIH", "NCH"),
          to=(1, 4, 4))  # fmt: skip
TABLE.row("conv_transpose_shape_tuple", (1, 3, 7), (4, 3, 3), (2,), "SAME", ("NCH", "OIH", "NCH"),
          to=(1, 4, 14))  # fmt: skip
TABLE.row("conv_dimension_numbers", (1, 3, 7), (4, 3, 3), None, by=lambda f, *a: tuple(
    map(tuple, f(*a))), to=((0, 1, 2), (0, 1, 2), (0, 1, 2)))  # fmt: skip
TABLE.row("conv_general_permutations", ("NCH", "OIH", "NCH"),
          to=((0, 1, 2), (0, 1, 2), (0, 1, 2)))  # fmt: skip
TABLE.row("padtype_to_pads", (7,), (3,), (2,), "SAME", to=[(1, 1)])
TABLE.row("shape_as_value", (2, 3), to=np.array([2, 3]))
TABLE.row("optimization_barrier", X, to=lambda x: x)

# ---- collectives over the axis of a batch


def over_rows(f, *args, **kwargs):
    """A collective of the rows of a batch."""
    x, *rest = args
    return vmap(lambda r: f(r, "rows", *rest, **kwargs), axis_name="rows")(x)


for name, combine in {"psum": np.sum, "pmean": np.mean, "pmax": np.max, "pmin": np.min}.items():
    TABLE.row(name, X, by=over_rows,
              to=lambda x, combine=combine: np.broadcast_to(combine(x, 0), x.shape))  # fmt: skip
TABLE.row("all_gather", X, by=over_rows, to=lambda x: np.stack([x] * 3))
TABLE.row("axis_index", X, by=lambda f, x: vmap(lambda r: r * f("rows"), axis_name="rows")(x),
          to=lambda x: x * np.arange(3)[:, None])  # fmt: skip
TABLE.row("axis_size", X, by=lambda f, x: vmap(lambda r: r * f("rows"), axis_name="rows")(x),
          to=lambda x: 3 * x)  # fmt: skip

# ---- lax.linalg

LINALG = Table("lax.linalg", lax.linalg)
A, B = R.standard_normal((3, 3)) + 2 * np.eye(3), R.standard_normal((3, 2))
LOWER = np.tril(A) + np.eye(3)
LINALG.row("cholesky", A, by=lambda f, a: f(a @ a.T + np.eye(3)),
           to=lambda a: np.linalg.cholesky(a @ a.T + np.eye(3)))  # fmt: skip
LINALG.row("triangular_solve", LOWER, B, left_side=True, lower=True,
           to=lambda a, b, **_: np.linalg.solve(np.tril(a), b))  # fmt: skip
LINALG.row("lu", A, by=lambda f, a: f(a)[0], to=lambda a: scipy.linalg.lu_factor(a)[0])
LINALG.row("lu_pivots_to_permutation", t([2, 2, 2], np.int32), 3, to=np.array([2, 0, 1], np.int32))
LINALG.row("qr", A, to=lambda a: tuple(np.linalg.qr(a)))
LINALG.row("svd", A, full_matrices=False, to=lambda a, **_: tuple(np.linalg.svd(a)))
LINALG.row("eigh", A, by=lambda f, a: f(a)[1], to=lambda a: np.linalg.eigvalsh((a + a.T) / 2))
LINALG.row("eig", A, by=lambda f, a: f(a + 0j)[0], to=lambda a: np.linalg.eigvals(a + 0j))
LINALG.row("schur", A + A.T, by=lambda f, a: f(a)[0].trace(), to=np.trace)
LINALG.row("householder_product", A[:, :2], R.standard_normal(2), by=lambda f, a, taus: f(a, taus),
           to=lambda a, taus: _reflected(a, taus)[:, :2])  # fmt: skip
LINALG.row("ormqr", A[:, :2], R.standard_normal(2), B,
           to=lambda a, taus, c: _reflected(a, taus) @ c)  # fmt: skip
LINALG.row("cholesky_update", np.triu(A) + np.diag([3.0, 1, 2]), B[:, 0], to=lambda r, w:
           np.linalg.cholesky(r.T @ r + np.outer(w, w)).T)  # fmt: skip
LINALG.row("tridiagonal_solve", A[0], 4 + A[1], A[2], B, to=lambda dl, d, du, b: np.linalg.solve(
    np.diag(d) + np.diag(dl[1:], -1) + np.diag(du[:-1], 1), b))  # fmt: skip
LINALG.row("hessenberg", A, by=lambda f, a: np.triu(f(a)[0], -1), to=scipy.linalg.hessenberg)
LINALG.row("tridiagonal", A, by=lambda f, a: f(a + a.T)[1:3], to=lambda a: (
    scipy.linalg.hessenberg(a + a.T).diagonal(), scipy.linalg.hessenberg(a + a.T).diagonal(-1)))
LINALG.row("qdwh", A, by=lambda f, a: f(a)[:2], to=scipy.linalg.polar)
LINALG.row("symmetric_product", B, A + A.T, alpha=0.5, beta=2.0,
           to=lambda b, c, **_: 0.5 * b @ b.T + 2 * c)  # fmt: skip


def _reflected(a, taus):
    """The product of elementary reflectors, from their definition."""
    q = np.eye(len(a))
    for i, tau in enumerate(taus):
        v = np.concatenate([np.zeros(i), [1.0], a[i + 1 :, i]])
        q = q @ (np.eye(len(a)) - tau * np.outer(v, v))
    return q
