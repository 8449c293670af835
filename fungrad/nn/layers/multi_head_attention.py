"""Multi-head attention (Vaswani et al., 2017)."""

import math

import fungrad.numpy as fnp
from fungrad import random
from fungrad.nn import initializers
from fungrad.nn.activations import as_floats
from fungrad.nn.attention import dot_product_attention
from fungrad.nn.checking import require_features

_INPUTS = ("query", "key", "value")


def init(key, features, heads, *, context_features=None, dtype=None):
    """The parameters: for "query", "key", "value" and "out" a weight "w" and a bias "b" each.

    Weights are (features, heads, features // heads), that of "out" the other way round. Keys and
    values are made of `context_features`, by default as many. ValueError where the features do not
    fall into heads.

    >>> init(random.key(0), 6, 2)["query"]["w"].shape
    (6, 2, 3)
    """
    if features % heads:
        raise ValueError(
            f"multi_head_attention: {features} features do not fall into {heads} heads"
        )
    size = features // heads
    context = features if context_features is None else context_features
    keys = random.split(key, 4)
    draw = initializers.glorot_uniform(in_axis=0, out_axis=(1, 2))
    params = {}
    for name, own, inputs in zip(_INPUTS, keys, (features, context, context), strict=False):
        params[name] = {
            "w": draw(own, (inputs, heads, size), dtype),
            "b": initializers.zeros(None, (heads, size), dtype),
        }
    draw = initializers.glorot_uniform(in_axis=(0, 1), out_axis=2)
    params["out"] = {
        "w": draw(keys[3], (heads, size, features), dtype),
        "b": initializers.zeros(None, (features,), dtype),
    }
    return params


def _projected(params, x):
    w = params["w"]
    require_features("multi_head_attention", x, w.shape[0])
    y = x @ fnp.reshape(w, (w.shape[0], math.prod(w.shape[1:])))
    return fnp.reshape(y, (*x.shape[:-1], *w.shape[1:])) + params["b"]


def apply(params, x, context=None, **options):
    """What each position of `x` finds in `context` (by default in `x`), for every head, mixed.

    `x` is (batch, positions, features), or without the batch, as is `context`. Options are those of
    `dot_product_attention`, such as `mask=` and `is_causal=`.

    >>> params = init(random.key(0), 6, 2)
    >>> apply(params, np.ones((4, 5, 6)), is_causal=True).shape
    (4, 5, 6)
    """
    x = as_floats(x)
    context = x if context is None else as_floats(context)
    parts = [
        _projected(params[name], y) for name, y in zip(_INPUTS, (x, context, context), strict=True)
    ]
    attended = dot_product_attention(*parts, **options)
    w = params["out"]["w"]
    flat = fnp.reshape(attended, (*x.shape[:-1], math.prod(w.shape[:2])))
    return flat @ fnp.reshape(w, (math.prod(w.shape[:2]), w.shape[2])) + params["out"]["b"]
