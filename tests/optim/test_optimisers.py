"""Optimisers against their published definitions, written out in NumPy for one array."""

import numpy as np
import pytest

from fungrad import grad, jit, optim, tree

GENERATOR = np.random.default_rng(3)
STEPS = 7
GRADIENTS = GENERATOR.normal(size=(STEPS, 5)) * np.array([1e-3, 0.1, 1.0, 10.0, 1e3])
START = GENERATOR.normal(size=5)


# ---- the definitions: each yields the parameters after every step


def gradient_descent(x, rate=0.1):
    for g in GRADIENTS:
        x = x - rate * g
        yield x


def heavy_ball(x, rate=0.1, momentum=0.9):
    v = np.zeros_like(x)
    for g in GRADIENTS:
        v = momentum * v + g
        x = x - rate * v
        yield x


def nesterov(x, rate=0.1, momentum=0.9):
    v = np.zeros_like(x)
    for g in GRADIENTS:
        v = momentum * v + g
        x = x - rate * (g + momentum * v)
        yield x


def adam(x, rate=0.1, b1=0.9, b2=0.999, eps=1e-8, decay=0.0, nesterov=False):
    """Kingma and Ba, algorithm 1; Loshchilov and Hutter, algorithm 2; Dozat, section 2.3."""
    m, v = np.zeros_like(x), np.zeros_like(x)
    for t, g in enumerate(GRADIENTS, 1):
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        mean = m / (1 - b1**t)
        if nesterov:
            mean = b1 * m / (1 - b1 ** (t + 1)) + (1 - b1) * g / (1 - b1**t)
        x = x - rate * (mean / (np.sqrt(v / (1 - b2**t)) + eps) + decay * x)
        yield x


def root_mean_square(x, rate=0.1, decay=0.9, eps=1e-8):
    """Tieleman and Hinton, lecture 6e."""
    v = np.zeros_like(x)
    for g in GRADIENTS:
        v = decay * v + (1 - decay) * g**2
        x = x - rate * g / np.sqrt(v + eps)
        yield x


def centered(x, rate=0.1, decay=0.9, eps=1e-8, momentum=0.8):
    """Graves, equations 38 to 41."""
    n, m, delta = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
    for g in GRADIENTS:
        n = decay * n + (1 - decay) * g**2
        m = decay * m + (1 - decay) * g
        delta = momentum * delta - rate * g / np.sqrt(n - m**2 + eps)
        x = x + delta
        yield x


def adagrad(x, rate=0.1, start=0.1, eps=1e-7):
    """Duchi, Hazan and Singer, figure 1, diagonal."""
    s = np.full_like(x, start)
    for g in GRADIENTS:
        s = s + g**2
        x = x - rate * g / np.sqrt(s + eps)
        yield x


def lion(x, rate=0.1, b1=0.9, b2=0.99, decay=1e-3):
    """Chen et al., program 1."""
    m = np.zeros_like(x)
    for g in GRADIENTS:
        direction = np.sign(b1 * m + (1 - b1) * g)
        m = b2 * m + (1 - b2) * g
        x = x - rate * (direction + decay * x)
        yield x


PUBLISHED = {
    "sgd": (optim.sgd(0.1), gradient_descent(START)),
    "momentum": (optim.sgd(0.1, momentum=0.9), heavy_ball(START)),
    "nesterov": (optim.sgd(0.1, momentum=0.9, nesterov=True), nesterov(START)),
    "adam": (optim.adam(0.1), adam(START)),
    "adam with other decays": (
        optim.adam(0.2, b1=0.5, b2=0.9, eps=1e-3),
        adam(START, 0.2, 0.5, 0.9, 1e-3),
    ),
    "adamw": (optim.adamw(0.1, weight_decay=0.3), adam(START, decay=0.3)),
    "nadam": (optim.nadam(0.1), adam(START, nesterov=True)),
    "nadamw": (optim.nadamw(0.1, weight_decay=0.3), adam(START, decay=0.3, nesterov=True)),
    "rmsprop": (optim.rmsprop(0.1), root_mean_square(START)),
    "centered": (optim.rmsprop(0.1, centered=True, momentum=0.8), centered(START)),
    "adagrad": (optim.adagrad(0.1), adagrad(START)),
    "lion": (optim.lion(0.1), lion(START)),
}
EXPECTED = {name: list(steps) for name, (_, steps) in PUBLISHED.items()}


