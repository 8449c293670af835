"""Batch normalisation (Ioffe and Szegedy, 2015), with running statistics for evaluation."""

import numpy as np

import fungrad.numpy as fnp
from fungrad.lax import stop_gradient
from fungrad.nn.activations import as_floats
from fungrad.nn.checking import require, require_features
from fungrad.nn.softmax import standardize


def init(key, features, *, dtype=None):
    """The parameters {"scale", "bias"} and the state {"mean", "variance"}; no key is used.

    >>> params, state = init(None, 2)
    >>> state
    {'mean': array([0., 0.]), 'variance': array([1., 1.])}
    """
    dtype = np.dtype(float if dtype is None else dtype)
    zeros, ones = np.zeros(features, dtype), np.ones(features, dtype)
    params = {"scale": ones, "bias": zeros}
    return params, {"mean": zeros.copy(), "variance": ones.copy()}


def apply(params, state, x, *, training, momentum=0.9, epsilon=1e-5):
    """Each feature with mean 0 and variance 1, scaled and moved; and the next state.

    In training by the statistics of the batch (all axes but the last), which also move the running
    ones: `momentum` times the old plus 1 - momentum times those of the batch. In evaluation by the
    running ones. No derivative passes through the state.

    >>> params, state = init(None, 1)
    >>> y, state = apply(params, state, np.array([[1.0], [3.0]]), training=True, momentum=0.5)
    >>> y.round(3).ravel(), state
    (array([-1.,  1.]), {'mean': array([1.]), 'variance': array([1.])})
    """
    require("batch_norm", "momentum", momentum, 0, 1)
    x = as_floats(x)
    require_features("batch_norm", x, params["scale"].shape[0])
    if training:
        axes = tuple(range(x.ndim - 1))
        mean = fnp.mean(x, axis=axes)
        variance = fnp.mean(fnp.square(x - mean), axis=axes)
        found = {"mean": stop_gradient(mean), "variance": stop_gradient(variance)}
        state = {
            name: (momentum * old + (1 - momentum) * found[name]).astype(old.dtype)
            for name, old in state.items()
        }
    else:
        mean, variance = state["mean"], state["variance"]
    y = standardize(x, mean=mean, variance=variance, epsilon=epsilon)
    return y * params["scale"] + params["bias"], state
