"""Networks and formulas of introductory texts on backpropagation, each with a test of its own.

The two-weight network, the parabola and XOR by hand are in test_seed_texts.py.
"""

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import custom_vjp, grad, jit, jvp, lax, nn, optim, random, value_and_grad, vmap
from fungrad.flatten_util import ravel_pytree
from fungrad.nn.layers import conv, dense, layer_norm
from fungrad.testing import check_grads

EAGER_AND_COMPILED = pytest.mark.parametrize("run", [lambda f: f, jit], ids=["eager", "jit"])
GENERATOR = np.random.default_rng(17)


def numbers(*shape):
    return GENERATOR.normal(size=shape)


# ---- Linear(10, 32), ReLU, Linear(32, 1), mean squared error, SGD


@EAGER_AND_COMPILED
def test_three_layer_regression(run):
    """One step of descent, every derivative by the text's five lines."""
    x, y = numbers(64, 10), numbers(64, 1)
    keys = random.split(random.key(0))
    params = [dense.init(keys[0], 10, 32), dense.init(keys[1], 32, 1)]

    def loss(params):
        hidden = nn.relu(dense.apply(params[0], x))
        return optim.mean_squared_error(dense.apply(params[1], hidden), y)

    value, gradient = run(value_and_grad(loss))(params)
    z1 = x @ params[0]["w"] + params[0]["b"]
    a1 = np.maximum(z1, 0)
    z2 = a1 @ params[1]["w"] + params[1]["b"]
    assert value == pytest.approx(np.mean((z2 - y) ** 2), rel=1e-13)
    d_z2 = 2 * (z2 - y) / 64
    d_z1 = (d_z2 @ params[1]["w"].T) * (z1 > 0)
    expected = [
        {"w": x.T @ d_z1, "b": d_z1.sum(axis=0)},
        {"w": a1.T @ d_z2, "b": d_z2.sum(axis=0)},
    ]
    for found, wanted in zip(gradient, expected, strict=True):
        for name in wanted:
            np.testing.assert_allclose(found[name], wanted[name], rtol=1e-10, atol=1e-13)
    optimiser = optim.sgd(0.01)
    updates, _ = optimiser.update(gradient, optimiser.init(params))
    assert loss(optim.apply_updates(params, updates)) < value


# ---- ReLU, then a linear layer, half the squared error: L = (y - target)**2 / 2


@EAGER_AND_COMPILED
def test_two_layer_network_of_the_chain_rule(run):
    x, target = numbers(3), 0.7
    w1, b1, w2, b2 = numbers(4, 3), numbers(4), numbers(4), 0.2

    def loss(w1, b1, w2, b2):
        return optim.l2_loss(w2 @ nn.relu(w1 @ x + b1) + b2, target)

    found = run(grad(loss, (0, 1, 2, 3)))(w1, b1, w2, b2)
    z1 = w1 @ x + b1
    h = np.maximum(z1, 0)
    d_y = w2 @ h + b2 - target
    d_z1 = w2 * d_y * (z1 > 0)
    for value, expected in zip(found, (np.outer(d_z1, x), d_z1, d_y * h, d_y), strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-12)


# ---- three sigmoid layers: delta[l - 1] = (delta[l] @ W[l].T) * sigma'(z[l - 1])


@EAGER_AND_COMPILED
def test_deltas_of_a_three_layer_sigmoid_network(run):
    x, y = numbers(5, 4), numbers(5, 2)
    weights = [numbers(4, 6), numbers(6, 3), numbers(3, 2)]
    biases = [numbers(6), numbers(3), numbers(2)]

    def loss(weights, biases, shifts):
        a = x
        for w, b, shift in zip(weights, biases, shifts, strict=True):
            a = nn.sigmoid(a @ w + b + shift)
        return fnp.sum((a - y) ** 2) / 2

    zeros = [np.zeros((5, w.shape[1])) for w in weights]
    of_weights, of_biases, deltas = run(grad(loss, (0, 1, 2)))(weights, biases, zeros)
    activations = [x]
    for w, b in zip(weights, biases, strict=True):
        activations.append(1 / (1 + np.exp(-(activations[-1] @ w + b))))
    delta = activations[3] - y
    for i in (2, 1, 0):
        delta = delta * activations[i + 1] * (1 - activations[i + 1])
        np.testing.assert_allclose(deltas[i], delta, rtol=1e-11, atol=1e-16)
        np.testing.assert_allclose(of_weights[i], activations[i].T @ delta, rtol=1e-11)
        np.testing.assert_allclose(of_biases[i], delta.sum(axis=0), rtol=1e-11)
        delta = delta @ weights[i].T


# ---- softmax with cross-entropy: (softmax - one hot) / batch


