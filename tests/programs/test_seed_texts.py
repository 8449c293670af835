"""Worked examples of backpropagation from introductory texts: by hand, and by the library."""

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import grad, jit, jvp, value_and_grad

EAGER_AND_COMPILED = pytest.mark.parametrize("run", [lambda f: f, jit], ids=["eager", "jit"])


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


# ---- y = sigmoid(w2 * relu(w1 * x + b1) + b2), x = 2, target 1


def two_weight_loss(w1, b1, w2, b2):
    h1 = fnp.maximum(w1 * 2.0 + b1, 0)
    y = sigmoid(w2 * h1 + b2)
    return -np.log(y)


@EAGER_AND_COMPILED
def test_the_worked_two_weight_network(run):
    point = (0.5, 0.1, 0.3, 0.2)
    loss, (dw1, db1, dw2, db2) = run(value_and_grad(two_weight_loss, (0, 1, 2, 3)))(*point)
    # The text gives -log(0.629) = 0.464; without rounding the output first it is 0.4629.
    assert round(float(np.exp(-loss)), 3) == 0.629
    assert loss == pytest.approx(0.464, abs=2e-3)
    for derivative, stated in ((dw2, -0.408), (db2, -0.371), (dw1, -0.222), (db1, -0.111)):
        assert derivative == pytest.approx(stated, abs=1e-3)
    # In closed form: dL/dz2 = y - 1.
    error = sigmoid(0.53) - 1
    exact = (error * 0.3 * 2, error * 0.3, error * 1.1, error)
    assert (dw1, db1, dw2, db2) == pytest.approx(exact, rel=1e-14)


# ---- x**2 + 3*x at 1


@EAGER_AND_COMPILED
def test_the_derivative_of_a_parabola(run):
    def f(x):
        return x**2 + 3 * x

    assert run(grad(f))(1.0) == 5.0
    assert grad(f)(1) == 5.0
    assert run(lambda x: jvp(f, (x,), (1.0,))[1])(1.0) == 5.0
    assert run(grad(grad(f)))(1.0) == 2.0


# ---- two layers, sigmoid, binary cross-entropy, XOR

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
Y = np.array([0, 1, 1, 0], dtype=float)


def initial(seed=0, hidden=4, scale=0.1):
    generator = np.random.default_rng(seed)
    return {
        "W1": generator.normal(size=(2, hidden)) * scale,
        "b1": np.zeros(hidden),
        "W2": generator.normal(size=(hidden, 1)) * scale,
        "b2": np.zeros(1),
    }


def forward(parameters, X):
    a1 = sigmoid(X @ parameters["W1"] + parameters["b1"])
    return a1, sigmoid(a1 @ parameters["W2"] + parameters["b2"])


def cross_entropy(parameters, X, y):
    a2 = forward(parameters, X)[1]
    y = y.reshape(-1, 1)
    return -np.mean(y * np.log(a2 + 1e-8) + (1 - y) * np.log(1 - a2 + 1e-8))


def backward_by_hand(parameters, X, y):
    """The text's backward pass, line by line."""
    a1, a2 = forward(parameters, X)
    n, y = len(y), y.reshape(-1, 1)
    dL_da2 = -(y / (a2 + 1e-8) - (1 - y) / (1 - a2 + 1e-8)) / n
    delta2 = dL_da2 * a2 * (1 - a2)
    dL_da1 = delta2 @ parameters["W2"].T
    delta1 = dL_da1 * a1 * (1 - a1)
    return {
        "W1": X.T @ delta1,
        "b1": delta1.sum(axis=0),
        "W2": a1.T @ delta2,
        "b2": delta2.sum(axis=0),
    }


@EAGER_AND_COMPILED
@pytest.mark.parametrize("scale", [0.1, 2.0])
def test_the_two_layer_network_written_out_by_hand(run, scale):
    parameters = initial(scale=scale)
    gradient = run(grad(cross_entropy))(parameters, X, Y)
    expected = backward_by_hand(parameters, X, Y)
    assert gradient.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(gradient[name], value, rtol=1e-12, atol=1e-16, err_msg=name)


def test_training_by_hand_and_by_the_library_goes_the_same_way():
    by_hand, by_library = initial(3, scale=1.0), initial(3, scale=1.0)
    gradient = jit(grad(cross_entropy))
    before = cross_entropy(by_hand, X, Y)
    for _ in range(3000):
        for parameters, rule in ((by_hand, backward_by_hand), (by_library, gradient)):
            d = rule(parameters, X, Y)
            for name in parameters:
                parameters[name] = parameters[name] - 0.5 * d[name]
    for name, value in by_hand.items():
        np.testing.assert_allclose(by_library[name], value, rtol=1e-8, err_msg=name)
    assert cross_entropy(by_library, X, Y) < 0.3 * before
    assert (forward(by_library, X)[1].ravel() > 0.5).tolist() == [False, True, True, False]


def test_gradients_vanish_through_saturating_layers():
    """dL/dW of the first of six sigmoid layers is far smaller than that of the last."""
    generator = np.random.default_rng(1)
    weights = [generator.normal(size=(32, 32)) / np.sqrt(32) for _ in range(6)]
    x = generator.normal(size=(16, 32))

    def loss(weights):
        h = x
        for w in weights:
            h = sigmoid(h @ w)
        return np.mean(h**2)

    norms = [float(np.abs(g).mean()) for g in grad(loss)(weights)]
    assert norms[0] < norms[-1] / 100
    compiled = [float(np.abs(g).mean()) for g in jit(grad(loss))(weights)]
    assert compiled == pytest.approx(norms, rel=1e-10)
