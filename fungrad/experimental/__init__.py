"""`jax.experimental`'s names that programs use most: ode, checkify, callbacks.

Stands above `debug`: imports everything below.
"""

from fungrad.lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {"api.callbacks": ("io_callback",)},
    modules=("checkify", "ode"),
)
