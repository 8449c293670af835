"""NumPy's universal functions on traced values; on plain values they are NumPy's own."""

import numpy as np

from fungrad.core.tracing import Tracer, state
from fungrad.numpy import dispatch
from fungrad.numpy.dispatch import TRACED
from fungrad.numpy.known_operands import short_binary, short_unary
from fungrad.numpy.promotion import (
    FLOAT64,
    align,
    convert,
    loop_operands,
    result_dtype,
    scalar,
)
from fungrad.numpy.remembered import remembered
from fungrad.primitives import elementwise as e
from fungrad.primitives.demand import Demand
from fungrad.primitives.elementwise import IntegerPower
from fungrad.primitives.movement import Fill

BOOL, UINT64 = np.dtype(bool), np.dtype(np.uint64)


def direct_kinds(ufunc):
    """The kinds of dtypes for which NumPy computes with operands as they are."""
    loops = {loop.partition("->")[0] for loop in ufunc.types}
    kinds = {"f": "efd", "c": "FD", "i": "bhiq", "u": "BHIQ"}
    return "".join([k for k, codes in kinds.items() if {c * ufunc.nin for c in codes} <= loops])


def binary(primitive, ufunc, on_bools=None, on_complex=None):
    """The traced form of a ufunc of two arrays: a primitive on operands of one dtype.

    `on_bools` and `on_complex` are taken instead where NumPy computes in these dtypes.
    """
    name, direct = ufunc.__name__, direct_kinds(ufunc)
    plainly = direct if on_complex is None else direct.replace("c", "")
    numbers = {float: plainly.replace("i", "").replace("u", ""), int: plainly}

    def apply(x, y):
        if type(x) is not Tracer and type(y) is not Tracer:
            return ufunc(x, y) if dispatch.watch is None else dispatch.watch(ufunc, (x, y), {})
        if state.recording is not None:
            result = short(state.recording, x, y)
            if result is not None:
                return result
        return aligned(x, y)

    @remembered
    def aligned(x, y):
        traced, other = (x, y) if type(x) is Tracer else (y, x)
        dtype, kind = traced.dtype, type(other)
        if kind in numbers and dtype.kind in numbers[kind]:
            number = scalar(dtype, other)
            return primitive(x, number) if traced is x else primitive(number, y)
        rule = primitive
        if (
            (kind is not Tracer and kind is not np.ndarray)
            or dtype != other.dtype
            or dtype.kind not in plainly
        ):
            x, y = loop_operands(ufunc, x, y)
            if x.dtype.kind == "b" and on_bools is not None:
                rule = on_bools
            elif x.dtype.kind == "c" and on_complex is not None:
                rule = on_complex
        if x.shape != y.shape and x.shape and y.shape:
            x, y = align(name, (x, y))
        return rule(x, y)

    short = apply.short = short_binary(primitive, plainly, aligned.recall)
    apply.recall = aligned.recall
    return named(apply, ufunc)


def unary(primitive, ufunc):
    """The traced form of a ufunc of one array."""
    kinds = direct_kinds(ufunc)
    short = short_unary(primitive, kinds)

    def apply(x):
        if type(x) is not Tracer:
            return ufunc(x) if dispatch.watch is None else dispatch.watch(ufunc, (x,), {})
        result = short(state.recording, x)
        if result is not None:
            return result
        if x.dtype.kind in kinds:
            return primitive(x)
        return primitive(*loop_operands(ufunc, x))

    return named(apply, ufunc)


def named(apply, function):
    """Give a traced form the name of its NumPy function."""
    apply.__name__ = apply.__qualname__ = function.__name__
    apply.__doc__ = f"`numpy.{function.__name__}`, differentiable on traced values."
    return apply


def truth(x):
    """Whether each element is not 0."""
    if type(x) is not Tracer:
        return np.asarray(x).astype(bool)[()]
    return x if x.dtype.kind == "b" else e.not_equal(x, x.dtype.type(0))


def _logical(primitive, function):
    def apply(x, y):
        if type(x) is not Tracer and type(y) is not Tracer:
            return function(x, y)
        return primitive(*align(primitive.word, (truth(x), truth(y))))

    return named(apply, function)


def _comparison(primitive, ufunc, on_complex=None):
    """The traced form of a comparison, exact between signed, unsigned and too large integers."""
    plain = binary(primitive, ufunc, on_complex=on_complex)
    short = short_binary(primitive, "f", plain.recall)

    def apply(x, y):
        if type(x) is Tracer:
            if x.dtype.kind == "f":
                return plain(x, y)
        elif type(y) is not Tracer:
            return ufunc(x, y)
        for v, other, is_first in ((x, y, True), (y, x, False)):
            if type(v) is int and other.dtype.kind in "iu" and not _holds(other.dtype, v):
                zero = other.dtype.type(0)
                found = ufunc(v, zero) if is_first else ufunc(zero, v)
                return Fill(tuple(other.shape))(found)
        kinds = {getattr(v, "dtype", BOOL).kind for v in (x, y)}
        if kinds == {"i", "u"} and result_dtype(x, y).kind == "f":
            return _of_mixed_signs(plain, x, y)
        return plain(x, y)

    apply.short = short
    return named(apply, ufunc)


