"""log-sum-exp of a vector, built from its parts (GradBench's lse)."""

import numpy

SIZES = ((2500,), (80_000,), (1_280_000,))
TINY = ((7,), (1,))
PEERS = ("jax", "torch", "autograd")
CPP = {(2500,): 2.00, (80_000,): 1.51, (1_280_000,): 2.01}


def inputs(n):
    return (numpy.random.default_rng(31337).uniform(size=n),)


def primal(library, n):
    np = library.numpy

    def log_sum_exp(x):
        a = np.max(x)
        return a + np.log(np.sum(np.exp(x - a)))

    return log_sum_exp


def expected(size, x):
    e = numpy.exp(x - x.max())
    return e / e.sum()


def torch_primal(torch, n):
    def log_sum_exp(x):
        a = torch.max(x)
        return a + torch.log(torch.sum(torch.exp(x - a)))

    return log_sum_exp
