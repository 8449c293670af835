"""Fixed points by while_loop, differentiated through the loop and by a rule of one's own."""

from functools import partial

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import custom_jvp, custom_vjp, grad, hessian, jit, jvp, lax, vjp, vmap
from fungrad.errors import CustomRuleError

EAGER_AND_COMPILED = pytest.mark.parametrize("run", [lambda f: f, jit], ids=["eager", "jit"])


# ---- the rule of the implicit function theorem, as in JAX's documentation of custom_vjp


def iterate(f, a, x_init):
    """The limit of x = f(a, x), by iteration until it moves no more."""

    def goes_on(carry):
        x_prev, x = carry
        return fnp.abs(x_prev - x) > 1e-12

    def body(carry):
        _, x = carry
        return x, f(a, x)

    return lax.while_loop(goes_on, body, (x_init, f(a, x_init)))[1]


@partial(custom_vjp, nondiff_argnums=(0,))
def fixed_point(f, a, x_guess):
    return iterate(f, a, x_guess)


def fixed_point_fwd(f, a, x_init):
    x_star = fixed_point(f, a, x_init)
    return x_star, (a, x_star)


def fixed_point_rev(f, residuals, x_star_bar):
    a, x_star = residuals
    _, vjp_a = vjp(lambda a: f(a, x_star), a)
    (a_bar,) = vjp_a(
        fixed_point(partial(rev_iter, f), (a, x_star, x_star_bar), x_star_bar)
    )
    return a_bar, fnp.zeros_like(x_star)


def rev_iter(f, packed, u):
    a, x_star, x_star_bar = packed
    _, vjp_x = vjp(lambda x: f(a, x), x_star)
    return x_star_bar + vjp_x(u)[0]


fixed_point.defvjp(fixed_point_fwd, fixed_point_rev)


@partial(custom_vjp, nondiff_argnums=(0,))
def scalar_fixed_point(f, a, x_guess):
    return iterate(f, a, x_guess)


def scalar_fwd(f, a, x_init):
    x_star = scalar_fixed_point(f, a, x_init)
    return x_star, (a, x_star)


def scalar_rev(f, residuals, x_star_bar):
    """The adjoint equation of a scalar solved at once: x_bar / (1 - df/dx)."""
    a, x_star = residuals
    _, vjp_both = vjp(f, a, x_star)
    _, slope = vjp_both(fnp.ones_like(x_star))
    a_bar, _ = vjp_both(x_star_bar / (1 - slope))
    return a_bar, None


scalar_fixed_point.defvjp(scalar_fwd, scalar_rev)


def newton_sqrt(solve, a):
    def update(a, x):
        return 0.5 * (x + a / x)

    return solve(update, a, a)


SOLVERS = pytest.mark.parametrize(
    "solve", [fixed_point, scalar_fixed_point, iterate], ids=["rule", "scalar rule", "loop"]
)


@EAGER_AND_COMPILED
@SOLVERS
def test_square_root_by_newton(solve, run):
    def root(a):
        return newton_sqrt(solve, a)

    assert run(root)(2.0) == pytest.approx(np.sqrt(2), rel=1e-12)
    assert run(grad(root))(2.0) == pytest.approx(1 / (2 * np.sqrt(2)), rel=1e-10)
    assert run(grad(grad(root)))(2.0) == pytest.approx(-1 / (4 * 2**1.5), rel=1e-8)


@EAGER_AND_COMPILED
@pytest.mark.parametrize("solve", [scalar_fixed_point, iterate], ids=["scalar rule", "loop"])
def test_forward_mode_too(solve, run):
    """Through the loop, and by the transpose of a rule that is linear in the cotangent."""

    def root(a):
        return newton_sqrt(solve, a)

    value, tangent = run(lambda a: jvp(root, (a,), (1.0,)))(2.0)
    assert value == pytest.approx(np.sqrt(2), rel=1e-12)
    assert tangent == pytest.approx(1 / (2 * np.sqrt(2)), rel=1e-10)
    second = run(lambda a: jvp(grad(root), (a,), (1.0,))[1])(2.0)
    assert second == pytest.approx(-1 / (4 * 2**1.5), rel=1e-8)


def test_a_rule_that_iterates_on_the_cotangent_has_no_forward_mode():
    """How often its loop runs depends on the cotangent, so that it is not linear in it."""
    with pytest.raises(CustomRuleError, match="fixed_point.*linear.*custom_jvp"):
        jvp(lambda a: newton_sqrt(fixed_point, a), (2.0,), (1.0,))


