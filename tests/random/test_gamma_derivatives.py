"""Derivatives of gamma draws, against differences of quantile functions, and what follows."""

import numpy as np
import pytest
from scipy import special

from fungrad import grad, jacfwd, jit, jvp, random, vmap

KEY = random.key(3)
A = np.array([0.05, 0.4, 1.0, 2.5, 9.0, 60.0, 1500.0])


def slopes_of_quantiles(a, x):
    """Central differences of the x of which gammainc(a, x) is fixed, by two step sizes."""
    is_left = special.gammainc(a, x) < 0.5

    def quantile(b):
        left = special.gammaincinv(b, special.gammainc(a, x))
        return np.where(is_left, left, special.gammainccinv(b, special.gammaincc(a, x)))

    def difference(h):
        return (quantile(a + h) - quantile(a - h)) / (2 * h)

    h = 1e-3 * a
    return (4 * difference(h / 2) - difference(h)) / 3


def draws(a):
    return random.gamma(KEY, a, (20, len(A)))


def test_gamma_against_differences_of_quantiles():
    expected = slopes_of_quantiles(A, draws(A))
    found = jvp(draws, (A,), (np.ones_like(A),))[1]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    backward = grad(lambda a: draws(a).sum())(A)
    np.testing.assert_allclose(backward, expected.sum(0), rtol=1e-6)


def test_gamma_compiled():
    expected = slopes_of_quantiles(A, draws(A))
    np.testing.assert_allclose(jit(grad(lambda a: draws(a).sum()))(A), expected.sum(0), rtol=1e-6)
    forward = jit(lambda a: jvp(draws, (a,), (np.ones_like(A),))[1])(A)
    np.testing.assert_allclose(forward, expected, rtol=1e-6)


def test_gamma_in_single_precision():
    a = A[:5].astype(np.float32)
    x = random.gamma(KEY, a, dtype=np.float32)
    expected = slopes_of_quantiles(a.astype(float), random.gamma(KEY, a.astype(float)))
    found = grad(lambda a: random.gamma(KEY, a, dtype=np.float32).sum())(a)
    assert x.dtype == found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_second_derivative_of_gamma():
    """That of the quantile function, by differences of first derivatives at a fixed probability."""
    a = A[2:6]
    x = random.gamma(KEY, a)
    p = special.gammainc(a, x)

    def slope(b):
        return slopes_of_quantiles(b, special.gammaincinv(b, p))

    h = 1e-3 * a
    expected = (slope(a + h) - slope(a - h)) / (2 * h)
    found = grad(lambda a: grad(lambda b: random.gamma(KEY, b).sum())(a).sum())(a)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_logarithms_of_small_draws_have_finite_derivatives():
    """Near 0 the distribution function is x**a / gamma(a + 1), of which the quantile is known."""
    a = np.array([1e-3, 1e-2])
    y = random.loggamma(KEY, a)
    assert (y < -40).any()
    found = grad(lambda a: random.loggamma(KEY, a).sum())(a)
    expected = (special.digamma(a + 1) - y) / a
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_beta_and_dirichlet_have_the_gradients_of_their_means():
    """Averages over draws: d/da of a / (a + b), within four standard errors."""
    n = 4000

    def mean(a, b):
        return random.beta(KEY, a, b, (n,))

    slopes = jacfwd(mean, (0, 1))(2.0, 3.0)
    for found, expected in zip(slopes, (3 / 25, -2 / 25), strict=True):
        assert abs(found.mean() - expected) < 4 * found.std() / n**0.5
    alpha = np.array([1.0, 2.0, 3.0])
    jacobian = jacfwd(lambda alpha: random.dirichlet(KEY, alpha, (n,)))(alpha)
    expected = np.eye(3) / 6 - alpha[:, None] / 36
    error = 4 * jacobian.std(0) / n**0.5
    assert (abs(jacobian.mean(0) - expected) < error).all()


def test_a_draw_that_is_a_function_of_gamma_draws():
    df = np.array([0.8, 3.0, 20.0])
    half = random.chisquare(KEY, df) / 2
    found = grad(lambda df: random.chisquare(KEY, df).sum())(df)
    np.testing.assert_allclose(found, slopes_of_quantiles(df / 2, half), rtol=1e-6)


def test_gradients_of_a_batch_of_keys():
    keys = random.split(KEY, 3)
    found = vmap(grad(random.gamma, 1), (0, None))(keys, 2.0)
    for row, key in zip(found, keys, strict=True):
        assert row == pytest.approx(grad(random.gamma, 1)(key, 2.0), rel=1e-12)


def test_an_expectation_is_learned_through_its_draws():
    """Stochastic gradient steps move the mean of a gamma distribution to 3."""

    @jit
    def step(a, key):
        return a - 0.05 * grad(lambda a: (random.gamma(key, a, (64,)).mean() - 3.0) ** 2)(a)

    a = 1.0
    for key in random.split(KEY, 150):
        a = step(a, key)
    assert abs(a - 3.0) < 0.4
