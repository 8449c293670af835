"""Functions with a `vmap` rule of their own, under the names of `jax.custom_batching`."""

from fungrad.api.custom_vmap import custom_vmap, sequential_vmap
from fungrad.lazy import no_other_names

__all__ = ["custom_vmap", "sequential_vmap"]

__getattr__ = no_other_names(__name__)
