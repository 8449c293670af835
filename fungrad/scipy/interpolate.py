"""`jax.scipy.interpolate`'s name: functions known on a grid."""

import itertools

import numpy as np

from fungrad import numpy as fnp
from fungrad.core.errors import ShapeError
from fungrad.lazy import no_other_names
from fungrad.numpy.arrays import operand
from fungrad.numpy.indexing import getitem

_METHODS = ("linear", "nearest")


class RegularGridInterpolator:
    """A function from its values on a grid, differentiable in these values and where it is asked.

    Args:
        points: n arrays of rank 1, increasing or decreasing, each with at least two elements.
        values: an array whose first n axes have the sizes of `points`; further ones are carried.
        method: "linear" or "nearest".
        bounds_error: whether points outside the grid are an error; only where they are known.
        fill_value: the value outside the grid; None continues the function from the edge.

    Raises ShapeError where points and values do not fit, ValueError for points out of order.

    >>> f = RegularGridInterpolator((np.array([0.0, 1.0, 3.0]),), np.array([0.0, 10.0, 30.0]))
    >>> f(np.array([[0.5], [2.0], [4.0]]))
    array([ 5., 20., nan])
    """

    def __init__(self, points, values, method="linear", bounds_error=False, fill_value=np.nan):
        _require_method(method)
        self.method, self.bounds_error, self.fill_value = method, bounds_error, fill_value
        self.values = operand(values)
        self.grid = tuple([operand(p) for p in points])
        if len(self.grid) > self.values.ndim:
            raise ShapeError(
                f"RegularGridInterpolator: {len(self.grid)} arrays of points for values of rank "
                f"{self.values.ndim}"
            )
        if self.values.dtype.kind not in "fc":
            self.values = self.values.astype(np.float64)
        lines = []
        for k, p in enumerate(self.grid):
            n = self.values.shape[k]
            if p.shape != (n,) or n < 2:
                raise ShapeError(
                    f"RegularGridInterpolator: points[{k}] has the shape {p.shape}, axis {k} of "
                    f"the values the size {n}; both must be one size of at least 2"
                )
            lines.append(self._increasing(k, p))
        self.grid = tuple(lines)

    def _increasing(self, k, p):
        """The points of an axis in increasing order; the values follow."""
        if isinstance(p, np.ndarray):
            steps = np.diff(p)
            if np.all(steps < 0):
                self.values = fnp.flip(self.values, k)
                return np.flip(p)
            if not np.all(steps > 0):
                raise ValueError(
                    f"RegularGridInterpolator: points[{k}] must be strictly increasing or "
                    "decreasing"
                )
        return p

    def __call__(self, xi, method=None):
        """The values at points: an array of shape (..., n), or a tuple of n arrays to broadcast."""
        method = self.method if method is None else method
        _require_method(method)
        n = len(self.grid)
        if isinstance(xi, tuple):
            coordinates = fnp.broadcast_arrays(*[operand(x) for x in xi])
        else:
            xi = operand(xi)
            xi = xi[:, None] if n == 1 and xi.ndim == 1 else xi
            coordinates = [xi[..., k] for k in range(xi.shape[-1])] if xi.ndim else [xi]
        if len(coordinates) != n:
            raise ShapeError(
                f"RegularGridInterpolator: points of {len(coordinates)} coordinates were asked "
                f"of a grid of {n}"
            )
        outside = False
        for k, (x, p) in enumerate(zip(coordinates, self.grid, strict=True)):
            beyond = (x < p[0]) | (x > p[-1])
            if self.bounds_error and isinstance(beyond, np.ndarray | np.bool_) and np.any(beyond):
                raise ValueError(f"One of the requested xi is out of bounds in dimension {k}")
            outside = outside | beyond
        result = self._interpolated(coordinates, method)
        if self.fill_value is None:
            return result
        extra = (1,) * (self.values.ndim - n)
        outside = outside.reshape((*outside.shape, *extra))
        return fnp.where(outside, np.asarray(self.fill_value, self.values.dtype), result)

    def _interpolated(self, coordinates, method):
        sides = []
        for x, p in zip(coordinates, self.grid, strict=True):
            i = fnp.clip(fnp.searchsorted(p, x, side="right") - 1, 0, p.shape[0] - 2)
            left, right = getitem(p, i), getitem(p, i + 1)
            t = (x - left) / (right - left)
            if method == "nearest":
                sides.append([(i + (t > 0.5), None)])
            else:
                sides.append([(i, 1 - t), (i + 1, t)])
        total = None
        extra = (1,) * (self.values.ndim - len(self.grid))
        for chosen in itertools.product(*sides):
            value = getitem(self.values, tuple([i for i, _ in chosen]))
            for _, weight in chosen:
                if weight is not None:
                    value = value * weight.reshape((*weight.shape, *extra))
            total = value if total is None else total + value
        return total


def _require_method(method):
    if method not in _METHODS:
        raise ValueError(
            f"RegularGridInterpolator: method must be 'linear' or 'nearest', got {method!r}"
        )


__all__ = ["RegularGridInterpolator"]

__getattr__ = no_other_names(__name__)
