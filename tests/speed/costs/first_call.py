"""The first call of the jitted MLP step in a fresh process, on a cold cache and on a warm one."""

from statistics import median

from tests.speed.costs.compilations import STEP
from tests.speed.measure import bytecode, empty_cache, installed, reported, written_to
from tests.speed.table import Row

JAX = """
import json, time
import numpy as np
import jax, jax.numpy as jnp

def loss(parameters, x, y):
    *hidden, (w, b) = parameters
    for weights, bias in hidden:
        x = jnp.maximum(x @ weights + bias, 0)
    s = x @ w + b
    s = s - s.max(axis=1, keepdims=True)
    return -((s - jnp.log(jnp.exp(s).sum(axis=1, keepdims=True))) * y).sum() / len(x)

@jax.jit
def step(parameters, x, y):
    gradient = jax.grad(loss)(parameters, x, y)
    return jax.tree.map(lambda p, g: p - 0.01 * g, parameters, gradient)

sizes = (784, 512, 512, 10)
parameters = [
    (np.ones((m, n), np.float32) / m, np.zeros(n, np.float32))
    for m, n in zip(sizes[:-1], sizes[1:])
]
x, y = np.ones((128, 784), np.float32), np.eye(10, dtype=np.float32)[np.arange(128) % 10]
jax.block_until_ready(jnp.zeros(3))  # start the runtime
start = time.perf_counter()
jax.block_until_ready(step(parameters, x, y))
print(json.dumps(time.perf_counter() - start))
"""
ROUNDS = 3


def rows():
    """Cold: no slower than JAX. Warm: four times as fast."""
    cold, warm, theirs = [], [], []
    with bytecode() as folder:
        for number in range(ROUNDS + 1):
            found = figures(written_to(folder))
            if number:  # bytecode is written in the first round
                for values, value in zip((cold, warm, theirs), found, strict=False):
                    values.append(value)
    others = {"jax": median(theirs)} if theirs else {}
    return [
        Row("MLP step: first call, cold cache", median(cold), others, "s", "jax", 1.0),
        Row("MLP step: first call, warm cache", median(warm), others, "s", "jax", 0.25),
    ]


def figures(environment):
    """The first call on an empty cache, on the cache that it leaves, and with JAX if installed."""
    with empty_cache() as folder:
        cached = {**environment, "FUNGRAD_CACHE_DIR": folder}
        found = [reported(STEP, cached)["first call"] for _ in range(2)]
    return [*found, reported(JAX, environment)] if installed("jax") else found
