"""grad of tanh at a scalar, without jit, orders 1 to 3: at most 0.4 of autograd's time."""

import numpy as np

import fungrad
from tests.speed.measure import installed, medians
from tests.speed.table import Row


def rows():
    """One row per function and order: tanh itself, and written out as in autograd's README."""
    libraries = installed("autograd", "jax", "torch")
    result = []
    for what, function in (("tanh", named), ("tanh written out", written_out)):
        for order in (1, 2, 3):
            calls = {"fungrad": derivative(fungrad.grad, function(np), order)}
            if "autograd" in libraries:
                import autograd.numpy as anp
                from autograd import grad

                calls["autograd"] = derivative(grad, function(anp), order)
            if "torch" in libraries:
                calls["torch"] = with_torch(function, order)
            if "jax" in libraries:
                import jax

                calls["jax"] = derivative(jax.grad, function(jax.numpy), order)
            values = {name: float(call()) for name, call in calls.items()}
            assert np.ptp(list(values.values())) < 1e-4, values
            seconds = medians(calls)
            value = seconds.pop("fungrad")
            title = f"eager grad of {what}, order {order}"
            result.append(Row(title, value, seconds, rival="autograd", at_most=0.4))
    return result


def named(namespace):
    """The library's own tanh."""
    return namespace.tanh


def written_out(namespace):
    """tanh from exponentials: five operations."""

    def tanh(x):
        y = namespace.exp(-2.0 * x)
        return (1.0 - y) / (1.0 + y)

    return tanh


def derivative(grad, f, order):
    """A call of the derivative of the given order, transformed once."""
    for _ in range(order):
        f = grad(f)
    return lambda: f(1.0)


def with_torch(function, order):
    """The same with torch.func."""
    import torch

    f = function(torch)
    for _ in range(order):
        f = torch.func.grad(f)
    x = torch.tensor(1.0, dtype=torch.float64)
    return lambda: f(x)
