"""What is done again for other batch sizes: traced, but not compiled; and by a second process."""

from tests.speed.measure import empty_cache, installed, reported
from tests.speed.table import Row

#: What a call with arrays of new shapes takes longer than the next one, at several batch sizes.
NEW_SIZES = """
def extra(n):
    x, y = batch(n)
    times = []
    for _ in range(4):
        start = time.perf_counter()
        ready(step(parameters, x, y))
        times.append(time.perf_counter() - start)
    return times[0] - min(times[1:])

extras = [extra(n) for n in (96, 100, 92, 104, 88)]
new_size = sorted(extras)[2]
"""

#: The step, the batches and the parameters, for each of the two libraries.
MODEL = """
import json, time
import numpy as np
import LIBRARY, LIBRARY.numpy as xnp

def loss(parameters, x, y):
    *hidden, (w, b) = parameters
    for weights, bias in hidden:
        x = xnp.maximum(x @ weights + bias, 0)
    s = x @ w + b
    s = s - s.max(axis=1, keepdims=True)
    return -((s - xnp.log(xnp.exp(s).sum(axis=1, keepdims=True))) * y).sum() / len(x)

@LIBRARY.jit
def step(parameters, x, y):
    gradient = LIBRARY.grad(loss)(parameters, x, y)
    return LIBRARY.tree.map(lambda p, g: p - 0.01 * g, parameters, gradient)

def batch(n):
    return np.ones((n, 784), np.float32), np.eye(10, dtype=np.float32)[np.arange(n) % 10]

sizes = (784, 512, 512, 10)
parameters = [
    (np.ones((m, n), np.float32) / m, np.zeros(n, np.float32))
    for m, n in zip(sizes[:-1], sizes[1:])
]
"""

STEP = (
    MODEL.replace("LIBRARY", "fungrad")
    + """
from fungrad.compiler.llvm.build import statistics

def compiled():
    counts = statistics()
    return counts["compiled_kernels"] + counts["compiled_entries"]

imported = time.perf_counter()
step(parameters, *batch(128))
first = time.perf_counter()
before = compiled()
ready = list
"""
    + NEW_SIZES
    + """
report = {
    "compiled": before,
    "compiled by other batch sizes": compiled() - before,
    "first call": first - imported,
    "new size": new_size,
    "second size": extras[0],
}
print(json.dumps(report))
"""
)

JAX = (
    MODEL.replace("LIBRARY", "jax")
    + """
ready = jax.block_until_ready
ready(xnp.zeros(3))  # start the runtime
start = time.perf_counter()
ready(step(parameters, *batch(128)))
first = time.perf_counter() - start
"""
    + NEW_SIZES
    + """
print(json.dumps({"first call": first, "new size": new_size}))
"""
)


def rows():
    """The MLP step, in two processes that share a cache which is empty at first."""
    with empty_cache() as folder:
        cold = reported(STEP, {"FUNGRAD_CACHE_DIR": folder})
        warm = reported(STEP, {"FUNGRAD_CACHE_DIR": folder})
        theirs = {"jax": reported(JAX, {})["new size"]} if installed("jax") else {}
    others = cold["compiled by other batch sizes"]
    again = warm["compiled"]
    new = cold["new size"]
    return [
        Row("MLP step: functions compiled by the first process", cold["compiled"], unit=""),
        Row("MLP step: compiled again for other batch sizes", others, unit="", at_most=0),
        Row("MLP step: compiled again by a second process", again, unit="", at_most=0),
        Row("MLP step: a new batch size, beside its computation", new, theirs, at_most=5e-3),
        Row("MLP step: the same in a second process", warm["new size"]),
    ]
