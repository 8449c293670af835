"""exp and its relatives: exp2, expm1, logistic, tanh, sinh, cosh.

All write x = k ln 2 + r with an integer k and |r| <= ln(2) / 2, and approximate
(exp(r) - 1 - r) / r**2 by a minimax polynomial. The coefficients minimise the error of expm1(r)
relative to r: 2**-26 in float32, 2**-55.6 in float64.
"""

import math

import numpy as np

from fungrad.compiler.math.floating_point import (
    FORMATS,
    LN2,
    bits,
    clamp,
    polynomial,
    power_of_two,
    scaled,
    sum_in_two_parts,
)

_QUOTIENT = {
    np.float32: (
        0.5,
        0.1666654348373413,
        0.04166644811630249,
        0.008366537280380726,
        0.0013936538016423583,
    ),
    np.float64: (
        0.5000000000000006,
        0.16666666666666682,
        0.041666666666573635,
        0.008333333333316973,
        0.0013888888932373855,
        0.00019841269897767974,
        2.480150445236955e-05,
        2.755723271912854e-06,
        2.7626323987599e-07,
        2.511295048288977e-08,
    ),
}
#: (2**f - 1) / f on |f| <= 1/2, to 2**-27 and 2**-57.
EXP2_QUOTIENT = {
    np.float32: (
        0.6931471824645996,
        0.24022644758224487,
        0.05550358071923256,
        0.0096187898889184,
        0.0013391640968620777,
        0.00015260782674886286,
    ),
    np.float64: (
        0.6931471805599453,
        0.24022650695910133,
        0.05550410866482265,
        0.00961812910759337,
        0.001333355814625663,
        0.0001540353045800531,
        1.525273393767179e-05,
        1.3215434861015664e-06,
        1.0178029122631313e-07,
        7.073851950281714e-09,
        4.4588244721318397e-10,
    ),
}
_EXP2_RANGE = {np.float32: (-151.0, 129.0), np.float64: (-1076.0, 1025.0)}
#: Outside of these, exp underflows to 0 and overflows to inf.
_RANGE = {np.float32: (-104.0, 89.0), np.float64: (-746.0, 710.0)}


def _reduced(build, x):
    """r, what r lost by rounding, and an integer whose lowest bits are k; x = k ln 2 + r."""
    rounder = FORMATS[x.dtype].rounder
    high, low = LN2[x.dtype.type]
    shifted = x * (1 / math.log(2)) + rounder
    k = shifted - rounder
    rest, excess = x - k * high, k * low
    r = rest - excess
    return r, (rest - r) - excess, bits(build, shifted)


def _expm1_of_reduced(r, lost):
    return r + (r * r * polynomial(r, _QUOTIENT[r.dtype.type]) + lost)


def exp_of_sum(build, x, small):
    """e**(x + small) as a value and an integer whose lowest bits are its power of two."""
    r, lost, k = _reduced(build, x)
    r, more = sum_in_two_parts(r, small)
    return 1.0 + _expm1_of_reduced(r, lost + more), k


def exp(build, x):
    """e**x, subnormal results included."""
    r, lost, k = _reduced(build, clamp(build, x, *_RANGE[x.dtype.type]))
    return scaled(build, 1.0 + _expm1_of_reduced(r, lost), k)


def exp2(build, x):
    """2**x, exact for integers."""
    rounder = FORMATS[x.dtype].rounder
    x = clamp(build, x, *_EXP2_RANGE[x.dtype.type])
    shifted = x + rounder
    f = x - (shifted - rounder)
    value = 1.0 + f * polynomial(f, EXP2_QUOTIENT[x.dtype.type])
    return scaled(build, value, bits(build, shifted))


def _expm1_over(build, x, divisor):
    """(e**x - 1) / divisor, for a power of two that keeps the intermediate 2**k finite."""
    r, lost, k = _reduced(build, x)
    scale = power_of_two(build, k - divisor.bit_length() + 1, x.dtype)
    return scale * _expm1_of_reduced(r, lost) + (scale - 1 / divisor)


def expm1(build, x):
    """e**x - 1, accurate near zero."""
    lowest = -float(FORMATS[x.dtype].mantissa)
    inside = clamp(build, x, lowest, _RANGE[x.dtype.type][1])
    is_tiny = abs(x) < FORMATS[x.dtype].epsilon / 2
    return build.select(is_tiny, x, 2.0 * _expm1_over(build, inside, 2))


def logistic(build, x):
    """1 / (1 + e**-x), from e**-|x| so that neither tail overflows."""
    tail = exp(build, -abs(x))
    return build.select(x < 0, tail, 1.0) / (1.0 + tail)


def tanh(build, x):
    """-t / (t + 2) with t = expm1(-2 |x|), with the sign of x."""
    lowest = -float(FORMATS[x.dtype].mantissa)
    twice = -2.0 * abs(x)
    t = _expm1_over(build, build.select(twice < lowest, lowest, twice), 1)
    return build("copysign", t / (t + 2.0), x)


def sinh(build, x):
    """h + h / (2 h + 1) with h = expm1(|x|) / 2, which overflows no sooner than the result."""
    h = 2.0 * _expm1_over(build, _magnitude(build, x), 4)
    finite = build.select(h > 1e10, 1e10, h)
    value = build("copysign", h + finite / (2.0 * finite + 1.0), x)
    return build.select(abs(x) < FORMATS[x.dtype].epsilon / 2, x, value)


def cosh(build, x):
    """h + 1 / (4 h) with h = e**|x| / 2."""
    r, lost, k = _reduced(build, _magnitude(build, x))
    h = (1.0 + _expm1_of_reduced(r, lost)) * power_of_two(build, k - 2, x.dtype) * 2.0
    return h + 0.25 / h


def _magnitude(build, x):
    """|x|, cut just above where sinh and cosh overflow."""
    highest = _RANGE[x.dtype.type][1] + 0.5
    size = abs(x)
    return build.select(size > highest, highest, size)
