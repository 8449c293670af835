"""A neural differential equation: the gradient of a fit through Runge-Kutta steps of a network."""

import numpy

SIZES = ((2, 8, 100), (2, 32, 100), (16, 128, 100))
TINY = ((2, 3, 4),)
SMALL_LOOP = ((2, 8, 100),)
H = 0.05


def inputs(d, hidden, steps):
    generator = numpy.random.default_rng(0)
    network = {
        "w1": generator.normal(size=(hidden, d)),
        "b1": generator.normal(size=hidden),
        "w2": generator.normal(size=(d, hidden)) / hidden,
    }
    return network, generator.normal(size=d), generator.normal(size=(steps, d))


def primal(library, d, hidden, steps):
    np = library.numpy

    def fit(network, start, wanted):
        def field(y):
            return network["w2"] @ np.tanh(network["w1"] @ y + network["b1"])

        def step(y, target):
            k1 = field(y)
            k2 = field(y + H / 2 * k1)
            k3 = field(y + H / 2 * k2)
            k4 = field(y + H * k3)
            y = y + H / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
            return y, np.sum((y - target) ** 2)

        return np.mean(library.lax.scan(step, start, wanted)[1])

    return fit


def derivative(library, d, hidden, steps):
    return library.grad(primal(library, d, hidden, steps))
