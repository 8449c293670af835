"""Dropout (Srivastava et al., 2014)."""

from fungrad import random
from fungrad.nn.activations import as_floats, choose
from fungrad.nn.checking import require


def dropout(key, x, rate, *, training=True):
    """`x` with elements set to 0 with probability `rate`, the others divided by 1 - rate.

    Without `training`, `x` itself. Raises ValueError unless 0 <= rate < 1.

    >>> y = dropout(random.key(0), np.ones(1000), 0.5)
    >>> sorted(set(y.tolist())), abs(y.mean() - 1) < 0.1
    ([0.0, 2.0], np.True_)
    """
    require("dropout", "the rate", rate, 0, 1, is_open=True)
    x = as_floats(x)
    if not training or (isinstance(rate, int | float) and rate == 0):
        return x
    stays = random.bernoulli(key, 1 - rate, tuple(x.shape))
    return choose(stays, x / x.dtype.type(1 - rate), 0)
