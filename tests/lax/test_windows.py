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
