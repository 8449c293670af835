"""A scan with a 3 x 3 carry: the likelihood of a quasiseparable Gaussian process (jax issue 36799)."""

import numpy

SIZES = ((500,), (2000,), (20_000,))
TINY = ((4,),)
SMALL_LOOP = SIZES


def inputs(n):
    generator = numpy.random.default_rng(0)
    times = numpy.sort(generator.uniform(0, n / 10, n))
    return numpy.array([1.3, 0.7]), numpy.diff(times, prepend=times[0]), generator.normal(size=n)


def primal(library, n):
    """The log-likelihood of a Matern-5/2 process with noise, by its Cholesky factor row by row."""
    np = library.numpy

    def transition(rate, dt):
        e = np.exp(-rate * dt)
        r, s = rate * dt, rate * rate * dt
        rows = [
            [1 + r + r * r / 2, dt * (1 + r), dt * dt / 2],
            [-r * s * rate / 2, 1 + r - r * r, dt * (1 - r / 2)],
            [rate * s * rate * (r / 2 - 1), s * rate * (r - 3), 1 - 2 * r + r * r / 2],
        ]
        return e * np.stack([np.stack(row) for row in rows])

    def likelihood(parameters, steps, ys):
        scale, rate = parameters[0], parameters[1]
        zero, a, b = 0 * rate, scale**2, scale**2 * rate**2 / 3
        rows = [[a, zero, -b], [zero, b, zero], [-b, zero, scale**2 * rate**4]]
        stationary = np.stack([np.stack(row) for row in rows])
        h = np.array([1.0, 0.0, 0.0])

        def step(carry, point):
            (S, mean), (dt, y) = carry, point
            A = transition(rate, dt)
            p = A @ (S @ A.T) + (stationary - A @ (stationary @ A.T))
            mean = A @ mean
            variance = h @ (p @ h) + 0.1
            gain = (p @ h) / variance
            miss = y - h @ mean
            S = p - gain[:, None] * gain * variance
            return (S, mean + gain * miss), np.log(variance) + miss**2 / variance

        start = stationary, np.zeros(3)
        return -0.5 * np.sum(library.lax.scan(step, start, (steps, ys))[1])

    return likelihood


def derivative(library, n):
    return library.grad(primal(library, n))
