"""Polynomials, and the bit layout of the floating-point formats that range reductions use."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
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


def clamp(build, x, low, high):
    """x restricted to an interval; NaN stays."""
    x = build.select(x > high, high, x)
    return build.select(x < low, low, x)


def with_sign(build, magnitude, x):
    """A value that is not negative, with the sign of x."""
    return build("copysign", magnitude, x)


def upper_half(build, x):
    """x cut to the upper half of its mantissa, so that products of two such are exact.

    The cut also keeps a product apart from sums: no code generator fuses it to an fma.
    """
    layout = FORMATS[x.dtype]
    cut = (layout.mantissa + 1 + 1) // 2
    mask = (1 << 8 * layout.dtype.itemsize) - (1 << cut)
    return build.bitcast(bits(build, x) & mask, x.dtype)
