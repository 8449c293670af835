"""Special functions: rows of the table of elementwise primitives.

In eager code they are SciPy's; compiled code calls the same functions of SciPy's library. The
derivatives of incomplete integrals in their parameters are in
`incomplete_gamma` and `incomplete_beta`; the rows of the latter are in `beta_integrals`.
"""

import math

import numpy as np

from fungrad.core.errors import NotDifferentiableError
from fungrad.primitives import (
    beta_function,
    hurwitz_zeta,
    incomplete_beta,
    incomplete_gamma,
    oscillating_integrals,
    parameter_derivatives,
    tail_integrals,
)
from fungrad.primitives.elementwise import (
    Elementwise,
    equal,
    erf,
    exp,
    log,
    log1p,
    of_scipy,
    same_dtype,
    select,
    strong_divide,
    strong_multiply,
    unary,
)
from fungrad.primitives.formulas import Arrays, name_in_scipy


def row(word, function, *passes):
    """A row with any number of real inputs of one dtype."""
    return Elementwise(word, function, passes, (), "f", same_dtype)


def library(word, *passes):
    """A row of a function of SciPy of that name, before which `bessel_` may stand.

    It is silent about its domain, as in SciPy: what its iterations make of floating-point flags
    means nothing.
    """
    function = of_scipy(name_in_scipy(word))

    def evaluate(*operands):
        with np.errstate(all="ignore"):
            return function(*operands)

    return row(word, evaluate, *passes)


#: The words whose definition eager and compiled code share.
FORMULAS = {
    **hurwitz_zeta.FORMULAS,
    **incomplete_gamma.FORMULAS,
    **incomplete_beta.FORMULAS,
    **parameter_derivatives.FORMULAS,
    **oscillating_integrals.FORMULAS,
    **beta_function.FORMULAS,
}


def of_formula(word):
    """The function of arrays that a formula defines; it computes in double precision."""
    formula = FORMULAS[word]

    def evaluate(*operands):
        wide = [np.asarray(x, np.float64) for x in operands]
        with np.errstate(all="ignore"):
            return np.asarray(formula(_ARRAYS, *wide)).astype(operands[0].dtype)[()]

    return evaluate


_ARRAYS = Arrays(
    {"zeta": of_formula("zeta"), "lgamma": of_scipy("gammaln")},
    {**tail_integrals.TABLES, **parameter_derivatives.TABLES},
)


def but_of_large(word, *passes):
    """A row of a function of SciPy that has a better formula for large arguments."""
    formula, plain, is_large = of_formula(word), of_scipy(word), beta_function.OF_LARGE[word][0]

    def evaluate(*operands):
        with np.errstate(all="ignore"):
            if not np.any(is_large(_ARRAYS, *operands)):
                return plain(*operands)
        return formula(*operands)

    return row(word, evaluate, *passes)


def not_differentiable(function, operand, reason=None):
    """How a tangent passes through an operand in which a function has no derivative."""

    name = name_in_scipy(function)
    because = f": {reason}" if reason else ""

    def passes(*operands):
        raise NotDifferentiableError(
            f"{name} has no derivative in its {operand} argument{because}; "
            "write it with custom_jvp, or apply stop_gradient to the argument"
        )

    return passes


# ---- gamma and beta functions


zeta = row(
    "zeta",
    of_formula("zeta"),
    lambda t, s, q, y: strong_multiply(t, zeta_s(s, q)),
    lambda t, s, q, y: strong_multiply(t, -s * zeta(s + 1, q)),
)
# the derivatives of zeta in s
zeta_s = row(
    "zeta_s",
    of_formula("zeta_s"),
    lambda t, s, q, y: strong_multiply(t, zeta_ss(s, q)),
    lambda t, s, q, y: strong_multiply(t, -zeta(s + 1, q) - s * zeta_s(s + 1, q)),
)
zeta_ss = row(
    "zeta_ss",
    of_formula("zeta_ss"),
    not_differentiable("the second derivative of zeta", "first"),
    lambda t, s, q, y: strong_multiply(t, -2 * zeta_s(s + 1, q) - s * zeta_ss(s + 1, q)),
)
digamma = unary(
    "digamma",
    of_scipy("digamma"),
    lambda t, x, y: strong_multiply(t, trigamma(x)),
    kinds="f",
)
lgamma = unary(
    "lgamma", of_scipy("gammaln"), lambda t, x, y: strong_multiply(t, digamma(x)), kinds="f"
)
gamma = library("gamma", lambda t, x, y: strong_multiply(t, strong_multiply(y, digamma(x))))
gammasgn = library("gammasgn", None)


