"""The trade of checkpoint: about a third more work for half to four fifths less memory."""

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import (
    checkpoint,
    cost,
    grad,
    hessian,
    jit,
    jvp,
    lax,
    make_program,
    value_and_grad,
    vmap,
)
from fungrad.inspection.residuals import residual_bytes

W = np.random.default_rng(0).normal(size=(6, 6)) / 3
X = np.linspace(-1.0, 1.0, 6)


def chain(n, size=None, reverse=False):
    rows = np.arange(n) / max(n, 1)

    def loss(w, x):
        def step(carry, row):
            return fnp.tanh(w @ carry + row), carry.sum()

        carry, ys = lax.scan(step, x, rows, reverse=reverse, checkpoint=size)
        return (carry**2).sum() + (ys * np.arange(1.0, n + 1)).sum()

    return loss


# ---- results


@pytest.mark.parametrize("size", ["sqrt", 1, 3, 5, 100])
@pytest.mark.parametrize("n", [0, 1, 10, 13])
@pytest.mark.parametrize("reverse", [False, True])
def test_segments_change_no_result(n, size, reverse):
    plain, segmented = chain(n, None, reverse), chain(n, size, reverse)
    np.testing.assert_allclose(segmented(W, X), plain(W, X))
    np.testing.assert_allclose(grad(segmented)(W, X), grad(plain)(W, X), atol=1e-12)


def test_segments_under_every_transform():
    plain, segmented = lambda x: chain(11)(W, x), lambda x: chain(11, "sqrt")(W, x)
    np.testing.assert_allclose(jit(grad(segmented))(X), grad(plain)(X), atol=1e-12)
    np.testing.assert_allclose(hessian(segmented)(X), hessian(plain)(X), atol=1e-11)
    np.testing.assert_allclose(jvp(segmented, (X,), (X,)), jvp(plain, (X,), (X,)))
    batch = np.stack([X, -X, 2 * X])
    np.testing.assert_allclose(
        jit(vmap(grad(segmented)))(batch), [grad(plain)(x) for x in batch], atol=1e-12
    )


def test_carries_and_rows_that_are_pytrees_and_no_rows():
    def total(x, size):
        step = lambda c, row: ({"a": c["a"] * x + row["t"], "n": c["n"] + 1}, {"y": c["a"]})
        carry = {"a": x, "n": 0}
        c, ys = lax.scan(step, carry, {"t": np.arange(7.0)}, checkpoint=size)
        c2, none = lax.scan(lambda c, _: (fnp.sin(c * x), None), x, length=7, checkpoint=size)
        assert none is None and ys["y"].shape == (7,)
        return c["a"] + ys["y"].sum() + c2

    np.testing.assert_allclose(
        grad(lambda x: total(x, "sqrt"))(0.3), grad(lambda x: total(x, None))(0.3)
    )


# ---- the trade


def trade(plain, saving, *args):
    """Work and residual memory with checkpoints, relative to those without."""
    work = [cost(value_and_grad(f, (0, 1)))(*args).flops for f in (plain, saving)]
    kept = [residual_bytes(make_program(f)(*args)) for f in (plain, saving)]
    return work[1] / work[0], kept[1] / kept[0]


def test_a_deep_chain_of_checkpointed_blocks():
    def network(block):
        def loss(params, x):
            for layers in params:
                x = block(layers, x)
            return (x**2).mean()

        return loss

    def block(layers, x):
        for w in layers:
            x = fnp.tanh(x @ w)
        return x

    weights, x = np.random.default_rng(1).normal(size=(8, 4, 32, 32)) / 6, np.ones((16, 32))
    params = [list(layers) for layers in weights]
    plain, saving = network(block), network(checkpoint(block))
    work, kept = trade(plain, saving, params, x)
    assert 1.2 < work < 1.4
    assert 0.2 <= kept <= 0.5
    expected, found = grad(plain)(params, x), jit(grad(saving))(params, x)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("n, most", [(25, 0.5), (100, 0.2), (400, 0.1)])
def test_a_long_scan_in_segments(n, most):
    args = np.zeros((30, 30)), np.ones(30)
    work, kept = trade(chain(n), chain(n, "sqrt"), *args)
    assert 1.1 < work < 1.4 and kept < most


def test_the_memory_of_compiled_code_shrinks_too():
    args = np.zeros((20, 20)), np.ones(20)
    plain, saving = (cost(grad(chain(400, size)))(*args).peak_bytes for size in (None, "sqrt"))
    assert saving < 0.35 * plain


def test_the_root_is_the_best_size():
    kept = {}
    for size in (1, 5, "sqrt", 80, 400):
        peak = cost(grad(chain(400, size)))(np.zeros((20, 20)), np.ones(20)).peak_bytes
        kept[size] = peak
    assert min(kept, key=kept.get) == "sqrt"


# ---- bad input


@pytest.mark.parametrize(
    "size, message",
    [
        (0, "checkpoint must be positive, it is 0"),
        (-2, "checkpoint must be positive"),
        ("root", "must be None, 'sqrt' or a number of iterations, it is 'root'"),
        (2.5, "a number of iterations, it is 2.5"),
        (True, "it is True"),
    ],
)
def test_what_is_no_size(size, message):
    with pytest.raises(ValueError, match=message):
        lax.scan(lambda c, _: (c, None), 0.0, length=3, checkpoint=size)
