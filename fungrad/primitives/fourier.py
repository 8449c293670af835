"""Discrete Fourier transforms along one axis, without scaling. All are linear.

Fourier           y[k] = sum of x[j] e**(-2 pi i j k / n), the other sign when `inverse`
RealFourier       the first n // 2 + 1 of them for real x
HermitianFourier  the real inverse transform, of size n, of such a half
"""

import numpy as np

from fungrad.core.errors import DtypeError, ShapeError
from fungrad.core.primitive import Routine
from fungrad.core.types import ArrayType
from fungrad.primitives.elementwise import conjugate, equal, logical_or, select
from fungrad.primitives.movement import Iota


def _checked(name, x, axis, kind):
    if x.dtype.kind != kind or x.dtype.itemsize not in (4, 8, 16):
        raise DtypeError(f"{name} is not defined for dtype {x.dtype}")
    if not 0 <= axis < x.ndim:
        raise ShapeError(f"{name}: axis {axis} does not fit shape {x.shape}")
    if x.shape[axis] < 1:
        raise ShapeError(f"{name}: Invalid number of FFT data points (0) specified.")


def _resized(x, axis, n, dtype):
    return ArrayType((*x.shape[:axis], n, *x.shape[axis + 1 :]), np.dtype(dtype))


def _inner_doubled(x, axis, n, weights):
    """x times the first weight at the ends of a half spectrum of size n, else the second."""
    place = Iota(tuple(x.shape), np.dtype(np.int64), axis)()
    is_end = logical_or(equal(place, np.int64(0)), equal(place * np.int64(2), np.int64(n)))
    at_ends, inside = map(x.dtype.type, weights)
    return x * select(is_end, at_ends, inside)


class _Linear:
    """What the transforms share: derivative, batching and code; `axis` is a field."""

    def jvp(self, inputs, tangents):
        return self(*inputs), self(*tangents)

    def batch(self, inputs, batched, axis):
        return self.replace(axis=self.axis + 1)(*inputs), True

    def emit(self, build, inputs, outputs):
        build.fourier(self, inputs, outputs)


class Fourier(_Linear, Routine):
    """The complex transform along an axis."""

    axis: int
    inverse: bool

    def infer(self, x):
        _checked(self.name, x, self.axis, "c")
        return x

    def evaluate(self, x):
        if self.inverse:
            return np.fft.ifft(x, axis=self.axis, norm="forward")
        return np.fft.fft(x, axis=self.axis)

    def transpose(self, cotangents, inputs, linear):
        return (self(*cotangents),)


class RealFourier(_Linear, Routine):
    """The first half of the transform of real values along an axis."""

    axis: int

    @property
    def name(self):
        return "real_fourier"

    def infer(self, x):
        _checked(self.name, x, self.axis, "f")
        n = x.shape[self.axis]
        return _resized(x, self.axis, n // 2 + 1, f"c{2 * x.dtype.itemsize}")

    def evaluate(self, x):
        return np.fft.rfft(x, axis=self.axis)

    def transpose(self, cotangents, inputs, linear):
        """The real part of the transform of the cotangent, which is zero in the other half."""
        (c,), (x,) = cotangents, inputs
        n = x.shape[self.axis]
        halves = _inner_doubled(conjugate(c), self.axis, n, (1, 0.5))
        return (HermitianFourier(self.axis, n)(halves),)


class HermitianFourier(_Linear, Routine):
    """The real inverse transform of size n of the first half of a Hermitian spectrum."""

    axis: int
    n: int

    @property
    def name(self):
        return "hermitian_fourier"

    def infer(self, x):
        _checked(self.name, x, self.axis, "c")
        if self.n < 1 or x.shape[self.axis] != self.n // 2 + 1:
            raise ShapeError(
                f"{self.name}: axis {self.axis} of shape {x.shape} is no half spectrum of {self.n}"
            )
        return _resized(x, self.axis, self.n, f"f{x.dtype.itemsize // 2}")

    def evaluate(self, x):
        return np.fft.irfft(x, self.n, axis=self.axis, norm="forward")

    def transpose(self, cotangents, inputs, linear):
        spectrum = conjugate(RealFourier(self.axis)(*cotangents))
        return (_inner_doubled(spectrum, self.axis, self.n, (1, 2)),)
