"""Arithmetic, rounding, the larger of two values, whole powers."""

import operator

import numpy as np

from fungrad.core.errors import DtypeError, LinearityError
from fungrad.core.primitive import Pointwise
from fungrad.primitives.elementwise.comparison import equal, select
from fungrad.primitives.elementwise.rows import binary, unary

ndarray = np.ndarray
add = binary("add", operator.add, (lambda t, x, y, z: t, lambda t, x, y, z: t), (0, 1))
subtract = binary("subtract", operator.sub, (lambda t, x, y, z: t, lambda t, x, y, z: -t), (0, 1))
multiply = binary(
    "multiply",
    operator.mul,
    (lambda t, x, y, z: multiply(t, y), lambda t, x, y, z: multiply(x, t)),
    (0, 1),
    multilinear=True,
)
divide = binary(
    "divide",
    np.divide,
    (
        lambda t, x, y, z: strong_divide(t, y),
        lambda t, x, y, z: strong_multiply(t, _slope_of_divisor(x, y, z)),
    ),
    (0,),
    kinds="fc",
    together=lambda ts, x, y, z: _tangent_of_quotient(ts, y, z),
)
# A sum that compiled code does not fuse with a product that it adds, which would lose its rounding:
# for bits that are to be those of eager code.
rounded_add = binary("rounded_add", operator.add, add.passes, (0, 1), kinds="fc")


def _slope_of_divisor(x, y, z):
    """The derivative of z = x / y in y; no second division where z is a reciprocal."""
    is_reciprocal = isinstance(x, np.generic) and x == 1
    return negative(strong_multiply(z, z) if is_reciprocal else strong_divide(z, y))


def _tangent_of_quotient(tangents, y, z):
    """(dx - z dy) / y: one division for both tangents, and for both cotangents."""
    dx, dy = tangents
    return strong_divide(subtract(dx, strong_multiply(dy, z)), y)


def _strong_multiply(x, y):
    if isinstance(x, ndarray) or isinstance(y, ndarray):
        return _quiet_product(x, y)
    return x.dtype.type(0) if x == 0 or y == 0 else x * y


def _strong_divide(x, y):
    if isinstance(x, ndarray) or isinstance(y, ndarray):
        return _quiet_quotient(x, y)
    return x if x == 0 else x / y if y != 0 else np.divide(x, y)  # y may be an open number


@np.errstate(invalid="ignore", over="ignore")
def _quiet_product(x, y):
    z = x * y
    line = z.ravel("K")
    total = line.dot(line)  # of squares: nan where an element is
    return z if total == total else _nan_unless(z, (x == 0) | (y == 0))


@np.errstate(invalid="ignore", divide="ignore", over="ignore")
def _quiet_quotient(x, y):
    z = x / y
    line = z.ravel("K")
    total = line.dot(line)
    return z if total == total else _nan_unless(z, x == 0)


def _nan_unless(z, is_zero):
    """z, but 0 where it is nan although a factor is 0."""
    return np.where(np.isnan(z) & is_zero, z.dtype.type(0), z)


# Products and quotients in which 0 annihilates inf and nan: a zero tangent or cotangent stays 0
# whatever the local derivative, so the untaken arm of `where` adds nothing.
strong_multiply = binary(
    "strong_multiply",
    _strong_multiply,
    (lambda t, x, y, z: strong_multiply(t, y), lambda t, x, y, z: strong_multiply(x, t)),
    (0, 1),
    kinds="fc",
    multilinear=True,
)
strong_divide = binary(
    "strong_divide",
    _strong_divide,
    (
        lambda t, x, y, z: strong_divide(t, y),
        lambda t, x, y, z: strong_multiply(t, _slope_of_divisor(x, y, z)),
    ),
    (0,),
    kinds="fc",
    together=lambda ts, x, y, z: _tangent_of_quotient(ts, y, z),
)


