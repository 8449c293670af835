"""Convolutions and correlations of arrays of any rank, as sums of products or by Fourier transforms.

Derivatives are convolutions too, by the rules of what these functions are made of.
"""

import math

import numpy as np

from fungrad import lax
from fungrad import numpy as fnp
from fungrad.core.errors import ShapeError
from fungrad.numpy import fft
from fungrad.numpy.arrays import operand

_PADDINGS = {"fill": "constant", "wrap": "wrap", "symm": "symmetric"}


def convolve(in1, in2, mode="full", method="auto", precision=None):
    """The convolution of two arrays of the same rank.

    Args:
        in1, in2: arrays; of rank 0, their product.
        mode: "full": every sum with at least one term; "same": the middle of it, in the shape of
            `in1`; "valid": the sums with all terms, where one array is at least as large along
            each axis.
        method: "direct": sums of products; "fft": by Fourier transforms, with errors relative to
            the largest result; "auto": the one with fewer operations, for integers direct.

    Raises ShapeError for different ranks, and in mode "valid" if neither array contains the other.

    >>> convolve(np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, 0.5]))
    array([0. , 1. , 2.5, 4. , 1.5])
    """
    a, v = _operands("convolve", in1, in2, mode)
    if method not in ("auto", "direct", "fft"):
        raise ValueError(f"convolve: method must be 'auto', 'direct' or 'fft', got {method!r}")
    return _convolved(a, v, mode, method)


def fftconvolve(in1, in2, mode="full", axes=None):
    """The convolution of two arrays by Fourier transforms, along `axes` (all by default).

    Along the other axes the arrays are broadcast. Errors are relative to the largest result.

    >>> fftconvolve(np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, 0.5])).round(6) + 0.0
    array([0. , 1. , 2.5, 4. , 1.5])
    """
    a, v = _operands("fftconvolve", in1, in2, mode, axes)
    return _transformed(a, v, mode, _axes("fftconvolve", axes, a.ndim))


def correlate(in1, in2, mode="full", method="auto", precision=None):
    """The correlation of two arrays: the convolution of `in1` with the conjugate of `in2` reversed.

    Arguments and errors as those of `convolve`.

    >>> correlate(np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, 0.5]))
    array([0.5, 2. , 3.5, 3. , 0. ])
    """
    a, v = _operands("correlate", in1, in2, mode)
    return _convolved(a, fnp.conjugate(fnp.flip(v)), mode, method)


def convolve2d(in1, in2, mode="full", boundary="fill", fillvalue=0, precision=None):
    """The convolution of two matrices.

    Args:
        in1, in2: arrays of rank 2.
        mode: as of `convolve`.
        boundary: what `in1` is continued with: "fill": `fillvalue`; "wrap": itself, as on a torus;
            "symm": its mirror image.

    >>> convolve2d(np.eye(2), np.ones((2, 2)), mode="same", boundary="wrap")
    array([[2., 2.],
           [2., 2.]])
    """
    a, v = _operands("convolve2d", in1, in2, mode, rank=2)
    return _bounded("convolve2d", a, v, mode, boundary, fillvalue)


def correlate2d(in1, in2, mode="full", boundary="fill", fillvalue=0, precision=None):
    """The correlation of two matrices; arguments as those of `convolve2d`.

    >>> correlate2d(np.eye(3), np.array([[1.0, 2.0], [3.0, 4.0]]), mode="valid")
    array([[5., 3.],
           [2., 5.]])
    """
    a, v = _operands("correlate2d", in1, in2, mode, rank=2)
    v = fnp.conjugate(fnp.flip(v))
    return _bounded("correlate2d", a, v, mode, boundary, fillvalue, is_correlation=True)


def _operands(name, in1, in2, mode, axes=None, rank=None):
    a, v = operand(in1), operand(in2)
    if a.ndim != v.ndim or rank not in (None, a.ndim):
        what = f"arrays of rank {rank}" if rank else "arrays of the same rank"
        raise ShapeError(f"{name} needs {what}, got the shapes {a.shape} and {v.shape}")
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"{name}: mode must be 'full', 'same' or 'valid', got {mode!r}")
    if mode == "valid":
        along = _axes(name, axes, a.ndim)
        sizes = [tuple([x.shape[k] for k in along]) for x in (a, v)]
        if not (_contains(*sizes) or _contains(*sizes[::-1])):
            raise ShapeError(
                f"{name}: in mode 'valid' one array must be at least as large as the other along "
                f"every axis, got the shapes {a.shape} and {v.shape}"
            )
    return a, v


