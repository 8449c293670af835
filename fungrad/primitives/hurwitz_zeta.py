"""Hurwitz's zeta function: the sum of (q + k)**-s over k = 0, 1, 2, ...

The formula is for a `build` that makes expressions, or evaluates it on arrays (see `formulas`).
"""

import math

import numpy as np

from fungrad.primitives.bernoulli_numbers import bernoulli_numbers

_TERMS = 10
#: The coefficients of the formula of Euler and Maclaurin.
_COEFFICIENTS = bernoulli_numbers(12, math.factorial)
#: For larger s, no term beyond the first ten counts.
_LARGEST_EXPONENT = 1e4


def zeta(build, s, q):
    """Ten terms, and the formula of Euler and Maclaurin for the others; NaN for s < 1.

    For q < 0 and whole s, the sum over all integers less that to the left of q: with the fraction
    f of q, zeta(s, f) + (-1)**s (zeta(s, 1 - f) - zeta(s, 1 - q)).
    """
    is_left = q < 0.0
    fraction = q - build("floor", q)
    is_even = build.equal(0.5 * s, build("rint", 0.5 * s))
    sign = build.select(is_left, build.select(is_even, 1.0 + 0.0 * q, -1.0), 0.0)

    def part(number, total):
        is_first, is_second = build.equal(number, 0), build.equal(number, 1)
        mirrored = build.select(is_second, 1.0 - fraction, 1.0 - q)
        place = build.select(is_first, build.select(is_left, fraction, q), mirrored)
        weight = build.select(is_first, 1.0 + 0.0 * q, build.select(is_second, sign, -sign))
        place = build.select(is_first | is_left, place, 1.0)
        return (total + weight * _of_positive(build, s, place),)

    value = build.loop("part", 3, part, 0.0 * q, needed=is_left)
    is_broken = is_left & ((s < build("rint", s)) | (s > build("rint", s)))
    value = build.select(is_broken, np.nan, value)
    value = build.select((q <= 0.0) & build.equal(fraction, 0.0), np.inf, value)
    value = build.select(build.equal(q, np.inf), 0.0, value)
    value = build.select(build.equal(s, 1.0), np.inf, value)
    is_nan = build("isnan", q) | build("isnan", s) | (s < 1.0) | build.equal(q, -np.inf)
    return build.select(is_nan, np.nan, value)


def _of_positive(build, s, q, order=0):
    """The sum for q > 0, or its first or second derivative in s."""

    def term(k, total):
        place = q + build.cast(k, np.float64)
        value = build("power", place, -s)
        for _ in range(order):
            value = value * -build("log", place)
        return (total + value,)

    total = build.loop("term", _TERMS, term, 0.0 * q)
    s = build.select(s > _LARGEST_EXPONENT, _LARGEST_EXPONENT, s)
    w = q + float(_TERMS)
    inverse = 1.0 / w
    last = build("power", w, 1.0 - s)  # w**-s would underflow for large q
    rest = _rest(s, inverse, order)
    if order == 0:
        return total + last * rest[0]
    fall = -build("log", w)
    if order == 1:
        return total + last * (fall * rest[0] + rest[1])
    return total + last * (fall * fall * rest[0] + 2.0 * fall * rest[1] + rest[2])


def _rest(s, inverse, order):
    """What w**(1-s) is multiplied by in Euler's and Maclaurin's formula, and its derivatives in s."""
    pole = 1.0 / (s - 1.0)
    series = [pole + 0.5 * inverse, -pole * pole, 2.0 * pole * pole * pole][: order + 1]
    factor = [s * inverse * inverse, inverse * inverse, 0.0 * s][: order + 1]
    for k, coefficient in enumerate(_COEFFICIENTS):
        series = [x + coefficient * f for x, f in zip(series, factor, strict=True)]
        for shift in (2 * k + 1, 2 * k + 2):  # the product rule, for a factor whose derivative is 1
            more = (s + float(shift)) * inverse
            lower = [0.0 * s, *factor]
            factor = [f * more + n * lower[n] * inverse for n, f in enumerate(factor)]
    return series


def in_exponent(order):
    """The formula of the derivative of zeta(s, q) in s, of order 1 or 2: for s > 1 and q > 0."""

    def derivative(build, s, q):
        is_inside = (s > 1.0) & (q > 0.0) & (q < np.inf) & (s < np.inf)
        value = _of_positive(
            build, build.select(is_inside, s, 2.0), build.select(is_inside, q, 1.0), order
        )
        is_far = build.equal(q, np.inf) & (s > 1.0) | build.equal(s, np.inf) & (q > 1.0)
        return build.select(is_inside, value, build.select(is_far, 0.0 * value, np.nan))

    return derivative


#: The formulas by the word of scalar expressions that they define.
FORMULAS = {"zeta": zeta, "zeta_s": in_exponent(1), "zeta_ss": in_exponent(2)}
