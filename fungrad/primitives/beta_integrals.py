"""The incomplete beta functions: rows of the table of elementwise primitives.

In eager code they are SciPy's, in compiled code the same functions of SciPy's library. Derivatives
in the parameters, to second order, are the formulas of `incomplete_beta`.
"""

from fungrad.primitives.elementwise import log, log1p, strong_divide, strong_multiply
from fungrad.primitives.special import (
    digamma_step,
    library,
    not_differentiable,
    of_formula,
    row,
    trigamma,
)


def _beta_scores(a, b, x):
    """The derivatives of the logarithm of the beta density in a and in b."""
    return log(x) + digamma_step(a, b), log1p(-x) + digamma_step(b, a)


def _beta_bend(a, b, in_a, in_b):
    """The second derivatives of the logarithm of the beta density in a and b."""
    both = trigamma(a + b)
    return both if in_a and in_b else both - trigamma(a if in_a else b)


def _through_density(in_a, in_b):
    """How a tangent passes through x of the so often differentiated betainc."""

    def passes(t, a, b, x, y):
        of_a, of_b = _beta_scores(a, b, x)
        if in_a + in_b == 1:
            score = of_a if in_a else of_b
        else:
            score = (of_a if in_a else of_b) * (of_b if in_b else of_a)
            score = score + _beta_bend(a, b, in_a, in_b)
        return strong_multiply(t, strong_multiply(beta_density(a, b, x), score))

    return passes


def _second_derivative(word, in_a, in_b):
    name = "the second derivative of betainc"
    refused = not_differentiable(name, "first"), not_differentiable(name, "second")
    return row(word, of_formula(word), *refused, _through_density(in_a, in_b))


# x**(a-1) (1-x)**(b-1) / beta(a, b)
beta_density = row(
    "beta_density",
    of_formula("beta_density"),
    lambda t, a, b, x, y: strong_multiply(t, strong_multiply(y, _beta_scores(a, b, x)[0])),
    lambda t, a, b, x, y: strong_multiply(t, strong_multiply(y, _beta_scores(a, b, x)[1])),
    lambda t, a, b, x, y: strong_multiply(
        t, strong_multiply(y, strong_divide(a - 1, x) - strong_divide(b - 1, 1 - x))
    ),
)
betainc_aa = _second_derivative("betainc_aa", 2, 0)
betainc_ab = _second_derivative("betainc_ab", 1, 1)
betainc_bb = _second_derivative("betainc_bb", 0, 2)
betainc_a = row(
    "betainc_a",
    of_formula("betainc_a"),
    lambda t, a, b, x, y: strong_multiply(t, betainc_aa(a, b, x)),
    lambda t, a, b, x, y: strong_multiply(t, betainc_ab(a, b, x)),
    _through_density(1, 0),
)
betainc_b = row(
    "betainc_b",
    of_formula("betainc_b"),
    lambda t, a, b, x, y: strong_multiply(t, betainc_ab(a, b, x)),
    lambda t, a, b, x, y: strong_multiply(t, betainc_bb(a, b, x)),
    _through_density(0, 1),
)
betainc = library(
    "betainc",
    lambda t, a, b, x, y: strong_multiply(t, betainc_a(a, b, x)),
    lambda t, a, b, x, y: strong_multiply(t, betainc_b(a, b, x)),
    lambda t, a, b, x, y: strong_multiply(t, beta_density(a, b, x)),
)
betaincc = library(
    "betaincc",
    lambda t, a, b, x, y: strong_multiply(t, -betainc_a(a, b, x)),
    lambda t, a, b, x, y: strong_multiply(t, -betainc_b(a, b, x)),
    lambda t, a, b, x, y: strong_multiply(t, -beta_density(a, b, x)),
)


def _beta_quantile(word, direction):
    """The inverse of betainc (direction 1) or betaincc (-1) in x."""

    def in_parameter(derivative):
        def passes(t, a, b, p, y):
            slope = strong_divide(derivative(a, b, y), beta_density(a, b, y))
            return strong_multiply(t, -slope)

        return passes

    return library(
        word,
        in_parameter(betainc_a),
        in_parameter(betainc_b),
        lambda t, a, b, p, y: strong_divide(t, direction * beta_density(a, b, y)),
    )


betaincinv = _beta_quantile("betaincinv", 1)
betainccinv = _beta_quantile("betainccinv", -1)
