"""Distributions of vectors: multivariate normal, Dirichlet, multinomial."""

import math

import numpy as np

from fungrad.numpy import ufuncs as u
from fungrad.numpy.arrays import number_or_operand
from fungrad.numpy.gamma_functions import gammaln
from fungrad.numpy.joining import concatenate
from fungrad.numpy.promotion import broadcast_to, convert, result_dtype
from fungrad.numpy.reductions import all as all_along
from fungrad.numpy.reductions import sum as sum_along
from fungrad.numpy.shapes import expand_dims, reshape, swapaxes
from fungrad.numpy.special import xlogy
from fungrad.numpy.special_operands import special_dtype, where
from fungrad.primitives.linalg import Cholesky, TriangularSolve
from fungrad.scipy.stats.distribution import INFINITY


class _MultivariateNormal:
    """The normal distribution of vectors, by a Cholesky factorisation of the covariance."""

    def __repr__(self):
        return "fungrad.scipy.stats.multivariate_normal"

    def logpdf(self, x, mean=None, cov=1.0, allow_singular=None):
        """The logarithm of the density at x, whose last axis is the vector.

        Args:
            x: an array (..., n); of any shape where `mean` and `cov` are numbers.
            mean: an array (n,) or (..., n), by default 0.
            cov: the covariance (..., n, n), its diagonal (n,), or a number.
            allow_singular: must not be true: the density of a singular covariance is not defined.

        Raises LinAlgError where the covariance is not positive definite.

        >>> fungrad.scipy.stats.multivariate_normal.logpdf(np.zeros(2), np.zeros(2), np.eye(2))
        np.float64(-1.8378770664093453)
        """
        if allow_singular:
            raise ValueError(
                "multivariate_normal: allow_singular=True is not supported; remove "
                "the null space of the covariance first"
            )
        n = max(np.shape(v)[-1] if np.ndim(v) else 1 for v in (0.0 if mean is None else mean, cov))
        is_scalar = np.ndim(0.0 if mean is None else mean) == 0 and np.ndim(cov) == 0
        x, mean, cov = _of_one_dtype(x, 0.0 if mean is None else mean, cov)
        y = x - mean
        if is_scalar:
            return -0.5 * (y * y / cov + u.log(cov) + math.log(2 * math.pi))
        if cov.ndim < 2:
            diagonal = broadcast_to(cov, (n,))
            square, volume = sum_along(y * y / diagonal, axis=-1), sum_along(u.log(diagonal))
        else:
            square, volume = _whitened(y, cov)
        return -0.5 * (square + volume + n * math.log(2 * math.pi))

    def pdf(self, x, mean=None, cov=1.0, allow_singular=None):
        """The density at x; see `logpdf`."""
        return u.exp(self.logpdf(x, mean, cov, allow_singular))


def _of_one_dtype(*operands):
    """Operands of one dtype, each with its own shape."""
    operands = [number_or_operand(x) for x in operands]
    dtype = special_dtype(result_dtype(*operands))
    return [convert(x, dtype) for x in operands]


def _whitened(y, cov):
    """y^T cov^-1 y and log det cov."""
    factor = Cholesky()(cov)
    n = cov.shape[-1]
    diagonal = factor[..., np.arange(n), np.arange(n)]
    volume = 2 * sum_along(u.log(diagonal), axis=-1)
    solve = TriangularSolve(upper=False, transposed=False, conjugated=False)
    if cov.ndim == 2:
        columns = swapaxes(reshape(y, (-1, n)), 0, 1)
        z = solve(factor, columns)
        return reshape(sum_along(z * z, axis=0), y.shape[:-1]), volume
    shape = np.broadcast_shapes(y.shape[:-1], cov.shape[:-2])
    factor = broadcast_to(factor, (*shape, n, n))
    z = solve(factor, expand_dims(broadcast_to(y, (*shape, n)), -1))
    return sum_along(z * z, axis=(-2, -1)), volume


multivariate_normal = _MultivariateNormal()


class _Dirichlet:
    """The Dirichlet distribution on the simplex."""

    def __repr__(self):
        return "fungrad.scipy.stats.dirichlet"

    def logpdf(self, x, alpha):
        """The logarithm of the density at x; -inf where x is not in the simplex.

        Args:
            x: an array (n, ...) whose first axis is the vector, or (n - 1, ...): the last component
                is then what is missing to 1.
            alpha: an array (n,) of positive numbers.

        >>> fungrad.scipy.stats.dirichlet.logpdf(np.array([0.2, 0.8]), np.array([1.0, 1.0]))
        np.float64(0.0)
        """
        x, alpha = _of_one_dtype(x, alpha)
        if alpha.ndim != 1:
            raise ValueError(f"dirichlet: alpha is to be a vector, not of shape {alpha.shape}")
        if x.shape[0] == alpha.shape[0] - 1:
            x = concatenate([x, 1 - sum_along(x, axis=0, keepdims=True)], axis=0)
        if x.shape[0] != alpha.shape[0]:
            raise ValueError(
                f"dirichlet: x has {x.shape[0]} components, alpha has {alpha.shape[0]}"
            )
        is_inside = u.logical_and(
            all_along(x > 0, axis=0), u.absolute(sum_along(x, axis=0) - 1) < 1e-6
        )
        safe = where(x > 0, x, 1.0)
        powers = reshape(alpha - 1, (-1,) + (1,) * (x.ndim - 1))
        normal = sum_along(gammaln(alpha)) - gammaln(sum_along(alpha))
        value = sum_along(xlogy(powers, safe), axis=0) - normal
        return where(is_inside, value, -INFINITY)

    def pdf(self, x, alpha):
        """The density at x; see `logpdf`."""
        return u.exp(self.logpdf(x, alpha))


dirichlet = _Dirichlet()


class _Multinomial:
    """The multinomial distribution of counts."""

    def __repr__(self):
        return "fungrad.scipy.stats.multinomial"

    def logpmf(self, x, n, p):
        """The logarithm of the probability of the counts x (..., k) among n with probabilities p.

        -inf where counts are negative, not whole or do not add up to n.

        >>> fungrad.scipy.stats.multinomial.logpmf(np.array([1, 1]), 2, np.array([0.5, 0.5]))
        np.float64(-0.6931471805599453)
        """
        x, n, p = _of_one_dtype(x, n, p)
        is_inside = all_along(u.logical_and(x >= 0, u.floor(x) == x), axis=-1)
        is_inside = u.logical_and(is_inside, sum_along(x, axis=-1) == n)
        safe = where(x >= 0, x, 0.0)
        value = gammaln(n + 1) + sum_along(xlogy(safe, p) - gammaln(safe + 1), axis=-1)
        return where(is_inside, value, -INFINITY)

    def pmf(self, x, n, p):
        """The probability of the counts x; see `logpmf`."""
        return u.exp(self.logpmf(x, n, p))


multinomial = _Multinomial()
