"""Distributions of whole numbers."""

from fungrad.numpy import ufuncs as u
from fungrad.numpy.gamma_functions import betainc, betaincc, betaln, gammainc, gammaincc, gammaln
from fungrad.numpy.special import xlog1py, xlogy
from fungrad.numpy.special_operands import where
from fungrad.scipy.stats.distribution import INFINITY, Discrete


def _is_probability(p):
    return u.logical_and(p >= 0, p <= 1)


poisson = Discrete(
    "poisson",
    "mu",
    support=lambda mu: (0.0, INFINITY),
    is_valid=lambda mu: mu >= 0,
    logpmf=lambda k, mu: xlogy(k, mu) - gammaln(k + 1) - mu,
    cdf=lambda k, mu: gammaincc(k + 1, mu),
    sf=lambda k, mu: gammainc(k + 1, mu),
)
bernoulli = Discrete(
    "bernoulli",
    "p",
    support=lambda p: (0.0, 1.0),
    is_valid=_is_probability,
    logpmf=lambda k, p: xlogy(k, p) + xlog1py(1 - k, -p),
    cdf=lambda k, p: 1 - p,
    sf=lambda k, p: p,
    ppf=lambda q, p: where(q <= 1 - p, 0.0, 1.0),
)
binom = Discrete(
    "binom",
    "n p",
    support=lambda n, p: (0.0, n),
    is_valid=lambda n, p: u.logical_and(_is_probability(p), u.logical_and(n >= 0, u.floor(n) == n)),
    logpmf=lambda k, n, p: xlogy(k, p) + xlog1py(n - k, -p) - u.log1p(n) - betaln(k + 1, n - k + 1),
    cdf=lambda k, n, p: betaincc(k + 1, where(n > k, n - k, 1.0), p),
    sf=lambda k, n, p: betainc(k + 1, where(n > k, n - k, 1.0), p),
)
nbinom = Discrete(
    "nbinom",
    "n p",
    support=lambda n, p: (0.0, INFINITY),
    is_valid=lambda n, p: u.logical_and(n > 0, u.logical_and(p > 0, p <= 1)),
    logpmf=lambda k, n, p: n * u.log(p) + xlog1py(k, -p) - u.log(n + k) - betaln(n, k + 1),
    cdf=lambda k, n, p: betainc(n, k + 1, p),
    sf=lambda k, n, p: betaincc(n, k + 1, p),
)
geom = Discrete(
    "geom",
    "p",
    support=lambda p: (1.0, INFINITY),
    is_valid=lambda p: u.logical_and(p > 0, p <= 1),
    logpmf=lambda k, p: u.log(p) + xlog1py(k - 1, -p),
    cdf=lambda k, p: -u.expm1(xlog1py(k, -p)),
    sf=lambda k, p: u.exp(xlog1py(k, -p)),
    ppf=lambda q, p: u.ceil(u.log1p(-q) / u.log1p(-p)),
)
betabinom = Discrete(
    "betabinom",
    "n a b",
    support=lambda n, a, b: (0.0, n),
    is_valid=lambda n, a, b: u.logical_and(
        u.logical_and(n >= 0, u.floor(n) == n), u.logical_and(a > 0, b > 0)
    ),
    logpmf=lambda k, n, a, b: (
        betaln(k + a, n - k + b) - betaln(a, b) - u.log1p(n) - betaln(k + 1, n - k + 1)
    ),
)
