"""Elementwise functions that are composed of universal functions."""

import math

import numpy as np

from fungrad.core.errors import DtypeError
from fungrad.core.tracing import Tracer
from fungrad.numpy import ufuncs
from fungrad.numpy.arrays import number_or_operand, operand
from fungrad.numpy.dispatch import TRACED, refuse_out, traced
from fungrad.numpy.promotion import (
    align,
    as_float,
    as_quotient,
    convert,
    promote,
    promote_to_float,
    result_dtype,
)
from fungrad.numpy.reductions import all
from fungrad.numpy.selection import where
from fungrad.numpy.ufuncs import (
    add,
    divide,
    floor_divide,
    logical_and,
    logical_or,
    multiply,
    power,
    remainder,
    subtract,
)
from fungrad.numpy.writing import as_view
from fungrad.primitives import elementwise as e

# ---- angles


def _scaled(function, factor):
    def apply(x):
        if type(x) is not Tracer:
            return function(x)
        return e.multiply(convert(x, as_float(x.dtype)), as_float(x.dtype).type(factor))

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
        z = convert(z, as_float(z.dtype))
        result = ufuncs.arctan2(z.dtype.type(0), z)
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
    small = square < (1e-2 if y.dtype.itemsize < 8 else 1e-3)
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
    return e.imag(val) if val.dtype.kind == "c" else multiply(val, val.dtype.type(0))


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
    x, at_zero = promote_to_float(*[number_or_operand(x) for x in (x1, x2)])
    x, at_zero = align("heaviside", (x, at_zero))
    one, zero = x.dtype.type(1), x.dtype.type(0)
    step = e.select(e.less(x, zero), zero, e.select(e.greater(x, zero), one, x))
    return where(e.equal(x, zero), at_zero, e.stop_gradient(step))


def logaddexp2(x1, x2):
    """`numpy.logaddexp2`: log2(2**x1 + 2**x2)."""
    if type(x1) is not Tracer and type(x2) is not Tracer:
        return np.logaddexp2(x1, x2)
    x1, x2 = promote(number_or_operand(x1), number_or_operand(x2))
    x1, x2 = (convert(x, as_float(x.dtype)) for x in (x1, x2))
    return divide(
        ufuncs.logaddexp(multiply(x1, math.log(2)), multiply(x2, math.log(2))), math.log(2)
    )


def _ignoring_nan(function, combine):
    def apply(x, y):
        if type(x) is not Tracer and type(y) is not Tracer:
            return function(x, y)
        x, y = promote(number_or_operand(x), number_or_operand(y))
        x, y = align(function.__name__, (x, y))
        if x.dtype.kind != "f":
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
    y = where(e.isnan(x), nan, x)
    is_infinite = e.isinf(x)
    y = where(logical_and(is_infinite, e.greater(x, zero)), high, y)
    return where(logical_and(is_infinite, e.less(x, zero)), low, y)


def _round(a, decimals=0, out=None):
    refuse_out("round", out)
    a = operand(a)
    if a.dtype.kind == "b":
        return convert(a, np.dtype(np.float16))
    if a.dtype.kind in "iu":
        if decimals >= 0:
            return a
        scale = 10**-decimals
        return convert(multiply(ufuncs.rint(divide(a, scale)), scale), a.dtype)
    if decimals == 0:
        return ufuncs.rint(a)
    scale = 10.0 ** abs(decimals)
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
    x = convert(x, as_float(x.dtype))
    whole = e.trunc(x)
    fraction = where(e.isinf(x), x.dtype.type(0), subtract(x, whole))
    return ufuncs.copysign(fraction, e.stop_gradient(x)), whole


def ldexp(x1, x2):
    """`numpy.ldexp`: x1 times 2**x2."""
    if type(x1) is not Tracer and type(x2) is not Tracer:
        return np.ldexp(x1, x2)
    x = operand(x1)
    x = convert(x, as_float(x.dtype))
    return multiply(x, power(x.dtype.type(2), convert(operand(x2), x.dtype)))


