"""Derivatives of incomplete gamma and beta functions in their parameters, and their densities.

The formulas are written for a `build` that makes them expressions of compiled code, or evaluates
them on arrays (`formulas.Arrays`). All are in double precision.

With the density p(t; a) = t**(a-1) e**-t / gamma(a) and its polynomials of scores B1, B2, the
derivatives of the regularised integral are integrals of p B1 and p B2, whose values over the whole
domain are zero. So each is taken over the tail in which x lies; there the integrand falls
exponentially, and the double exponential rule (Takahasi and Mori, 1974) on 72 nodes has an error of
1e-14. Where the shape parameter and x are small, the power series at 0 takes its place.
"""

import math

import numpy as np

from fungrad.primitives.formulas import polynomial


def _exponential_nodes(count, first, last):
    """Places and weights for the integral over v > 0 of what falls like e**-v."""
    s = np.linspace(first, last, count)
    places = np.exp(s - np.exp(-s))
    return places, (s[1] - s[0]) * (1 + np.exp(-s)) * places


NODES = 72
PLACES, WEIGHTS = _exponential_nodes(NODES, -3.6, 3.9)
_STIRLING = (
    1 / 12,
    -1 / 360,
    1 / 1260,
    -1 / 1680,
    1 / 1188,
    -691 / 360360,
    1 / 156,
    -3617 / 122400,
)
_LOG_LESS_DIGAMMA = (
    1 / 12,
    -1 / 120,
    1 / 252,
    -1 / 240,
    1 / 132,
    -691 / 32760,
    1 / 12,
    -3617 / 8160,
)
_LARGE = 10.0


def _expm1_less(build, v):
    """e**v - 1 - v without cancellation."""
    is_small = abs(v) < 0.5
    near = build.select(is_small, v, 0.0)
    series = near * near * polynomial(near, [1 / math.factorial(k) for k in range(2, 18)])
    return build.select(is_small, series, build("expm1", v) - v)


def _log1p_less(build, z, ratio=None):
    """log(1 + z) - z without cancellation: -z s + 2 s**3 (1/3 + s**2/5 + ...), s = z / (2 + z).

    `ratio` is 1 + z where that is known better than z.
    """
    is_small = (z > -0.4) & (z < 0.6)
    near = build.select(is_small, z, 0.0)
    s = near / (near + 2.0)
    square = s * s
    odd = polynomial(square, [2 / (2 * k + 3) for k in range(12)])
    logarithm = build("log1p", z) if ratio is None else build("log", ratio)
    return build.select(is_small, s * square * odd - near * s, logarithm - z)


def _stirling(a):
    """lgamma(a) - (a - 1/2) log(a) + a - log(2 pi) / 2 for a >= 10."""
    inverse = 1.0 / a
    return inverse * polynomial(inverse * inverse, _STIRLING)


def _log_less_digamma(a):
    """log(a) - digamma(a) for a >= 10."""
    inverse = 1.0 / a
    return inverse * (0.5 + inverse * polynomial(inverse * inverse, _LOG_LESS_DIGAMMA))


def digamma_step(build, x, step):
    """digamma(x + step) - digamma(x) for x > 0 and x + step > 0, without cancellation.

    Ten times the recurrence, then the asymptotic series, whose terms are subtracted as
    x**-n - (x + step)**-n = -x**-n expm1(-n log1p(step / x)).
    """

    def term(k, total):
        place = x + build.cast(k, np.float64)
        return (total + step / (place + step) / place,)

    total = build.loop("recurrence", int(_LARGE), term, build.constant(0.0, np.float64))
    w = x + _LARGE
    ratio = build("log1p", step / w)
    inverse = 1.0 / w
    series = -0.5 * inverse * build("expm1", -ratio)
    power = inverse * inverse
    for k, coefficient in enumerate(_LOG_LESS_DIGAMMA[:6]):
        series = series - coefficient * power * build("expm1", -(2.0 * k + 2.0) * ratio)
        power = power * inverse * inverse
    return total + ratio + series


# ---- the gamma distribution


def _gamma_weight(build, a, x):
    """x**a e**-x / gamma(a), to full precision for large a too."""
    large = build.select(a < _LARGE, _LARGE, a)
    exponent = _log1p_less(build, (x - large) / large, x / large)
    exponent = large * exponent - _stirling(large)
    of_large = build("sqrt", large * (1 / (2 * math.pi))) * build("exp", exponent)
    small, size = build.select(a < _LARGE, a, 1.0), build.select(x > 1e4, 1e4, x)
    of_small = build("power", size, small) * build("exp", -size) / build("gamma", small)
    return build.select(build.equal(x, np.inf), 0.0, build.select(a < _LARGE, of_small, of_large))


