"""Activations against their formulas in 200 digits, with first and second derivatives; extremes."""

import mpmath
import numpy as np
import pytest

from fungrad import grad, jit, jvp, nn, vmap
from fungrad.testing import check_grads

mp = mpmath.mp
INF = np.inf


def _logistic(x):
    return 1 / (1 + mp.exp(-x))


FORMULAS = {
    "celu": lambda x: x if x > 0 else mp.expm1(x),
    "elu": lambda x: x if x > 0 else mp.expm1(x),
    "gelu": lambda x: x * (1 + mp.tanh(mp.sqrt(2 / mp.pi) * (x + mp.mpf("0.044715") * x**3))) / 2,
    "hard_sigmoid": lambda x: min(max(x + 3, 0), 6) / 6,
    "hard_silu": lambda x: x * min(max(x + 3, 0), 6) / 6,
    "hard_swish": lambda x: x * min(max(x + 3, 0), 6) / 6,
    "hard_tanh": lambda x: min(max(x, -1), 1),
    "identity": lambda x: x,
    "leaky_relu": lambda x: x if x > 0 else mp.mpf(0.01) * x,
    "log_sigmoid": lambda x: mp.log(_logistic(x)),
    "mish": lambda x: x * mp.tanh(mp.log(1 + mp.exp(x))),
    "relu": lambda x: max(x, 0),
    "relu6": lambda x: min(max(x, 0), 6),
    "selu": lambda x: (
        mp.mpf("1.0507009873554804934193349852946")
        * (x if x > 0 else mp.mpf("1.6732632423543772848170429916717") * mp.expm1(x))
    ),
    "sigmoid": _logistic,
    "silu": lambda x: x * _logistic(x),
    "swish": lambda x: x * _logistic(x),
    "soft_sign": lambda x: x / (1 + abs(x)),
    "softplus": lambda x: mp.log(1 + mp.exp(x)),
    "sparse_plus": lambda x: 0 if x < -1 else x if x > 1 else (x + 1) ** 2 / 4,
    "sparse_sigmoid": lambda x: min(max(x + 1, 0), 2) / 2,
    "squareplus": lambda x: (x + mp.sqrt(x * x + 4)) / 2,
    "tanh": mp.tanh,
}
POINTS = np.array([-37.5, -12.25, -3.5, -1.75, -0.625, -1e-3, 1e-9, 0.375, 1.25, 2.5, 7.0, 30.0])


def exact(formula, x, order):
    with mp.workdps(200):
        # Narrow steps: none of the points is nearer to a kink.
        return float(mp.diff(formula, mp.mpf(float(x)), order, h=mp.mpf(10) ** -30))


@pytest.mark.parametrize("name", FORMULAS)
def test_values_and_derivatives(name):
    f, formula = getattr(nn, name), FORMULAS[name]
    for order, function in enumerate((f, grad(f), grad(grad(f)))):
        expected = [exact(formula, x, order) for x in POINTS]
        found = [function(x) for x in POINTS]
        # tanh' = (1 - y)(1 + y) loses what y has lost near 1; second derivatives are sums.
        scale = 2e-15 if name == "tanh" or order == 2 else 1e-70
        np.testing.assert_allclose(found, expected, rtol=4e-13, atol=scale, err_msg=str(order))
    np.testing.assert_allclose(f(POINTS), [exact(formula, x, 0) for x in POINTS], rtol=1e-13)


@pytest.mark.parametrize("name", FORMULAS)
def test_compiled_and_in_float32(name):
    f = getattr(nn, name)
    both = jit(lambda x: (f(x), vmap(grad(f))(x)))
    for dtype, tolerance in ((np.float64, 1e-13), (np.float32, 2e-5)):
        x = POINTS.astype(dtype)
        value, slope = both(x)
        assert value.dtype == slope.dtype == f(x).dtype == dtype
        np.testing.assert_allclose(value, f(POINTS), rtol=tolerance, atol=1e-13)
        np.testing.assert_allclose(slope, vmap(grad(f))(POINTS), rtol=tolerance, atol=2e-7)


def test_in_both_modes():
    """All at once, since each is elementwise."""

    def every(x):
        return [getattr(nn, name)(x) for name in FORMULAS]

    check_grads(every, (np.array([-3.5, -1.75, -0.625, 0.375, 1.25]),), order=2)


# The limits far out: value and derivative at -inf, -1e300, 1e300, inf.
LIMITS = {
    "celu": [(-1, 0), (-1, 0), (1e300, 1), (INF, 1)],
    "elu": [(-1, 0), (-1, 0), (1e300, 1), (INF, 1)],
    "gelu": [(0, 0), (0, 0), (1e300, 1), (INF, 1)],
    "hard_sigmoid": [(0, 0), (0, 0), (1, 0), (1, 0)],
    "hard_silu": [(0, 0), (0, 0), (1e300, 1), (INF, 1)],
    "log_sigmoid": [(-INF, 1), (-1e300, 1), (0, 0), (0, 0)],
    "mish": [(0, 0), (0, 0), (1e300, 1), (INF, 1)],
    "relu": [(0, 0), (0, 0), (1e300, 1), (INF, 1)],
    "sigmoid": [(0, 0), (0, 0), (1, 0), (1, 0)],
    "silu": [(0, 0), (0, 0), (1e300, 1), (INF, 1)],
    "soft_sign": [(-1, 0), (-1, 0), (1, 0), (1, 0)],
    "softplus": [(0, 0), (0, 0), (1e300, 1), (INF, 1)],
    "sparse_plus": [(0, 0), (0, 0), (1e300, 1), (INF, 1)],
    "sparse_sigmoid": [(0, 0), (0, 0), (1, 0), (1, 0)],
    "squareplus": [(0, 0), (1e-300, 0), (1e300, 1), (INF, 1)],
    "tanh": [(-1, 0), (-1, 0), (1, 0), (1, 0)],
}


