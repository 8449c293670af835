"""Transformations that keep running moments of the gradients: momentum, Adam, RMSProp, Lion."""

from typing import NamedTuple

import numpy as np

import fungrad.numpy as fnp
from fungrad.core import tree
from fungrad.nn.checking import require
from fungrad.optim.checking import map_fitting
from fungrad.optim.scaling import increased, times
from fungrad.optim.transformation import (
    GradientTransformation,
    dtype_of,
    like,
    zeros_like,
)

STATE = "the state that init made"


class TraceState(NamedTuple):
    """The decaying sum of the updates."""

    trace: object


class EmaState(NamedTuple):
    """The number of updates so far, and their moving mean."""

    count: object
    ema: object


class ScaleByAdamState(NamedTuple):
    """The number of updates, and the moving means of the gradients and of their squares."""

    count: object
    mu: object
    nu: object


class ScaleByRmsState(NamedTuple):
    """The moving mean of the squares."""

    nu: object


class ScaleByRmsWithCountState(NamedTuple):
    """The number of updates, and the moving mean of the squares."""

    count: object
    nu: object


class ScaleByRStdDevState(NamedTuple):
    """The moving means of the gradients and of their squares."""

    mu: object
    nu: object


class ScaleByRStdDevWithCountState(NamedTuple):
    """The number of updates, and the moving means of the gradients and of their squares."""

    count: object
    mu: object
    nu: object


class ScaleByRssState(NamedTuple):
    """The sum of the squares."""

    sum_of_squares: object


class ScaleByLionState(NamedTuple):
    """The number of updates, and the moving mean of the gradients."""

    count: object
    mu: object


def zeros(params, dtype=None):
    """A tree of zeros like the parameters."""
    return tree.map(lambda p: zeros_like(p, dtype), params)


def full(params, value):
    """A tree with one value everywhere, shaped like the parameters."""
    return tree.map(lambda p: zeros_like(p) + dtype_of(p).type(value), params)


def moving_mean(name, updates, mean, decay, power=1):
    """decay * mean + (1 - decay) * updates**power, in the dtypes of the mean."""

    def moved(u, m):
        return times(decay, m) + times(1 - decay, like(u if power == 1 else u * u, m))

    return map_fitting(name, moved, updates, (STATE, mean))


def unbiased(mean, decay, count):
    """The mean, freed from the zero it started with: divided by 1 - decay**count."""
    weight = 1 - decay**count
    return tree.map(lambda m: m / like(weight, m), mean)


def _require_decays(name, **decays):
    for what, value in decays.items():
        require(name, what, value, 0, 1, is_open=True)


# ---- momentum


def trace(decay, nesterov=False, accumulator_dtype=None):
    """Momentum: the sum of past updates, each step multiplied by `decay` (Polyak, 1964).

    With `nesterov`, looks one step ahead (Sutskever et al., 2013). The sum is not scaled by
    1 - decay; see `ema`.

    >>> heavy = trace(0.5)
    >>> _, state = heavy.update(1.0, heavy.init(0.0))
    >>> float(heavy.update(1.0, state)[0])
    1.5
    """
    require("trace", "the decay (momentum)", decay, 0, 1)

    def init(params):
        return TraceState(zeros(params, accumulator_dtype))

    def update(updates, state, params=None):
        def summed(u, t):
            return like(u, t) + times(decay, t)

        total = map_fitting("trace", summed, updates, (STATE, state.trace))
        ahead = tree.map(summed, updates, total) if nesterov else total
        return tree.map(like, ahead, updates), TraceState(total)

    return GradientTransformation(init, update)


def ema(decay, debias=True, accumulator_dtype=None):
    """The exponentially moving mean of the updates; with `debias`, without its start at 0.

    >>> mean = ema(0.9)
    >>> round(float(mean.update(2.0, mean.init(0.0))[0]), 12)
    2.0
    """
    _require_decays("ema", decay=decay)

    def init(params):
        return EmaState(np.int32(0), zeros(params, accumulator_dtype))

    def update(updates, state, params=None):
        mean = moving_mean("ema", updates, state.ema, decay)
        count = increased(state.count)
        result = unbiased(mean, decay, count) if debias else mean
        return tree.map(like, result, updates), EmaState(count, mean)

    return GradientTransformation(init, update)


# ---- Adam


def scale_by_adam(b1=0.9, b2=0.999, eps=1e-8, eps_root=0.0, mu_dtype=None, *, nesterov=False):
    """Gradients divided by the root of their moving mean square (Kingma and Ba, 2015).

    The mean of the gradients (decay `b1`) over sqrt(mean of squares + eps_root) + eps (decay `b2`),
    both freed from bias. `mu_dtype` is the dtype of the mean of the gradients; with `nesterov`,
    Dozat (2016).

    >>> t = scale_by_adam()
    >>> t.update(np.array([0.5, -2.0]), t.init(np.zeros(2)))[0].round(6)
    array([ 1., -1.])
    """
    _require_decays("scale_by_adam", b1=b1, b2=b2)
    require("scale_by_adam", "eps", eps, 0)
    require("scale_by_adam", "eps_root", eps_root, 0)

    def init(params):
        return ScaleByAdamState(np.int32(0), zeros(params, mu_dtype), zeros(params))

    def update(updates, state, params=None):
        mu = moving_mean("scale_by_adam", updates, state.mu, b1)
        nu = moving_mean("scale_by_adam", updates, state.nu, b2, 2)
        count = increased(state.count)
        if nesterov:
            ahead, now = 1 - b1 ** increased(count), 1 - b1**count

            def looked_ahead(m, g):
                return times(b1 / ahead, m) + times((1 - b1) / now, like(g, m))

            mean = tree.map(looked_ahead, mu, updates)
        else:
            mean = unbiased(mu, b1, count)
        square = unbiased(nu, b2, count)

        def scaled(m, v):
            return like(m, v) / (fnp.sqrt(v + eps_root if eps_root else v) + eps)

        return tree.map(scaled, mean, square), ScaleByAdamState(count, mu, nu)

    return GradientTransformation(init, update)


