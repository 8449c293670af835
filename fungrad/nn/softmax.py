"""Softmax, its logarithm, and what goes with them: reductions along axes that neither overflow nor
lose digits, with derivatives that are finite wherever the values are.
"""

import math
import operator

import numpy as np

import fungrad.numpy as fnp
from fungrad.lax import stop_gradient
from fungrad.nn.activations import as_floats, choose
from fungrad.numpy.arrays import operand
from fungrad.numpy.dispatch import normalize_axes, normalize_axis
from fungrad.numpy.promotion import promote_to_float


def _masked(x, mask, otherwise):
    return x if mask is None else choose(mask, x, otherwise)


def _largest(x, axis):
    """The maximum along axes, kept with size 1; 0 where it is infinite. It carries no derivative.

    The results do not depend on it, so leaving its derivative out is exact at every order.
    """
    empty = {} if 0 not in x.shape else {"initial": -np.inf}
    largest = fnp.max(stop_gradient(x), axis=axis, keepdims=True, **empty)
    return choose(fnp.isfinite(largest), largest, 0)


def softmax(x, axis=-1, where=None):
    """exp(x) / sum(exp(x)) along an axis or several; with a mask, over the elements where it holds.

    What the mask leaves out is 0. The derivative is that of the formula; shapes stay the same.

    >>> softmax(np.array([0.0, 1000.0, -np.inf]))
    array([0., 1., 0.])
    >>> softmax(np.array([1.0, 1.0, 5.0]), where=np.array([True, True, False]))
    array([0.5, 0.5, 0. ])
    """
    x = as_floats(x)
    x = _masked(x, where, -np.inf)
    powers = fnp.exp(x - _largest(x, axis))
    total = fnp.sum(powers, axis=axis, keepdims=True)
    if where is None:
        return powers / total
    return powers / choose(total == 0, 1, total)  # 0 where the mask lets nothing through


def log_softmax(x, axis=-1, where=None):
    """log(softmax(x)) without underflow; what the mask leaves out is -inf.

    >>> log_softmax(np.array([0.0, 1000.0]))
    array([-1000.,     0.])
    """
    x = as_floats(x)
    x = _masked(x, where, -np.inf)
    shifted = x - _largest(x, axis)
    total = fnp.sum(fnp.exp(shifted), axis=axis, keepdims=True)
    return _masked(shifted - fnp.log(total), where, -np.inf)


def logsumexp(a, axis=None, b=None, keepdims=False, return_sign=False, where=None):
    """log(sum(b exp(a))) along axes, all by default.

    Args:
        b: factors, 1 by default, which broadcast with `a`.
        keepdims: whether the reduced axes stay, with size 1.
        return_sign: whether the result is the pair of log|sum| and the sign of the sum; without
            it, the logarithm of a negative sum is nan.
        where: a mask of the elements that count.

    The derivative is softmax(a); for a sum of nothing but -inf, which is -inf, it is 0.

    >>> logsumexp(np.array([1000.0, 1000.0]))
    np.float64(1000.6931471805599)
    >>> logsumexp(np.array([1.0, 1.0]), b=np.array([1.0, -3.0]), return_sign=True)
    (np.float64(1.6931471805599454), np.float64(-1.0))
    """
    a = as_floats(a)
    if b is not None:
        a, b = promote_to_float(a, b if isinstance(b, int | float) else operand(b))
        if where is None:
            where = b != 0
        else:
            where = fnp.logical_and(where, b != 0)
        a, b, where = fnp.broadcast_arrays(a, b, where)
    a = _masked(a, where, -np.inf)
    axes = normalize_axes(axis, a.ndim)
    largest = _largest(a, axes)
    powers = fnp.exp(a - largest)
    total = fnp.sum(powers if b is None else b * powers, axis=axes, keepdims=keepdims)
    largest = largest if keepdims else fnp.squeeze(largest, axes)
    size = fnp.abs(total) if return_sign else total
    is_zero = size == 0  # a sum of nothing: its logarithm without a warning, its derivative 0
    result = choose(is_zero, -np.inf, fnp.log(choose(is_zero, 1, size)) + largest)
    return (result, fnp.sign(total)) if return_sign else result


def logmeanexp(x, axis=None, where=None, keepdims=False):
    """log(mean(exp(x))) along axes, all by default; with a mask, the mean of what it lets through.

    >>> logmeanexp(np.array([1000.0, 1000.0]))
    np.float64(1000.0)
    """
    x = as_floats(x)
    axes = normalize_axes(axis, x.ndim)
    if where is None:
        count = math.prod([x.shape[i] for i in axes])
    else:
        mask = fnp.broadcast_to(where, x.shape)
        count = fnp.sum(mask, axis=axes, keepdims=keepdims).astype(x.dtype)
    return logsumexp(x, axis, where=where, keepdims=keepdims) - fnp.log(x.dtype.type(1) * count)


def standardize(
    x, axis=-1, mean=None, variance=None, epsilon=1e-5, where=None, *, algorithm="stable"
):
    """(x - mean) / sqrt(variance + epsilon) along an axis or several.

    Args:
        mean, variance: by default those of `x` along the axis; they broadcast with `x`.
        epsilon: keeps the result finite where nothing varies.
        where: a mask of the elements that mean and variance are taken of.
        algorithm: accepted for JAX's sake; the variance is always the mean of squared deviations,
            which does not cancel.

    >>> standardize(np.array([1e8, 1e8 + 2]), epsilon=0.0)
    array([-1.,  1.])
    """
    if algorithm not in ("fast", "stable"):
        raise ValueError(f"standardize: algorithm is 'fast' or 'stable', got {algorithm!r}")
    x = as_floats(x)
    keywords = {"axis": axis, "keepdims": True}
    if where is not None:
        keywords["where"] = where
    if mean is None:
        mean = fnp.mean(x, **keywords)
    deviation = x - mean
    if variance is None:
        variance = fnp.mean(fnp.square(deviation), **keywords)
    return deviation / fnp.sqrt(variance + epsilon)


def one_hot(x, num_classes, *, dtype=None, axis=-1):
    """For each integer a vector that is 1 at its position and 0 elsewhere, along a new axis.

    Integers outside 0 to `num_classes` - 1 give zeros. The dtype is float64 by default.

    >>> one_hot(np.array([0, 2, -1]), 3)
    array([[1., 0., 0.],
           [0., 0., 1.],
           [0., 0., 0.]])
    """
    x = operand(x)
    axis = normalize_axis(axis, fnp.ndim(x) + 1)
    shape = [1] * (fnp.ndim(x) + 1)
    shape[axis] = operator.index(num_classes)
    positions = np.arange(shape[axis], dtype=x.dtype if x.dtype.kind in "iuf" else None)
    is_here = fnp.expand_dims(x, axis) == positions.reshape(shape)
    return fnp.astype(is_here, np.dtype(np.float64 if dtype is None else dtype))
