"""Gradients of small functions without jit: what a recording costs."""

import numpy

SIZES = (("tanh", 1), ("tanh", 2), ("tanh", 3), ("written out", 1), ("written out", 2),
         ("quadratic", 1), ("network", 1))  # fmt: skip
EAGER = SIZES
TINY = SIZES
PEERS = ("jax", "torch", "autograd")


def inputs(name, order):
    if name == "quadratic":
        return (numpy.arange(5.0),)
    if name == "network":
        generator = numpy.random.default_rng(0)
        return generator.normal(size=(8, 4)), generator.normal(size=8)
    return (1.0,)


def named(np, name):
    """The function in terms of a namespace."""
    functions = {
        "tanh": np.tanh,
        "written out": lambda x: (1 - np.exp(-2 * x)) / (1 + np.exp(-2 * x)),
        "quadratic": lambda x: -(x * x).sum(),
        "network": lambda w, v: (v @ np.tanh(w @ np.ones(4))) ** 2,
    }
    return functions[name]


def primal(library, name, order):
    return named(library.numpy, name)


def derivative(library, name, order):
    f = named(library.numpy, name)
    if name == "network":
        return library.grad(f, (0, 1))
    for _ in range(order):
        f = library.grad(f)
    return f


def torch_primal(torch, name, order):
    f = named(torch_namespace(torch), name)
    return lambda *x: f(*[torch.as_tensor(v, dtype=torch.float64) for v in x])


def torch_derivative(torch, name, order):
    f = named(torch_namespace(torch), name)
    if name == "network":
        return torch.func.grad(f, (0, 1))
    for _ in range(order):
        f = torch.func.grad(f)
    return lambda *x: f(*[torch.as_tensor(v, dtype=torch.float64) for v in x])


def torch_namespace(torch):
    """PyTorch with ones in float64."""
    from types import SimpleNamespace

    def ones(n):
        return torch.ones(n, dtype=torch.float64)

    return SimpleNamespace(tanh=torch.tanh, exp=torch.exp, ones=ones)
