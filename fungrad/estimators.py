"""Estimates of gradients where there are none, or where only values are to be had. On top of all.

With a surrogate: `straight_through`, `gumbel_softmax`. Of an expected value over what is drawn:
`reinforce`. From values alone, for reference: `finite_differences`, `spsa`, `evolution_strategy`.
"""

import numpy as np

import fungrad.numpy as fnp
from fungrad import lax, random
from fungrad.api.vectorize import vmap
from fungrad.core import tree
from fungrad.core.errors import NonScalarOutputError
from fungrad.flatten_util import ravel_pytree
from fungrad.lax import stop_gradient
from fungrad.nn.activations import as_floats, identity
from fungrad.nn.checking import require, require_count
from fungrad.nn.softmax import one_hot, softmax

__all__ = [
    "evolution_strategy",
    "finite_differences",
    "gumbel_softmax",
    "reinforce",
    "spsa",
    "straight_through",
]


# ---- another function's derivative


def straight_through(function, surrogate=identity):
    """The function with the values of one and the derivative of another (Bengio et al., 2013).

    Args:
        function: what is computed, such as `round` or `sign`, whose own derivative is 0.
        surrogate: what is differentiated instead, a function of the same arguments with results of
            the same shapes; by default the identity.

    >>> from fungrad import grad
    >>> rounded = straight_through(np.rint)
    >>> rounded(2.7), grad(rounded)(2.7)
    (np.float64(3.0), np.float64(1.0))
    """

    def apply(*args):
        hard, soft = function(*args), surrogate(*args)
        return tree.map(_with_derivative_of, hard, soft)

    return apply


def _with_derivative_of(hard, soft):
    """`hard`, plus `soft` minus itself: exactly 0, but not its derivative."""
    soft = as_floats(soft)
    return stop_gradient(fnp.asarray(hard)).astype(soft.dtype) + (soft - stop_gradient(soft))


def gumbel_softmax(key, logits, temperature=1.0, *, hard=False, axis=-1):
    """A relaxed draw of a class, differentiable in the logits (Jang et al.; Maddison et al., 2017).

    softmax((logits + Gumbel noise) / temperature): close to one-hot at low temperatures. With
    `hard`, exactly one-hot, with the derivative of the relaxed draw. Raises ValueError unless the
    temperature is positive.

    >>> draw = gumbel_softmax(random.key(0), np.zeros(3), hard=True)
    >>> sorted(draw.tolist())
    [0.0, 0.0, 1.0]
    """
    require("gumbel_softmax", "the temperature", temperature, np.finfo(np.float64).tiny)
    logits = as_floats(logits)
    noise = random.gumbel(key, tuple(logits.shape), logits.dtype)
    soft = softmax((logits + noise) / temperature, axis)
    if not hard:
        return soft
    chosen = fnp.argmax(soft, axis=axis)
    return _with_derivative_of(one_hot(chosen, soft.shape[axis], axis=axis), soft)


# ---- expected values


def reinforce(f, sample, log_density, *, draws=1):
    """The mean of f over draws, with the derivative of its expected value (Williams, 1992).

    Args:
        f: a function of a draw to a number; no derivative of it is needed.
        sample: `(key, params)` to a draw, which may be discrete.
        log_density: `(params, draw)` to the logarithm of its probability.
        draws: how many; from two on, the mean of the others is each one's baseline, which lowers
            the variance and adds no bias (Kool et al., 2019).

    Returns a function `(params, key)` to a number; its gradient in `params` is the mean of
    (f - baseline) * d log_density, an unbiased estimate.

    >>> from fungrad import grad
    >>> def log_density(params, x):
    ...     return -0.5 * (x - params) ** 2
    >>> mean = reinforce(lambda x: x**2, lambda key, m: m + random.normal(key), log_density,
    ...                  draws=10_000)
    >>> abs(grad(mean)(1.5, random.key(0)) - 3.0) < 0.2  # the expected value is m**2 + 1
    np.True_
    """
    require_count("reinforce", "draws", draws)

    def estimate(params, key):
        def one(key):
            x = tree.map(stop_gradient, sample(key, params))
            return stop_gradient(as_floats(f(x))), log_density(params, x)

        values, scores = vmap(one)(random.split(key, draws))
        if values.ndim != 1:
            raise NonScalarOutputError(
                f"reinforce: f returns a number for each draw, got shape {tuple(values.shape[1:])}"
            )
        baseline = (fnp.sum(values) - values) / max(draws - 1, 1) if draws > 1 else 0.0
        weighted = (values - baseline) * scores
        return fnp.mean(values) + fnp.mean(weighted - stop_gradient(weighted))

    return estimate


