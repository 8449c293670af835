"""`jax.scipy.ndimage`'s name: images between their pixels."""

import itertools

import numpy as np

from fungrad import numpy as fnp
from fungrad.core.errors import ShapeError
from fungrad.lazy import no_other_names
from fungrad.numpy.arrays import operand
from fungrad.numpy.indexing import getitem

_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")


def map_coordinates(input, coordinates, order, mode="constant", cval=0.0):
    """The values of an array at coordinates between its elements.

    Args:
        input: an array of rank n.
        coordinates: n arrays (or one with n rows) of one shape, in elements; differentiable for
            order 1.
        order: 0 for the nearest element, 1 for linear interpolation.
        mode: what stands outside the array: "constant": `cval`; "nearest": the element at the
            edge; "wrap": the array again; "mirror" and "reflect": its mirror image, without and
            with the element at the edge. "constant" and "wrap" mean what SciPy calls
            "grid-constant" and "grid-wrap", as in JAX.

    The result has the shape of the coordinates and the dtype of `input`; integers are rounded.

    >>> map_coordinates(np.array([0.0, 10.0, 20.0]), [np.array([0.5, 1.25])], order=1)
    array([ 5. , 12.5])
    """
    x = operand(input)
    places = [operand(c) for c in coordinates]
    if len(places) != x.ndim:
        raise ShapeError(
            f"map_coordinates: an array of rank {x.ndim} needs {x.ndim} coordinates, got "
            f"{len(places)}"
        )
    if order not in (0, 1):
        raise ValueError(f"map_coordinates: order must be 0 or 1, got {order!r}")
    if mode not in _MODES:
        raise ValueError(f"map_coordinates: mode must be one of {_MODES}, got {mode!r}")
    corners = [_nearest(c) if order == 0 else _linear(c) for c in places]
    total = 0.0
    for chosen in itertools.product(*corners):
        indices = tuple([_inside(i, n, mode) for (i, _), n in zip(chosen, x.shape, strict=True)])
        value = getitem(x, indices)
        if mode == "constant":
            valid = True
            for (i, _), n in zip(chosen, x.shape, strict=True):
                valid = valid & (i >= 0) & (i < n)
            value = fnp.where(valid, value, np.asarray(cval, x.dtype))
        for _, weight in chosen:
            value = value if weight is None else value * weight
        total = value + total if order else value
    if x.dtype.kind in "iu":
        total = fnp.rint(total)
    return total.astype(x.dtype)


def _nearest(c):
    return [(fnp.floor(c + 0.5).astype(int), None)]


def _linear(c):
    low = fnp.floor(c)
    upper = c - low
    index = low.astype(int)
    return [(index, 1 - upper), (index + 1, upper)]


def _inside(i, n, mode):
    """The index of the element that stands for one outside."""
    if mode in ("constant", "nearest"):
        return fnp.clip(i, 0, n - 1)
    if mode == "wrap":
        return i % n
    if mode == "mirror":
        period = max(2 * (n - 1), 1)
        return abs((i + n - 1) % period - (n - 1))
    return fnp.minimum(i % (2 * n), 2 * n - 1 - i % (2 * n))


__all__ = ["map_coordinates"]

__getattr__ = no_other_names(__name__)
