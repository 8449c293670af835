"""Derivatives of small functions without jit: what a recording costs."""

import numpy

SMALL = (("tanh", 1), ("tanh", 2), ("tanh", 3), ("written out", 1), ("written out", 2),
         ("quadratic", 1), ("network", 1))  # fmt: skip
FUNCTIONS = tuple((name, 1) for name in "norm std prod where rows solve slogdet softmax".split())
TRANSFORMS = (("jvp of softmax", 1), ("vjp of softmax", 1), ("hvp of softmax", 2),
              ("hessian of softmax", 2), ("training", 1))  # fmt: skip
SIZES = SMALL + FUNCTIONS + TRANSFORMS
EAGER = SIZES
TINY = SIZES
PEERS = ("jax", "torch", "autograd")
JAX_SIZES = TORCH_SIZES = SMALL

STEPS = 5
R = numpy.random.default_rng(0)
ROWS, POINTS, LABELS = (
    R.integers(0, 8, 5),
    R.normal(size=(16, 4)),
    numpy.eye(3)[R.integers(0, 3, 16)],
)
LAYERS = ((4, 8), (8,), (8, 3), (3,))


def inputs(name, order):
    if name == "quadratic":
        return (numpy.arange(5.0),)
    if name == "network":
        generator = numpy.random.default_rng(0)
        return generator.normal(size=(8, 4)), generator.normal(size=8)
    generator = numpy.random.default_rng(1)
    if name == "training":
        return tuple(0.5 * generator.normal(size=shape) for shape in LAYERS)
    if name.endswith("softmax"):
        return (generator.normal(size=(4, 3)),)
    if name in ("solve", "slogdet"):
        return (generator.normal(size=(5, 5)) + 5 * numpy.eye(5),)
    return (1.0,) if (name, order) in SMALL else (generator.uniform(0.5, 1.5, 8),)


def named(np, name):
    """The function in terms of a namespace."""
    functions = {
        "tanh": lambda x: np.tanh(x),
        "written out": lambda x: (1 - np.exp(-2 * x)) / (1 + np.exp(-2 * x)),
        "quadratic": lambda x: -(x * x).sum(),
        "network": lambda w, v: (v @ np.tanh(w @ np.ones(4))) ** 2,
        "norm": lambda x: np.linalg.norm(x),
        "std": lambda x: np.std(x),
        "prod": lambda x: np.prod(x),
        "where": lambda x: np.sum(np.where(x > 1, x, 0.1 * x)),
        "rows": lambda x: np.sum(x[ROWS]) + x[2],
        "solve": lambda a: np.sum(np.linalg.solve(a, numpy.ones(5))),
        "slogdet": lambda a: np.linalg.slogdet(a)[1],
        "softmax": lambda w: loss(np, POINTS @ w),
        "training": lambda a, b, c, d: loss(np, np.tanh(POINTS @ a + b) @ c + d),
    }
    return functions[name.rpartition(" of ")[2]]


def loss(np, scores):
    """The cross entropy of a softmax."""
    total = np.log(np.sum(np.exp(scores), axis=1, keepdims=True))
    return -np.mean(np.sum(LABELS * (scores - total), axis=1))


def primal(library, name, order):
    return named(library.numpy, name)


def derivative(library, name, order):
    f = named(library.numpy, name)
    if name == "network":
        return library.grad(f, (0, 1))
    if name == "training":
        return trained(library.grad(f, tuple(range(len(LAYERS)))))
    if " of " in name:
        return transformed(library, f, name.split()[0])
    for _ in range(order):
        f = library.grad(f)
    return f


def transformed(library, f, transform):
    """A product with a derivative, along ones, or a Hessian."""
    if transform == "jvp":
        return lambda w: library.jvp(f, (w,), (numpy.ones_like(w),))[1]
    if transform == "vjp":
        return lambda w: library.vjp(f, w)[1](1.0)[0]
    if transform == "hvp":
        return lambda w: library.hvp(f, (w,), (numpy.ones_like(w),))
    return library.hessian(f)


def autograd_derivative(library, name, order):
    if " of " not in name:
        return derivative(library, name, order)
    import autograd
    from autograd.core import make_vjp
    from autograd.differential_operators import make_jvp

    f = named(library.numpy, name)
    transforms = {
        "jvp": lambda w: make_jvp(f)(w)(numpy.ones_like(w))[1],
        "vjp": lambda w: make_vjp(f, w)[0](1.0),
        "hvp": lambda w: autograd.hessian_vector_product(f)(w, numpy.ones_like(w)),
        "hessian": autograd.hessian(f),
    }
    return transforms[name.split()[0]]


def trained(gradient):
    """A few steps of gradient descent, as in a notebook."""

    def train(*parameters):
        for _ in range(STEPS):
            slopes = gradient(*parameters)
            parameters = [p - 0.1 * g for p, g in zip(parameters, slopes, strict=True)]
        return parameters

    return train


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