# ---- values alone


def _flat(f, params, args):
    """The function of the parameters as one vector, the vector, and the way back to the tree."""
    vector, unravel = ravel_pytree(params)

    def function(x):
        y = f(unravel(x), *args)
        if np.shape(y):
            raise NonScalarOutputError(
                f"a gradient needs a function to a number, got shape {tuple(np.shape(y))}"
            )
        return y

    return function, as_floats(vector), unravel


def finite_differences(f, *, step=None):
    """The gradient by central differences, two values of f for each number in the parameters.

    (f(x + h) - f(x - h)) / 2h, with h the third root of the dtype's precision unless `step` is
    given. Returns a function `(params, *args)` to a tree like the parameters.

    >>> finite_differences(lambda p: p["a"] ** 2 * p["b"])({"a": 3.0, "b": 2.0})["a"].round(6)
    np.float64(12.0)
    """
    require("finite_differences", "the step", step, np.finfo(np.float64).tiny)

    def gradient(params, *args):
        function, x, unravel = _flat(f, params, args)
        h = x.dtype.type(np.cbrt(np.finfo(x.dtype).eps) if step is None else step)
        places = np.arange(x.shape[0])

        def slope(place):
            move = fnp.where(places == place, h, x.dtype.type(0))
            return (function(x + move) - function(x - move)) / (2 * h)

        return unravel(lax.map(slope, places))

    return gradient


def _from_directions(name, draw, f, step, draws):
    """The mean of slopes of f along random directions, each times its direction."""
    require_count(name, "draws", draws)
    require(name, "the step", step, np.finfo(np.float64).tiny)

    def gradient(key, params, *args):
        function, x, unravel = _flat(f, params, args)
        h = x.dtype.type(step)

        def one(key):
            direction = draw(key, tuple(x.shape), x.dtype)
            slope = (function(x + h * direction) - function(x - h * direction)) / (2 * h)
            return slope * direction

        return unravel(fnp.mean(lax.map(one, random.split(key, draws)), axis=0))

    return gradient


def spsa(f, *, step=1e-3, draws=1):
    """An estimate of the gradient from two values of f, whatever the number of parameters.

    Simultaneous perturbation (Spall, 1992): the slope along a vector of random signs, times these
    signs; the mean of `draws` of them. Returns a function `(key, params, *args)`.

    >>> slope = spsa(lambda x: (x**2).sum(), draws=200)
    >>> abs(slope(random.key(0), np.array([1.0, -2.0])) - [2.0, -4.0]).max() < 1
    np.True_
    """
    return _from_directions("spsa", random.rademacher, f, step, draws)


def evolution_strategy(f, *, spread=0.1, draws=32):
    """An estimate of the gradient of f, smoothed by a normal distribution of a spread.

    Antithetic pairs of normal perturbations (Salimans et al., 2017): it exists where f has jumps,
    too. Returns a function `(key, params, *args)`.

    >>> slope = evolution_strategy(lambda x: np.sign(x).sum(), spread=0.5, draws=4000)
    >>> exact = 2 / (0.5 * np.sqrt(2 * np.pi))  # the derivative of the expected sign at 0
    >>> abs(slope(random.key(0), np.zeros(1)) - exact)[0] < 0.1
    np.True_
    """
    return _from_directions("evolution_strategy", random.normal, f, spread, draws)
