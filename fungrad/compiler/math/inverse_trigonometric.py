"""arctan, arctan2, arcsin, arccos.

arctan(a / b) for 0 <= a <= b is pi/4 + arctan((a - b) / (a + b)) where a / b > tan(pi/8), so that
the polynomial is used up to tan(pi/8) only; and arctan(b / a) is pi/2 - arctan(a / b).
arcsin(x) is pi/2 - 2 arcsin(sqrt((1 - x) / 2)) beyond 1/2.
"""

import math

import numpy as np

from fungrad.compiler.math.floating_point import polynomial

_TAN_EIGHTH = math.tan(math.pi / 8)
#: (arctan(t) / t - 1) / t**2 as a polynomial in t**2, to 2**-25 and 2**-59.
_ARCTAN = {
    np.float32: (
        -0.33332952857017517,
        0.19977836310863495,
        -0.13878872990608215,
        0.08057086914777756,
    ),
    np.float64: (
        -0.333333333333332,
        0.1999999999995377,
        -0.14285714280212403,
        0.11111110784160129,
        -0.09090897775553365,
        0.07692060493356175,
        -0.0666310678426656,
        0.05847906098303682,
        -0.0503936654463506,
        0.03806578843882277,
        -0.01790818841277776,
    ),
}
#: (arcsin(x) / x - 1) / x**2 as a polynomial in x**2 up to 1/2, to 2**-27 and 2**-56.
_ARCSIN = {
    np.float32: (
        0.16666753590106964,
        0.07495252788066864,
        0.04547590762376785,
        0.024152852594852448,
        0.042210422456264496,
    ),
    np.float64: (
        0.16666666666665383,
        0.07500000000342887,
        0.04464285682361706,
        0.030381959325627136,
        0.022371753658638506,
        0.01735976907465509,
        0.013884618340659793,
        0.01217315074639107,
        0.006511399767863506,
        0.019572438708915868,
        -0.016291815396819613,
        0.031957448025765986,
    ),
}
#: pi/4 in two parts; four times the first is exact.
_QUARTER_PI = {
    np.float32: (0.785398006439209, 1.5695823932524066e-07),
    np.float64: (0.7853981633974483, 3.061616997868383e-17),
}


def _odd(x, z, coefficients):
    """x + x z P(z) without the first x."""
    return x * z * polynomial(z, coefficients)


def _arctan_from(build, eighths, t):
    """eighths * pi/4 + arctan(t); the first is a whole number."""
    high, low = _QUARTER_PI[t.dtype.type]
    tail = _odd(t, t * t, _ARCTAN[t.dtype.type])
    start = eighths * high
    total = start + t
    lost = (start - total) + t  # |t| is the smaller, or start is 0
    return total + (lost + (tail + eighths * low))


def arctan(build, x):
    """The arc tangent, with the sign of x."""
    size = abs(x)
    one = build.constant(1, x.dtype)
    is_inverted = size > 1
    a, b = build.select(is_inverted, one, size), build.select(is_inverted, size, one)
    is_middle = a > b * _TAN_EIGHTH
    t = build.select(is_middle, a - b, a) / build.select(is_middle, a + b, b)
    eighths = build.select(is_middle, one, 0.0)
    eighths = build.select(is_inverted, 2.0 - eighths, eighths)
    return build("copysign", _arctan_from(build, eighths, build.select(is_inverted, -t, t)), x)


def arctan2(build, y, x):
    """The angle of the point (x, y), by C's rules for zeros and infinities."""
    height, width = abs(y), abs(x)
    one = build.constant(1, x.dtype)
    is_inverted = height > width
    a = build.select(is_inverted, width, height)
    b = build.select(is_inverted, height, width)
    are_infinite = build.equal(a, np.inf) & build.equal(b, np.inf)
    a, b = build.select(are_infinite, one, a), build.select(are_infinite, one, b)
    b = build.select(build.equal(b, 0), one, b)
    is_middle = a > b * _TAN_EIGHTH
    scale = build.select(is_middle & (b > 1.0), build.constant(0.5, x.dtype), 1.0)
    above = build.select(is_middle, (a - b) * scale, a)
    t = above / build.select(is_middle, a * scale + b * scale, b)
    is_left = build("signbit", x)
    eighths = build.select(is_middle, one, 0.0)
    eighths = build.select(is_inverted, 2.0 - eighths, eighths)
    eighths = build.select(is_left, 4.0 - eighths, eighths)
    is_backward = build("logical_xor", is_inverted, is_left)
    return build("copysign", _arctan_from(build, eighths, build.select(is_backward, -t, t)), y)


def _reduced_arcsin(build, x):
    """Whether |x| > 1/2; s and arcsin(s) - s, where arcsin(x) is arcsin(s) or pi/2 - 2 arcsin(s)."""
    size = abs(x)
    is_large = size > 0.5
    z = build.select(is_large, 0.5 - 0.5 * size, size * size)
    s = build.select(is_large, build("sqrt", z), size)
    return is_large, s, _odd(s, z, _ARCSIN[x.dtype.type])


def arcsin(build, x):
    """The arc sine, with the sign of x; NaN outside of [-1, 1]."""
    high, low = _QUARTER_PI[x.dtype.type]
    is_large, s, tail = _reduced_arcsin(build, x)
    from_right_angle = (2.0 * high - 2.0 * s) + (2.0 * low - 2.0 * tail)
    return build("copysign", build.select(is_large, from_right_angle, s + tail), x)


def arccos(build, x):
    """The arc cosine; NaN outside of [-1, 1]."""
    high, low = _QUARTER_PI[x.dtype.type]
    is_large, s, tail = _reduced_arcsin(build, x)
    is_negative = x < 0
    large = 2.0 * (s + tail)
    large = build.select(is_negative, (4.0 * high - 2.0 * s) + (4.0 * low - 2.0 * tail), large)
    signed, signed_tail = build.select(is_negative, -s, s), build.select(is_negative, -tail, tail)
    small = (2.0 * high - signed) + (2.0 * low - signed_tail)
    return build.select(is_large, large, small)
