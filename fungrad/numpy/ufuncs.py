"""NumPy's universal functions on traced values; on plain values they are NumPy's own."""

import numpy as np

from fungrad.core.errors import DtypeError
from fungrad.core.tracing import Tracer
from fungrad.numpy.dispatch import TRACED
from fungrad.numpy.promotion import (
    align,
    as_float,
    as_quotient,
    convert,
    promote,
    result_dtype,
    scalar,
)
from fungrad.primitives import elementwise as e
from fungrad.primitives.elementwise import IntegerPower


def binary(primitive, function, dtype_of=None):
    """The traced form of a NumPy function of two arrays.

    `dtype_of` maps the promoted dtype to the one in which the primitive computes.
    """
    name = primitive.word

    def apply(x, y):
        if type(x) is Tracer:
            dtype = x.dtype
            if type(y) is Tracer or type(y) is np.ndarray:
                matched = dtype == y.dtype
            elif type(y) is float or type(y) is int:
                matched = dtype.kind in "fc" or (type(y) is int and dtype.kind in "iu")
                if matched and (dtype_of is None or dtype_of(dtype) == dtype):
                    return primitive(x, scalar(dtype, y))
            else:
                matched = False
        elif type(y) is Tracer:
            dtype = y.dtype
            if type(x) is float or type(x) is int:
                matched = dtype.kind in "fc" or (type(x) is int and dtype.kind in "iu")
                if matched and (dtype_of is None or dtype_of(dtype) == dtype):
                    return primitive(scalar(dtype, x), y)
            matched = type(x) is np.ndarray and dtype == x.dtype
        else:
            return function(x, y)
        if not matched or (dtype_of is not None and dtype_of(dtype) != dtype):
            dtype = result_dtype(x, y)
            dtype = dtype if dtype_of is None else dtype_of(dtype)
            x, y = convert(x, dtype), convert(y, dtype)
        shape, other = getattr(x, "shape", ()), getattr(y, "shape", ())
        if shape and other and shape != other:
            x, y = align(name, (x, y))
        return primitive(x, y)

    return named(apply, function)


def unary(primitive, function, dtype_of=None):
    """The traced form of a NumPy function of one array."""

    def apply(x):
        if type(x) is not Tracer:
            return function(x)
        if dtype_of is not None:
            dtype = dtype_of(x.dtype)
            if dtype != x.dtype:
                x = convert(x, dtype)
        return primitive(x)

    return named(apply, function)


def named(apply, function):
    """Give a traced form the name of its NumPy function."""
    apply.__name__ = apply.__qualname__ = function.__name__
    apply.__doc__ = f"`numpy.{function.__name__}`, differentiable on traced values."
    return apply


def as_number(dtype):
    """The dtype in which NumPy does arithmetic on it: bool is refused by some functions."""
    if dtype.kind == "b":
        raise DtypeError("the operation is not defined for booleans; use logical functions")
    return dtype


def as_int_if_bool(dtype):
    """int8 for booleans (NumPy's floor_divide and remainder), else the same."""
    return np.dtype(np.int8) if dtype.kind == "b" else dtype


def as_bool(dtype):
    """The truth dtype."""
    return np.dtype(bool)


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


_multiply = binary(e.multiply, np.multiply)
_add = binary(e.add, np.add)


def add(x, y):
    """`numpy.add`; for booleans it is the logical or."""
    return _on_bools(_add, e.logical_or, x, y)


def multiply(x, y):
    """`numpy.multiply`; for booleans it is the logical and."""
    return _on_bools(_multiply, e.logical_and, x, y)


def _on_bools(function, on_bools, x, y):
    for v, w in ((x, y), (y, x)):
        if type(v) is Tracer and v.dtype.kind == "b" and result_dtype(v, w).kind == "b":
            return on_bools(*align(on_bools.word, promote(x, y)))
    return function(x, y)


