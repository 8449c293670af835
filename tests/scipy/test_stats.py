"""`fungrad.scipy.stats`: values against SciPy, derivatives against differences."""

import mpmath
import numpy as np
import pytest
import scipy.stats

from fungrad import grad, hessian, jacrev, jit, vmap
from fungrad.scipy import stats
from fungrad.testing import check_grads

REAL = np.array([-1e3, -40.0, -3.1, -0.4, 0.0, 0.7, 2.3, 9.0, 45.0, 1e3, np.nan, np.inf])
COUNTS = np.array([-1.0, 0.0, 1.0, 2.0, 2.5, 4.0, 7.0, 30.0, np.nan])
PROBABILITIES = np.array([-0.1, 0.0, 1e-12, 0.03, 0.4, 0.5, 0.8, 1 - 1e-9, 1.0, 1.1, np.nan])


def test_distributions_are_imported_as_modules_are():
    import fungrad.scipy.stats.norm as normal
    from fungrad.scipy.stats.multivariate_normal import logpdf

    assert normal is stats.norm and logpdf.__self__ is stats.multivariate_normal
    with pytest.raises(ImportError, match="cannot import name"):
        from fungrad.scipy.stats.norm import pfd  # noqa: F401
    with pytest.raises(ModuleNotFoundError, match=r"fungrad\.scipy\.stats\.nrom"):
        import fungrad.scipy.stats.nrom  # noqa: F401


#: Per distribution: sets of shape parameters, and points within the support.
CONTINUOUS = {
    "norm": ([()], (-0.7, 0.2, 2.1)),
    "laplace": ([()], (-0.7, 0.2, 2.1)),
    "logistic": ([()], (-0.7, 0.0, 2.1)),
    "cauchy": ([()], (-0.7, 0.2, 2.1)),
    "uniform": ([()], (0.1, 0.2, 0.7)),
    "expon": ([()], (0.1, 0.9, 3.2)),
    "gumbel_l": ([()], (-0.7, 0.2, 1.1)),
    "gumbel_r": ([()], (-0.7, 0.2, 2.1)),
    "t": ([(3.5,), (0.4,), (200.0,)], (-0.7, 0.3, 2.1)),
    "gamma": ([(2.4,), (0.3,), (60.0,)], (0.3, 1.4, 4.2)),
    "chi2": ([(4.4,), (1.0,)], (0.3, 1.4, 4.2)),
    "beta": ([(2.4, 0.7), (0.5, 0.5), (30.0, 8.0)], (0.2, 0.5, 0.8)),
    "pareto": ([(2.6,)], (1.2, 2.3, 5.0)),
    "gennorm": ([(1.3,), (3.0,)], (-0.7, 0.3, 2.1)),
    "truncnorm": ([(-1.2, 2.5), (3.0, 8.0), (-9.0, -5.0)], (-0.7, 0.3, 2.1)),
    "vonmises": ([(1.7,)], (-0.7, 0.3, 2.1)),
    "wrapcauchy": ([(0.4,)], (0.7, 0.3, 2.1)),
}
DISCRETE = {
    "poisson": [(2.3,), (0.0,), (40.0,)],
    "bernoulli": [(0.3,), (0.0,), (1.0,)],
    "binom": [(7.0, 0.3), (1.0, 0.0), (3.0, 1.0)],
    "nbinom": [(2.5, 0.4)],
    "geom": [(0.3,)],
    "betabinom": [(7.0, 1.3, 0.6)],
}
METHODS = ("logpdf", "pdf", "cdf", "sf", "logcdf", "logsf")
QUANTILES = ("ppf", "isf")
DENSITY_ONLY = {"vonmises", "wrapcauchy"}


def methods_of(name):
    """The methods that a continuous distribution has."""
    if name in DENSITY_ONLY:
        return METHODS[:2]
    return METHODS if name == "truncnorm" else METHODS + QUANTILES