def steps_of(optimiser, update, dtype):
    """Parameters after every step, for a tree with one part of the array in each leaf."""
    params = {"w": START[:2].astype(dtype), "b": (START[2:4].astype(dtype), dtype(START[4]))}
    state = optimiser.init(params)
    for g in GRADIENTS:
        gradient = {"w": g[:2].astype(dtype), "b": (g[2:4].astype(dtype), dtype(g[4]))}
        updates, state = update(gradient, state, params)
        params = optim.apply_updates(params, updates)
        assert all(x.dtype == dtype for x in tree.leaves(params) + tree.leaves(updates))
        yield np.concatenate([params["w"], params["b"][0], [params["b"][1]]])


@pytest.mark.parametrize("run", [lambda f: f, jit], ids=["eager", "jit"])
@pytest.mark.parametrize("name", PUBLISHED)
def test_as_published(name, run):
    optimiser = PUBLISHED[name][0]
    found = list(steps_of(optimiser, run(optimiser.update), np.float64))
    # The running variance of a centered mean is a difference of nearly equal numbers.
    tolerance = 1e-8 if name == "centered" else 1e-12
    np.testing.assert_allclose(found, EXPECTED[name], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", [name for name in PUBLISHED if name != "centered"])
def test_float32_stays_float32(name):
    optimiser = PUBLISHED[name][0]
    found = list(steps_of(optimiser, optimiser.update, np.float32))
    np.testing.assert_allclose(found, EXPECTED[name], rtol=2e-4, atol=2e-4)


def test_the_state_keeps_its_types():
    """So that it can be the carry of a loop: an update changes no dtype and no shape."""
    params = {"w": np.ones((2, 3), np.float32), "b": np.float64(1.0)}
    for name, (optimiser, _) in PUBLISHED.items():
        state = optimiser.init(params)
        after = jit(optimiser.update)(params, state, params)[1]
        assert tree.structure(state) == tree.structure(after), name
        for old, changed in zip(tree.leaves(state), tree.leaves(after), strict=True):
            assert (old.dtype, old.shape) == (changed.dtype, changed.shape), name


def test_a_learning_rate_may_be_a_schedule():
    optimiser = optim.sgd(lambda count: 1.0 / (1 + count))
    state = optimiser.init(0.0)
    found = []
    for _ in range(3):
        updates, state = optimiser.update(1.0, state)
        found.append(float(updates))
    assert found == [-1.0, -0.5, pytest.approx(-1 / 3)]


def test_a_whole_run_in_a_loop_of_one_compiled_call():
    """The minimum of a quadratic, to which Adam with a falling rate converges."""
    from fungrad import lax

    target = {"a": np.array([1.0, -2.0]), "b": 3.0}
    optimiser = optim.adam(optim.cosine_decay_schedule(0.3, 300))

    def loss(params):
        return sum(
            ((p - t) ** 2).sum()
            for p, t in zip(tree.leaves(params), tree.leaves(target), strict=True)
        )

    @jit
    def run(params):
        def body(_, carry):
            params, state = carry
            updates, state = optimiser.update(grad(loss)(params), state, params)
            return optim.apply_updates(params, updates), state

        return lax.fori_loop(0, 300, body, (params, optimiser.init(params)))[0]

    found = run(tree.map(np.zeros_like, target))
    for x, y in zip(tree.leaves(found), tree.leaves(target), strict=True):
        np.testing.assert_allclose(x, y, atol=1e-4)


def test_donated_state_is_updated_in_place():
    optimiser = optim.adam(0.1)
    params = {"w": np.ones((64, 64))}
    gradient = {"w": np.full((64, 64), 0.5)}

    def step(params, state, gradient):
        updates, state = optimiser.update(gradient, state, params)
        return optim.apply_updates(params, updates), state

    expected = step(params, optimiser.init(params), gradient)
    donating = jit(step, donate_argnums=(0, 1))
    state = optimiser.init(params)
    memory = {x.__array_interface__["data"][0] for x in (params["w"], state[0].mu["w"])}
    memory.add(state[0].nu["w"].__array_interface__["data"][0])
    params, state = donating(params, state, gradient)
    found = (params["w"], state[0].mu["w"], state[0].nu["w"])
    assert {x.__array_interface__["data"][0] for x in found} == memory
    for x, y in zip(tree.leaves((params, state)), tree.leaves(expected), strict=True):
        np.testing.assert_allclose(x, y)
