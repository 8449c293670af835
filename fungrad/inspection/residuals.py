"""Residuals: what reverse mode keeps from the forward pass for the backward pass."""

from fungrad.api.jitting import Jitted, jit
from fungrad.api.vectorize import argument_label
from fungrad.core.cost import nbytes
from fungrad.core.program import Literal
from fungrad.transforms.vjp import vjp


def active_inputs(program, captured=0):
    """The real and complex inputs, without the closed-over values, which come first."""
    types = enumerate(program.input_types)
    return tuple([i >= captured and t.is_differentiable for i, t in types])


def reverse_halves(program, captured=0):
    """The two halves of reverse mode of a program, in all active inputs and all outputs."""
    return vjp(program, active_inputs(program, captured), (True,) * len(program.outputs))


def residuals(program, captured=0):
    """The variables that the forward half saves, apart from the arguments."""
    forward = reverse_halves(program, captured).forward
    saved = dict.fromkeys(forward.outputs[len(program.outputs) :])
    return [v for v in saved if v not in forward.inputs]


def residual_bytes(program, captured=0):
    """The bytes of what the forward half saves; one element of each stack of a while loop."""
    return sum(nbytes(v.type) for v in residuals(program, captured))


def saved_residuals(f, *args, **kwargs):
    """What reverse mode of `f` keeps: pairs of a type and a text that says where it comes from."""
    stage = (f if isinstance(f, Jitted) else jit(f)).trace(*args, **kwargs)
    program, count = stage.program, len(stage.captures)
    forward = reverse_halves(program, count).forward
    origins = {v: "from a constant" for v in forward.inputs[:count]}
    for i, v in enumerate(forward.inputs[count:]):
        origins[v] = f"from {argument_label((args, kwargs), i)}"
    for e in forward.equations:
        line = f" at {e.source}" if e.source else ""
        origins.update({v: f"output of {e.primitive.name}{line}" for v in e.outputs})
    saved = dict.fromkeys(forward.outputs[len(program.outputs) :])
    return [(v.type, origins[v]) for v in saved if type(v) is not Literal]


def print_saved_residuals(f, *args, **kwargs):
    """Print what reverse mode of `f` keeps from the forward pass, with where each value comes from.

    >>> from fungrad import checkpoint
    >>> f = lambda x: np.sin(np.sin(x))
    >>> print_saved_residuals(checkpoint(f), np.ones(3))
    f64[3] from argument 0
    """
    for type_, origin in saved_residuals(f, *args, **kwargs):
        print(type_, origin)
