"""Circular and hyperbolic functions of complex numbers, and their inverses.

The inverse functions follow W. Kahan, "Branch cuts for complex elementary functions", 1987; results
at infinities and nans are those of Annex G of C99, as the C library of GNU has them.
"""

import math

import numpy as np

from fungrad.compiler.math.complex_arithmetic import from_parts, parts
from fungrad.compiler.math.complex_sizes import grown, log_of_size, times_of_grown


def _sinh_parts(build, real, imag):
    has_no_angle = ~build("isfinite", imag)
    a = times_of_grown(build, grown(build, "sinh", real), build("cos", imag))
    b = times_of_grown(build, grown(build, "cosh", real), build("sin", imag))
    a = build.select(has_no_angle & build.equal(real, 0), real, a)
    return build.select(has_no_angle & build("isinf", real), abs(real), a), b


def _cosh_parts(build, real, imag):
    has_no_angle = ~build("isfinite", imag)
    a = times_of_grown(build, grown(build, "cosh", real), build("cos", imag))
    b = times_of_grown(build, grown(build, "sinh", real), build("sin", imag))
    a = build.select(has_no_angle & build("isinf", real), abs(real), a)
    return a, build.select(has_no_angle & build.equal(real, 0), 0.0, b)


def _tanh_parts(build, real, imag):
    """Kahan's: from t = tan(y) and s = sinh(x); far out, +-1 + i 4 sin(y) cos(y) e**-2|x|."""
    largest = 10.0 if real.dtype == np.float32 else 20.0
    is_far, is_infinite = abs(real) > largest, build("isinf", real)
    has_no_angle = ~build("isfinite", imag)
    x = build.select(is_far, 0.0, real)
    t, s = build("tan", imag), build("sinh", x)
    secant = 1.0 + t * t
    divisor = 1.0 + secant * s * s
    a = secant * build("sqrt", 1.0 + s * s) * s / divisor
    one = build.constant(1, real.dtype)
    blurred = one + build.select(is_infinite, one * 0.0, imag - imag)  # nan where there is no angle
    far_a = build("copysign", one, real) * blurred
    far_b = 4.0 * build("sin", imag) * build("cos", imag) * build("exp", -2.0 * abs(real))
    zero = build("copysign", build.constant(0, real.dtype), imag)
    far_b = build.select(has_no_angle & is_infinite, zero, far_b)
    a, b = build.select(is_far, far_a, a), build.select(is_far, far_b, t / divisor)
    b = build.select(build("isnan", real) & build.equal(imag, 0), imag, b)
    return build.select(build.equal(real, 0), real, a), b


def _of_parts(function):
    def of_number(build, z):
        return from_parts(build, *function(build, *parts(build, z)))

    return of_number


def _turned(function):
    """-i f(i z): the circular function of a hyperbolic one, and the other way round."""

    def of_number(build, z):
        real, imag = parts(build, z)
        a, b = function(build, -imag, real)
        return from_parts(build, b, -a)

    return of_number


def _sin(build, z):
    """-i sinh(i z); nan + i inf where sinh(i z) is inf + i nan."""
    real, imag = parts(build, z)
    a, b = _sinh_parts(build, -imag, real)
    has_no_angle = build("isinf", imag) & ~build("isfinite", real)
    return from_parts(build, b, build.select(has_no_angle, abs(imag), -a))


def _cos(build, z):
    """cosh(i z)."""
    real, imag = parts(build, z)
    return from_parts(build, *_cosh_parts(build, -imag, real))


def _roots_around_one(build, real, imag):
    """sqrt(1 - z) and sqrt(1 + z), each as its parts."""
    below = build("sqrt", from_parts(build, 1.0 - real, -imag))
    above = build("sqrt", from_parts(build, 1.0 + real, imag))
    return parts(build, below), parts(build, above)


