"""The bandwidth of large elementwise functions and reductions, beside that of a plain copy.

A figure is the time, times the bytes that have to be read and written at least, in units of what a
copy by two threads takes for as many. What is read twice, or is written through the cache, counts
once; so a row that is bound by memory cannot do better than a copy by much.
"""

import threading

import numpy as np

import fungrad
import fungrad.numpy as fnp
from tests.speed.measure import medians
from tests.speed.table import Row

GOAL = 1 / 0.8  # 80 % of the bandwidth
BYTES = 128 * 2**20  # of an argument: four times the largest cache of common machines
COLUMNS = 1024


def softmax(x):
    e = fnp.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def layer_norm(x):
    centred = x - x.mean(1, keepdims=True)
    return centred / fnp.sqrt((centred * centred).mean(1, keepdims=True) + 1e-5)


def log_sum_exp(x):
    largest = x.max(1, keepdims=True)
    return fnp.log(fnp.exp(x - largest).sum(1)) + largest[:, 0]


def of(f):
    """The gradient of the sum of what a function returns."""
    return fungrad.grad(lambda x: f(x).sum())


#: The function of a matrix, and how often the bytes of its argument are read or written.
KERNELS = {
    "2 x": (lambda x: 2 * x, 2),
    "x x + sqrt(1 + x x)": (lambda x: x * x + fnp.sqrt(1 + x * x), 2),
    "sum": (lambda x: x.sum(), 1),
    "max": (lambda x: x.max(), 1),
    "mean": (lambda x: x.mean(), 1),
    "sum of x x + x": (lambda x: (x * x + x).sum(), 1),
    "norm": (lambda x: fnp.linalg.norm(x.reshape(-1)), 1),
    "dot with itself": (lambda x: fnp.dot(x.reshape(-1), x.reshape(-1)), 1),
    "sum over axis 0": (lambda x: x.sum(0), 1),
    "sum over axis 1": (lambda x: x.sum(1), 1),
    "max over axis 1": (lambda x: x.max(1), 1),
    "x + x.T": (lambda x: x + x.T, 2),
    "softmax of rows": (softmax, 2),
    "logsumexp of rows": (log_sum_exp, 1),
    "layer norm of rows": (layer_norm, 2),
    "gradient of sum of x x": (of(lambda x: x * x), 2),
    "gradient of norm": (fungrad.grad(lambda x: fnp.linalg.norm(x.reshape(-1))), 3),
    "gradient of max": (fungrad.grad(lambda x: x.max()), 3),
    "gradient of logsumexp of rows": (of(log_sum_exp), 2),
}


def rows():
    """A row per kernel and dtype: the time as a multiple of the copy's for the same bytes."""
    found = []
    for dtype in (np.float64, np.float32):
        n = BYTES // np.dtype(dtype).itemsize
        x = np.random.default_rng(0).standard_normal(n, dtype).reshape(-1, COLUMNS)
        side = int(n**0.5)
        square = x.reshape(-1)[: side * side].reshape(side, side)
        copied = np.empty_like(x)
        calls = {"copy": lambda x=x, y=copied: copy(x, y)}
        for name, (f, _) in KERNELS.items():
            given = square if name == "x + x.T" else x
            calls[name] = lambda f=fungrad.jit(f), given=given: f(given)
        seconds = medians(calls, seconds=3.0, rounds=5)
        unit = seconds.pop("copy") / 2
        for name, value in seconds.items():
            bound = {"copy": unit * KERNELS[name][1]}
            found.append(Row(f"{name}, {np.dtype(dtype).name}", value, bound, "s", "copy", GOAL))
    return found


def copy(x, y):
    """Copy an array, each half by a thread."""
    half = len(x) // 2
    other = threading.Thread(target=np.copyto, args=(y[:half], x[:half]))
    other.start()
    np.copyto(y[half:], x[half:])
    other.join()