_of_two = of_formula("zeta")
trigamma = unary(
    "trigamma",
    lambda x: _of_two(x.dtype.type(2), x),
    lambda t, x, y: strong_multiply(t, -2 * zeta(x.dtype.type(3), x)),
    kinds="f",
)


# digamma(x + d) - digamma(x)
digamma_step = row(
    "digamma_step",
    of_formula("digamma_step"),
    lambda t, x, d, y: strong_multiply(t, trigamma(x + d) - trigamma(x)),
    lambda t, x, d, y: strong_multiply(t, trigamma(x + d)),
)
betaln = but_of_large(
    "betaln",
    lambda t, a, b, y: strong_multiply(t, -digamma_step(a, b)),
    lambda t, a, b, y: strong_multiply(t, -digamma_step(b, a)),
)
beta = but_of_large(
    "beta",
    lambda t, a, b, y: strong_multiply(t, -strong_multiply(y, digamma_step(a, b))),
    lambda t, a, b, y: strong_multiply(t, -strong_multiply(y, digamma_step(b, a))),
)
binom = but_of_large(
    "binom",
    lambda t, n, k, y: strong_multiply(t, strong_multiply(y, digamma_step(n - k + 1, k))),
    lambda t, n, k, y: strong_multiply(t, strong_multiply(y, digamma_step(k + 1, n - 2 * k))),
)
poch = but_of_large(
    "poch",
    lambda t, a, m, y: strong_multiply(t, strong_multiply(y, digamma_step(a, m))),
    lambda t, a, m, y: strong_multiply(t, strong_multiply(y, digamma(a + m))),
)


# ---- incomplete gamma functions


def _gamma_score(a, x):
    """The derivative of the logarithm of the gamma density in a."""
    return log(x) - digamma(a)


# x**(a-1) e**-x / gamma(a)
gamma_density = row(
    "gamma_density",
    of_formula("gamma_density"),
    lambda t, a, x, y: strong_multiply(t, strong_multiply(y, _gamma_score(a, x))),
    lambda t, a, x, y: strong_multiply(t, strong_multiply(y, strong_divide(a - 1, x) - 1)),
)
gammainc_aa = row(
    "gammainc_aa",
    of_formula("gammainc_aa"),
    not_differentiable("the second derivative of gammainc", "first"),
    lambda t, a, x, y: strong_multiply(
        t,
        strong_multiply(gamma_density(a, x), _gamma_score(a, x) * _gamma_score(a, x) - trigamma(a)),
    ),
)
gammainc_a = row(
    "gammainc_a",
    of_formula("gammainc_a"),
    lambda t, a, x, y: strong_multiply(t, gammainc_aa(a, x)),
    lambda t, a, x, y: strong_multiply(t, strong_multiply(gamma_density(a, x), _gamma_score(a, x))),
)
gammainc = library(
    "gammainc",
    lambda t, a, x, y: strong_multiply(t, gammainc_a(a, x)),
    lambda t, a, x, y: strong_multiply(t, gamma_density(a, x)),
)
gammaincc = library(
    "gammaincc",
    lambda t, a, x, y: strong_multiply(t, -gammainc_a(a, x)),
    lambda t, a, x, y: strong_multiply(t, -gamma_density(a, x)),
)
gammaincinv = library(
    "gammaincinv",
    lambda t, a, p, y: strong_multiply(t, -strong_divide(gammainc_a(a, y), gamma_density(a, y))),
    lambda t, a, p, y: strong_divide(t, gamma_density(a, y)),
)
gammainccinv = library(
    "gammainccinv",
    lambda t, a, p, y: strong_multiply(t, -strong_divide(gammainc_a(a, y), gamma_density(a, y))),
    lambda t, a, p, y: strong_divide(t, -gamma_density(a, y)),
)


