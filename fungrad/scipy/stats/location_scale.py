"""Distributions with a location and a scale only."""

import math

from fungrad.numpy import ufuncs as u
from fungrad.numpy.special import expit as logistic_function
from fungrad.numpy.special import log_expit, log_ndtr, logit, ndtr, ndtri
from fungrad.numpy.special_operands import where
from fungrad.scipy.stats.distribution import INFINITY, Continuous

_LOG_ROOT_TWO_PI = 0.5 * math.log(2 * math.pi)


def _half_line():
    return 0.0, INFINITY


norm = Continuous(
    "norm",
    logpdf=lambda y: -0.5 * y * y - _LOG_ROOT_TWO_PI,
    cdf=ndtr,
    sf=lambda y: ndtr(-y),
    logcdf=log_ndtr,
    logsf=lambda y: log_ndtr(-y),
    ppf=ndtri,
    isf=lambda q: -ndtri(q),
)
uniform = Continuous(
    "uniform",
    support=lambda: (0.0, 1.0),
    inside=lambda: 0.5,
    logpdf=lambda y: 0.0 * y,
    cdf=lambda y: y,
    sf=lambda y: 1 - y,
    ppf=lambda q: q,
    isf=lambda q: 1 - q,
)
expon = Continuous(
    "expon",
    support=_half_line,
    inside=lambda: 1.0,
    logpdf=lambda y: -y,
    cdf=lambda y: -u.expm1(-y),
    sf=lambda y: u.exp(-y),
    logsf=lambda y: -y,
    ppf=lambda q: -u.log1p(-q),
    isf=lambda q: -u.log(q),
)


def _laplace_tail(y):
    """The probability of more than y."""
    small, large = u.minimum(y, 0.0), u.maximum(y, 0.0)
    return where(y > 0, 0.5 * u.exp(-large), 1 - 0.5 * u.exp(small))


def _laplace_log_tail(y):
    small, large = u.minimum(y, 0.0), u.maximum(y, 0.0)
    return where(y > 0, -large - math.log(2), u.log1p(-0.5 * u.exp(small)))


def _laplace_quantile(q):
    is_left = q < 0.5
    return where(
        is_left, u.log(2 * where(is_left, q, 0.5)), -u.log(2 * (1 - where(is_left, 0.5, q)))
    )


laplace = Continuous(
    "laplace",
    logpdf=lambda y: -u.absolute(y) - math.log(2),
    cdf=lambda y: _laplace_tail(-y),
    sf=_laplace_tail,
    logcdf=lambda y: _laplace_log_tail(-y),
    logsf=_laplace_log_tail,
    ppf=_laplace_quantile,
    isf=lambda q: -_laplace_quantile(q),
)
logistic = Continuous(
    "logistic",
    logpdf=lambda y: log_expit(y) + log_expit(-y),
    cdf=logistic_function,
    sf=lambda y: logistic_function(-y),
    logcdf=log_expit,
    logsf=lambda y: log_expit(-y),
    ppf=logit,
    isf=lambda q: -logit(q),
)


def _cauchy_quantile(q):
    """tan(pi (q - 1/2)); as a cotangent towards both ends."""
    edge = where(q < 0.5, q, 1 - q)
    is_edge = edge < 0.25
    outer = 1 / u.tan(math.pi * where(is_edge, edge, 0.25))
    inner = u.tan(math.pi * (where(is_edge, 0.5, q) - 0.5))
    return where(is_edge, where(q < 0.5, -outer, outer), inner)


cauchy = Continuous(
    "cauchy",
    logpdf=lambda y: -math.log(math.pi) - u.log1p(y * y),
    cdf=lambda y: u.arctan2(1.0, -y) / math.pi,
    sf=lambda y: u.arctan2(1.0, y) / math.pi,
    ppf=_cauchy_quantile,
    isf=lambda q: -_cauchy_quantile(q),
)
gumbel_r = Continuous(
    "gumbel_r",
    logpdf=lambda y: -y - u.exp(-y),
    cdf=lambda y: u.exp(-u.exp(-y)),
    sf=lambda y: -u.expm1(-u.exp(-y)),
    logcdf=lambda y: -u.exp(-y),
    ppf=lambda q: -u.log(-u.log(q)),
    isf=lambda q: -u.log(-u.log1p(-q)),
)
gumbel_l = Continuous(
    "gumbel_l",
    logpdf=lambda y: y - u.exp(y),
    cdf=lambda y: -u.expm1(-u.exp(y)),
    sf=lambda y: u.exp(-u.exp(y)),
    logsf=lambda y: -u.exp(y),
    ppf=lambda q: u.log(-u.log1p(-q)),
    isf=lambda q: u.log(-u.log(q)),
)
