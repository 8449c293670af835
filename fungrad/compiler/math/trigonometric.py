"""sin, cos and tan.

|x| = n pi/2 + r with |r| <= pi/4; r is the sum of two floats, so that it is accurate relative to
itself also next to multiples of pi/2. Up to `_LARGEST`, it comes from subtracting n times three
parts of pi/2 (Cody and Waite). Larger x are multiplied by the bits of 2/pi that matter (Payne and
Hanek), in a function that is called for those elements only: they cost some 16 ns each, and the
others a test each, which is about half of their time.
"""

import math

import numpy as np

from fungrad.compiler.math.floating_point import (
    FORMATS,
    any_sum_in_two_parts,
    bits,
    polynomial,
    product_in_two_parts,
    sum_in_two_parts,
)
from fungrad.compiler.math.tables import FIRST_ROW, TWO_OVER_PI_PARTS

_HALF_PI = {
    np.float32: (1.5707963705062866, -4.371138828673793e-08, -1.7151245100058819e-15),
    np.float64: (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591815e-33),
}
_LARGEST = {np.float32: 2.0**17, np.float64: 2.0**28}
#: (sin(r) / r - 1) / r**2 as a polynomial in r**2, to 2**-28 and 2**-58 of sin(r).
_SIN = {
    np.float32: (-0.16666655242443085, 0.008332191035151482, -0.00019518600311130285),
    np.float64: (
        -0.16666666666666632,
        0.008333333333322477,
        -0.00019841269829841133,
        2.755731369935567e-06,
        -2.5050758805473e-08,
        1.5896814248164398e-10,
    ),
}
#: (cos(r) - 1 + r**2 / 2) / r**4 as a polynomial in r**2, to 2**-33 and 2**-64 of cos(r).
_COS = {
    np.float32: (0.04166664555668831, -0.0013887312961742282, 2.4432958525721915e-05),
    np.float64: (
        0.0416666666666666,
        -0.0013888888888874474,
        2.4801587289669287e-05,
        -2.755731439949342e-07,
        2.0875728941599e-09,
        -1.1359909856208525e-11,
    ),
}


def _reduced(build, size):
    """r in two parts, and an integer whose lowest bits are n, for |x| = n pi/2 + r."""
    rounder = FORMATS[size.dtype].rounder
    first, second, third = _HALF_PI[size.dtype.type]
    shifted = build.fma(size, 2 / math.pi, rounder)
    n = rounder - shifted
    rest = build.fma(n, first, size)  # exact
    product, product_lost = product_in_two_parts(build, n, build.constant(second, n.dtype))
    r, lost = any_sum_in_two_parts(rest, product)
    r, low = sum_in_two_parts(r, build.fma(n, third, lost + product_lost))
    return r, low, bits(build, shifted)


def _sin_and_cos(r, low):
    """sin and cos of r + low."""
    z = r * r
    sine = r + (r * z * polynomial(z, _SIN[r.dtype.type]) + low)
    half = 0.5 * z
    cosine = 1.0 - half
    lost = (1.0 - cosine) - half
    cosine = cosine + (lost + (z * z * polynomial(z, _COS[r.dtype.type]) - r * low))
    return sine, cosine


def _is_odd(build, n):
    return build.not_equal(n & 1, 0)


def _flipped(build, x, sign_bits):
    """x with its sign flipped where the highest bit is set."""
    layout = FORMATS[x.dtype]
    sign = sign_bits & (1 << (8 * layout.dtype.itemsize - 1))
    return build.bitcast(bits(build, x) ^ sign, x.dtype)


def _highest(n, bit):
    """n shifted so that the bit of that number is the highest."""
    return n << (8 * n.dtype.itemsize - 1 - bit)


def _with_huge(build, name, x, usual):
    """The usual value, but that of the function of huge x beyond the largest argument.

    The call comes first in the code: around it, only x occupies a register.
    """
    is_huge = abs(x) > _LARGEST[x.dtype.type]
    return build.select(is_huge, build.call_where(is_huge, name, x), usual)


def _sin_of(build, x, r, low, n):
    """The sine: of r where n is even, the cosine of r where n is odd, negated for n = 2, 3."""
    sine, cosine = _sin_and_cos(r, low)
    value = build.select(_is_odd(build, n), cosine, sine)
    return _flipped(build, value, _highest(n, 1) ^ bits(build, x))


