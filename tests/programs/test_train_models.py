"""A variational autoencoder, a neural ordinary differential equation, Hamiltonian Monte Carlo."""

import numpy as np
from fitting import fit, standardized
from sklearn import datasets

import fungrad.numpy as fnp
from fungrad import grad, jit, lax, nn, optim, random, value_and_grad
from fungrad.nn.layers import dense


def test_variational_autoencoder_on_digits():
    """The bound on the likelihood rises, and a code of 8 numbers holds most of an image."""
    images = (datasets.load_digits().images / 16).reshape(-1, 64).astype(np.float32)
    sizes = {"in": (64, 64), "code": (64, 16), "back": (8, 64), "out": (64, 64)}
    keys = random.split(random.key(0), 4)
    params = {
        name: dense.init(k, *size, dtype=np.float32)
        for k, (name, size) in zip(keys, sizes.items(), strict=True)
    }

    def encoded(params, x):
        code = dense.apply(params["code"], nn.relu(dense.apply(params["in"], x)))
        return code[:, :8], code[:, 8:]

    def decoded(params, z):
        return dense.apply(params["out"], nn.relu(dense.apply(params["back"], z)))

    def loss(params, key, x):
        """The negative evidence lower bound (Kingma and Welling, 2014), by one drawn code."""
        mean, log_variance = encoded(params, x)
        z = mean + fnp.exp(0.5 * log_variance) * random.normal(key, mean.shape, np.float32)
        pixels = fnp.sum(optim.sigmoid_binary_cross_entropy(decoded(params, z), x), axis=1)
        divergence = 0.5 * fnp.sum(fnp.exp(log_variance) + mean**2 - 1 - log_variance, axis=1)
        return fnp.mean(pixels + divergence)

    params, losses = fit(loss, optim.adam(3e-3), params, (images,), epochs=40, batch=64)
    assert losses[-1] < 26 < 35 < losses[0]
    rebuilt = nn.sigmoid(decoded(params, encoded(params, images)[0]))
    assert np.mean((rebuilt - images) ** 2) < 0.45 * images.var(axis=0).mean()


def runge_kutta(f, y, step):
    k1 = f(y)
    k2 = f(y + step / 2 * k1)
    k3 = f(y + step / 2 * k2)
    k4 = f(y + step * k3)
    return y + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def solution(f, start, step, count):
    def body(y, _):
        y = runge_kutta(f, y, step)
        return y, y

    return lax.scan(body, start, None, length=count)[1]


def test_neural_differential_equation():
    """A network in place of y' = y**3 A (Chen et al., 2018), learnt from trajectories."""
    matrix = np.array([[-0.1, 2.0], [-2.0, -0.1]])
    starts = np.random.default_rng(1).uniform(-1.5, 1.5, (32, 2))
    truth = solution(lambda y: y**3 @ matrix, starts, 0.05, 20)
    keys = random.split(random.key(2))
    params = [dense.init(keys[0], 2, 32), dense.init(keys[1], 32, 2)]

    def field(params, y):
        return dense.apply(params[1], fnp.tanh(dense.apply(params[0], y**3)))

    def loss(params, key, start, path):
        found = solution(lambda y: field(params, y), start, 0.05, 20)
        return optim.mean_squared_error(fnp.swapaxes(found, 0, 1), path)

    data = (starts, np.swapaxes(truth, 0, 1))
    optimiser = optim.adam(optim.cosine_decay_schedule(1e-2, 1000))
    params, losses = fit(loss, optimiser, params, data, epochs=1000, batch=32)
    assert losses[-1] < 2e-3 < 0.1 < losses[0]
    other = np.array([[1.0, -0.5]])
    found = solution(lambda y: field(params, y), other, 0.05, 20)
    expected = solution(lambda y: y**3 @ matrix, other, 0.05, 20)
    assert np.abs(found - expected).max() < 0.2


def hamiltonian_monte_carlo(log_density, start, key, *, draws, steps, size):
    """Draws and the share that was accepted (Duane et al., 1987; Neal, 2011)."""
    energy_and_slope = value_and_grad(lambda q: -log_density(q))

    def leap(carry, _):
        q, p, slope = carry
        p = p - size / 2 * slope
        q = q + size * p
        energy, slope = energy_and_slope(q)
        return (q, p - size / 2 * slope, slope), energy

    def draw(carry, key):
        q, energy, slope = carry
        for_momentum, for_choice = random.split(key)
        p = random.normal(for_momentum, q.shape)
        (moved, after, new_slope), energies = lax.scan(leap, (q, p, slope), None, length=steps)
        change = energies[-1] - energy + 0.5 * (fnp.sum(after**2) - fnp.sum(p**2))
        accepted = fnp.log(random.uniform(for_choice)) < -change
        q, energy, slope = (
            fnp.where(accepted, x, y)
            for x, y in zip((moved, energies[-1], new_slope), (q, energy, slope), strict=True)
        )
        return (q, energy, slope), (q, accepted)

    @jit
    def run(start, keys):
        return lax.scan(draw, (start, *energy_and_slope(start)), keys)[1]

    found, accepted = run(start, random.split(key, draws))
    return found, accepted.mean()


def test_monte_carlo_of_a_correlated_normal():
    covariance = np.array([[2.0, 1.2], [1.2, 1.0]])
    precision = np.linalg.inv(covariance)
    centre = np.array([3.0, -1.0])

    def log_density(q):
        return -0.5 * (q - centre) @ precision @ (q - centre)

    found, rate = hamiltonian_monte_carlo(
        log_density, np.zeros(2), random.key(1), draws=20_000, steps=8, size=0.3
    )
    assert 0.9 < rate < 1
    np.testing.assert_allclose(found[500:].mean(axis=0), centre, atol=0.05)
    np.testing.assert_allclose(np.cov(found[500:].T), covariance, atol=0.1)


def test_monte_carlo_of_a_logistic_regression():
    """The posterior of breast cancer's coefficients, around its mode as Laplace describes it."""
    from fungrad import hessian

    data = datasets.load_breast_cancer()
    x = standardized(data.data[:, :4]).astype(np.float64)
    x = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    y = data.target.astype(float)

    def log_posterior(w):
        return -fnp.sum(optim.sigmoid_binary_cross_entropy(x @ w, y)) - 0.5 * fnp.sum(w**2)

    @jit
    def newton(w):
        def body(_, w):
            return w - fnp.linalg.solve(hessian(log_posterior)(w), grad(log_posterior)(w))

        return lax.fori_loop(0, 12, body, w)

    mode = newton(np.zeros(5))
    spread = np.sqrt(np.diag(np.linalg.inv(-hessian(log_posterior)(mode))))
    found, rate = hamiltonian_monte_carlo(
        log_posterior, mode, random.key(3), draws=2000, steps=20, size=0.1
    )
    assert rate > 0.8
    assert np.abs((found.mean(axis=0) - mode) / spread).max() < 0.35
    np.testing.assert_allclose(found.std(axis=0), spread, rtol=0.25)
