"""BLAS and LAPACK as generated source calls them: every dtype, flag, stride and empty dimension."""

import itertools
import subprocess
import sys

import numpy as np
import pytest

from fungrad import threads
from fungrad.compiler.llvm import build
from fungrad.compiler.llvm.build import Array, Result, Scalar, entry

SIZES = Array("int64")
FLAGS = (0, 1)
TRANSPOSES = (0, 1, 2)


@pytest.fixture(autouse=True, scope="module")
def _fresh_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FUNGRAD_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        build.clear()
        yield


@pytest.fixture(params=["float32", "float64", "complex64", "complex128"])
def dtype(request):
    return np.dtype(request.param)


@pytest.fixture
def random(dtype):
    generator = np.random.default_rng(0)

    def make(*shape):
        real = generator.normal(size=shape)
        return (real + 1j * generator.normal(size=shape) if dtype.kind == "c" else real).astype(
            dtype
        )

    return make


def _close(x, y, scale=1.0):
    tolerance = scale * 100 * np.finfo(x.dtype).eps
    np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance)


def _transposed(a, how):
    return (a, a.T, a.conj().T)[how]


def _stored(random, rows, columns, how):
    return random(columns, rows) if how else random(rows, columns)


@pytest.mark.parametrize(
    "m, n, k", [(3, 4, 5), (17, 9, 33), (1, 1, 1), (0, 4, 5), (3, 0, 5), (3, 4, 0), (40, 30, 0)]
)
def test_gemm(dtype, random, m, n, k):
    source = f"""
def f(s, alpha, a, b, beta, c):
    return gemm_{dtype}(s[0], s[1], s[2], alpha, a, s[3], s[4], b, s[5], s[6], beta, c, s[7])
"""
    of = Array(dtype)
    gemm = entry(source, "f", (SIZES, Scalar(dtype), of, of, Scalar(dtype), of))
    for ta, tb in itertools.product(TRANSPOSES, TRANSPOSES):
        a, b, c = _stored(random, m, k, ta), _stored(random, k, n, tb), random(m, n)
        product = _transposed(a, ta) @ _transposed(b, tb)
        sizes = np.array([m, n, k, a.shape[1], ta, b.shape[1], tb, n])
        expected = 1.5 * product - 0.5 * c
        gemm(sizes, 1.5, a, b, -0.5, c)
        _close(c, expected)
        c[:] = np.nan
        gemm(sizes, 1, a, b, 0, c)
        _close(c, product)


@pytest.mark.parametrize("dtype", [np.dtype(np.float32), np.dtype(np.float64)], ids=str)
@pytest.mark.parametrize("m, n, k", [(64, 35, 50), (37, 66, 41), (16, 64, 7), (90, 90, 90)])
def test_small_products_of_rows_by_rows_are_those_of_rows_by_columns(dtype, random, m, n, k):
    """Bit for bit: the smaller operand is turned first, out of a larger array here."""
    source = f"""
def f(s, a, b, c):
    return gemm_{dtype}(s[0], s[1], s[2], 1.5, a, s[3], s[4], b, s[5], s[6], -0.5, c, s[1])
"""
    of = Array(dtype)
    gemm = entry(source, "f", (SIZES, of, of, of))
    a, b, c = random(m, k + 3), random(n, k + 6), random(m, n)
    expected, found, again = c.copy(), c.copy(), c.copy()
    if n <= m:
        columns = np.ascontiguousarray(b[:, :k].T)
        gemm(np.array([m, n, k, k + 3, 0, n, 0]), a, columns, expected)
    else:
        columns = np.ascontiguousarray(a[:, :k].T)
        gemm(np.array([m, n, k, m, 1, k + 6, 1]), columns, b, expected)
    gemm(np.array([m, n, k, k + 3, 0, k + 6, 1]), a, b, found)
    np.testing.assert_array_equal(found, expected)
    _close(found, 1.5 * a[:, :k] @ b[:, :k].T - 0.5 * again, scale=10)


