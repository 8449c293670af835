"""The densities of the beta distribution and derivatives of its integral, and of Student's.

`tail_integrals` says how they are computed.
"""

import math

import numpy as np

from fungrad.primitives.tail_integrals import (
    LARGE,
    NODES,
    digamma_step,
    expm1_less,
    log1p_less,
    one,
    stirling,
    two,
)


def _beta_weight(build, a, b, x, y):
    """x**a y**b / beta(a, b) to full precision: Stirling's formula for what is at least 10."""
    is_first = a < b
    p, q = build.select(is_first, a, b), build.select(is_first, b, a)
    x, y = build.select(is_first, x, y), build.select(is_first, y, x)
    is_large, is_mixed = p >= LARGE, q >= LARGE
    both = _beta_weight_of_large(
        build, build.select(is_large, p, LARGE), build.select(is_large, q, LARGE), x, y
    )
    p, q = build.select(is_large, 1.0, p), build.select(is_mixed, q, LARGE)
    exponent = (q + p - 0.5) * build("log1p", p / q) - p + stirling(p + q) - stirling(q)
    exponent = p * build("log", x * q) + q * build("log", y) + exponent
    mixed = build("exp", exponent) / build("gamma", p)
    q = build.select(is_mixed, 1.0, build.select(is_first, b, a))
    small = build("power", x, p) * build("power", y, q) / build("gamma", p)
    small = small * (build("gamma", p + q) / build("gamma", q))
    return build.select(is_large, both, build.select(is_mixed, mixed, small))


def _beta_weight_of_large(build, p, q, x, y):
    excess, total = q * x - p * y, p + q
    exponent = p * log1p_less(build, excess / p, x * (total / p))
    exponent = exponent + q * log1p_less(build, -excess / q, y * (total / q))
    exponent = exponent + (stirling(total) - stirling(p) - stirling(q))
    return build("sqrt", p / total * q * (1 / (2 * math.pi))) * build("exp", exponent)


def beta_density(build, a, b, x):
    """x**(a-1) (1-x)**(b-1) / beta(a, b); 0 outside of [0, 1]."""
    is_inside = (x > 0.0) & (x < 1.0)
    place = build.select(is_inside, x, 0.5)
    value = _beta_weight(build, a, b, place, 1.0 - place) / (place * (1.0 - place))
    power = build.select(build.equal(x, 0.0), a, b)
    edge = build.select(power < 1.0, np.inf, build.select(power > 1.0, 0.0, a * b / power))
    is_edge = build.equal(x, 0.0) | build.equal(x, 1.0)
    value = build.select(is_inside, value, build.select(is_edge, edge, 0.0))
    is_nan = build("isnan", a) | build("isnan", b) | build("isnan", x) | (a <= 0.0) | (b <= 0.0)
    return build.select(is_nan, np.nan, value)


def betainc_ab(in_a, in_b):
    """The formula of the derivative of betainc(a, b, x), so often in a and in b, two in all."""

    def derivative(build, a, b, x):
        is_inside = (x > 0.0) & (x < 1.0) & (a > 0.0) & (b > 0.0) & (a < np.inf) & (b < np.inf)
        is_right = x > 0.5
        p, q = build.select(is_right, b, a), build.select(is_right, a, b)
        near = build.select(is_right, 1.0 - x, x)
        is_series = (p < 1.0) & (q * near <= 1.0)
        in_series, in_tail = is_inside & is_series, is_inside & (is_series ^ is_inside)
        small = [build.select(in_series, v, 0.5) for v in (p, q, near)]
        series = _beta_series(build, (in_a, in_b), is_right, in_series, *small)
        usual = [build.select(in_tail, v, 2.0) for v in (a, b)]
        tail = _beta_tail(build, (in_a, in_b), in_tail, *usual, build.select(in_tail, x, 0.5))
        value = build.select(is_series, series, tail)
        is_edge = (build.equal(x, 0.0) | build.equal(x, 1.0)) & (a > 0.0) & (b > 0.0)
        return build.select(is_inside, value, build.select(is_edge, 0.0 * a, np.nan))

    return derivative


def _beta_series(build, orders, is_swapped, needed, a, b, x):
    """The series in powers of x, differentiated; `is_swapped`: the orders change places."""
    straight = _series_factors(build, *orders, a, b, x)
    swapped = _series_factors(build, *orders[::-1], a, b, x)
    zero = 0.0 * x
    factors = {
        key: build.select(is_swapped, swapped.get(key, zero) + zero, straight.get(key, zero) + zero)
        for key in sorted({*straight, *swapped})
    }

    def step(k, total, *powers):
        n = build.cast(k, np.float64) + 1.0
        powers = [x * p for p in powers]
        coefficients = [powers[0] * (n - b) / n]
        coefficients += [
            (powers[j] * (n - b) - float(j) * powers[j - 1]) / n for j in range(1, len(powers))
        ]
        inverse = 1.0 / (a + n)
        ratios = a * inverse, n * inverse * inverse, -2.0 * n * inverse * inverse * inverse
        for (i, j), factor in factors.items():
            total = total + factor * (ratios[i] * coefficients[j])
        return total, *coefficients

    most = max(j for _, j in factors)
    starts = [1.0 + zero, zero, zero][: most + 1]
    total = build.loop("series", 60, step, factors[0, 0], *starts, needed=needed)
    weight = _beta_weight(build, a, b, x, one(build)) / a
    return build.select(is_swapped, -weight, weight) * total