def assert_scipys(name, method, points, shapes, **keywords):
    """Whether a method gives what SciPy's gives, eager and compiled."""
    ours = getattr(getattr(stats, name), method)
    with np.errstate(all="ignore"):
        expected = getattr(getattr(scipy.stats, name), method)(points, *shapes, **keywords)
        results = ours(points, *shapes, **keywords), jit(ours)(points, *shapes, **keywords)
    for result in results:
        assert result.dtype == np.float64
        if "log" in method:  # SciPy takes some logarithms of what has underflowed
            expected = np.where((expected == -np.inf) & (result < -700), result, expected)
        least = 1e-15 if method in ("logcdf", "logsf") else 1e-300
        np.testing.assert_allclose(result, expected, rtol=2e-11, atol=least, err_msg=method)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous_values(name):
    for shapes in CONTINUOUS[name][0]:
        for method in methods_of(name):
            points = PROBABILITIES if method in QUANTILES else REAL
            if name in DENSITY_ONLY:
                points = np.array([0.0, 0.4, 1.3, 3.1])
            if name == "truncnorm":
                points = np.concatenate([REAL, np.linspace(*shapes, 5)])
            assert_scipys(name, method, points, shapes)


@pytest.mark.parametrize("name", DISCRETE)
def test_discrete_values(name):
    for shapes in DISCRETE[name]:
        for method in ("logpmf", "pmf", "cdf", "sf", "logcdf", "logsf"):
            if name != "betabinom" or "pmf" in method:
                assert_scipys(name, method, COUNTS, shapes)
        if name in ("bernoulli", "geom"):
            assert_scipys(name, "ppf", PROBABILITIES, shapes)


def test_location_and_scale_by_position_and_keyword():
    for name in ("norm", "gamma", "beta", "t"):
        shapes = CONTINUOUS[name][0][0]
        for method in ("logpdf", "cdf", "sf"):
            assert_scipys(name, method, REAL, (*shapes, 0.3, 2.5))
            assert_scipys(name, method, REAL, shapes, loc=0.3, scale=2.5)
            assert_scipys(name, method, REAL, shapes, scale=-1.0)
        assert_scipys(name, "ppf", PROBABILITIES, shapes, loc=0.3, scale=2.5)
    assert_scipys("poisson", "logpmf", COUNTS, (2.3,), loc=1)
    assert_scipys("gamma", "logpdf", REAL, (-2.0,))
    np.testing.assert_array_equal(stats.gamma.logpdf(1.0, a=2.0), stats.gamma.logpdf(1.0, 2.0))


def test_wrong_parameters():
    with pytest.raises(TypeError, match="gamma takes the parameters a, loc, scale; missing: a"):
        stats.gamma.logpdf(1.0)
    with pytest.raises(TypeError, match="norm takes the parameters"):
        stats.norm.logpdf(1.0, mean=3.0)
    with pytest.raises(AttributeError, match="vonmises has no cdf"):
        stats.vonmises.cdf(1.0, 2.0)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous_derivatives(name):
    """By differences, in the variable and in every parameter."""
    sets, points = CONTINUOUS[name]
    shapes, x = sets[0], np.array(points)
    for method in methods_of(name):
        function = getattr(getattr(stats, name), method)
        first = np.array([0.2, 0.55, 0.8]) if method in QUANTILES else 0.3 + 1.2 * x
        check_grads(function, (first, *shapes, 0.3, 1.2), order=1)
    check_grads(getattr(stats, name).logpdf, (x, *shapes, 0.0, 1.1), order=2)


@pytest.mark.parametrize("name", DISCRETE)
def test_discrete_derivatives(name):
    k = np.array({"bernoulli": [0.0, 1.0], "geom": [1.0, 2.0, 4.0]}.get(name, [0.0, 1.0, 3.0]))
    shapes = list(DISCRETE[name][0])
    distribution, held = getattr(stats, name), name in ("binom", "betabinom")
    count, shapes = shapes[:held], shapes[held:]
    check_grads(lambda *s: distribution.logpmf(k, *count, *s), shapes, order=2)
    if name != "betabinom":
        check_grads(lambda *s: distribution.cdf(k, *count, *s), shapes, order=1)


