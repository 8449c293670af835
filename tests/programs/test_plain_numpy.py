"""Programs in plain NumPy as users have them, unchanged: differentiable eager and under jit.

None of the functions names fungrad. Arrays that they fill by item are made with `np.zeros_like`,
`np.empty_like` and `np.copy` of an argument, which a trace sees.
"""

import numpy as np
import pytest

from fungrad import grad, jit, vmap
from fungrad.testing import check_grads

R = np.random.default_rng(0)


def gaussian_process(parameters, x, y):
    """The negative log likelihood of a Gaussian process with a squared exponential kernel."""
    length, scale, noise = np.exp(parameters)
    distance = (x[:, None] - x[None, :]) ** 2
    kernel = scale * np.exp(-0.5 * distance / length**2) + noise * np.eye(len(x))
    factor = np.linalg.cholesky(kernel)
    white = np.linalg.solve(factor, y)
    constant = 0.5 * len(x) * np.log(2 * np.pi)
    return 0.5 * white @ white + np.log(np.diag(factor)).sum() + constant


def k_means(centres, points):
    """The sum of the squared distances to the nearest centre."""
    distances = np.sum((points[:, np.newaxis, :] - centres) ** 2, axis=-1)
    nearest = np.argmin(distances, axis=1)
    return np.take_along_axis(distances, nearest[:, None], axis=1).mean()


def springs(start, stiffness):
    """The final energy of a chain of masses, stepped in place."""
    position, velocity = np.copy(start), np.zeros_like(start)
    for _ in range(20):
        force = np.zeros_like(position)
        stretch = np.diff(position) - 1.0
        force[:-1] += stiffness * stretch
        force[1:] -= stiffness * stretch
        velocity += 0.05 * force
        velocity *= 0.99
        position += 0.05 * velocity
        position[0] = start[0]
    return 0.5 * np.sum(velocity**2) + 0.5 * np.sum(stiffness * (np.diff(position) - 1.0) ** 2)


def softmax_classifier(weights, inputs, labels):
    """The cross entropy of a linear classifier."""
    logits = np.dot(inputs, weights)
    logits -= logits.max(axis=1, keepdims=True)
    probabilities = np.exp(logits)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    picked = probabilities[np.arange(len(labels)), labels]
    return -np.log(picked).mean() + 1e-3 * np.linalg.norm(weights) ** 2


def principal_direction(data):
    """The variance along the direction that power iteration finds."""
    centred = data - data.mean(axis=0)
    covariance = centred.T @ centred / (len(data) - 1)
    direction = np.ones(covariance.shape[0]) / np.sqrt(covariance.shape[0])
    for _ in range(30):
        direction = covariance @ direction
        direction = direction / np.linalg.norm(direction)
    return np.einsum("i,ij,j->", direction, covariance, direction)


def low_pass(taps, signal):
    """The error of a filter by convolution and of an exponential average by a loop."""
    smooth = np.convolve(signal, taps / taps.sum(), mode="same")
    average = np.zeros_like(signal * taps[0])
    average[0] = signal[0] * taps[0]
    for i in range(1, len(signal)):
        average[i] = 0.9 * average[i - 1] + 0.1 * taps[0] * signal[i]
    return np.trapezoid((smooth - signal) ** 2) + np.mean((average - smooth) ** 2)


def interpolation(heights, knots, places, values):
    """The misfit of a piecewise linear curve, with a penalty on its second differences."""
    misfit = np.interp(places, knots, heights) - values
    return np.sqrt(np.mean(misfit**2)) + 0.1 * np.sum(np.diff(heights, n=2) ** 2)


def spectrum(weights, bins, wanted):
    """The distance of a weighted histogram from another one."""
    counts = np.bincount(bins, weights=weights, minlength=len(wanted))
    share = counts / counts.sum()
    return np.sum(np.where(wanted > 0, wanted * np.log(wanted / share), 0.0))