def frexp(x):
    """`numpy.frexp`: mantissa in [0.5, 1) and exponent."""
    if type(x) is not Tracer:
        return np.frexp(x)
    x = convert(x, as_float(x.dtype))
    one, zero = x.dtype.type(1), x.dtype.type(0)
    is_plain = logical_and(e.isfinite(x), e.not_equal(x, zero))
    safe = e.absolute(e.select(is_plain, e.stop_gradient(x), one))
    exponent = add(e.floor(e.log2(safe)), one)
    scaled = divide(safe, power(x.dtype.type(2), exponent))
    exponent = where(scaled >= 1, exponent + 1, where(scaled < 0.5, exponent - 1, exponent))
    exponent = where(is_plain, exponent, zero)
    return multiply(x, power(x.dtype.type(2), -exponent)), convert(exponent, np.dtype(np.int32))


def _gcd(x, y):
    x, y = ufuncs.absolute(x), ufuncs.absolute(y)
    for _ in range(93):  # a 64-bit integer needs at most 92 steps of Euclid's algorithm
        is_done = y == 0
        x, y = where(is_done, x, y), where(is_done, y, remainder(x, where(is_done, 1, y)))
    return x


def gcd(x1, x2):
    """`numpy.gcd`."""
    if type(x1) is not Tracer and type(x2) is not Tracer:
        return np.gcd(x1, x2)
    return _gcd(*_integers("gcd", x1, x2))


def lcm(x1, x2):
    """`numpy.lcm`."""
    if type(x1) is not Tracer and type(x2) is not Tracer:
        return np.lcm(x1, x2)
    x, y = _integers("lcm", x1, x2)
    divisor = _gcd(x, y)
    return ufuncs.absolute(multiply(floor_divide(x, where(divisor == 0, 1, divisor)), y))


def _integers(name, *operands):
    operands = promote(*[operand(x) for x in operands])
    if operands[0].dtype.kind not in "iu":
        raise DtypeError(f"{name} is defined for integers, not for {operands[0].dtype}")
    return align(name, operands)


def bitwise_count(x):
    """`numpy.bitwise_count`."""
    if type(x) is not Tracer:
        return np.bitwise_count(x)
    return convert(e.population_count(ufuncs.absolute(x)), np.dtype(np.uint8))


# ---- comparison


@traced(np.isclose)
def isclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
    """`numpy.isclose`."""
    a, b = promote_to_float(operand(a), operand(b))
    gap = ufuncs.absolute(subtract(a, b))
    near = gap <= add(atol, multiply(rtol, ufuncs.absolute(b)))
    finite = logical_and(ufuncs.isfinite(b), near)
    result = logical_or(finite, ufuncs.equal(a, b))
    if equal_nan:
        result = logical_or(result, logical_and(ufuncs.isnan(a), ufuncs.isnan(b)))
    return result


@traced(np.allclose)
def allclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
    """`numpy.allclose`."""
    return all(isclose(a, b, rtol, atol, equal_nan))


@traced(np.array_equal)
def array_equal(a1, a2, equal_nan=False):
    """`numpy.array_equal`."""
    a, b = operand(a1), operand(a2)
    if a.shape != b.shape:
        return False
    same = ufuncs.equal(a, b)
    if equal_nan and result_dtype(a, b).kind in "fc":
        same = logical_or(same, logical_and(ufuncs.isnan(a), ufuncs.isnan(b)))
    return all(same)


@traced(np.array_equiv)
def array_equiv(a1, a2):
    """`numpy.array_equiv`."""
    a, b = operand(a1), operand(a2)
    try:
        np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        return False
    return all(ufuncs.equal(a, b))


@traced(np.isneginf)
def isneginf(x, out=None):
    """`numpy.isneginf`."""
    refuse_out("isneginf", out)
    return operand(x) == -np.inf


@traced(np.isposinf)
def isposinf(x, out=None):
    """`numpy.isposinf`."""
    refuse_out("isposinf", out)
    return operand(x) == np.inf


@traced(np.isreal)
def isreal(x):
    """`numpy.isreal`."""
    return imag(x) == 0


@traced(np.iscomplex)
def iscomplex(x):
    """`numpy.iscomplex`."""
    return imag(x) != 0


@traced(np.iscomplexobj)
def iscomplexobj(x):
    """`numpy.iscomplexobj`."""
    return operand(x).dtype.kind == "c"


@traced(np.isrealobj)
def isrealobj(x):
    """`numpy.isrealobj`."""
    return operand(x).dtype.kind != "c"


for _name in """deg2rad radians rad2deg degrees fabs heaviside logaddexp2 fmax fmin divmod modf
    ldexp frexp gcd lcm bitwise_count""".split():
    TRACED[getattr(np, _name)] = globals()[_name]
