"""A training step of an MLP, 784-512-512-10, batch 128, float32: at most 1.2 of JAX's time."""

import numpy as np

from tests.speed.measure import installed, medians
from tests.speed.table import Row

SIZES, BATCH, RATE = (784, 512, 512, 10), 128, 0.01


def rows():
    """One row: a whole step, from parameters and batch to new parameters."""
    generator = np.random.default_rng(0)
    parameters = [
        ((generator.normal(size=(m, n)) / np.sqrt(m)).astype(np.float32), np.zeros(n, np.float32))
        for m, n in zip(SIZES[:-1], SIZES[1:], strict=True)
    ]
    x = generator.normal(size=(BATCH, SIZES[0])).astype(np.float32)
    y = np.eye(10, dtype=np.float32)[generator.integers(0, 10, BATCH)]
    calls, results = {}, {}
    for name, make in (("fungrad", with_fungrad), ("jax", with_jax), ("torch", with_torch)):
        if name == "fungrad" or installed(name):
            calls[name], results[name] = make(parameters, x, y)
    for name, found in results.items():
        for got, expected in zip(found, results["fungrad"], strict=True):
            np.testing.assert_allclose(got, expected, rtol=2e-3, atol=2e-5, err_msg=name)
    seconds = medians(calls, seconds=6.0)
    value = seconds.pop("fungrad")
    return [Row("MLP 784-512-512-10, batch 128, one step", value, seconds, "s", "jax", 1.2)]


def loss_in(namespace):
    """The cross-entropy of the network, written with a NumPy-like namespace."""

    def loss(parameters, x, y):
        *hidden, (w, b) = parameters
        for weights, bias in hidden:
            x = namespace.maximum(x @ weights + bias, 0)
        s = x @ w + b
        s = s - s.max(axis=1, keepdims=True)
        return -((s - namespace.log(namespace.exp(s).sum(axis=1, keepdims=True))) * y).sum() / BATCH

    return loss


def flat(parameters):
    """The arrays of the parameters."""
    return [np.asarray(a) for pair in parameters for a in pair]


def with_fungrad(parameters, x, y):
    """A call, and the parameters after one step."""
    import fungrad
    import fungrad.numpy as fnp

    gradient = fungrad.grad(loss_in(fnp))

    @fungrad.jit
    def step(parameters, x, y):
        return fungrad.tree.map(lambda p, g: p - RATE * g, parameters, gradient(parameters, x, y))

    return lambda: step(parameters, x, y), flat(step(parameters, x, y))


def with_jax(parameters, x, y):
    """The same with JAX, which waits for the result."""
    import jax

    gradient = jax.grad(loss_in(jax.numpy))

    @jax.jit
    def step(parameters, x, y):
        return jax.tree.map(lambda p, g: p - RATE * g, parameters, gradient(parameters, x, y))

    parameters, x, y = jax.tree.map(jax.numpy.asarray, (parameters, x, y))
    return lambda: jax.block_until_ready(step(parameters, x, y)), flat(step(parameters, x, y))


def with_torch(parameters, x, y):
    """The same with PyTorch, eager."""
    import torch

    leaves = [torch.tensor(a, requires_grad=True) for pair in parameters for a in pair]
    x, y = torch.tensor(x), torch.tensor(y)

    def step():
        z = x
        for i in range(0, len(leaves) - 2, 2):
            z = torch.relu(z @ leaves[i] + leaves[i + 1])
        scores = z @ leaves[-2] + leaves[-1]
        loss = -(torch.log_softmax(scores, dim=1) * y).sum() / BATCH
        gradient = torch.autograd.grad(loss, leaves)
        with torch.no_grad():
            return [p - RATE * g for p, g in zip(leaves, gradient, strict=True)]

    return step, [p.numpy() for p in step()]
