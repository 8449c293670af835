"""Distributions on the circle."""

import math

from fungrad.numpy import ufuncs as u
from fungrad.numpy.bessel import i0e
from fungrad.scipy.stats.distribution import Continuous

vonmises = Continuous(
    "vonmises",
    "kappa",
    is_valid=lambda kappa: kappa >= 0,
    logpdf=lambda y, kappa: kappa * (u.cos(y) - 1) - u.log(2 * math.pi * i0e(kappa)),
)


def _wrapped_cauchy(y, c):
    half = u.sin(0.5 * y)
    spread = (1 - c) * (1 - c) + 4 * c * half * half  # 1 + c**2 - 2 c cos(y)
    return u.log1p(-c) + u.log1p(c) - math.log(2 * math.pi) - u.log(spread)


wrapcauchy = Continuous(
    "wrapcauchy",
    "c",
    support=lambda c: (0.0, 2 * math.pi),
    inside=lambda c: 1.0,
    is_valid=lambda c: u.logical_and(c > 0, c < 1),
    logpdf=_wrapped_cauchy,
)
