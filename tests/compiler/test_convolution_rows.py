"""Convolutions whose vectors are of places along rows: with few features, and by one element."""

import re

import numpy as np
import pytest
from test_convolution_tiles import CHANNELS_FIRST, CHANNELS_LAST

import fungrad
from fungrad import jit, lax, threads
from fungrad.compiler.convolution import dots
from fungrad.compiler.language import parts
from fungrad.primitives.convolution import Convolve
from fungrad.primitives.windows import Window

#: (images, channels, filters, pixels, kernel, strides) whose gradient in the images has few features
FEW_FEATURES = {
    "plain": (3, 1, 5, (11, 19), (5, 4), (1, 1)),
    "strided along columns": (2, 1, 6, (13, 15), (5, 3), (2, 1)),
    "a large image": (1, 1, 3, (131, 150), (7, 5), (1, 1)),
    "volumes": (2, 1, 4, (5, 9, 12), (2, 3, 3), (1, 1, 1)),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", FEW_FEATURES)
def test_few_features_are_computed_line_by_line(name, dtype, monkeypatch):
    """The large image in bands, too, where the last tile of lines overlaps with the one before."""
    monkeypatch.setattr(parts, "WORTH_WAKING", 100)
    images, channels, filters, pixels, kernel, strides = FEW_FEATURES[name]
    generator = np.random.default_rng(0)
    x = generator.normal(size=(images, channels, *pixels)).astype(dtype)
    w = generator.normal(size=(filters, channels, *kernel)).astype(dtype)
    f = lambda x, w: lax.conv(x, w, strides, "SAME")
    pull = lambda w, c: fungrad.vjp(lambda x: f(x, w), x)[1](c)[0]
    c = generator.normal(size=f(x, w).shape).astype(dtype)
    text = jit(pull).lower(w, c).compile().as_text()
    assert re.search(rf"tile_{np.dtype(dtype).name}_v\d+_\d+x\d+_l\d", text)
    tolerance = 1e-4 if dtype == np.float32 else 1e-11
    found = []
    for n in (1, 2):
        with threads(n):
            found.append(jit(pull)(w, c))
    np.testing.assert_array_equal(*found)
    np.testing.assert_allclose(found[0], pull(w, c), rtol=tolerance, atol=10 * tolerance)
    t = generator.normal(size=x.shape).astype(dtype)  # <f(t), c> = <t, pull(c)>
    products = [(u.astype(float) * v).sum() for u, v in ((f(t, w), c), (t, found[0]))]
    assert abs(products[0] - products[1]) < 10 * tolerance * np.linalg.norm(c) * np.linalg.norm(t)


#: (images, channels, filters, pixels, kernel, stride) of kernels whose gradient is made along rows
ALONG_ROWS = {
    "one channel": (9, 1, 6, (12, 21), (5, 5), 1),
    "one filter": (9, 7, 1, (9, 16), (3, 3), 1),
    "three channels": (2, 3, 33, (17, 35), (3, 2), 1),
    "pixels": (9, 5, 24, (12, 13), (1, 1), 1),
    "some pixels": (9, 5, 24, (13, 12), (1, 1), 2),
    "few pixels of a large image": (1, 2, 3, (131, 150), (1, 1), 3),
    "lines": (9, 2, 5, (70,), (3,), 1),
    "a large image": (1, 1, 3, (131, 150), (7, 5), 1),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ALONG_ROWS)
def test_kernels_of_few_features_are_sums_lane_by_lane(name, dtype, monkeypatch):
    monkeypatch.setattr(parts, "WORTH_WAKING", 100)
    monkeypatch.setattr(dots, "_COST_OF_TURNING", 9.0)  # so that all of them are
    images, channels, filters, pixels, kernel, stride = ALONG_ROWS[name]
    generator = np.random.default_rng(0)
    x = generator.normal(size=(images, channels, *pixels)).astype(dtype)
    w = generator.normal(size=(filters, channels, *kernel)).astype(dtype)
    f = lambda x, w: lax.conv(x, w, (stride,) * len(pixels), "SAME")
    pull = lambda x, c: fungrad.vjp(lambda w: f(x, w), w)[1](c)[0]
    c = generator.normal(size=f(x, w).shape).astype(dtype)
    text = jit(pull).lower(x, c).compile().as_text()
    assert re.search(rf"tile_{np.dtype(dtype).name}_v\d+_\d+x\d+_d1", text)
    tolerance = 1e-4 if dtype == np.float32 else 1e-11
    found = []
    for n in (1, 2):
        with threads(n):
            found.append(jit(pull)(x, c))
    np.testing.assert_array_equal(*found)
    expected = pull(x, c)
    scale = np.max(np.abs(expected))
    np.testing.assert_allclose(found[0], expected, rtol=tolerance, atol=tolerance * scale)


@pytest.mark.parametrize("steps", [(-1, -1), (1, -1), (-1, 2), (-2, -2), (2, 3), (-1, -3)])
@pytest.mark.parametrize(
    "features, columns, outs", [(1, 6, (1, 1)), (5, 1, (1, -1)), (1, 1, (2, 1))]
)
def test_elements_may_run_backwards(features, columns, outs, steps):
    """As in derivatives of derivatives: sums over images that go along x from its end."""
    generator, windows, sizes = np.random.default_rng(0), [], []
    for n, step, out in zip((12, 14), steps, outs, strict=True):
        sizes.append(n // abs(step))
        back = (0 if step > 0 else -step * (sizes[-1] - 1)) + (0 if out > 0 else -2 * out)
        windows.append(Window(3, 1, out, step, back - 1))
    x = generator.normal(size=(5, features, 12, 14))
    y = generator.normal(size=(5, columns, *sizes))
    f = Convolve((2, 3, 0, 1), (2, 4, 0, 1), (4, 3, 0, 1), tuple(windows))
    np.testing.assert_allclose(jit(lambda x, y: f(x, y))(x, y), f.evaluate(x, y), atol=1e-11)


#: (images, channels, filters, pixels, kernel) whose places are one line
ONE_LINE = {
    "pixels": (9, 5, 24, (12, 13), (1, 1)),
    "pixels of one image": (1, 6, 40, (64, 50), (1, 1)),
    "voxels": (2, 4, 9, (5, 6, 7), (1, 1, 1)),
    "a long line": (1, 3, 16, (5000,), (5,)),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ONE_LINE)
def test_places_that_are_one_line_are_vectors_of_tiles(name, dtype, monkeypatch):
    """Of one image, panels are shared between threads."""
    monkeypatch.setattr(parts, "WORTH_WAKING", 100)
    images, channels, filters, pixels, kernel = ONE_LINE[name]
    generator = np.random.default_rng(0)
    x = generator.normal(size=(images, channels, *pixels)).astype(dtype)
    w = generator.normal(size=(filters, channels, *kernel)).astype(dtype)
    f = lambda x, w: lax.conv(x, w, (1,) * len(pixels), "SAME")
    text = jit(f).lower(x, w).compile().as_text()
    assert re.search(r"tile_float\d+_v\d+_\d+x\d_t1", text)
    found = []
    for n in (1, 2):
        with threads(n):
            found.append(jit(f)(x, w))
    np.testing.assert_array_equal(*found)
    tolerance = 1e-4 if dtype == np.float32 else 1e-11
    np.testing.assert_allclose(found[0], f(x, w), rtol=tolerance, atol=tolerance)
    if set(kernel) == {1}:
        expected = np.einsum("nc...,fc->nf...", x, w.reshape(filters, channels))
        np.testing.assert_allclose(found[0], expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("layout", [CHANNELS_FIRST, CHANNELS_LAST], ids="/".join)
@pytest.mark.parametrize("pixels", [(17, 18), (16, 15)])
@pytest.mark.parametrize("stride", [2, 3])
def test_cotangents_of_images_with_few_channels_lie_in_phases(stride, pixels, layout):
    x = np.random.default_rng(0).normal(size=(9, 3, *pixels))
    w = np.random.default_rng(1).normal(size=(10, 3, 5, 7))
    if layout == CHANNELS_LAST:
        x, w = x.transpose(0, 2, 3, 1).copy(), w.transpose(2, 3, 1, 0).copy()
    strides = (stride, stride)
    f = lambda x: lax.conv_general_dilated(x, w, strides, "SAME", dimension_numbers=layout)
    g = lambda x: fungrad.vjp(f, x)[1](f(x))[0]
    assert "tile_" in jit(g).lower(x).compile().as_text()
    np.testing.assert_allclose(jit(g)(x), g(x), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("pixels, is_by_tiles", [(7, True), (4, False)])
def test_large_kernels_are_read_again_for_images_of_many_places(pixels, is_by_tiles):
    x, w = np.ones((1, 256, pixels, pixels), np.float32), np.ones((256, 256, 3, 3), np.float32)
    f = jit(lambda x, w: lax.conv(x, w, (1, 1), "SAME"))
    assert ("tile_" in f.lower(x, w).compile().as_text()) == is_by_tiles
    y = f(x, w)
    assert (y[0, :, 0, 0] == 4 * 256).all() and (y[0, :, 1, 1] == 9 * 256).all()


def test_one_convolution_after_another_with_a_size_that_the_first_left_open():
    for k in (4, 3):
        x, w = np.ones((2, 16, 28, 28)), np.ones((32, 16, k, k))
        f = lambda x, w=w, k=k: lax.conv_general_dilated(x, w, (2, 2), [(k // 2, k // 2)] * 2)
        g = lambda x, f=f: fungrad.vjp(f, x)[1](f(x))[0]
        np.testing.assert_allclose(jit(g)(x), g(x), rtol=1e-12)


LAYOUTS = (
    ((2, 3, 0, 1), (4, 3, 0, 1), (2, 4, 0, 1)),
    ((2, 3, 0, 1), (2, 4, 0, 1), (4, 3, 0, 1)),
    ((2, 0, 1, 3), (0, 1, 3, 4), (2, 0, 1, 4)),
)


@pytest.mark.parametrize("seed", range(24))
def test_windows_of_all_kinds_in_bands(seed, monkeypatch):
    """Strides, dilations and steps of both signs, of few images in many bands."""
    monkeypatch.setattr(parts, "WORTH_WAKING", 0)
    generator = np.random.default_rng(seed)
    pick = lambda *values: int(generator.choice(values))
    integer = lambda low, high: int(generator.integers(low, high))
    sizes = {label: integer(1, high) for label, high in ((2, 4), (3, 7), (4, 9))}
    windows = [
        Window(integer(1, 30), pick(1, 1, 2), pick(1, 2, -1), pick(1, -1, 2, -2), integer(-4, 9))
        for _ in range(2)
    ]
    left, right, out = LAYOUTS[seed % 3]
    pixels = {0: integer(1, 30), 1: integer(1, 30)}
    kernel = pixels if seed % 2 else {0: integer(1, 6), 1: integer(1, 6)}
    x = generator.normal(size=[(sizes | pixels)[label] for label in left])
    y = generator.normal(size=[(sizes | kernel)[label] for label in right])
    f = Convolve(left, right, out, tuple(windows))
    np.testing.assert_allclose(jit(lambda x, y: f(x, y))(x, y), f.evaluate(x, y), atol=1e-10)
