"""Functions with derivatives of their own, under the names of `jax.custom_derivatives`."""

from fungrad.api.closing import closure_convert
from fungrad.api.custom_jvp import custom_jvp
from fungrad.api.custom_vjp import custom_gradient, custom_vjp
from fungrad.api.linear_call import linear_call
from fungrad.api.symbolic_zeros import (
    CustomVJPPrimal,
    SymbolicZero,
    custom_vjp_primal_tree_values,
    zero_from_primal,
)
from fungrad.lazy import no_other_names

__all__ = [
    "CustomVJPPrimal",
    "SymbolicZero",
    "closure_convert",
    "custom_gradient",
    "custom_jvp",
    "custom_vjp",
    "custom_vjp_primal_tree_values",
    "linear_call",
    "zero_from_primal",
]

__getattr__ = no_other_names(__name__)
