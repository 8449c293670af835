"""The beta function, binomial coefficients and rising factorials of large arguments.

SciPy takes differences of logarithms of gamma functions, which have up to nine digits less than they
could. Here Stirling's formula is written without its large terms (A. R. DiDonato, A. H. Morris,
Algorithm 708, ACM Transactions on Mathematical Software 18, 1992). Elsewhere SciPy's functions serve.

The formulas are for a `build` that makes expressions, or evaluates them on arrays (see `formulas`).
"""

import math

import numpy as np

from fungrad.primitives.tail_integrals import LARGE, stirling

_MOST_FACTORS = 20.0  # below, SciPy multiplies so many factors, without loss
_PLACE = 64.0, 32.0  # where each formula holds
_HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


def _is_large_beta(build, a, b):
    """Whether both are positive and finite, and one of them is large."""
    return (a > 0.0) & (b > 0.0) & (a < np.inf) & (b < np.inf) & ((a >= LARGE) | (b >= LARGE))


def _is_large_binomial(build, n, k):
    """Whether it is one over a large beta function, and not a product of few factors."""
    is_whole = build.equal(build("floor", k), k)
    few = (k < _MOST_FACTORS) | build.equal(build("floor", n), n) & (n - k < _MOST_FACTORS)
    is_product = is_whole & few
    return _is_large_beta(build, n - k + 1.0, k + 1.0) & (is_product ^ (k < np.inf))


def _is_large_poch(build, z, m):
    return (z >= LARGE) & (z + m >= LARGE) & (z < np.inf) & (z + m < np.inf)


def _log_beta(build, a, b):
    """log(beta(a, b)) where `_is_large_beta` holds."""
    is_first = a < b
    p, q = build.select(is_first, a, b), build.select(is_first, b, a)
    is_large, ratio = p >= LARGE, p / q
    log_q, fall, rest = build("log", q), build("log1p", ratio), stirling(q) - stirling(p + q)
    large = build.select(is_large, p, LARGE)
    both = (large - 0.5) * (build("log", large) - log_q - fall) + (_HALF_LOG_TWO_PI - 0.5 * log_q)
    both = both - q * fall + (rest + stirling(large))
    mixed = build("lgamma", p) - p * log_q + (p - (q + p - 0.5) * fall) + rest
    return build.select(is_large, both, mixed)


def _beta(build, a, b):
    return build("exp", _log_beta(build, a, b))


def _binomial(build, n, k):
    return build("exp", -_log_beta(build, n - k + 1.0, k + 1.0) - build("log1p", n))


def _poch(build, z, m):
    """gamma(z + m) / gamma(z) where both are large."""
    last = z + m
    exponent = m * build("log", z) + ((last - 0.5) * build("log1p", m / z) - m)
    return build("exp", exponent + (stirling(last) - stirling(z)))


#: By word: whether the arguments are large, and the formula that holds there.
OF_LARGE = {
    "betaln": (_is_large_beta, _log_beta),
    "beta": (_is_large_beta, _beta),
    "binom": (_is_large_binomial, _binomial),
    "poch": (_is_large_poch, _poch),
}


def _everywhere(word):
    is_large, of_large = OF_LARGE[word]

    def formula(build, x, y):
        condition = is_large(build, x, y)
        inside = build.select(condition, x, _PLACE[0]), build.select(condition, y, _PLACE[1])
        return build.select(condition, of_large(build, *inside), build(f"library_{word}", x, y))

    return formula


#: The formulas by the word of scalar expressions that they define.
FORMULAS = {word: _everywhere(word) for word in OF_LARGE}
