"""The gradient through Runge-Kutta steps of the Lorenz system, in its start and parameters."""

import numpy

SIZES = ((100,), (1000,), (10_000,))
TINY = ((3,),)
SMALL_LOOP = SIZES
H = 0.002


def inputs(steps):
    return numpy.array([1.0, 1.0, 1.0]), numpy.array([10.0, 28.0, 8 / 3])


def primal(library, steps):
    np = library.numpy

    def field(state, p):
        x, y, z = state[0], state[1], state[2]
        return np.stack([p[0] * (y - x), x * (p[1] - z) - y, x * y - p[2] * z])

    def end(start, p):
        def step(state, _):
            k1 = field(state, p)
            k2 = field(state + H / 2 * k1, p)
            k3 = field(state + H / 2 * k2, p)
            k4 = field(state + H * k3, p)
            return state + H / 6 * (k1 + 2 * k2 + 2 * k3 + k4), None

        state, _ = library.lax.scan(step, start, None, length=steps)
        return (state**2).sum()

    return end
