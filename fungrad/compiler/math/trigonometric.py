"""sin, cos and tan.

|x| = n pi/2 + r with |r| <= pi/4; r is the sum of two floats, so that it is accurate relative to
itself also next to multiples of pi/2 (Cody and Waite, with fused multiply-add). Beyond
`_LARGEST`, where three parts of pi/2 would not do, libm is called. That keeps its accuracy for
the largest arguments and costs 20 to 50 ns for each of them; the others pay a test each, which is
about half of their time.
"""

import math

import numpy as np

from fungrad.compiler.math.floating_point import FORMATS, bits, polynomial, upper_half

_HALF_PI = {
    np.float32: (1.5707963705062866, -4.371138828673793e-08, -1.7151245100058819e-15),
    np.float64: (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591815e-33),
}
_LARGEST = {np.float32: 2.0**15, np.float64: 2.0**28}
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
    product = upper_half(build, n * second)
    r = rest + product
    lost = ((rest - r) + product) + build.fma(n, second, -product)
    low = build.fma(n, third, lost)
    total = r + low
    return total, (r - total) + low, bits(build, shifted)


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


def _or_libm(build, function, x, usual):
    """The usual value, but libm's beyond the largest argument.

    The call comes first in the code: around it, only x occupies a register.
    """
    is_huge = abs(x) > _LARGEST[x.dtype.type]
    return build.select(is_huge, build.libm_where(is_huge, function, x), usual)


def sin(build, x):
    """The sine: of r where n is even, the cosine of r where n is odd, negated for n = 2, 3."""
    r, low, n = _reduced(build, abs(x))
    sine, cosine = _sin_and_cos(r, low)
    value = build.select(_is_odd(build, n), cosine, sine)
    value = _flipped(build, value, _highest(n, 1) ^ bits(build, x))
    return _or_libm(build, "sin", x, value)


def cos(build, x):
    """The cosine: the sine a quarter turn later."""
    r, low, n = _reduced(build, abs(x))
    sine, cosine = _sin_and_cos(r, low)
    value = build.select(_is_odd(build, n), sine, cosine)
    return _or_libm(build, "cos", x, _flipped(build, value, _highest(n + 1, 1)))


def tan(build, x):
    """sin(r) / cos(r) where n is even, -cos(r) / sin(r) where n is odd."""
    r, low, n = _reduced(build, abs(x))
    sine, cosine = _sin_and_cos(r, low)
    is_odd = _is_odd(build, n)
    value = build.select(is_odd, cosine, sine) / build.select(is_odd, sine, cosine)
    value = _flipped(build, value, _highest(n, 0) ^ bits(build, x))
    return _or_libm(build, "tan", x, value)
