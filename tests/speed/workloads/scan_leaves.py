"""The gradient through a scan whose carry has many scalar leaves (jax issue 40150)."""

import numpy

SIZES = ((4, 614), (60, 614), (80, 614))
TINY = ((4, 3),)
SMALL_LOOP = SIZES


def inputs(leaves, length):
    generator = numpy.random.default_rng(0)
    return generator.uniform(size=leaves), generator.uniform(size=length)


def primal(library, leaves, length):
    np = library.numpy

    def loss(rates, xs):
        def step(carry, x):
            new = []
            for i, c in enumerate(carry):
                neighbour = carry[i - 1]
                new.append(c + 0.01 * (rates[i] * (x - c) + neighbour * (1 - c)))
            return new, new[0] * new[-1]

        carry = [np.float64(0.1) * rates[i] for i in range(leaves)]
        carry, ys = library.lax.scan(step, carry, xs)
        return np.sum(ys) + sum(carry)

    return loss


def derivative(library, leaves, length):
    return library.grad(primal(library, leaves, length))
