"""Things that move: a neural differential equation, a network in time, a particle that bounces."""

import numpy as np
import pytest

import fungrad
import fungrad.numpy as fnp
from fungrad import checkpoint, grad, jacfwd, jacrev, jit, jvp, lax, value_and_grad, vmap

EAGER_AND_COMPILED = pytest.mark.parametrize("run", [lambda f: f, jit], ids=["eager", "jit"])


def difference(f, x, eps=1e-6):
    return (f(x + eps) - f(x - eps)) / (2 * eps)


def directional(f, tree, direction, eps=1e-6):
    """The derivative of f along a direction by central differences."""
    ahead = fungrad.tree.map(lambda x, d: x + eps * d, tree, direction)
    behind = fungrad.tree.map(lambda x, d: x - eps * d, tree, direction)
    return (f(ahead) - f(behind)) / (2 * eps)


def pairing(a, b):
    products = fungrad.tree.map(lambda x, y: np.sum(x * y), a, b)
    return sum(fungrad.tree.leaves(products))


# ---- a neural ordinary differential equation, by Runge-Kutta steps


def field(parameters, y):
    return parameters["w2"] @ fnp.tanh(parameters["w1"] @ y + parameters["b1"])


def rk4_step(f, y, h):
    k1 = f(y)
    k2 = f(y + h / 2 * k1)
    k3 = f(y + h / 2 * k2)
    k4 = f(y + h * k3)
    return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def trajectory(parameters, y0, steps=40, h=0.05):
    def body(y, _):
        y = rk4_step(lambda y: field(parameters, y), y, h)
        return y, y

    return lax.scan(body, y0, None, length=steps)[1]


def network(seed=0, hidden=8):
    generator = np.random.default_rng(seed)
    return {
        "w1": generator.normal(size=(hidden, 2)),
        "b1": generator.normal(size=hidden),
        "w2": generator.normal(size=(2, hidden)) / hidden,
    }


Y0 = np.array([1.0, -0.5])


def fit(parameters):
    times = 0.05 * np.arange(1, 41)
    wanted = np.stack([np.cos(times), np.sin(times)], axis=1)
    return fnp.mean((trajectory(parameters, Y0) - wanted) ** 2)


@EAGER_AND_COMPILED
def test_neural_ode(run):
    parameters, direction = network(0), network(1)
    value, gradient = run(value_and_grad(fit))(parameters)
    assert value == pytest.approx(fit(parameters), rel=1e-12)
    slope = directional(fit, parameters, direction)
    assert pairing(gradient, direction) == pytest.approx(slope, rel=1e-7)
    tangent = run(lambda p, d: jvp(fit, (p,), (d,))[1])(parameters, direction)
    assert tangent == pytest.approx(slope, rel=1e-7)


@EAGER_AND_COMPILED
def test_neural_ode_with_checkpointed_steps(run):
    def checkpointed(parameters):
        step = checkpoint(lambda y: rk4_step(lambda y: field(parameters, y), y, 0.05))
        y, _ = lax.scan(lambda y, _: (step(y), None), Y0, None, length=40)
        return fnp.sum(y**2)

    def plain(parameters):
        return fnp.sum(trajectory(parameters, Y0)[-1] ** 2)

    expected = grad(plain)(network())
    gradient = run(grad(checkpointed))(network())
    for name, value in expected.items():
        np.testing.assert_allclose(gradient[name], value, rtol=1e-10, atol=1e-13)


def test_neural_ode_in_a_python_loop():
    def plain(parameters):
        y, states = Y0, []
        for _ in range(40):
            y = rk4_step(lambda y: field(parameters, y), y, 0.05)
            states.append(y)
        times = 0.05 * np.arange(1, 41)
        wanted = np.stack([np.cos(times), np.sin(times)], axis=1)
        return np.mean((np.stack(states) - wanted) ** 2)

    expected, gradient = grad(fit)(network()), grad(plain)(network())
    for name, value in expected.items():
        np.testing.assert_allclose(gradient[name], value, rtol=1e-10, atol=1e-13)


