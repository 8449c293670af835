"""Compiled linear algebra around the sizes where loops give way to LAPACK."""

import numpy as np
import pytest
import scipy.linalg

import fungrad.numpy as fnp
import fungrad.scipy.linalg as fsl
from fungrad import jit, lax, threads
from fungrad.compiler.linalg.blocked_factors import LARGE
from fungrad.compiler.linalg.lapack import SMALL, SMALL_TRIANGULAR

SIZES = sorted({n + k for n in (SMALL, SMALL_TRIANGULAR) for k in (0, 1)})
RANDOM = np.random.default_rng(11)


def everything(a, b):
    la = fnp.linalg
    positive = a @ fnp.swapaxes(a.conj(), -1, -2) + np.eye(a.shape[-1])
    return [
        la.solve(a, b),
        la.solve(fnp.swapaxes(a, -1, -2), b),
        la.inv(a),
        la.cholesky(positive),
        fsl.solve_triangular(positive, b),
        fsl.solve_triangular(positive, b, trans=2, lower=True),
        *la.qr(a),
        la.qr(a[..., :-2], mode="complete").Q,
        *fsl.lu_factor(a),
        la.slogdet(a).logabsdet,
        fsl.expm(a / 10),
    ]


@pytest.mark.parametrize("dtype", [np.float64, np.complex64])
def test_sizes_around_the_limits(dtype):
    compiled = jit(everything)
    for n in SIZES:
        a = RANDOM.normal(size=(2, n, n)) + 4 * np.eye(n)
        a = (a + (1j * RANDOM.normal(size=a.shape) if dtype == np.complex64 else 0)).astype(dtype)
        b = a[..., :3].copy()
        tolerance = 1e-11 if dtype == np.float64 else 2e-3
        for k, (x, y) in enumerate(zip(compiled(a, b), everything(a, b), strict=True)):
            scale = np.abs(y).max()
            assert np.abs(x - y).max() <= tolerance * scale, (k, n)


def test_rows_of_zeros_and_columns_that_are_done():
    """Reflectors that are 1, pivots of equal size, and elements at the ends of the range."""
    for a in (np.zeros((3, 2)), np.eye(3), np.ones((3, 3)), 1e200 * np.ones((2, 2)), np.eye(4, 2)):
        for x, y in zip(jit(fnp.linalg.qr)(a), np.linalg.qr(a), strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-14, atol=1e-14 * max(1, np.abs(y).max()))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_factors_in_blocks_do_not_depend_on_threads(dtype):
    n = LARGE + 7
    a = RANDOM.normal(size=(2 if dtype == np.float32 else 1, n, n))
    a = (a + (1j * RANDOM.normal(size=a.shape) if dtype == np.complex128 else 0)).astype(dtype)
    positive = (a @ fnp.swapaxes(a.conj(), -1, -2) / n + np.eye(n)).astype(dtype)
    compiled = jit(lambda a, p: (fnp.linalg.cholesky(p), *fsl.lu_factor(a)))
    found = []
    for count in (1, 2):
        with threads(count):
            found.append(compiled(a, positive))
    for x, y in zip(*found, strict=True):
        np.testing.assert_array_equal(x, y)
    factor, lu, pivots = found[0]
    tolerance = 2e-4 if dtype == np.float32 else 1e-12
    assert not np.triu(factor, 1).any()
    for k in range(len(a)):
        product = factor[k] @ factor[k].conj().T
        np.testing.assert_allclose(product, positive[k], rtol=0, atol=tolerance)
        rows = np.arange(n)
        for i, other in enumerate(pivots[k]):
            rows[[i, other]] = rows[[other, i]]
        lower = np.tril(lu[k], -1) + np.eye(n)
        assert np.abs(lower).max() < 1.5  # the largest element is the pivot
        difference = np.abs(lower @ np.triu(lu[k]) - a[k][rows]).max()
        assert difference <= 100 * tolerance


@pytest.mark.parametrize("shape", [(LARGE, LARGE + 20), (LARGE + 20, LARGE)])
def test_blocks_of_matrices_that_are_not_square(shape):
    m, n = shape
    a = RANDOM.normal(size=shape)
    lu, pivots, _ = jit(lax.linalg.lu)(a)
    wanted, places = scipy.linalg.lu_factor(a)
    np.testing.assert_array_equal(pivots, places)
    np.testing.assert_allclose(lu, wanted, atol=1e-9)


@pytest.mark.parametrize("place", [3, LARGE - 1])
def test_a_large_matrix_that_is_not_positive_definite(place):
    a = np.eye(LARGE)
    a[place, place] = -1
    with pytest.raises(np.linalg.LinAlgError):
        jit(fnp.linalg.cholesky)(a)
