"""The gradient of a weighted sum of squares: a few operations per element, so memory decides."""

import numpy

SIZES = ((1000,), (100_000,), (5_000_000,))
TINY = ((5,),)
PEERS = ("jax", "torch", "autograd")


def inputs(n):
    generator = numpy.random.default_rng(0)
    return generator.normal(size=n), generator.normal(size=n)


def primal(library, n):
    return lambda x, y: 0.5 * ((x - y) ** 2).sum()


def torch_primal(torch, n):
    return primal(None, n)


def expected(size, x, y):
    return x - y, y - x
