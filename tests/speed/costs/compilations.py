"""What is compiled again for a second batch size, and by a second process: nothing."""

from tests.speed.measure import empty_cache, reported
from tests.speed.table import Row

STEP = """
import json, time
start = time.perf_counter()
import numpy as np
import fungrad, fungrad.numpy as fnp
from fungrad.compiler.llvm.build import statistics

def loss(parameters, x, y):
    *hidden, (w, b) = parameters
    for weights, bias in hidden:
        x = fnp.maximum(x @ weights + bias, 0)
    s = x @ w + b
    s = s - s.max(axis=1, keepdims=True)
    return -((s - fnp.log(fnp.exp(s).sum(axis=1, keepdims=True))) * y).sum() / len(x)

@fungrad.jit
def step(parameters, x, y):
    gradient = fungrad.grad(loss)(parameters, x, y)
    return fungrad.tree.map(lambda p, g: p - 0.01 * g, parameters, gradient)

def compiled():
    counts = statistics()
    return counts["compiled_kernels"] + counts["compiled_entries"]

def batch(n):
    return np.ones((n, 784), np.float32), np.eye(10, dtype=np.float32)[np.arange(n) % 10]

sizes = (784, 512, 512, 10)
parameters = [
    (np.ones((m, n), np.float32) / m, np.zeros(n, np.float32))
    for m, n in zip(sizes[:-1], sizes[1:])
]
imported = time.perf_counter()
step(parameters, *batch(128))
first = time.perf_counter()
before = compiled()
step(parameters, *batch(96))
report = {
    "compiled": before,
    "compiled by the second batch size": compiled() - before,
    "first call": first - imported,
    "second batch size": time.perf_counter() - first,
    "whole process": time.perf_counter() - start,
}
print(json.dumps(report))
"""


def rows():
    """The MLP step, in two processes that share a cache which is empty at first."""
    with empty_cache() as folder:
        cold = reported(STEP, {"FUNGRAD_CACHE_DIR": folder})
        warm = reported(STEP, {"FUNGRAD_CACHE_DIR": folder})
    second = cold["compiled by the second batch size"]
    again = warm["compiled"]
    return [
        Row("MLP step: functions compiled by the first process", cold["compiled"], unit=""),
        Row("MLP step: compiled again for a second batch size", second, unit="", at_most=0),
        Row("MLP step: compiled again by a second process", again, unit="", at_most=0),
        Row("MLP step: first call for a second batch size", cold["second batch size"]),
    ]
