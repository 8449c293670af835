"""Residuals: what reverse mode keeps from the forward pass for the backward pass."""

from fungrad.core.cost import nbytes
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
