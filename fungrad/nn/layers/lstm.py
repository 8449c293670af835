"""A long short-term memory (Hochreiter and Schmidhuber, 1997; Gers et al., 2000)."""

from typing import NamedTuple

import fungrad.numpy as fnp
from fungrad import random
from fungrad.nn import initializers
from fungrad.nn.activations import sigmoid
from fungrad.nn.layers.recurrence import after_step, over_time


class State(NamedTuple):
    """What is passed on: the output and the memory, each (batch, hidden)."""

    hidden: object
    cell: object


def init(key, inputs, hidden, *, dtype=None):
    """The parameters {"wx": (inputs, 4 hidden), "wh": (hidden, 4 hidden), "b": (4 hidden,)}.

    The four are the gates for input, forgetting and output, and the candidate, in this order. The
    forget gate starts open, with bias 1.

    >>> {name: w.shape for name, w in init(random.key(0), 3, 2).items()}
    {'wx': (3, 8), 'wh': (2, 8), 'b': (8,)}
    """
    for_inputs, for_hidden = random.split(key)
    bias = initializers.zeros(None, (4 * hidden,), dtype)
    bias[hidden : 2 * hidden] = 1
    return {
        "wx": initializers.glorot_uniform()(for_inputs, (inputs, 4 * hidden), dtype),
        "wh": initializers.orthogonal()(for_hidden, (hidden, 4 * hidden), dtype),
        "b": bias,
    }


def initial_state(params, batch):
    """Zeros for a batch of a size.

    >>> initial_state(init(random.key(0), 3, 2), 1)
    State(hidden=array([[0., 0.]]), cell=array([[0., 0.]]))
    """
    zeros = fnp.zeros((batch, params["wh"].shape[0]), params["wh"].dtype)
    return State(zeros, zeros)


def _advance(params, state, from_input):
    gates = from_input + state.hidden @ params["wh"]
    i, f, o, candidate = fnp.split(gates, 4, axis=-1)
    cell = sigmoid(f) * state.cell + sigmoid(i) * fnp.tanh(candidate)
    return State(sigmoid(o) * fnp.tanh(cell), cell)


def step(params, state, x):
    """The state after one input of shape (batch, inputs), and the output, its `hidden`.

    >>> params = init(random.key(0), 3, 2)
    >>> state, y = step(params, initial_state(params, 4), np.ones((4, 3)))
    >>> y.shape
    (4, 2)
    """
    state = after_step("lstm", _advance, params, state, x)
    return state, state.hidden


def apply(params, xs, state=None):
    """The outputs (time, batch, hidden) for inputs (time, batch, inputs), and the last state.

    >>> params = init(random.key(0), 3, 2)
    >>> apply(params, np.ones((5, 4, 3)))[0].shape
    (5, 4, 2)
    """

    def start(batch):
        return initial_state(params, batch) if state is None else state

    return over_time("lstm", _advance, lambda s: s.hidden, params, xs, start)
