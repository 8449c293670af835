"""power, cbrt and hypot."""

import numpy as np

from fungrad.compiler.math.exponential import EXP2_QUOTIENT
from fungrad.compiler.math.floating_point import (
    FORMATS,
    bits,
    clamp,
    polynomial,
    power_of_two,
    product_in_two_parts,
    scaled,
    split,
    split_subnormal,
    sum_in_two_parts,
    upper_half,
)

#: (log((1 + s) / (1 - s)) / s - 2 - 2/3 s**2) / s**4 as a polynomial in s**2; 2**-66 of the log.
_LOG_TAIL = (
    0.4000000000000226,
    0.28571428570097296,
    0.22222222520284957,
    0.18181784338397608,
    0.1538675854740868,
    0.13256791445666327,
    0.13196557291970765,
)
#: Numbers in two parts.
_TWO_THIRDS = (0.6666666666666666, 3.700743415417188e-17)
_INVERSE_LN2 = (1.4426950408889634, 2.0355273740931033e-17)
#: log2((1 + s) / (1 - s)) / s as a polynomial in s**2, to 2**-37, and (2**f - 1) / f, to 2**-34.
_LOG2_SHORT = (
    2.8853900817901463,
    0.9617966732766269,
    0.5770835960187037,
    0.4116721187414659,
    0.34074029558995755,
)
_EXP2_SHORT = (
    0.693147180541699,
    0.24022651076000368,
    0.055504109623286925,
    0.009618036893827508,
    0.0013333431018076644,
    0.00015467114919484845,
    1.5314889177175638e-05,
)


def _log2(build, x):
    """log2 of a positive float64 as a sum of two, good to some 2**-66 of itself."""
    k, m = split_subnormal(build, x)
    divisor, divisor_lost = sum_in_two_parts(build.constant(1, m.dtype), m)
    inverse = 1.0 / divisor
    s = (m - 1.0) * inverse  # artanh(s) is log(m) / 2
    rest = build.fma(-s, divisor, m - 1.0)
    s_lost = build.fma(-s, divisor_lost, rest) * inverse
    z, z_lost = product_in_two_parts(build, s, s)
    z_lost = z_lost + 2.0 * s * s_lost
    tail = (s * s) * polynomial(s * s, _LOG_TAIL)
    q, q_lost = sum_in_two_parts(build.constant(_TWO_THIRDS[0], m.dtype), tail)
    w, w_lost = product_in_two_parts(build, z, q)
    w_lost = w_lost + (z * (q_lost + _TWO_THIRDS[1]) + z_lost * q)
    v, v_lost = product_in_two_parts(build, s, w)
    v_lost = v_lost + (s * w_lost + s_lost * w)
    log, log_lost = sum_in_two_parts(2.0 * s, v)
    log_lost = log_lost + (2.0 * s_lost + v_lost)
    p, p_lost = product_in_two_parts(build, log, build.constant(_INVERSE_LN2[0], m.dtype))
    p_lost = p_lost + (log * _INVERSE_LN2[1] + log_lost * _INVERSE_LN2[0])
    total, lost = sum_in_two_parts(k, p)
    return _with_limits(build, x, total), lost + p_lost


def _with_limits(build, x, log):
    """The logarithm of x, with its values at 0, infinity and NaN."""
    log = build.select(x < np.inf, log, x)
    return build.select(build.equal(x, 0), build.constant(-np.inf, x.dtype), log)


def _power_of_size(build, size, y):
    """size**y for float64."""
    log, log_lost = _log2(build, size)
    exponent, lost = product_in_two_parts(build, y, log)
    lost = lost + y * log_lost
    lost = build.select(abs(exponent) < 2000.0, lost, 0.0)
    exponent = clamp(build, exponent, -1080.0, 1030.0)
    shifted = exponent + FORMATS[size.dtype].rounder
    f = (exponent - (shifted - FORMATS[size.dtype].rounder)) + lost
    return scaled(build, 1.0 + f * polynomial(f, EXP2_QUOTIENT[np.float64]), bits(build, shifted))


