"""Functions and gradients given to SciPy's optimisers as they are, without conversions."""

import numpy as np
import pytest
import scipy.optimize

import fungrad.numpy as fnp
from fungrad import grad, hessian, hvp, jacrev, jit, value_and_grad
from fungrad.flatten_util import ravel_pytree

EAGER_AND_COMPILED = pytest.mark.parametrize("run", [lambda f: f, jit], ids=["eager", "jit"])


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


START = np.array([1.3, 0.7, 0.8, 1.9, 1.2])


def test_the_gradient_is_that_of_scipy():
    np.testing.assert_allclose(grad(rosenbrock)(START), scipy.optimize.rosen_der(START), rtol=1e-12)
    np.testing.assert_allclose(
        hessian(rosenbrock)(START), scipy.optimize.rosen_hess(START), rtol=1e-12
    )


@EAGER_AND_COMPILED
@pytest.mark.parametrize("method", ["BFGS", "L-BFGS-B", "CG", "TNC"])
def test_minimize_with_a_gradient(method, run):
    limit = {"maxfun" if method == "TNC" else "maxiter": 1000}
    result = scipy.optimize.minimize(
        rosenbrock, START, method=method, jac=run(grad(rosenbrock)), options=limit
    )
    np.testing.assert_allclose(result.x, np.ones(5), atol=1e-3)


@EAGER_AND_COMPILED
def test_minimize_with_value_and_gradient_in_one(run):
    result = scipy.optimize.minimize(
        run(value_and_grad(rosenbrock)), START, method="BFGS", jac=True
    )
    np.testing.assert_allclose(result.x, np.ones(5), atol=1e-4)


@EAGER_AND_COMPILED
def test_minimize_with_second_derivatives(run):
    by_hessian = scipy.optimize.minimize(
        rosenbrock,
        START,
        method="trust-exact",
        jac=run(grad(rosenbrock)),
        hess=run(hessian(rosenbrock)),
    )
    by_product = scipy.optimize.minimize(
        rosenbrock,
        START,
        method="Newton-CG",
        jac=run(grad(rosenbrock)),
        hessp=run(lambda x, v: hvp(rosenbrock, (x,), (v,))),
    )
    np.testing.assert_allclose(by_hessian.x, np.ones(5), atol=1e-3)
    np.testing.assert_allclose(by_product.x, np.ones(5), atol=1e-3)


@EAGER_AND_COMPILED
def test_constraints(run):
    """The nearest point of a circle."""

    def circle(x):
        return x[0] ** 2 + x[1] ** 2 - 1.0

    result = scipy.optimize.minimize(
        lambda x: np.sum((x - np.array([2.0, 1.0])) ** 2),
        np.array([1.0, 1.0]),
        jac=run(grad(lambda x: fnp.sum((x - np.array([2.0, 1.0])) ** 2))),
        constraints={"type": "eq", "fun": circle, "jac": run(grad(circle))},
        method="SLSQP",
    )
    np.testing.assert_allclose(result.x, np.array([2.0, 1.0]) / np.sqrt(5), atol=1e-6)


@EAGER_AND_COMPILED
def test_least_squares_with_a_jacobian(run):
    t = np.linspace(0, 3, 30)
    data = 2.5 * np.exp(-1.3 * t) + 0.5

    def residuals(p):
        return p[0] * fnp.exp(-p[1] * t) + p[2] - data

    found = scipy.optimize.least_squares(residuals, np.ones(3), jac=run(jacrev(residuals)))
    np.testing.assert_allclose(found.x, [2.5, 1.3, 0.5], rtol=1e-6)


@EAGER_AND_COMPILED
def test_root_with_a_jacobian(run):
    def equations(x):
        return fnp.stack([x[0] + 0.5 * (x[0] - x[1]) ** 3 - 1.0, 0.5 * (x[1] - x[0]) ** 3 + x[1]])

    found = scipy.optimize.root(equations, np.zeros(2), jac=run(jacrev(equations)))
    np.testing.assert_allclose(found.x, [0.8411639, 0.1588361], atol=1e-6)


def test_a_pytree_of_parameters():
    """ravel_pytree between SciPy's flat vector and a dict."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(200, 3))
    y = x @ np.array([1.0, -2.0, 0.5]) + 0.25
    flat, unravel = ravel_pytree({"w": np.zeros(3), "b": 0.0})

    def loss(flat):
        parameters = unravel(flat)
        return fnp.mean((x @ parameters["w"] + parameters["b"] - y) ** 2)

    found = scipy.optimize.minimize(jit(value_and_grad(loss)), flat, jac=True, method="L-BFGS-B")
    parameters = unravel(found.x)
    np.testing.assert_allclose(parameters["w"], [1.0, -2.0, 0.5], atol=1e-4)
    assert parameters["b"] == pytest.approx(0.25, abs=1e-4)