def _cos_of(build, x, r, low, n):
    """The cosine: the sine a quarter turn later."""
    sine, cosine = _sin_and_cos(r, low)
    value = build.select(_is_odd(build, n), sine, cosine)
    return _flipped(build, value, _highest(n + 1, 1))


def _tan_of(build, x, r, low, n):
    """sin(r) / cos(r) where n is even, -cos(r) / sin(r) where n is odd."""
    sine, cosine = _sin_and_cos(r, low)
    is_odd = _is_odd(build, n)
    value = build.select(is_odd, cosine, sine) / build.select(is_odd, sine, cosine)
    return _flipped(build, value, _highest(n, 0) ^ bits(build, x))


def sin(build, x):
    """The sine."""
    return _with_huge(build, "sin_of_huge", x, _sin_of(build, x, *_reduced(build, abs(x))))


def cos(build, x):
    """The cosine."""
    return _with_huge(build, "cos_of_huge", x, _cos_of(build, x, *_reduced(build, abs(x))))


def tan(build, x):
    """The tangent."""
    return _with_huge(build, "tan_of_huge", x, tan_of_moderate(build, x))


def tan_of_moderate(build, x):
    """The tangent of x that is known not to be huge."""
    return _tan_of(build, x, *_reduced(build, abs(x)))


def _reduced_huge(build, size):
    """r in two parts and the lowest bits of n, for a float64 beyond 2**14; NaN for inf.

    size = m 2**e with a whole m < 2**60. The table has four parts of 2**e 2/pi mod 4, each a
    multiple of a power of two, so that the sums up to f below are exact.
    """
    parts = [
        build.table("two_over_pi", _row(build, size) * TWO_OVER_PI_PARTS + i)
        for i in range(TWO_OVER_PI_PARTS)
    ]
    m = _whole(build, size)
    (p, p_lost), (q, q_lost), (s, s_lost) = (
        product_in_two_parts(build, m, part) for part in parts[:3]
    )
    p_whole, q_whole = build("rint", p_lost), build("rint", q)
    f = (p - 4.0 * build("rint", 0.25 * p)) + (p_lost - p_whole)
    f, f_lost = any_sum_in_two_parts(f, q - q_whole)
    whole = build("rint", f)
    n = p_whole + q_whole + whole
    small, small_lost = any_sum_in_two_parts(q_lost, s)
    high, low = any_sum_in_two_parts(f - whole, small)
    low = low + (small_lost + (f_lost + build.fma(m, parts[3], s_lost)))
    first, second, _ = _HALF_PI[np.float64]
    r, r_lost = product_in_two_parts(build, high, build.constant(first, size.dtype))
    r, low = sum_in_two_parts(r, r_lost + (high * second + low * first))
    return r, low, bits(build, n + FORMATS[size.dtype].rounder)


def _row(build, size):
    """The row of the table for the exponent; all rows hold eight exponents."""
    row = (bits(build, size) >> (FORMATS[size.dtype].mantissa + 3)) - FIRST_ROW
    return build.cast(row, np.int64)


def _whole(build, size):
    """m / 8: the mantissa times a power of two below 2**8, from the lowest bits of the exponent."""
    mask = (1 << (FORMATS[size.dtype].mantissa + 3)) - 1
    exponent = 1072 << FORMATS[size.dtype].mantissa
    return build.bitcast((bits(build, size) & mask) | exponent, size.dtype)


def _of_huge(value_of):
    def function(build, x):
        if x.dtype == np.float32:
            return build.cast(function(build, build.cast(x, np.float64)), np.float32)
        size = abs(x)
        is_finite = size < np.inf
        inside = build.select(is_finite, size, build.constant(2.0**30, x.dtype))
        value = value_of(build, x, *_reduced_huge(build, inside))
        return build.select(is_finite, value, np.nan)

    return function


#: The functions that are called for huge arguments only.
RARE = {
    "sin_of_huge": _of_huge(_sin_of),
    "cos_of_huge": _of_huge(_cos_of),
    "tan_of_huge": _of_huge(_tan_of),
}
