"""Sizes of complex numbers whose parts would overflow on the way: of exponentials and of |z|."""

import numpy as np

#: Real parts from which on exponentials are squares of those of the half, by item size and word.
_LIMITS = {8: {"exp2": 1000.0}, 4: {"exp2": 120.0}}
_OF_E = {8: 700.0, 4: 80.0}


def grown(build, word, x):
    """A function that grows like an exponential, as two factors of which neither overflows before
    its product with the smallest sine does.
    """
    size = x.dtype.itemsize
    is_far = x if word.startswith("exp") else abs(x)
    is_far = is_far > _LIMITS[size].get(word, _OF_E[size])
    value = build(word, build.select(is_far, 0.5 * x, x))
    other = value if word.startswith("exp") else 2.0 * abs(value)
    return value, build.select(is_far, other, 1.0)


def times_of_grown(build, factors, y):
    """The product of the factors that `grown` finds with a sine or cosine, of which 0 gives 0."""
    value, other = factors
    sign = build("copysign", build.constant(1, y.dtype), value)
    zero = y * build.select(build("isnan", value), 1.0, sign)
    return build.select(build.equal(y, 0), zero, value * y * other)


def log_of_size(build, real, imag):
    """log(|z|), accurate where |z| is near 1, and where it overflows."""
    a, b = abs(real), abs(imag)
    is_wide = a > b
    large, small = build.select(is_wide, a, b), build.select(is_wide, b, a)
    near = 0.5 * build("log1p", (large - 1.0) * (large + 1.0) + small * small)
    is_near = (large > 0.5) & (large < 2.0)
    is_large = large > 0.25 * float(np.finfo(real.dtype).max)
    one = build.constant(1, real.dtype)
    scale = build.select(is_large, 0.25 * one, one)
    far = build("log", build("hypot", real * scale, imag * scale))
    far = far + build.select(is_large, one * float(np.log(4)), one * 0.0)
    return build.select(is_near, near, far)
