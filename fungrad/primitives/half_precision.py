"""float16 as compiled code holds it: in memory 16 bits, in computations a rounded float32.

The programs of users never contain these primitives; `optimize.half_precision` puts them in.
"""

import numpy as np

from fungrad.core.errors import DtypeError, LinearityError
from fungrad.core.primitive import Pointwise

FLOAT16, FLOAT32 = np.dtype(np.float16), np.dtype(np.float32)
BITS, WIDE_BITS = np.dtype(np.uint16), np.dtype(np.uint32)

_SHIFT = 13  # how many more bits the mantissa of float32 has
_SCALE = 2.0**112  # between the exponents of the two formats: 127 - 15
_OVERFLOW = 65520.0  # what lies between the largest finite number, 65504, and 2**16


def require_dtype(name, x, *dtypes):
    """DtypeError unless the operand has one of the dtypes."""
    if x.dtype not in dtypes:
        raise DtypeError(f"{name} is not defined for dtype {x.dtype}")


class OfHalf:
    """What the primitives of this module have in common: one operand, and no derivative."""

    def jvp(self, inputs, tangents):
        return self(*inputs), None

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError(f"{self.name} is not linear")

    def batch(self, inputs, batched, axis):
        return self(*inputs), True


class RoundToHalf(OfHalf, Pointwise):
    """The nearest number that float16 has, as a float32; ties to even, inf beyond 65504."""

    @property
    def name(self):
        return "round_to_half"

    def infer(self, x):
        require_dtype(self.name, x, FLOAT32, np.dtype(np.float64))
        return x.with_dtype(FLOAT32)

    def evaluate(self, x):
        with np.errstate(over="ignore"):
            return x.astype(FLOAT16).astype(FLOAT32)

    def element(self, build, index, read, types, output):
        x = read(0, index)
        # Adding and subtracting a number whose spacing is that of float16 at x rounds x to it.
        wide = np.dtype(np.uint32 if x.dtype == FLOAT32 else np.uint64)
        exponent = build.bitcast(_bits_of_infinity(build, wide), x.dtype)
        power = build.bitcast(build.bitcast(x, wide) & build.bitcast(exponent, wide), x.dtype)
        power = build("maximum", power, build.constant(2.0**-14, x.dtype))
        mantissa = 23 if x.dtype == FLOAT32 else 52
        large = power * (1.5 * 2.0 ** (mantissa - 10))
        size = abs((x + large) - large)
        is_large = abs(x) >= _OVERFLOW
        size = build.select(is_large, build.constant(np.inf, x.dtype), size)
        return build.cast(build("copysign", size, x), FLOAT32)


def _bits_of_infinity(build, bits):
    return build.constant(0x7F800000 if bits == WIDE_BITS else 0x7FF0000000000000, bits)


class DecodeHalf(OfHalf, Pointwise):
    """The float32 that the bits of a float16 stand for."""

    @property
    def name(self):
        return "decode_half"

    def infer(self, x):
        require_dtype(self.name, x, BITS)
        return x.with_dtype(FLOAT32)

    def evaluate(self, x):
        return x.view(FLOAT16).astype(FLOAT32)

    def element(self, build, index, read, types, output):
        bits = build.cast(read(0, index), WIDE_BITS)
        size = (bits & 0x7FFF) << _SHIFT
        is_finite = (bits & 0x7C00) < 0x7C00
        number = build.bitcast(size, FLOAT32) * _SCALE
        special = build.bitcast(size | _bits_of_infinity(build, WIDE_BITS), FLOAT32)
        magnitude = build.bitcast(build.select(is_finite, number, special), WIDE_BITS)
        return build.bitcast(magnitude | ((bits & 0x8000) << 16), FLOAT32)


class EncodeHalf(OfHalf, Pointwise):
    """The bits of the float16 that equals a float32; there must be one."""

    @property
    def name(self):
        return "encode_half"

    def infer(self, x):
        require_dtype(self.name, x, FLOAT32)
        return x.with_dtype(BITS)

    def evaluate(self, x):
        with np.errstate(over="ignore"):
            return x.astype(FLOAT16).view(BITS)

    def element(self, build, index, read, types, output):
        x = read(0, index)
        number = build.bitcast(abs(x) * (1 / _SCALE), WIDE_BITS) >> _SHIFT
        is_nan = build("isnan", x)
        nan, infinity = (build.constant(v, WIDE_BITS) for v in (0x7E00, 0x7C00))
        size = build.select(abs(x) >= _OVERFLOW, infinity, number)
        size = build.select(is_nan, nan, size)
        sign = (build.bitcast(x, WIDE_BITS) >> 16) & 0x8000
        return build.cast(size | sign, BITS)
