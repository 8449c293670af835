"""Convolutions by tiles, transposed copies, and reductions over large windows, compiled."""

import ctypes
import re

import numpy as np
import pytest

import fungrad
import fungrad.numpy as fnp
from fungrad import jit, lax, threads
from fungrad.compiler.language import parts, streaming, transposing
from fungrad.compiler.products import tiles

CHANNELS_FIRST, CHANNELS_LAST = ("NCHW", "OIHW", "NCHW"), ("NHWC", "HWIO", "NHWC")
MIXED = ("NHWC", "OIHW", "NCHW")

#: images, channels, filters, pixels, kernel, strides, pads, dilations of both, groups
CONVOLUTIONS = {
    "plain": (2, 3, 20, (9, 14), (3, 3), (1, 1), (1, 1), (1, 1), (1, 1), 1),
    "one channel": (3, 1, 5, (8, 8), (5, 5), (1, 1), (2, 2), (1, 1), (1, 1), 1),
    "strided": (2, 4, 18, (9, 11), (3, 2), (2, 3), (1, 0), (1, 1), (1, 1), 1),
    "spread": (1, 3, 6, (9, 11), (3, 2), (1, 2), (1, 1), (1, 1), (2, 3), 1),
    "enlarged": (2, 5, 4, (6, 5), (3, 3), (1, 1), (2, 1), (2, 3), (1, 1), 1),
    "one pixel": (2, 6, 40, (5, 4), (1, 1), (1, 1), (0, 0), (1, 1), (1, 1), 1),
    "groups": (2, 6, 9, (7, 7), (3, 3), (1, 1), (1, 1), (1, 1), (1, 1), 3),
    "depthwise": (2, 21, 21, (8, 9), (3, 3), (2, 1), (1, 1), (1, 1), (1, 1), 21),
    "depthwise, many": (9, 5, 5, (9, 21), (3, 3), (1, 1), (1, 1), (1, 1), (1, 1), 5),
    "depthwise, strided": (9, 4, 4, (9, 17), (3, 2), (2, 3), (1, 1), (1, 1), (1, 1), 4),
    "single": (1, 1, 1, (12, 19), (5, 4), (1, 1), (2, 1), (1, 1), (1, 1), 1),
    "cropped": (2, 3, 4, (9, 9), (3, 3), (1, 1), (-1, -2), (1, 1), (1, 1), 1),
    "many": (9, 4, 24, (12, 16), (3, 3), (1, 1), (1, 1), (1, 1), (1, 1), 1),
    "one filter": (3, 9, 1, (11, 13), (3, 4), (1, 1), (1, 1), (1, 1), (1, 1), 1),
    "lines apart": (2, 1, 6, (13, 15), (5, 3), (2, 1), (2, 1), (1, 1), (1, 1), 1),
    "pixels of many": (9, 5, 24, (12, 13), (1, 1), (1, 1), (0, 0), (1, 1), (1, 1), 1),
    "much": (1, 24, 40, (24, 20), (3, 3), (1, 1), (1, 1), (1, 1), (1, 1), 1),
}


def convolution(name, layout, dtype):
    """The function (x, w) -> y, and its arguments."""
    images, channels, filters, pixels, kernel, strides, pads, left, right, groups = CONVOLUTIONS[
        name
    ]
    sizes = {"N": images, "C": channels, "O": filters, "I": channels // groups}
    generator = np.random.default_rng(0)
    shape = [(sizes | dict(zip("HW", pixels, strict=True)))[c] for c in layout[0]]
    x = generator.normal(size=shape).astype(dtype)
    shape = [(sizes | dict(zip("HW", kernel, strict=True)))[c] for c in layout[1]]
    w = generator.normal(size=shape).astype(dtype)

    def f(x, w):
        return lax.conv_general_dilated(
            x, w, strides, [(p, p) for p in pads], left, right, layout, groups
        )

    return f, x, w


def with_gradients(f):
    """(x, w) -> y and the cotangents of x and w for a cotangent that is not constant."""

    def g(x, w):
        y, back = fungrad.vjp(f, x, w)
        return (y, *back(y * y))

    return g


@pytest.mark.parametrize("layout", [CHANNELS_FIRST, CHANNELS_LAST, MIXED], ids="/".join)
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_compiled_convolutions_and_their_gradients_are_those_without_jit(name, layout):
    dtype = np.float32 if "m" in name else np.float64
    f, x, w = convolution(name, layout, dtype)
    g = with_gradients(f)
    by_blas = name in ("one pixel", "pixels of many") and layout != CHANNELS_FIRST
    by_loops = name in ("depthwise", "depthwise, strided") and layout != CHANNELS_LAST
    assert ("tile_" in jit(f).lower(x, w).compile().as_text()) != (by_blas or by_loops)
    tolerance = 1e-4 if dtype == np.float32 else 1e-11
    for found, expected in zip(jit(g)(x, w), g(x, w), strict=True):
        scale = np.max(np.abs(expected))
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * scale)


