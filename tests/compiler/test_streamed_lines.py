"""Running sums and products past the caches: the bits of NumPy's, for all shapes and threads."""

import numpy as np
import pytest

import fungrad
from fungrad import grad, jit, lax
from fungrad.compiler.runtime import compile_program

RANDOM = np.random.default_rng(0)
#: More than 16 MiB; neither rows nor their number are multiples of what tiles and vectors have.
SHAPES = {"float64": (2051, 1031), "float32": (4099, 1031)}


def example(dtype):
    x = RANDOM.standard_normal(SHAPES[dtype]).astype(dtype)
    x[3, 5], x[4, 7], x[5, 0], x[6, :4], x[:3, 9] = np.nan, np.inf, -np.inf, -0.0, -0.0
    x[7, 7], x[7, 8] = np.inf, -np.inf
    return x


X = {dtype: example(dtype) for dtype in SHAPES}

ALONG = {
    "sums": (lambda x: lax.cumsum(x, 1), "run_add"),
    "sums from the end": (lambda x: lax.cumsum(x, 1, reverse=True), "run_back_add"),
    "products": (lambda x: lax.cumprod(x, 1), "run_multiply"),
    "products from the end": (lambda x: lax.cumprod(x, 1, reverse=True), "run_back_multiply"),
    "a computed operand": (lambda x: lax.cumsum(2 * x + x[0], 1), "run_add"),
    "two on the same lines": (
        lambda x: lax.cumsum(x * lax.cumsum(x, 1), 1, reverse=True),
        "run_back_add",
    ),
    "two in one direction": (lambda x: lax.cumprod(lax.cumsum(2 * x, 1), 1), "run_multiply"),
    "lines in several axes": (lambda x: lax.cumsum(x[1:].reshape(2, -1, 1031), 2), "run_add"),
}
DOWN = {
    "columns": (lambda x: lax.cumsum(x, 0), "run_down_add"),
    "columns from the end": (lambda x: lax.cumsum(x, 0, reverse=True), "run_down_back_add"),
    "columns of products": (lambda x: lax.cumprod(x, 0), "run_down_multiply"),
    "computed columns": (lambda x: lax.cumsum(2 * x + x[0], 0), "run_down_add"),
    "computed from the end": (
        lambda x: lax.cumprod(x - x[:, :1], 0, reverse=True),
        "run_down_back_multiply",
    ),
    "a middle axis": (lambda x: lax.cumsum(x[1:].reshape(2, -1, 1031), 1), "run_down_add"),
    "whole lines of the cache": (lambda x: lax.cumsum(x[:, :1024] * 1, 0), "run_down_add"),
}


@pytest.mark.parametrize("dtype", SHAPES)
@pytest.mark.parametrize(("f", "name"), (ALONG | DOWN).values(), ids=ALONG | DOWN)
@pytest.mark.filterwarnings("ignore:invalid value", "ignore:overflow")
def test_the_bits_are_those_without_jit_for_all_numbers_of_threads(f, name, dtype):
    x = X[dtype]
    wanted = f(x)
    for count in (1, 2, 5):
        with fungrad.threads(count):
            found = jit(f)(x)
        assert found.dtype == wanted.dtype
        number = f"u{wanted.itemsize}"
        is_nan = np.isnan(wanted)
        np.testing.assert_array_equal(np.isnan(found), is_nan)
        differs = (found.view(number) != wanted.view(number)) & ~is_nan
        assert not differs.any()


@pytest.mark.parametrize("dtype", SHAPES)
@pytest.mark.parametrize("group", [ALONG, DOWN], ids=["along", "down"])
def test_the_kernels_are_used(group, dtype):
    for f, name in group.values():
        program = jit(f).lower(X[dtype]).program
        assert name in compile_program(program).source


@pytest.mark.parametrize("axis", [0, 1])
def test_the_gradient_is_that_of_finite_differences(axis):
    weights, x = RANDOM.standard_normal((2, *SHAPES["float64"]))
    f = lambda x: (weights * x.cumsum(axis) ** 2 + x.cumsum(axis)).sum()
    direction = RANDOM.standard_normal(x.shape)
    h = 1e-4  # exact for a polynomial of degree 2
    slope = (f(x + h * direction) - f(x - h * direction)) / (2 * h)
    np.testing.assert_allclose((jit(grad(f))(x) * direction).sum(), slope, rtol=1e-6)


def test_integers_and_complex_numbers_keep_their_ways():
    x = RANDOM.integers(-9, 9, SHAPES["float64"])
    for y in (x, x + 1j * x[::-1]):
        for axis in (0, 1):
            np.testing.assert_array_equal(jit(lambda x: lax.cumsum(x, axis))(y), y.cumsum(axis))  # noqa: B023


def test_an_argument_that_is_given_away_is_read_before_it_is_written():
    x = X["float64"]
    with np.errstate(invalid="ignore"):
        for axis in (0, 1):
            f = lambda x: lax.cumsum(x, axis)  # noqa: B023
            np.testing.assert_array_equal(jit(f, donate_argnums=0)(x.copy()), x.cumsum(axis))
