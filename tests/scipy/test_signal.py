"""Convolutions, spectra, cosine transforms and interpolation: SciPy's values, and derivatives."""

import numpy as np
import pytest
import scipy.fft
import scipy.interpolate
import scipy.ndimage
import scipy.signal

from fungrad import jit, vmap
from fungrad.errors import ShapeError
from fungrad.scipy import fft, interpolate, ndimage, signal
from fungrad.testing import check_grads

RANDOM = np.random.default_rng(0)
SHAPES = [((5,), (3,)), ((3,), (4,)), ((40,), (90,)), ((5, 4), (3, 2)), ((4, 5, 3), (2, 3, 2))]
DTYPES = (np.float64, np.float32, np.complex128, np.int64)


def samples(shape, dtype=np.float64):
    values = RANDOM.normal(size=shape) * 4
    return (values + (1j * values[::-1] if dtype == np.complex128 else 0)).astype(dtype)


def agree(found, expected):
    found = found if isinstance(found, tuple) else (found,)
    expected = expected if isinstance(expected, tuple) else (expected,)
    for x, y in zip(found, expected, strict=True):
        assert x.dtype == y.dtype and x.shape == y.shape
        np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["convolve", "correlate", "fftconvolve"])
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("shapes", SHAPES)
def test_convolutions(name, mode, shapes):
    for dtype in DTYPES:
        a, v = (samples(s, dtype) for s in shapes)
        for method in [{}] if name == "fftconvolve" else [{"method": m} for m in ("direct", "fft")]:
            agree(
                getattr(signal, name)(a, v, mode, **method),
                getattr(scipy.signal, name)(a, v, mode, **method),
            )


@pytest.mark.parametrize("name", ["convolve2d", "correlate2d"])
@pytest.mark.parametrize("boundary", ["fill", "wrap", "symm"])
def test_boundaries(name, boundary):
    for shapes in [((5, 4), (3, 2)), ((4, 4), (2, 3)), ((3, 3), (5, 4))]:
        for mode in ("full", "same", "valid"):
            for dtype in (np.float64, np.complex128):
                if dtype == np.complex128 and shapes[0] == (3, 3) and mode == "valid":
                    continue  # SciPy conjugates the larger operand, whichever it is
                a, v = (samples(s, dtype) for s in shapes)
                options = {"mode": mode, "boundary": boundary, "fillvalue": 2}
                agree(
                    getattr(signal, name)(a, v, **options),
                    getattr(scipy.signal, name)(a, v, **options),
                )


@pytest.mark.parametrize(
    "options",
    [
        {"nperseg": 16},
        {"nperseg": 15, "noverlap": 4},
        {"nperseg": 16, "nfft": 32, "fs": 10.0},
        {"nperseg": 16, "detrend": "linear"},
        {"nperseg": 16, "return_onesided": False},
        {"nperseg": 16, "window": np.hamming(16)},
        {"nperseg": 16, "window": ("kaiser", 3.0)},
    ],
)
@pytest.mark.parametrize(
    "x", [samples(70), samples(71, np.float32), samples((3, 64)), samples(60, np.complex128)]
)
def test_spectra(x, options):
    if x.dtype.kind == "c":
        options = {**options, "return_onesided": False}
    for scaling, name in (("spectrum", "stft"), ("psd", "stft"), ("density", "welch")):
        given = {**options, "scaling": scaling}
        agree(getattr(signal, name)(x, **given), getattr(scipy.signal, name)(x, **given))
    y = x[..., ::-1].copy()
    agree(signal.csd(x, y, **options), scipy.signal.csd(x, y, **options))
    options = {k: v for k, v in options.items() if k not in ("detrend", "return_onesided")}
    one_sided = x.dtype.kind != "c"
    z = scipy.signal.stft(x, **options, return_onesided=one_sided)[2]
    times, back = signal.istft(z, **options, input_onesided=one_sided)
    expected = scipy.signal.istft(z, **options, input_onesided=one_sided)[1]
    agree(back, expected)
    assert times.shape == back.shape[-1:]
    np.testing.assert_allclose(back[..., : x.shape[-1]], x, rtol=1e-3, atol=1e-3)


def test_spectra_at_the_ends_of_the_signal():
    x = samples((50, 2))
    for boundary in ("zeros", "even", "odd", "constant", None):
        for padded in (True, False):
            given = {"nperseg": 16, "boundary": boundary, "padded": padded, "axis": 0}
            agree(signal.stft(x, **given), scipy.signal.stft(x, **given))
    agree(
        signal.welch(x, nperseg=8, axis=0, average="median"),
        scipy.signal.welch(x, nperseg=8, axis=0, average="median"),
    )
    for given in ({}, {"type": "constant"}, {"bp": [20, 40]}):
        agree(signal.detrend(x, 0, **given), scipy.signal.detrend(x, 0, **given))


