"""Functions with derivatives of their own, under the names of `jax.custom_derivatives`."""

from fungrad.api.closing import closure_convert
from fungrad.api.custom_jvp import custom_jvp
from fungrad.api.custom_vjp import custom_gradient, custom_vjp
from fungrad.lazy import no_other_names

__all__ = ["closure_convert", "custom_gradient", "custom_jvp", "custom_vjp"]

__getattr__ = no_other_names(__name__)
