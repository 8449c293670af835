"""The sine and cosine integrals and Fresnel's: rows of the table of elementwise primitives.

In eager code they are SciPy's, in compiled code the formulas of `oscillating_integrals`.
"""

import math

from fungrad.primitives.elementwise import absolute, cos, less, select, sin, strong_multiply
from fungrad.primitives.special import row


def _of_pair(name, which):
    """One of the two results of a function of SciPy."""

    def evaluate(x):
        from scipy import special

        return getattr(special, name)(x)[which]

    return evaluate


def _sine_ratio(x):
    """sin(x) / x; near 0 its series, so that derivatives are right there."""
    is_near = less(absolute(x), x.dtype.type(0.5))
    near, far = select(is_near, x, x.dtype.type(0)), select(is_near, x.dtype.type(1), x)
    square, series = near * near, x.dtype.type(1)
    for k in range(9, 0, -1):
        series = 1 - square / (2 * k * (2 * k + 1)) * series
    return select(is_near, series, sin(far) / far)


def _phase(x):
    return x * x * (0.5 * math.pi)


sine_integral = row(
    "sine_integral",
    _of_pair("sici", 0),
    lambda t, x, y: strong_multiply(t, _sine_ratio(x)),
)
cosine_integral = row(
    "cosine_integral",
    _of_pair("sici", 1),
    lambda t, x, y: strong_multiply(t, cos(x) / x),
)
fresnel_sine = row(
    "fresnel_sine",
    _of_pair("fresnel", 0),
    lambda t, x, y: strong_multiply(t, sin(_phase(x))),
)
fresnel_cosine = row(
    "fresnel_cosine",
    _of_pair("fresnel", 1),
    lambda t, x, y: strong_multiply(t, cos(_phase(x))),
)
