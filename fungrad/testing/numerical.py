"""Derivatives by differences, directions, pairings: what rules are compared with."""

import numpy as np

from fungrad.core.types import ArrayType

_WIDER = {np.dtype(np.float32): np.dtype(np.float64), np.dtype(np.complex64): np.dtype(complex)}


def is_differentiable(value):
    """Whether a NumPy value is real or complex."""
    return value.dtype.kind in "fc"


def widened(value):
    """A float32 or complex64 value in double precision, any other as it is."""
    return value.astype(_WIDER.get(value.dtype, value.dtype))


def widened_type(kind):
    """The type of a widened value."""
    return kind.with_dtype(_WIDER.get(kind.dtype, kind.dtype))


def direction(generator, kind):
    """A random array of a type, with magnitudes between 0.5 and 1.5: no element is small."""

    def part():
        sign = generator.choice([-1.0, 1.0], kind.shape)
        return sign * generator.uniform(0.5, 1.5, kind.shape)

    value = part() + 1j * part() if kind.dtype.kind == "c" else part()
    return np.asarray(value).astype(kind.dtype)[()]


def directions_like(generator, values):
    """A random direction per value."""
    return [direction(generator, ArrayType(np.shape(x), x.dtype)) for x in values]


def step_size(unit):
    """The step of `differences` that balances rounding of relative size `unit` and truncation."""
    return 0.3 * unit**0.2


def difference_tolerance(unit):
    """What `differences` may be wrong by, relative to the derivative."""
    return 3000 * unit**0.8


def differences(function, values, tangents, step):
    """The derivative of `function(values) -> values` along tangents (None: stays), of fourth order.

    (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h, exact for polynomials of degree 4; outputs that
    are not real or complex get None.
    """

    def at(distance):
        moved = [
            x if t is None else (x + np.asarray(distance * t).astype(x.dtype))[()]
            for x, t in zip(values, tangents, strict=True)
        ]
        return function(moved)

    samples = [at(k * step) for k in (1, -1, 2, -2)]
    result = []
    for near, back, far, far_back in zip(*samples, strict=True):
        if not is_differentiable(near):
            result.append(None)
            continue
        near, back, far, far_back = (widened(v) for v in (near, back, far, far_back))
        result.append((8 * (near - back) - (far - far_back)) / (12 * step))
    return result


def pairing(cotangents, tangents):
    """Re sum(ct * t) over all arrays, and the sum of |ct * t|, which scales its rounding."""
    total, scale = 0.0, 0.0
    for c, t in zip(cotangents, tangents, strict=True):
        if c is None or t is None:
            continue
        product = widened(c) * widened(t)
        total += float(np.sum(np.real(product)))
        scale += float(np.sum(np.abs(product)))
    return total, scale
