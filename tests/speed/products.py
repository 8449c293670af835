"""The matrix products of a compiled program, each alone: the shortest time that BLAS takes for it.

NumPy's BLAS multiplies matrices of the same sizes and layouts with as many threads as it likes.
What a step takes beyond the sum of these times is what fungrad adds to BLAS.
"""

import time

import numpy as np


def time_alone(products):
    """Seconds for all products: (dtype, count, m, n, k, ta, tb, times) each, `count` a batch."""
    return sum(times * _seconds(*product) for *product, times in products)


def _seconds(*product):
    multiply = multiplication(*product)
    found, end = [], time.perf_counter() + 0.1
    while len(found) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        multiply()
        found.append(time.perf_counter() - start)
    return min(found)


def multiplication(dtype, count, m, n, k, ta, tb):
    """A function that lets BLAS multiply a batch of matrices of some sizes and layouts."""
    generator = np.random.default_rng(0)
    a = generator.normal(size=(count, *((k, m) if ta else (m, k)))).astype(dtype)
    b = generator.normal(size=(count, *((n, k) if tb else (k, n)))).astype(dtype)
    a, b = (a.swapaxes(1, 2) if ta else a), (b.swapaxes(1, 2) if tb else b)
    if count == 1:
        a, b = a[0], b[0]
    out = np.empty((count, m, n) if count > 1 else (m, n), dtype)
    return lambda: np.matmul(a, b, out=out)


def together(products):
    """A function that computes all products of a list, as `time_alone` takes it, in their order."""
    calls = [(multiplication(*product), round(times)) for *product, times in products]

    def run():
        for multiply, times in calls:
            for _ in range(times):
                multiply()

    return run


def product_of(name, values):
    """(dtype, count, m, n, k, ta, tb) of a call of a routine with its arguments; None of others."""
    routine, _, dtype = name.partition("_")
    if routine == "gemms":
        count, (m, n, k), (ta, tb) = values[0], values[8:11], (values[14], values[17])
    elif routine in ("gemm", "product"):
        count, (m, n, k), (ta, tb) = 1, values[:3], (values[6], values[9])
    elif routine == "gemv":
        (rows, columns), ta = values[:2], values[5]
        count, tb = 1, 0
        m, n, k = (columns, 1, rows) if ta else (rows, 1, columns)
    else:
        return None
    given = (count, m, n, k, ta, tb)
    return None if None in given else (dtype, *given)
