"""Layer normalisation (Ba, Kiros and Hinton, 2016)."""

import numpy as np

from fungrad.nn.activations import as_floats
from fungrad.nn.checking import require_features
from fungrad.nn.softmax import standardize


def init(key, features, *, dtype=None):
    """The parameters {"scale": ones, "bias": zeros}; the key is not used.

    >>> init(None, 2)
    {'scale': array([1., 1.]), 'bias': array([0., 0.])}
    """
    dtype = np.dtype(float if dtype is None else dtype)
    return {"scale": np.ones(features, dtype), "bias": np.zeros(features, dtype)}


def apply(params, x, *, epsilon=1e-5):
    """Each vector along the last axis with mean 0 and variance 1, then scaled and moved.

    >>> apply(init(None, 2), np.array([[1.0, 3.0], [5.0, 5.0]]), epsilon=0.01).round(2)
    array([[-1.,  1.],
           [ 0.,  0.]])
    """
    x = as_floats(x)
    require_features("layer_norm", x, params["scale"].shape[0])
    return standardize(x, epsilon=epsilon) * params["scale"] + params["bias"]
