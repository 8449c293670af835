"""log and its relatives: log2, log10, log1p, arcsinh, arccosh, arctanh.

All write x = 2**k (1 + f) with 1 + f between sqrt(1/2) and sqrt(2), and
log(1 + f) = f - f**2 / 2 + tail(f). In float64, tail(f) = s (f**2 / 2 + s**2 P(s**2)) with
s = f / (2 + f), where log(1 + f) = 2 artanh(s); in float32, tail(f) = f**3 P(f).
"""

import math

import numpy as np

from fungrad.compiler.math.floating_point import (
    FORMATS,
    LN2,
    bits,
    polynomial,
    split,
    split_subnormal,
    upper_half,
)

#: P; the error relative to log(1 + f) is 2**-59 in float64, 2**-27 in float32.
_TAIL = {
    np.float32: (
        0.33333316445350647,
        -0.25000810623168945,
        0.20002299547195435,
        -0.16624554991722107,
        0.14180992543697357,
        -0.13128593564033508,
        0.12882626056671143,
        -0.07860985398292542,
    ),
    np.float64: (
        0.6666666666666734,
        0.3999999999941664,
        0.28571428742035343,
        0.22222198603413965,
        0.18183562984581214,
        0.15314080238396244,
        0.14795690810755716,
    ),
}
#: By base: 1 / ln(base) in two parts, ln(2) / ln(base) in two parts.
_BASES = {
    (2, np.float32): (1.44287109375, -0.00017605285393074155, 1.0, 0.0),
    (2, np.float64): (1.4426950514316559, -1.0542692476429138e-08, 1.0, 0.0),
    (10, np.float32): (
        0.434326171875,
        -3.168997136526741e-05,
        0.301025390625,
        4.605039066518657e-06,
    ),
    (10, np.float64): (
        0.4342944845557213,
        -2.6524694553078553e-09,
        0.3010299956640665,
        -8.532344317057107e-14,
    ),
}


def _tail(f):
    if f.dtype == np.float32:
        return f * f * f * polynomial(f, _TAIL[np.float32])
    s = f / (f + 2.0)
    z = s * s
    return s * (0.5 * f * f + z * polynomial(z, _TAIL[np.float64]))


def _with_poles(build, x, value):
    """The value of a logarithm of x with its limits: -inf at 0, inf at inf, NaN below 0."""
    value = build.select(build.equal(x, np.inf), np.inf, value)
    limit = build.select(build.equal(x, 0), build.constant(-np.inf, x.dtype), np.nan)
    return build.select(x > 0, value, limit)


def _log_of_parts(k, f):
    high, low = LN2[f.dtype.type]
    return k * high - ((0.5 * f * f - (_tail(f) + k * low)) - f)


def log(build, x):
    """The natural logarithm, of subnormal numbers too."""
    k, m = split_subnormal(build, x)
    return _with_poles(build, x, _log_of_parts(k, m - 1.0))


def log1p(build, x):
    """log(1 + x); what 1 + x loses by rounding is added to f."""
    u = 1.0 + x
    lost = build.select(x > 1, 1.0 - (u - x), x - (u - 1.0))
    k, m = split(build, u)
    layout = FORMATS[x.dtype]
    one = layout.bias << layout.mantissa
    inverse = build.bitcast(bits(build, m) - bits(build, u) + one, x.dtype)  # 2**-k
    correction = build.select(x * layout.epsilon > 4.0, 0.0, lost * inverse)
    value = _with_poles(build, u, _log_of_parts(k, (m - 1.0) + correction))
    return build.select(abs(x) < layout.epsilon / 2, x, value)


def xlogy(build, x, y):
    """x log(y), and 0 where x is 0 (NaN where y is NaN)."""
    is_zero = build.equal(x, 0) & build.equal(y, y)
    return build.select(is_zero, 0.0, x * log(build, y))


def xlog1py(build, x, y):
    """x log(1 + y), and 0 where x is 0 (NaN where y is NaN)."""
    is_zero = build.equal(x, 0) & build.equal(y, y)
    return build.select(is_zero, 0.0, x * log1p(build, y))


def _log_in_base(base):
    """The logarithm in another base: log(1 + f) and 1 / ln(base) in two parts each.

    The first parts have half of the mantissa, so that their product is exact.
    """

    def logarithm(build, x):
        first, second, first_of_two, second_of_two = _BASES[base, x.dtype.type]
        k, m = split_subnormal(build, x)
        f = m - 1.0
        square = 0.5 * f * f
        high = upper_half(build, f - square)
        low = ((f - high) - square) + _tail(f)
        large, medium = k * first_of_two, high * first
        total = large + medium
        small = low * first + (low + high) * second + k * second_of_two
        value = total + (((large - total) + medium) + small)
        return _with_poles(build, x, value)

    return logarithm


log2 = _log_in_base(2)
log10 = _log_in_base(10)


def _is_large(x):
    """Whether 1 + x is x, so that arcsinh and arccosh are log1p(x) + log(2)."""
    return x * FORMATS[x.dtype].epsilon > 4.0


def arcsinh(build, x):
    """log(x + sqrt(x**2 + 1)), with the sign of x."""
    size = abs(x)
    square = size * size
    increment = size + square / (1.0 + build("sqrt", square + 1.0))
    is_large = _is_large(size)
    value = log1p(build, build.select(is_large, size, increment))
    value = value + build.select(is_large, build.constant(math.log(2), x.dtype), 0.0)
    return build("copysign", value, x)


def arccosh(build, x):
    """log(x + sqrt(x**2 - 1)); NaN below 1."""
    above = x - 1.0
    increment = above + build("sqrt", above * (above + 2.0))
    is_large = _is_large(x)
    value = log1p(build, build.select(is_large, x, increment))
    value = value + build.select(is_large, build.constant(math.log(2), x.dtype), 0.0)
    return build.select(x < 1, np.nan, value)


def arctanh(build, x):
    """log1p(2 x / (1 - x)) / 2, with the sign of x; NaN outside of [-1, 1]."""
    size = abs(x)
    value = 0.5 * log1p(build, 2.0 * size / (1.0 - size))
    value = build.select(size < FORMATS[x.dtype].epsilon / 2, size, value)
    return build("copysign", value, x)
