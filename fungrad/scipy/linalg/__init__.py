"""`scipy.linalg`'s names, differentiable, batched and compiled. Imports everything below.

This file is the table of contents.
"""

from fungrad.lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "structured": ("block_diag", "toeplitz"),
    },
)
