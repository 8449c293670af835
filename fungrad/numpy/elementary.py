"""Elementwise functions that are composed of universal functions."""

import math
from operator import index

import numpy as np

from fungrad.core.errors import DtypeError
from fungrad.core.tracing import Tracer
from fungrad.numpy import ufuncs
from fungrad.numpy.arrays import operand
from fungrad.numpy.dispatch import TRACED, refuse_out, traced
from fungrad.numpy.promotion import (
    align,
    as_float,
    as_quotient,
    broadcast_to,
    convert,
    loop_operands,
)
from fungrad.numpy.selection import where
from fungrad.numpy.ufuncs import (
    add,
    divide,
    floor_divide,
    logical_and,
    multiply,
    power,
    remainder,
    subtract,
)
from fungrad.numpy.writing import as_view, require_cast
from fungrad.primitives import elementwise as e
from fungrad.primitives.movement import Fill

# ---- angles


def _scaled(function, factor):
    def apply(x):
        if type(x) is not Tracer:
            return function(x)
        (x,) = loop_operands(function, x)
        return e.multiply(x, x.dtype.type(factor))

    return ufuncs.named(apply, function)


deg2rad = radians = _scaled(np.deg2rad, math.pi / 180)
rad2deg = degrees = _scaled(np.rad2deg, 180 / math.pi)


@traced(np.angle)
def angle(z, deg=False):
    """`numpy.angle`."""
    z = operand(z)
    if z.dtype.kind == "c":
        result = ufuncs.arctan2(e.imag(z), e.real(z))
    else:
        result = ufuncs.arctan2(0, z)
    return multiply(result, 180 / math.pi) if deg else result


@traced(np.sinc)
def sinc(x):
    """`numpy.sinc`: sin(pi x) / (pi x), and 1 at 0, with exact derivatives there."""
    x = operand(x)
    x = convert(x, as_quotient(x.dtype))
    return divided_sine(multiply(x, math.pi))


def divided_sine(y):
    """sin(y) / y; the Taylor series where |y| is small keeps all derivatives finite."""
    square = multiply(y, y)
    limit = 1e-3 if y.dtype in (np.float64, np.complex128) else 1e-2
    small = (ufuncs.absolute(square) if y.dtype.kind == "c" else square) < limit
    near = where(small, square, 0)
    series = 1 - near / 6 * (1 - near / 20 * (1 - near / 42 * (1 - near / 72 * (1 - near / 110))))
    far = where(small, 1, y)
    return where(small, series, divide(ufuncs.sin(far), far))


# ---- numbers and their parts


@traced(np.real)
def real(val):
    """`numpy.real`."""
    val = operand(val)
    return as_view(e.real(val), val) if val.dtype.kind == "c" else val


@traced(np.imag)
def imag(val):
    """`numpy.imag`."""
    val = operand(val)
    return e.imag(val) if val.dtype.kind == "c" else Fill(tuple(val.shape))(val.dtype.type(0))


def fabs(x):
    """`numpy.fabs`: the derivative at 0 is 0."""
    if type(x) is not Tracer:
        return np.fabs(x)
    if x.dtype.kind == "c":
        raise DtypeError("fabs is not defined for complex numbers: use abs")
    return e.absolute(convert(x, as_float(x.dtype)))


def heaviside(x1, x2):
    """`numpy.heaviside`; the derivative in x1 is 0."""
    if type(x1) is not Tracer and type(x2) is not Tracer:
        return np.heaviside(x1, x2)
    x, at_zero = align("heaviside", loop_operands(np.heaviside, x1, x2))
    one, zero = x.dtype.type(1), x.dtype.type(0)
    step = e.select(e.less(x, zero), zero, e.select(e.greater(x, zero), one, x))
    return where(e.equal(x, zero), at_zero, e.stop_gradient(step))


def logaddexp2(x1, x2):
    """`numpy.logaddexp2`: log2(2**x1 + 2**x2)."""
    if type(x1) is not Tracer and type(x2) is not Tracer:
        return np.logaddexp2(x1, x2)
    x, y = align("logaddexp2", loop_operands(np.logaddexp2, x1, x2))
    larger, smaller = ufuncs.maximum(x, y), ufuncs.minimum(x, y)
    is_known = e.isinf(larger)
    distance = subtract(where(is_known, 0, smaller), where(is_known, 0, larger))
    return add(larger, divide(ufuncs.log1p(ufuncs.exp2(distance)), math.log(2)))


