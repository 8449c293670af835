"""Sorting, searching, counting and running totals beside NumPy's own.

"Compiled" is the function alone, under jit; "and its tangent, eager" is `jvp` without jit; "plain"
is `fungrad.numpy`'s function on plain arrays.
"""

from functools import partial

import numpy as np

import fungrad
import fungrad.numpy as fnp
from tests.speed.measure import medians
from tests.speed.table import Row

N = 100_000
FUNCTIONS = {
    "sort": lambda x: np.sort(x),
    "sort of rows": lambda x: np.sort(x.reshape(1000, 100), axis=1),
    "partition": lambda x: np.partition(x, N // 2),
    "argsort": lambda x: np.argsort(x, kind="stable"),
    "searchsorted": lambda x: np.searchsorted(EDGES, x),
    "histogram": lambda x: np.histogram(x, 50, (-3.0, 3.0))[0],
    "bincount": lambda x: np.bincount(BINS, weights=x, minlength=64),
    "cumsum": lambda x: np.cumsum(x),
    "cumsum of columns": lambda x: np.cumsum(x.reshape(1000, 100), axis=0),
    "cumprod": lambda x: np.cumprod(x),
    "maximum.accumulate": lambda x: np.maximum.accumulate(x),
    "median": lambda x: np.median(x),
    "median of columns": lambda x: np.median(x.reshape(1000, 100), axis=0),
    "percentile": lambda x: np.percentile(x, 90),
    "five percentiles": lambda x: np.percentile(x, [5, 25, 50, 75, 95]),
    "nanmedian": lambda x: np.nanmedian(x),
    "nanpercentile": lambda x: np.nanpercentile(x, 90),
}
R = np.random.default_rng(0)
X = R.standard_normal(N)
EDGES = np.sort(R.standard_normal(1000))
BINS = R.integers(0, 64, N)
SMALL = np.linspace(0.0, 1.0, 8)
GIVEN = {"concatenate": ([SMALL, SMALL],), "where": (SMALL > 0, SMALL, 0.0)}


def cases():
    """Functions of many numbers, and of few."""
    return {
        **{name: partial(_of_many, name, function) for name, function in FUNCTIONS.items()},
        **{f"{name} of 8 numbers": partial(_of_eight, name) for name in ("sin", "sum")},
        **{f"{name} of 8 numbers": partial(_of_eight, name) for name in GIVEN},
    }


def _of_many(name, function):
    """A row per way of calling a function; compiled, none may be slower than NumPy."""
    compiled = fungrad.jit(function)
    times = medians(
        {
            "numpy": lambda: function(X),
            "compiled": lambda: compiled(X),
            "eager": lambda: fungrad.jvp(function, (X,), (X,))[0],
        },
        0.7,
    )
    numpy = {"NumPy": times["numpy"]}
    return [
        Row(f"{name}, compiled", times["compiled"], numpy, "s", "NumPy", 1.0),
        Row(f"{name} and its tangent, eager", times["eager"], numpy, "s"),
    ]


def _of_eight(name):
    """A plain call of a function of small arrays."""
    given = GIVEN.get(name, (SMALL,))
    times = medians(
        {
            "numpy": lambda f=getattr(np, name): f(*given),
            "plain": lambda f=getattr(fnp, name): f(*given),
        },
        0.5,
    )
    numpy = {"NumPy": times["numpy"]}
    return [Row(f"{name} of 8 numbers, plain", times["plain"], numpy, "s", "NumPy", 2.0)]
