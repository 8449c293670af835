"""The functions of `scipy.special` on traced values, by name (`FORMS`): the elementary ones."""

import math

import numpy as np

from fungrad.numpy import bessel, gamma_functions, ufuncs
from fungrad.numpy.arrays import operand
from fungrad.numpy.promotion import as_float, convert
from fungrad.numpy.special_operands import apply, special_operands, where
from fungrad.primitives import elementwise as e
from fungrad.primitives import sine_integrals as oscillating
from fungrad.primitives import special as s
from fungrad.primitives.formulas import polynomial

_NEAR = 0.5  # up to here the series of `exprel` and `_log1p_ratio` are used
_SIMILAR = 0.2  # up to here the series of `_divergence` is used
cbrt, exp2, expm1, log1p = ufuncs.cbrt, ufuncs.exp2, ufuncs.expm1, ufuncs.log1p


def _float(x):
    return special_operands("", x)[0]


def expit(x):
    """The logistic function 1 / (1 + exp(-x))."""
    if type(x) is np.ndarray and x.dtype.kind == "f":
        return apply(e.logistic, x)
    x = operand(x)
    return e.logistic(convert(x, as_float(x.dtype)))


def erf(x):
    """The error function."""
    return apply(e.erf, x)


def erfc(x):
    """1 - erf(x) without cancellation."""
    return apply(e.erfc, x)


def erfcx(x):
    """exp(x**2) erfc(x)."""
    return apply(s.erfcx, x)


def erfinv(x):
    """The inverse of erf."""
    return apply(e.erfinv, x)


def erfcinv(y):
    """The inverse of erfc."""
    return apply(s.erfcinv, y)


def dawsn(x):
    """Dawson's integral, exp(-x**2) times the integral of exp(t**2) from 0 to x."""
    return apply(s.dawsn, x)


def owens_t(h, a):
    """Owen's T function."""
    return apply(s.owens_t, h, a)


def sici(x):
    """(Si(x), Ci(x)), the sine and the cosine integral; the latter is that of |x|.

    >>> np.round(sici(1.0), 8)
    array([0.94608307, 0.33740392])
    """
    return apply(oscillating.sine_integral, x), apply(oscillating.cosine_integral, x)


def fresnel(x):
    """(S(x), C(x)), the integrals of the sine and the cosine of pi t**2 / 2 from 0 to x.

    >>> np.round(fresnel(1.0), 8)
    array([0.43825915, 0.7798934 ])
    """
    return apply(oscillating.fresnel_sine, x), apply(oscillating.fresnel_cosine, x)


def logit(x):
    """log(x / (1 - x)), accurate near 1/2 too."""
    x = _float(x)
    is_central = ufuncs.absolute(x - 0.5) < 0.2
    central = 2 * ufuncs.arctanh(2 * where(is_central, x, 0.5) - 1)
    outer = where(is_central, 0.25, x)
    return where(is_central, central, ufuncs.log(outer) - ufuncs.log1p(-outer))


def log_expit(x):
    """log(expit(x)) without underflow."""
    return -ufuncs.logaddexp(0.0, -_float(x))


def exp10(x):
    """10**x."""
    return ufuncs.exp(_float(x) * math.log(10.0))


def xlogy(x, y):
    """x log(y), and 0 where x is 0 (nan where y is nan)."""
    return apply(s.xlogy, x, y)


def xlog1py(x, y):
    """x log(1 + y), and 0 where x is 0 (nan where y is nan)."""
    return apply(s.xlog1py, x, y)


def entr(x):
    """-x log(x), 0 at 0 and -inf below."""
    x = _float(x)
    return where(x < 0, -np.inf, -s.xlogy(x, x))


def rel_entr(p, q):
    """p log(p / q), 0 where p is 0 and q is not negative, inf outside."""
    p, q = special_operands("rel_entr", p, q)
    both = ufuncs.logical_and(p > 0, q > 0)
    x, y = where(both, p, 1.0), where(both, q, 1.0)
    is_near = ufuncs.logical_and(x < 2 * y, y < 2 * x)
    near = ufuncs.log1p(where(is_near, x - y, 0.0) / y)
    logarithm = where(is_near, near, ufuncs.log(x) - ufuncs.log(y))
    is_zero = ufuncs.logical_and(p == 0, q >= 0)
    is_nan = ufuncs.logical_or(ufuncs.isnan(p), ufuncs.isnan(q))
    outside = where(is_zero, 0.0, where(is_nan, p + q, np.inf))
    return where(both, x * logarithm, outside)


