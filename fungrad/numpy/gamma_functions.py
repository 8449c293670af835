"""Gamma, beta and zeta functions and their incomplete forms: `scipy.special`'s names.

Where nothing else is said, they are differentiable in every argument, incomplete functions in their
parameters up to the second order.
"""

import numpy as np

from fungrad.core.types import is_python_number
from fungrad.numpy.special_operands import apply, special_operands, where
from fungrad.primitives import beta_integrals, hypergeometric, student_t
from fungrad.primitives import special as s


def gamma(x):
    """The gamma function, inf or nan at its poles 0, -1, -2, ...

    >>> gamma(np.array([0.5, 5.0]))
    array([ 1.77245385, 24.        ])
    """
    return apply(s.gamma, x)


def gammaln(x):
    """log(|gamma(x)|)."""
    return apply(s.lgamma, x)


def loggamma(x):
    """log(gamma(x)) of a real x; nan for x < 0, as in SciPy."""
    (x,) = special_operands("loggamma", x)
    return where(x < 0, np.nan, s.lgamma(x))


def gammasgn(x):
    """The sign of gamma(x); its derivative is zero."""
    return apply(s.gammasgn, x)


def digamma(x):
    """The derivative of gammaln."""
    return apply(s.digamma, x)


def polygamma(n, x):
    """The n-th derivative of digamma at x; n is a whole number, in which there is no derivative.

    (-1)**(n+1) n! zeta(n + 1, x), for x < 0 too.

    >>> np.round(polygamma(1, 1.0), 12)  # pi**2 / 6
    np.float64(1.644934066848)
    """
    if is_python_number(n) and n in (0, 1):
        return apply(s.trigamma if n else s.digamma, x)
    if isinstance(n, np.ndarray) and n.dtype.kind in "biu" or is_python_number(n):
        n = np.asarray(n, float)[()]
    n, x = special_operands("polygamma", n, x)
    sign = where(n % 2 == 0, -1.0, 1.0)
    order = where(n == 0, 1.0, n)
    value = sign * s.gamma(order + 1) * s.zeta(*special_operands("polygamma", order + 1, x))
    return where(n == 0, s.digamma(x), value)


def zeta(x, q=None):
    """Hurwitz's zeta function, the sum of (q + k)**-x over k >= 0; Riemann's where q is None.

    Also for q < 0 where x is a whole number; there it has a derivative in q, none in x.

    >>> np.round(zeta(2.0), 12)
    np.float64(1.644934066848)
    """
    return apply(s.zeta, x, 1.0 if q is None else q)


def multigammaln(a, d):
    """The logarithm of the multivariate gamma function of dimension d, a Python int.

    ValueError where a plain `a` is not greater than (d - 1) / 2.
    """
    d = d.__index__()
    (a,) = special_operands("multigammaln", a)
    if isinstance(a, np.ndarray | np.generic) and np.any(a <= 0.5 * (d - 1)):
        raise ValueError(f"multigammaln: a = {a} is to be greater than (d - 1) / 2 = {(d - 1) / 2}")
    total = sum(s.lgamma(a - 0.5 * j) for j in range(d))
    return total + 0.25 * d * (d - 1) * np.log(np.pi)


def beta(a, b):
    """gamma(a) gamma(b) / gamma(a + b)."""
    return apply(s.beta, a, b)


def betaln(a, b):
    """log(|beta(a, b)|)."""
    return apply(s.betaln, a, b)


def binom(n, k):
    """The binomial coefficient as a function of real n and k."""
    return apply(s.binom, n, k)


def poch(z, m):
    """gamma(z + m) / gamma(z), the rising factorial."""
    return apply(s.poch, z, m)


def gammainc(a, x):
    """The regularised lower incomplete gamma function.

    The derivatives in a, to second order, are accurate to 1e-12 relative to the larger of them and
    their largest term.

    >>> gammainc(2.0, np.array([0.5, 2.0]))
    array([0.09020401, 0.59399415])
    """
    return apply(s.gammainc, a, x)


def gammaincc(a, x):
    """The regularised upper incomplete gamma function, 1 - gammainc(a, x) without cancellation."""
    return apply(s.gammaincc, a, x)


def gammaincinv(a, y):
    """The x for which gammainc(a, x) is y."""
    return apply(s.gammaincinv, a, y)


def gammainccinv(a, y):
    """The x for which gammaincc(a, x) is y."""
    return apply(s.gammainccinv, a, y)


def betainc(a, b, x):
    """The regularised incomplete beta function.

    The derivatives in a and b, to second order, are accurate to 1e-12 relative to the larger of
    them and their largest term.

    >>> betainc(2.0, 3.0, 0.5)
    np.float64(0.6875)
    """
    return apply(beta_integrals.betainc, a, b, x)


def betaincc(a, b, x):
    """1 - betainc(a, b, x) without cancellation."""
    return apply(beta_integrals.betaincc, a, b, x)


def betaincinv(a, b, y):
    """The x for which betainc(a, b, x) is y."""
    return apply(beta_integrals.betaincinv, a, b, y)


def betainccinv(a, b, y):
    """The x for which betaincc(a, b, x) is y."""
    return apply(beta_integrals.betainccinv, a, b, y)


def gammainc_a(a, x):
    """The derivative of gammainc(a, x) in a."""
    return apply(s.gammainc_a, a, x)


def stdtr(df, t):
    """The distribution function of Student's t with df degrees of freedom, a real number."""
    return apply(student_t.stdtr, df, t)


def stdtrit(df, p):
    """The inverse of `stdtr` in t."""
    return apply(student_t.stdtrit, df, p)


def random_gamma_grad(a, sample):
    """The derivative in a of a sample of the gamma distribution with shape a.

    The sample is thought of as the quantile of a fixed probability (implicit reparameterisation):
    minus the derivative of gammainc(a, sample) in a over the density at the sample.
    """
    a, sample = special_operands("random_gamma_grad", a, sample)
    return -s.gammainc_a(a, sample) / s.gamma_density(a, sample)


def expn(n, x):
    """The generalised exponential integral of whole order n, in which there is no derivative."""
    return apply(s.expn, n, x)


def expi(x):
    """The exponential integral Ei."""
    return apply(s.expi, x)


def exp1(x):
    """The exponential integral E1."""
    return apply(s.exp1, x)


def spence(x):
    """The integral of log(t) / (1 - t) over t from 1 to x."""
    return apply(s.spence, x)


def hyp1f1(a, b, x):
    """Kummer's confluent hypergeometric function.

    The derivatives in a and b, to second order, have errors of 1e-12 and 1e-10, relative to the
    larger of them and the function.
    """
    return apply(hypergeometric.hyp1f1, a, b, x)


def hyp2f1(a, b, c, x):
    """Gauss's hypergeometric function; for the derivatives in a, b and c see `hyp1f1`."""
    return apply(hypergeometric.hyp2f1, a, b, c, x)


psi = digamma
FORMS = {
    name: value
    for name, value in list(globals().items())
    if getattr(value, "__module__", None) == __name__ and not name.startswith("_")
}
