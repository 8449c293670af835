"""Large products by tiles: panels of operands in any layout, edges, sums in stretches."""

import ctypes

import numpy as np
import pytest

import fungrad
import fungrad.numpy as fnp
from fungrad.compiler.products import packed
from fungrad.compiler.products.packing import Shape

pytestmark = pytest.mark.skipif(
    Shape.of("float32") is None, reason="this machine has no long vectors: all products are BLAS's"
)
GAP = 3  # elements between rows, which nobody may write

#: Smaller and larger than tiles and squares, of which none divides them; sums of several stretches.
SIZES = [(50, 100, 700), (33, 1600, 64), (1601, 50, 390), (133, 131, 385), (390, 396, 33), (41, 160, 170)]
SIZES += [(1, 1, 1), (7, 47, 5), (9, 4900, 321), (96, 24, 1), (0, 3, 4), (3, 0, 4)]  # BLAS's


def _address(x):
    return x.ctypes.data


def _function(dtype):
    routine = packed.routine(f"product_{dtype}")
    factor = ctypes.c_float if dtype == "float32" else ctypes.c_double
    kinds = [ctypes.c_int64] * 15
    kinds[4] = factor
    return routine, ctypes.CFUNCTYPE(*kinds)(routine.address)


def _operand(generator, rows, columns, is_transposed, dtype):
    """A matrix, its memory with gaps between rows, and the distance of these."""
    shape = (columns, rows) if is_transposed else (rows, columns)
    memory = generator.normal(size=(shape[0], shape[1] + GAP)).astype(dtype)
    matrix = memory[:, : shape[1]]
    return (matrix.T if is_transposed else matrix), memory, memory.shape[1]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("ta", [0, 1])
@pytest.mark.parametrize("tb", [0, 1])
def test_products_of_all_layouts(dtype, ta, tb):
    kept, product = _function(dtype)
    generator = np.random.default_rng(0)
    for (m, n, k), adds in [(sizes, i % 2) for i, sizes in enumerate(SIZES)]:
        x, a, lda = _operand(generator, m, k, ta, dtype)
        y, b, ldb = _operand(generator, k, n, tb, dtype)
        z, c, ldc = _operand(generator, m, n, 0, dtype)
        expected, gaps = x.astype(float) @ y.astype(float), c[:, n:].copy()
        expected = z - 2 * expected if adds else -2 * expected
        if not adds:
            z[...] = np.nan  # is not read
        scratch = np.full(packed.scratch_size(np.dtype(dtype), m, n, k), np.nan, dtype)
        places = [_address(array) for array in (a, b, c, scratch)]
        product(m, n, k, -2.0, places[0], lda, ta, places[1], ldb, tb, adds, places[2], ldc,
            places[3])  # fmt: skip
        bound = np.finfo(dtype).eps * (np.abs(x) @ np.abs(y) + 1) * (4 + k**0.5)
        assert np.all(np.abs(z - expected) <= bound), (m, n, k)
        np.testing.assert_array_equal(c[:, n:], gaps)


@pytest.mark.parametrize("spec", ["ij,jk->ik", "ji,jk->ik", "ij,kj->ki", "bij,bjk->bik"])
def test_compiled_programs_use_them(spec):
    generator = np.random.default_rng(1)
    sizes = {"i": 280, "j": 270, "k": 90, "b": 2}
    x, y = (
        generator.normal(size=[sizes[i] for i in labels])
        for labels in spec.partition("->")[0].split(",")
    )
    f = fungrad.jit(lambda x, y: fnp.einsum(spec, x, y))
    assert "product_float64(" in f.lower(x, y).compile().as_text()
    np.testing.assert_allclose(f(x, y), np.einsum(spec, x, y), rtol=1e-11, atol=1e-11)


def test_products_are_added_to_what_is_there():
    generator = np.random.default_rng(2)
    total, x, y = (generator.normal(size=shape) for shape in ((330, 240), (330, 250), (250, 240)))
    f = fungrad.jit(lambda total, x, y: total - x @ y)
    np.testing.assert_allclose(f(total, x, y), total - x @ y, rtol=1e-11, atol=1e-11)


def test_threads_do_not_change_results():
    generator = np.random.default_rng(3)
    x, y = (generator.normal(size=shape).astype("float32") for shape in ((200, 700), (700, 300)))
    f = fungrad.jit(lambda x, y: x @ y)
    results = []
    for n in (1, 2, 3):
        with fungrad.threads(n):
            results.append(f(x, y))
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


def test_a_thin_batch_has_the_source_of_a_thick_one():
    f = fungrad.jit(lambda x, w: x @ w)
    w = np.ones((784, 512), "float32")
    texts = {f.lower(np.ones((n, 784), "float32"), w).compile().as_text() for n in (20, 200, 2000)}
    assert len(texts) == 1


def test_no_row_of_zeros_hides_what_is_not_finite():
    x, y = np.zeros((230, 340)), np.ones((340, 150))
    y[3, 7], y[4, 9] = np.inf, np.nan
    result = fungrad.jit(lambda x, y: x @ y)(x, y)
    assert np.isnan(result[:, 7]).all() and np.isnan(result[:, 9]).all()
    assert np.count_nonzero(np.delete(result, [7, 9], axis=1)) == 0