@pytest.mark.parametrize("name", LIMITS)
def test_limits(name):
    f = getattr(nn, name)
    forward = jit(lambda x: jvp(f, (x,), (1.0,)))
    for x, (value, slope) in zip((-INF, -1e300, 1e300, INF), LIMITS[name], strict=True):
        assert f(x) == value
        assert grad(f)(x) == slope
        assert forward(x) == (value, slope)
        assert np.isfinite(grad(grad(f))(x))
        assert np.isnan(f(np.nan))


def test_exact_gelu():
    def formula(x):
        return x * mp.ncdf(x)

    for x in POINTS:
        for order, f in enumerate((nn.gelu, grad(nn.gelu, 0), grad(grad(nn.gelu, 0), 0))):
            found = f(x, approximate=False)
            assert found == pytest.approx(exact(formula, x, order), rel=1e-11, abs=2e-15)
    assert grad(nn.gelu)(1e300, approximate=False) == 1


def test_log1mexp():
    for x in (1e-20, 1e-3, 0.5, 0.7, 3.0, 40.0, 700.0):
        with mp.workdps(400):
            value = float(mp.log(1 - mp.exp(-mp.mpf(x))))
            slope = float(1 / mp.expm1(mp.mpf(x)))
        assert nn.log1mexp(x) == pytest.approx(value, rel=1e-14, abs=0)
        assert grad(nn.log1mexp)(x) == pytest.approx(slope, rel=1e-14, abs=0)
    assert nn.log1mexp(INF) == 0
    assert grad(nn.log1mexp)(INF) == 0


# The derivatives that JAX has at kinks.
KINKS = [
    (nn.relu, 0.0, 0.0),
    (nn.relu6, 0.0, 0.0),
    (nn.relu6, 6.0, 0.0),
    (nn.leaky_relu, 0.0, 1.0),
    (nn.elu, 0.0, 1.0),
    (nn.selu, 0.0, 1.7580993408473766),
    (nn.hard_tanh, 1.0, 1.0),
    (nn.hard_tanh, -1.0, 1.0),
    (nn.hard_sigmoid, -3.0, 0.0),
    (nn.hard_sigmoid, 3.0, 0.0),
    (nn.hard_silu, 3.0, 1.0),
    (nn.sparse_plus, 1.0, 1.0),
    (nn.sparse_sigmoid, 1.0, 0.25),
    (nn.soft_sign, 0.0, 1.0),
    (nn.squareplus, 0.0, 0.5),
    (lambda x: nn.squareplus(x, 0.0), 0.0, 0.0),
]


@pytest.mark.parametrize(("f", "x", "slope"), KINKS)
def test_kinks(f, x, slope):
    assert grad(f)(x) == slope
    assert jvp(f, (x,), (1.0,))[1] == slope
    assert jit(grad(f))(x) == slope


def test_parameters():
    x = np.array([-2.0, 0.5])
    np.testing.assert_allclose(nn.elu(x, 3.0), [3 * np.expm1(-2.0), 0.5])
    np.testing.assert_allclose(nn.celu(x, 4.0), [4 * np.expm1(-0.5), 0.5])
    np.testing.assert_allclose(nn.leaky_relu(x, 0.5), [-1.0, 0.5])
    np.testing.assert_allclose(nn.squareplus(x, 0.25), (x + np.sqrt(x * x + 0.25)) / 2)
    check_grads(lambda x, a: [nn.elu(x, a), nn.celu(x, a), nn.squareplus(x, a)], (x, 1.5), order=2)


def test_glu():
    x = np.random.default_rng(0).normal(size=(3, 4, 2))
    for axis in (0, 1, 2, -1):
        if x.shape[axis] % 2:
            with pytest.raises(
                ValueError, match=r"glu: axis 0 of shape \(3, 4, 2\) has the odd si"
            ):
                nn.glu(x, axis)
            continue
        a, b = np.split(x, 2, axis)
        np.testing.assert_allclose(nn.glu(x, axis), a / (1 + np.exp(-b)))
        np.testing.assert_allclose(jit(nn.glu, static_argnums=1)(x, axis), nn.glu(x, axis))
    check_grads(nn.glu, (x,), order=2)


def test_integers_and_scalars():
    assert nn.relu(np.arange(-2, 3)).dtype == np.int64
    assert nn.silu(np.arange(-2, 3)).dtype == np.float64
    for name in FORMULAS:
        assert isinstance(getattr(nn, name)(0.5), np.float64), name
        assert isinstance(getattr(nn, name)(np.float32(0.5)), np.float32), name
        assert getattr(nn, name)([0.5, 1.0]).shape == (2,), name