subtract = binary(e.subtract, np.subtract, as_number)
divide = true_divide = binary(e.divide, np.divide, as_quotient)
floor_divide = binary(e.floor_divide, np.floor_divide, as_int_if_bool)
remainder = mod = binary(e.remainder, np.remainder, as_int_if_bool)
fmod = binary(e.fmod, np.fmod, as_int_if_bool)
maximum = binary(e.maximum, np.maximum)
minimum = binary(e.minimum, np.minimum)
arctan2 = binary(e.arctan2, np.arctan2, as_float)
hypot = binary(e.hypot, np.hypot, as_float)
logaddexp = binary(e.logaddexp, np.logaddexp, as_float)
copysign = binary(e.copysign, np.copysign, as_float)
nextafter = binary(e.nextafter, np.nextafter, as_float)
equal = binary(e.equal, np.equal)
not_equal = binary(e.not_equal, np.not_equal)
less = binary(e.less, np.less)
less_equal = binary(e.less_equal, np.less_equal)
greater = binary(e.greater, np.greater)
greater_equal = binary(e.greater_equal, np.greater_equal)
logical_and = _logical(e.logical_and, np.logical_and)
logical_or = _logical(e.logical_or, np.logical_or)
logical_xor = _logical(e.logical_xor, np.logical_xor)
bitwise_and = binary(e.bitwise_and, np.bitwise_and)
bitwise_or = binary(e.bitwise_or, np.bitwise_or)
bitwise_xor = binary(e.bitwise_xor, np.bitwise_xor)
left_shift = binary(e.left_shift, np.left_shift, as_int_if_bool)
right_shift = binary(e.right_shift, np.right_shift, as_int_if_bool)

negative = unary(e.negative, np.negative, as_number)
sign = unary(e.sign, np.sign)
sqrt = unary(e.sqrt, np.sqrt, as_float)
cbrt = unary(e.cbrt, np.cbrt, as_float)
square = unary(e.square, np.square)
exp = unary(e.exp, np.exp, as_float)
exp2 = unary(e.exp2, np.exp2, as_float)
expm1 = unary(e.expm1, np.expm1, as_float)
log = unary(e.log, np.log, as_float)
log2 = unary(e.log2, np.log2, as_float)
log10 = unary(e.log10, np.log10, as_float)
log1p = unary(e.log1p, np.log1p, as_float)
sin = unary(e.sin, np.sin, as_float)
cos = unary(e.cos, np.cos, as_float)
tan = unary(e.tan, np.tan, as_float)
arcsin = unary(e.arcsin, np.arcsin, as_float)
arccos = unary(e.arccos, np.arccos, as_float)
arctan = unary(e.arctan, np.arctan, as_float)
sinh = unary(e.sinh, np.sinh, as_float)
cosh = unary(e.cosh, np.cosh, as_float)
tanh = unary(e.tanh, np.tanh, as_float)
arcsinh = unary(e.arcsinh, np.arcsinh, as_float)
arccosh = unary(e.arccosh, np.arccosh, as_float)
arctanh = unary(e.arctanh, np.arctanh, as_float)
isnan = unary(e.isnan, np.isnan, as_float)
isinf = unary(e.isinf, np.isinf, as_float)
isfinite = unary(e.isfinite, np.isfinite, as_float)
signbit = unary(e.signbit, np.signbit, as_float)


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
rint = unary(e.rint, np.rint, as_float)


def reciprocal(x):
    """`numpy.reciprocal`; integers are divided as integers, as in NumPy."""
    if type(x) is not Tracer:
        return np.reciprocal(x)
    return e.reciprocal(x) if x.dtype.kind in "fc" else floor_divide(as_int_if_bool(x.dtype).type(1), x)


def conjugate(x):
    """`numpy.conjugate`."""
    if type(x) is not Tracer:
        return np.conjugate(x)
    return e.conjugate(x) if x.dtype.kind == "c" else x


def positive(x):
    """`numpy.positive`."""
    return np.positive(x) if type(x) is not Tracer else x


_power = binary(e.power, np.power)
_MOST_MULTIPLIED = 64


def power(x, y):
    """`numpy.power`; a whole Python number as exponent becomes multiplications."""
    if type(x) is Tracer and isinstance(y, int | float) and not isinstance(y, bool | np.generic):
        kind = x.dtype.kind
        if kind in "fc" and abs(y) <= _MOST_MULTIPLIED and y == int(y):
            return _whole_power(x, int(y))
        if kind in "fc" and y == 0.5:
            return e.sqrt(x)
        if kind in "iu" and isinstance(y, int):
            if y < 0:
                raise ValueError("integers to negative integer powers are not allowed")
            return IntegerPower(y)(x) if y <= _MOST_MULTIPLIED else _power(x, y)
    if type(x) is not Tracer and type(y) is not Tracer:
        return np.power(x, y)
    if result_dtype(x, y).kind == "b":
        x, y = convert(x, np.dtype(np.int8)), convert(y, np.dtype(np.int8))
    return _power(x, y)


def _whole_power(x, n):
    if n == 1:
        return x
    return e.square(x) if n == 2 else e.reciprocal(x) if n == -1 else IntegerPower(n)(x)


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