def _series_factors(build, in_a, in_b, a, b, x):
    """By (i, j): the factor of the i-th and j-th derivatives of the series in a and b."""
    both = build("zeta", two(build), a + b)
    of_a = build("log", x) - build("digamma", a + 1.0) + build("digamma", a + b)
    of_b = digamma_step(build, b, a)
    known = {
        (0, 0): 1.0,
        (1, 0): of_a,
        (0, 1): of_b,
        (1, 1): of_a * of_b + both,
        (2, 0): of_a * of_a + both - build("zeta", two(build), a + 1.0),
        (0, 2): of_b * of_b + both - build("zeta", two(build), b),
    }
    return {
        (i, j): math.comb(in_a, i) * math.comb(in_b, j) * known[in_a - i, in_b - j]
        for i in range(in_a + 1)
        for j in range(in_b + 1)
    }


def _beta_tail(build, orders, needed, a, b, x):
    """The integral over the tail on the side of the mean on which x lies, with t = x e**-v."""
    in_a, in_b = orders
    y = 1.0 - x
    is_right = x * b > y * a
    p, q = build.select(is_right, b, a), build.select(is_right, a, b)
    inner, outer = build.select(is_right, y, x), build.select(is_right, x, y)
    log_y = build("log1p", -x)
    log_x = build.select(x > 0.5, build("log1p", -y), build("log", x))
    log_inner = build.select(is_right, log_y, log_x)
    log_outer = build.select(is_right, log_x, log_y)
    odds = inner / outer
    slope = (p * outer - (q - 1.0) * inner) / outer
    curvature = build.select(q > 1.0, q - 1.0, 0.0) * odds / outer
    slowest = build.select(q < 1.0, p, slope)
    scale = 1.0 / (slowest + build("sqrt", curvature))
    first, second = log_inner + digamma_step(build, p, q), log_outer + digamma_step(build, q, p)
    offset = build("zeta", two(build), a + b)
    if in_a != in_b:
        offset = offset - build("zeta", two(build), a if in_a else b)

    def step(k, total):
        v = scale * build.table("exponential_places", k)
        bent = expm1_less(build, -v)
        z = odds * (v - bent)
        exponent = (q - 1.0) * (log1p_less(build, z) - odds * bent) - slope * v
        scores = first - v, second + build("log1p", z)
        of_a = build.select(is_right, scores[1], scores[0])
        of_b = build.select(is_right, scores[0], scores[1])
        if in_a + in_b == 1:
            value = of_a if in_a else of_b
        else:
            value = (of_a if in_a else of_b) * (of_b if in_b else of_a) + offset
        weight = build.table("exponential_weights", k)
        return (total + weight * build("exp", exponent) * value,)

    total = build.loop("tail", NODES, step, 0.0 * x, needed=needed)
    weight = scale * _beta_weight(build, p, q, inner, outer) / outer
    return total * build.select(is_right, -weight, weight)


def _digamma_step_everywhere(build, x, step):
    """digamma(x + step) - digamma(x), as a difference where one of them is not positive."""
    is_right = (x > 0.0) & (x + step > 0.0)
    start, length = build.select(is_right, x, 1.0), build.select(is_right, step, 1.0)
    plain = build("digamma", x + step) - build("digamma", x)
    return build.select(is_right, digamma_step(build, start, length), plain)


def _stdtr_df(build, df, t):
    """The derivative of Student's distribution function in df, of the beta function from its zero.

    With x = df / (df + t**2) the tail is betainc(df / 2, 1 / 2, x) / 2, and x depends on t**2 / df
    alone, which gives the second term.
    """
    is_finite = abs(t) < np.inf
    t = build.select(is_finite, t, 0.0)
    square = t * t
    is_near, total = square < df, square + df
    half = 0.5 + 0.0 * df
    near = betainc_ab(0, 1)(build, half, 0.5 * df, build.select(is_near, square / total, 0.5))
    far = betainc_ab(1, 0)(build, 0.5 * df, half, build.select(is_near, 0.5, df / total))
    density = build("exp", -0.5 * (df + 1.0) * build("log1p", square / df))
    density = density * build("poch", 0.5 * df, half) / build("sqrt", math.pi * df)
    tail = 0.25 * build("sign", t) * build.select(is_near, -near, far)
    return build.select(is_finite, -tail - 0.5 * t * density / df, 0.0)


#: The formulas by the word of scalar expressions that they define.
FORMULAS = {
    "digamma_step": _digamma_step_everywhere,
    "beta_density": beta_density,
    "betainc_a": betainc_ab(1, 0),
    "betainc_b": betainc_ab(0, 1),
    "betainc_aa": betainc_ab(2, 0),
    "betainc_ab": betainc_ab(1, 1),
    "betainc_bb": betainc_ab(0, 2),
    "stdtr_df": _stdtr_df,
}