def _power_of_short_size(build, size, y):
    """size**y for float32, in float64, which neither underflows nor overflows."""
    wide = build.cast(size, np.float64)
    k, m = split(build, wide)
    s = (m - 1.0) / (m + 1.0)
    log = _with_limits(build, wide, k + s * polynomial(s * s, _LOG2_SHORT))
    exponent = clamp(build, log * build.cast(y, np.float64), -200.0, 200.0)
    shifted = exponent + FORMATS[wide.dtype].rounder
    f = exponent - (shifted - FORMATS[wide.dtype].rounder)
    value = 1.0 + f * polynomial(f, _EXP2_SHORT)
    value = value * power_of_two(build, bits(build, shifted), wide.dtype)
    return build.cast(value, np.float32)


def power(build, x, y):
    """x**y, by C's rules for signs, zeros and infinities."""
    size = abs(x)
    of_size = _power_of_short_size if x.dtype == np.float32 else _power_of_size
    value = of_size(build, size, y)
    is_whole = build.equal(build("rint", y), y)
    half = 0.5 * y
    is_odd = is_whole & build.not_equal(build("rint", half), half)
    value = build("copysign", value, build.select(is_odd, x, 1.0))
    is_undefined = (x < 0) & (size < np.inf) & ~is_whole
    value = build.select(is_undefined, np.nan, value)
    is_unit = build.equal(x, 1) | build.equal(y, 0)
    is_unit = is_unit | (build.equal(x, -1) & build.equal(abs(y), np.inf))
    return build.select(is_unit, 1.0, value)


#: The cube root on [sqrt(1/2), sqrt(2)], to 2**-17; and of 1/2 and 2.
_CBRT = (
    0.45167620877253273,
    0.9047811755852534,
    -0.5355753177651346,
    0.21690193475019764,
    -0.03777974134577001,
)
_CBRT_HALF, _CBRT_TWO = 0.7937005259840998, 1.2599210498948732


def cbrt(build, x):
    """The cube root: a polynomial and one (float32) or two steps of Halley's method."""
    size = abs(x)
    k, m = split_subnormal(build, size)
    rounder = FORMATS[x.dtype].rounder
    shifted = k * (1 / 3) + rounder
    rest = k - 3.0 * (shifted - rounder)  # -1, 0 or 1
    root = polynomial(m, _CBRT)
    one = _one(build, x)
    root = root * build.select(rest > 0, _CBRT_TWO, build.select(rest < 0, _CBRT_HALF, one))
    m = m * build.select(rest > 0, 2.0, build.select(rest < 0, 0.5, one))
    cube = root * root * root
    root = root - root * (cube - m) / (cube + cube + m)
    if x.dtype == np.float64:
        root = upper_half(build, root)
        ratio = m / (root * root)  # the product is exact
        root = root + root * ((ratio - root) / (root + root + ratio))
    value = build("copysign", root * power_of_two(build, bits(build, shifted), x.dtype), x)
    is_fixed = build.equal(size, 0) | ~(size < np.inf)
    return build.select(is_fixed, x, value)


def _one(build, x):
    return build.constant(1, x.dtype)


def hypot(build, x, y):
    """sqrt(x**2 + y**2) without overflow or underflow on the way; inf wins over NaN."""
    x, y = abs(x), abs(y)
    is_first = x > y
    large, small = build.select(is_first, x, y), build.select(is_first, y, x)
    half, mantissa = FORMATS[x.dtype].bias // 2, FORMATS[x.dtype].mantissa
    is_huge, is_tiny = large > 2.0 ** (half - 3), large < 2.0 ** (20 - half)
    scale, one = 2.0 ** (half + mantissa + 14), _one(build, x)
    down = build.select(is_huge, 1 / scale, build.select(is_tiny, scale, one))
    up = build.select(is_huge, scale, build.select(is_tiny, 1 / scale, one))
    a, b = large * down, small * down
    root = build("sqrt", a * a + b * b) * up
    is_infinite = build.equal(x, np.inf) | build.equal(y, np.inf)
    return build.select(is_infinite, np.inf, root)
