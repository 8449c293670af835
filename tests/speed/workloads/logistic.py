"""Logistic regression: the Hessian in all weights, and its product with a vector."""

import numpy

SIZES = (
    ("hessian", 1000, 10),
    ("hessian", 5000, 50),
    ("hvp", 1000, 10),
    ("hvp", 5000, 50),
    ("hvp", 50_000, 200),
)
TINY = (("hessian", 6, 3), ("hvp", 6, 3))
PEERS = ("jax", "torch")


def inputs(kind, n, d):
    generator = numpy.random.default_rng(0)
    x = generator.normal(size=(n, d))
    y = numpy.where(generator.uniform(size=n) < 0.5, -1.0, 1.0)
    w = 0.1 * generator.normal(size=d)
    return (w, x, y) if kind == "hessian" else (w, x, y, generator.normal(size=d))


def loss_of(np):
    """The mean logistic loss with a penalty, in terms of a namespace."""

    def loss(w, x, y):
        return np.log1p(np.exp(-y * (x @ w))).mean() + 0.05 * (w * w).sum()

    return loss


def primal(library, kind, n, d):
    loss = loss_of(library.numpy)
    return lambda w, x, y, *_: loss(w, x, y)


def derivative(library, kind, n, d):
    return second_order(library, loss_of(library.numpy), kind)


def second_order(library, loss, kind):
    """The Hessian or its product, with a library's transforms."""

    def hessian(w, x, y):
        return library.hessian(lambda w: loss(w, x, y))(w)

    def product(w, x, y, v):
        return library.jvp(library.grad(lambda w: loss(w, x, y)), (w,), (v,))[1]

    return hessian if kind == "hessian" else product


def expected(size, w, x, y, *v):
    p = 1 / (1 + numpy.exp(-y * (x @ w)))
    hessian = (x.T * (p * (1 - p))) @ x / len(y) + 0.1 * numpy.eye(len(w))
    return hessian @ v[0] if v else hessian


def torch_primal(torch, kind, n, d):
    loss = loss_of(torch)
    return lambda w, x, y, *_: loss(w, x, y)


def torch_derivative(torch, kind, n, d):
    return second_order(torch.func, loss_of(torch), kind)
