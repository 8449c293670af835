"""The sine and cosine integrals and Fresnel's, in double precision.

Up to a phase of 40, Gauss's rule on 56 nodes; beyond, the auxiliary functions f and g by their
asymptotic series (NIST Handbook of Mathematical Functions, 2010, sections 6.12 and 7.12). The error
is some 1e-15.

The formulas are for a `build` that makes expressions, or evaluates them on arrays (see `formulas`).
"""

import math

import numpy as np

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(56)
#: The tables that the formulas look up: Gauss's rule on the interval from 0 to 1.
TABLES = {"gauss_places": 0.5 * _NODES + 0.5, "gauss_weights": 0.5 * _WEIGHTS}
_LARGEST_PHASE = 40.0
_TERMS = 16
_EULER = 0.5772156649015329


def _gauss(build, zero, integrand):
    """The integral over s from 0 to 1."""

    def term(k, total):
        value = integrand(build.table("gauss_places", k))
        return (total + build.table("gauss_weights", k) * value,)

    return build.loop("gauss", len(_NODES), term, zero)


def _series(ratios, square):
    """1 - r[0] / square + r[0] r[1] / square**2 - ..."""
    term, total = 1.0 + 0.0 * square, 1.0 + 0.0 * square
    for ratio in ratios:
        term = -term * float(ratio) / square
        total = total + term
    return total


def _trigonometric_auxiliaries(x):
    """f and g of a large x: f = 1/x - 2!/x**3 + 4!/x**5 - ..., g = 1/x**2 - 3!/x**4 + ..."""
    square = x * x
    steps = range(1, _TERMS)
    f = _series([(2 * k - 1) * (2 * k) for k in steps], square) / x
    g = _series([(2 * k) * (2 * k + 1) for k in steps], square) / square
    return f, g


def sine_integral(build, x):
    """The integral of sin(t) / t from 0 to x."""
    size = abs(x)
    is_far = size > _LARGEST_PHASE
    near = build.select(is_far, 1.0, size)
    inner = _gauss(build, 0.0 * near, lambda s: build("sin", near * s) / s)
    far = build.select(is_far & (size < np.inf), size, 100.0)
    f, g = _trigonometric_auxiliaries(far)
    outer = 0.5 * math.pi - f * build("cos", far) - g * build("sin", far)
    outer = build.select(size < np.inf, outer, 0.5 * math.pi)
    value = build.select(is_far, outer, inner)
    return build.select(build("isnan", x), x, build.select(x < 0.0, -value, value))


def cosine_integral(build, x):
    """Euler's constant, plus log|x|, plus the integral of (cos(t) - 1) / t from 0 to |x|."""
    x = abs(x)
    is_far = x > _LARGEST_PHASE
    near = build.select((x > 0.0) & (x <= _LARGEST_PHASE), x, 1.0)

    def integrand(s):
        half = build("sin", 0.5 * near * s)
        return -2.0 * half * half / s

    inner = _gauss(build, 0.0 * near, integrand) + (build("log", near) + _EULER)
    far = build.select(is_far & (x < np.inf), x, 100.0)
    f, g = _trigonometric_auxiliaries(far)
    outer = f * build("sin", far) - g * build("cos", far)
    outer = build.select(x < np.inf, outer, 0.0)
    value = build.select(is_far, outer, inner)
    value = build.select(build.equal(x, 0.0), -np.inf, value)
    return build.select(build("isnan", x), x, value)


def _fresnel(word):
    """The formula of the integral of sin or cos of pi t**2 / 2 from 0 to x."""

    def formula(build, x):
        size = abs(x)
        is_far = 0.5 * math.pi * size * size > _LARGEST_PHASE
        near = build.select(is_far, 1.0, size)
        phase = 0.5 * math.pi * near * near
        inner = near * _gauss(build, 0.0 * near, lambda s: build(word, phase * s * s))
        far = build.select(is_far & (size < 1e7), size, 10.0)
        square = math.pi * far * far
        square = square * square
        steps = range(1, _TERMS)
        f = _series([(4 * k - 3) * (4 * k - 1) for k in steps], square) / (math.pi * far)
        g = _series([(4 * k - 1) * (4 * k + 1) for k in steps], square)
        g = g / (math.pi * math.pi * far * far * far)
        turn = 2.0 * math.pi * _phase_of_square(build, far)
        sine, cosine = build("sin", turn), build("cos", turn)
        if word == "sin":
            outer = 0.5 - f * cosine - g * sine
        else:
            outer = 0.5 + f * sine - g * cosine
        outer = build.select(size < 1e7, outer, 0.5)
        value = build.select(is_far, outer, inner)
        return build.select(build("isnan", x), x, build.select(x < 0.0, -value, value))

    return formula


def _phase_of_square(build, x):
    """x**2 / 4 less a whole number: from the whole and the other part of x, nothing is lost."""
    whole = build("floor", x)
    rest = x - whole
    quarter = 0.25 * whole * whole
    return (quarter - build("floor", quarter)) + (0.5 * whole * rest + 0.25 * rest * rest)


#: The formulas by the word of scalar expressions that they define.
FORMULAS = {
    "sine_integral": sine_integral,
    "cosine_integral": cosine_integral,
    "fresnel_sine": _fresnel("sin"),
    "fresnel_cosine": _fresnel("cos"),
}