def test_second_derivatives_of_distribution_functions():
    check_grads(lambda x, a: stats.gamma.logcdf(x, a), (1.3, 2.4), order=2)
    check_grads(lambda x, a, b: stats.beta.logsf(x, a, b), (0.3, 2.4, 1.1), order=2)
    for x in (0.0, -1.3, 4.0):
        check_grads(lambda x, df: stats.t.cdf(x, df), (x, 2.4), order=2)


def test_derivatives_outside_of_the_support_are_zero():
    for name, x in (("gamma", -1.0), ("beta", 1.5), ("expon", -2.0), ("uniform", 3.0)):
        shapes = CONTINUOUS[name][0][0]
        function = getattr(stats, name).pdf
        slopes = grad(function, tuple(range(len(shapes) + 1)))(x, *shapes)
        np.testing.assert_array_equal(slopes, 0.0)
        np.testing.assert_array_equal(grad(getattr(stats, name).logpdf)(x, *shapes), 0.0)


def test_tails_are_stable():
    """The logarithms and their derivatives where the probabilities underflow."""
    x = np.array([-1e4, -60.0, -38.0])
    slope = vmap(grad(stats.norm.logcdf))(x)
    np.testing.assert_allclose(slope, -x + 1 / -x, rtol=1e-5)
    np.testing.assert_allclose(vmap(grad(stats.logistic.logcdf))(x), 1.0)
    np.testing.assert_allclose(vmap(grad(stats.expon.logsf))(-x), -1.0)
    bend = vmap(grad(grad(stats.norm.logcdf)))(x)
    np.testing.assert_allclose(bend, -1 + 1 / x**2, rtol=2e-3)


def test_student_at_zero():
    """The distribution function has its density as slope at 0, too, and for large df."""
    for df in (0.7, 4.0, 1e4):
        half = mpmath.mpf(df) / 2  # SciPy's own density is off by 2e-12 for the last
        density = mpmath.rf(half, 0.5) / mpmath.sqrt(2 * mpmath.pi * half)
        np.testing.assert_allclose(grad(stats.t.cdf)(0.0, df), float(density), rtol=1e-13)


A = np.array([[2.0, 0.3, -0.1], [0.3, 1.0, 0.2], [-0.1, 0.2, 0.7]])


def test_multivariate_normal():
    x, mean = np.arange(12.0).reshape(4, 3) / 5, np.array([0.1, -0.2, 0.4])
    ours, own = stats.multivariate_normal, scipy.stats.multivariate_normal
    for arguments in ((x, mean, A), (x[0], mean, A), (x, None, A), (x, mean, np.diag(A))):
        for method in ("logpdf", "pdf"):
            expected = getattr(own, method)(*arguments)
            np.testing.assert_allclose(getattr(ours, method)(*arguments), expected, rtol=1e-13)
            np.testing.assert_allclose(jit(getattr(ours, method))(*arguments), expected, rtol=1e-13)
    np.testing.assert_allclose(ours.logpdf(x, 0.3, 1.5), scipy.stats.norm.logpdf(x, 0.3, 1.5**0.5))
    stacked = ours.logpdf(x, mean, np.stack([A, 2 * A, 3 * A, A]))
    np.testing.assert_allclose(stacked[1], own.logpdf(x[1], mean, 2 * A))
    square = lambda root: root @ root.T + np.eye(3)  # noqa: E731
    check_grads(lambda x, m, r: ours.logpdf(x, m, square(r)), (x, mean, A), order=1)
    second = hessian(lambda m: ours.logpdf(x[0], m, A))(mean)
    np.testing.assert_allclose(second, -np.linalg.inv(A), rtol=1e-12)
    with pytest.raises(np.linalg.LinAlgError):
        ours.logpdf(x, mean, -A)
    with pytest.raises(ValueError, match="allow_singular"):
        ours.logpdf(x, mean, A, True)


