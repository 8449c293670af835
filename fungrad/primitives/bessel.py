"""Bessel functions: rows of the table of elementwise primitives.

The derivative of an order is half the sum or difference of its neighbours. No function has a
derivative in its order.
"""

from fungrad.primitives.elementwise import sign
from fungrad.primitives.special import library, not_differentiable


def of_order(word, slope):
    """A row of a function of order and argument; `slope(v, x, y)` is the derivative in x."""
    return library(
        word,
        not_differentiable(word, "first"),
        lambda t, v, x, y: t * slope(v, x, y),
    )


def _two(x):
    return x.dtype.type(2)


jv = of_order("bessel_jv", lambda v, x, y: (jv(v - 1, x) - jv(v + 1, x)) * 0.5)
yv = of_order("bessel_yv", lambda v, x, y: (yv(v - 1, x) - yv(v + 1, x)) * 0.5)
iv = of_order("bessel_iv", lambda v, x, y: (iv(v - 1, x) + iv(v + 1, x)) * 0.5)
kv = of_order("bessel_kv", lambda v, x, y: (kv(v - 1, x) + kv(v + 1, x)) * -0.5)
ive = of_order("bessel_ive", lambda v, x, y: (ive(v - 1, x) + ive(v + 1, x)) * 0.5 - sign(x) * y)
kve = of_order("bessel_kve", lambda v, x, y: y - (kve(v - 1, x) + kve(v + 1, x)) * 0.5)
j0 = library("bessel_j0", lambda t, x, y: t * -j1(x))
j1 = library("bessel_j1", lambda t, x, y: t * ((j0(x) - jv(_two(x), x)) * 0.5))
y0 = library("bessel_y0", lambda t, x, y: t * -y1(x))
y1 = library("bessel_y1", lambda t, x, y: t * ((y0(x) - yv(_two(x), x)) * 0.5))
i0 = library("bessel_i0", lambda t, x, y: t * i1(x))
i1 = library("bessel_i1", lambda t, x, y: t * ((i0(x) + iv(_two(x), x)) * 0.5))
k0 = library("bessel_k0", lambda t, x, y: t * -k1(x))
k1 = library("bessel_k1", lambda t, x, y: t * ((k0(x) + kv(_two(x), x)) * -0.5))
i0e = library("bessel_i0e", lambda t, x, y: t * (i1e(x) - sign(x) * y))
i1e = library("bessel_i1e", lambda t, x, y: t * ((i0e(x) + ive(_two(x), x)) * 0.5 - sign(x) * y))
k0e = library("bessel_k0e", lambda t, x, y: t * (y - k1e(x)))
k1e = library("bessel_k1e", lambda t, x, y: t * (y - (k0e(x) + kve(_two(x), x)) * 0.5))