def _ignoring_nan(function, combine):
    def apply(x, y):
        if type(x) is not Tracer and type(y) is not Tracer:
            return function(x, y)
        x, y = align(function.__name__, loop_operands(function, x, y))
        if x.dtype.kind not in "fc":
            return combine(x, y)
        return where(e.isnan(y), x, where(e.isnan(x), y, combine(x, y)))

    return ufuncs.named(apply, function)


fmax = _ignoring_nan(np.fmax, ufuncs.maximum)
fmin = _ignoring_nan(np.fmin, ufuncs.minimum)


@traced(np.nan_to_num)
def nan_to_num(x, copy=True, nan=0.0, posinf=None, neginf=None):
    """`numpy.nan_to_num`."""
    x = operand(x)
    if x.dtype.kind == "c":
        parts = [nan_to_num(v, copy, nan, posinf, neginf) for v in (e.real(x), e.imag(x))]
        return e.make_complex(*parts)
    if x.dtype.kind != "f":
        return x
    info, zero = np.finfo(x.dtype), x.dtype.type(0)
    high = info.max if posinf is None else posinf
    low = info.min if neginf is None else neginf
    y = where(e.isnan(x), _filler(nan, x), x)
    is_infinite = e.isinf(x)
    y = where(logical_and(is_infinite, e.greater(x, zero)), _filler(high, x), y)
    return where(logical_and(is_infinite, e.less(x, zero)), _filler(low, x), y)


def _filler(value, x):
    """A value in the dtype and shape of the array that it is written into."""
    if isinstance(value, int | float):
        return convert(operand(value), x.dtype)
    require_cast("nan_to_num", operand(value).dtype, x.dtype)
    return broadcast_to(convert(operand(value), x.dtype), tuple(x.shape))


def _round(a, decimals=0, out=None):
    refuse_out("round", out)
    a, decimals = operand(a), index(decimals)
    if a.dtype.kind == "b":
        if decimals:
            raise TypeError("round: booleans are rounded to 0 decimals only")
        return convert(a, np.dtype(np.float16))
    if a.dtype.kind == "c":
        return e.make_complex(_round(e.real(a), decimals), _round(e.imag(a), decimals))
    if a.dtype.kind in "iu":
        if decimals >= 0:
            return a
        scale = 10**-decimals
        return convert(multiply(ufuncs.rint(divide(a, scale)), scale), a.dtype)
    if decimals == 0:
        return ufuncs.rint(a)
    scale = 10.0 ** abs(decimals) if abs(decimals) <= 308 else np.inf
    if decimals > 0:
        return divide(ufuncs.rint(multiply(a, scale)), scale)
    return multiply(ufuncs.rint(divide(a, scale)), scale)


@traced(np.round, np.around)
def round(a, decimals=0, out=None):
    """`numpy.round`; the derivative is 0."""
    return _round(a, decimals, out)


around = round


@traced(np.fix)
def fix(x, out=None):
    """`numpy.fix`: towards 0."""
    refuse_out("fix", out)
    return ufuncs.trunc(operand(x))


def divmod(x1, x2):
    """`numpy.divmod`."""
    if type(x1) is not Tracer and type(x2) is not Tracer:
        return np.divmod(x1, x2)
    return floor_divide(x1, x2), remainder(x1, x2)


def modf(x):
    """`numpy.modf`: fraction and whole part, both with the sign of x."""
    if type(x) is not Tracer:
        return np.modf(x)
    (x,) = loop_operands(np.modf, x)
    whole = e.trunc(x)
    fraction = where(e.isinf(x), x.dtype.type(0), subtract(x, whole))
    return ufuncs.copysign(fraction, e.stop_gradient(x)), whole


