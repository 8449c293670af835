"""Maxima and means over windows; channels last."""

import numpy as np

import fungrad.numpy as fnp
from fungrad import lax
from fungrad.core.errors import ShapeError
from fungrad.nn.activations import as_floats
from fungrad.nn.layers.conv import per_dimension


def _windows(name, x, window, strides, padding):
    window = tuple(window)
    rank = len(window)
    if x.ndim != rank + 2:
        raise ShapeError(
            f"{name}: a window of {rank} dimensions takes (batch, {rank} positions, channels), got "
            f"shape {tuple(x.shape)}"
        )
    strides = window if strides is None else per_dimension(strides, rank)
    if not isinstance(padding, str):
        padding = ((0, 0), *[tuple(pair) for pair in padding], (0, 0))
    return (1, *window, 1), (1, *strides, 1), padding


def max_pool(x, window, strides=None, padding="VALID"):
    """The largest element of each window of (batch, positions..., channels).

    Strides are the window's sizes by default: windows that do not overlap.

    >>> max_pool(np.array([1.0, 5.0, 2.0, 3.0]).reshape(1, 4, 1), (2,)).ravel()
    array([5., 3.])
    """
    x = as_floats(x)
    shape, strides, padding = _windows("max_pool", x, window, strides, padding)
    return lax.reduce_window(x, x.dtype.type(-np.inf), lax.max, shape, strides, padding)


def avg_pool(x, window, strides=None, padding="VALID", *, count_include_pad=False):
    """The mean of each window; of padding only with `count_include_pad`.

    >>> avg_pool(np.array([1.0, 5.0, 2.0, 3.0]).reshape(1, 4, 1), (2,)).ravel()
    array([3. , 2.5])
    """
    x = as_floats(x)
    shape, strides, padding = _windows("avg_pool", x, window, strides, padding)
    zero = x.dtype.type(0)
    total = lax.reduce_window(x, zero, lax.add, shape, strides, padding)
    if count_include_pad or padding == "VALID":
        return total / np.prod(shape)
    ones = fnp.ones((1, *x.shape[1:-1], 1), x.dtype)
    return total / lax.reduce_window(ones, zero, lax.add, shape, strides, padding)
