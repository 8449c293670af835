"""The derivative of the square of a number (GradBench's hello): what a call costs."""

import numpy

SIZES = (("jit",), ("eager",))
EAGER = (("eager",),)
TINY = (("jit",), ("eager",))
PEERS = ("jax", "torch", "autograd")


def inputs(_):
    return (numpy.float64(3.0),)


def primal(library, _):
    return lambda x: x * x


def expected(size, x):
    return 2 * x


def torch_primal(torch, _):
    return lambda x: x * x


def torch_derivative(torch, _):
    def derivative(x):
        x = x.detach().requires_grad_()
        return torch.autograd.grad(x * x, x)[0]

    return derivative
