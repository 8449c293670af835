"""Derivatives at kinks, ties and singular points, in reverse and in forward mode."""

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import grad, hessian, jit, jvp, lax, value_and_grad
from fungrad.core.errors import IntegerInputError, OutOfBoundsError

INF, NAN = np.inf, np.nan
DTYPES = (np.float64, np.float32)

# (name, function of one number, point, value of the derivative)
KINKS = [
    ("abs", fnp.abs, 0.0, 0.0),
    ("abs", fnp.abs, -0.0, 0.0),
    ("sign", fnp.sign, 0.0, 0.0),
    ("maximum of x and 0", lambda x: fnp.maximum(x, 0), 0.0, 0.5),
    ("maximum of 0 and x", lambda x: fnp.maximum(0, x), 0.0, 0.5),
    ("minimum of x and 0", lambda x: fnp.minimum(x, 0), 0.0, 0.5),
    ("maximum of x and x", lambda x: fnp.maximum(x, x), 3.0, 1.0),
    ("clip at the lower edge", lambda x: fnp.clip(x, -1, 1), -1.0, 0.5),
    ("clip at the upper edge", lambda x: fnp.clip(x, -1, 1), 1.0, 0.5),
    ("clip outside", lambda x: fnp.clip(x, -1, 1), 2.0, 0.0),
    ("square root behind where", lambda x: fnp.where(x > 0, fnp.sqrt(x), 0.0), 0.0, 0.0),
    ("square root behind where", lambda x: fnp.where(x > 0, fnp.sqrt(x), 0.0), 4.0, 0.25),
    ("square root behind where", lambda x: fnp.where(x > 0, fnp.sqrt(x), 0.0), -4.0, 0.0),
    ("log behind where", lambda x: fnp.where(x > 0, fnp.log(x), 0.0), 0.0, 0.0),
    ("1/x behind where", lambda x: fnp.where(x > 0, 1 / x, 0.0), 0.0, 0.0),
    ("x/x behind where", lambda x: fnp.where(x > 0, x / x, 1.0), 0.0, 0.0),
    ("power behind where", lambda x: fnp.where(x > 0, x**0.3, 0.0), 0.0, 0.0),
    ("power behind where", lambda x: fnp.where(x > 0, x**-1.5, 0.0), 0.0, 0.0),
    ("exp behind where", lambda x: fnp.where(x < 0, fnp.exp(x), 0.0), 1000.0, 0.0),
    ("arcsin behind where", lambda x: fnp.where(x < 1, fnp.arcsin(x), 0.0), 1.0, 0.0),
    ("log1p behind where", lambda x: fnp.where(x > -1, fnp.log1p(x), 0.0), -1.0, 0.0),
    ("arctanh behind where", lambda x: fnp.where(x < 1, fnp.arctanh(x), 0.0), 1.0, 0.0),
    ("chain behind where", lambda x: fnp.where(x > 0, fnp.log(fnp.sqrt(x)), 0.0), 0.0, 0.0),
    ("square root", fnp.sqrt, 0.0, INF),
    ("0 to the power of 2", lambda x: x**2, 0.0, 0.0),
    ("0 to the power of 1", lambda x: x**1, 0.0, 1.0),
    ("0 to the power of 0", lambda x: x**0, 0.0, 0.0),
    ("0 to the power of 0.0", lambda x: fnp.power(x, x.dtype.type(0)), 0.0, 0.0),
    ("0 to the power of 2.0", lambda x: fnp.power(x, x.dtype.type(2)), 0.0, 0.0),
    ("0 to the power of 1.0", lambda x: fnp.power(x, x.dtype.type(1)), 0.0, 1.0),
    ("0 to the power of 0.5", lambda x: x**0.5, 0.0, INF),
    ("negative base", lambda x: fnp.power(x, x.dtype.type(3)), -2.0, 12.0),
    ("0 to the power of x", lambda x: fnp.power(0.0, x), 2.0, 0.0),
    ("0 to the power of x", lambda x: fnp.power(0.0, x), 0.0, 0.0),
    ("negative number to the power of x", lambda x: fnp.power(-2.0, x), 2.0, NAN),
    ("arctan2(x, 0)", lambda x: fnp.arctan2(x, 0.0), 0.0, 0.0),
    ("arctan2(0, x)", lambda x: fnp.arctan2(0.0, x), 0.0, 0.0),
    ("arctan2(x, x)", lambda x: fnp.arctan2(x, x), 0.0, 0.0),
    ("arctan2 of tiny numbers", lambda x: fnp.arctan2(x, 1e-30), 0.0, 1e30),
    ("arctan2 of huge numbers", lambda x: fnp.arctan2(x, 1e30), 0.0, 1e-30),
    ("hypot of huge numbers", lambda x: fnp.hypot(x, 3e30), 4e30, 0.8),
    ("hypot(x, 0)", lambda x: fnp.hypot(x, 0.0), 0.0, 0.0),
    ("hypot(x, x)", lambda x: fnp.hypot(x, x), 0.0, 0.0),
    ("logaddexp(x, -inf)", lambda x: fnp.logaddexp(x, -INF), -INF, 0.0),
    ("logaddexp(x, -inf)", lambda x: fnp.logaddexp(x, -INF), 1.0, 1.0),
    ("logaddexp(x, inf)", lambda x: fnp.logaddexp(x, INF), 1.0, 0.0),
    ("logaddexp(x, x)", lambda x: fnp.logaddexp(x, x), 800.0, 1.0),
    ("copysign(x, 1)", lambda x: fnp.copysign(x, 1.0), 0.0, 0.0),
    ("floor", fnp.floor, 2.0, 0.0),
    ("round", fnp.rint, 2.5, 0.0),
    ("remainder", lambda x: x % 2.0, 2.0, 1.0),
    ("tanh far out", fnp.tanh, 500.0, 0.0),
    ("exp far down", fnp.exp, -1000.0, 0.0),
    ("cube root", fnp.cbrt, 0.0, INF),
    ("arcsin", fnp.arcsin, 1.0, INF),
    ("integer cast", lambda x: x * x.astype(np.int8), 2.5, 2.0),
    ("stop_gradient", lambda x: x * lax.stop_gradient(x), 3.0, 3.0),
]