def test_sensitivity_of_the_end_to_the_start():
    """The state-transition matrix of y' = A y is expm(A t)."""
    A = np.array([[0.0, 1.0], [-4.0, -0.3]])

    def end(y0):
        return lax.fori_loop(0, 200, lambda i, y: rk4_step(lambda y: A @ y, y, 0.005), y0)

    eigenvalues, vectors = np.linalg.eig(A)
    expected = (vectors @ np.diag(np.exp(eigenvalues)) @ np.linalg.inv(vectors)).real
    for jacobian in (jacfwd(end), jacrev(end), jit(jacrev(end))):
        np.testing.assert_allclose(jacobian(Y0), expected, atol=1e-8)


# ---- a recurrent network, by scan


def rnn(parameters, xs, h0):
    def cell(h, x):
        h = fnp.tanh(parameters["wh"] @ h + parameters["wx"] @ x + parameters["b"])
        return h, parameters["out"] @ h

    return lax.scan(cell, h0, xs)


def rnn_by_hand(parameters, xs, h0, cotangent):
    """Backpropagation through time."""
    hs = [h0]
    for x in xs:
        hs.append(np.tanh(parameters["wh"] @ hs[-1] + parameters["wx"] @ x + parameters["b"]))
    gradient = {name: np.zeros_like(value) for name, value in parameters.items()}
    d_h = np.zeros_like(h0)
    for t in reversed(range(len(xs))):
        gradient["out"] += np.outer(cotangent[t], hs[t + 1])
        d_h = d_h + parameters["out"].T @ cotangent[t]
        d_z = d_h * (1 - hs[t + 1] ** 2)
        gradient["wh"] += np.outer(d_z, hs[t])
        gradient["wx"] += np.outer(d_z, xs[t])
        gradient["b"] += d_z
        d_h = parameters["wh"].T @ d_z
    return gradient


def rnn_case(hidden=5, inputs=3, outputs=2, steps=12):
    generator = np.random.default_rng(2)
    parameters = {
        "wh": generator.normal(size=(hidden, hidden)) / 2,
        "wx": generator.normal(size=(hidden, inputs)),
        "b": generator.normal(size=hidden),
        "out": generator.normal(size=(outputs, hidden)),
    }
    return parameters, generator.normal(size=(steps, inputs)), np.zeros(hidden)


@EAGER_AND_COMPILED
def test_recurrent_network_by_scan(run):
    parameters, xs, h0 = rnn_case()
    cotangent = np.random.default_rng(3).normal(size=(len(xs), 2))

    def loss(parameters):
        return fnp.sum(rnn(parameters, xs, h0)[1] * cotangent)

    gradient = run(grad(loss))(parameters)
    expected = rnn_by_hand(parameters, xs, h0, cotangent)
    for name, value in expected.items():
        np.testing.assert_allclose(gradient[name], value, rtol=1e-10, atol=1e-12, err_msg=name)


@EAGER_AND_COMPILED
def test_recurrent_network_over_a_batch(run):
    parameters, xs, h0 = rnn_case()
    batch = np.stack([xs, xs[::-1], 0 * xs])

    def loss(parameters, xs):
        return fnp.sum(rnn(parameters, xs, h0)[1] ** 2)

    each = run(vmap(grad(loss), in_axes=(None, 0)))(parameters, batch)
    for i, row in enumerate(batch):
        alone = grad(loss)(parameters, row)
        for name, value in alone.items():
            np.testing.assert_allclose(each[name][i], value, rtol=1e-10, atol=1e-12)


def test_hessian_product_through_a_recurrent_network():
    parameters, xs, h0 = rnn_case(hidden=3, steps=5)
    direction = fungrad.tree.map(lambda x: np.cos(np.arange(x.size)).reshape(x.shape), parameters)

    def loss(parameters):
        return fnp.sum(rnn(parameters, xs, h0)[1] ** 2)

    product = fungrad.hvp(loss, (parameters,), (direction,))
    compiled = jit(lambda p, d: fungrad.hvp(loss, (p,), (d,)))(parameters, direction)
    slope = directional(lambda p: pairing(grad(loss)(p), direction), parameters, direction)
    assert pairing(product, direction) == pytest.approx(slope, rel=1e-6)
    assert pairing(compiled, direction) == pytest.approx(slope, rel=1e-6)


