"""A residual block of dense layers: x + second(activation(first(norm(x))))."""

from fungrad import random
from fungrad.nn.activations import relu
from fungrad.nn.layers import dense, layer_norm


def init(key, features, hidden, *, weight=None, dtype=None):
    """The parameters {"norm", "first", "second"} of a layer norm and two dense layers.

    >>> init(random.key(0), 3, 8)["first"]["w"].shape
    (3, 8)
    """
    for_first, for_second = random.split(key)
    return {
        "norm": layer_norm.init(None, features, dtype=dtype),
        "first": dense.init(for_first, features, hidden, weight=weight, dtype=dtype),
        "second": dense.init(for_second, hidden, features, weight=weight, dtype=dtype),
    }


def apply(params, x, *, activation=relu):
    """x plus what the block makes of it: the derivative has a path around the block.

    Normalisation comes first (Xiong et al., 2020).

    >>> params = init(random.key(0), 3, 8)
    >>> apply(params, np.ones((4, 3))).shape
    (4, 3)
    """
    inner = activation(dense.apply(params["first"], layer_norm.apply(params["norm"], x)))
    return x + dense.apply(params["second"], inner)