MODES = {
    "grad": grad,
    "jvp": lambda f: lambda x: jvp(f, (x,), (np.ones_like(x)[()],))[1],
    "jit": lambda f: jit(grad(f)),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", DTYPES, ids=["f64", "f32"])
@pytest.mark.parametrize(("name", "f", "x", "expected"), KINKS, ids=[k[0] for k in KINKS])
@pytest.mark.filterwarnings("ignore:.*encountered:RuntimeWarning")
def test_derivative_at_a_kink(mode, dtype, name, f, x, expected):
    x = dtype(x)
    found = MODES[mode](f)(x)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, dtype(expected), rtol=1e-5)


# ---- second derivatives

SECOND = [
    ("square root behind where", lambda x: fnp.where(x > 0, fnp.sqrt(x), 0.0), 0.0, 0.0),
    ("log behind where", lambda x: fnp.where(x > 0, fnp.log(x), 0.0), 0.0, 0.0),
    ("1/x behind where", lambda x: fnp.where(x > 0, 1 / x, 0.0), 0.0, 0.0),
    ("power behind where", lambda x: fnp.where(x > 0, x**0.3, 0.0), 0.0, 0.0),
    ("arcsin behind where", lambda x: fnp.where(x < 1, fnp.arcsin(x), 0.0), 1.0, 0.0),
    ("abs", fnp.abs, 0.0, 0.0),
    ("x |x|", lambda x: x * fnp.abs(x), 0.0, 0.0),
    ("maximum", lambda x: fnp.maximum(x, 0) ** 2, 0.0, 0.5),
    ("square", lambda x: x**2, 0.0, 2.0),
    ("square by a float", lambda x: fnp.power(x, np.float64(2.0)), 0.0, 2.0),
    ("cube by a float", lambda x: fnp.power(x, np.float64(3.0)), 0.0, 0.0),
    ("cube", lambda x: x**3, 0.0, 0.0),
    ("product", lambda x: fnp.prod(fnp.stack([x, x, 1.0 + x])), 0.0, 2.0),
    ("logaddexp", lambda x: fnp.logaddexp(x, 0.0), 0.0, 0.25),
    ("logaddexp", lambda x: fnp.logaddexp(x, -INF), -INF, 0.0),
    ("arctan2", lambda x: fnp.arctan2(x, x), 0.0, 0.0),
    ("tanh", fnp.tanh, 500.0, 0.0),
]


@pytest.mark.parametrize("inner", ["grad", "jvp"])
@pytest.mark.parametrize("outer", ["grad", "jvp"])
@pytest.mark.parametrize(("name", "f", "x", "expected"), SECOND, ids=[k[0] for k in SECOND])
@pytest.mark.filterwarnings("ignore:.*encountered:RuntimeWarning")
def test_second_derivative_at_a_kink(inner, outer, name, f, x, expected):
    def derivative(function, mode):
        if mode == "grad":
            return grad(function)
        return lambda x: jvp(function, (x,), (1.0,))[1]

    found = derivative(derivative(f, inner), outer)(np.float64(x))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


# ---- ties and empty arrays

