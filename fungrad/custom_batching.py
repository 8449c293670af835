"""Functions with a `vmap` rule of their own, under the names of `jax.custom_batching`."""

from fungrad.api.custom_vmap import custom_vmap, sequential_vmap

__all__ = ["custom_vmap", "sequential_vmap"]
