"""The basic block of a residual network of convolutions (He et al., 2016)."""

from fungrad import random
from fungrad.nn import initializers
from fungrad.nn.activations import relu
from fungrad.nn.layers import batch_norm, conv


def init(key, window, inputs, outputs, *, dtype=None):
    """The parameters and the state of two convolutions, each with its batch norm.

    Where the channels change, a convolution with a window of 1 brings the input along.

    >>> params, state = init(random.key(0), (3, 3), 4, 8)
    >>> sorted(params)
    ['first', 'first_norm', 'second', 'second_norm', 'shortcut']
    """
    keys = random.split(key, 3)
    options = {"weight": initializers.he_normal(), "bias": None, "dtype": dtype}
    params = {
        "first": conv.init(keys[0], window, inputs, outputs, **options),
        "second": conv.init(keys[1], window, outputs, outputs, **options),
    }
    state = {}
    for name in ("first_norm", "second_norm"):
        params[name], state[name] = batch_norm.init(None, outputs, dtype=dtype)
    if inputs != outputs:
        ones = (1,) * len(window)
        params["shortcut"] = conv.init(keys[2], ones, inputs, outputs, **options)
    return params, state


def apply(params, state, x, *, training, strides=1):
    """relu(x + what the convolutions make of it), and the next state.

    Strides other than 1 need a change of channels, which brings the input to the new size.

    >>> params, state = init(random.key(0), (3,), 4, 8)
    >>> y, state = apply(params, state, np.ones((2, 6, 4)), training=True, strides=2)
    >>> y.shape
    (2, 3, 8)
    """
    y = conv.apply(params["first"], x, strides=strides)
    y, first = batch_norm.apply(params["first_norm"], state["first_norm"], y, training=training)
    y = conv.apply(params["second"], relu(y))
    y, second = batch_norm.apply(params["second_norm"], state["second_norm"], y, training=training)
    if "shortcut" in params:
        x = conv.apply(params["shortcut"], x, strides=strides)
    elif strides != 1:
        raise ValueError(
            f"residual_conv: strides {strides} need a shortcut, which a block has that changes the "
            "number of channels"
        )
    return relu(x + y), {"first_norm": first, "second_norm": second}