TIES = [
    ("max", fnp.max, [1.0, 3.0, 3.0], [0.0, 0.5, 0.5]),
    ("min", fnp.min, [1.0, 1.0, 1.0, 2.0], [1 / 3, 1 / 3, 1 / 3, 0.0]),
    ("max of infinities", fnp.max, [INF, INF, 1.0], [0.5, 0.5, 0.0]),
    ("max of -inf", fnp.max, [-INF, -INF], [0.5, 0.5]),
    ("sort", lambda x: fnp.sort(x)[0], [2.0, 1.0, 1.0], [0.0, 1.0, 0.0]),
    ("prod with one 0", fnp.prod, [2.0, 0.0, 3.0], [0.0, 6.0, 0.0]),
    ("prod with two 0", fnp.prod, [0.0, 0.0, 3.0], [0.0, 0.0, 0.0]),
    ("cumprod with 0", lambda x: fnp.cumprod(x).sum(), [2.0, 0.0, 3.0], [1.0, 8.0, 0.0]),
    ("cumsum", lambda x: fnp.cumsum(x).max(), [1.0, 1.0, -5.0], [1.0, 1.0, 0.0]),
    ("indexing twice", lambda x: x[np.array([1, 1, 0])].sum(), [5.0, 5.0], [1.0, 2.0]),
    ("largest element", lambda x: x[fnp.argmax(x)] ** 2, [1.0, 3.0, 2.0], [0.0, 6.0, 0.0]),
    ("sum of nothing", fnp.sum, [], []),
    ("prod of nothing", fnp.prod, [], []),
]


@pytest.mark.parametrize(("name", "f", "x", "expected"), TIES, ids=[t[0] for t in TIES])
def test_gradient_at_ties(name, f, x, expected):
    x = np.array(x)
    found = grad(f)(x)
    assert found.shape == x.shape
    np.testing.assert_allclose(found, expected, rtol=1e-14)
    for i in range(len(x)):
        direction = np.eye(len(x))[i]
        np.testing.assert_allclose(jvp(f, (x,), (direction,))[1], expected[i], rtol=1e-14)


def test_norm_at_zero_has_the_subgradient_zero():
    zero = np.zeros(3)
    np.testing.assert_array_equal(grad(fnp.linalg.norm)(zero), zero)
    np.testing.assert_array_equal(grad(lambda x: fnp.linalg.norm(x, 2))(zero), zero)
    value, found = value_and_grad(lambda x: fnp.linalg.norm(x) ** 2)(zero)
    assert value == 0
    np.testing.assert_array_equal(found, zero)
    np.testing.assert_array_equal(grad(lambda x: fnp.linalg.norm(x, 1))(zero), zero)


def test_absolute_value_of_a_complex_zero():
    assert grad(fnp.abs)(0j) == 0
    assert jvp(fnp.abs, (0j,), (1 + 1j,))[1] == 0
    assert grad(lambda z: fnp.abs(z) ** 2)(0j) == 0


def test_gradient_of_a_real_function_of_a_complex_number():
    z = 3.0 - 4.0j
    np.testing.assert_allclose(grad(lambda z: fnp.abs(z) ** 2)(z), 2 * np.conj(z), rtol=1e-14)
    np.testing.assert_allclose(grad(fnp.abs)(z), np.conj(z) / 5, rtol=1e-14)
    np.testing.assert_allclose(grad(fnp.real)(z), 1.0)
    np.testing.assert_allclose(grad(fnp.imag)(z), -1j)
    np.testing.assert_allclose(grad(lambda z: z**3, holomorphic=True)(z), 3 * z**2, rtol=1e-14)


def test_python_ints_are_promoted():
    assert grad(lambda x: x**2)(3) == 6.0
    assert grad(lambda x: x**2)(3.0) == 6.0
    assert jvp(lambda x: x**2, (3,), (1,))[1] == 6.0
    with pytest.raises(IntegerInputError):
        grad(lambda x: (x**2.0).sum())(np.arange(3))


def test_index_past_the_end_is_an_error():
    with pytest.raises(OutOfBoundsError):
        grad(lambda x: x[3])(np.ones(3))
    with pytest.raises(IndexError):
        grad(lambda x: x[np.array([0, -4])].sum())(np.ones(3))


def test_hessian_of_a_function_with_an_untaken_arm():
    def f(x):
        return fnp.where(x > 0, fnp.sqrt(x), 0.0).sum()

    found = hessian(f)(np.array([0.0, 4.0]))
    np.testing.assert_allclose(found, [[0.0, 0.0], [0.0, -1 / 32]])


def test_untaken_arms_of_arrays():
    x = np.array([0.0, 0.0, 4.0])
    taken = np.array([0.0, 0.0, 0.25])
    np.testing.assert_array_equal(
        grad(lambda x: fnp.where(x > 0, fnp.sqrt(x), 0.0).sum())(x), taken
    )
    np.testing.assert_array_equal(
        grad(lambda x: fnp.where(x > 0, fnp.sqrt(x), x * 2.0).sum())(x), [2.0, 2.0, 0.25]
    )


def test_softplus_and_logsumexp_are_stable():
    assert grad(lambda x: fnp.logaddexp(x, 0.0))(1000.0) == 1.0
    assert grad(lambda x: fnp.logaddexp(x, 0.0))(-1000.0) == 0.0
    huge = np.array([1000.0, 1000.0])
    np.testing.assert_allclose(grad(_logsumexp)(huge), 0.5)
    np.testing.assert_array_equal(grad(_logsumexp)(np.full(3, -INF)), np.zeros(3))


def _logsumexp(x):
    return fnp.logaddexp(fnp.logaddexp(x[0], x[1]), -INF if len(x) < 3 else x[2])
