"""digamma and trigamma. (lgamma is libm's.)"""

import math

import numpy as np

from fungrad.compiler.math.floating_point import polynomial
from fungrad.compiler.math.trigonometric import tan_of_moderate
from fungrad.primitives.bernoulli_numbers import bernoulli_numbers

#: digamma(x) ~ log(x) - 1 / (2 x) - the series of B(n) / n in 1 / x**2.
_ASYMPTOTIC = bernoulli_numbers(11, lambda n: n)
_SHIFT = 7
#: trigamma(x) ~ 1 / x + 1 / (2 x**2) + the series of B(n) in 1 / x**2, times 1 / x**3.
_BERNOULLI = bernoulli_numbers(8)
_TRIGAMMA_SHIFT = 9
#: The zero of digamma in two parts; between 1.2 and 1.76, digamma(x) / (x - zero) as a polynomial
#: in x - 1.48, to 2**-60.
_ZERO = 1.4616321449683622, 9.549995429965697e-17
_NEAR_ZERO = (
    0.9596258440895332,
    -0.4334302965305251,
    0.24967980600479267,
    -0.156258385615367,
    0.101433261478502,
    -0.0670482991069934,
    0.04474628332954644,
    -0.030020332769657074,
    0.020200674155418263,
    -0.013616251538671846,
    0.009187038494523684,
    -0.006202255935546594,
    0.004190559294988292,
    -0.0028306238762472783,
    0.0018879286228830738,
    -0.001275492721971654,
    0.0010272045883099221,
    -0.0006940339920006419,
)


def digamma(build, x):
    """The derivative of log(gamma(x)); for x < 0 the error is relative to the larger of it and 1.

    Near its zero by a polynomial; below 0 by reflection at 1/2; below 7 by digamma(x) = digamma(x + 1) - 1 / x, seven times.
    """
    if x.dtype == np.float32:
        return build.cast(digamma(build, build.cast(x, np.float64)), np.float32)
    is_left = x < 0
    value = _digamma_of_positive(build, build.select(is_left, 1.0 - x, x))
    whole = build("rint", x)
    angle = (x - whole) * math.pi
    reflected = value - math.pi / tan_of_moderate(build, angle)
    reflected = build.select(build.equal(x, whole), np.nan, reflected)
    pole = build("copysign", build.constant(np.inf, x.dtype), -x)
    return build.select(build.equal(x, 0), pole, build.select(is_left, reflected, value))


def _digamma_of_positive(build, x):
    is_small = x < _SHIFT
    numerator, denominator = build.constant(0.0, x.dtype), build.constant(1.0, x.dtype)
    for step in reversed(range(_SHIFT)):  # numerator / denominator is the sum of 1 / (x + step)
        term = x + float(step)
        numerator, denominator = numerator * term + denominator, denominator * term
    is_near = abs(x - 1.48) < 0.28
    near = ((x - _ZERO[0]) - _ZERO[1]) * polynomial(x - 1.48, _NEAR_ZERO)
    correction = build.select(is_small, numerator / denominator, 0.0)
    shifted = build.select(is_small, x + _SHIFT, x)
    inverse = 1.0 / shifted
    square = inverse * inverse
    series = square * polynomial(square, _ASYMPTOTIC)
    value = build("log", shifted) - (correction + (0.5 * inverse + series))
    return build.select(is_near, near, value)


def trigamma(build, x):
    """The derivative of digamma, the sum of 1 / (x + k)**2 over k >= 0; inf at its poles.

    Nine terms and the asymptotic series for the others; below 0 by reflection at 1/2.
    """
    if x.dtype == np.float32:
        return build.cast(trigamma(build, build.cast(x, np.float64)), np.float32)
    is_left = x < 0
    place = build.select(is_left, 1.0 - x, x)
    total = build.constant(0.0, x.dtype)
    for k in reversed(range(_TRIGAMMA_SHIFT)):
        inverse = 1.0 / (place + float(k))
        total = total + inverse * inverse
    inverse = 1.0 / (place + float(_TRIGAMMA_SHIFT))
    square = inverse * inverse
    value = total + inverse * (1.0 + 0.5 * inverse + square * polynomial(square, _BERNOULLI))
    whole = build("rint", x)
    slope = math.pi / build("sin", (x - whole) * math.pi)
    value = build.select(is_left, slope * slope - value, value)
    is_pole = (x <= 0) & build.equal(x, whole)
    value = build.select(is_pole, build.constant(np.inf, x.dtype), value)
    return build.select(build.equal(x, -np.inf), np.nan, value)
