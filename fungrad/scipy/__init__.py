"""`jax.scipy`'s names: SciPy's functions on traced values. Imports everything below; SciPy late.

This file is the table of contents; a submodule is imported when it is first used.
"""

from fungrad.lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {},
    modules=(
        "fft",
        "integrate",
        "interpolate",
        "linalg",
        "ndimage",
        "optimize",
        "signal",
        "sparse",
        "special",
        "stats",
    ),
)
