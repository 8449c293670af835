"""Sums of exponentials: logsumexp, softmax, log_softmax."""

import numpy as np

from fungrad.lax.elementwise import stop_gradient
from fungrad.numpy import ufuncs
from fungrad.numpy.arrays import operand
from fungrad.numpy.elementary import imag, real
from fungrad.numpy.promotion import promote_to_float
from fungrad.numpy.reductions import max as maximum_along
from fungrad.numpy.reductions import sum as sum_along
from fungrad.numpy.shapes import squeeze
from fungrad.numpy.special_operands import where as where_


def logsumexp(a, axis=None, b=None, keepdims=False, return_sign=False, where=None):
    """log(sum(b * exp(a))) without overflow, along one or several axes.

    Args:
        a: an array, real or complex.
        axis: an axis, several, or None for all.
        b: factors of the exponentials, of any sign; they broadcast with `a`.
        keepdims: whether reduced axes stay, with size 1.
        return_sign: whether to return (log(|sum|), sign); for complex sums the sign is the phase.
            Without it, the logarithm of a negative real sum is nan.
        where: truth values; elements where it is false do not count.

    Where every term is zero the result is -inf, and its derivative 0.

    >>> logsumexp(np.array([1000.0, 1000.0]))
    np.float64(1000.6931471805599)
    """
    (a,) = promote_to_float(operand(a))
    if b is not None:
        a, b = promote_to_float(a, operand(b))
        a = where_(b != 0, a, -np.inf)
    if where is not None:
        a = where_(where, a, -np.inf)
    largest = _finite_maximum(a, axis)
    terms = ufuncs.exp(a - largest)
    total = sum_along(terms if b is None else b * terms, axis=axis, keepdims=True)
    sign, size = _sign_and_size(total)
    is_zero = size == 0
    safe = where_(is_zero, 1.0, size)
    value = where_(is_zero, -np.inf, ufuncs.log(safe)) + largest
    if not keepdims:
        value, sign = squeeze(value, axis), squeeze(sign, axis)
    if return_sign:
        return value, sign
    if a.dtype.kind == "c":
        return value + 1j * ufuncs.arctan2(imag(sign), real(sign))
    return where_(sign < 0, np.nan, value)


def _finite_maximum(a, axis):
    """The largest (real) part along axes that stay, 0 where it is not finite, as a constant."""
    size = stop_gradient(real(a))
    largest = maximum_along(size, axis=axis, keepdims=True, initial=-np.inf)
    return where_(ufuncs.isfinite(largest), largest, 0.0)


def _sign_and_size(total):
    if total.dtype.kind != "c":
        return ufuncs.sign(total), ufuncs.absolute(total)
    size = ufuncs.absolute(total)
    return total / where_(size == 0, 1.0, size), size


def softmax(x, axis=None):
    """exp(x) over the sum of its values along axes (by default all), without overflow.

    >>> softmax(np.array([1000.0, 1000.0]))
    array([0.5, 0.5])
    """
    (x,) = promote_to_float(operand(x))
    terms = ufuncs.exp(x - _finite_maximum(x, axis))
    return terms / sum_along(terms, axis=axis, keepdims=True)


def log_softmax(x, axis=None):
    """log(softmax(x, axis)), finite where the softmax underflows.

    >>> log_softmax(np.array([0.0, -1000.0]))
    array([    0., -1000.])
    """
    (x,) = promote_to_float(operand(x))
    shifted = x - _finite_maximum(x, axis)
    return shifted - ufuncs.log(sum_along(ufuncs.exp(shifted), axis=axis, keepdims=True))
