"""Runge-Kutta steps of y_i' = x_i y_(i-1), and the gradient of the last component (GradBench).

After s steps only the first 4 s components differ from 0, so this gradient is 0 where n > 4 s.
"""

import numpy

SIZES = ((10, 10), (1000, 10), (10_000, 100), (100_000, 10))
TINY = ((10, 10), (3, 1), (7, 2))
PEERS = ("jax", "torch", "autograd")
SMALL_LOOP = ((10, 10), (1000, 10))
CPP = {(1000, 10): 0.30, (10_000, 100): 0.48, (100_000, 10): 1.44}


def inputs(n, s):
    return (numpy.random.default_rng(31337).uniform(size=n),)


def primal(library, n, s):
    np = library.numpy
    h = 2 / s

    def end(x):
        def f(y):
            return x * np.concatenate([np.ones(1), y[:-1]])

        def step(_, y):
            k1 = f(y)
            k2 = f(y + h / 2 * k1)
            k3 = f(y + h / 2 * k2)
            k4 = f(y + h * k3)
            return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

        return library.lax.fori_loop(0, s, step, np.zeros(n))

    return end


def derivative(library, n, s):
    end = primal(library, n, s)
    return library.grad(lambda x: end(x)[-1])


def torch_primal(torch, n, s):
    h = 2 / s

    def end(x):
        y, one = torch.zeros_like(x), torch.ones(1, dtype=x.dtype)

        def f(y):
            return x * torch.cat([one, y[:-1]])

        for _ in range(s):
            k1 = f(y)
            k2 = f(y + h / 2 * k1)
            k3 = f(y + h / 2 * k2)
            k4 = f(y + h * k3)
            y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return y

    return end


def torch_derivative(torch, n, s):
    end = torch_primal(torch, n, s)

    def gradient(x):
        x = x.detach().requires_grad_()
        return torch.autograd.grad(end(x)[-1], x)[0]

    return gradient
