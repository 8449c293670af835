"""SciPy's sparse matrices as constants: products, Krylov methods, solutions by factors."""

import numpy as np
import pytest
import scipy.sparse

import fungrad.numpy as fnp
from fungrad import grad, hessian, jit, jvp, vmap
from fungrad.errors import ShapeError
from fungrad.scipy.sparse.linalg import cg, spsolve
from fungrad.testing import check_grads

RUN = pytest.mark.parametrize("run", [lambda f: f, jit], ids=["eager", "jit"])
RANDOM = np.random.default_rng(1)
FORMATS = ["csr", "csc", "coo", "dia", "bsr", "lil", "dok"]
A = scipy.sparse.random(5, 4, 0.5, random_state=0)
X, ROWS = RANDOM.normal(size=4), RANDOM.normal(size=(4, 3))
N = 9
POSITIVE = scipy.sparse.diags_array(
    [-np.ones(N - 1), 3 * np.ones(N), -np.ones(N - 1)], offsets=[-1, 0, 1]
)
GENERAL = (scipy.sparse.random(N, N, 0.3, random_state=0) + 2 * scipy.sparse.eye(N)).tocsc()
B = RANDOM.normal(size=N)


@RUN
@pytest.mark.parametrize("kind", FORMATS)
def test_products_in_every_format(run, kind):
    a, dense = A.asformat(kind), A.toarray()
    for x in (X, ROWS):
        np.testing.assert_allclose(run(lambda x: a @ x)(x), dense @ x)
        if kind != "coo":  # whose own dot calls nothing that could be recorded
            np.testing.assert_allclose(run(lambda x: a.dot(x))(x), dense @ x)
        np.testing.assert_allclose(run(lambda x: x.T @ a.T)(x), x.T @ dense.T)


@RUN
@pytest.mark.parametrize("x", [X, ROWS], ids=["vector", "columns"])
def test_derivatives_of_products(run, x):
    f = lambda x: fnp.sum(np.sin(A @ x)) + fnp.sum((x.T @ A.T) ** 3)
    check_grads(run(f), (x,), 2)
    dense = A.toarray()
    expected = hessian(lambda x: fnp.sum(np.sin(dense @ x)) + fnp.sum((x.T @ dense.T) ** 3))(x)
    np.testing.assert_allclose(run(hessian(f))(x), expected, atol=1e-12)


@RUN
def test_batches_and_dtypes_of_products(run):
    np.testing.assert_allclose(run(vmap(lambda x: A @ x))(ROWS.T), (A @ ROWS).T)
    whole = scipy.sparse.csr_array(np.array([[0, 2], [1, 0]]))
    found = run(lambda x: whole @ x)(np.array([1.5, 2.5], np.float32))
    assert found.dtype == (whole @ np.array([1.5, 2.5], np.float32)).dtype
    np.testing.assert_array_equal(found, [5.0, 1.5])
    turned = scipy.sparse.csr_array(np.array([[0, 2j], [1, 0]]))
    moved = run(lambda x: jvp(lambda x: turned @ x, (x,), (x,))[1])(np.array([1.5, 2.5]))
    np.testing.assert_array_equal(moved, [5j, 1.5])
    empty = scipy.sparse.csr_array((3, 2))
    np.testing.assert_array_equal(run(lambda x: empty @ x)(np.ones(2)), np.zeros(3))


def test_what_a_sparse_matrix_does_not_do():
    with pytest.raises(ShapeError, match="do not fit"):
        grad(lambda x: fnp.sum(A @ x))(np.ones(3))
    with pytest.raises(ShapeError, match="rank 1 or 2"):
        grad(lambda x: fnp.sum(A @ x))(np.ones((2, 4, 1)))
    with pytest.raises(TypeError, match=r"takes part in products: A @ x"):
        grad(lambda x: fnp.sum(fnp.add(A, x)))(np.ones((5, 4)))


@RUN
def test_krylov_methods_take_sparse_matrices(run):
    f = lambda b: fnp.sum(cg(POSITIVE, b, tol=1e-13)[0] ** 2)
    inverse = np.linalg.inv(POSITIVE.toarray())
    np.testing.assert_allclose(run(grad(f))(B), 2 * inverse @ inverse @ B, atol=1e-10)


@RUN
@pytest.mark.parametrize("b", [B, np.stack([B, B**2], 1)], ids=["vector", "columns"])
def test_solutions_by_factors(run, b):
    np.testing.assert_allclose(GENERAL @ run(lambda b: spsolve(GENERAL, b))(b), b, atol=1e-12)
    check_grads(run(lambda b: fnp.sum(np.sin(spsolve(GENERAL, b)))), (b,), 2)
    dense = GENERAL.toarray()
    rows = run(vmap(lambda b: spsolve(GENERAL, b)))(np.stack([b, -b]))
    np.testing.assert_allclose(rows[1], -np.linalg.solve(dense, b), atol=1e-12)
    z = run(lambda b: spsolve(GENERAL, b * 1j))(b)
    np.testing.assert_allclose(z, 1j * np.linalg.solve(dense, b), atol=1e-12)


def test_what_factors_cannot_solve():
    with pytest.raises(np.linalg.LinAlgError, match="spsolve"):
        spsolve(scipy.sparse.csc_array(np.zeros((2, 2))), np.ones(2))
    with pytest.raises(ShapeError, match="spsolve: A of shape"):
        spsolve(GENERAL, np.ones(3))
    with pytest.raises(TypeError, match="fungrad.numpy.linalg.solve takes arrays"):
        spsolve(np.eye(2), np.ones(2))