@pytest.mark.parametrize("m, n, k", [(23, 31, 6001), (40, 1100, 100), (1100, 40, 100)])
def test_products_in_parts_are_the_same_on_every_number_of_threads(dtype, random, m, n, k):
    source = f"""
def f(s, alpha, a, b, beta, c):
    return gemm_{dtype}(s[0], s[1], s[2], alpha, a, s[3], s[4], b, s[5], s[6], beta, c, s[7])
"""
    of = Array(dtype)
    gemm = entry(source, "f", (SIZES, Scalar(dtype), of, of, Scalar(dtype), of))
    for ta, tb in itertools.product((0, 1), (0, 1)):
        a, b = _stored(random, m, k, ta), _stored(random, k, n, tb)
        sizes, made = np.array([m, n, k, a.shape[1], ta, b.shape[1], tb, n + 2]), []
        for count in (1, 2):
            c = np.ones((m, n + 2), dtype)
            with threads(count):
                gemm(sizes, 2, a, b, -0.5, c)
            made.append(c)
        np.testing.assert_array_equal(*made)
        product = _transposed(a, ta) @ _transposed(b, tb)
        _close(made[0][:, :n], 2 * product - dtype.type(0.5), scale=100)
        assert (made[0][:, n:] == 1).all()


@pytest.mark.parametrize("count", [0, 1, 3, 20])
def test_gemms(dtype, random, count):
    source = f"""
def f(s, a, b, c):
    return gemms_{dtype}(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8], s[9], s[10],
                         1, a, s[11], 1, b, s[12], 0, 1, c, s[13])
"""
    gemms = entry(source, "f", (SIZES, *[Array(dtype)] * 3))
    m, n, k = 40, 50, 30
    a, b, c = random(count, k, 2, m), random(2 * count, 2, k, n), random(count, 2, m, n)
    expected = c + a.transpose(0, 2, 3, 1) @ b[::2]
    near, far = (m, k * n, m * n), (2 * k * m, 4 * k * n, 2 * m * n)
    gemms(np.array([2 * count, 2, *near, *far, m, n, k, 2 * m, n, n]), a, b, c)
    _close(c, expected)


def test_gemm_of_parts_of_larger_arrays(dtype, random):
    source = f"""
def f(a, b, c):
    return gemm_{dtype}(2, 3, 4, 1.0, offset(a, 1), 7, 0, b, 5, 1, 0.0, c, 6)
"""
    a, b, c = random(2, 7), random(3, 5), random(2, 6)
    rest = c[:, 3:].copy()
    entry(source, "f", (Array(dtype),) * 3)(a, b, c)
    _close(c[:, :3], a[:, 1:5] @ b[:, :4].T)
    np.testing.assert_array_equal(c[:, 3:], rest)


@pytest.mark.parametrize("m, n", [(3, 4), (20, 7), (1, 1), (0, 3), (3, 0)])
def test_gemv(dtype, random, m, n):
    source = f"""
def f(s, alpha, a, x, beta, y):
    return gemv_{dtype}(s[0], s[1], alpha, a, s[1], s[2], x, s[3], beta, y, s[4])
"""
    of = Array(dtype)
    gemv = entry(source, "f", (SIZES, Scalar(dtype), of, of, Scalar(dtype), of))
    for ta, (incx, incy) in itertools.product(FLAGS, [(1, 1), (2, 3)]):
        a, x, y = random(m, n), random(m if ta else n, incx), random(n if ta else m, incy)
        product = _transposed(a, ta) @ x[:, 0]
        expected = 2 * product + 0.5 * y[:, 0]
        sizes = np.array([m, n, ta, incx, incy])
        gemv(sizes, 2, a, x, 0.5, y)
        _close(y[:, 0], expected)
        y[:] = np.nan
        gemv(sizes, 1, a, x, 0, y)
        _close(y[:, 0], product)


@pytest.mark.parametrize("m, n", [(3, 4), (40, 37), (0, 3), (3, 0)])
def test_ger(dtype, random, m, n):
    source = f"""
def f(s, x, y, a):
    return ger_{dtype}(s[0], s[1], 2.0, x, 1, y, 1, a, s[1])
"""
    x, y, a = random(m), random(n), random(m, n)
    expected = a + 2 * np.outer(x, y)
    entry(source, "f", (SIZES, *[Array(dtype)] * 3))(np.array([m, n]), x, y, a)
    _close(a, expected)


