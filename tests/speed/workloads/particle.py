"""Where to put a charge so that a particle lands at the origin (GradBench's particle).

A minimisation over a simulation that ends when the particle lands: an unbounded loop, with the
gradient of a potential inside. The mode says how the derivative of the simulation is taken, then
how that of the potential is: f is forward, r is reverse.
"""

import numpy

from tests.speed.argmin import argmin, masked_scan

SIZES = (("ff",), ("fr",), ("rf",), ("rr",))
TINY = SIZES
SMALL_LOOP = SIZES
ANSWER = 0.2071918746486116
DT = 0.1


def inputs(mode):
    return (numpy.zeros(1),)


def by_mode(library, letter):
    """The gradient of a function of some arguments, in forward or in reverse mode."""
    return library.jacfwd if letter == "f" else library.grad


def simulation(library, mode, loop):
    """The square of the place where the particle lands, as a function of the charge."""
    np = library.numpy

    def potential(x, y, w):
        to_first = np.sqrt((x - 10) ** 2 + (y - 10 + w) ** 2)
        return 1 / to_first + 1 / np.sqrt((x - 10) ** 2 + y**2)

    slope = by_mode(library, mode[1])(potential, (0, 1))

    def landing(charge):
        w = charge[0]

        def flies(state):
            _, y, _, vy = state
            return y + DT * vy > 0

        def step(state):
            x, y, vx, vy = state
            px, py = slope(x, y, w)
            return x + DT * vx, y + DT * vy, vx - DT * px, vy - DT * py

        x, y, vx, vy = loop(flies, step, (0.0, 8.0, 0.75, 0.0))
        x, y = x + DT * vx, y + DT * vy
        return (x - y / vy * vx) ** 2

    return landing


def primal(library, mode):
    return simulation(library, mode, library.lax.while_loop)


def derivative(library, mode, loop=None):
    f = simulation(library, mode, loop or library.lax.while_loop)
    gradient = by_mode(library, mode[0])(f)
    return lambda charge: argmin(library, f, gradient, charge)


def jax_derivative(jax, mode):
    return derivative(jax, mode, masked_scan(jax, 384) if mode[0] == "r" else None)


def expected(size, charge):
    return numpy.array([ANSWER])
