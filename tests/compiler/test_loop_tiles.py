"""Reads across the rows of an array, tile by tile."""

import numpy as np
import pytest

import fungrad
import fungrad.numpy as fnp
from fungrad.compiler.runtime import compile_program

RANDOM = np.random.default_rng(0)

FUNCTIONS = {
    "x + x.T": lambda x: x + x.T,
    "a chain of the transpose": lambda x: fnp.tanh(x.T) * 2 + x,
    "a gradient": fungrad.grad(lambda x: (x * fnp.sin(x.T)).sum()),
    "two arrays": lambda x: (x.T * 3, x.T + x),
}


def source_of(f, *arguments):
    return compile_program(fungrad.jit(f).lower(*arguments).program).source


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128, np.int8])
@pytest.mark.parametrize("n", [128, 130, 515])
def test_sums_with_the_transpose(n, dtype):
    x = (10 * RANDOM.standard_normal((n, n))).astype(dtype)
    np.testing.assert_array_equal(fungrad.jit(lambda x: x + x.T)(x), x + x.T)


@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
def test_functions_of_the_transpose(f):
    x = RANDOM.standard_normal((515, 515))
    assert "for tile0 in" in source_of(f, x)
    compiled, wanted = fungrad.jit(f), fungrad.tree.leaves(f(x))
    for count in (1, 2):
        with fungrad.threads(count):
            for y, w in zip(fungrad.tree.leaves(compiled(x)), wanted, strict=True):
                np.testing.assert_allclose(y, w, rtol=1e-13, atol=1e-14)


def test_transposed_axes_behind_others():
    x = RANDOM.standard_normal((3, 14, 14, 150))
    f = lambda x: fnp.exp(fnp.transpose(x, (0, 3, 1, 2)))
    assert "for tile0 in" in source_of(f, x)
    np.testing.assert_allclose(fungrad.jit(f)(x), np.exp(x.transpose(0, 3, 1, 2)), rtol=1e-14)


@pytest.mark.parametrize(
    "f", [lambda x: x + 1, lambda x: x[:100, :100] + x[:100, :100].T, lambda x: (x + x.T).sum(1)]
)
def test_what_has_no_tiles(f):
    assert "tile0" not in source_of(f, np.ones((515, 515)))


#: Results of 16 MB and more: rows that begin at lines of the cache, and others.
LARGE = {np.float64: (1504, 1477), np.float32: (2112, 2063)}


@pytest.mark.parametrize("dtype", LARGE)
@pytest.mark.parametrize("name", ["x + x.T", "two arrays"])
def test_large_results_are_made_in_pairs_of_tiles_and_go_past_the_caches(name, dtype):
    f = FUNCTIONS[name]
    for n in LARGE[dtype]:
        x = RANDOM.standard_normal((n, n), dtype)
        source = source_of(f, x)
        assert "is_second" in source and f"stream_{x.dtype.name}(" in source
        wanted = fungrad.tree.leaves(f(x))
        for count in (1, 2):
            with fungrad.threads(count):
                for y, w in zip(fungrad.tree.leaves(fungrad.jit(f)(x)), wanted, strict=True):
                    np.testing.assert_array_equal(y, w)


def test_a_large_result_replaces_an_operand():
    x, z = RANDOM.standard_normal((2, 1600, 1600))
    f = fungrad.jit(lambda x, z: x.T + (x + z), donate_argnums=1)
    wanted = x.T + (x + z)
    np.testing.assert_array_equal(f(x, z.copy()), wanted)


def test_tiles_that_are_no_square_have_no_pairs():
    x = RANDOM.standard_normal((2000, 1100))
    f = lambda x: x.T * 2 + 1
    source = source_of(f, x)
    assert "is_second" not in source and "stream_float64(" in source
    np.testing.assert_array_equal(fungrad.jit(f)(x), f(x))


@pytest.mark.parametrize("dtype", LARGE)
@pytest.mark.parametrize("shape", [(2400, 2496), (2496, 2311), (2113, 2300)])
def test_a_matrix_is_transposed_as_a_whole(dtype, shape):
    x = RANDOM.standard_normal(shape, dtype)
    f = lambda x: x.T.copy()
    source = source_of(f, x)
    assert f"transpose_streamed_{x.dtype.name}(" in source and "tile0" not in source
    for count in (1, 2):
        with fungrad.threads(count):
            np.testing.assert_array_equal(fungrad.jit(f)(x), x.T)
    assert "streamed" not in source_of(f, x[:300, :300])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("is_reverse", [False, True])
def test_many_short_lines_advance_next_to_each_other(dtype, is_reverse):
    x = (5 * RANDOM.standard_normal((515, 33))).astype(dtype)
    x[3, 5], x[7, 2], x[9, 1] = -np.inf, np.inf, np.nan
    f = lambda x: fungrad.lax.cumlogsumexp(x, 1, reverse=is_reverse)
    assert f"transpose_{x.dtype.name}" in source_of(f, x)
    turned = x[:, ::-1] if is_reverse else x
    with np.errstate(invalid="ignore"):
        wanted = np.logaddexp.accumulate(turned.astype(np.float64), 1)
    wanted = wanted[:, ::-1] if is_reverse else wanted
    tolerance = 100 * np.finfo(dtype).eps
    np.testing.assert_allclose(fungrad.jit(f)(x), wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tiles_say_how_much_work_they_are(dtype):
    """The text has tiles of unknown sizes in it: 5792 x 5792 float32 counted as too little."""
    x = np.ones((515, 515), dtype)
    assert "operations" in source_of(lambda x: x + x.T, x)