@pytest.mark.parametrize("n, incx, incy", [(0, 1, 1), (1, 1, 1), (100, 1, 1), (33, 2, 3)])
def test_dot(dtype, random, n, incx, incy):
    source = f"""
def f(n, x, incx, y, incy, r):
    return dot_{dtype}(n, x, incx, y, incy, r)
"""
    size = Scalar("int64")
    dot = entry(source, "f", (size, Array(dtype), size, Array(dtype), size, Result(dtype)))
    x, y = random(n, incx), random(n, incy)
    _close(dot(n, x, incx, y, incy), (x[:, 0] * y[:, 0]).sum(), scale=10)


@pytest.mark.parametrize("lower", FLAGS)
def test_potrf(dtype, random, lower):
    source = f"def f(lower, n, a):\n    return potrf_{dtype}(lower, n, a, n)"
    arguments = (Scalar("int64"), Scalar("int64"), Array(dtype))
    potrf = entry(source, "f", arguments, on_error=lambda status: status)
    a = random(6, 6)
    positive = a @ a.conj().T + 6 * np.eye(6, dtype=dtype)
    factor = np.linalg.cholesky(positive)
    if lower:
        expected = np.tril(factor) + np.triu(positive, 1)
    else:
        expected = np.triu(factor.conj().T) + np.tril(positive, -1)
    assert potrf(lower, 6, positive) is None
    _close(positive, expected, scale=10)
    assert potrf(lower, 0, positive) is None
    assert potrf(lower, 3, np.diag([1, 1, -1]).astype(dtype)) == 3


def test_trsm(dtype, random):
    source = f"""
def f(s, a, b):
    return trsm_{dtype}(s[0], s[1], s[2], s[3], s[4], s[5], 2.0, a, s[6], b, s[5])
"""
    trsm = entry(source, "f", (SIZES, Array(dtype), Array(dtype)))
    flags = itertools.product(FLAGS, FLAGS, TRANSPOSES, FLAGS, [(4, 3), (1, 5), (0, 3), (3, 0)])
    for left, lower, ta, unit, (m, n) in flags:
        k = m if left else n
        a, b = random(k, k) / 8 + 2 * np.eye(k, dtype=dtype), random(m, n)
        triangle = np.tril(a) if lower else np.triu(a)
        if unit:
            np.fill_diagonal(triangle, 1)
        inverse = np.linalg.inv(_transposed(triangle, ta))
        expected = 2 * (inverse @ b if left else b @ inverse)
        trsm(np.array([left, lower, ta, unit, m, n, k]), a, b)
        _close(b, expected, scale=10)


def test_getrf_and_getrs(dtype, random):
    source = f"""
def f(n, how, columns, a, pivots, b):
    status = getrf_{dtype}(n, n, a, n, pivots)
    if status != 0:
        return status
    return getrs_{dtype}(how, n, columns, a, n, pivots, b, n)
"""
    size = Scalar("int64")
    arguments = (size, size, size, Array(dtype), Array("int32"), Array(dtype))
    solve = entry(source, "f", arguments, on_error=lambda status: status)
    for how in TRANSPOSES:
        a, b = random(5, 5), random(5, 2)
        x = b.T.copy()
        assert solve(5, how, 2, a.T.copy(), np.empty(5, np.int32), x) is None
        _close(x.T, np.linalg.solve(_transposed(a, how), b), scale=100)
    assert solve(2, 0, 1, np.zeros((2, 2), dtype), np.empty(2, np.int32), random(2)) == 1


def test_sizes_beyond_32_bits_are_refused():
    source = "def f(n, x, r):\n    return dot_float64(n, x, 1, x, 1, r)"
    arguments = (Scalar("int64"), Array("float64"), Result("float64"))
    dot = entry(source, "f", arguments, on_error=lambda status: status)
    assert dot(2**31, np.ones(1)) == dot(-1, np.ones(1)) == -2
    assert dot(1, np.ones(1)) == 1.0


def test_scipy_linalg_can_be_imported_afterwards():
    program = """
import sys
from fungrad.compiler.products import blas
dgemm, dpotrf = blas.address("dgemm"), blas.address("dpotrf")
assert "scipy.linalg" not in sys.modules
import scipy.linalg, scipy.linalg.cython_blas, scipy.linalg.cython_lapack
assert scipy.linalg.cython_blas.__pyx_capi__ and scipy.linalg.inv([[2.0]]) == 0.5
blas.address.cache_clear()
assert (blas.address("dgemm"), blas.address("dpotrf")) == (dgemm, dpotrf)
"""
    subprocess.run([sys.executable, "-c", program], check=True)
