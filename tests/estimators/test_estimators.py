"""Estimates of gradients: what is exact is exact, what is random is unbiased; uses of each."""

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import estimators, grad, jacrev, jit, jvp, nn, random, value_and_grad, vmap
from fungrad.core.errors import NonScalarOutputError

EAGER_AND_COMPILED = pytest.mark.parametrize("run", [lambda f: f, jit], ids=["eager", "jit"])
KEY = random.key(3)


@EAGER_AND_COMPILED
def test_straight_through(run):
    x = np.array([-1.7, 0.2, 1e9 + 0.25])
    f = estimators.straight_through(np.rint)
    assert run(f)(x).tolist() == np.rint(x).tolist()
    assert run(grad(lambda x: (f(x) ** 2).sum()))(x).tolist() == (2 * np.rint(x)).tolist()
    signs = estimators.straight_through(np.sign, nn.hard_tanh)
    assert run(jacrev(signs))(x).tolist() == np.diag([0, 1, 0]).tolist()
    assert jvp(signs, (0.5,), (2.0,)) == (1, 2)
    assert run(f)(np.float32(2.6)).dtype == np.float32


@EAGER_AND_COMPILED
def test_gumbel_softmax(run):
    logits = np.log(np.array([0.2, 0.5, 0.3]))
    keys = random.split(KEY, 4000)
    hard = run(vmap(lambda k: estimators.gumbel_softmax(k, logits, 0.5, hard=True)))(keys)
    assert set(np.unique(hard)) == {0, 1}
    np.testing.assert_allclose(hard.mean(axis=0), [0.2, 0.5, 0.3], atol=0.03)
    weights = np.array([1.0, -2.0, 0.5])

    def value(logits, hard):
        return estimators.gumbel_softmax(KEY, logits, 0.7, hard=hard) @ weights

    soft = run(grad(lambda x: value(x, False)))(logits)
    np.testing.assert_allclose(run(grad(lambda x: value(x, True)))(logits), soft, rtol=1e-12)
    by_differences = estimators.finite_differences(lambda x: value(x, False))(logits)
    np.testing.assert_allclose(soft, by_differences, rtol=1e-6)
    with pytest.raises(ValueError, match="the temperature is a finite number"):
        estimators.gumbel_softmax(KEY, logits, 0.0)


def bernoulli_log_density(logit, x):
    return fnp.where(x, nn.log_sigmoid(logit), nn.log_sigmoid(-logit)).sum()


@EAGER_AND_COMPILED
def test_reinforce_through_discrete_draws(run):
    """The expected value of a table over three coins, whose gradient is known in full."""
    table = np.random.default_rng(0).normal(size=(2, 2, 2)) + 5

    def f(x):
        i, j, k = fnp.astype(fnp.asarray(x), np.int64)
        return fnp.asarray(table)[i, j, k]

    def sample(key, logits):
        return random.bernoulli(key, nn.sigmoid(logits))

    def exact(logits):
        p = nn.sigmoid(logits)
        sides = [fnp.stack([1 - p[i], p[i]]) for i in range(3)]
        return fnp.einsum("ijk,i,j,k->", table, *sides)

    logits = np.array([0.3, -0.5, 1.0])
    estimate = estimators.reinforce(f, sample, bernoulli_log_density, draws=20_000)
    value, slope = run(value_and_grad(estimate))(logits, KEY)
    assert value == pytest.approx(exact(logits), abs=0.03)
    np.testing.assert_allclose(slope, grad(exact)(logits), atol=0.03)
    # Where f is constant, the mean of the others is an exact baseline.
    constant = estimators.reinforce(lambda x: 5.0, sample, bernoulli_log_density, draws=10)
    assert np.abs(run(grad(constant))(logits, KEY)).max() < 1e-14
    # One draw at a time is unbiased as well, and spreads more.
    alone = estimators.reinforce(f, sample, bernoulli_log_density)
    slopes = run(vmap(grad(alone), (None, 0)))(logits, random.split(KEY, 20_000))
    np.testing.assert_allclose(slopes.mean(axis=0), grad(exact)(logits), atol=0.1)
    assert slopes.std() > 10 * np.abs(grad(exact)(logits)).max()


def rosenbrock(params, scale):
    x, y = params["x"], params["y"]
    return ((1 - x) ** 2 + scale * (y - x**2) ** 2).sum()


PARAMS = {"x": np.array([0.5, -1.0]), "y": np.array([1.0, 2.0])}


@EAGER_AND_COMPILED
def test_from_values_alone(run):
    exact = grad(rosenbrock)(PARAMS, 3.0)
    by_differences = run(estimators.finite_differences(rosenbrock))(PARAMS, 3.0)
    ways = {
        "spsa": estimators.spsa(rosenbrock, draws=3000),
        "evolution": estimators.evolution_strategy(rosenbrock, spread=0.01, draws=3000),
    }
    for name in PARAMS:
        np.testing.assert_allclose(by_differences[name], exact[name], rtol=1e-8)
        for way in ways.values():
            found = run(way)(KEY, PARAMS, 3.0)[name]
            np.testing.assert_allclose(found, exact[name], atol=1.2)
    single = {k: v.astype(np.float32) for k, v in PARAMS.items()}
    found = run(estimators.finite_differences(rosenbrock))(single, np.float32(3))
    assert found["x"].dtype == np.float32
    np.testing.assert_allclose(found["x"], exact["x"], rtol=1e-2)


def test_spsa_is_unbiased_over_all_signs():
    """Averaged over every vector of signs, it is the gradient of a quadratic, exactly."""
    from fungrad.estimators import _from_directions

    signs = np.array(np.meshgrid(*[[-1.0, 1.0]] * 3)).reshape(3, -1).T
    matrix = np.random.default_rng(1).normal(size=(3, 3))
    x = np.array([0.3, -0.2, 0.9])

    def f(x):
        return x @ matrix @ x

    slopes = [
        _from_directions("spsa", lambda key, shape, dtype, d=d: d, f, 1e-2, 1)(KEY, x)
        for d in signs
    ]
    np.testing.assert_allclose(np.mean(slopes, axis=0), grad(f)(x), rtol=1e-10)


def test_descent_without_derivatives():
    """An evolution strategy walks down a staircase, on which every derivative is 0."""

    def stairs(x):
        return fnp.sum(fnp.floor(10 * fnp.abs(x)))

    slope = jit(estimators.evolution_strategy(stairs, spread=0.2, draws=64))
    x = np.array([1.5, -2.0, 0.7])
    assert not grad(stairs)(x).any()
    for key in random.split(KEY, 60):
        x = x - 0.005 * slope(key, x)
    assert stairs(x) < 4


def test_bad_input():
    with pytest.raises(NonScalarOutputError, match=r"to a number, got shape \(2,\)"):
        estimators.finite_differences(lambda x: 2 * x)(np.ones(2))
    with pytest.raises(ValueError, match="finite_differences: the step is a finite number"):
        estimators.finite_differences(np.sum, step=-1.0)
    with pytest.raises(ValueError, match="spsa: draws is a whole number that is at least 1, got 0"):
        estimators.spsa(np.sum, draws=0)
    with pytest.raises(ValueError, match="reinforce: draws is a whole number"):
        estimators.reinforce(np.sum, None, None, draws=1.5)

    def sample(key, params):
        return random.normal(key, (2,))

    estimate = estimators.reinforce(lambda x: x, sample, lambda p, x: p)
    with pytest.raises(NonScalarOutputError, match=r"a number for each draw, got shape \(2,\)"):
        estimate(1.0, KEY)
