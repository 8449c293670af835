"""The examples of JAX's autodiff cookbook, as one remembers them."""

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import (
    grad,
    hessian,
    hvp,
    jacfwd,
    jacrev,
    jit,
    jvp,
    linearize,
    value_and_grad,
    vjp,
    vmap,
)
from fungrad.testing import check_grads

EAGER_AND_COMPILED = pytest.mark.parametrize("run", [lambda f: f, jit], ids=["eager", "jit"])

INPUTS = np.array(
    [[0.52, 1.12, 0.77], [0.88, -1.08, 0.15], [0.52, 0.06, -1.30], [0.74, -2.49, 1.39]]
)
TARGETS = np.array([True, True, False, True])
W = np.array([0.3, -0.8, 0.25])
B = 0.1


def sigmoid(x):
    return 0.5 * (fnp.tanh(x / 2) + 1)


def predict(W, b, inputs):
    return sigmoid(fnp.dot(inputs, W) + b)


def loss(W, b):
    preds = predict(W, b, INPUTS)
    label_probs = preds * TARGETS + (1 - preds) * (1 - TARGETS)
    return -fnp.sum(fnp.log(label_probs))


def loss_of_dict(params):
    return loss(params["W"], params["b"])


def by_hand(W, b):
    """The gradient of the logistic loss in closed form."""
    error = 1 / (1 + np.exp(-(INPUTS @ W + b))) - TARGETS
    return INPUTS.T @ error, error.sum()


def differences(f, x, eps=1e-6):
    """The gradient of f by central differences."""
    x = np.asarray(x, float)
    result = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[i] = eps
        result[i] = (f(x + step) - f(x - step)) / (2 * eps)
    return result


# ---- gradients of the logistic loss


@EAGER_AND_COMPILED
def test_gradient_by_argument(run):
    dW, db = by_hand(W, B)
    np.testing.assert_allclose(run(grad(loss, argnums=0))(W, B), dW, rtol=1e-13)
    np.testing.assert_allclose(run(grad(loss, 1))(W, B), db, rtol=1e-13)
    both = run(grad(loss, (0, 1)))(W, B)
    np.testing.assert_allclose(both[0], dW, rtol=1e-13)
    np.testing.assert_allclose(both[1], db, rtol=1e-13)
    np.testing.assert_allclose(dW, differences(lambda w: loss(w, B), W), atol=1e-8)


@EAGER_AND_COMPILED
def test_gradient_of_a_dict(run):
    gradient = run(grad(loss_of_dict))({"W": W, "b": B})
    dW, db = by_hand(W, B)
    np.testing.assert_allclose(gradient["W"], dW, rtol=1e-13)
    np.testing.assert_allclose(gradient["b"], db, rtol=1e-13)


@EAGER_AND_COMPILED
def test_value_and_gradient(run):
    value, (dW, db) = run(value_and_grad(loss, (0, 1)))(W, B)
    np.testing.assert_allclose(value, loss(W, B), rtol=1e-14)
    np.testing.assert_allclose(dW, by_hand(W, B)[0], rtol=1e-13)
    np.testing.assert_allclose(db, by_hand(W, B)[1], rtol=1e-13)


def test_a_step_of_descent_lowers_the_loss():
    W_new, b_new, before = W.copy(), B, loss(W, B)
    gradient = jit(grad(loss, (0, 1)))
    for _ in range(20):
        dW, db = gradient(W_new, b_new)
        W_new -= 0.1 * dW
        b_new -= 0.1 * db
    assert loss(W_new, b_new) < 0.7 * before


def test_against_finite_differences():
    unit = np.array([0.6, 0.0, -0.8])
    eps = 1e-4
    numerical = (loss(W + eps / 2.0 * unit, B) - loss(W - eps / 2.0 * unit, B)) / eps
    np.testing.assert_allclose(np.vdot(grad(loss)(W, B), unit), numerical, rtol=1e-7)
    check_grads(loss, (W, B), order=2)


# ---- Hessian-vector products: four compositions


def f(X):
    return fnp.sum(fnp.tanh(X) ** 2)


def forward_over_reverse(f, primals, tangents):
    return jvp(grad(f), primals, tangents)[1]


def reverse_over_forward(f, primals, tangents):
    return grad(lambda x: jvp(f, (x,), tangents)[1])(*primals)


def reverse_over_reverse(f, primals, tangents):
    return grad(lambda x: fnp.vdot(grad(f)(x), tangents[0]))(*primals)


def forward_over_forward(f, primals, tangents):
    """One entry at a time: the derivative along the tangent of each partial derivative."""
    (x,), (v,) = primals, tangents
    basis = np.eye(x.size).reshape(x.size, *x.shape)
    along = vmap(lambda e: jvp(lambda y: jvp(f, (y,), (e,))[1], (x,), (v,))[1])(basis)
    return along.reshape(x.shape)


