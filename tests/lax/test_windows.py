"""Reductions over windows against sums over slices, their derivatives at ties, and errors."""

from functools import reduce

import numpy as np
import pytest
from samples.of_convolution import numbers

import fungrad.numpy as fnp
from fungrad import grad, jit, jvp, lax, vjp, vmap
from fungrad.testing import check_grads

X = numbers(2, 7, 6)
OPTIONS = [
    ((1, 2, 3), (1, 2, 2), "VALID", None, None),
    ((1, 3, 3), (1, 2, 1), "SAME", None, None),
    ((2, 2, 3), (1, 3, 1), [(1, 0), (0, 2), (2, 1)], (1, 1, 2), (1, 2, 1)),
    ((1, 1, 9), (1, 1, 1), [(0, 0), (0, 0), (8, 0)], None, None),  # a running reduction
]


def expected(function, start, x, widths, strides, padding, base, dilation):
    """One window after another; only elements count, not what stands between them."""
    rank = x.ndim
    base, dilation = base or (1,) * rank, dilation or (1,) * rank
    if isinstance(padding, str):
        padding = lax.padtype_to_pads(x.shape, widths, strides, padding)
    spread = np.full(
        [(n - 1) * b + 1 + p + q for n, b, (p, q) in zip(x.shape, base, padding)], None
    )
    spread[tuple(slice(p, n - q, b) for n, b, (p, q) in zip(spread.shape, base, padding))] = x
    reach = [(k - 1) * d + 1 for k, d in zip(widths, dilation)]
    shape = [(n - r) // s + 1 for n, r, s in zip(spread.shape, reach, strides)]
    result = np.empty(shape)
    for at in np.ndindex(*shape):
        cut = [slice(i * s, i * s + r, d) for i, s, r, d in zip(at, strides, reach, dilation)]
        found = [v for v in spread[tuple(cut)].ravel() if v is not None]
        result[at] = reduce(function, found, start)
    return result


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize(
    "function, start",
    [
        (lax.add, 0.0),
        (lax.add, 1.5),
        (lax.max, -np.inf),
        (lax.max, 0.1),
        (lax.min, np.inf),
        (lax.mul, 1.0),
        (lambda a, b: a * b, 2.0),
        (lambda a, b: np.add(b, a), 0.0),
    ],
)
def test_values(function, start, options):
    wanted = expected(function, start, X, *options)
    np.testing.assert_allclose(lax.reduce_window(X, start, function, *options), wanted, atol=1e-12)


@pytest.mark.parametrize("options", OPTIONS[:3], ids=str)
def test_values_compiled(options):
    def all_three(x):
        return (
            lax.reduce_window(x, 0.0, lax.add, *options),
            lax.reduce_window(x, -np.inf, lax.max, *options),
            lax.reduce_window(x, 1.0, lax.mul, *options),
        )

    wanted = [
        expected(f, i, X, *options) for f, i in ((lax.add, 0), (lax.max, -np.inf), (lax.mul, 1))
    ]
    for y, z in zip(jit(all_three)(X), wanted, strict=True):
        np.testing.assert_allclose(y, z, atol=1e-12)


def test_several_arrays_reduced_together():
    """The largest of each window, and where it stands."""

    def larger(a, b):
        wins = a[0] >= b[0]
        return fnp.where(wins, a[0], b[0]), fnp.where(wins, a[1], b[1])

    x = numbers(9)
    values, places = lax.reduce_window(
        (x, np.arange(9)), (-np.inf, -1), larger, (3,), (2,), [(1, 1)]
    )
    padded = np.pad(x, 1, constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 3)[::2]
    np.testing.assert_array_equal(values, windows.max(-1))
    np.testing.assert_array_equal(places, windows.argmax(-1) + np.arange(0, 9, 2) - 1)


def test_the_first_of_equal_elements_takes_all():
    x = np.array([1.0, 1.0, 0.0, 0.0])
    weights = np.array([1.0, 2.0, 3.0])
    for compile in (lambda f: f, jit):
        f = lambda x: (lax.reduce_window(x, -np.inf, lax.max, (2,)) * weights).sum()
        np.testing.assert_array_equal(compile(grad(f))(x), [1.0, 2.0, 3.0, 0.0])
        _, tangent = compile(lambda x, t: jvp(f, (x,), (t,)))(x, np.array([1.0, 10, 100, 1000]))
        assert tangent == 1 + 20 + 300


@pytest.mark.parametrize("kind", [lax.add, lax.max, lax.min, lax.mul])
def test_derivatives(kind):
    start = {lax.add: 0.0, lax.max: -np.inf, lax.min: np.inf, lax.mul: 1.0}[kind]

    def f(x):
        return lax.reduce_window(x, start, kind, (2, 3), (2, 1), "SAME")

    check_grads(f, (numbers(4, 5),), order=2)
    check_grads(jit(vmap(f)), (numbers(2, 4, 5),), order=1)


def test_pools_as_networks_have_them():
    """Maxima and averages of blocks of 2 by 2, channels last, against reshaping."""
    x = numbers(3, 8, 6, 5)
    window = (1, 2, 2, 1)
    blocks = x.reshape(3, 4, 2, 3, 2, 5)
    largest = jit(lambda x: lax.reduce_window(x, -np.inf, lax.max, window, window))(x)
    mean = jit(lambda x: lax.reduce_window(x, 0.0, lax.add, window, window) / 4)(x)
    np.testing.assert_array_equal(largest, blocks.max((2, 4)))
    np.testing.assert_allclose(mean, blocks.mean((2, 4)), atol=1e-14)


#: widths, strides, padding of windows over (images, channels, 9, 8) or over (images, 9, 8, channels)
POOLS = [((2, 2), (2, 2), 0), ((3, 3), (2, 2), 1), ((3, 2), (1, 3), 1), ((7, 6), (1, 2), 3)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("is_last", [False, True])
@pytest.mark.parametrize("widths, strides, pad", POOLS)
def test_compiled_pools_pass_cotangents_on_as_a_search_does(widths, strides, pad, is_last, dtype):
    """Against loops over the windows, with ties, nan, and nothing but -inf in some windows."""
    generator = np.random.default_rng(0)
    x = generator.integers(-3, 4, (10, 3, 9, 8)).astype(dtype)
    x[2, :, 3, 4], x[2, :, 3, 6], x[3], x[4, 1, :, 2] = np.nan, np.nan, -np.inf, np.inf
    pads = [(pad, pad)] * 2
    around = lambda pair, outer: (*outer, *pair) if not is_last else (outer[0], *pair, outer[1])
    config = around(widths, (1, 1)), around(strides, (1, 1)), around(pads, ((0, 0), (0, 0)))
    low = dtype(-np.inf)
    y, dx = searched(x, widths, strides, pad)
    if is_last:
        x, y, dx = (np.moveaxis(v, 1, -1).copy() for v in (x, y, dx))
    f = jit(lambda x: lax.reduce_window(x, low, lax.max, *config))
    np.testing.assert_array_equal(f(x), y)
    weights = weights_of(y.shape, is_last).astype(dtype)
    g = jit(grad(lambda x: (f(x) * weights).sum()))
    np.testing.assert_allclose(g(x), dx, rtol=1e-6)
    np.testing.assert_allclose(vjp(lambda x: f(x), x)[1](weights)[0], dx, rtol=1e-6)


def weights_of(shape, is_last=False):
    """A weight for each window, channels last or in front."""
    shape = shape if not is_last else (shape[0], shape[-1], *shape[1:-1])
    weights = np.arange(1.0, np.prod(shape) + 1).reshape(shape)
    return np.moveaxis(weights, 1, -1) if is_last else weights


def searched(x, widths, strides, pad):
    """The largest of each window, and the sums of the weights of those that an element wins."""
    sizes = [
        (n + 2 * pad - k) // s + 1 for n, k, s in zip(x.shape[2:], widths, strides, strict=True)
    ]
    y, dx = np.full((*x.shape[:2], *sizes), -np.inf), np.zeros(x.shape)
    weights = weights_of(y.shape)
    for at in np.ndindex(y.shape):
        best = None
        for k in np.ndindex(*widths):
            i = [p * s + j - pad for p, s, j in zip(at[2:], strides, k, strict=True)]
            if not all(0 <= j < n for j, n in zip(i, x.shape[2:], strict=True)):
                continue
            i = (*at[:2], *i)
            if best is None or x[i] > x[best] or np.isnan(x[i]) and not np.isnan(x[best]):
                best = i
        y[at] = x[best]
        dx[best] += weights[at]
    return y, dx


def test_nan_and_empty_windows():
    x = np.array([1.0, np.nan, 3.0])
    for call in (lax.reduce_window, jit(lax.reduce_window, static_argnums=(2, 3, 4, 5))):
        y = call(x, -np.inf, lax.max, (2,), (1,), ((2, 0),))
        np.testing.assert_array_equal(y, [-np.inf, 1.0, np.nan, np.nan])
    truths = np.array([False, False, True])
    np.testing.assert_array_equal(
        lax.reduce_window(truths, False, lax.bitwise_or, (2,)), [False, True]
    )


@pytest.mark.parametrize(
    "changed, error, message",
    [
        (
            dict(window_dimensions=(2, 2)),
            ValueError,
            "window_dimensions must have one entry for each of 3",
        ),
        (dict(window_dimensions=(2, 0, 1)), ValueError, "window_dimensions must be at least 1"),
        (dict(window_strides=(1, 0, 1)), ValueError, "window_strides must be at least 1"),
        (dict(padding="HALF"), ValueError, "got 'HALF'"),
        (dict(padding=[(0, 0)]), TypeError, "explicit pads: expected 3, got 1"),
        (dict(init_value=np.zeros(2)), ValueError, "init_value is a scalar, got shape (2,)"),
    ],
    ids=lambda v: str(v)[:40],
)
def test_what_does_not_fit_is_refused(changed, error, message):
    given = dict(operand=X, init_value=0.0, computation=lax.add, window_dimensions=(1, 2, 2))
    with pytest.raises(error) as raised:
        lax.reduce_window(**{**given, **changed})
    assert message in str(raised.value)


def test_ranks_without_windows():
    assert lax.reduce_window(2.0, 0.0, lax.add, ()) == 2.0


def test_the_lowest_value_wins_over_padding():
    x = np.array([-np.inf, 1.0, -np.inf, -np.inf])
    weights = np.array([1.0, 2.0, 3.0, 4.0])

    def pulled(x, c):
        pool = lambda x: lax.reduce_window(x, -np.inf, lax.max, (2,), padding=[(1, 0)])
        return vjp(pool, x)[1](c)[0]

    for call in (pulled, jit(pulled)):
        np.testing.assert_array_equal(call(x, weights), [1.0, 5.0, 4.0, 0.0])
