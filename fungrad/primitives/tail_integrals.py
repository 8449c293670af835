"""What the derivatives of incomplete integrals in their parameters are made of.

The formulas are written for a `build` that makes them expressions of compiled code, or evaluates
them on arrays (`formulas.Arrays`). All are in double precision.

With a density p(t; a), such as t**(a-1) e**-t / gamma(a), and its polynomials of scores B1, B2, the
derivatives of the regularised integral are integrals of p B1 and p B2, whose values over the whole
domain are zero. So each is taken over the tail in which x lies; there the integrand falls
exponentially, and the double exponential rule (Takahasi and Mori, 1974) on 72 nodes has an error of
1e-14. Where the shape parameter and x are small, the power series at 0 takes its place.
"""

import math

import numpy as np

from fungrad.primitives.bernoulli_numbers import bernoulli_numbers
from fungrad.primitives.formulas import polynomial


def _exponential_nodes(count, first, last):
    """Places and weights for the integral over v > 0 of what falls like e**-v."""
    s = np.linspace(first, last, count)
    places = np.exp(s - np.exp(-s))
    return places, (s[1] - s[0]) * (1 + np.exp(-s)) * places


NODES = 72
PLACES, WEIGHTS = _exponential_nodes(NODES, -3.6, 3.9)
#: The tables that the formulas look up.
TABLES = {"exponential_places": PLACES, "exponential_weights": WEIGHTS}
_STIRLING = bernoulli_numbers(8, lambda n: n * (n - 1))
_LOG_LESS_DIGAMMA = bernoulli_numbers(8, lambda n: n)
LARGE = 10.0


def expm1_less(build, v):
    """e**v - 1 - v without cancellation."""
    is_small = abs(v) < 0.5
    near = build.select(is_small, v, 0.0)
    series = near * near * polynomial(near, [1 / math.factorial(k) for k in range(2, 18)])
    return build.select(is_small, series, build("expm1", v) - v)


def log1p_less(build, z, ratio=None):
    """log(1 + z) - z without cancellation: -z s + 2 s**3 (1/3 + s**2/5 + ...), s = z / (2 + z).

    `ratio` is 1 + z where that is known better than z.
    """
    is_small = (z > -0.4) & (z < 0.6)
    near = build.select(is_small, z, 0.0)
    s = near / (near + 2.0)
    square = s * s
    odd = polynomial(square, [2 / (2 * k + 3) for k in range(12)])
    logarithm = build("log1p", z) if ratio is None else build("log", ratio)
    return build.select(is_small, s * square * odd - near * s, logarithm - z)


def stirling(a):
    """lgamma(a) - (a - 1/2) log(a) + a - log(2 pi) / 2 for a >= 10."""
    inverse = 1.0 / a
    return inverse * polynomial(inverse * inverse, _STIRLING)


def log_less_digamma(a):
    """log(a) - digamma(a) for a >= 10."""
    inverse = 1.0 / a
    return inverse * (0.5 + inverse * polynomial(inverse * inverse, _LOG_LESS_DIGAMMA))


def digamma_step(build, x, step):
    """digamma(x + step) - digamma(x) for x > 0 and x + step > 0, without cancellation.

    Ten times the recurrence, then the asymptotic series, whose terms are subtracted as
    x**-n - (x + step)**-n = -x**-n expm1(-n log1p(step / x)).
    """

    def term(k, total):
        place = x + build.cast(k, np.float64)
        return (total + step / (place + step) / place,)

    total = build.loop("recurrence", int(LARGE), term, build.constant(0.0, np.float64))
    w = x + LARGE
    ratio = build("log1p", step / w)
    inverse = 1.0 / w
    series = -0.5 * inverse * build("expm1", -ratio)
    power = inverse * inverse
    for k, coefficient in enumerate(_LOG_LESS_DIGAMMA[:6]):
        series = series - coefficient * power * build("expm1", -(2.0 * k + 2.0) * ratio)
        power = power * inverse * inverse
    return total + ratio + series


def one(build):
    """1 as a constant of scalar expressions."""
    return build.constant(1.0, np.float64)


def two(build):
    """2 as a constant of scalar expressions."""
    return build.constant(2.0, np.float64)