def huber(parameters, x, y):
    """A robust loss, masked in place."""
    residual = np.polyval(parameters, x) - y
    loss = np.abs(residual) - 0.05
    loss[np.abs(residual) < 0.1] *= 0.0
    return (loss + np.where(np.abs(residual) < 0.1, 5 * residual**2, 0.0)).sum()


def game_of_heat(source, steps=6):
    """A diffusion with fixed edges, by slices written in place."""
    field = np.zeros_like(source)
    for _ in range(steps):
        inner = field[1:-1, 1:-1]
        around = field[2:, 1:-1] + field[:-2, 1:-1] + field[1:-1, 2:] + field[1:-1, :-2]
        changed = inner + 0.2 * (around - 4 * inner) + source[1:-1, 1:-1]
        field[1:-1, 1:-1] = changed
    return np.tensordot(field, field) + np.median(field) + np.percentile(field, 90)


def outer_products(x, y):
    """Methods of ufuncs: outer, reduce, accumulate, at, and out=."""
    table = np.subtract.outer(x, y)
    total = np.add.reduce(np.logaddexp.accumulate(table, axis=1), axis=0)
    np.multiply(total, 0.5, out=total)
    np.add.at(total, [0, 0, 2], x[:3])
    return np.hypot.reduce(total) + np.maximum.reduce(table, axis=(0, 1))


def autoregression(weights, signal):
    """The misfit of a linear prediction from windows of the past."""
    past = np.lib.stride_tricks.sliding_window_view(signal, 3)[:-1]
    return np.mean((past @ weights[::-1] - signal[3:]) ** 2)


def worked_on(x):
    """An array that begins as a copy of the argument and is changed in many ways."""
    y = np.empty_like(x)
    y[...] = x
    y[1:] -= 0.5 * y[:-1]
    y[::2] = np.sqrt(np.abs(y[::2]) + 1)
    y[[0, -1]] *= 2
    np.clip(y, -1, 1.5, out=y)
    y[y < 0] *= 0.1
    y.sort()
    y.flat[0] = x[0]
    return (y**3).sum()


X = np.linspace(0, 1, 8)
Y = np.sin(4 * X)
LABELS = np.array([0, 2, 1, 2, 0])
PROGRAMS = {
    gaussian_process: (np.array([-1.0, 0.1, -2.0]), X, Y),
    k_means: (R.standard_normal((3, 2)), R.standard_normal((10, 2))),
    springs: (np.array([0.0, 1.2, 2.1, 3.4]), np.array([1.0, 2.0, 1.5])),
    softmax_classifier: (R.standard_normal((4, 3)), R.standard_normal((5, 4)), LABELS),
    principal_direction: (R.standard_normal((9, 3)),),
    low_pass: (np.array([0.5, 1.0, 0.4]), R.standard_normal(7)),
    interpolation: (np.array([0.1, 0.8, 0.2, 0.6]), np.linspace(0, 1, 4), X, Y),
    spectrum: (R.uniform(0.5, 1, 6), np.array([0, 2, 1, 1, 3, 0]), np.full(4, 0.25)),
    huber: (np.array([0.3, -1.2, 0.4]), X, Y),
    game_of_heat: (R.uniform(0.1, 1, (5, 6)),),
    autoregression: (np.array([0.3, 0.2, 0.1]), R.standard_normal(20)),
    worked_on: (R.standard_normal(7),),
    outer_products: (R.standard_normal(4), R.standard_normal(3)),
}


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_values_and_derivatives(program):
    first, *rest = PROGRAMS[program]
    expected = program(first, *rest)
    compiled = jit(program)
    np.testing.assert_allclose(compiled(first, *rest), expected, rtol=1e-10)
    check_grads(lambda x: program(x, *rest), (first,), order=1)
    slope = grad(program)(first, *rest)
    assert type(slope) is np.ndarray and slope.shape == first.shape
    np.testing.assert_allclose(jit(grad(program))(first, *rest), slope, rtol=1e-8, atol=1e-10)
    both = vmap(lambda x: program(x, *rest))(np.stack([first, first * 1.1]))
    np.testing.assert_allclose(both, [expected, program(first * 1.1, *rest)], rtol=1e-9)
