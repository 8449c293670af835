"""Sorting, searching, counting and running totals beside NumPy's own.

"Compiled" is the function alone, under jit; "and its tangent, eager" is `jvp` without jit; "plain"
is `fungrad.numpy`'s function on plain arrays.
"""

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


def rows():
    """A row per function and way of calling it; compiled, none may be slower than NumPy."""
    found = []
    for name, function in FUNCTIONS.items():
        compiled = fungrad.jit(function)
        times = medians(
            {
                "numpy": lambda f=function: f(X),
                "compiled": lambda f=compiled: f(X),
                "eager": lambda f=function: fungrad.jvp(f, (X,), (X,))[0],
            },
            0.7,
        )
        numpy = {"NumPy": times["numpy"]}
        found.append(Row(f"{name}, compiled", times["compiled"], numpy, "s", "NumPy", 1.1))
        found.append(Row(f"{name} and its tangent, eager", times["eager"], numpy, "s"))
    for name in ("sin", "sum", "concatenate", "where"):
        arguments = {"concatenate": ([SMALL, SMALL],), "where": (SMALL > 0, SMALL, 0.0)}
        given = arguments.get(name, (SMALL,))
        times = medians(
            {
                "numpy": lambda f=getattr(np, name), g=given: f(*g),
                "plain": lambda f=getattr(fnp, name), g=given: f(*g),
            },
            0.5,
        )
        numpy = {"NumPy": times["numpy"]}
        found.append(Row(f"{name} of 8 numbers, plain", times["plain"], numpy, "s", "NumPy", 2.0))
    return found
