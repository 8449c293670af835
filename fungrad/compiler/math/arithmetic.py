"""Words that are a few machine words: signs, tests, remainders, neighbours, integer powers."""

import numpy as np

from fungrad.compiler.language.scalar import BOOL

SMALLEST = {4: 1.401298464324817e-45, 8: 5e-324}


def bits(build, x):
    """The bits of a floating-point value as a signed integer."""
    return build.bitcast(x, f"i{x.dtype.itemsize}")


def _same(build, x):
    return x


def _is_true(build, x):
    return build.cast(x, BOOL)


def _logical_not(build, x):
    return ~_is_true(build, x)


def _logical_and(build, x, y):
    return _is_true(build, x) & _is_true(build, y)


def _logical_or(build, x, y):
    return _is_true(build, x) | _is_true(build, y)


def _logical_xor(build, x, y):
    return _is_true(build, x) ^ _is_true(build, y)


def _false(build, x):
    return build.constant(False, bool)


def _true(build, x):
    return build.constant(True, bool)


def _isnan(build, x):
    return build.not_equal(x, x)


def _isinf(build, x):
    return build.equal(abs(x), np.inf)


def _isfinite(build, x):
    return abs(x) < np.inf


def _signbit(build, x):
    return bits(build, x) < 0


def _sign_of_float(build, x):
    one = build("copysign", build.constant(1, x.dtype), x)
    return build.select(build.equal(x, 0), 0.0, build.select(_isnan(build, x), x, one))


def _sign_of_integer(build, x):
    return build.select(x > 0, 1, build.select(x < 0, build.constant(-1, x.dtype), 0))


def _sign_of_unsigned(build, x):
    return build.cast(build.not_equal(x, 0), x.dtype)


def _absolute_of_integer(build, x):
    return build.select(x < 0, -x, x)


def _reciprocal(build, x):
    return 1.0 / x


def _reciprocal_of_integer(build, x):
    return build("floor_divide", build.constant(1, x.dtype), x)


def _reciprocal_of_signed(build, x):
    is_unit = build.equal(abs(x), 1)
    return build.select(is_unit, x, 0)


def _rsqrt(build, x):
    return 1.0 / build("sqrt", x)


def _remainder(build, x, y):
    """NumPy's: the sign of the divisor; the zero of an exact division too has that sign."""
    rest = build("fmod", x, y)
    differ = build("logical_xor", y < 0, rest < 0)
    signed = build.select(differ, rest + y, rest)
    return build.select(build.equal(rest, 0), build("copysign", rest, y), signed)


def _floor_divide(build, x, y):
    """NumPy's: from the exact remainder, so that y * (x // y) + x % y is x to rounding."""
    rest = build("fmod", x, y)
    ratio = x / y
    quotient = (x - rest) / y
    is_below = build("logical_xor", y < 0, rest < 0) & build.not_equal(rest, 0)
    quotient = build.select(is_below, quotient - 1.0, quotient)
    floor = build("floor", quotient)
    floor = build.select(quotient - floor > 0.5, floor + 1.0, floor)
    signed = build.select(build.equal(quotient, 0), build("copysign", quotient * 0.0, ratio), floor)
    return build.select(build.equal(y, 0), ratio, signed)


def _strong_multiply(build, x, y):
    is_zero = build.equal(x, 0) | build.equal(y, 0)
    return build.select(is_zero, 0, x * y)


def _strong_divide(build, x, y):
    return build.select(build.equal(x, 0), 0, x / y)


def _multiply(build, x, y):
    return x * y


def _nextafter(build, x, y):
    integer = np.dtype(f"i{x.dtype.itemsize}")
    step = build.select(build.equal(x < y, x > 0), build.constant(1, integer), -1)
    neighbour = build.bitcast(bits(build, x) + step, x.dtype)
    smallest = build("copysign", build.constant(SMALLEST[x.dtype.itemsize], x.dtype), y)
    moved = build.select(build.equal(x, 0), smallest, neighbour)
    same_or_nan = build.select(build.equal(x, y), y, x + y)
    return build.select((x < y) | (x > y), moved, same_or_nan)


def _logaddexp(build, x, y):
    """The maximum plus log1p(exp(-distance)); of equal infinities, their value."""
    distance = abs(x - y)
    tail = build("log1p", build("exp", -distance))
    spread = build("maximum", x, y) + tail
    return build.select(build.equal(x, y), x + np.log(2), spread)


def integer_power(build, x, exponent):
    """x to an exponent known now, by squaring: at most 2 log2(exponent) products."""
    if exponent < 0:
        if x.dtype.kind in "iu":
            return integer_power(build, build("reciprocal", x), -exponent)
        return build("reciprocal", integer_power(build, x, -exponent))
    power, square = None, x
    while exponent:
        if exponent & 1:
            power = square if power is None else power * square
        exponent >>= 1
        square = square * square
    return build.constant(1, x.dtype) if power is None else power


def _bitwise_or(build, x, y):
    return x | y


def _bitwise_and(build, x, y):
    return x & y


_OF_ANY = {
    "logical_not": _logical_not,
    "logical_and": _logical_and,
    "logical_or": _logical_or,
    "logical_xor": _logical_xor,
    "integer_power": integer_power,
}
_OF_REAL = {
    "real": _same,
    "imag": lambda build, x: build.constant(0, x.dtype),
    "conjugate": _same,
}
_OF_INTEGER = {
    "isnan": _false,
    "isinf": _false,
    "isfinite": _true,
    **dict.fromkeys(("floor", "ceil", "trunc", "rint"), _same),
}
_OF_FLOAT = {
    "isnan": _isnan,
    "isinf": _isinf,
    "isfinite": _isfinite,
    "signbit": _signbit,
    "sign": _sign_of_float,
    "reciprocal": _reciprocal,
    "rsqrt": _rsqrt,
    "remainder": _remainder,
    "floor_divide": _floor_divide,
    "strong_multiply": _strong_multiply,
    "strong_divide": _strong_divide,
    "nextafter": _nextafter,
    "logaddexp": _logaddexp,
}
_OF_SIGNED = {
    "sign": _sign_of_integer,
    "absolute": _absolute_of_integer,
    "reciprocal": _reciprocal_of_signed,
    "strong_multiply": _multiply,
}
_OF_UNSIGNED = {
    "sign": _sign_of_unsigned,
    "absolute": _same,
    "reciprocal": _reciprocal_of_integer,
    "strong_multiply": _multiply,
}
_OF_BOOL = {
    "absolute": _same,
    "add": _bitwise_or,
    "fast_add": _bitwise_or,
    "maximum": _bitwise_or,
    "multiply": _bitwise_and,
    "minimum": _bitwise_and,
    "strong_multiply": _bitwise_and,
    "logical_not": lambda build, x: ~x,
    "logical_and": _bitwise_and,
    "logical_or": _bitwise_or,
    "logical_xor": lambda build, x, y: x ^ y,
}

#: Expansions by word and kind of the first operand's dtype.
EXPANSIONS = {
    **{(word, kind): f for word, f in _OF_ANY.items() for kind in "iufc"},
    **{(word, kind): f for word, f in _OF_REAL.items() for kind in "biuf"},
    **{(word, kind): f for word, f in _OF_INTEGER.items() for kind in "biu"},
    **{(word, "f"): f for word, f in _OF_FLOAT.items()},
    **{(word, "i"): f for word, f in _OF_SIGNED.items()},
    **{(word, "u"): f for word, f in _OF_UNSIGNED.items()},
    **{(word, "b"): f for word, f in _OF_BOOL.items()},
}
