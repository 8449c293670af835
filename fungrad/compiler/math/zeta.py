"""Hurwitz's zeta function: the sum of (q + k)**-s over k = 0, 1, 2, ..."""

import numpy as np

_TERMS = 10
#: Bernoulli numbers B(2 k) / (2 k)!, the coefficients of the formula of Euler and Maclaurin.
_COEFFICIENTS = (
    1 / 12,
    -1 / 720,
    1 / 30240,
    -1 / 1209600,
    1 / 47900160,
    -691 / 1307674368000,
    1 / 74724249600,
    -3617 / 10670622842880000,
    43867 / 5109094217170944000,
    -174611 / 802857662698291200000,
    77683 / 14101100039391805440000,
    -236364091 / 1693824136731743669452800000,
)
#: For larger s, no term beyond the first ten counts.
_LARGEST_EXPONENT = 1e4


def zeta(build, s, q):
    """Ten terms, and the formula of Euler and Maclaurin for the others; NaN for s < 1.

    For q < 0 and whole s, the sum over all integers less that to the left of q: with the fraction
    f of q, zeta(s, f) + (-1)**s (zeta(s, 1 - f) - zeta(s, 1 - q)).
    """
    if s.dtype == np.float32:
        s, q = build.cast(s, np.float64), build.cast(q, np.float64)
        return build.cast(zeta(build, s, q), np.float32)
    is_left = q < 0
    fraction = q - build("floor", q)
    half = 0.5 * s
    sign = build.select(build.equal(half, build("rint", half)), build.constant(1.0, s.dtype), -1.0)

    def part(number, total):
        is_second = build.equal(number, 1)
        mirrored = build.select(is_second, 1.0 - fraction, 1.0 - q)
        place = build.select(build.equal(number, 0), build.select(is_left, fraction, q), mirrored)
        weight = build.select(is_second, sign, -sign)
        weight = build.select(build.equal(number, 0), 1.0, weight)
        return (total + weight * _of_positive(build, s, place),)

    count = build.select(is_left, build.constant(3, np.int64), 1)
    value = build.loop("part", count, part, build.constant(0.0, s.dtype))
    value = build.select(is_left & build.not_equal(s, build("rint", s)), np.nan, value)
    is_pole = (q <= 0) & build.equal(fraction, 0)
    value = build.select(is_pole, build.constant(np.inf, s.dtype), value)
    value = build.select(build.equal(q, np.inf), 0.0, value)
    value = build.select(build.equal(s, 1), build.constant(np.inf, s.dtype), value)
    is_nan = build.not_equal(q, q) | build.not_equal(s, s) | (s < 1) | build.equal(q, -np.inf)
    return build.select(is_nan, np.nan, value)


def _of_positive(build, s, q):
    def term(k, total):
        return (total + build("power", q + build.cast(k, q.dtype), -s),)

    total = build.loop("term", _TERMS, term, build.constant(0.0, s.dtype))
    s = build.select(s > _LARGEST_EXPONENT, _LARGEST_EXPONENT, s)
    w = q + float(_TERMS)
    inverse = 1.0 / w
    last = build("power", w, -s)
    square = inverse * inverse
    factor, series = s * inverse, build.constant(0.5, s.dtype)
    for k, coefficient in enumerate(_COEFFICIENTS):
        series = series + coefficient * factor
        factor = factor * (s + float(2 * k + 1)) * (s + float(2 * k + 2)) * square
    return total + last * (w / (s - 1.0) + series)
