"""Compiled linear algebra around the sizes where loops give way to LAPACK."""

import numpy as np
import pytest

import fungrad.numpy as fnp
import fungrad.scipy.linalg as fsl
from fungrad import jit
from fungrad.compiler.lapack import SMALL, SMALL_TRIANGULAR

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
