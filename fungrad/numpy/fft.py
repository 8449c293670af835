"""`numpy.fft`: discrete Fourier transforms, differentiable in both modes.

On plain values the functions are NumPy's own. All transforms are linear, so their derivatives are
transforms themselves.
"""

import math
import operator

import numpy as np

from fungrad.lazy import no_other_names
from fungrad.numpy.arrays import operand
from fungrad.numpy.dispatch import normalize_axes, normalize_axis, refuse_out, traced
from fungrad.numpy.joining import roll
from fungrad.numpy.padding import pad
from fungrad.numpy.promotion import convert
from fungrad.numpy.ufuncs import conjugate
from fungrad.primitives.fourier import Fourier, HermitianFourier, RealFourier
from fungrad.primitives.movement import Slice

_OPPOSITE = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}


def _complex(a):
    a = operand(a)
    return convert(a, np.result_type(a.dtype, np.complex64))


def _real(name, a):
    a = operand(a)
    if a.dtype.kind == "c":
        raise TypeError(f"{name} of complex values: take their real part, or use fft")
    return convert(a, np.result_type(a.dtype, np.complex64).type(0).real.dtype)


def _axis(a, axis):
    if not a.ndim:
        raise IndexError("a transform needs at least one axis; got a scalar")
    return normalize_axis(axis, a.ndim)


def _of_size(a, n, axis):
    """The array cut or padded with zeros to size n along an axis."""
    size = a.shape[axis]
    n = size if n is None else operator.index(n)
    if n < 1:
        raise ValueError(f"Invalid number of FFT data points ({n}) specified.")
    if n > size:
        return pad(a, [(0, n - size) if k == axis else (0, 0) for k in range(a.ndim)])
    if n < size:
        limits = tuple([n if k == axis else m for k, m in enumerate(a.shape)])
        return Slice((0,) * a.ndim, limits, (1,) * a.ndim)(a)
    return a


def _scaled(y, n, norm, is_forward):
    """The transform with the scaling that `norm` asks for."""
    if norm not in _OPPOSITE:
        raise ValueError(f'Invalid norm value {norm}; should be "backward", "ortho" or "forward".')
    if norm == "ortho":
        return y * (1 / math.sqrt(n))
    return y * (1 / n) if (norm == "forward") == is_forward else y


def _along(a, n, axis, norm, inverse):
    a = _complex(a)
    axis = _axis(a, axis)
    a = _of_size(a, n, axis)
    return _scaled(Fourier(axis, inverse)(a), a.shape[axis], norm, not inverse)


@traced(np.fft.fft)
def fft(a, n=None, axis=-1, norm=None, out=None):
    refuse_out("fft", out)
    return _along(a, n, axis, norm, False)


@traced(np.fft.ifft)
def ifft(a, n=None, axis=-1, norm=None, out=None):
    refuse_out("ifft", out)
    return _along(a, n, axis, norm, True)


@traced(np.fft.rfft)
def rfft(a, n=None, axis=-1, norm=None, out=None):
    refuse_out("rfft", out)
    a = _real("rfft", a)
    axis = _axis(a, axis)
    a = _of_size(a, n, axis)
    return _scaled(RealFourier(axis)(a), a.shape[axis], norm, True)


