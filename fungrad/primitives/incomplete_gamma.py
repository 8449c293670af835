"""The density of the gamma distribution, and derivatives of its integral in the parameter.

`tail_integrals` says how they are computed.
"""

import math

import numpy as np

from fungrad.primitives.tail_integrals import (
    LARGE,
    NODES,
    expm1_less,
    log1p_less,
    log_less_digamma,
    stirling,
    two,
)


def _gamma_weight(build, a, x):
    """x**a e**-x / gamma(a), to full precision for large a too."""
    large = build.select(a < LARGE, LARGE, a)
    exponent = log1p_less(build, (x - large) / large, x / large)
    exponent = large * exponent - stirling(large)
    of_large = build("sqrt", large * (1 / (2 * math.pi))) * build("exp", exponent)
    small, size = build.select(a < LARGE, a, 1.0), build.select(x > 1e4, 1e4, x)
    of_small = build("power", size, small) * build("exp", -size) / build("gamma", small)
    return build.select(build.equal(x, np.inf), 0.0, build.select(a < LARGE, of_small, of_large))


def gamma_density(build, a, x):
    """x**(a-1) e**-x / gamma(a); 0 for x < 0."""
    at_zero = build.select(a < 1.0, np.inf, build.select(a > 1.0, 0.0, a))
    inside = build.select(x > 0.0, x, 1.0)
    value = _gamma_weight(build, a, inside) / inside
    value = build.select(x > 0.0, value, build.select(build.equal(x, 0.0), at_zero, 0.0))
    is_nan = build("isnan", a) | build("isnan", x) | (a <= 0.0)
    return build.select(is_nan, np.nan, value)


def gammainc_a(order):
    """The formula of the derivative of gammainc(a, x) in a, of order 1 or 2."""

    def derivative(build, a, x):
        is_inside = (x > 0.0) & (x < np.inf) & (a > 0.0) & (a < np.inf)
        is_series = (a < 1.0) & (x <= 1.0)
        in_series, in_tail = is_inside & is_series, is_inside & ((a >= 1.0) | (x > 1.0))
        near = build.select(in_series, a, 0.5), build.select(in_series, x, 0.5)
        far = build.select(in_tail, a, 1.0), build.select(in_tail, x, 1.0)
        series = _gamma_series(build, order, in_series, *near)
        tail = _gamma_tail(build, order, in_tail, *far)
        value = build.select(is_series, series, tail)
        is_edge = build.equal(x, 0.0) | build.equal(x, np.inf)
        return build.select(is_inside, value, build.select(is_edge & (a > 0.0), 0.0 * a, np.nan))

    return derivative


def _gamma_series(build, order, needed, a, x):
    """x**a / gamma(a + 1) times the sum of (-x)**k / k! a / (a + k), differentiated."""
    w, c = build("log", x) - build("digamma", a + 1.0), build("zeta", two(build), a + 1.0)
    first, second = (w, 1.0) if order == 1 else (w * w - c, 2.0 * w)

    def step(k, total, power):
        n = build.cast(k, np.float64) + 1.0
        power = -power * x / n
        inverse = 1.0 / (a + n)
        term = a * first + n * inverse * second
        if order == 2:
            term = term - 2.0 * n * inverse * inverse
        return total + power * inverse * term, power

    total = build.loop("series", 20, step, first + 0.0 * x, 1.0 + 0.0 * x, needed=needed)
    return build("power", x, a) / build("gamma", a + 1.0) * total


def _gamma_tail(build, order, needed, a, x):
    """The integral over the tail on the side of a on which x lies.

    With t = x e**-v to the left, t = x + v to the right.
    """
    is_left = x < a
    ratio = (x - a) / a
    large = build.select(a < LARGE, LARGE, a)
    logarithm = build.select(ratio < -0.5, build("log", x / a), build("log1p", ratio))
    w = logarithm + log_less_digamma(large) - 1.0 / a
    w = build.select(a < LARGE, build("log", x) - build("digamma", a + 1.0), w)
    trigamma = build("zeta", two(build), a + 1.0)
    slope = build.select(is_left, a - x, 1.0 - (a - 1.0) / x)
    slowest = build.select(is_left | (a >= 1.0), slope, 1.0)
    curvature = build.select(is_left, x, abs(a - 1.0) / (x * x))
    scale = 1.0 / (slowest + build("sqrt", curvature))

    def step(k, total):
        v = scale * build.table("exponential_places", k)
        bent = build.select(
            is_left, -x * expm1_less(build, -v), (a - 1.0) * log1p_less(build, v / x)
        )
        score = w + build.select(is_left, -v, build("log1p", v / x))
        value = score + 1.0 / a
        if order == 2:
            value = score * score + 2.0 / a * score - trigamma
        weight = build.table("exponential_weights", k)
        return (total + weight * build("exp", bent - slope * v) * value,)

    total = build.loop("tail", NODES, step, 0.0 * x, needed=needed)
    weight = scale * _gamma_weight(build, a, x)
    return total * build.select(is_left, weight, -weight / x)


#: The formulas by the word of scalar expressions that they define.
FORMULAS = {
    "gamma_density": gamma_density,
    "gammainc_a": gammainc_a(1),
    "gammainc_aa": gammainc_a(2),
}
