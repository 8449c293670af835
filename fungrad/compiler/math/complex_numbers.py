"""Words on complex numbers, from words on their real and imaginary parts: the table of all, and
exponentials, logarithms, powers and roots.

Branch cuts, signs of zero and results at infinities and nans are C's (Annex G of C99) as the C
library of GNU has them, which NumPy calls.
"""

import math

import numpy as np

from fungrad.compiler.math import complex_arithmetic, complex_trigonometric
from fungrad.compiler.math.complex_arithmetic import (
    from_parts,
    infinite_product,
    parts,
    power_by_bits,
    reciprocal,
)
from fungrad.compiler.math.complex_sizes import grown, log_of_size, times_of_grown


def _exponential(word, factor):
    """e**(factor z), by the word for real numbers."""

    def function(build, z):
        real, imag = parts(build, z)
        angle = imag if factor == 1 else imag * factor
        has_no_angle = build("isinf", real) & ~build("isfinite", angle)
        grows = grown(build, word, real)
        across = times_of_grown(
            build, grows, build("cos", build.select(has_no_angle, angle * 0.0, angle))
        )
        across = build.select(has_no_angle, grows[0], across)
        nan = build.constant(float("nan"), real.dtype)
        without = build.select(real < 0, build("copysign", grows[0], angle), nan)
        up = times_of_grown(build, grows, build("sin", angle))
        return from_parts(build, across, build.select(has_no_angle, without, up))

    return function


_exp = _exponential("exp", 1)


def _expm1(build, z):
    """expm1(x) cos(y) - 2 sin(y / 2)**2 + i exp(x) sin(y), as NumPy computes it."""
    real, imag = parts(build, z)
    half = build("sin", 0.5 * imag)
    value = build("rounded_multiply", build("expm1", real), build("cos", imag))
    value = value - build("rounded_multiply", half + half, half)
    return from_parts(build, value, build("exp", real) * build("sin", imag))


def _logistic(build, z):
    """1 / (1 + e**-z), from the exponential that does not overflow."""
    is_left = build("real", z) < 0
    one = build.constant(1, z.dtype)
    tail = _exp(build, build.select(is_left, z, -z))
    return (build.select(is_left, tail, one)) / (one + tail)


def _log(build, z):
    real, imag = parts(build, z)
    return from_parts(build, log_of_size(build, real, imag), build("arctan2", imag, real))


def _log_in_base(base):
    def logarithm(build, z):
        real, imag = parts(build, _log(build, z))
        return from_parts(build, real * (1 / math.log(base)), imag * (1 / math.log(base)))

    return logarithm


def _log1p(build, z):
    """log(|1 + z|) + i arg(1 + z), of the rounded sum as NumPy's."""
    real, imag = parts(build, z)
    real = 1.0 + real
    size = build("log", build("hypot", real, imag))
    return from_parts(build, size, build("arctan2", imag, real))


def _power(build, z, w):
    """exp(w log(z)), and NumPy's cases: whole exponents below 100 by products, powers of 0."""
    real, imag = parts(build, w)
    zero, one = build.constant(0, real.dtype), build.constant(1, real.dtype)
    nan = build.constant(float("nan"), real.dtype)
    is_whole = build.equal(build("rint", real), real) & (abs(real) < 100.0) & build.equal(imag, 0)
    by_bits = power_by_bits(build, z, build.select(is_whole, real, 0.0))
    value = _exp(build, infinite_product(build, w, _log(build, z)))
    is_zero = build.equal(build("real", z), 0) & build.equal(build("imag", z), 0)
    of_zero = build.select(real > 0, zero, nan)
    is_one = build.equal(real, 0) & build.equal(imag, 0)
    found = []
    for x, y, at_zero in zip(parts(build, value), parts(build, by_bits), (one, zero), strict=True):
        x = build.select(is_zero, of_zero, build.select(is_whole, y, x))
        found.append(build.select(is_one, at_zero, x))
    return from_parts(build, *found)


def _sqrt(build, z):
    """t + i y / (2 t) with t = sqrt((|x| + |z|) / 2), its parts exchanged on the left.

    Small and large numbers are scaled by an even power of two, so that halves of subnormals are
    exact and nothing overflows.
    """
    real, imag = parts(build, z)
    power, limits = (12 if real.dtype == np.float32 else 27), np.finfo(real.dtype)
    size = abs(real) + abs(imag)
    is_small, is_large = size < float(limits.tiny) * 4.0**power, size > 0.25 * float(limits.max)
    one = build.constant(1, real.dtype)
    up = build.select(is_small, 4.0**power, build.select(is_large, 0.25 * one, one))
    down = build.select(is_small, 2.0**-power, build.select(is_large, 2.0 * one, one))
    x, y = real * up, imag * up
    t = build("sqrt", 0.5 * abs(x) + 0.5 * build("hypot", x, y))
    t = build.select(build("isinf", imag), abs(imag), t)
    other = build.select(build.equal(t, 0), 0.0, abs(y) / (t + t))
    other = build.select(build("isinf", imag), abs(imag), other)
    is_left = real < 0
    value = build.select(is_left, other, t) * down
    return from_parts(build, value, build("copysign", build.select(is_left, t, other) * down, imag))


def _rsqrt(build, z):
    return reciprocal(build, _sqrt(build, z))


#: Expansions by word, for complex operands.
EXPANSIONS = {
    **complex_arithmetic.EXPANSIONS,
    **complex_trigonometric.EXPANSIONS,
    "exp": _exp,
    "exp2": _exponential("exp2", math.log(2)),
    "expm1": _expm1,
    "logistic": _logistic,
    "log": _log,
    "log2": _log_in_base(2),
    "log10": _log_in_base(10),
    "log1p": _log1p,
    "power": _power,
    "sqrt": _sqrt,
    "rsqrt": _rsqrt,
}
