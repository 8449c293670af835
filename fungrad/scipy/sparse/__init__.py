"""`jax.scipy.sparse`'s names. Imports everything below.

This file is the table of contents; a submodule is imported when it is first used.
"""

from fungrad.lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__name__, {}, modules=("linalg",))
