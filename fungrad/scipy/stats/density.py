"""Kernel density estimates."""

import math

import numpy as np

import fungrad.numpy as fnp
from fungrad.primitives.linalg import Cholesky, TriangularSolve
from fungrad.scipy.special.sums import logsumexp


class gaussian_kde:  # SciPy's name
    """A density estimated as a sum of normal ones around the points of a sample.

    Differentiable in the points, the sample and the weights.

    Args:
        dataset: an array (n,) or (d, n) of n points.
        bw_method: the factor of the sample's covariance: "scott" (also None), "silverman", a
            number, or a function of this object.
        weights: an array (n,) of weights, by default equal ones.

    >>> density = gaussian_kde(np.array([0.0, 1.0, 2.0]))
    >>> np.round(density(np.array([1.0])), 6)
    array([0.318156])
    """

    def __init__(self, dataset, bw_method=None, weights=None):
        self.dataset = fnp.atleast_2d(fnp.asarray(dataset))
        if not self.dataset.size > 1:
            raise ValueError("`dataset` input should have multiple elements.")
        self.d, self.n = self.dataset.shape
        if weights is None:
            self.weights = np.full(self.n, 1 / self.n)
        else:
            weights = fnp.asarray(weights)
            if weights.shape != (self.n,):
                raise ValueError(f"{self.n} points need as many weights, not {weights.shape}")
            self.weights = weights / fnp.sum(weights)
        self.neff = 1 / fnp.sum(self.weights**2)
        self.factor = self._factor(bw_method)
        spread = fnp.cov(self.dataset, bias=False, aweights=self.weights)
        self.covariance = fnp.reshape(spread, (self.d, self.d)) * self.factor**2
        self._root = Cholesky()(self.covariance)

    def scotts_factor(self):
        """Scott's rule, neff**(-1 / (d + 4))."""
        return self.neff ** (-1 / (self.d + 4))

    def silverman_factor(self):
        """Silverman's rule, (neff (d + 2) / 4)**(-1 / (d + 4))."""
        return (self.neff * (self.d + 2) / 4) ** (-1 / (self.d + 4))

    def _factor(self, bw_method):
        if bw_method is None or (isinstance(bw_method, str) and bw_method == "scott"):
            return self.scotts_factor()
        if isinstance(bw_method, str):
            if bw_method != "silverman":
                raise ValueError("`bw_method` should be 'scott', 'silverman', a scalar or callable")
            return self.silverman_factor()
        return bw_method(self) if callable(bw_method) else bw_method

    def logpdf(self, x):
        """The logarithm of the density at points (m,) or (d, m)."""
        points = fnp.atleast_2d(fnp.asarray(x))
        if points.shape[0] != self.d:
            if points.shape != (1, self.d):
                raise ValueError(
                    f"points have dimension {points.shape[0]}, dataset has dimension {self.d}"
                )
            points = fnp.reshape(points, (self.d, 1))
        solve = TriangularSolve(False, False, False)
        centres, places = solve(self._root, self.dataset * 1.0), solve(self._root, points * 1.0)
        distances = fnp.sum((places[:, :, None] - centres[:, None, :]) ** 2, axis=0)
        volume = fnp.sum(fnp.log(fnp.diagonal(self._root)))
        values = logsumexp(-0.5 * distances, axis=1, b=self.weights)
        return values - volume - 0.5 * self.d * math.log(2 * math.pi)

    def evaluate(self, points):
        """The density at points (m,) or (d, m)."""
        return fnp.exp(self.logpdf(points))

    pdf = __call__ = evaluate
