"""Hamiltonian Monte Carlo on a curved density: a loop over transitions, in it one of leaps.

The derivative is the chain itself, in whose innermost loop the gradient of the density stands.
"""

import numpy

SIZES = ((2, 200), (10, 200), (100, 100))
TINY = ((2, 3),)
SMALL_LOOP = ((2, 200), (10, 200))
LEAPS, LEAP = 10, 0.1


def inputs(d, transitions):
    generator = numpy.random.default_rng(0)
    momenta = generator.normal(size=(transitions, d))
    return generator.normal(size=d), momenta, numpy.log(generator.uniform(size=transitions))


def energy_of(np):
    """Rosenbrock's valley, one per pair of neighbours, in a wide bowl."""

    def energy(q):
        return np.sum((q[1:] - q[:-1] ** 2) ** 2) + np.sum((1 - q) ** 2) / 4

    return energy


def primal(library, d, transitions):
    energy = energy_of(library.numpy)
    return lambda q, momenta, thresholds: energy(q)


def derivative(library, d, transitions):
    np, lax = library.numpy, library.lax
    energy = energy_of(np)
    slope = library.grad(energy)

    def transition(q, drawn):
        momentum, threshold = drawn
        before = energy(q) + np.sum(momentum**2) / 2

        def leap(_, state):
            place, p = state
            place = place + LEAP * p
            return place, p - LEAP * slope(place)

        p = momentum - LEAP / 2 * slope(q)
        place, p = lax.fori_loop(0, LEAPS, leap, (q, p))
        p = p + LEAP / 2 * slope(place)
        after = energy(place) + np.sum(p**2) / 2
        q = np.where(threshold < before - after, place, q)
        return q, q

    return lambda q, momenta, thresholds: lax.scan(transition, q, (momenta, thresholds))[1]