def test_dirichlet_and_multinomial():
    x, alpha = np.array([[0.2, 0.6], [0.5, 0.1], [0.3, 0.3]]), np.array([1.3, 0.7, 2.0])
    expected = scipy.stats.dirichlet.logpdf(x, alpha)
    np.testing.assert_allclose(stats.dirichlet.logpdf(x, alpha), expected)
    np.testing.assert_allclose(jit(stats.dirichlet.logpdf)(x[:2], alpha), expected)
    assert stats.dirichlet.logpdf(np.array([0.2, 0.2, 0.2]), alpha) == -np.inf
    check_grads(lambda a: stats.dirichlet.logpdf(x, a), (alpha,), order=2)
    with pytest.raises(ValueError, match="4 components"):
        stats.dirichlet.logpdf(np.ones(4) / 4, alpha)
    counts, p = np.array([[1, 0, 2], [3, 0, 0], [1, 1, 0]]), np.array([0.2, 0.5, 0.3])
    expected = scipy.stats.multinomial.logpmf(counts, 3, p)
    np.testing.assert_allclose(stats.multinomial.logpmf(counts, 3, p), expected)
    np.testing.assert_allclose(stats.multinomial.pmf(counts, 3, p), np.exp(expected))
    slope = jacrev(lambda p: stats.multinomial.logpmf(counts[0], 3, p))(p)
    np.testing.assert_allclose(slope, counts[0] / p)


def test_summaries_of_samples():
    x = np.array([[3.0, 1.0, 3.0, 0.5], [1.0, 2.0, 2.0, 0.5], [3.0, 2.0, 7.0, 0.1]])
    for axis in (None, 0, 1):
        for compiled in (lambda f: f, jit)[: 2 if axis == 1 else 1]:
            expected = scipy.stats.mode(x, axis=axis)
            found = compiled(lambda x: stats.mode(x, axis))(x)  # noqa: B023
            np.testing.assert_array_equal(found.mode, expected.mode)
            np.testing.assert_array_equal(found.count, expected.count)
            for method in ("average", "min", "max", "dense", "ordinal"):
                expected = scipy.stats.rankdata(x, method, axis=axis)
                found = compiled(lambda x: stats.rankdata(x, method, axis=axis))(x)  # noqa: B023
                np.testing.assert_array_equal(found, expected.reshape(x.shape))
        np.testing.assert_allclose(stats.sem(x, axis), scipy.stats.sem(x, axis))
    kept = stats.mode(x, 1, keepdims=True)
    np.testing.assert_array_equal(kept.mode, scipy.stats.mode(x, 1, keepdims=True).mode)
    check_grads(lambda x: stats.sem(x, 1), (x,), order=1)


def test_kernel_density():
    rng = np.random.default_rng(1)
    for data, at in ((rng.normal(size=9), rng.normal(size=4)), (rng.normal(size=(2, 9)),) * 2):
        weights = rng.uniform(0.5, 2, 9)
        for options in ({}, {"bw_method": "silverman"}, {"bw_method": 0.4}, {"weights": weights}):
            own, ours = (m.gaussian_kde(data, **options) for m in (scipy.stats, stats))
            np.testing.assert_allclose(ours(at), own(at))
            np.testing.assert_allclose(ours.logpdf(at), own.logpdf(at))
        density = lambda data, at: stats.gaussian_kde(data, None, weights).logpdf(at)  # noqa: E731
        check_grads(density, (data, at), order=1)
        np.testing.assert_allclose(jit(density)(data, at), density(data, at))


def test_a_regression_in_single_precision():
    x = np.linspace(-1, 1, 20, dtype=np.float32)
    y = 2 * x + np.float32(0.5)
    loss = lambda w: -np.sum(stats.t.logpdf(y, 4, w[0] * x + w[1], w[2]))  # noqa: E731
    w = np.array([1.0, 0.0, 1.0], np.float32)
    slope = jit(grad(loss))(w)
    assert slope.dtype == np.float32
    np.testing.assert_allclose(slope, grad(loss)(w.astype(float)), rtol=1e-4, atol=1e-4)