# ---- RMSProp, Adagrad


def _over_root(u, v, eps, eps_in_sqrt):
    if eps_in_sqrt:
        return u / fnp.sqrt(v + eps)
    return u / (fnp.sqrt(v) + eps)


def scale_by_rms(decay=0.9, eps=1e-8, initial_scale=0.0, eps_in_sqrt=True, bias_correction=False):
    """Updates over the root of their moving mean square (Tieleman and Hinton, 2012).

    >>> t = scale_by_rms(eps=0.0)
    >>> t.update(np.array([3.0]), t.init(np.zeros(1)))[0].round(6)
    array([3.162278])
    """
    _require_decays("scale_by_rms", decay=decay)
    require("scale_by_rms", "eps", eps, 0)

    def init(params):
        nu = full(params, initial_scale)
        return ScaleByRmsWithCountState(np.int32(0), nu) if bias_correction else ScaleByRmsState(nu)

    def update(updates, state, params=None):
        square = nu = moving_mean("scale_by_rms", updates, state.nu, decay, 2)
        state = state._replace(nu=nu)
        if bias_correction:
            state = state._replace(count=increased(state.count))
            square = unbiased(nu, decay, state.count)
        return tree.map(lambda u, v: _over_root(u, v, eps, eps_in_sqrt), updates, square), state

    return GradientTransformation(init, update)


def scale_by_stddev(
    decay=0.9, eps=1e-8, initial_scale=0.0, eps_in_sqrt=True, bias_correction=False
):
    """Updates over their moving standard deviation: "centered" RMSProp (Graves, 2013).

    >>> t = scale_by_stddev(eps=0.0)
    >>> t.update(np.array([3.0]), t.init(np.zeros(1)))[0].round(6)
    array([3.333333])
    """
    _require_decays("scale_by_stddev", decay=decay)
    require("scale_by_stddev", "eps", eps, 0)

    def init(params):
        mu, nu = zeros(params), full(params, initial_scale)
        if bias_correction:
            return ScaleByRStdDevWithCountState(np.int32(0), mu, nu)
        return ScaleByRStdDevState(mu, nu)

    def update(updates, state, params=None):
        mean = mu = moving_mean("scale_by_stddev", updates, state.mu, decay)
        square = nu = moving_mean("scale_by_stddev", updates, state.nu, decay, 2)
        state = state._replace(mu=mu, nu=nu)
        if bias_correction:
            state = state._replace(count=increased(state.count))
            mean = unbiased(mu, decay, state.count)
            square = unbiased(nu, decay, state.count)

        def scaled(u, m, v):
            return _over_root(u, fnp.maximum(v - m * m, 0), eps, eps_in_sqrt)

        return tree.map(scaled, updates, mean, square), state

    return GradientTransformation(init, update)


def scale_by_rss(initial_accumulator_value=0.1, eps=1e-7):
    """Updates over the root of the sum of all their squares (Duchi et al., 2011).

    Where that sum is 0, so is the result.

    >>> t = scale_by_rss(0.0, eps=0.0)
    >>> t.update(np.array([-3.0, 0.0]), t.init(np.zeros(2)))[0]
    array([-1.,  0.])
    """
    require("scale_by_rss", "initial_accumulator_value", initial_accumulator_value, 0)
    require("scale_by_rss", "eps", eps, 0)

    def init(params):
        return ScaleByRssState(full(params, initial_accumulator_value))

    def update(updates, state, params=None):
        total = map_fitting(
            "scale_by_rss", lambda u, s: s + like(u * u, s), updates, (STATE, state.sum_of_squares)
        )

        def scaled(u, s):
            is_moving = s > 0
            root = fnp.sqrt(fnp.where(is_moving, s, 1) + eps)
            return fnp.where(is_moving, u / root, 0)[()]

        return tree.map(scaled, updates, total), ScaleByRssState(total)

    return GradientTransformation(init, update)


# ---- Lion


def scale_by_lion(b1=0.9, b2=0.99, mu_dtype=None):
    """The sign of a mean of the gradients (Chen et al., 2023): decay `b1` in the sign, `b2` kept.

    >>> t = scale_by_lion()
    >>> t.update(np.array([0.5, -2.0]), t.init(np.zeros(2)))[0]
    array([ 1., -1.])
    """
    _require_decays("scale_by_lion", b1=b1, b2=b2)

    def init(params):
        return ScaleByLionState(np.int32(0), zeros(params, mu_dtype))

    def update(updates, state, params=None):
        mu = moving_mean("scale_by_lion", updates, state.mu, b2)

        def direction(u, m):
            m = like(m, u)
            return fnp.sign(times(b1, m) + times(1 - b1, u))

        signs = tree.map(direction, updates, state.mu)
        return signs, ScaleByLionState(increased(state.count), mu)

    return GradientTransformation(init, update)