def _holds(dtype, number):
    return np.iinfo(dtype).min <= number <= np.iinfo(dtype).max


def _of_mixed_signs(compare, x, y):
    """Signed against unsigned: as unsigned, but a negative number is below all of these."""
    is_signed_first = x.dtype.kind == "i"
    is_negative = e.less(*((x, x.dtype.type(0)) if is_signed_first else (y, y.dtype.type(0))))
    below = compare(0, 1) if is_signed_first else compare(1, 0)
    found = compare(convert(x, UINT64), convert(y, UINT64))
    is_negative, found = align("compare", (is_negative, found))
    return e.select(is_negative, np.bool_(below), found)


def _lexicographic(strictly, otherwise):
    """Complex numbers in the order of their real, then of their imaginary parts."""

    def apply(x, y):
        a, b, c, d = (part(v) for part in (e.real, e.imag) for v in (x, y))
        has_numbers = e.logical_not(e.logical_or(e.isnan(c), e.isnan(d)))
        first = e.logical_and(strictly(a, b), has_numbers)
        return e.logical_or(first, e.logical_and(e.equal(a, b), otherwise(c, d)))

    return apply


def _complex_extremum(is_chosen):
    """The larger or smaller of complex numbers; nan where one of them is nan."""

    def apply(x, y):
        return e.select(e.logical_or(is_chosen(x, y), e.isnan(x)), x, y)

    return apply


_complex_less = _lexicographic(e.less, e.less)
_complex_less_equal = _lexicographic(e.less, e.less_equal)
_complex_greater = _lexicographic(e.greater, e.greater)
_complex_greater_equal = _lexicographic(e.greater, e.greater_equal)

add = binary(e.add, np.add, e.logical_or)
multiply = binary(e.multiply, np.multiply, e.logical_and)
subtract = binary(e.subtract, np.subtract)
divide = true_divide = binary(e.divide, np.divide)
floor_divide = binary(e.floor_divide, np.floor_divide)
remainder = mod = binary(e.remainder, np.remainder)
fmod = binary(e.fmod, np.fmod)
maximum = binary(e.maximum, np.maximum, on_complex=_complex_extremum(_complex_greater_equal))
minimum = binary(e.minimum, np.minimum, on_complex=_complex_extremum(_complex_less_equal))
arctan2 = binary(e.arctan2, np.arctan2)
hypot = binary(e.hypot, np.hypot)
logaddexp = binary(e.logaddexp, np.logaddexp)
copysign = binary(e.copysign, np.copysign)
nextafter = binary(e.nextafter, np.nextafter)
less = _comparison(e.less, np.less, _complex_less)
less_equal = _comparison(e.less_equal, np.less_equal, _complex_less_equal)
greater = _comparison(e.greater, np.greater, _complex_greater)
greater_equal = _comparison(e.greater_equal, np.greater_equal, _complex_greater_equal)
equal = _comparison(e.equal, np.equal)
not_equal = _comparison(e.not_equal, np.not_equal)
logical_and = _logical(e.logical_and, np.logical_and)
logical_or = _logical(e.logical_or, np.logical_or)
logical_xor = _logical(e.logical_xor, np.logical_xor)
bitwise_and = binary(e.bitwise_and, np.bitwise_and)
bitwise_or = binary(e.bitwise_or, np.bitwise_or)
bitwise_xor = binary(e.bitwise_xor, np.bitwise_xor)
left_shift = binary(e.left_shift, np.left_shift)
right_shift = binary(e.right_shift, np.right_shift)

negative = unary(e.negative, np.negative)
sign = unary(e.sign, np.sign)
sqrt = unary(e.sqrt, np.sqrt)
cbrt = unary(e.cbrt, np.cbrt)
square = unary(e.square, np.square)
exp = unary(e.exp, np.exp)
exp2 = unary(e.exp2, np.exp2)
expm1 = unary(e.expm1, np.expm1)
log = unary(e.log, np.log)
log2 = unary(e.log2, np.log2)
log10 = unary(e.log10, np.log10)
log1p = unary(e.log1p, np.log1p)
sin = unary(e.sin, np.sin)
cos = unary(e.cos, np.cos)
tan = unary(e.tan, np.tan)
arcsin = unary(e.arcsin, np.arcsin)
arccos = unary(e.arccos, np.arccos)
arctan = unary(e.arctan, np.arctan)
sinh = unary(e.sinh, np.sinh)
cosh = unary(e.cosh, np.cosh)
tanh = unary(e.tanh, np.tanh)
arcsinh = unary(e.arcsinh, np.arcsinh)
arccosh = unary(e.arccosh, np.arccosh)
arctanh = unary(e.arctanh, np.arctanh)
rint = unary(e.rint, np.rint)
signbit = unary(e.signbit, np.signbit)


