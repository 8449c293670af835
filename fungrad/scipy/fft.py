"""`jax.scipy.fft`'s names: discrete cosine transforms of the types I to IV, on Fourier transforms.

J. Makhoul, "A fast cosine transform in one and two dimensions", IEEE Transactions on Acoustics,
Speech and Signal Processing 28, 1980.
"""

import math

import numpy as np

from fungrad import numpy as fnp
from fungrad.core.errors import ShapeError
from fungrad.lazy import no_other_names
from fungrad.numpy import fft
from fungrad.numpy.arrays import operand
from fungrad.numpy.dispatch import normalize_axes, normalize_axis

_INVERSES = {1: 1, 2: 3, 3: 2, 4: 4}
_OPPOSITE = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}


def dct(x, type=2, n=None, axis=-1, norm=None):
    """The discrete cosine transform along an axis, unscaled; type II is `scipy.fft.dct`'s own.

    Args:
        x: an array, real or complex.
        type: 1, 2, 3 or 4.
        n: the size: the axis is cut or padded with zeros at its end.
        norm: None or "backward": no scaling; "forward": divided by the factor between the
            transform and its inverse; "ortho": orthogonal.

    >>> dct(np.array([1.0, 2.0, 3.0])).round(6) + 0.0
    array([12.      , -3.464102,  0.      ])
    """
    return _along(_of_size("dct", operand(x), n, axis), type, axis, norm)


def idct(x, type=2, n=None, axis=-1, norm=None):
    """The inverse of `dct`; arguments as there.

    >>> idct(dct(np.array([1.0, 2.0, 3.0])))
    array([1., 2., 3.])
    """
    if norm not in _OPPOSITE:
        raise _unknown_norm(norm)
    x = _of_size("idct", operand(x), n, axis)
    return _along(x, _INVERSES.get(type, type), axis, _OPPOSITE[norm])


def dctn(x, type=2, s=None, axes=None, norm=None):
    """The cosine transform along several axes (all by default), of sizes `s`.

    >>> dctn(np.ones((2, 2)))
    array([[16.,  0.],
           [ 0.,  0.]])
    """
    return _over_axes(dct, x, type, s, axes, norm)


def idctn(x, type=2, s=None, axes=None, norm=None):
    """The inverse of `dctn`.

    >>> idctn(dctn(np.ones((2, 2))))
    array([[1., 1.],
           [1., 1.]])
    """
    return _over_axes(idct, x, type, s, axes, norm)


def _over_axes(transform, x, type, s, axes, norm):
    x = operand(x)
    if axes is None:
        axes = range(x.ndim) if s is None else range(x.ndim - len(s), x.ndim)
    axes = normalize_axes(tuple(axes), x.ndim)
    sizes = [None] * len(axes) if s is None else s
    if len(sizes) != len(axes):
        raise ValueError(f"{len(sizes)} sizes s for {len(axes)} axes; give one for each")
    for axis, n in zip(axes, sizes, strict=True):
        x = transform(x, type, n, axis, norm)
    return x


def _of_size(name, x, n, axis):
    axis = normalize_axis(axis, x.ndim)
    size = x.shape[axis]
    n = size if n is None else n
    if n < 1:
        raise ShapeError(f"{name} needs at least one sample, got {n}")
    if n <= size:
        return x[(slice(None),) * axis + (slice(n),)]
    return fnp.pad(x, [(0, n - size) if k == axis else (0, 0) for k in range(x.ndim)])


def _unknown_norm(norm):
    return ValueError(f"norm must be None, 'backward', 'ortho' or 'forward', got {norm!r}")


def _along(x, type, axis, norm):
    if type not in _LINES:
        raise ValueError(f"the type of a cosine transform is 1, 2, 3 or 4, got {type!r}")
    if norm not in _OPPOSITE:
        raise _unknown_norm(norm)
    x = x.astype(fnp.result_type(x, np.float32) if x.dtype.kind not in "iub" else np.float64)
    rows = fnp.moveaxis(x, axis, -1)
    n = rows.shape[-1]
    if type == 1 and n < 2:
        raise ShapeError("a cosine transform of type 1 needs at least two samples, got 1")
    period = 2 * (n - 1) if type == 1 else 2 * n
    ends = np.ones(n, x.real.dtype)
    if norm == "ortho":
        ends[[0, -1] if type == 1 else [0]] = math.sqrt(2)
        if type in (1, 3):
            rows = rows * ends
    if rows.dtype.kind == "c":
        result = _LINES[type](rows.real, n) + 1j * _LINES[type](rows.imag, n)
    else:
        result = _LINES[type](rows, n)
    if norm == "ortho":
        result = result * (1 / math.sqrt(period))
        if type in (1, 2):
            result = result / ends
    elif norm == "forward":
        result = result * (1 / period)
    return fnp.moveaxis(result, -1, axis)


def _turn(like, angles):
    """exp(-i angle) in the precision of an array."""
    return np.exp(-1j * angles).astype(fnp.result_type(like, np.complex64))


def _first(x, n):
    return fft.rfft(fnp.concatenate([x, x[..., -2:0:-1]], -1)).real


def _second(x, n):
    folded = fnp.concatenate([x[..., ::2], x[..., 1::2][..., ::-1]], -1)
    return 2 * (fft.fft(folded) * _turn(x, np.pi * np.arange(n) / (2 * n))).real


def _third(x, n):
    turned = x * np.conj(_turn(x, np.pi * np.arange(n) / (2 * n)))
    first = x[..., :1] * np.ones(n, x.dtype)
    folded = 2 * n * fft.ifft(turned).real - first
    order = np.zeros(n, int)
    order[::2], order[1::2] = np.arange((n + 1) // 2), np.arange(n - 1, (n + 1) // 2 - 1, -1)
    return folded[..., order]


def _fourth(x, n):
    turned = x * _turn(x, np.pi * np.arange(n) / (2 * n))
    half = fft.fft(turned, 2 * n)[..., :n]
    return 2 * (half * _turn(x, np.pi * (2 * np.arange(n) + 1) / (4 * n))).real


_LINES = {1: _first, 2: _second, 3: _third, 4: _fourth}

__all__ = ["dct", "dctn", "idct", "idctn"]

__getattr__ = no_other_names(__name__)
