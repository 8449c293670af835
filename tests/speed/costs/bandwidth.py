"""The bandwidth of large elementwise functions and reductions, beside that of a plain copy.

A figure is the time, times the bytes that have to be read and written at least, in units of what a
copy by two threads takes for as many. What is read twice, or is written through the cache, counts
once; so a row that is bound by memory cannot do better than a copy by much.
"""

import threading
from functools import partial

import numpy as np

import fungrad
import fungrad.numpy as fnp
from tests.speed.measure import medians
from tests.speed.table import Row

GOAL = 1 / 0.8  # 80 % of the bandwidth
BYTES = 128 * 2**20  # of an argument: four times the largest cache of common machines
COLUMNS = 1024


def layer_norm(x):
    centred = x - x.mean(1, keepdims=True)
    return centred / fnp.sqrt((centred * centred).mean(1, keepdims=True) + 1e-5)


def of(f):
    """The gradient of the sum of what a function returns."""
    return fungrad.grad(lambda x: f(x).sum())


def variance(x):
    return x.var(1)


#: Of a matrix, and of rows or columns beside it: how often the bytes of the matrix are read or
#: written. What is needed again after all
#: of it has been read is read twice.
KERNELS = {
    "2 x": (lambda x: 2 * x, 2),
    "x x + sqrt(1 + x x)": (lambda x: x * x + fnp.sqrt(1 + x * x), 2),
    "where": (lambda x: fnp.where(x > 0, x, 0.1 * x), 2),
    "clip": (lambda x: fnp.clip(x, -1, 1), 2),
    "x + a row": (lambda x: x + x[0], 2),
    "x times a column": (lambda x: x * x[:, :1], 2),
    "rows in reverse order": (lambda x: 2 * x[::-1], 2),
    "differences along a row": (lambda x: fnp.diff(x, axis=1), 2),
    "rows by number": (lambda x: x[fnp.arange(len(x))[::-1]], 2),
    "both above and below": (lambda x: fnp.concatenate([x, x]), 4),
    "sum": (lambda x: x.sum(), 1),
    "max": (lambda x: x.max(), 1),
    "mean": (lambda x: x.mean(), 1),
    "sum of x x + x": (lambda x: (x * x + x).sum(), 1),
    "norm": (lambda x: fnp.linalg.norm(x.reshape(-1)), 1),
    "dot with itself": (lambda x: fnp.dot(x.reshape(-1), x.reshape(-1)), 1),
    "all": (lambda x: (x < 99).all(), 1),
    "variance": (lambda x: x.var(), 2),
    "variance of rows": (variance, 1),
    "sum over axis 0": (lambda x: x.sum(0), 1),
    "sum over axis 1": (lambda x: x.sum(1), 1),
    "max over axis 0": (lambda x: x.max(0), 1),
    "max over axis 1": (lambda x: x.max(1), 1),
    "sum over a middle axis": (lambda x: x.reshape(128, -1, COLUMNS).sum(1), 1),
    "sum of each 8": (lambda x: x.reshape(-1, 8).sum(1), 1.125),
    "argmax": (lambda x: x.argmax(), 1),
    "argmax over axis 0": (lambda x: x.argmax(0), 1),
    "argmax over axis 1": (lambda x: x.argmax(1), 1),
    "cumsum along axis 0": (lambda x: x.cumsum(0), 2),
    "cumsum along axis 1": (lambda x: x.cumsum(1), 2),
    "transposed copy": (lambda x: x.T.copy(), 2),
    "x + x.T": (lambda x: x + x.T, 2),
    "layer norm of rows": (layer_norm, 2),
    "gradient of sum of x x": (of(lambda x: x * x), 2),
    "gradient of where": (of(lambda x: fnp.where(x > 0, x * x, 0.1 * x)), 2),
    "gradient of norm": (fungrad.grad(lambda x: fnp.linalg.norm(x.reshape(-1))), 3),
    "gradient of max": (fungrad.grad(lambda x: x.max()), 3),
    "gradient of variance of rows": (of(variance), 2),
    "gradient of squared sums over axis 0": (of(lambda x: x.sum(0) ** 2), 2),
    "gradient of squared cumsum": (of(lambda x: x.cumsum(1) ** 2), 2),
    "gradient of squared rows by number": (of(lambda x: x[fnp.arange(len(x))[::-1]] ** 2), 2),
}
SQUARE = ("transposed copy", "x + x.T")


def cases():
    """The rows by dtype: the time of each kernel as a multiple of the copy's for the same bytes."""
    return {np.dtype(t).name: partial(rows_of, t) for t in (np.float64, np.float32)}


def rows_of(dtype):
    """The rows of a dtype."""
    x = matrix(dtype)
    side = int(x.size**0.5)
    square = x.reshape(-1)[: side * side].reshape(side, side)
    calls = {"copy": copying(x)}
    for name, (f, _) in KERNELS.items():
        given = square if name in SQUARE else x
        calls[name] = lambda f=fungrad.jit(f), given=given: f(given)
    seconds = medians(calls, seconds=1.0, rounds=3)
    unit = seconds.pop("copy") / 2
    found = []
    for name, value in seconds.items():
        bound = {"copy": unit * KERNELS[name][1]}
        found.append(Row(f"{name}, {np.dtype(dtype).name}", value, bound, "s", "copy", GOAL))
    return found


def matrix(dtype):
    """Normal numbers, of so many bytes."""
    n = BYTES // np.dtype(dtype).itemsize
    return np.random.default_rng(0).standard_normal(n, dtype).reshape(-1, COLUMNS)


def copying(x):
    """The copy of an array to a second one, which exists already."""
    copied = np.empty_like(x)
    return lambda: copy(x, copied)


def copy(x, y):
    """Copy an array, each half by a thread."""
    half = len(x) // 2
    other = threading.Thread(target=np.copyto, args=(y[:half], x[:half]))
    other.start()
    np.copyto(y[half:], x[half:])
    other.join()
