"""Residuals: what reverse mode keeps from the forward pass for the backward pass."""

from fungrad.core.cost import nbytes
from fungrad.transforms.vjp import vjp


def reverse_halves(program):
    """The two halves of reverse mode of a program, all real inputs and outputs differentiated."""
    active = tuple([t.is_differentiable for t in program.input_types])
    return vjp(program, active, (True,) * len(program.outputs))


def residuals(program):
    """The variables that the forward half saves, apart from the arguments."""
    forward = reverse_halves(program).forward
    saved = dict.fromkeys(forward.outputs[len(program.outputs) :])
    return [v for v in saved if v not in forward.inputs]


def residual_bytes(program):
    """The bytes of what the forward half saves; one element of each stack of a while loop."""
    return sum(nbytes(v.type) for v in residuals(program))