def unless_zero(numerator, denominator):
    """numerator / denominator, and 0 where the denominator is 0."""
    one, zero = denominator.dtype.type(1), denominator.dtype.type(0)
    is_zero = equal(denominator, zero)
    return select(is_zero, zero, numerator / select(is_zero, one, denominator))


negative = unary("negative", operator.neg, lambda t, x, y: negative(t), True, kinds="iufc")

floor = unary("floor", np.floor, kinds="f")
ceil = unary("ceil", np.ceil, kinds="f")
trunc = unary("trunc", np.trunc, kinds="f")
rint = unary("rint", np.rint, kinds="fc")

remainder = binary(
    "remainder",
    np.remainder,
    (lambda t, x, y, z: t, lambda t, x, y, z: -t * floor(x / y)),
    kinds="iuf",
)
fmod = binary(
    "fmod",
    np.fmod,
    (lambda t, x, y, z: t, lambda t, x, y, z: -t * trunc(x / y)),
    kinds="iuf",
)
floor_divide = binary("floor_divide", np.floor_divide, kinds="iuf")

maximum = binary(
    "maximum",
    np.maximum,
    (lambda t, x, y, z: _tie(t, x, y, z, 0), lambda t, x, y, z: _tie(t, x, y, z, 1)),
    kinds="biuf",
)
minimum = binary(
    "minimum",
    np.minimum,
    (lambda t, x, y, z: _tie(t, x, y, z, 0), lambda t, x, y, z: _tie(t, x, y, z, 1)),
    kinds="biuf",
)


def _tie(t, x, y, z, side):
    """The share of a tangent that a maximum or minimum lets through: ties split equally."""
    mine, other = (x, y) if side == 0 else (y, x)
    dtype = z.dtype.type
    share = select(equal(other, z), dtype(0.5), dtype(1))
    return multiply(t, select(equal(mine, z), share, dtype(0)))


class IntegerPower(Pointwise):
    """x to a constant whole power, by repeated squaring."""

    exponent: int

    @property
    def name(self):
        return "integer_power"

    def flops(self, inputs, outputs):
        n = abs(self.exponent)
        products = n.bit_length() + n.bit_count() - 2 if n else 0
        return (products + (self.exponent < 0)) * outputs[0].size

    def infer(self, x):
        if x.dtype.kind == "b":
            raise DtypeError(f"{self.name} is not defined for dtype {x.dtype}")
        if x.dtype.kind in "iu" and self.exponent < 0:
            raise DtypeError("integers to negative whole powers are not integers")
        return x

    def evaluate(self, x):
        if x.dtype.kind == "c" and self.exponent != 2:
            return np.power(x, self.exponent)  # in its order, which shows at infinities
        result, base, n = None, x, abs(self.exponent)
        while n:
            if n & 1:
                result = base if result is None else result * base
            n >>= 1
            base = base * base if n else base
        if result is None:
            return np.ones_like(x)[()]
        return result if self.exponent > 0 else 1 / result

    def jvp(self, inputs, tangents):
        (x,), (t,), n = inputs, tangents, self.exponent
        if n == 0:
            return self(x), None
        slope = multiply(IntegerPower(n - 1)(x), x.dtype.type(n)) if n != 1 else x.dtype.type(1)
        return self(x), multiply(t, slope) if n > 0 else strong_multiply(t, slope)

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError(f"{self} is not linear")

    def batch(self, inputs, batched, axis):
        return self(*inputs), True

    def element(self, build, index, read, types, output):
        if output.dtype.kind == "c" and self.exponent != 2:
            x = read(0, index)
            return build.call("integer_power", x.dtype, x, attribute=self.exponent)
        result, base, n = None, read(0, index), abs(self.exponent)
        while n:
            if n & 1:
                result = base if result is None else result * base
            n >>= 1
            base = base * base if n else base
        one = build.constant(1, output.dtype)
        if result is None:
            return one
        if self.exponent > 0:
            return result
        return build.call("divide", output.dtype, one, result)