def test_few_columns_are_rows_of_tiles_whose_vectors_are_places():
    """Also where the output has them next to each other: it is written at the end."""
    f, x, w = convolution("many", CHANNELS_LAST, np.float32)
    of_images = jit(lambda y: fungrad.vjp(lambda x: f(x, w), x)[1](y))
    text = of_images.lower(f(x, w)).compile().as_text()
    assert re.search(r"tile_float32_v\d+_4x\d_t1", text)


@pytest.mark.parametrize(
    "name, way",
    [
        ("depthwise", "sv"),
        ("depthwise, many", "sv"),
        ("single", "sv"),
        ("depthwise, strided", "d1"),
    ],
)
def test_kernels_of_single_channels_are_sums_by_tiles_along_rows(name, way):
    f, x, w = convolution(name, CHANNELS_FIRST, np.float64)
    y, back = fungrad.vjp(f, x, w)
    of_kernel = jit(lambda y: fungrad.vjp(lambda w: f(x, w), w)[1](y))
    assert f"_{way}" in of_kernel.lower(y).compile().as_text()
    np.testing.assert_allclose(of_kernel(y)[0], back(y)[1], rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("layout", [CHANNELS_FIRST, CHANNELS_LAST], ids="/".join)
@pytest.mark.parametrize("name", [n for n in CONVOLUTIONS if "pixel" not in n])
def test_convolutions_do_not_depend_on_the_number_of_threads(name, layout, monkeypatch):
    monkeypatch.setattr(parts, "WORTH_WAKING", 100)
    f, x, w = convolution(name, layout, np.float32)
    g = jit(with_gradients(f))
    found = []
    for n in (1, 2, 5):
        with threads(n):
            found.append(g(x, w))
    for a, b in zip(found[0], with_gradients(f)(x, w), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4 * np.max(np.abs(b)))
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def called(kernel, *arguments):
    """Call a kernel of numbers and arrays."""
    passed = [a.ctypes.data if isinstance(a, np.ndarray) else a for a in arguments]
    function = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * len(passed))
    assert function(kernel.address)(*passed) == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("lanes", [1, 4])
def test_a_tile_is_a_sum_of_products(dtype, lanes):
    generator = np.random.default_rng(0)
    a, b = (generator.integers(-9, 9, 200).astype(dtype) for _ in range(2))
    table = np.array([0, 3, 5, 1, 2, 20])
    tile, row = tiles.Tile(4, 3, 2), 4 + lanes
    by_table = tiles.routine(tiles.name_of(np.dtype(dtype), tile, "t", 2))
    by_steps = tiles.routine(tiles.name_of(np.dtype(dtype), tile, "s", 2))
    expected = np.zeros((3, row), dtype)
    for k1 in range(2):
        for at_a, at_b in table.reshape(-1, 2):
            for i in range(3):
                expected[i] += a[k1 * 30 + at_a + 2 * i] * b[k1 * 40 + at_b :][:row]
    y = np.full(3 * row + 1, -1, dtype)
    called(by_table, 2, 3, a, 30, b, 40, table, y, row, lanes)
    np.testing.assert_array_equal(y[:-1].reshape(3, row), expected)
    assert y[-1] == -1
    steps = np.array([0, 0, 7, 9, 14, 18])
    called(by_table, 2, 3, a, 30, b, 40, steps, y, row, lanes)
    z = np.ones_like(y)
    called(by_steps, 2, 3, a, 30, 7, b, 40, 9, z, row, lanes, 1)
    np.testing.assert_array_equal(z[:-1], y[:-1] + 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("lanes", [1, 4])
@pytest.mark.parametrize("height", [1, 3])
def test_a_tile_of_lines_is_a_sum_of_products(dtype, lanes, height):
    generator = np.random.default_rng(0)
    a, b = (generator.integers(-9, 9, 300).astype(dtype) for _ in range(2))
    table, line, row = np.array([0, 3, 5, 1, 2, 20]), 13, 4 + lanes
    kernel = tiles.routine(tiles.name_of(np.dtype(dtype), tiles.Tile(4, 3, 2), "l", height))
    expected = np.zeros((3, row), dtype)
    for k1 in range(2):
        for at_a, at_b in table.reshape(-1, 2):
            for i in range(3):
                for h in range(height):
                    factor = a[k1 * 30 + at_a - 2 * h + 10]
                    expected[i] += factor * b[k1 * 40 + at_b + (i + h) * line :][:row]
    y = np.full(3 * row + 1, -1, dtype)
    called(kernel, 2, 3, a[10:], 30, b, 40, table, y, row, lanes, -2, line)
    np.testing.assert_array_equal(y[:-1].reshape(3, row), expected)
    assert y[-1] == -1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 4, 11, 12])
