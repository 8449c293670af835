"""custom_root and custom_linear_solve: derivatives through the equation, in both modes."""

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import grad, jacfwd, jacrev, jit, lax, vjp, vmap
from fungrad.errors import LinearityError, ShapeError, TreeMismatchError
from fungrad.testing import check_grads

A = np.array([[3.0, 0.5, -0.2], [0.1, 2.0, 0.4], [-0.3, 0.2, 4.0]])
B = np.array([1.0, -2.0, 0.5])


def jacobi(matvec, b):
    """Fifty steps of Jacobi's iteration, whose derivative nobody should take."""
    diagonal = fnp.array([3.0, 2.0, 4.0])

    def body(carry):
        i, x = carry
        return i + 1, x + (b - matvec(x)) / diagonal

    return lax.while_loop(lambda carry: carry[0] < 50, body, (0, fnp.zeros(3)))[1]


def solution(a, b, **options):
    return lax.custom_linear_solve(lambda x: a @ x, b, jacobi, **options)


def solved(a, b):
    return solution(a, b, transpose_solve=jacobi)


@pytest.mark.parametrize("run", [lambda f: f, jit], ids=["eager", "jit"])
def test_linear_solutions_have_derivatives_of_both_modes_and_orders(run):
    np.testing.assert_allclose(run(solved)(A, B), np.linalg.solve(A, B), rtol=1e-12)
    check_grads(run(solved), (A, B), order=2, atol=1e-5, rtol=1e-5)
    inverse = np.linalg.inv(A)
    np.testing.assert_allclose(run(jacfwd(solved, 1))(A, B), inverse, rtol=1e-10)
    np.testing.assert_allclose(run(jacrev(solved, 1))(A, B), inverse, rtol=1e-10)


def test_batches_of_linear_solutions():
    many, rights = np.stack([A, A + 0.1, A.T]), np.stack([B, 2 * B, -B])
    wanted = np.linalg.solve(many, rights[..., None])[..., 0]
    np.testing.assert_allclose(vmap(solved)(many, rights), wanted, rtol=1e-12)
    np.testing.assert_allclose(
        jit(vmap(solved, (None, 0)))(A, rights)[1], np.linalg.solve(A, 2 * B)
    )
    loss = lambda a, b: (solved(a, b) ** 2).sum()
    rows = [grad(loss)(a, b) for a, b in zip(many, rights, strict=True)]
    np.testing.assert_allclose(jit(vmap(grad(loss)))(many, rights), rows, rtol=1e-9)


def test_symmetric_solutions_and_pytrees():
    def f(c, b):
        matvec = lambda x: {"u": 2 * x["u"] + c * x["v"], "v": c * x["u"] + 3 * x["v"]}

        def solve(matvec, b):
            determinant = 6 - c * c
            x = {"u": 3 * b["u"] - c * b["v"], "v": 2 * b["v"] - c * b["u"]}
            return {k: v / determinant for k, v in x.items()}

        x = lax.custom_linear_solve(matvec, b, solve, symmetric=True)
        return x["u"] - x["v"]

    check_grads(f, (0.7, {"u": 1.5, "v": -0.5}), order=2)
    check_grads(jit(f), (0.7, {"u": 1.5, "v": -0.5}), order=1)


def test_what_the_solver_returns_besides():
    def f(a):
        solve = lambda matvec, b: (b / matvec(1.0), {"steps": 7, "residual": a * 2})
        return lax.custom_linear_solve(lambda x: a * x, 6.0, solve, solve, has_aux=True)

    for run in (f, jit(f)):
        x, aux = run(2.0)
        assert x == 3 and aux["steps"] == 7 and aux["residual"] == 4
    value, pull = vjp(lambda a: f(a)[0], 2.0)
    assert pull(1.0) == (-1.5,)


def test_a_solver_without_its_transpose_has_forward_mode_only():
    np.testing.assert_allclose(jacfwd(solution, 1)(A, B), np.linalg.inv(A), rtol=1e-10)
    with pytest.raises(LinearityError, match="needs transpose_solve="):
        jacrev(solution, 1)(A, B)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ShapeError, match="matvec returned f64.2., b has f64.3."):
        jit(lambda b: lax.custom_linear_solve(lambda x: x[:2], b, lambda mv, b: b))(B)
    with pytest.raises(TreeMismatchError, match="solve returned the structure"):
        lax.custom_linear_solve(lambda x: x, B, lambda mv, b: (b,))


# ---- roots


def newton(f, x):
    """Newton's method for a function of one variable."""
    slope = grad(f)

    def body(carry):
        x, _ = carry
        step = f(x) / slope(x)
        return x - step, step

    first = (x, fnp.ones_like(x))
    return lax.while_loop(lambda carry: fnp.abs(carry[1]) > 1e-14, body, first)[0]


def scalar_solve(g, y):
    return y / g(1.0)


def cube_root(a, b=0.0):
    return lax.custom_root(lambda x: x**3 - a + b * x, 1.5, newton, scalar_solve)


@pytest.mark.parametrize("run", [lambda f: f, jit], ids=["eager", "jit"])
def test_roots_have_derivatives_of_both_modes_and_orders(run):
    np.testing.assert_allclose(run(cube_root)(8.0), 2.0)
    np.testing.assert_allclose(run(grad(cube_root))(8.0), 1 / 12)
    np.testing.assert_allclose(run(grad(grad(cube_root)))(8.0), -2 / 9 * 8.0 ** (-5 / 3))
    check_grads(run(cube_root), (8.0, 0.3), order=2)


def test_batches_of_roots():
    a = np.array([1.0, 8.0, 27.0])
    np.testing.assert_allclose(jit(vmap(cube_root))(a), [1, 2, 3])
    np.testing.assert_allclose(vmap(grad(cube_root))(a), 1 / (3 * np.cbrt(a) ** 2))


def by_cramer(m, y):
    """The solution of two equations."""
    (a, b), (c, d) = m
    return fnp.stack([d * y[0] - b * y[1], a * y[1] - c * y[0]]) / (a * d - b * c)


def test_roots_of_systems_by_any_solver():
    """Python's own loops may search for the root in eager code, and a dense solver does the rest."""
    m, right = A[:2, :2], B[:2]

    def solve(f, x):
        for _ in range(50):
            step = by_cramer(jacfwd(f)(x), f(x))
            x = x - step
            if np.abs(step).max() < 1e-13:
                return x
        raise AssertionError("no convergence")

    def root(m):
        f = lambda x: m @ x + 0.1 * x**3 - right
        return lax.custom_root(f, np.zeros(2), solve, lambda g, y: by_cramer(jacfwd(g)(y), y))

    x = root(m)
    np.testing.assert_allclose(m @ x + 0.1 * x**3, right, atol=1e-12)
    check_grads(root, (m,), order=1)


def test_what_the_solver_of_roots_returns_besides():
    def f(a):
        solve = lambda f, x: (newton(f, x), 5)
        return lax.custom_root(lambda x: x * x - a, 1.0, solve, scalar_solve, has_aux=True)

    assert f(4.0) == (2.0, 5)
    slope, aux = grad(f, has_aux=True)(4.0)
    assert (slope, aux) == (0.25, 5)
