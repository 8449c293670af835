"""cg, bicgstab and gmres: solutions, derivatives in both modes, pytrees, preconditioners."""

import numpy as np
import pytest

from fungrad import grad, jit, vmap
from fungrad.errors import ShapeError
from fungrad.scipy.sparse.linalg import bicgstab, cg, gmres
from fungrad.testing import check_grads

RANDOM = np.random.default_rng(0)
N = 12
GENERAL = RANDOM.normal(size=(N, N)) / 4 + 3 * np.eye(N)
POSITIVE = GENERAL @ GENERAL.T
HERMITIAN = POSITIVE + 1j * (GENERAL - GENERAL.T)
B = RANDOM.normal(size=N)
TIGHT = {"tol": 1e-13}
METHODS = [(cg, POSITIVE), (bicgstab, GENERAL), (gmres, GENERAL)]
NAMES = [m.__name__ for m, _ in METHODS]


@pytest.mark.parametrize("method, a", METHODS, ids=NAMES)
def test_solutions(method, a):
    expected = np.linalg.solve(a, B)
    for wrap in (lambda f: f, jit):
        x, info = wrap(lambda a, b: method(a, b, **TIGHT))(a, B)
        np.testing.assert_allclose(x, expected, atol=1e-11)
        assert info is None
    x, _ = method(lambda v: a @ v, B, x0=expected + 0.1, M=np.diag(1 / np.diag(a)), **TIGHT)
    np.testing.assert_allclose(x, expected, atol=1e-11)
    x, _ = method(a, B * 0)
    np.testing.assert_array_equal(x, B * 0)
    z = HERMITIAN if method is cg else a + 0.3j * POSITIVE / N
    np.testing.assert_allclose(method(z, B + 0j, **TIGHT)[0], np.linalg.solve(z, B), atol=1e-10)


@pytest.mark.parametrize("method, a", METHODS, ids=NAMES)
def test_derivatives(method, a):
    def f(a, b):
        return method((a + a.T) / 2 if method is cg else a, b, **TIGHT)[0]

    check_grads(f, (a, B), 1)
    expected = grad(lambda a, b: np.sum(np.linalg.solve(a, b) ** 2))(a, B)
    found = jit(grad(lambda a, b: np.sum(method(a, b, **TIGHT)[0] ** 2)))(a, B)
    np.testing.assert_allclose(found, expected, atol=1e-10)
    rows = vmap(lambda b: method(a, b, **TIGHT)[0])(np.stack([B, 2 * B]))
    np.testing.assert_allclose(rows[1], 2 * rows[0], atol=1e-10)


def test_pytrees_and_second_order():
    def operator(x):
        return {"u": 4 * x["u"] + x["v"], "v": x["u"] + 3 * x["v"]}

    b = {"u": np.array([1.0, 0.0]), "v": np.array([2.0, 1.0])}
    x, _ = cg(operator, b)
    np.testing.assert_allclose(operator(x)["u"], b["u"], atol=1e-10)
    check_grads(lambda d: cg(lambda v: (1 + d**2) * v + v.sum(), B, **TIGHT)[0], (np.ones(N),), 2)


def test_restarts_and_limits():
    few, _ = gmres(GENERAL, B, restart=3, tol=1e-12)
    np.testing.assert_allclose(GENERAL @ few, B, atol=1e-10)
    once, _ = cg(POSITIVE, B, maxiter=1)
    assert np.linalg.norm(POSITIVE @ once - B) > 1e-3


def test_errors():
    with pytest.raises(ShapeError, match="A must be a square matrix or a function"):
        cg(np.ones((2, 3)), np.ones(3))
    with pytest.raises(ShapeError, match="x0 has 2 elements, b has 3"):
        cg(np.eye(3), np.ones(3), x0=np.ones(2))
    with pytest.raises(ValueError, match="invalid solve_method"):
        gmres(np.eye(3), np.ones(3), solve_method="slow")
