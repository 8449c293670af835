"""A gated recurrent unit (Cho et al., 2014), in the form that resets after the product."""

import fungrad.numpy as fnp
from fungrad import random
from fungrad.nn import initializers
from fungrad.nn.activations import sigmoid
from fungrad.nn.layers.recurrence import after_step, over_time


def init(key, inputs, hidden, *, dtype=None):
    """The parameters {"wx": (inputs, 3 hidden), "wh": (hidden, 3 hidden), "b", "bh"}.

    The three are the gates for resetting and keeping, and the candidate, in this order; "bh", of
    size `hidden`, is added to the state's part of the candidate.

    >>> {name: w.shape for name, w in init(random.key(0), 3, 2).items()}
    {'wx': (3, 6), 'wh': (2, 6), 'b': (6,), 'bh': (2,)}
    """
    for_inputs, for_hidden = random.split(key)
    return {
        "wx": initializers.glorot_uniform()(for_inputs, (inputs, 3 * hidden), dtype),
        "wh": initializers.orthogonal()(for_hidden, (hidden, 3 * hidden), dtype),
        "b": initializers.zeros(None, (3 * hidden,), dtype),
        "bh": initializers.zeros(None, (hidden,), dtype),
    }


def initial_state(params, batch):
    """Zeros for a batch of a size.

    >>> initial_state(init(random.key(0), 3, 2), 1)
    array([[0., 0.]])
    """
    return fnp.zeros((batch, params["wh"].shape[0]), params["wh"].dtype)


def _advance(params, state, from_input):
    size = params["wh"].shape[0]
    from_state = state @ params["wh"]
    gates = sigmoid(from_input[..., : 2 * size] + from_state[..., : 2 * size])
    reset, keep = gates[..., :size], gates[..., size:]
    memory = reset * (from_state[..., 2 * size :] + params["bh"])
    candidate = fnp.tanh(from_input[..., 2 * size :] + memory)
    return (1 - keep) * candidate + keep * state


def step(params, state, x):
    """The state after one input of shape (batch, inputs), and the output, which is the state.

    >>> params = init(random.key(0), 3, 2)
    >>> step(params, initial_state(params, 4), np.ones((4, 3)))[1].shape
    (4, 2)
    """
    state = after_step("gru", _advance, params, state, x)
    return state, state


def apply(params, xs, state=None):
    """The outputs (time, batch, hidden) for inputs (time, batch, inputs), and the last state.

    >>> params = init(random.key(0), 3, 2)
    >>> apply(params, np.ones((5, 4, 3)))[0].shape
    (5, 4, 2)
    """

    def start(batch):
        return initial_state(params, batch) if state is None else state

    return over_time("gru", _advance, lambda s: s, params, xs, start)