@SOLVERS
def test_under_vmap(solve):
    """Each row stops when it has converged; the number of steps differs between rows."""
    a = np.array([0.01, 2.0, 1e4])
    derivative = vmap(grad(lambda a: newton_sqrt(solve, a)))(a)
    np.testing.assert_allclose(derivative, 1 / (2 * np.sqrt(a)), rtol=1e-8)
    compiled = jit(vmap(grad(lambda a: newton_sqrt(solve, a))))(a)
    np.testing.assert_allclose(compiled, derivative, rtol=1e-10)


# ---- a vector: x = tanh(W x + b)


def equilibrium(parameters):
    def step(x):
        return fnp.tanh(parameters["W"] @ x + parameters["b"])

    def goes_on(state):
        x, before, n = state
        return (n < 500) & (fnp.max(fnp.abs(x - before)) > 1e-14)

    def body(state):
        x, _, n = state
        return step(x), x, n + 1

    start = fnp.zeros_like(parameters["b"])
    return lax.while_loop(goes_on, body, (start + 1.0, start, 0))[0]


@EAGER_AND_COMPILED
def test_equilibrium_of_a_network(run):
    generator = np.random.default_rng(5)
    parameters = {"W": 0.25 * generator.normal(size=(4, 4)), "b": generator.normal(size=4)}
    x = equilibrium(parameters)
    np.testing.assert_allclose(x, np.tanh(parameters["W"] @ x + parameters["b"]), atol=1e-13)
    gradient = run(grad(lambda p: fnp.sum(equilibrium(p) ** 2)))(parameters)
    # x = tanh(W x + b), D = 1 - x**2: dx = (I - D W)^-1 D (dW x + db)
    D = np.diag(1 - x * x)
    adjoint = D @ np.linalg.solve((np.eye(4) - D @ parameters["W"]).T, 2 * x)
    np.testing.assert_allclose(gradient["b"], adjoint, rtol=1e-9)
    np.testing.assert_allclose(gradient["W"], np.outer(adjoint, x), rtol=1e-9, atol=1e-12)


# ---- the solver hidden behind custom_jvp


@custom_jvp
def cube_root(a):
    return lax.while_loop(
        lambda x: fnp.abs(x**3 - a) > 1e-13 * a, lambda x: x - (x**3 - a) / (3 * x**2), a * 0 + 1.0
    )


@cube_root.defjvp
def cube_root_jvp(primals, tangents):
    (a,), (t,) = primals, tangents
    x = cube_root(a)
    return x, t / (3 * x**2)


@EAGER_AND_COMPILED
def test_a_forward_rule_serves_reverse_mode(run):
    assert run(cube_root)(5.0) == pytest.approx(5 ** (1 / 3), rel=1e-12)
    assert run(grad(cube_root))(5.0) == pytest.approx(5 ** (-2 / 3) / 3, rel=1e-12)
    assert run(grad(grad(cube_root)))(5.0) == pytest.approx(-2 / 9 * 5 ** (-5 / 3), rel=1e-11)
    assert run(hessian(cube_root))(5.0) == pytest.approx(-2 / 9 * 5 ** (-5 / 3), rel=1e-11)


# ---- Newton's method in a Python while, under grad


def newton(f, x):
    """A root of f, by Newton's method in plain Python."""
    derivative = grad(f)
    while abs(f(x)) > 1e-12:
        x = x - f(x) / derivative(x)
    return x


def test_newton_in_a_python_while():
    assert newton(lambda x: x**3 - 2.0, 1.0) == pytest.approx(2 ** (1 / 3), rel=1e-12)


def test_the_derivative_of_a_root_found_in_a_python_while():
    """The steps are differentiated, with f's own gradient inside them."""

    def root(a):
        return newton(lambda x: x**3 - a, a)

    assert grad(root)(2.0) == pytest.approx(2 ** (-2 / 3) / 3, rel=1e-9)
    assert grad(grad(root))(2.0) == pytest.approx(-2 / 9 * 2 ** (-5 / 3), rel=1e-6)
    assert jvp(root, (2.0,), (1.0,))[1] == pytest.approx(2 ** (-2 / 3) / 3, rel=1e-9)


def test_kepler_in_a_python_while():
    """E - e sin E = M: dE/dM = 1 / (1 - e cos E), dE/de = sin E / (1 - e cos E)."""

    def eccentric_anomaly(M, e):
        E, step = M, 1.0
        while abs(step) > 1e-13:
            step = (E - e * np.sin(E) - M) / (1 - e * np.cos(E))
            E = E - step
        return E

    M, e = 1.2, 0.4
    E = eccentric_anomaly(M, e)
    dM, de = grad(eccentric_anomaly, (0, 1))(M, e)
    assert dM == pytest.approx(1 / (1 - e * np.cos(E)), rel=1e-10)
    assert de == pytest.approx(np.sin(E) / (1 - e * np.cos(E)), rel=1e-10)