def gamma_density(build, a, x):
    """x**(a-1) e**-x / gamma(a); 0 for x < 0."""
    at_zero = build.select(a < 1.0, np.inf, build.select(a > 1.0, 0.0, a))
    inside = build.select(x > 0.0, x, 1.0)
    value = _gamma_weight(build, a, inside) / inside
    value = build.select(x > 0.0, value, build.select(build.equal(x, 0.0), at_zero, 0.0))
    is_nan = build("isnan", a) | build("isnan", x) | (a <= 0.0)
    return build.select(is_nan, np.nan, value)


def _one(build):
    return build.constant(1.0, np.float64)


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
    w, c = build("log", x) - build("digamma", a + 1.0), build("zeta", _two(build), a + 1.0)
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
    large = build.select(a < _LARGE, _LARGE, a)
    logarithm = build.select(ratio < -0.5, build("log", x / a), build("log1p", ratio))
    w = logarithm + _log_less_digamma(large) - 1.0 / a
    w = build.select(a < _LARGE, build("log", x) - build("digamma", a + 1.0), w)
    trigamma = build("zeta", _two(build), a + 1.0)
    slope = build.select(is_left, a - x, 1.0 - (a - 1.0) / x)
    slowest = build.select(is_left | (a >= 1.0), slope, 1.0)
    curvature = build.select(is_left, x, abs(a - 1.0) / (x * x))
    scale = 1.0 / (slowest + build("sqrt", curvature))

    def step(k, total):
        v = scale * build.table("exponential_places", k)
        bent = build.select(
            is_left, -x * _expm1_less(build, -v), (a - 1.0) * _log1p_less(build, v / x)
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


def _one(build):
    return build.constant(1.0, np.float64)


def _two(build):
    return build.constant(2.0, np.float64)


# ---- the beta distribution


def _beta_weight(build, a, b, x, y):
    """x**a y**b / beta(a, b) to full precision: Stirling's formula for what is at least 10."""
    is_first = a < b
    p, q = build.select(is_first, a, b), build.select(is_first, b, a)
    x, y = build.select(is_first, x, y), build.select(is_first, y, x)
    is_large, is_mixed = p >= _LARGE, q >= _LARGE
    both = _beta_weight_of_large(
        build, build.select(is_large, p, _LARGE), build.select(is_large, q, _LARGE), x, y
    )
    p, q = build.select(is_large, 1.0, p), build.select(is_mixed, q, _LARGE)
    exponent = (q + p - 0.5) * build("log1p", p / q) - p + _stirling(p + q) - _stirling(q)
    exponent = p * build("log", x * q) + q * build("log", y) + exponent
    mixed = build("exp", exponent) / build("gamma", p)
    q = build.select(is_mixed, 1.0, build.select(is_first, b, a))
    small = build("power", x, p) * build("power", y, q) / build("gamma", p)
    small = small * (build("gamma", p + q) / build("gamma", q))
    return build.select(is_large, both, build.select(is_mixed, mixed, small))


def _beta_weight_of_large(build, p, q, x, y):
    excess, total = q * x - p * y, p + q
    exponent = p * _log1p_less(build, excess / p, x * (total / p))
    exponent = exponent + q * _log1p_less(build, -excess / q, y * (total / q))
    exponent = exponent + (_stirling(total) - _stirling(p) - _stirling(q))
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
    weight = _beta_weight(build, a, b, x, _one(build)) / a
    return build.select(is_swapped, -weight, weight) * total


def _series_factors(build, in_a, in_b, a, b, x):
    """By (i, j): the factor of the i-th and j-th derivatives of the series in a and b."""
    both = build("zeta", _two(build), a + b)
    of_a = build("log", x) - build("digamma", a + 1.0) + build("digamma", a + b)
    of_b = digamma_step(build, b, a)
    known = {
        (0, 0): 1.0,
        (1, 0): of_a,
        (0, 1): of_b,
        (1, 1): of_a * of_b + both,
        (2, 0): of_a * of_a + both - build("zeta", _two(build), a + 1.0),
        (0, 2): of_b * of_b + both - build("zeta", _two(build), b),
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
    offset = build("zeta", _two(build), a + b)
    if in_a != in_b:
        offset = offset - build("zeta", _two(build), a if in_a else b)

    def step(k, total):
        v = scale * build.table("exponential_places", k)
        bent = _expm1_less(build, -v)
        z = odds * (v - bent)
        exponent = (q - 1.0) * (_log1p_less(build, z) - odds * bent) - slope * v
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
    "gamma_density": gamma_density,
    "gammainc_a": gammainc_a(1),
    "gammainc_aa": gammainc_a(2),
    "beta_density": beta_density,
    "betainc_a": betainc_ab(1, 0),
    "betainc_b": betainc_ab(0, 1),
    "betainc_aa": betainc_ab(2, 0),
    "betainc_ab": betainc_ab(1, 1),
    "betainc_bb": betainc_ab(0, 2),
    "stdtr_df": _stdtr_df,
}
#: The tables that they look up.
TABLES = {"exponential_places": PLACES, "exponential_weights": WEIGHTS}