# ---- the normal distribution and its relatives

_ROOT_TWO_OVER_PI = math.sqrt(2 / math.pi)


def _erfcx_slope(x, y):
    """2 x y - 2 / sqrt(pi); for x > 10, where that cancels, its asymptotic series."""
    is_large = x > 10
    w = 0.5 / (select(is_large, x, x.dtype.type(10)) * select(is_large, x, x.dtype.type(10)))
    series = x.dtype.type(1)
    for n in range(12, 0, -1):
        series = 1 - (2 * n + 1) * w * series
    near = 2 * select(is_large, x.dtype.type(0), x) * y - 2 / math.sqrt(math.pi)
    return select(is_large, (-2 / math.sqrt(math.pi)) * w * series, near)


erfcx = library("erfcx", lambda t, x, y: strong_multiply(t, _erfcx_slope(x, y)))
erfcinv = library(
    "erfcinv",
    lambda t, x, y: strong_multiply(t, exp(y * y) * (-math.sqrt(math.pi) / 2)),
)
log_ndtr = library(
    "log_ndtr",
    lambda t, x, y: strong_multiply(t, _ROOT_TWO_OVER_PI / erfcx(x * -math.sqrt(0.5))),
)
ndtri = library(
    "ndtri",
    lambda t, p, y: strong_multiply(t, exp(0.5 * y * y) * math.sqrt(2 * math.pi)),
)
owens_t = library(
    "owens_t",
    lambda t, h, a, y: (
        t * (exp(-0.5 * h * h) * erf(a * h * math.sqrt(0.5)) * (-0.5 / math.sqrt(2 * math.pi)))
    ),
    lambda t, h, a, y: t * (exp(-0.5 * h * h * (1 + a * a)) / (1 + a * a) * (0.5 / math.pi)),
)
dawsn = library("dawsn", lambda t, x, y: t * (1 - 2 * x * y))


# ---- exponential integrals, dilogarithm, hypergeometric functions


def _expn_slope(n, x):
    """The derivative of expn in x; of order 0 it is that of exp(-x) / x."""
    one, zero = x.dtype.type(1), x.dtype.type(0)
    is_first = equal(n, zero)
    of_first = exp(-x) * (1 + 1 / x) / x
    return -select(is_first, of_first, expn(select(is_first, zero, n - 1), x) * one)


expi = library("expi", lambda t, x, y: strong_multiply(t, exp(x) / x))
exp1 = library("exp1", lambda t, x, y: strong_multiply(t, -exp(-x) / x))
expn = library(
    "expn",
    not_differentiable("expn", "first", "whole orders have none"),
    lambda t, n, x, y: strong_multiply(t, _expn_slope(n, x)),
)
spence = library("spence", lambda t, x, y: strong_multiply(t, -_log_ratio(x - 1)))


def _log_ratio(x):
    """log(1 + x) / x, 1 at 0."""
    one, zero = x.dtype.type(1), x.dtype.type(0)
    is_zero = equal(x, zero)
    safe = select(is_zero, one, x)
    return select(is_zero, 1 - 0.5 * x, log1p(safe) / safe)


# ---- products with logarithms, in which a zero wins

xlogy = library(
    "xlogy",
    lambda t, x, y, z: strong_multiply(t, log(y)),
    lambda t, x, y, z: strong_multiply(t, strong_divide(x, y)),
)
xlog1py = library(
    "xlog1py",
    lambda t, x, y, z: strong_multiply(t, log1p(y)),
    lambda t, x, y, z: strong_multiply(t, strong_divide(x, 1 + y)),
)