@traced(np.fft.irfft)
def irfft(a, n=None, axis=-1, norm=None, out=None):
    refuse_out("irfft", out)
    a = _complex(a)
    axis = _axis(a, axis)
    n = 2 * (a.shape[axis] - 1) if n is None else operator.index(n)
    if n < 1:
        raise ValueError(f"Invalid number of FFT data points ({n}) specified.")
    half = _of_size(a, n // 2 + 1, axis)
    return _scaled(HermitianFourier(axis, n)(half), n, norm, False)


@traced(np.fft.hfft)
def hfft(a, n=None, axis=-1, norm=None, out=None):
    refuse_out("hfft", out)
    return irfft(conjugate(_complex(a)), n, axis, _OPPOSITE.get(norm, norm))


@traced(np.fft.ihfft)
def ihfft(a, n=None, axis=-1, norm=None, out=None):
    refuse_out("ihfft", out)
    return conjugate(rfft(a, n, axis, _OPPOSITE.get(norm, norm)))


def _sizes_and_axes(a, s, axes):
    """Pairs of a size (or None) and an axis, as NumPy understands `s` and `axes`."""
    if axes is None:
        axes = range(a.ndim) if s is None else range(a.ndim - len(s), a.ndim)
    axes = [_axis(a, axis) for axis in axes]
    sizes = [a.shape[axis] for axis in axes] if s is None else list(s)
    if len(sizes) != len(axes):
        raise ValueError("Shape and axes have different lengths.")
    sizes = [a.shape[axis] if n == -1 else n for n, axis in zip(sizes, axes, strict=True)]
    return list(zip(sizes, axes, strict=True))


def _over(transform, a, pairs, norm):
    for n, axis in reversed(pairs):
        a = transform(a, n, axis, norm)
    return a


@traced(np.fft.fftn)
def fftn(a, s=None, axes=None, norm=None, out=None):
    refuse_out("fftn", out)
    a = _complex(a)
    return _over(fft, a, _sizes_and_axes(a, s, axes), norm)


@traced(np.fft.ifftn)
def ifftn(a, s=None, axes=None, norm=None, out=None):
    refuse_out("ifftn", out)
    a = _complex(a)
    return _over(ifft, a, _sizes_and_axes(a, s, axes), norm)


@traced(np.fft.rfftn)
def rfftn(a, s=None, axes=None, norm=None, out=None):
    refuse_out("rfftn", out)
    a = _real("rfftn", a)
    *others, (n, axis) = _sizes_and_axes(a, s, axes)
    return _over(fft, rfft(a, n, axis, norm), others, norm)


@traced(np.fft.irfftn)
def irfftn(a, s=None, axes=None, norm=None, out=None):
    refuse_out("irfftn", out)
    a = _complex(a)
    *others, (n, axis) = _sizes_and_axes(a, s, axes)
    n = None if s is None else n
    for size, other in others:
        a = ifft(a, size, other, norm)
    return irfft(a, n, axis, norm)


@traced(np.fft.fft2)
def fft2(a, s=None, axes=(-2, -1), norm=None, out=None):
    return fftn(a, s, axes, norm, out)


@traced(np.fft.ifft2)
def ifft2(a, s=None, axes=(-2, -1), norm=None, out=None):
    return ifftn(a, s, axes, norm, out)


@traced(np.fft.rfft2)
def rfft2(a, s=None, axes=(-2, -1), norm=None, out=None):
    return rfftn(a, s, axes, norm, out)


@traced(np.fft.irfft2)
def irfft2(a, s=None, axes=(-2, -1), norm=None, out=None):
    return irfftn(a, s, axes, norm, out)


@traced(np.fft.fftshift)
def fftshift(x, axes=None):
    x = operand(x)
    axes = normalize_axes(axes, x.ndim)
    return roll(x, [x.shape[axis] // 2 for axis in axes], axes)


@traced(np.fft.ifftshift)
def ifftshift(x, axes=None):
    x = operand(x)
    axes = normalize_axes(axes, x.ndim)
    return roll(x, [-(x.shape[axis] // 2) for axis in axes], axes)


def _spaced(frequencies, d, dtype):
    """Frequencies of unit spacing at the spacing `d`."""
    spaced = frequencies / d
    return spaced if dtype is None else convert(spaced, np.dtype(dtype))


def fftfreq(n, d=1.0, device=None, *, dtype=None):
    """`numpy.fft.fftfreq`; the sample spacing `d` may be traced.

    >>> fftfreq(4)
    array([ 0.  ,  0.25, -0.5 , -0.25])
    """
    return _spaced(np.fft.fftfreq(n), d, dtype)


def rfftfreq(n, d=1.0, device=None, *, dtype=None):
    """`numpy.fft.rfftfreq`; the sample spacing `d` may be traced.

    >>> rfftfreq(4)
    array([0.  , 0.25, 0.5 ])
    """
    return _spaced(np.fft.rfftfreq(n), d, dtype)


__getattr__ = no_other_names(__name__)
