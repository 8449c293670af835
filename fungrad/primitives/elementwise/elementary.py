"""Elementary functions: powers, exponentials, logarithms, of the circle and hyperbola; erf."""

import math
from functools import cache

import numpy as np

from fungrad.primitives.elementwise.arithmetic import (
    multiply,
    negative,
    strong_divide,
    strong_multiply,
    subtract,
    unless_zero,
)
from fungrad.primitives.elementwise.comparison import equal, isinf, logical_and, select
from fungrad.primitives.elementwise.rows import binary, unary


def _positive_log(x):
    """log(x), and 0 where x is 0: the factor in d(x**y)/dy, which is 0 at x = 0 for y > 0."""
    one, zero = x.dtype.type(1), x.dtype.type(0)
    return select(equal(x, zero), zero, log(select(equal(x, zero), one, x)))


def _power_base(t, x, y, z):
    one, zero = x.dtype.type(1), x.dtype.type(0)
    lowered = power(x, subtract(y, one))
    return strong_multiply(t, select(equal(y, zero), zero, multiply(y, lowered)))


power = binary(
    "power",
    np.power,
    (_power_base, lambda t, x, y, z: strong_multiply(t, multiply(z, _positive_log(x)))),
)

square = unary("square", np.square, lambda t, x, y: t * (x + x), kinds="iufc")
# A root is never so small that its reciprocal overflows, and `1 / y` may be there already.
sqrt = unary("sqrt", np.sqrt, lambda t, x, y: strong_multiply(t, 0.5 * (1 / y)))
rsqrt = unary(
    "rsqrt",
    lambda x: 1 / np.sqrt(x),
    lambda t, x, y: strong_multiply(t, strong_multiply(-0.5 * y, strong_multiply(y, y))),
)
cbrt = unary("cbrt", np.cbrt, lambda t, x, y: strong_divide(t, 3 * square(y)), kinds="f")
reciprocal = unary(
    "reciprocal", np.reciprocal, lambda t, x, y: strong_multiply(t, strong_multiply(-y, y))
)

exp = unary("exp", np.exp, lambda t, x, y: strong_multiply(t, y))
exp2 = unary("exp2", np.exp2, lambda t, x, y: strong_multiply(t, y * math.log(2.0)))
expm1 = unary("expm1", np.expm1, lambda t, x, y: strong_multiply(t, exp(x)))  # y + 1 cancels
log = unary("log", np.log, lambda t, x, y: strong_divide(t, x))
log2 = unary("log2", np.log2, lambda t, x, y: strong_divide(t, x * math.log(2.0)))
log10 = unary("log10", np.log10, lambda t, x, y: strong_divide(t, x * math.log(10.0)))
log1p = unary("log1p", np.log1p, lambda t, x, y: strong_divide(t, 1 + x))
logaddexp = binary(
    "logaddexp",
    np.logaddexp,
    (
        lambda t, x, y, z: multiply(t, _share_of_exp(x, y, z)),
        lambda t, x, y, z: multiply(t, _share_of_exp(y, x, z)),
    ),
    kinds="f",
)


def _share_of_exp(x, y, z):
    """exp(x - z) as a function of x - y, which loses no digits where x and y are large.

    It is 1/2 where both are inf and 0 where both are -inf.
    """
    zero = z.dtype.type(0)
    is_same = logical_and(equal(x, y), isinf(x))
    distance = subtract(select(is_same, zero, x), select(is_same, zero, y))
    return select(equal(z, z.dtype.type(-np.inf)), zero, logistic(distance))


sin = unary("sin", np.sin, lambda t, x, y: t * cos(x))
cos = unary("cos", np.cos, lambda t, x, y: -t * sin(x))
tan = unary("tan", np.tan, lambda t, x, y: t * (1 + y * y))
arcsin = unary("arcsin", np.arcsin, lambda t, x, y: strong_divide(t, sqrt((1 - x) * (1 + x))))
arccos = unary("arccos", np.arccos, lambda t, x, y: strong_divide(-t, sqrt((1 - x) * (1 + x))))
arctan = unary("arctan", np.arctan, lambda t, x, y: strong_divide(t, 1 + x * x))
arctan2 = binary(
    "arctan2",
    np.arctan2,
    (
        lambda t, x, y, z: strong_multiply(t, _over_square(y, x, y)),
        lambda t, x, y, z: strong_multiply(t, negative(_over_square(x, x, y))),
    ),
    kinds="f",
)


def _over_square(numerator, x, y):
    """numerator / (x**2 + y**2) without squares, which overflow, and 0 where both are 0."""
    length = hypot(x, y)
    return unless_zero(unless_zero(numerator, length), length)


hypot = binary(
    "hypot",
    np.hypot,
    (
        lambda t, x, y, z: multiply(t, unless_zero(x, z)),
        lambda t, x, y, z: multiply(t, unless_zero(y, z)),
    ),
    kinds="f",
)

sinh = unary("sinh", np.sinh, lambda t, x, y: strong_multiply(t, cosh(x)))
cosh = unary("cosh", np.cosh, lambda t, x, y: strong_multiply(t, sinh(x)))
tanh = unary("tanh", np.tanh, lambda t, x, y: t * ((1 - y) * (1 + y)))  # 1 - y*y cancels
arcsinh = unary("arcsinh", np.arcsinh, lambda t, x, y: strong_divide(t, sqrt(1 + x * x)))
arccosh = unary("arccosh", np.arccosh, lambda t, x, y: strong_divide(t, sqrt(x - 1) * sqrt(x + 1)))
arctanh = unary("arctanh", np.arctanh, lambda t, x, y: strong_divide(t, (1 - x) * (1 + x)))


def of_scipy(name):
    """The function of `scipy.special`, imported at its first call; half precision stays."""

    @cache
    def found():
        from scipy import special

        return getattr(special, name)

    def function(*operands):
        result = found()(*operands)
        return result.astype(np.float16) if operands[0].dtype == np.float16 else result

    return function


_expit = of_scipy("expit")


def _logistic(x):
    """1 / (1 + exp(-x)) without overflow; complex arguments by the formula."""
    return _expit(x) if x.dtype.kind != "c" else 1 / (1 + np.exp(-x))


logistic = unary("logistic", _logistic, lambda t, x, y: t * (y * logistic(-x)))
erf = unary(
    "erf", of_scipy("erf"), lambda t, x, y: t * (exp(-x * x) * (2 / math.sqrt(math.pi))), kinds="f"
)
erfc = unary(
    "erfc",
    of_scipy("erfc"),
    lambda t, x, y: t * (exp(-x * x) * (-2 / math.sqrt(math.pi))),
    kinds="f",
)
erfinv = unary(
    "erfinv",
    of_scipy("erfinv"),
    lambda t, x, y: t * (exp(y * y) * (math.sqrt(math.pi) / 2)),
    kinds="f",
)
