"""A polynomial through a step function, least squares (GradBench's llsq)."""

import numpy

SIZES = ((16, 128), (1024, 128), (16392, 128))
TINY = ((5, 3), (16, 9))
PEERS = ("jax", "torch", "autograd")
CPP = {(16, 128): 4.71, (1024, 128): 1.09, (16392, 128): 2.38}


def inputs(n, m):
    return (numpy.random.default_rng(31337).uniform(size=m),)


def points(np, n):
    """Where the polynomial is evaluated, and the steps there."""
    t = -1 + 2 * np.arange(n) / (n - 1)
    return t, np.sign(t)


def primal(library, n, m):
    np = library.numpy

    def loss(x):
        t, s = points(np, n)

        def horner(y, coefficient):
            return y * t + coefficient, None

        y, _ = library.lax.scan(horner, np.zeros(n), x, reverse=True)
        return np.sum((s - y) ** 2) / 2

    return loss


def expected(size, x):
    t, s = points(numpy, size[0])
    powers = t[:, None] ** numpy.arange(len(x))
    return powers.T @ (powers @ x - s)


def torch_primal(torch, n, m):
    def loss(x):
        t = -1 + 2 * torch.arange(n, dtype=x.dtype) / (n - 1)
        powers = t[:, None] ** torch.arange(m)
        return ((torch.sign(t) - powers @ x) ** 2).sum() / 2

    return loss


def autograd_primal(autograd, n, m):
    np = autograd.numpy

    def loss(x):
        t, s = points(np, n)
        return np.sum((s - np.dot(t[:, None] ** np.arange(m), x)) ** 2) / 2

    return loss
