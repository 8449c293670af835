"""Distributions with shape parameters."""

import math

from fungrad.numpy import ufuncs as u
from fungrad.numpy.gamma_functions import (
    betainc,
    betaincc,
    betainccinv,
    betaincinv,
    betaln,
    gammainc,
    gammaincc,
    gammainccinv,
    gammaincinv,
    gammaln,
    poch,
    stdtr,
    stdtrit,
)
from fungrad.numpy.special import log_ndtr, ndtr, xlog1py, xlogy
from fungrad.numpy.special_operands import where
from fungrad.scipy.stats.distribution import INFINITY, Continuous


def _is_positive(*shapes):
    valid = shapes[0] > 0
    for shape in shapes[1:]:
        valid = u.logical_and(valid, shape > 0)
    return valid


def _half_line(*shapes):
    return 0.0, INFINITY


def _t_logpdf(y, df):
    """With gamma(df/2 + 1/2) / gamma(df/2) in one piece, and the square where it is finite."""
    ratio = y / u.sqrt(df)
    is_far = u.absolute(ratio) > 1e15
    near, far = where(is_far, 1.0, ratio), u.absolute(where(is_far, ratio, 1e15))
    logarithm = where(is_far, 2 * u.log(far), u.log1p(near * near))
    peak = u.log(poch(0.5 * df, 0.5)) - 0.5 * u.log(math.pi * df)
    return peak - 0.5 * (df + 1) * logarithm


t = Continuous(
    "t",
    "df",
    is_valid=_is_positive,
    logpdf=_t_logpdf,
    cdf=lambda y, df: stdtr(df, y),
    sf=lambda y, df: stdtr(df, -y),
    ppf=lambda q, df: stdtrit(df, q),
    isf=lambda q, df: -stdtrit(df, q),
)
gamma = Continuous(
    "gamma",
    "a",
    support=_half_line,
    inside=lambda a: 1.0,
    is_valid=_is_positive,
    logpdf=lambda y, a: xlogy(a - 1, y) - y - gammaln(a),
    cdf=lambda y, a: gammainc(a, y),
    sf=lambda y, a: gammaincc(a, y),
    ppf=lambda q, a: gammaincinv(a, q),
    isf=lambda q, a: gammainccinv(a, q),
)
chi2 = Continuous(
    "chi2",
    "df",
    support=_half_line,
    inside=lambda df: 1.0,
    is_valid=_is_positive,
    logpdf=lambda y, df: xlogy(0.5 * df - 1, 0.5 * y) - 0.5 * y - gammaln(0.5 * df) - math.log(2),
    cdf=lambda y, df: gammainc(0.5 * df, 0.5 * y),
    sf=lambda y, df: gammaincc(0.5 * df, 0.5 * y),
    ppf=lambda q, df: 2 * gammaincinv(0.5 * df, q),
    isf=lambda q, df: 2 * gammainccinv(0.5 * df, q),
)
beta = Continuous(
    "beta",
    "a b",
    support=lambda a, b: (0.0, 1.0),
    inside=lambda a, b: 0.5,
    is_valid=_is_positive,
    logpdf=lambda y, a, b: xlogy(a - 1, y) + xlog1py(b - 1, -y) - betaln(a, b),
    cdf=lambda y, a, b: betainc(a, b, y),
    sf=lambda y, a, b: betaincc(a, b, y),
    ppf=lambda q, a, b: betaincinv(a, b, q),
    isf=lambda q, a, b: betainccinv(a, b, q),
)
pareto = Continuous(
    "pareto",
    "b",
    support=lambda b: (1.0, INFINITY),
    inside=lambda b: 2.0,
    is_valid=_is_positive,
    logpdf=lambda y, b: u.log(b) - (b + 1) * u.log(y),
    cdf=lambda y, b: -u.expm1(-b * u.log(y)),
    sf=lambda y, b: u.exp(-b * u.log(y)),
    logsf=lambda y, b: -b * u.log(y),
    ppf=lambda q, b: u.exp(-u.log1p(-q) / b),
    isf=lambda q, b: u.exp(-u.log(q) / b),
)


def _gennorm_tail(y, beta):
    """The probability of more than y."""
    size = u.absolute(y)
    positive = where(size == 0, 1.0, size)
    tail = 0.5 * gammaincc(1 / beta, u.power(positive, beta))
    tail = where(size == 0, 0.5 - y * u.exp(u.log(beta) - gammaln(1 / beta)) * 0.5, tail)
    return where(y < 0, 1 - tail, tail)


def _gennorm_quantile(q, beta):
    is_left = q < 0.5
    tail = where(is_left, q, 1 - q)
    size = u.power(gammainccinv(1 / beta, 2 * tail), 1 / beta)
    return where(is_left, -size, size)


gennorm = Continuous(
    "gennorm",
    "beta",
    is_valid=_is_positive,
    logpdf=lambda y, beta: u.log(0.5 * beta) - gammaln(1 / beta) - u.power(u.absolute(y), beta),
    cdf=lambda y, beta: _gennorm_tail(-y, beta),
    sf=_gennorm_tail,
    ppf=_gennorm_quantile,
    isf=lambda q, beta: -_gennorm_quantile(q, beta),
)


def _log_mass(a, b):
    """The logarithm of the normal probability of an interval, from the side where it is small."""
    is_right = a > 0
    low, high = where(is_right, -b, a), where(is_right, -a, b)
    is_tail = high <= 0
    first, last = where(is_tail, low, -1.0), where(is_tail, high, 0.0)
    of_last = log_ndtr(last)
    tail = of_last + u.log(-u.expm1(log_ndtr(first) - of_last))
    central = u.log1p(-ndtr(where(is_tail, -1.0, low)) - ndtr(where(is_tail, -1.0, -high)))
    return where(is_tail, tail, central)


def _truncnorm_log_part(low, high, a, b):
    """The logarithm of the share of (low, high) in (a, b); -inf where it is empty."""
    is_empty = low >= high
    part = _log_mass(where(is_empty, a, low), where(is_empty, b, high))
    return where(is_empty, -INFINITY, part - _log_mass(a, b))


def _truncnorm_logarithm(interval, rest, a, b):
    """The logarithm of the share of an interval, by that of the rest where it is almost all."""
    own, other = (_truncnorm_log_part(*ends, a, b) for ends in (interval, rest))
    is_almost_all = own > -0.1
    of_rest = u.log1p(-u.exp(where(is_almost_all, other, -1.0)))
    return where(is_almost_all, of_rest, own)


truncnorm = Continuous(
    "truncnorm",
    "a b",
    support=lambda a, b: (a, b),
    inside=lambda a, b: where(u.isinf(a), where(u.isinf(b), 0.0, b), a),
    is_valid=lambda a, b: a < b,
    logpdf=lambda y, a, b: -0.5 * y * y - 0.5 * math.log(2 * math.pi) - _log_mass(a, b),
    cdf=lambda y, a, b: u.exp(_truncnorm_log_part(a, y, a, b)),
    sf=lambda y, a, b: u.exp(_truncnorm_log_part(y, b, a, b)),
    logcdf=lambda y, a, b: _truncnorm_logarithm((a, y), (y, b), a, b),
    logsf=lambda y, a, b: _truncnorm_logarithm((y, b), (a, y), a, b),
)
