"""The gradient of a mean of a chain of elementwise functions: in the cache, and bound by memory."""

import numpy

SIZES = ((1000,), (20_000,), (5_000_000,))
TINY = ((5,),)
PEERS = ("jax", "torch", "autograd")


def inputs(n):
    generator = numpy.random.default_rng(0)
    return generator.normal(size=n), generator.uniform(0.5, 1.5, n)


def mean_of_chain(np):
    """The function in terms of a namespace."""

    def mean(x, y):
        z = np.tanh(x * y + 0.5)
        z = z * np.exp(-x * x) + np.sqrt(1 + y * y)
        return np.mean(np.log(1 + z * z) / y)

    return mean


def primal(library, n):
    return mean_of_chain(library.numpy)


def torch_primal(torch, n):
    return mean_of_chain(torch)