def kl_div(p, q):
    """p log(p / q) - p + q, inf outside the domain."""
    p, q = special_operands("kl_div", p, q)
    both = ufuncs.logical_and(p > 0, q > 0)
    x, y = where(both, p, 1.0), where(both, q, 1.0)
    is_zero = ufuncs.logical_and(p == 0, q >= 0)
    is_nan = ufuncs.logical_or(ufuncs.isnan(p), ufuncs.isnan(q))
    outside = where(is_zero, q - p, where(is_nan, p + q, np.inf))
    return where(both, _divergence(x, y), outside)


def _divergence(x, y):
    """x log(x / y) - x + y; where they are near, by the series of artanh in r = (x - y) / (x + y).

    There it is r (x - y) + 2 x (artanh(r) - r), of which nothing cancels.
    """
    ratio = (0.5 * x - 0.5 * y) / (0.5 * x + 0.5 * y)
    is_near = ufuncs.absolute(ratio) < _SIMILAR
    r = where(is_near, ratio, 0.0)
    square = r * r
    tail = polynomial(square, [2 / k for k in range(3, 27, 2)])
    near = r * (x - y + x * (square * tail))
    return where(is_near, near, rel_entr(x, y) - x + y)


def ndtr(x):
    """The distribution function of the normal distribution."""
    x = _float(x)
    return 0.5 * e.erfc(x * -math.sqrt(0.5))


def log_ndtr(x):
    """The logarithm of `ndtr`, accurate in both tails, derivatives included."""
    return apply(s.log_ndtr, x)


def ndtri(p):
    """The inverse of `ndtr`."""
    return apply(s.ndtri, p)


def exprel(x):
    """(exp(x) - 1) / x, and 1 at 0; the series where |x| is small keeps derivatives finite."""
    x = _float(x)
    is_near = ufuncs.absolute(x) < _NEAR
    near, far = where(is_near, x, 0.0), where(is_near, 1.0, x)
    series = 1.0
    for k in range(18, 1, -1):
        series = 1 + near / k * series
    ratio = ufuncs.expm1(far) / where(far == np.inf, 1.0, far)
    return where(is_near, series, ratio)


def _log1p_ratio(x):
    """log(1 + x) / x, and 1 at 0."""
    is_near = ufuncs.absolute(x) < 0.1
    near, far = where(is_near, x, 0.0), where(is_near, 1.0, x)
    series = 1 / 18
    for k in range(17, 0, -1):
        series = 1 / k - near * series
    return where(is_near, series, ufuncs.log1p(far) / far)


def boxcox(x, lmbda):
    """(x**lmbda - 1) / lmbda, and log(x) where lmbda is 0."""
    x, lmbda = special_operands("boxcox", x, lmbda)
    return _boxcox_of_log(ufuncs.log(x), lmbda)


def boxcox1p(x, lmbda):
    """((1 + x)**lmbda - 1) / lmbda, and log(1 + x) where lmbda is 0."""
    x, lmbda = special_operands("boxcox1p", x, lmbda)
    return _boxcox_of_log(ufuncs.log1p(x), lmbda)


def _boxcox_of_log(logarithm, lmbda):
    """logarithm * exprel(lmbda * logarithm), and the limits where the logarithm is infinite."""
    is_limit = ufuncs.isinf(logarithm)
    finite, size = where(is_limit, 0.0, logarithm), where(is_limit, logarithm, 1.0)
    exponent = where(lmbda == 0, 1.0, lmbda)
    limit = where(lmbda == 0, size, ufuncs.expm1(exponent * size) / exponent)
    return where(is_limit, limit, finite * exprel(lmbda * finite))


def inv_boxcox(y, lmbda):
    """The inverse of `boxcox` in x."""
    y, lmbda = special_operands("inv_boxcox", y, lmbda)
    return ufuncs.exp(y * _log1p_ratio(lmbda * y))


def inv_boxcox1p(y, lmbda):
    """The inverse of `boxcox1p` in x."""
    y, lmbda = special_operands("inv_boxcox1p", y, lmbda)
    return ufuncs.expm1(y * _log1p_ratio(lmbda * y))


FORMS = {
    **gamma_functions.FORMS,
    **bessel.FORMS,
    **{
        name: value
        for name, value in list(globals().items())
        if getattr(value, "__module__", None) == __name__ and not name.startswith("_")
    },
    "_zeta": gamma_functions.zeta,  # the ufuncs behind SciPy's function zeta
    "_riemann_zeta": gamma_functions.zeta,
    **{name: globals()[name] for name in ("cbrt", "exp2", "expm1", "log1p")},
}
