"""Derivatives of draws that are formulas of their parameters and of uniform numbers."""

import numpy as np
import pytest
from scipy import stats

from fungrad import grad, jit, jvp, random
from fungrad.testing import check_grads

KEY = random.key(3)

BY_FORMULA = {
    "uniform": lambda p: random.uniform(KEY, (3,), minval=p, maxval=p + 2.0),
    "truncated_normal": lambda p: random.truncated_normal(KEY, -p, p, (3,)),
    "lognormal": lambda p: random.lognormal(KEY, p, (3,)),
    "pareto": lambda p: random.pareto(KEY, p, (3,)),
    "rayleigh": lambda p: random.rayleigh(KEY, p, (3,)),
    "triangular": lambda p: random.triangular(KEY, 0.0, p, 3.0, (3,)),
    "weibull_min": lambda p: random.weibull_min(KEY, p, 2.0, (3,)),
    "multivariate_normal": lambda p: random.multivariate_normal(
        KEY, np.zeros(2), np.array([[2.0, 0.5], [0.5, 1.0]]) * p
    ),
}


@pytest.mark.parametrize("draw", BY_FORMULA.values(), ids=list(BY_FORMULA))
def test_derivatives_of_draws_by_formula(draw):
    check_grads(draw, (1.3,), order=2)


def test_wald_against_differences_of_quantiles():
    """Not of the draw: where the choice between its two roots changes, that jumps."""
    mean, h = np.array([0.3, 1.0, 4.0]), 1e-4

    def draw(mean):
        return random.wald(KEY, mean, (50, 3))

    def forward(mean):
        return jvp(draw, (mean,), (np.ones(3),))[1]

    x = draw(mean)
    left, right = stats.invgauss(mean).cdf(x), stats.invgauss(mean).sf(x)

    def quantile(mean):
        of = stats.invgauss(mean)
        return np.where(left < 0.5, of.ppf(left), of.isf(right))

    expected = (quantile(mean + h) - quantile(mean - h)) / (2 * h)
    for derivative in (forward, jit(forward)):
        np.testing.assert_allclose(derivative(mean), expected, rtol=1e-5)
    backward = grad(lambda mean: draw(mean).sum())(mean)
    np.testing.assert_allclose(backward, expected.sum(0), rtol=1e-5)
