"""Layers along time: what a step and a whole sequence are, given how the state advances."""

from fungrad import lax
from fungrad.nn.activations import as_floats
from fungrad.nn.checking import require_features


def after_step(name, advance, params, state, x):
    """The state after one input of shape (batch, inputs)."""
    x = as_floats(x)
    require_features(name, x, params["wx"].shape[0])
    return advance(params, state, x @ params["wx"] + params["b"])


def over_time(name, advance, output, params, xs, start):
    """The outputs (time, batch, hidden) for inputs (time, batch, inputs), and the last state.

    `start(batch)` is the first state, `output(state)` what a state puts out.
    """
    xs = as_floats(xs)
    require_features(name, xs, params["wx"].shape[0])
    from_inputs = xs @ params["wx"] + params["b"]  # one product for all times

    def body(state, from_input):
        state = advance(params, state, from_input)
        return state, output(state)

    state, outputs = lax.scan(body, start(xs.shape[1]), from_inputs)
    return outputs, state
