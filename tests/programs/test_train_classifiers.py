"""Classifiers and regressions on scikit-learn's data, each to a stated figure under its seed."""

import numpy as np
from fitting import fit, held_out, standardized
from sklearn import datasets

import fungrad.numpy as fnp
from fungrad import jit, lax, nn, optim, random
from fungrad.nn.layers import batch_norm, conv, dense, max_pool, residual

cross_entropy = optim.softmax_cross_entropy_with_integer_labels


def accuracy(scores, labels):
    return float(np.mean(np.argmax(scores, axis=1) == labels))


def layers_of(key, *sizes, weight=None):
    keys = random.split(key, len(sizes) - 1)
    return [
        dense.init(k, m, n, weight=weight, dtype=np.float32)
        for k, m, n in zip(keys, sizes[:-1], sizes[1:], strict=True)
    ]


def mlp(params, x, activation=nn.relu):
    for layer in params[:-1]:
        x = activation(dense.apply(layer, x))
    return dense.apply(params[-1], x)


def digits():
    found = datasets.load_digits()
    images = (found.images / 16).astype(np.float32)
    return held_out(images, found.target)


def test_mlp_on_digits():
    (images, labels), (others, theirs) = digits()
    params = layers_of(random.key(0), 64, 64, 10, weight=nn.initializers.he_normal())

    def loss(params, key, x, y):
        return fnp.mean(cross_entropy(mlp(params, fnp.reshape(x, (-1, 64))), y))

    params, losses = fit(loss, optim.adam(3e-3), params, (images, labels), epochs=25, batch=50)
    assert losses[-1] < 0.06 < 1 < losses[0]
    assert accuracy(mlp(params, others.reshape(-1, 64)), theirs) > 0.965


