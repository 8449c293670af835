"""Distributions: draws against their distribution functions, under one key each.

With 4000 draws the p-value of a right method is below 1e-3 for one key in a thousand; the key is
fixed, so that the outcome is too. Shapes off by a tenth give p-values below 1e-6 (the last test).
"""

import numpy as np
import pytest
from scipy import stats

from fungrad import jit, random, vmap

N = 4000
SIZE = (N,)
KEY = random.key(20)
LEAST = 1e-3
F32 = np.float32

REALS = {
    "uniform": (lambda k: random.uniform(k, SIZE, F32), stats.uniform()),
    "normal": (lambda k: random.normal(k, SIZE, F32), stats.norm()),
    "complex": (lambda k: random.normal(k, SIZE, complex).imag, stats.norm(scale=0.5**0.5)),
    "truncated_normal": (
        lambda k: random.truncated_normal(k, -1.0, 2.0, SIZE),
        stats.truncnorm(-1, 2),
    ),
    "exponential": (lambda k: random.exponential(k, SIZE), stats.expon()),
    "gumbel": (lambda k: random.gumbel(k, SIZE), stats.gumbel_r()),
    "gumbel high": (lambda k: random.gumbel(k, SIZE, mode="high"), stats.gumbel_r()),
    "laplace": (lambda k: random.laplace(k, SIZE), stats.laplace()),
    "logistic": (lambda k: random.logistic(k, SIZE), stats.logistic()),
    "cauchy": (lambda k: random.cauchy(k, SIZE), stats.cauchy()),
    "gamma": (lambda k: random.gamma(k, 2.5, SIZE), stats.gamma(2.5)),
    "gamma, small": (lambda k: random.gamma(k, 0.3, SIZE), stats.gamma(0.3)),
    "gamma of 1": (lambda k: random.gamma(k, 1.0, SIZE), stats.expon()),
    "gamma, large": (lambda k: random.gamma(k, 1e3, SIZE, F32), stats.gamma(1e3)),
    "loggamma": (lambda k: np.exp(random.loggamma(k, 0.7, SIZE)), stats.gamma(0.7)),
    "beta": (lambda k: random.beta(k, 2.0, 3.0, SIZE), stats.beta(2, 3)),
    "beta, small": (lambda k: random.beta(k, 0.2, 0.3, SIZE), stats.beta(0.2, 0.3)),
    "dirichlet": (
        lambda k: random.dirichlet(k, np.array([1.0, 2.0, 3.0]), SIZE)[:, 1],
        stats.beta(2, 4),
    ),
    "chisquare": (lambda k: random.chisquare(k, 3.0, SIZE), stats.chi2(3)),
    "t": (lambda k: random.t(k, 3.0, SIZE), stats.t(3)),
    "f": (lambda k: random.f(k, 3.0, 5.0, SIZE), stats.f(3, 5)),
    "generalized_normal": (lambda k: random.generalized_normal(k, 3.0, SIZE), stats.gennorm(3)),
    "lognormal": (lambda k: random.lognormal(k, 0.5, SIZE), stats.lognorm(0.5)),
    "maxwell": (lambda k: random.maxwell(k, SIZE), stats.maxwell()),
    "pareto": (lambda k: random.pareto(k, 3.0, SIZE), stats.pareto(3)),
    "rayleigh": (lambda k: random.rayleigh(k, 2.0, SIZE), stats.rayleigh(scale=2)),
    "triangular": (
        lambda k: random.triangular(k, 0.0, 1.0, 3.0, SIZE),
        stats.triang(1 / 3, scale=3),
    ),
    "wald": (lambda k: random.wald(k, 2.0, SIZE), stats.invgauss(2)),
    "weibull_min": (
        lambda k: random.weibull_min(k, 2.0, 1.5, SIZE),
        stats.weibull_min(1.5, scale=2),
    ),
    "ball": (lambda k: (random.ball(k, 3, shape=SIZE) ** 2).sum(-1) ** 1.5, stats.uniform()),
    "orthogonal": (lambda k: random.orthogonal(k, 3, SIZE)[:, 2, 1], stats.uniform(-1, 2)),
    "multivariate_normal": (
        lambda k: random.multivariate_normal(k, np.zeros(2), np.array([[2, 1], [1, 2]]), SIZE)[
            :, 1
        ],
        stats.norm(scale=2**0.5),
    ),
}


@pytest.mark.parametrize("draw, distribution", REALS.values(), ids=list(REALS))
def test_reals_follow_their_distribution(draw, distribution):
    found = np.asarray(draw(KEY), float)
    assert stats.kstest(found, distribution.cdf).pvalue > LEAST


