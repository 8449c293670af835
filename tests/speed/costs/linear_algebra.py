"""Linear algebra beside NumPy and JAX: solutions, Cholesky factors, many small matrices."""

from functools import partial

import numpy as np

import fungrad
from tests.speed.measure import installed, medians
from tests.speed.table import Row

RANDOM = np.random.default_rng(0)


def matrices(*shape):
    """Positive definite matrices."""
    x = RANDOM.normal(size=shape)
    return x @ np.swapaxes(x, -1, -2) / shape[-1] + np.eye(shape[-1])


def log_likelihood(np):
    """The log-density of a multivariate normal distribution, as users write it."""

    def of(a, b):
        factor = np.linalg.cholesky(a)
        z = np.linalg.solve(factor, b)
        return -0.5 * (z * z).sum() - np.log(np.diagonal(factor)).sum()

    return of


def solved(np):
    return lambda a, b: np.linalg.solve(a, b)


CASES = {
    "solve": (solved, 1),
    "cholesky": (lambda np: lambda a, b: np.linalg.cholesky(a), 1),
    "inv": (lambda np: lambda a, b: np.linalg.inv(a), 1),
    "det": (lambda np: lambda a, b: np.linalg.det(a), None),
    "eigh": (lambda np: lambda a, b: np.linalg.eigh(a)[1], None),
    "svd": (lambda np: lambda a, b: np.linalg.svd(a)[0], None),
    "qr": (lambda np: lambda a, b: np.linalg.qr(a)[0], None),
}
SIZES = ((3,), (10,), (100,), (1000, 3))
GRADIENTS = {
    "gradient of solve": lambda np: lambda a, b: (np.linalg.solve(a, b) ** 2).sum(),
    "gradient of slogdet": lambda np: lambda a, b: np.linalg.slogdet(a)[1].sum(),
    "gradient of a Gaussian log-density": log_likelihood,
}


def cases():
    """Values compiled and eager, with the goal of NumPy's own time for small matrices; gradients."""
    result = {}
    for name, (make, goal) in CASES.items():
        for size in SIZES:
            title = f"{name}, {shown(size)}"
            result[title] = partial(_of_values, title, make, size, goal)
    for name, make in GRADIENTS.items():
        for size in SIZES[:3] if "density" in name else SIZES:
            title = f"{name}, {shown(size)}"
            result[title] = partial(_of_gradients, title, make, size)
    return result


def _of_values(title, make, size, goal):
    arguments = matrices(*size, size[-1]), RANDOM.normal(size=(*size, 1))
    calls = {"numpy": make(np), "eager": make(fungrad.numpy)}
    calls["fungrad"] = fungrad.jit(make(fungrad.numpy))
    return measured(title, calls, make, arguments, goal)


def _of_gradients(title, make, size):
    arguments = matrices(*size, size[-1]), RANDOM.normal(size=(*size, 1))
    gradient = fungrad.grad(make(fungrad.numpy))
    calls = {"eager": gradient, "fungrad": fungrad.jit(gradient)}
    return measured(title, calls, make, arguments, None, True)


def measured(what, calls, make, arguments, goal, is_gradient=False):
    """The rows of compiled and of eager code, beside the others' times."""
    calls = {name: (lambda f=f: f(*arguments)) for name, f in calls.items()}
    if installed("jax"):
        import jax

        jax.config.update("jax_enable_x64", True)
        function = make(jax.numpy)
        compiled = jax.jit(jax.grad(function) if is_gradient else function)
        moved = jax.tree.map(jax.numpy.asarray, arguments)
        calls["jax"] = lambda: jax.block_until_ready(compiled(*moved))
    seconds = medians(calls, seconds=0.5)
    compiled, eager = seconds.pop("fungrad"), seconds.pop("eager")
    return [
        Row(f"{what}, compiled", compiled, seconds, rival="numpy" if goal else None, at_most=goal),
        Row(f"{what}, eager", eager, {k: v for k, v in seconds.items() if k == "numpy"}),
    ]


def shown(size):
    """The shape of the matrices, as text."""
    *batch, n = size
    return " of ".join([*map(str, batch), f"{n} x {n}"])
