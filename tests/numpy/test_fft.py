"""`fungrad.numpy.fft` and `numpy.fft` on traced values: NumPy's results, derivatives by laws."""

import numpy as np
import pytest

import fungrad
from fungrad import grad, jit, linear_transpose, vmap
from fungrad.numpy import fft
from fungrad.testing import check_grads

RNG = np.random.default_rng(2)
LINE = "fft ifft rfft irfft hfft ihfft".split()
PLANE = "fft2 ifft2 fftn ifftn rfft2 irfft2 rfftn irfftn".split()
REAL_ONLY = {"rfft", "ihfft", "rfft2", "rfftn"}
OPTIONS = [{}, {"axis": 0}, {"n": 3}, {"n": 9, "axis": 1}, {"norm": "ortho"}, {"norm": "forward"}]
SHAPES = [(8,), (7,), (3, 10), (2, 5, 4), (101,)]


def inputs(name, shape):
    """Arrays of every dtype that a transform takes."""
    x = RNG.normal(size=shape)
    dtypes = [float, np.float32] + ([] if name in REAL_ONLY else [complex, np.complex64])
    return [(x + 0.3j * x[::-1] if np.dtype(d).kind == "c" else x).astype(d) for d in dtypes]


def assert_numpys(name, x, **options):
    """Whether a compiled transform gives what NumPy gives."""
    function = getattr(np.fft, name)
    expected = function(x, **options)
    result = jit(lambda x: function(x, **options))(x)
    assert result.dtype == expected.dtype
    size = np.abs(expected).max(initial=1) * np.finfo(expected.dtype).eps
    np.testing.assert_allclose(result, expected, rtol=0, atol=100 * size)


@pytest.mark.parametrize("name", LINE)
def test_lines_are_numpys(name):
    for shape in SHAPES:
        for x in inputs(name, shape):
            assert_numpys(name, x)
    for options in OPTIONS:
        assert_numpys(name, inputs(name, (2, 5, 4))[0], **options)
    assert_numpys(name, np.arange(6), n=5)
    assert_numpys(name, np.zeros((0, 4)))


@pytest.mark.parametrize("name", PLANE)
def test_planes_are_numpys(name):
    x = inputs(name, (3, 4, 6))[-1]
    for options in ({}, {"s": (5, 8), "axes": (0, 2)}, {"axes": (1, 0)}, {"norm": "ortho"}):
        assert_numpys(name, x, **options)


@pytest.mark.parametrize("name", [*LINE, *PLANE])
def test_derivatives(name):
    x = inputs(name, (4, 6))[-1].astype(float if name in REAL_ONLY else complex)
    check_grads(lambda x: getattr(fft, name)(x, norm="ortho"), (x,), order=2)
    if name in LINE:
        check_grads(lambda x: getattr(fft, name)(x, n=5, axis=0) ** 2, (x,), order=1)


def test_a_filter_compiled_and_batched():
    def loss(weights, x):
        spectrum = np.fft.rfft(x) * weights
        return np.sum(np.fft.irfft(spectrum, x.shape[-1]) ** 2)

    weights, x = RNG.normal(size=9), RNG.normal(size=(3, 17))
    slopes = vmap(grad(loss), (None, 0))
    expected = 2 * weights * np.abs(np.fft.rfft(x)) ** 2 * np.where(np.arange(9) == 0, 1, 2) / 17
    np.testing.assert_allclose(slopes(weights, x), expected)
    np.testing.assert_allclose(jit(slopes)(weights, x), expected)


def test_the_adjoint_pairs_with_the_transform():
    """<c, F x> = <F^T c, x> for real and half transforms, eager and compiled."""
    x, c = RNG.normal(size=10), RNG.normal(size=6) + 1j * RNG.normal(size=6)
    (back,) = jit(lambda c: linear_transpose(np.fft.rfft, x)(c))(c)
    np.testing.assert_allclose(np.real(c @ np.fft.rfft(x)), back @ x)


def test_shifts_and_frequencies():
    x = RNG.normal(size=(4, 5))
    for name in ("fftshift", "ifftshift"):
        for axes in (None, 0, (1,)):
            function = getattr(np.fft, name)
            np.testing.assert_array_equal(
                jit(lambda x: function(x, axes))(x),
                function(x, axes),  # noqa: B023
            )
    for name in ("fftfreq", "rfftfreq"):
        expected = getattr(np.fft, name)(7, 0.3)
        np.testing.assert_allclose(jit(lambda d: getattr(fft, name)(7, d))(0.3), expected)  # noqa: B023
        assert getattr(fft, name)(7).shape == expected.shape


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda x: np.fft.fft(x, 0), ValueError, "Invalid number of FFT data points"),
        (lambda x: np.fft.fft(x[:0]), ValueError, "Invalid number of FFT data points"),
        (lambda x: np.fft.irfft(x[:1]), ValueError, "Invalid number of FFT data points"),
        (lambda x: np.fft.fft(x, norm="x"), ValueError, "Invalid norm value x"),
        (lambda x: np.fft.rfft(x * 1j), TypeError, "rfft of complex values"),
        (lambda x: np.fft.fft(x, axis=3), np.exceptions.AxisError, "axis 3"),
        (lambda x: np.fft.fft(x[0]), IndexError, "at least one axis"),
        (lambda x: np.fft.fft(x, 2.5), TypeError, "float"),
        (lambda x: np.fft.fftn(x, (2, 2), (0,)), ValueError, "different lengths"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        fungrad.make_program(call)(np.ones(4))
