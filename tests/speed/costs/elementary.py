"""Functions that are bound by computation, not by memory, on large arrays, beside JAX and PyTorch.

Beside the time of a row stand the cycles that a core takes for an element, of the processor's
counter. The goal is the bandwidth of a copy where that is reached; where a function takes longer
than its bytes, it is to take no longer than the faster one of the others.
"""

from functools import partial
from importlib import import_module

import numpy as np

import fungrad
import fungrad.numpy as fnp
from fungrad import nn
from fungrad.compiler.execution import parallel
from fungrad.scipy import special
from tests.speed.costs.bandwidth import COLUMNS, GOAL, copying, matrix
from tests.speed.kernels import cycle_time
from tests.speed.measure import installed, medians
from tests.speed.table import Row


def entropy(softmax, log_softmax, x):
    return -(softmax(x, 1) * log_softmax(x, 1)).sum(1)


def gradient(f):
    """The derivative of a function of one element, at every element."""
    return fungrad.grad(lambda x: f(x).sum())


#: name: (fungrad's, JAX's and PyTorch's name of a function of positive numbers)
FUNCTIONS = {
    "exp": ("exp", "numpy.exp", "exp"),
    "log": ("log", "numpy.log", "log"),
    "log1p": ("log1p", "numpy.log1p", "log1p"),
    "sin": ("sin", "numpy.sin", "sin"),
    "tanh": ("tanh", "numpy.tanh", "tanh"),
    "arctan": ("arctan", "numpy.arctan", "atan"),
    "logistic": ("expit", "nn.sigmoid", "sigmoid"),
    "erf": ("erf", "scipy.special.erf", "erf"),
    "log gamma": ("gammaln", "scipy.special.gammaln", "lgamma"),
    "digamma": ("digamma", "scipy.special.digamma", "digamma"),
}


def calls_of(name, x, others):
    """A call of the function per library."""
    ours, jax_name, torch_name = FUNCTIONS[name]
    calls = {"fungrad": (getattr(fnp, ours, None) or getattr(special, ours))}
    if "jax" in others:
        calls["jax"] = found(others["jax"], jax_name)
    if "torch" in others:
        calls["torch"] = getattr(others["torch"], torch_name)
    return calls


def composed(others):
    """Functions made of several, per library: {name: {library: function}}."""
    rows = {
        "power 1.7": {"fungrad": lambda x: x**1.7},
        "gradient of tanh": {"fungrad": gradient(fnp.tanh)},
        "softmax of rows": {"fungrad": lambda x: nn.softmax(x, 1)},
        "logsumexp of rows": {"fungrad": lambda x: nn.logsumexp(x, 1)},
        "entropy of rows": {"fungrad": lambda x: entropy(nn.softmax, nn.log_softmax, x)},
        "gradient of logsumexp": {"fungrad": gradient(lambda x: nn.logsumexp(x, 1))},
        "cumulative logsumexp": {"fungrad": lambda x: fungrad.lax.cumlogsumexp(x, 1)},
    }
    if "jax" in others:
        jax = others["jax"]
        theirs = jax.nn
        grad = lambda f: jax.grad(lambda x: f(x).sum())
        for name, f in {
            "power 1.7": lambda x: x**1.7,
            "gradient of tanh": grad(jax.numpy.tanh),
            "softmax of rows": lambda x: theirs.softmax(x, 1),
            "logsumexp of rows": lambda x: theirs.logsumexp(x, 1),
            "entropy of rows": lambda x: entropy(theirs.softmax, theirs.log_softmax, x),
            "gradient of logsumexp": grad(lambda x: theirs.logsumexp(x, 1)),
            "cumulative logsumexp": lambda x: jax.lax.cumlogsumexp(x, 1),
        }.items():
            rows[name]["jax"] = f
    if "torch" in others:
        torch = others["torch"]
        for name, f in {
            "power 1.7": lambda x: x**1.7,
            "softmax of rows": lambda x: torch.softmax(x, 1),
            "logsumexp of rows": lambda x: torch.logsumexp(x, 1),
            "entropy of rows": lambda x: entropy(torch.softmax, torch.log_softmax, x),
            "cumulative logsumexp": lambda x: torch.logcumsumexp(x, 1),
        }.items():
            rows[name]["torch"] = f
    return rows


def found(module, dotted):
    """What a dotted name stands for in a module."""
    for part in dotted.split("."):
        module = getattr(module, part)
    return module


def prepared(library, module, f, x):
    """The call of one library's function on its own array, compiled where it can be."""
    if library == "fungrad":
        f = fungrad.jit(f)
        return lambda: f(x)
    if library == "jax":
        f, x = module.jit(f), module.numpy.asarray(x)
        return lambda: f(x).block_until_ready()
    x = module.from_numpy(x)
    return lambda: f(x)


def cases():
    """The rows by dtype: seconds, those of others, and cycles per element and core."""
    return {np.dtype(t).name: partial(rows_of, t) for t in (np.float64, np.float32)}


def rows_of(dtype):
    """The rows of a dtype."""
    others = installed("jax", "torch")
    if "jax" in others:
        others["jax"].config.update("jax_enable_x64", True)
        import_module("jax.scipy.special")
    x = np.abs(matrix(dtype)[: 2**23 // COLUMNS]) + dtype(0.01)
    functions = {name: calls_of(name, x, others) for name in FUNCTIONS} | composed(others)
    calls = {("copy", "copy"): copying(x)}
    for name, found_ones in functions.items():
        for library, f in found_ones.items():
            calls[name, library] = prepared(library, others.get(library), f, x)
    seconds = medians(calls, seconds=0.5, rounds=3)
    copied, ticks = seconds.pop(("copy", "copy")), cycle_time()
    result = []
    for name in functions:
        ours = seconds[name, "fungrad"]
        beside = {lib: s for (n, lib), s in seconds.items() if n == name and lib != "fungrad"}
        bytes_moved = 1 if name in ("logsumexp of rows", "entropy of rows") else 2
        bound = {"copy": copied * bytes_moved / 2}
        fastest = min(beside, key=beside.get, default=None)
        is_at_bandwidth = ours <= GOAL * bound["copy"] or fastest is None
        rival, at_most = ("copy", GOAL) if is_at_bandwidth else (fastest, 1.0)
        cycles = ours * parallel.threads() / ticks / x.size
        what = f"{name}, {np.dtype(dtype).name}, {cycles:.1f} cycles"
        result.append(Row(what, ours, bound | beside, "s", rival, at_most))
    return result
