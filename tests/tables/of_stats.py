"""Calls of `scipy.stats`' distributions: densities and distribution functions beside SciPy's."""

import numpy as np
import scipy.stats as peer

from fungrad.scipy import stats
from tests.tables.row import Table, t

TABLE = Table("scipy.stats", stats)
X, UNIT, COUNTS = np.array([-0.7, 0.3, 2.1]), np.array([0.2, 0.5, 0.8]), np.array([0.0, 1.0, 3.0])


def _method(name):
    return lambda distribution, *args: getattr(distribution, name)(*args)


def _rows(name, methods, *args, **options):
    own = getattr(peer, name)
    for method in methods.split():
        TABLE.row(name, *args, by=_method(method), to=getattr(own, method), **options)


for _name in "norm laplace logistic cauchy gumbel_l gumbel_r".split():
    _rows(_name, "logpdf pdf cdf sf", X, t(0.1), t(1.3))
_rows("t", "logpdf pdf", X, t(3.5))
_rows("t", "cdf", X, t(3.5), order=1)
for _name in ("gamma", "chi2"):
    _rows(_name, "logpdf pdf cdf", np.abs(X), t(2.4))
_rows("beta", "logpdf pdf cdf", UNIT, t(2.4), t(0.7))
_rows("expon", "logpdf pdf cdf", np.abs(X), t(0.1), t(1.3))
_rows("uniform", "logpdf pdf cdf", UNIT, t(0.1), t(1.3))
_rows("pareto", "logpdf pdf cdf", 1 + np.abs(X), t(2.6))
_rows("gennorm", "logpdf pdf", X, t(2.3))
_rows("truncnorm", "logpdf pdf cdf", UNIT, t(-1.2), t(2.5))
_rows("vonmises", "logpdf pdf", X, t(1.7))
_rows("wrapcauchy", "logpdf pdf", np.abs(X), t(0.4))


def _of_counts(name, k, *parameters, cdf=True):
    """Mass and distribution function at counts, in the parameters."""
    own = getattr(peer, name)
    for method in ("logpmf", "pmf", "cdf")[: 3 if cdf else 2]:
        TABLE.row(
            name,
            *map(t, parameters),
            by=lambda d, *p, method=method: getattr(d, method)(k, *p),
            to=lambda *p, method=method: getattr(own, method)(k, *p),
        )


_of_counts("poisson", COUNTS, 2.3)
_of_counts("bernoulli", COUNTS[:2], 0.3)
_of_counts("geom", COUNTS[1:], 0.3)
_of_counts("nbinom", COUNTS, 2.5, 0.4)
for _method_name in ("logpmf", "pmf", "cdf"):
    TABLE.row(
        "binom",
        t(0.3),
        by=lambda d, p, m=_method_name: getattr(d, m)(COUNTS, 7.0, p),
        to=lambda p, m=_method_name: getattr(peer.binom, m)(COUNTS, 7.0, p),
    )
TABLE.row(
    "betabinom",
    t(1.3),
    t(0.6),
    by=lambda d, a, b: d.logpmf(COUNTS, 7.0, a, b),
    to=lambda a, b: peer.betabinom.logpmf(COUNTS, 7.0, a, b),
)
COVARIANCE = np.array([[2.0, 0.3, -0.1], [0.3, 1.0, 0.2], [-0.1, 0.2, 0.7]])
TABLE.row(
    "multivariate_normal",
    X,
    UNIT,
    COVARIANCE,
    by=lambda d, x, m, c: d.logpdf(x, m, (c + c.T) / 2),
    to=lambda x, m, c: np.float64(peer.multivariate_normal.logpdf(x, m, c)),
)
TABLE.row(
    "dirichlet",
    np.array([1.3, 0.7, 2.0]),
    by=lambda d, a: d.logpdf(np.array([0.2, 0.5, 0.3]), a),
    to=lambda a: np.float64(peer.dirichlet.logpdf([0.2, 0.5, 0.3], a)),
)
TABLE.row(
    "multinomial",
    np.array([0.2, 0.5, 0.3]),
    by=lambda d, p: d.logpmf(np.array([1, 0, 2]), 3, p / p.sum()),
    to=lambda p: np.float64(peer.multinomial.logpmf([1, 0, 2], 3, p)),
)