def _axes(name, axes, rank):
    if axes is None:
        return tuple(range(rank))
    axes = (axes,) if isinstance(axes, int) else tuple(axes)
    if any(not -rank <= k < rank for k in axes) or len({k % rank for k in axes}) != len(axes):
        raise ShapeError(f"{name}: axes {axes} do not fit arrays of rank {rank}")
    return tuple([k % rank for k in axes])


def _contains(large, small):
    return all(n >= m for n, m in zip(large, small, strict=True))


def _convolved(a, v, mode, method):
    if not a.ndim:
        return a * v
    if not (a.size and v.size):
        return fnp.zeros(0, fnp.result_type(a, v))
    if method == "auto":
        method = "direct" if _is_cheaper_direct(a, v) else "fft"
    if method == "fft" or a.ndim > 3:
        result = _transformed(a, v, mode, tuple(range(a.ndim)))
        exact = fnp.result_type(a, v)
        return fnp.rint(result).astype(exact) if exact.kind in "iu" else result
    return _direct(a, v, mode)


def _is_cheaper_direct(a, v):
    """Whether sums of products take fewer operations than three Fourier transforms."""
    if fnp.result_type(a, v).kind not in "fc":
        return True
    full = math.prod(n + m - 1 for n, m in zip(a.shape, v.shape, strict=True))
    return a.size * v.size <= 8 * full * math.log2(full + 1)


def _direct(a, v, mode):
    dtype = fnp.result_type(a, v)
    a, v = a.astype(dtype), v.astype(dtype)
    if mode == "valid" and not _contains(a.shape, v.shape):
        a, v = v, a
    pads = [
        {"valid": (0, 0), "full": (m - 1, m - 1), "same": (m - 1 - (m - 1) // 2, (m - 1) // 2)}[
            mode
        ]
        for m in v.shape
    ]
    ones = (1,) * a.ndim
    result = lax.conv_general_dilated(a[None, None], fnp.flip(v)[None, None], ones, pads)
    return result[0, 0]


def _transformed(a, v, mode, axes):
    sizes = [a.shape[k] + v.shape[k] - 1 for k in axes]
    if not (a.size and v.size):
        return fnp.zeros(0, fnp.result_type(a, v, np.float32))
    fast = [_fast_size(n) for n in sizes]
    if fnp.result_type(a, v).kind == "c":
        full = fft.ifftn(fft.fftn(a, fast, axes) * fft.fftn(v, fast, axes), fast, axes)
    else:
        full = fft.irfftn(fft.rfftn(a, fast, axes) * fft.rfftn(v, fast, axes), fast, axes)
    part = [slice(None)] * full.ndim
    for k, n in zip(axes, sizes, strict=True):
        wanted = {
            "full": n,
            "same": a.shape[k],
            "valid": abs(a.shape[k] - v.shape[k]) + 1,
        }[mode]
        start = (n - wanted) // 2
        part[k] = slice(start, start + wanted)
    return full[tuple(part)]


def _fast_size(n):
    """The least size of at least n that is a product of small primes."""
    from scipy.fft import next_fast_len

    return next_fast_len(n, True)


def _bounded(name, a, v, mode, boundary, fillvalue, is_correlation=False):
    if boundary not in _PADDINGS:
        raise ValueError(f"{name}: boundary must be 'fill', 'wrap' or 'symm', got {boundary!r}")
    if mode == "valid":
        return _direct(a, v, mode)
    options = {"constant_values": fillvalue} if boundary == "fill" else {}
    wide = fnp.pad(a, [(m - 1, m - 1) for m in v.shape], _PADDINGS[boundary], **options)
    full = _direct(wide, v, "valid")
    if mode == "full":
        return full
    start = [m // 2 if is_correlation else (m - 1) // 2 for m in v.shape]
    return full[tuple([slice(s, s + n) for s, n in zip(start, a.shape, strict=True)])]


__all__ = ["convolve", "convolve2d", "correlate", "correlate2d", "fftconvolve"]
