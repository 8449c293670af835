"""Bessel functions: `scipy.special`'s names, and `numpy.i0`.

The derivatives in the order, to second order, have errors of 1e-12 and 1e-10, relative to the
larger of them and the function.
"""

import numpy as np

from fungrad.numpy.arrays import operand
from fungrad.numpy.dispatch import traced
from fungrad.numpy.joining import stack
from fungrad.numpy.promotion import as_quotient, convert
from fungrad.numpy.special_operands import apply
from fungrad.primitives import bessel as b


def _of_argument(primitive, what):
    def function(x):
        return apply(primitive, x)

    return _documented(function, primitive, what)


def _of_order(primitive, what):
    def function(v, z):
        return apply(primitive, v, z)

    return _documented(function, primitive, what)


def _documented(function, primitive, what):
    function.__name__ = function.__qualname__ = primitive.word.removeprefix("bessel_")
    function.__doc__ = what
    return function


j0 = _of_argument(b.j0, "The Bessel function of order 0 of the first kind.")
j1 = _of_argument(b.j1, "The Bessel function of order 1 of the first kind.")
jv = _of_order(b.jv, "The Bessel function of the first kind.")
y0 = _of_argument(b.y0, "The Bessel function of order 0 of the second kind.")
y1 = _of_argument(b.y1, "The Bessel function of order 1 of the second kind.")
yv = _of_order(b.yv, "The Bessel function of the second kind.")
i0 = _of_argument(b.i0, "The modified Bessel function of order 0 of the first kind.")
i0e = _of_argument(b.i0e, "exp(-|x|) i0(x).")
i1 = _of_argument(b.i1, "The modified Bessel function of order 1 of the first kind.")
i1e = _of_argument(b.i1e, "exp(-|x|) i1(x).")
iv = _of_order(b.iv, "The modified Bessel function of the first kind.")
ive = _of_order(b.ive, "exp(-|x|) iv(v, x).")
k0 = _of_argument(b.k0, "The modified Bessel function of order 0 of the second kind.")
k0e = _of_argument(b.k0e, "exp(x) k0(x).")
k1 = _of_argument(b.k1, "The modified Bessel function of order 1 of the second kind.")
k1e = _of_argument(b.k1e, "exp(x) k1(x).")
kv = _of_order(b.kv, "The modified Bessel function of the second kind.")
kve = _of_order(b.kve, "exp(x) kv(v, x).")
jn, yn, kn = jv, yv, kv
FORMS = {
    name: value
    for name, value in list(globals().items())
    if getattr(value, "__module__", None) == __name__ and not name.startswith("_")
}


def bessel_jn(z, *, v, n_iter=50):
    """The Bessel functions of the first kind of orders 0 to v, along a new first axis.

    `n_iter` is there for JAX's signature: the values are exact to rounding without it.
    """
    return stack([jv(float(order), z) for order in range(v.__index__() + 1)])


@traced(np.i0)
def numpy_i0(x):
    """`numpy.i0`: the modified Bessel function of order 0."""
    x = operand(x)
    if x.dtype.kind == "c":
        raise TypeError("i0 not supported for complex values")
    return b.i0(convert(x, as_quotient(x.dtype)))


@traced(np.kaiser)
def kaiser(M, beta):
    """`numpy.kaiser`: a window of M numbers, differentiable in `beta`."""
    if M <= 1:
        return np.ones(max(M, 0)) + 0 * operand(beta)
    half = (M - 1) / 2
    falling = np.sqrt(1 - ((np.arange(M) - half) / half) ** 2)
    return numpy_i0(beta * falling) / numpy_i0(operand(beta))
