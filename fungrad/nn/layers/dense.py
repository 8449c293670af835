"""A dense layer: x @ w + b."""

from fungrad import random
from fungrad.nn import initializers
from fungrad.nn.activations import as_floats
from fungrad.nn.checking import require_features


def init(key, inputs, outputs, *, weight=None, bias=initializers.zeros, dtype=None):
    """The parameters {"w": (inputs, outputs), "b": (outputs,)}.

    `weight` and `bias` are initialisers, `lecun_normal` and `zeros` by default; with None for
    `bias` there is none.

    >>> init(random.key(0), 3, 2)["w"].shape
    (3, 2)
    """
    weight = initializers.lecun_normal() if weight is None else weight
    for_weight, for_bias = random.split(key)
    params = {"w": weight(for_weight, (inputs, outputs), dtype)}
    if bias is not None:
        params["b"] = bias(for_bias, (outputs,), dtype)
    return params


def apply(params, x):
    """x @ w + b, for any number of axes in front of the features.

    >>> apply({"w": np.ones((3, 2)), "b": np.zeros(2)}, np.ones((4, 3)))[0]
    array([3., 3.])
    """
    x = as_floats(x)
    require_features("dense", x, params["w"].shape[0])
    y = x @ params["w"]
    return y + params["b"] if "b" in params else y
