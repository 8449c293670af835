"""The functions of `scipy.special` for which there are primitives, on traced values."""

import math

import numpy as np

from fungrad.numpy import ufuncs
from fungrad.numpy.arrays import number_or_operand, operand
from fungrad.numpy.promotion import align, as_float, convert, result_dtype
from fungrad.numpy.selection import where
from fungrad.primitives import elementwise as e
from fungrad.primitives import special as special_functions

NAMES = {
    name: name
    for name in """expit logit log_expit erf erfc erfinv erfcinv xlogy xlog1py entr rel_entr kl_div
        gammaln digamma ndtr log_ndtr boxcox boxcox1p inv_boxcox inv_boxcox1p exprel cbrt exp2
        exp10 expm1 log1p""".split()
} | {"psi": "digamma", "loggamma": "gammaln"}


def _as_special(dtype):
    """The dtype in which SciPy computes: float64 unless it is float32 or complex."""
    return dtype if dtype.kind == "c" or dtype == np.float32 else np.dtype(np.float64)


def _float(x):
    x = operand(x)
    return convert(x, _as_special(x.dtype))


def _unary(primitive, dtype_of=_as_special):
    def apply(x):
        x = operand(x)
        return primitive(convert(x, dtype_of(x.dtype)))

    apply.__name__ = apply.__qualname__ = primitive.word
    return apply


def _floats(name, *operands):
    dtype = _as_special(result_dtype(*[number_or_operand(x) for x in operands]))
    return align(name, [convert(number_or_operand(x), dtype) for x in operands])


expit = _unary(e.logistic, as_float)
erf = _unary(e.erf)
erfc = _unary(e.erfc)
erfinv = _unary(e.erfinv)
gammaln = _unary(special_functions.lgamma)
digamma = _unary(special_functions.digamma)
cbrt, exp2, expm1, log1p = ufuncs.cbrt, ufuncs.exp2, ufuncs.expm1, ufuncs.log1p


def erfcinv(x):
    """The inverse of erfc."""
    return erfinv(1 - _float(x))


def logit(x):
    """log(x / (1 - x))."""
    x = _float(x)
    return ufuncs.log(x) - ufuncs.log1p(-x)


def log_expit(x):
    """log(expit(x)) without underflow."""
    return -ufuncs.logaddexp(0.0, -_float(x))


def exp10(x):
    """10**x."""
    return ufuncs.exp(_float(x) * math.log(10.0))


def xlogy(x, y):
    """x log(y), and 0 where x is 0 (nan where y is nan)."""
    x, y = _floats("xlogy", x, y)
    is_zero = ufuncs.logical_and(x == 0, ufuncs.logical_not(ufuncs.isnan(y)))
    return where(is_zero, 0.0, x * ufuncs.log(where(is_zero, 1.0, y)))


def xlog1py(x, y):
    """x log(1 + y), and 0 where x is 0 (nan where y is nan)."""
    x, y = _floats("xlog1py", x, y)
    is_zero = ufuncs.logical_and(x == 0, ufuncs.logical_not(ufuncs.isnan(y)))
    return where(is_zero, 0.0, x * ufuncs.log1p(where(is_zero, 0.0, y)))


def entr(x):
    """-x log(x), 0 at 0 and -inf below."""
    x = _float(x)
    positive = x > 0
    inside = -x * ufuncs.log(where(positive, x, 1.0))
    return where(positive, inside, where(x == 0, 0.0, where(ufuncs.isnan(x), x, -np.inf)))


def rel_entr(x, y):
    """x log(x / y), 0 where x is 0 and y is not negative, inf outside."""
    x, y = _floats("rel_entr", x, y)
    both = ufuncs.logical_and(x > 0, y > 0)
    inside = x * (ufuncs.log(where(both, x, 1.0)) - ufuncs.log(where(both, y, 1.0)))
    is_zero = ufuncs.logical_and(x == 0, y >= 0)
    is_nan = ufuncs.logical_or(ufuncs.isnan(x), ufuncs.isnan(y))
    return where(both, inside, where(is_zero, 0.0, where(is_nan, x + y, np.inf)))


def kl_div(x, y):
    """x log(x / y) - x + y, inf outside the domain."""
    return rel_entr(x, y) - x + y


def ndtr(x):
    """The distribution function of the normal distribution."""
    x = _float(x)
    return 0.5 * erfc(x * -math.sqrt(0.5))


def log_ndtr(x):
    """The logarithm of `ndtr`; below -10 by its asymptotic series."""
    x = _float(x)
    is_far = x < -10.0
    near = ufuncs.log(ndtr(where(is_far, -10.0, x)))
    far = where(is_far, x, -10.0)
    w = 1.0 / (far * far)
    series = 1 - w * (1 - 3 * w * (1 - 5 * w * (1 - 7 * w * (1 - 9 * w * (1 - 11 * w)))))
    tail = -0.5 * far * far - ufuncs.log(-far) - 0.5 * math.log(2 * math.pi) + ufuncs.log(series)
    return where(is_far, tail, near)


def boxcox(x, lmbda):
    """(x**lmbda - 1) / lmbda, and log(x) where lmbda is 0."""
    x, lmbda = _floats("boxcox", x, lmbda)
    is_zero = lmbda == 0
    power = ufuncs.expm1(lmbda * ufuncs.log(x)) / where(is_zero, 1.0, lmbda)
    return where(is_zero, ufuncs.log(x), power)


def boxcox1p(x, lmbda):
    """((1 + x)**lmbda - 1) / lmbda, and log(1 + x) where lmbda is 0."""
    x, lmbda = _floats("boxcox1p", x, lmbda)
    is_zero = lmbda == 0
    power = ufuncs.expm1(lmbda * ufuncs.log1p(x)) / where(is_zero, 1.0, lmbda)
    return where(is_zero, ufuncs.log1p(x), power)


def inv_boxcox(y, lmbda):
    """The inverse of `boxcox` in x."""
    y, lmbda = _floats("inv_boxcox", y, lmbda)
    is_zero = lmbda == 0
    return where(
        is_zero, ufuncs.exp(y), ufuncs.exp(ufuncs.log1p(lmbda * y) / where(is_zero, 1.0, lmbda))
    )


def inv_boxcox1p(y, lmbda):
    """The inverse of `boxcox1p` in x."""
    y, lmbda = _floats("inv_boxcox1p", y, lmbda)
    is_zero = lmbda == 0
    return where(
        is_zero,
        ufuncs.expm1(y),
        ufuncs.expm1(ufuncs.log1p(lmbda * y) / where(is_zero, 1.0, lmbda)),
    )


def exprel(x):
    """(exp(x) - 1) / x, and 1 at 0; the series where |x| is small keeps derivatives finite."""
    x = _float(x)
    small = ufuncs.absolute(x) < 1e-2
    near, far = where(small, x, 0.0), where(small, 1.0, x)
    series = 1 + near / 2 * (1 + near / 3 * (1 + near / 4 * (1 + near / 5 * (1 + near / 6))))
    return where(small, series, ufuncs.expm1(far) / far)