def _far(build, real, imag):
    """Whether z is so large, infinite too, that 1 is nothing beside z**2; and log(2 |z|)."""
    limit = 1 / float(np.finfo(real.dtype).eps)
    is_far = (abs(real) > limit) | (abs(imag) > limit)
    return is_far, log_of_size(build, real, imag) + math.log(2)


def _is_open(build, real, imag):
    """Whether z is on the imaginary axis, at an unknown place."""
    return build.equal(real, 0) & build("isnan", imag)


def _arcsin_parts(build, real, imag):
    (a, b), (c, d) = _roots_around_one(build, real, imag)
    is_far, size = _far(build, real, imag)
    across = build.select(is_far, abs(imag), a * c - b * d)
    up = build.select(is_far, build("copysign", size, imag), build("arcsinh", a * d - b * c))
    angle = build("arctan2", real, across)
    return build.select(_is_open(build, real, imag), real, angle), up


def _arccos(build, z):
    real, imag = parts(build, z)
    (a, b), (c, d) = _roots_around_one(build, real, imag)
    is_far, size = _far(build, real, imag)
    angle = build("arctan2", build.select(is_far, abs(imag), a), build.select(is_far, real, c))
    angle = build.select(is_far, angle, 2.0 * angle)
    angle = build.select(_is_open(build, real, imag), math.pi / 2, angle)
    up = build.select(is_far, -build("copysign", size, imag), build("arcsinh", b * c - a * d))
    return from_parts(build, angle, up)


def _arccosh(build, z):
    real, imag = parts(build, z)
    a, b = parts(build, build("sqrt", from_parts(build, real - 1.0, imag)))
    c, d = parts(build, build("sqrt", from_parts(build, real + 1.0, imag)))
    is_far, size = _far(build, real, imag)
    angle = build("arctan2", build.select(is_far, imag, b), build.select(is_far, real, c))
    angle = build.select(is_far, angle, 2.0 * angle)
    angle = build.select(_is_open(build, real, imag), math.pi / 2, angle)
    along = build.select(is_far, size, build("arcsinh", a * c + b * d))
    return from_parts(build, along, angle)


def _arctanh_parts(build, real, imag):
    size, square = abs(real), imag * imag
    away = (1.0 - size) * (1.0 - size) + square
    value = build("copysign", 0.25 * build("log1p", 4.0 * size / away), real)
    angle = 0.5 * build("arctan2", 2.0 * imag, (1.0 - size) * (1.0 + size) - square)
    eps = float(np.finfo(real.dtype).eps)
    beside_one = build.equal(size, 1) & (abs(imag) < eps)  # there the square may vanish
    beside = 0.5 * (math.log(2) - build("log", abs(imag)))
    value = build.select(beside_one, build("copysign", beside, real), value)
    is_far = (size > 1 / eps) | (abs(imag) > 1 / eps)
    is_infinite = build("isinf", real) | build("isinf", imag)
    half = build("hypot", 0.5 * real, 0.5 * imag)
    zero = build("copysign", build.constant(0, real.dtype), real)
    far = build.select(is_infinite, zero, real / half / half * 0.25)
    right = build("copysign", build.constant(math.pi / 2, real.dtype), imag)
    right = build.select(is_infinite, right, right + 0.0 * real)  # nan beside a nan
    angle = build.select(is_far, build.select(build("isnan", imag), imag, right), angle)
    value = build.select(_is_open(build, real, imag), real, build.select(is_far, far, value))
    return value, angle


#: Expansions by word, for complex operands.
EXPANSIONS = {
    "sin": _sin,
    "cos": _cos,
    "tan": _turned(_tanh_parts),
    "sinh": _of_parts(_sinh_parts),
    "cosh": _of_parts(_cosh_parts),
    "tanh": _of_parts(_tanh_parts),
    "arcsin": _of_parts(_arcsin_parts),
    "arccos": _arccos,
    "arctan": _turned(_arctanh_parts),
    "arcsinh": _turned(_arcsin_parts),
    "arccosh": _arccosh,
    "arctanh": _of_parts(_arctanh_parts),
}