# ---- a particle that bounces: the event is found inside a while_loop

GRAVITY = 9.81


def height(t, y, v):
    return y + v * t - GRAVITY * t**2 / 2


def time_of_impact(y, v):
    """When the particle meets the floor, by Newton's method in a loop from beyond the root."""
    start = (fnp.abs(v) + fnp.sqrt(v**2 + 4 * GRAVITY * y)) / GRAVITY + 0.1

    def body(state):
        t, _ = state
        step = height(t, y, v) / (v - GRAVITY * t)
        return t - step, fnp.abs(step)

    return lax.while_loop(lambda s: s[1] > 1e-13 * (1 + s[0]), body, (start, start))[0]


def position_after(y, v, duration, restitution=0.8):
    """The height after `duration`, with as many bounces as happen until then."""

    def flight(state):
        y, v, _, left = state
        t = time_of_impact(y, v)
        return y, v, t, left

    def goes_on(state):
        _, _, t, left = state
        return t < left

    def bounce(state):
        _, v, t, left = state
        after = (0.0 * t, -restitution * (v - GRAVITY * t), t, left - t)
        return flight(after)

    y, v, _, left = lax.while_loop(goes_on, bounce, flight((y, v, y * 0.0, duration)))
    return height(left, y, v)


def bounces_by_hand(y, v, duration, restitution=0.8):
    """The same with the closed form of each flight time; also the number of bounces."""
    count = 0
    while True:
        t = (v + np.sqrt(v**2 + 2 * GRAVITY * y)) / GRAVITY
        if t >= duration:
            return y + v * duration - GRAVITY * duration**2 / 2, count
        y, v, duration, count = 0.0, restitution * (GRAVITY * t - v), duration - t, count + 1


@EAGER_AND_COMPILED
@pytest.mark.parametrize("duration, bounces", [(0.3, 0), (1.0, 1), (2.0, 2), (3.0, 5)])
def test_bouncing_particle(run, duration, bounces):
    y, v = 1.0, 1.5
    expected, count = bounces_by_hand(y, v, duration)
    assert count == bounces
    assert run(position_after)(y, v, duration) == pytest.approx(expected, rel=1e-10)
    slopes = [
        difference(lambda y: bounces_by_hand(y, v, duration)[0], y),
        difference(lambda v: bounces_by_hand(y, v, duration)[0], v),
        difference(lambda d: bounces_by_hand(y, v, d)[0], duration),
    ]
    reverse = run(grad(position_after, (0, 1, 2)))(y, v, duration)
    assert reverse == pytest.approx(slopes, rel=1e-6)
    for i, slope in enumerate(slopes):
        tangents = tuple([float(i == j) for j in range(3)])
        forward = run(lambda *t: jvp(position_after, (y, v, duration), t)[1])(*tangents)
        assert forward == pytest.approx(slope, rel=1e-6)


def test_bouncing_particle_over_starts_with_different_numbers_of_bounces():
    starts = np.array([0.2, 1.0, 6.0])
    counts = {bounces_by_hand(y, 0.0, 1.3)[1] for y in starts}
    assert len(counts) == 3
    derivative = vmap(grad(lambda y: position_after(y, 0.0 * y, 1.3)))
    expected = [difference(lambda y: bounces_by_hand(y, 0.0, 1.3)[0], y) for y in starts]
    np.testing.assert_allclose(derivative(starts), expected, rtol=1e-5)
    np.testing.assert_allclose(jit(derivative)(starts), expected, rtol=1e-5)


def test_aiming_by_descent():
    """The speed that brings the particle to a height at a time, by Newton's method."""
    target = jit(lambda v: position_after(1.0, v, 1.8) - 0.3)
    slope = jit(grad(lambda v: position_after(1.0, v, 1.8)))
    v = 1.0
    for _ in range(20):
        v = v - target(v) / slope(v)
    assert bounces_by_hand(1.0, v, 1.8)[0] == pytest.approx(0.3, abs=1e-9)