def test_cnn_on_digits():
    (images, labels), (others, theirs) = digits()
    keys = random.split(random.key(1), 3)
    params = {
        "first": conv.init(keys[0], (3, 3), 1, 8, dtype=np.float32),
        "second": conv.init(keys[1], (3, 3), 8, 16, dtype=np.float32),
        "last": dense.init(keys[2], 64, 10, dtype=np.float32),
    }

    def scores(params, x):
        x = fnp.expand_dims(x, -1)
        x = max_pool(nn.relu(conv.apply(params["first"], x)), (2, 2))
        x = max_pool(nn.relu(conv.apply(params["second"], x)), (2, 2))
        return dense.apply(params["last"], fnp.reshape(x, (x.shape[0], 64)))

    def loss(params, key, x, y):
        return fnp.mean(cross_entropy(scores(params, x), y))

    schedule = optim.cosine_onecycle_schedule(10 * (len(images) // 32), 1e-2)
    params, losses = fit(loss, optim.adam(schedule), params, (images, labels), epochs=10, batch=32)
    assert losses[-1] < 0.06
    assert accuracy(jit(scores)(params, others), theirs) > 0.97


def test_dropout_and_batch_norm_on_wine():
    """A state beside the parameters, and a key for every step."""
    found = datasets.load_wine()
    (x, y), (others, theirs) = held_out(standardized(found.data), found.target)
    keys = random.split(random.key(2), 2)
    params = layers_of(keys[0], 13, 32, 3)
    norm, state = batch_norm.init(None, 32, dtype=np.float32)
    optimiser = optim.adamw(1e-2, weight_decay=1e-3)

    def scores(params, state, key, x, training):
        x = dense.apply(params["layers"][0], x)
        x, state = batch_norm.apply(params["norm"], state, x, training=training)
        x = nn.layers.dropout(key, nn.relu(x), 0.3, training=training)
        return dense.apply(params["layers"][1], x), state

    def loss(params, state, key):
        found, state = scores(params, state, key, x, True)
        return fnp.mean(cross_entropy(found, y)), state

    @jit
    def run(params, state, keys):
        from fungrad import value_and_grad

        def step(carry, key):
            params, state, memory = carry
            (value, state), g = value_and_grad(loss, has_aux=True)(params, state, key)
            updates, memory = optimiser.update(g, memory, params)
            return (optim.apply_updates(params, updates), state, memory), value

        return lax.scan(step, (params, state, optimiser.init(params)), keys)

    params = {"layers": params, "norm": norm}
    (params, state, _), losses = run(params, state, random.split(keys[1], 150))
    assert losses[-1] < 0.1 < losses[0]
    assert accuracy(scores(params, state, None, others, False)[0], theirs) > 0.95


def test_logistic_regression_on_breast_cancer():
    """Newton's method finds the same optimum as a long descent with L-BFGS of SciPy."""
    from scipy.optimize import minimize

    from fungrad import grad, hessian

    found = datasets.load_breast_cancer()
    x = standardized(found.data).astype(np.float64)
    x = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    y = found.target.astype(float)

    def loss(w):
        return fnp.mean(optim.sigmoid_binary_cross_entropy(x @ w, y)) + 0.01 * fnp.sum(w**2)

    @jit
    def newton(w):
        def body(_, w):
            return w - fnp.linalg.solve(hessian(loss)(w), grad(loss)(w))

        return lax.fori_loop(0, 10, body, w)

    w = newton(np.zeros(31))
    assert np.abs(grad(loss)(w)).max() < 1e-12
    by_scipy = minimize(loss, np.zeros(31), jac=jit(grad(loss)), method="L-BFGS-B", tol=1e-14).x
    np.testing.assert_allclose(w, by_scipy, atol=1e-4)
    assert np.mean((x @ w > 0) == (y > 0.5)) > 0.98


def test_ridge_regression_on_diabetes():
    """Descent with momentum finds the solution of the normal equations."""
    found = datasets.load_diabetes()
    x = standardized(found.data).astype(np.float64)
    y = (found.target - found.target.mean()) / found.target.std()
    exact = np.linalg.solve(x.T @ x / len(x) + 0.01 * np.eye(10), x.T @ y / len(x))

    def loss(w, key, x, y):
        return optim.mean_squared_error(x @ w, y) + 0.01 * fnp.sum(w**2)

    optimiser = optim.sgd(0.1, momentum=0.9, nesterov=True)
    w, losses = fit(loss, optimiser, np.zeros(10), (x, y), epochs=1500, batch=len(x))
    np.testing.assert_allclose(w, exact, atol=1e-6)
    assert 1 - np.mean((y - x @ w) ** 2) > 0.5


def spirals(count=150, arms=3):
    generator = np.random.default_rng(3)
    label = np.repeat(np.arange(arms), count)
    radius = np.tile(np.linspace(0.1, 1, count), arms)
    angle = 4 * radius + 2 * np.pi * label / arms + 0.1 * generator.normal(size=len(label))
    points = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return points.astype(np.float32), label


def test_residual_network_on_spirals():
    x, y = spirals()
    keys = random.split(random.key(4), 5)
    params = {
        "first": dense.init(keys[0], 2, 32, dtype=np.float32),
        "blocks": [residual.init(k, 32, 32, dtype=np.float32) for k in keys[1:4]],
        "last": dense.init(keys[4], 32, 3, dtype=np.float32),
    }

    def scores(params, x):
        x = dense.apply(params["first"], x)
        for block in params["blocks"]:
            x = residual.apply(block, x, activation=nn.gelu)
        return dense.apply(params["last"], x)

    def loss(params, key, x, y):
        return fnp.mean(cross_entropy(scores(params, x), y))

    optimiser = optim.chain(optim.clip_by_global_norm(1.0), optim.adam(5e-3))
    params, losses = fit(loss, optimiser, params, (x, y), epochs=40, batch=45)
    assert losses[-1] < 0.1
    assert accuracy(scores(params, x), y) > 0.97


def test_every_optimiser_learns_exclusive_or():
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    y = np.array([0, 1, 1, 0], np.float32)

    def outputs(params, x):
        return mlp(params, x, nn.tanh)[:, 0]

    def loss(params, key, x, y):
        return fnp.mean(optim.sigmoid_binary_cross_entropy(outputs(params, x), y))

    optimisers = {
        "sgd": optim.sgd(0.5, momentum=0.9),
        "adam": optim.adam(0.05),
        "rmsprop": optim.rmsprop(0.02),
        "adagrad": optim.adagrad(0.3),
        "lion": optim.lion(0.01),
    }
    for name, optimiser in optimisers.items():
        params = layers_of(random.key(5), 2, 8, 1)
        params, losses = fit(loss, optimiser, params, (x, y), epochs=400, batch=4)
        assert losses[-1] < 0.1, name
        assert ((outputs(params, x) > 0) == (y > 0.5)).all(), name