def _test_of_floats(primitive, ufunc, of_others):
    """The traced form of a test that integers pass or fail as a whole."""

    def apply(x):
        if type(x) is not Tracer:
            return ufunc(x)
        return primitive(x) if x.dtype.kind in "fc" else Fill(tuple(x.shape))(np.bool_(of_others))

    return named(apply, ufunc)


isnan = _test_of_floats(e.isnan, np.isnan, False)
isinf = _test_of_floats(e.isinf, np.isinf, False)
isfinite = _test_of_floats(e.isfinite, np.isfinite, True)


def absolute(x):
    """`numpy.absolute`; the derivative at 0 is 0."""
    return np.absolute(x) if type(x) is not Tracer else x if x.dtype.kind in "bu" else e.absolute(x)


def logical_not(x):
    """`numpy.logical_not`."""
    return np.logical_not(x) if type(x) is not Tracer else e.logical_not(truth(x))


def bitwise_not(x):
    """`numpy.bitwise_not`."""
    if type(x) is not Tracer:
        return np.bitwise_not(x)
    return e.logical_not(x) if x.dtype.kind == "b" else e.bitwise_not(x)


def _rounding(primitive, function):
    def apply(x):
        if type(x) is not Tracer:
            return function(x)
        return x if x.dtype.kind in "iub" else primitive(x)

    return named(apply, function)


floor = _rounding(e.floor, np.floor)
ceil = _rounding(e.ceil, np.ceil)
trunc = _rounding(e.trunc, np.trunc)


def reciprocal(x):
    """`numpy.reciprocal`; integers are divided as integers, as in NumPy."""
    if type(x) is not Tracer:
        return np.reciprocal(x)
    (x,) = loop_operands(np.reciprocal, x)
    if x.dtype.kind in "fc":
        return e.reciprocal(x)
    return convert(e.reciprocal(convert(x, FLOAT64)), x.dtype)


def conjugate(x):
    """`numpy.conjugate`."""
    if type(x) is not Tracer:
        return np.conjugate(x)
    return e.conjugate(x) if x.dtype.kind == "c" else loop_operands(np.conjugate, x)[0]


def positive(x):
    """`numpy.positive`."""
    return np.positive(x) if type(x) is not Tracer else loop_operands(np.positive, x)[0]


_power = binary(e.power, np.power)
_MOST_MULTIPLIED = 64
_NUMBERS, _NO_NUMBERS = (int, float), (bool, np.generic)
_NEGATIVE_POWER = "Integers to negative integer powers are not allowed."


def power(x, y):
    """`numpy.power`; a whole Python number as exponent becomes multiplications."""
    if type(x) is Tracer and isinstance(y, _NUMBERS) and not isinstance(y, _NO_NUMBERS):
        kind = x.dtype.kind
        if kind in "fc" and abs(y) <= _MOST_MULTIPLIED and y == int(y):
            return _whole_power(x, int(y))
        if kind in "fc" and y == 0.5:
            return e.sqrt(x)
        if kind in "iu" and isinstance(y, int):
            if y < 0 and _holds(x.dtype, y):
                raise ValueError(_NEGATIVE_POWER)
            return IntegerPower(y)(x) if 0 <= y <= _MOST_MULTIPLIED else _power(x, y)
    if type(y) is Tracer:
        if y.dtype.kind == "i" and result_dtype(x, y).kind == "i":
            y = Demand("ValueError", _NEGATIVE_POWER)(y, greater_equal(y, y.dtype.type(0)))
    elif type(x) is Tracer and _is_negative_whole(y) and result_dtype(x, y).kind == "i":
        raise ValueError(_NEGATIVE_POWER)
    return _power(x, y)


def _is_negative_whole(y):
    dtype = getattr(y, "dtype", None)
    return dtype is not None and dtype.kind == "i" and bool(np.any(y < 0))


def _whole_power(x, n):
    if n == 1:
        return x
    return square(x) if n == 2 else e.reciprocal(x) if n == -1 else IntegerPower(n)(x)


def float_power(x, y):
    """`numpy.float_power`: computed in float64 or complex128."""
    if type(x) is not Tracer and type(y) is not Tracer:
        return np.float_power(x, y)
    dtype = np.dtype(np.complex128 if result_dtype(x, y).kind == "c" else np.float64)
    y = y if isinstance(y, int | float) else convert(y, dtype)
    return power(convert(x, dtype), y)


for _name in """add subtract multiply divide floor_divide remainder fmod maximum minimum arctan2
    hypot logaddexp copysign nextafter equal not_equal less less_equal greater greater_equal
    logical_and logical_or logical_xor logical_not bitwise_and bitwise_or bitwise_xor bitwise_not
    left_shift right_shift negative positive absolute sign sqrt cbrt square reciprocal exp exp2
    expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh
    arctanh isnan isinf isfinite signbit floor ceil trunc rint conjugate power
    float_power""".split():
    TRACED[getattr(np, _name)] = globals()[_name]
