"""What range reductions are made of: the bits of numbers, exact sums and products, polynomials."""

import math

import numpy as np

from fungrad.core.record import record


@record(frozen=True)
class Format:
    """A binary floating-point format: its unsigned integer, mantissa bits and exponent bias.

    Adding `rounder` to a number of modest size leaves its nearest integer in the lowest bits.
    """

    dtype: np.dtype
    integer: np.dtype
    mantissa: int
    bias: int

    @property
    def rounder(self):
        """1.5 * 2**mantissa: large enough that its spacing is one."""
        return 1.5 * 2.0**self.mantissa

    @property
    def smallest_normal(self):
        """The smallest number of full precision."""
        return 2.0 ** (1 - self.bias)

    @property
    def epsilon(self):
        """The spacing of the numbers above one."""
        return 2.0**-self.mantissa


FORMATS = {
    np.dtype(np.float32): Format(np.dtype(np.float32), np.dtype(np.uint32), 23, 127),
    np.dtype(np.float64): Format(np.dtype(np.float64), np.dtype(np.uint64), 52, 1023),
}
#: ln 2 in two parts; the product of the first with any exponent is exact.
LN2 = {
    np.float32: (0.693359375, -0.00021219444170128554),
    np.float64: (0.6931471803691238, 1.9082149292705877e-10),
}


def polynomial(x, coefficients):
    """c[0] + c[1] x + c[2] x**2 + ... by Horner's rule."""
    value = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        value = value * x + coefficient
    return value


def bits(build, x):
    """The bits of a floating-point value, as an unsigned integer."""
    return build.bitcast(x, FORMATS[x.dtype].integer)


def power_of_two(build, exponent_bits, dtype):
    """2**k, for an integer whose lowest bits are k and k between the least and largest exponent."""
    layout = FORMATS[dtype]
    shifted = (exponent_bits << layout.mantissa) + (layout.bias << layout.mantissa)
    return build.bitcast(shifted, dtype)


def split(build, x):
    """k and m, where x = 2**k m is positive and normal and m lies between sqrt(1/2) and sqrt(2)."""
    layout = FORMATS[x.dtype]
    root_half = int(np.asarray(math.sqrt(0.5), x.dtype).view(layout.integer))
    one = layout.bias << layout.mantissa
    shifted = bits(build, x) + (one - root_half)  # so that the exponent steps at sqrt(1/2)
    mantissa = (shifted & ((1 << layout.mantissa) - 1)) + root_half
    unit = 2.0**layout.mantissa
    unit_bits = (layout.bias + layout.mantissa) << layout.mantissa
    k = build.bitcast((shifted >> layout.mantissa) | unit_bits, x.dtype) - (unit + layout.bias)
    return k, build.bitcast(mantissa, x.dtype)


def split_subnormal(build, x):
    """k and m as by `split`, of a positive number that may be subnormal."""
    layout = FORMATS[x.dtype]
    shift = float(layout.mantissa + 2)
    is_subnormal = x < layout.smallest_normal
    k, m = split(build, build.select(is_subnormal, x * 2.0**shift, x))
    return k - build.select(is_subnormal, build.constant(shift, x.dtype), 0.0), m


def scaled(build, x, k):
    """x * 2**k in an exact step and a rounding one, so that subnormal results are right."""
    half = k >> 1
    return x * power_of_two(build, half, x.dtype) * power_of_two(build, k - half, x.dtype)


def clamp(build, x, low, high):
    """x restricted to an interval; NaN stays."""
    x = build.select(x > high, high, x)
    return build.select(x < low, low, x)


def upper_half(build, x):
    """x cut to the upper half of its mantissa, so that products of two such are exact."""
    layout = FORMATS[x.dtype]
    cut = (layout.mantissa + 2) // 2
    mask = (1 << 8 * layout.dtype.itemsize) - (1 << cut)
    return build.bitcast(bits(build, x) & mask, x.dtype)


def product_in_two_parts(build, x, y):
    """x * y as the rounded product and what it lost."""
    product = build("rounded_multiply", x, y)
    return product, build.fma(x, y, -product)


def sum_in_two_parts(x, y):
    """x + y as the rounded sum and what it lost, where |x| >= |y| or x is 0."""
    total = x + y
    return total, (x - total) + y


def any_sum_in_two_parts(x, y):
    """x + y as the rounded sum and what it lost, whichever is larger."""
    total = x + y
    part = total - x
    return total, (x - (total - part)) + (y - part)