def test_a_tile_adds_up_lane_by_lane(dtype, n):
    generator = np.random.default_rng(0)
    a, b = (generator.integers(-9, 9, 300).astype(dtype) for _ in range(2))
    kernel = tiles.routine(tiles.name_of(np.dtype(dtype), tiles.Tile(4, 3, 2), "d", 1))
    y = np.ones((3, 2, 4), dtype)
    turns = -(-n // 4)
    called(kernel, 2, turns, a, 50, b, 40, y, 8, n - 4 * (turns - 1), 15, 17)
    for i in range(3):
        for j in range(2):
            parts = [(a[50 * k + 15 * i :][:n], b[40 * k + 17 * j :][:n]) for k in range(2)]
            assert y[i, j].sum() == 4 + sum((p * q).sum() for p, q in parts)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(8, 8), (9, 23), (30, 17), (3, 40), (40, 2), (0, 9)])
def test_transposed_copies(dtype, shape):
    rows, columns = shape
    x = np.arange(rows * (columns + 2), dtype=dtype).reshape(rows, columns + 2)
    y = np.full((columns, rows + 1), -1, dtype)
    kernel = transposing.routine(f"transpose_{np.dtype(dtype).name}")
    called(kernel, rows, columns, x, columns + 2, y, rows + 1)
    np.testing.assert_array_equal(y[:, :-1], x[:, :columns].T)
    assert (y[:, -1] == -1).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(8, 8), (9, 23), (30, 17), (64, 40), (40, 2), (16, 16), (0, 9)])
@pytest.mark.parametrize("skew", [0, 1])
def test_transposed_copies_past_the_caches(dtype, shape, skew):
    (rows, columns), row = shape, -(-shape[0] // 16) * 16
    x = np.arange(rows * (columns + 2), dtype=dtype).reshape(rows, columns + 2)
    y = aligned(columns * row + skew, dtype)[skew:].reshape(columns, row)
    kernel = transposing.routine(f"transpose_streamed_{np.dtype(dtype).name}")
    called(kernel, rows, columns, x, columns + 2, y, row)
    np.testing.assert_array_equal(y[:, :rows], x[:, :columns].T)
    assert (y[:, rows:] == -1).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("columns", [0, 3, 16, 50, 64])
@pytest.mark.parametrize("row", [64, 67])
@pytest.mark.parametrize("skew", [0, 5])
def test_rows_written_past_the_caches(dtype, columns, row, skew):
    x = np.arange(7 * 70, dtype=dtype).reshape(7, 70)
    y = aligned(7 * row + skew, dtype)[skew:].reshape(7, row)
    kernel = streaming.routine(f"stream_{np.dtype(dtype).name}")
    called(kernel, 7, columns, x, 70, y, row)
    np.testing.assert_array_equal(y[:, :columns], x[:, :columns])
    assert (y[:, columns:] == -1).all()


def aligned(size, dtype):
    """An array of -1 that begins at a line of the caches."""
    y = np.full(size + 64, -1, dtype)
    return y[-y.ctypes.data % 64 // y.itemsize :][:size]


REDUCTIONS = {"sum": (0.0, lax.add), "largest": (-np.inf, lax.max), "smallest": (np.inf, lax.min)}


@pytest.mark.parametrize("kind", REDUCTIONS)
@pytest.mark.parametrize("strides", [(1, 1, 1, 1), (1, 2, 3, 1), (1, 6, 5, 1)])
def test_large_windows_one_axis_after_another(kind, strides):
    initial, combine = REDUCTIONS[kind]
    x = np.random.default_rng(0).normal(size=(2, 13, 11, 3))
    pads = [(0, 0), (2, 1), (0, 3), (0, 0)]

    def f(x):
        return lax.reduce_window(x, initial, combine, (1, 6, 5, 1), strides, pads)

    def g(x):
        return fungrad.grad(lambda x: fnp.sum(f(x) ** 3))(x)

    np.testing.assert_allclose(jit(f)(x), f(x), rtol=1e-13)
    np.testing.assert_allclose(jit(g)(x), g(x), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_largest_of_what_a_mask_lets_through(dtype):
    x = np.random.default_rng(0).normal(size=(5, 70)).astype(dtype)
    x[2, 30] = np.nan
    mask = x < 0.3
    mask[4] = False

    def largest(x, mask):
        return fnp.max(fnp.where(mask, x, -np.inf), axis=1), fnp.min(
            fnp.where(mask, x, np.inf), axis=1
        )

    for found, expected in zip(jit(largest)(x, mask), largest(x, mask), strict=True):
        np.testing.assert_array_equal(found, expected)
