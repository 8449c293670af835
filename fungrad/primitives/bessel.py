"""Bessel functions: rows of the table of elementwise primitives.

The derivative in the argument is half the sum or difference of the neighbouring orders. The
derivatives in the order are in `parameter_derivatives`.
"""

import math

from fungrad.primitives.elementwise import absolute, less, select, sign, sqrt
from fungrad.primitives.formulas import polynomial
from fungrad.primitives.special import library, not_differentiable, of_formula, row


def of_order(word, slope):
    """The rows of a function of order and argument, and of its two derivatives in the order.

    `slope(f, v, x, y)` is the derivative in x of the function f, whose value is y. It is linear in
    f, so it holds of derivatives in the order alike.
    """
    name = f"the second derivative of {word.removeprefix('bessel_')}"
    second = row(
        f"{word}_vv",
        of_formula(f"{word}_vv"),
        not_differentiable(name, "first"),
        lambda t, v, x, y: t * slope(second, v, x, y),
    )
    first = row(
        f"{word}_v",
        of_formula(f"{word}_v"),
        lambda t, v, x, y: t * second(v, x),
        lambda t, v, x, y: t * slope(first, v, x, y),
    )
    function = library(
        word,
        lambda t, v, x, y: t * first(v, x),
        lambda t, v, x, y: t * slope(function, v, x, y),
    )
    return function, first, second


def _between(f, v, x, y):
    return (f(v - 1, x) - f(v + 1, x)) * 0.5


def _around(f, v, x, y):
    return (f(v - 1, x) + f(v + 1, x)) * 0.5


def _two(x):
    return x.dtype.type(2)


_FAR = 50.0  # beyond, twelve terms of the asymptotic series are exact


def _scaled_slope(order, x, near):
    """The derivative of i0e or i1e: `near`, but far from 0, where that cancels, its series.

    That of x**(-1/2) (a0 + a1 / x + ...), of DLMF 10.40.1.
    """
    size = absolute(x)
    is_far = less(x.dtype.type(_FAR), size)
    far = select(is_far, size, x.dtype.type(_FAR))
    coefficient, terms = -1 / math.sqrt(2 * math.pi), []
    for k in range(13):
        terms.append((k + 0.5) * coefficient)
        coefficient *= ((2 * k + 1) ** 2 - 4 * order**2) / (8 * (k + 1))
    series = polynomial(1 / far, terms) / (far * sqrt(far))
    return select(is_far, series if order else sign(x) * series, near)


jv, jv_v, jv_vv = of_order("bessel_jv", _between)
yv, yv_v, yv_vv = of_order("bessel_yv", _between)
iv, iv_v, iv_vv = of_order("bessel_iv", _around)
kv, kv_v, kv_vv = of_order("bessel_kv", lambda *given: -_around(*given))
ive, ive_v, ive_vv = of_order("bessel_ive", lambda f, v, x, y: _around(f, v, x, y) - sign(x) * y)
kve, kve_v, kve_vv = of_order("bessel_kve", lambda f, v, x, y: y - _around(f, v, x, y))
j0 = library("bessel_j0", lambda t, x, y: t * -j1(x))
j1 = library("bessel_j1", lambda t, x, y: t * ((j0(x) - jv(_two(x), x)) * 0.5))
y0 = library("bessel_y0", lambda t, x, y: t * -y1(x))
y1 = library("bessel_y1", lambda t, x, y: t * ((y0(x) - yv(_two(x), x)) * 0.5))
i0 = library("bessel_i0", lambda t, x, y: t * i1(x))
i1 = library("bessel_i1", lambda t, x, y: t * ((i0(x) + iv(_two(x), x)) * 0.5))
k0 = library("bessel_k0", lambda t, x, y: t * -k1(x))
k1 = library("bessel_k1", lambda t, x, y: t * ((k0(x) + kv(_two(x), x)) * -0.5))
i0e = library("bessel_i0e", lambda t, x, y: t * _scaled_slope(0, x, i1e(x) - sign(x) * y))
i1e = library(
    "bessel_i1e",
    lambda t, x, y: t * _scaled_slope(1, x, (i0e(x) + ive(_two(x), x)) * 0.5 - sign(x) * y),
)
k0e = library("bessel_k0e", lambda t, x, y: t * (y - k1e(x)))
k1e = library("bessel_k1e", lambda t, x, y: t * (y - (k0e(x) + kve(_two(x), x)) * 0.5))
