"""Elementwise functions under the names of `jax.lax`. Where `lax` differs from NumPy, so do these:
integers are divided towards zero, `rem` has the sign of the dividend."""

import numpy as np

from fungrad.core import tree
from fungrad.core.tracing import Tracer
from fungrad.core.types import is_python_number
from fungrad.numpy import bessel, gamma_functions, ufuncs
from fungrad.numpy.creation import operand as as_operand
from fungrad.numpy.promotion import align, as_float, convert, promote, promote_to_float
from fungrad.numpy.selection import where
from fungrad.primitives import elementwise as e
from fungrad.primitives import special as special_functions

abs = ufuncs.absolute
neg = ufuncs.negative
sign = ufuncs.sign
floor = ufuncs.floor
ceil = ufuncs.ceil
exp = ufuncs.exp
exp2 = ufuncs.exp2
expm1 = ufuncs.expm1
log = ufuncs.log
log1p = ufuncs.log1p
sqrt = ufuncs.sqrt
cbrt = ufuncs.cbrt
square = ufuncs.square
sin = ufuncs.sin
cos = ufuncs.cos
tan = ufuncs.tan
asin = ufuncs.arcsin
acos = ufuncs.arccos
atan = ufuncs.arctan
atan2 = ufuncs.arctan2
sinh = ufuncs.sinh
cosh = ufuncs.cosh
tanh = ufuncs.tanh
asinh = ufuncs.arcsinh
acosh = ufuncs.arccosh
atanh = ufuncs.arctanh
add = ufuncs.add
sub = ufuncs.subtract
mul = ufuncs.multiply
pow = ufuncs.power
max = ufuncs.maximum
min = ufuncs.minimum
rem = ufuncs.fmod
nextafter = ufuncs.nextafter
is_finite = ufuncs.isfinite
eq = ufuncs.equal
ne = ufuncs.not_equal
lt = ufuncs.less
le = ufuncs.less_equal
gt = ufuncs.greater
ge = ufuncs.greater_equal
bitwise_and = ufuncs.bitwise_and
bitwise_or = ufuncs.bitwise_or
bitwise_xor = ufuncs.bitwise_xor
bitwise_not = ufuncs.bitwise_not
conj = ufuncs.conjugate
shift_left = ufuncs.left_shift
shift_right_arithmetic = ufuncs.right_shift


def _primitive(primitive, documented):
    def apply(x):
        x = as_operand(x)
        return primitive(convert(x, as_float(x.dtype)))

    apply.__name__ = apply.__qualname__ = primitive.word
    apply.__doc__ = documented
    return apply


logistic = _primitive(e.logistic, "1 / (1 + exp(-x)).")
rsqrt = _primitive(e.rsqrt, "1 / sqrt(x).")
reciprocal = _primitive(e.reciprocal, "1 / x.")
erf = _primitive(e.erf, "The error function.")
erfc = _primitive(e.erfc, "1 - erf(x), exact where x is large.")
erf_inv = _primitive(e.erfinv, "The inverse of erf.")
lgamma = _primitive(special_functions.lgamma, "log(|gamma(x)|).")
digamma = _primitive(special_functions.digamma, "The derivative of lgamma.")
bessel_i0e = bessel.i0e
bessel_i1e = bessel.i1e
igamma = gamma_functions.gammainc
igammac = gamma_functions.gammaincc
betainc = regularized_incomplete_beta = gamma_functions.betainc
polygamma = gamma_functions.polygamma
zeta = gamma_functions.zeta
random_gamma_grad = gamma_functions.random_gamma_grad
igamma_grad_a = gamma_functions.gammainc_a


def div(x, y):
    """x / y; integers are divided towards zero."""
    x, y = align("div", promote(*[_plain(v) for v in (x, y)]))
    if x.dtype.kind not in "iu":
        return ufuncs.divide(x, y)
    quotient = ufuncs.floor_divide(x, y)
    is_below = ufuncs.logical_and((x < 0) != (y < 0), quotient * y != x)
    return where(is_below, quotient + 1, quotient)


def _plain(x):
    return x if is_python_number(x) else as_operand(x)


class RoundingMethod:
    """How `round` treats halves."""

    AWAY_FROM_ZERO = 0
    TO_NEAREST_EVEN = 1


def round(x, rounding_method=RoundingMethod.AWAY_FROM_ZERO):
    """The nearest whole number; halves away from zero, or to the even one."""
    if rounding_method == RoundingMethod.TO_NEAREST_EVEN:
        return ufuncs.rint(x)
    x = as_operand(x)
    whole = ufuncs.trunc(x)
    return where(ufuncs.absolute(x - whole) >= 0.5, whole + ufuncs.sign(x), whole)


def integer_pow(x, y):
    """x to a whole Python number."""
    return ufuncs.power(as_operand(x), int(y))


def population_count(x):
    """The number of ones among the bits, in the dtype of x."""
    return e.population_count(as_operand(x))


def complex(x, y):
    """x + i y."""
    x, y = align("complex", promote_to_float(_plain(x), _plain(y)))
    return e.make_complex(x, y)


def clamp(min, x, max):
    """x, at least `min` and at most `max`; at the bounds the derivative is split equally."""
    return ufuncs.minimum(ufuncs.maximum(x, min), max)


def select(pred, on_true, on_false):
    """`on_true` where `pred` holds, else `on_false`; a scalar `pred` chooses everything."""
    return where(pred, on_true, on_false)


def select_n(which, *cases):
    """The case whose number `which` says; booleans choose between two."""
    which = as_operand(which)
    if not cases:
        raise TypeError("select_n needs at least one case")
    if which.dtype.kind == "b":
        if len(cases) > 2:
            raise TypeError(f"select_n: a boolean chooses between 2 cases, {len(cases)} were given")
        return where(which, cases[-1], cases[0])
    result = cases[-1]
    for number, case in reversed(list(enumerate(cases[:-1]))):
        result = where(which <= number, case, result)
    return result if len(cases) > 1 else as_operand(cases[0])


def convert_element_type(operand, new_dtype):
    """The values in another dtype."""
    return convert(as_operand(operand), np.dtype(new_dtype))


def stop_gradient(x):
    """The same values (of every array in a pytree), without derivatives.

    On traced values afterwards `float(x)`, `x.item()` and `numpy.asarray(x)` work where the value
    is known.
    """
    return tree.map(_stopped, x)


def _stopped(x):
    return e.stop_gradient(x) if type(x) is Tracer and x.dtype.kind in "fc" else x


def dtype(x):
    """The dtype of an array or a number."""
    return as_operand(x).dtype