@EAGER_AND_COMPILED
@pytest.mark.parametrize(
    "product",
    [forward_over_reverse, reverse_over_forward, reverse_over_reverse, forward_over_forward, hvp],
)
def test_hessian_vector_products(product, run):
    generator = np.random.default_rng(1)
    X, V = generator.normal(size=(2, 6, 4))
    y = np.tanh(X)
    expected = V * (2 * (1 - y**2) * (1 - 3 * y**2))
    result = run(lambda x, v: product(f, (x,), (v,)))(X, V)
    np.testing.assert_allclose(result, expected, rtol=1e-10, atol=1e-12)
    full = np.tensordot(hessian(f)(X), V, 2)
    np.testing.assert_allclose(result, full, rtol=1e-10, atol=1e-12)


# ---- Jacobians


@EAGER_AND_COMPILED
def test_jacobians_both_ways(run):
    def of_weights(W):
        return predict(W, B, INPUTS)

    p = of_weights(W)
    expected = (p * (1 - p))[:, None] * INPUTS
    np.testing.assert_allclose(run(jacfwd(of_weights))(W), expected, rtol=1e-13)
    np.testing.assert_allclose(run(jacrev(of_weights))(W), expected, rtol=1e-13)


@EAGER_AND_COMPILED
def test_jacobian_of_a_dict(run):
    def of_dict(params, inputs):
        return predict(params["W"], params["b"], inputs)

    p = predict(W, B, INPUTS)
    for jacobian in (jacfwd, jacrev):
        result = run(jacobian(of_dict))({"W": W, "b": B}, INPUTS)
        np.testing.assert_allclose(result["W"], (p * (1 - p))[:, None] * INPUTS, rtol=1e-13)
        np.testing.assert_allclose(result["b"], p * (1 - p), rtol=1e-13)


@EAGER_AND_COMPILED
def test_hessians_of_the_loss(run):
    p = predict(W, B, INPUTS)
    expected = INPUTS.T @ ((p * (1 - p))[:, None] * INPUTS)
    for composition in (jacfwd(jacrev(loss)), jacrev(jacfwd(loss)), jacrev(jacrev(loss))):
        np.testing.assert_allclose(run(composition)(W, B), expected, rtol=1e-11, atol=1e-13)


def test_rows_by_vjp_and_columns_by_jvp():
    """The "vmap of standard basis" constructions written out."""

    def of_weights(W):
        return predict(W, B, INPUTS)

    y, pull_back = vjp(of_weights, W)
    (rows,) = vmap(pull_back, in_axes=0)(np.eye(len(y)))
    _, push_forward = linearize(of_weights, W)
    columns = vmap(push_forward, out_axes=1)(np.eye(len(W)))
    np.testing.assert_allclose(rows, jacrev(of_weights)(W), rtol=1e-14)
    np.testing.assert_allclose(columns, jacfwd(of_weights)(W), rtol=1e-14)


# ---- per-example gradients


@EAGER_AND_COMPILED
def test_per_example_gradients(run):
    def loss_of_one(params, x, t):
        p = predict(params["W"], params["b"], x)
        return -fnp.log(fnp.where(t, p, 1 - p))

    params = {"W": W, "b": B}
    perex = run(vmap(grad(loss_of_one), in_axes=(None, 0, 0)))(params, INPUTS, TARGETS)
    error = predict(W, B, INPUTS) - TARGETS
    np.testing.assert_allclose(perex["W"], error[:, None] * INPUTS, rtol=1e-12)
    np.testing.assert_allclose(perex["b"], error, rtol=1e-12)
    whole = grad(loss_of_dict)(params)
    np.testing.assert_allclose(perex["W"].sum(0), whole["W"], rtol=1e-12)


# ---- complex numbers, with JAX's conventions


def test_complex_derivatives():
    z = 3.0 + 4j
    assert grad(np.cos, holomorphic=True)(z) == pytest.approx(-np.sin(z), rel=1e-13)
    np.testing.assert_allclose(grad(lambda z: fnp.real(z) ** 2 + fnp.imag(z) ** 2)(z), 6 - 8j)
    value, tangent = jvp(lambda z: z * z, (z,), (1j,))
    assert (value, tangent) == (z * z, 2j * z)


# ---- derivatives of plain Python


def test_third_derivative_of_tanh():
    third = grad(grad(grad(np.tanh)))
    y = np.tanh(1.0)
    expected = -2 * (1 - y * y) * (1 - 3 * y * y)
    assert third(1.0) == pytest.approx(expected, rel=1e-13)
    assert third(1.0) == pytest.approx(0.6216266807712962, rel=1e-12)
    assert jit(grad(grad(grad(fnp.tanh))))(1.0) == pytest.approx(expected, rel=1e-12)


def test_control_flow_in_python():
    def f(x):
        if x < 3:
            return 3.0 * x**2
        return -4 * x

    assert grad(f)(2.0) == 12.0
    assert grad(f)(4.0) == -4.0


def test_a_taylor_series_in_a_python_loop():
    def exponential(x):
        total, term, n = 0.0, 1.0, 0
        while abs(term) > 1e-17:
            total = total + term
            n += 1
            term = term * x / n
        return total

    derivative = exponential
    for _ in range(3):
        derivative = grad(derivative)
        assert derivative(0.5) == pytest.approx(np.exp(0.5), rel=1e-12)