COUNTS = {
    "randint": (lambda k: random.randint(k, SIZE, -3, 4), stats.randint(-3, 4)),
    "bernoulli": (lambda k: random.bernoulli(k, 0.3, SIZE), stats.bernoulli(0.3)),
    "bernoulli high": (lambda k: random.bernoulli(k, 0.3, SIZE, "high"), stats.bernoulli(0.3)),
    "rademacher": (lambda k: (random.rademacher(k, SIZE) + 1) // 2, stats.bernoulli(0.5)),
    "poisson 0.5": (lambda k: random.poisson(k, 0.5, SIZE), stats.poisson(0.5)),
    "poisson 9.9": (lambda k: random.poisson(k, 9.9, SIZE), stats.poisson(9.9)),
    "poisson 10": (lambda k: random.poisson(k, 10.0, SIZE), stats.poisson(10)),
    "poisson 1000": (lambda k: random.poisson(k, 1000.0, SIZE), stats.poisson(1000)),
    "binomial 10": (lambda k: random.binomial(k, 10, 0.3, SIZE), stats.binom(10, 0.3)),
    "binomial, likely": (lambda k: random.binomial(k, 10, 0.9, SIZE), stats.binom(10, 0.9)),
    "binomial 100": (lambda k: random.binomial(k, 100, 0.6, SIZE), stats.binom(100, 0.6)),
    "binomial, rare": (lambda k: random.binomial(k, 10**6, 1e-4, SIZE), stats.binom(10**6, 1e-4)),
    "multinomial": (
        lambda k: random.multinomial(k, 10, np.array([2.0, 3.0, 5.0]), shape=(N, 3))[:, 1],
        stats.binom(10, 0.3),
    ),
    "geometric": (lambda k: random.geometric(k, 0.3, SIZE), stats.geom(0.3)),
    "categorical": (
        lambda k: random.categorical(k, np.log([0.3, 0.7]), shape=SIZE),
        stats.bernoulli(0.7),
    ),
    "choice": (
        lambda k: random.choice(k, 2, SIZE, p=np.array([0.3, 0.7])),
        stats.bernoulli(0.7),
    ),
    "permutation": (
        lambda k: vmap(lambda key: random.permutation(key, 4))(random.split(k, N))[:, 2],
        stats.randint(0, 4),
    ),
    "choice of few": (
        lambda k: vmap(lambda key: random.choice(key, 4, (2,), False))(random.split(k, N))[:, 1],
        stats.randint(0, 4),
    ),
}


def p_value(found, distribution):
    """That of the chi-squared test, values that are expected less than five times as one."""
    values, times = np.unique(found, return_counts=True)
    low, high = distribution.ppf(1e-12), distribution.ppf(1 - 1e-12)
    place = np.arange(min(low, values[0]), max(high, values[-1]) + 1)
    expected = distribution.pmf(place) * len(found)
    seen = np.zeros(len(place))
    seen[(values - place[0]).astype(int)] = times
    usual = expected >= 5
    seen, expected = (np.append(x[usual], x[~usual].sum() + 1e-6) for x in (seen, expected))
    return stats.chisquare(seen, expected * seen.sum() / expected.sum()).pvalue


@pytest.mark.parametrize("draw, distribution", COUNTS.values(), ids=list(COUNTS))
def test_counts_follow_their_distribution(draw, distribution):
    assert p_value(np.asarray(draw(KEY), float), distribution) > LEAST


def test_the_tests_see_a_wrong_parameter():
    assert stats.kstest(random.gamma(KEY, 2.75, SIZE), stats.gamma(2.5).cdf).pvalue < LEAST
    assert p_value(random.poisson(KEY, 11.0, SIZE), stats.poisson(10)) < LEAST


def test_vectors_have_their_moments():
    mean, cov = np.array([1.0, -1.0]), np.array([[2.0, 0.6], [0.6, 1.0]])
    for method in ("cholesky", "eigh", "svd"):
        found = random.multivariate_normal(KEY, mean, cov, SIZE, method=method)
        np.testing.assert_allclose(found.mean(0), mean, atol=4 * 1.4 / N**0.5)
        np.testing.assert_allclose(np.cov(found.T), cov, atol=4 * 3 / N**0.5)
    q = random.orthogonal(KEY, 4, (2,), m=3)
    np.testing.assert_allclose(np.swapaxes(q, -1, -2) @ q, [np.eye(3)] * 2, atol=1e-14)
    counts = random.multinomial(KEY, np.array([5, 7]), np.full((2, 4), 0.25))
    np.testing.assert_array_equal(counts.sum(-1), [5, 7])


A = np.array([[0.02, 0.7, 1.0], [2.5, 40.0, 1e4]])
TRIED = {
    "gamma": lambda k: random.gamma(k, A),
    "loggamma": lambda k: random.loggamma(k, A, dtype=F32),
    "beta": lambda k: random.beta(k, A, 2.0),
    "dirichlet": lambda k: random.dirichlet(k, A, (5, 2)),
    "t": lambda k: random.t(k, A),
    "poisson": lambda k: random.poisson(k, A, (4, 2, 3)),
    "binomial": lambda k: random.binomial(k, np.floor(A + 5), 0.3),
    "multinomial": lambda k: random.multinomial(k, 9, np.array([0.2, 0.5, 0.3]), shape=(5, 3)),
    "wald": lambda k: random.wald(k, A),
    "ball": lambda k: random.ball(k, 3, 3.0, (2,)),
    "multivariate_normal": lambda k: random.multivariate_normal(k, A[0], np.eye(3), (2,)),
}


@pytest.mark.parametrize("draw", TRIED.values(), ids=list(TRIED))
def test_rows_of_a_batch_are_the_draws_of_its_keys(draw):
    keys = random.split(KEY, 3)
    for row, key in zip(vmap(draw)(keys), keys, strict=True):
        np.testing.assert_allclose(row, draw(key), rtol=1e-12)


@pytest.mark.parametrize("draw", [random.gamma, random.loggamma, random.poisson])
def test_a_parameter_draws_what_an_array_of_it_does(draw):
    """The method is chosen while compiling, by a branch, or by each element."""
    by_branch = jit(lambda key, x: draw(key, x, (600,)))
    by_element = jit(lambda key, x: draw(key, x))
    for x in (0.3, 1.0, 2.5, 40.0):
        expected = jit(lambda key, x=x: draw(key, x, (600,)))(KEY)
        np.testing.assert_allclose(by_branch(KEY, x), expected, rtol=1e-12)
        np.testing.assert_allclose(by_element(KEY, np.full(600, x)), expected, rtol=1e-12)


@pytest.mark.parametrize("title", ["gamma", "poisson", "binomial", "multinomial"])
def test_loops_of_trials_compile(title):
    draw = TRIED[title]
    np.testing.assert_allclose(jit(draw)(KEY), draw(KEY), rtol=1e-9)


def test_a_draw_by_trial_inside_a_compiled_batch():
    keys = random.split(KEY, 3)
    found = jit(vmap(lambda k: random.gamma(k, 0.5, (2,))))(keys)
    for row, key in zip(found, keys, strict=True):
        np.testing.assert_allclose(row, random.gamma(key, 0.5, (2,)), rtol=1e-9)


BAD = {
    "negative shape": (lambda: random.gamma(KEY, -1.0), ValueError, "got -1.0"),
    "nan shape": (lambda: random.beta(KEY, 1.0, np.nan), ValueError, "b must not be negative"),
    "rate": (lambda: random.poisson(KEY, np.array([1.0, -2.0])), ValueError, "got -2.0"),
    "trials": (lambda: random.binomial(KEY, -1, 0.5), ValueError, "trials n"),
    "probability": (lambda: random.binomial(KEY, 5, 1.5), ValueError, "p = 1.5"),
    "waiting": (lambda: random.geometric(KEY, -0.1), ValueError, "p = -0.1"),
    "rate too large": (lambda: random.poisson(KEY, 200.0, dtype=np.int8), ValueError, "wider"),
    "never": (lambda: random.geometric(KEY, 0.0), ValueError, "never a success"),
    "shape of a": (lambda: random.gamma(KEY, A, (3,)), ValueError, "does not broadcast"),
    "dtype": (lambda: random.gamma(KEY, 1.0, (), int), TypeError, "float dtype"),
    "complex": (lambda: random.gamma(KEY, 1j), TypeError, "real numbers"),
    "alpha": (lambda: random.dirichlet(KEY, 1.0), ValueError, "rank 0"),
    "cov": (lambda: random.multivariate_normal(KEY, A[0], np.eye(2)), ValueError, "(..., n, n)"),
    "method": (
        lambda: random.multivariate_normal(KEY, A[0], np.eye(3), method="qr"),
        ValueError,
        "cholesky",
    ),
    "not definite": (
        lambda: random.multivariate_normal(KEY, A[0], -np.eye(3)),
        np.linalg.LinAlgError,
        "",
    ),
}


@pytest.mark.parametrize("call, error, message", BAD.values(), ids=list(BAD))
def test_bad_parameters(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)
