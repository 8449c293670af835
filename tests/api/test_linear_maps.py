"""The derivatives that vjp and linearize return are pytrees: in and out of jit, batched, kept."""

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import (
    explain_cache_misses,
    fwd_and_bwd,
    grad,
    jit,
    lax,
    linearize,
    tree,
    value_and_grad,
    vjp,
    vmap,
)

X = np.linspace(-1.0, 1.0, 6).reshape(2, 3)
W = np.linspace(0.5, 1.5, 12).reshape(3, 4)


def layer(w, x):
    return fnp.tanh(x @ w)


def loss_of_two(w1, w2, x):
    return fnp.sum(layer(w2, layer(w1, x)))


def test_the_passes_on_a_schedule_of_ones_own():
    fwd, bwd = jit(lambda w, x: vjp(layer, w, x)), jit(lambda pull_back, ct: pull_back(ct))
    w2 = np.cos(np.arange(20.0)).reshape(4, 5)
    x1, first = fwd(W, X)
    x2, second = fwd(w2, x1)
    d2, dx1 = bwd(second, np.ones_like(x2))
    d1, dx0 = bwd(first, dx1)
    expected = grad(loss_of_two, (0, 1, 2))(W, w2, X)
    for found, wanted in zip((d1, d2, dx0), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-11)


def test_the_backward_pass_is_traced_once(caplog):
    fwd, bwd = fwd_and_bwd(layer, (0, 1))
    y, pull_back = fwd(W, X)
    bwd(pull_back, np.ones_like(y))
    with explain_cache_misses():
        again, other = fwd(2 * W, X)
        bwd(other, np.ones_like(again))
    assert not caplog.records


@pytest.mark.parametrize("jitted", [True, False])
def test_fwd_and_bwd(jitted):
    fwd, bwd = fwd_and_bwd(layer, 1, jitted=jitted)
    y, pull_back = fwd(W, X)
    np.testing.assert_allclose(y, np.tanh(X @ W))
    np.testing.assert_allclose(bwd(pull_back, np.ones_like(y)), (1 - y**2) @ W.T)
    scaled = lambda params, s: (params["a"] ** 2 * s, {"s": s})
    fwd, bwd = fwd_and_bwd(scaled, 0, has_aux=True, jitted=jitted)
    y, pull_back, aux = fwd({"a": 3.0}, 2.0)
    assert (y, aux, bwd(pull_back, 1.0)) == (18.0, {"s": 2.0}, {"a": 12.0})


def powers(x, n):
    step = lambda c: (c[0] + 1, fnp.sin(c[1]) * c[1])
    return lax.while_loop(lambda c: c[0] < n, step, (0, x))[1]


@pytest.mark.parametrize("passes", [lambda f: f, jit])
def test_what_while_loops_keep_goes_through_jit(passes):
    expected = grad(powers)(2.0, 5)
    y, pull_back = passes(lambda x: vjp(lambda x: powers(x, 5), x))(2.0)
    assert y == pytest.approx(powers(2.0, 5))
    assert jit(lambda pull_back: pull_back(1.0))(pull_back)[0] == pytest.approx(expected)
    assert pull_back(1.0)[0] == pytest.approx(expected)


def test_many_linear_maps_are_a_batch():
    points = [np.array([0.1, 0.2]), np.array([1.0, -1.0])]
    maps = [linearize(fnp.sin, x)[1] for x in points]
    together = tree.map(lambda *leaves: np.stack(leaves), *maps)
    pushed = vmap(lambda push, t: push(t), in_axes=(0, None))(together, np.ones(2))
    np.testing.assert_allclose(pushed, np.cos(points))


def test_residuals_can_be_looked_at_and_changed():
    _, pull_back = vjp(lambda x: 3.0 * x**2, 2.0)
    assert repr(pull_back) == "<PullBack by vjp of <lambda>, 1 residuals>"
    assert tree.leaves(pull_back) == [2.0]
    moved = tree.map(lambda r: 10 * r, pull_back)
    assert (pull_back(1.0), moved(1.0)) == ((12.0,), (120.0,))


def test_a_derivative_of_a_derivative_that_went_through_jit():
    def outer(x):
        y, pull_back = jit(lambda x: vjp(lambda x: fnp.sin(x) * x, x))(x)
        return jit(lambda p: p(1.0))(pull_back)[0] * y

    x, h = 0.7, 1e-5
    slope = (outer(x + h) - outer(x - h)) / (2 * h)
    assert value_and_grad(outer)(x)[1] == pytest.approx(slope, rel=1e-8)
