"""What to do when a training misbehaves: gradients leaf by leaf, and where a nan comes from.

Stands above `inspection`: imports everything below.
"""

from fungrad.lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "checking": ("check",),
        "gradient_flow": ("Flow", "gradient_flow"),
        "nans": ("debug_infs", "debug_nans"),
        "printing": ("callback", "print"),
    },
)