@EAGER_AND_COMPILED
def test_softmax_with_cross_entropy(run):
    """Fused, and put together by hand: the same simple difference."""
    logits, labels = numbers(6, 4), np.array([0, 3, 1, 1, 2, 0])
    expected = (nn.softmax(logits) - nn.one_hot(labels, 4)) / 6
    rows = np.arange(6)
    fused = optim.softmax_cross_entropy_with_integer_labels
    by_hand = run(grad(lambda x: -fnp.mean(fnp.log(nn.softmax(x))[rows, labels])))(logits)
    found = run(grad(lambda x: fused(x, labels).mean()))(logits)
    np.testing.assert_allclose(found, expected, atol=1e-15)
    np.testing.assert_allclose(by_hand, expected, atol=1e-14)


# ---- layers and activations: dL/dW = x.T @ d, dL/dx = d @ W.T, dL/db = sum(d); slopes


@EAGER_AND_COMPILED
def test_linear_layer_and_slopes_of_activations(run):
    x, w, b, d = numbers(5, 3), numbers(3, 4), numbers(4), numbers(5, 4)
    found = run(grad(lambda x, w, b: fnp.sum((x @ w + b) * d), (0, 1, 2)))(x, w, b)
    for value, expected in zip(found, (d @ w.T, x.T @ d, d.sum(axis=0)), strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-12)
    z = np.array([-2.0, -0.5, 0.0, 0.5, 2.0])
    s = 1 / (1 + np.exp(-z))
    for f, slope in (
        (nn.relu, (z > 0) * 1.0),
        (nn.sigmoid, s * (1 - s)),
        (nn.tanh, 1 - np.tanh(z) ** 2),
    ):
        np.testing.assert_allclose(run(vmap(grad(f)))(z), slope, rtol=1e-12)
    assert grad(nn.sigmoid)(0.0) == 0.25
    assert grad(nn.tanh)(0.0) == 1


# ---- six sigmoid layers: gradients vanish; ReLU, residuals and normalisation cure them


def norms_by_layer(forward, seed=1):
    """The norm of the gradient of each of six layers' weights, first to last."""
    keys = random.split(random.key(seed), 7)
    params = [dense.init(k, 32, 32, weight=nn.initializers.he_normal()) for k in keys[:6]]
    last = dense.init(keys[6], 32, 1)
    generator = np.random.default_rng(seed)
    x, y = generator.normal(size=(16, 32)), generator.integers(0, 2, 16)

    def loss(params):
        h = x
        for layer in params:
            h = forward(layer, h)
        return optim.sigmoid_binary_cross_entropy(dense.apply(last, h)[:, 0], y).mean()

    return [float(optim.global_norm(g["w"])) for g in jit(grad(loss))(params)]


def test_gradients_vanish_in_six_sigmoid_layers_and_how_that_is_cured():
    norm = layer_norm.init(None, 32)
    ways = {
        "sigmoid": lambda p, h: nn.sigmoid(dense.apply(p, h)),
        "relu": lambda p, h: nn.relu(dense.apply(p, h)),
        "residual": lambda p, h: h + nn.sigmoid(dense.apply(p, h)),
        "normalised": lambda p, h: nn.sigmoid(4 * layer_norm.apply(norm, dense.apply(p, h))),
    }
    shrunk = {}
    for name, forward in ways.items():
        norms = norms_by_layer(forward)
        shrunk[name] = norms[0] / norms[-1]
    assert shrunk["sigmoid"] < 1e-2
    for name in ("relu", "residual", "normalised"):
        assert shrunk[name] > 0.1, name


def test_gradients_explode_and_are_clipped():
    """Large weights, one after the other; the clipped gradient keeps its direction."""
    weights = [3 * numbers(16, 16) / 4 for _ in range(12)]
    x = numbers(8, 16)

    def loss(weights):
        h = x
        for w in weights:
            h = nn.relu(h @ w)
        return fnp.mean(h**2)

    gradient = jit(grad(loss))(weights)
    length = optim.global_norm(gradient)
    assert length > 1e6
    clipping = optim.clip_by_global_norm(1.0)
    clipped, _ = clipping.update(gradient, clipping.init(weights))
    assert optim.global_norm(clipped) == pytest.approx(1.0, rel=1e-12)
    for g, c in zip(gradient, clipped, strict=True):
        np.testing.assert_allclose(c, g / length, rtol=1e-12)


# ---- advice for debugging


def test_overfitting_a_single_batch():
    """A network that cannot learn eight random labels by heart has a fault; this one can."""
    x, y = numbers(8, 5), np.arange(8) % 3
    keys = random.split(random.key(3))
    params = [dense.init(keys[0], 5, 32), dense.init(keys[1], 32, 3)]
    optimiser = optim.adam(0.02)

    def loss(params):
        scores = dense.apply(params[1], nn.relu(dense.apply(params[0], x)))
        return optim.softmax_cross_entropy_with_integer_labels(scores, y).mean()

    @jit
    def run(params):
        def step(carry, _):
            params, state = carry
            value, gradient = value_and_grad(loss)(params)
            updates, state = optimiser.update(gradient, state)
            return (optim.apply_updates(params, updates), state), value

        return lax.scan(step, (params, optimiser.init(params)), None, length=300)

    losses = run(params)[1]
    assert losses[0] > 0.8
    assert losses[-1] < 1e-2


