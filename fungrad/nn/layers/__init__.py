"""Layers as functions: `init` makes parameters from a key, `apply` uses them. Imports all below.

Each layer is a module with two functions (recurrent ones have a third, `step`):

    params = dense.init(key, inputs, outputs)        # a dict of arrays
    y = dense.apply(params, x)

Sizes are arguments of `init`, everything else (strides, padding, masks) of `apply`. Features stand
along the last axis of `x`, a batch along the first. A layer that keeps statistics passes them
through: `params, state = batch_norm.init(...)` and `y, state = batch_norm.apply(params, state, x,
training=True)`. What has no parameters is one function: `max_pool`, `avg_pool`, `dropout`.
Parameters are float64 unless `init` gets a dtype.
"""

from fungrad.nn.layers import (
    batch_norm,
    conv,
    conv_transpose,
    dense,
    embedding,
    gru,
    layer_norm,
    lstm,
    multi_head_attention,
    residual,
    residual_conv,
)
from fungrad.nn.layers.dropping import dropout
from fungrad.nn.layers.pooling import avg_pool, max_pool
