"""`jax.scipy`'s names: SciPy's functions on traced values. Imports everything below; SciPy late.

This file is the table of contents; a submodule is imported when it is first used.
"""

from fungrad.lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {},
    modules=(
        "fft",
        "interpolate",
        "linalg",
        "ndimage",
        "signal",
        "sparse",
        "special",
        "stats",
    ),
)