def ldexp(x1, x2):
    """`numpy.ldexp`: x1 times 2**x2."""
    if type(x1) is not Tracer and type(x2) is not Tracer:
        return np.ldexp(x1, x2)
    x, n = loop_operands(np.ldexp, x1, x2)
    most = 3 * int(np.finfo(x.dtype).maxexp - 1)
    n = convert(ufuncs.minimum(ufuncs.maximum(n, -most), most), np.dtype(np.int32))
    for left in (3, 2, 1):  # each factor is finite, so that 0 stays 0
        part = floor_divide(n, left)
        x, n = multiply(x, power(x.dtype.type(2), convert(part, x.dtype))), subtract(n, part)
    return x


def frexp(x):
    """`numpy.frexp`: mantissa in [0.5, 1) and exponent."""
    if type(x) is not Tracer:
        return np.frexp(x)
    (x,) = loop_operands(np.frexp, x)
    one, zero = x.dtype.type(1), x.dtype.type(0)
    two, limits = x.dtype.type(2), np.finfo(x.dtype)
    is_plain = logical_and(e.isfinite(x), e.not_equal(x, zero))
    is_small = logical_and(is_plain, e.less(e.absolute(x), limits.tiny))  # subnormal
    shift = x.dtype.type(limits.nmant + 2)
    x = multiply(x, where(is_small, two**shift, one))
    safe = e.absolute(e.select(is_plain, e.stop_gradient(x), one))
    exponent = add(e.floor(e.log2(safe)), one)
    scaled = _scaled_down(safe, exponent)
    exponent = where(scaled >= 1, exponent + 1, where(scaled < 0.5, exponent - 1, exponent))
    exponent = where(is_plain, exponent, zero)
    mantissa = _scaled_down(x, exponent)
    return mantissa, convert(subtract(exponent, where(is_small, shift, zero)), np.dtype(np.int32))


def spacing(x):
    """`numpy.spacing`: the distance to the next number away from 0, with the sign of x."""
    if type(x) is not Tracer:
        return np.spacing(x)
    (x,) = loop_operands(np.spacing, x)
    size = e.absolute(e.stop_gradient(x))
    zero, most = x.dtype.type(0), np.finfo(x.dtype).max
    above = subtract(ufuncs.nextafter(size, x.dtype.type(np.inf)), size)
    below = subtract(size, ufuncs.nextafter(size, zero))
    gap = where(e.equal(size, most), below, above)
    return where(e.less(x, zero), e.negative(gap), gap)


def _scaled_down(x, exponent):
    """x / 2**exponent, whose second factor may be beyond the range of numbers."""
    two, half = x.dtype.type(2), e.floor(multiply(exponent, x.dtype.type(0.5)))
    return multiply(multiply(x, power(two, -half)), power(two, subtract(half, exponent)))


def _gcd(x, y):
    x, y = ufuncs.absolute(x), ufuncs.absolute(y)
    for _ in range(12 * x.dtype.itemsize):  # more steps than Fibonacci numbers of that size take
        is_done = y == 0
        x, y = where(is_done, x, y), where(is_done, y, remainder(x, where(is_done, 1, y)))
    return ufuncs.absolute(x)  # of the smallest integer, whose absolute value is itself


def gcd(x1, x2):
    """`numpy.gcd`."""
    if type(x1) is not Tracer and type(x2) is not Tracer:
        return np.gcd(x1, x2)
    return _gcd(*align("gcd", loop_operands(np.gcd, x1, x2)))


def lcm(x1, x2):
    """`numpy.lcm`."""
    if type(x1) is not Tracer and type(x2) is not Tracer:
        return np.lcm(x1, x2)
    x, y = align("lcm", loop_operands(np.lcm, x1, x2))
    divisor = _gcd(x, y)
    x, y = ufuncs.absolute(x), ufuncs.absolute(y)
    return multiply(floor_divide(x, where(divisor == 0, 1, divisor)), y)


def bitwise_count(x):
    """`numpy.bitwise_count`."""
    if type(x) is not Tracer:
        return np.bitwise_count(x)
    (x,) = loop_operands(np.bitwise_count, x)
    if x.dtype.kind == "b":
        return convert(x, np.dtype(np.uint8))
    return convert(e.population_count(ufuncs.absolute(x)), np.dtype(np.uint8))


for _name in """deg2rad radians rad2deg degrees fabs heaviside logaddexp2 fmax fmin divmod modf
    ldexp frexp spacing gcd lcm bitwise_count""".split():
    TRACED[getattr(np, _name)] = globals()[_name]