@pytest.mark.parametrize("type", [1, 2, 3, 4])
@pytest.mark.parametrize("norm", [None, "ortho", "forward"])
def test_cosine_transforms(type, norm):
    for dtype in DTYPES:
        x = samples((3, 5), dtype)
        for axis, n in ((0, None), (1, None), (1, 4), (-1, 8)):
            for name in ("dct", "idct"):
                given = (x, type, n, axis, norm)
                agree(getattr(fft, name)(*given), getattr(scipy.fft, name)(*given))
    for name in ("dctn", "idctn"):
        given = (x.real, type, (3, 4), (1, 0), norm)
        agree(getattr(fft, name)(*given), getattr(scipy.fft, name)(*given))


@pytest.mark.parametrize("order", [0, 1])
def test_map_coordinates(order):
    modes = {"constant": "grid-constant", "wrap": "grid-wrap"}
    for mode in ("constant", "nearest", "wrap", "mirror", "reflect"):
        x, c = samples((4, 5)), RANDOM.uniform(-6, 10, (2, 50))
        expected = scipy.ndimage.map_coordinates(x, c, None, order, modes.get(mode, mode), 3.0)
        agree(ndimage.map_coordinates(x, c, order, mode, 3.0), expected)


@pytest.mark.parametrize("method", ["linear", "nearest"])
def test_grids(method):
    points = (np.sort(RANDOM.random(4)), np.sort(RANDOM.random(5))[::-1], np.arange(3.0))
    values, asked = samples((4, 5, 3, 2)), RANDOM.uniform(-0.2, 1.2, (30, 3))
    for fill in (np.nan, None, 7.0):
        given = (points, values, method, False, fill)
        expected = scipy.interpolate.RegularGridInterpolator(*given)
        found = interpolate.RegularGridInterpolator(*given)
        agree(found(asked), expected(asked))
        agree(jit(found)(asked), expected(asked))
    agree(found((0.5, 0.6, 1.0)), expected((0.5, 0.6, 1.0)))


def on_a_grid(v, q):
    points = (np.array([0.0, 0.4, 1.0]), np.array([0.0, 0.3, 1.0]))
    return interpolate.RegularGridInterpolator(points, v)(q)


@pytest.mark.parametrize(
    "function, arguments",
    [
        (signal.convolve, (samples((5, 4)), samples((2, 3)))),
        (signal.fftconvolve, (samples(6), samples(4))),
        (lambda a, v: signal.correlate(a, v, "same"), (samples(6), samples(3))),
        (lambda a, v: signal.convolve2d(a, v, "same", "symm"), (samples((4, 4)), samples((3, 2)))),
        (lambda x: signal.stft(x, nperseg=6)[2], (samples(15),)),
        (lambda x: signal.istft(signal.stft(x, nperseg=6)[2] ** 2, nperseg=6)[1], (samples(15),)),
        (lambda x, y: signal.csd(x, y, nperseg=6)[1], (samples(15), samples(15))),
        (lambda x: signal.welch(x, nperseg=6)[1], (samples(15),)),
        (signal.detrend, (samples(7),)),
        (lambda x: fft.dct(x, 2, norm="ortho"), (samples(5),)),
        (lambda x: fft.idct(x, 4), (samples(5),)),
        (lambda x: fft.dctn(x, 3), (samples((3, 4)),)),
        (lambda x, c: ndimage.map_coordinates(x, c, 1), (samples((4, 5)), np.full((2, 3), 1.3))),
        (on_a_grid, (samples((3, 3)), np.array([[0.2, 0.7], [0.9, 0.1]]))),
    ],
)
def test_derivatives(function, arguments):
    check_grads(function, arguments, 2, rtol=1e-5)
    expected = np.asarray(function(*arguments))
    np.testing.assert_allclose(jit(function)(*arguments), expected, atol=1e-10)
    rows = vmap(function)(*[np.stack([a, a / 2]) for a in arguments])
    np.testing.assert_allclose(rows[0], expected, atol=1e-10)
    np.testing.assert_allclose(rows[1], function(*[a / 2 for a in arguments]), atol=1e-10)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: signal.convolve(np.ones(3), np.ones((2, 2))), "arrays of the same rank"),
        (lambda: signal.convolve2d(np.ones(3), np.ones(2)), "arrays of rank 2"),
        (lambda: signal.convolve(np.ones((2, 3)), np.ones((3, 2)), "valid"), "at least as large"),
        (lambda: signal.stft(np.ones(4), nperseg=8, boundary=None), "shorter than a segment of 8"),
        (lambda: signal.stft(np.ones(9), nperseg=4, window=np.ones(3)), "window has the shape"),
        (lambda: fft.dct(np.ones(1), 1), "at least two samples"),
        (lambda: ndimage.map_coordinates(np.ones((2, 2)), [np.ones(1)], 1), "needs 2 coordinates"),
        (lambda: on_a_grid(np.ones((2, 3)), np.ones((1, 2))), "both must be one size"),
    ],
)
def test_errors(call, words):
    with pytest.raises(ShapeError, match=words):
        call()