def test_finite_differences_find_a_wrong_rule():
    @custom_vjp
    def cube(x):
        return x**3

    cube.defvjp(lambda x: (x**3, x), lambda x, c: (c * 2 * x**2,))  # 3 is right
    with pytest.raises(AssertionError, match="vjp"):
        check_grads(cube, (np.array([0.5, 1.5]),), order=1, modes=("rev",))
    cube.defvjp(lambda x: (x**3, x), lambda x, c: (c * 3 * x**2,))
    check_grads(cube, (np.array([0.5, 1.5]),), order=1, modes=("rev",))


def test_forgetting_to_zero_gradients():
    """The text's mistake cannot be made with functions: each call returns that call's gradient."""
    f = grad(lambda w: fnp.sum(w**2))
    w = np.array([1.0, 2.0])
    assert f(w).tolist() == f(w).tolist() == [2, 4]


# ---- convolution and attention


@EAGER_AND_COMPILED
def test_the_backward_pass_of_a_convolution(run):
    """With respect to the input: the cotangents, convolved with the flipped kernel."""
    x, w, d = numbers(1, 5, 5, 1), numbers(3, 3, 1, 1), numbers(1, 3, 3, 1)

    def paired(x, w):
        return fnp.sum(conv.apply({"w": w}, x, padding="VALID") * d)

    of_x, of_w = run(grad(paired, (0, 1)))(x, w)
    flipped = conv.apply({"w": w[::-1, ::-1]}, d, padding=((2, 2), (2, 2)))
    np.testing.assert_allclose(of_x, flipped, rtol=1e-12, atol=1e-14)
    as_kernel = conv.apply({"w": np.moveaxis(d, 0, -1)}, x, padding="VALID")
    np.testing.assert_allclose(of_w[:, :, 0, 0], as_kernel[0, :, :, 0], rtol=1e-12, atol=1e-14)
    # "Or equivalently, im2col and a matrix product."
    patches = np.lib.stride_tricks.sliding_window_view(x[0, :, :, 0], (3, 3)).reshape(9, 9)
    np.testing.assert_allclose(of_w.ravel(), patches.T @ d.ravel(), rtol=1e-12, atol=1e-14)


@EAGER_AND_COMPILED
def test_the_backward_pass_of_attention(run):
    q, k, v, d = (numbers(4, 3) for _ in range(4))

    def paired(q, k, v):
        attended = nn.dot_product_attention(q[:, None], k[:, None], v[:, None])
        return fnp.sum(attended[:, 0] * d)

    found = run(grad(paired, (0, 1, 2)))(q, k, v)
    p = np.exp(q @ k.T / np.sqrt(3))
    p /= p.sum(axis=1, keepdims=True)
    d_p = d @ v.T
    d_s = p * (d_p - (p * d_p).sum(axis=1, keepdims=True)) / np.sqrt(3)
    for value, expected in zip(found, (d_s @ k, d_s.T @ q, p.T @ d), strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-11, atol=1e-14)


# ---- one backward pass, or one pass per parameter


def test_one_backward_pass_against_one_pass_per_parameter():
    """All derivatives of a network of three layers: passes, and multiplications in products."""
    from fungrad import make_program

    x, y = numbers(64, 10), numbers(64, 1)
    keys = random.split(random.key(0), 3)
    sizes = ((10, 32), (32, 24), (24, 1))
    params = [dense.init(k, *size) for k, size in zip(keys, sizes, strict=True)]

    def loss(params):
        h = nn.relu(dense.apply(params[0], x))
        h = nn.relu(dense.apply(params[1], h))
        return optim.mean_squared_error(dense.apply(params[2], h), y)

    calls = []

    def counted(params):
        calls.append(None)
        return loss(params)

    gradient = grad(counted)(params)
    assert len(calls) == 1
    calls.clear()
    flat, unravel = ravel_pytree(params)
    count = flat.size
    differences = []
    for place in range(0, count, 97):  # every 97th parameter, one pass of forward mode each
        direction = unravel(np.eye(1, count, place)[0])
        slope = jvp(counted, (params,), (direction,))[1]
        differences.append(abs(slope - ravel_pytree(gradient)[0][place]))
    assert len(calls) == len(range(0, count, 97))
    assert max(differences) < 1e-12

    def multiplications(function):
        total = 0
        for equation in make_program(function)(params).equations:
            if equation.primitive.name.startswith("contract"):
                left, right = (np.prod(v.type.shape) for v in equation.inputs)
                total += np.sqrt(left * right * np.prod(equation.outputs[0].type.shape))
        return total

    forward = multiplications(loss)
    assert forward == 64 * (10 * 32 + 32 * 24 + 24)
    assert 2 * forward <= multiplications(value_and_grad(loss)) <= 3 * forward
