"""`jax.scipy.signal`'s names: convolutions of any rank, and spectra.

This file is the table of contents. Imports everything below.
"""

from fungrad.lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "convolution": ("convolve", "convolve2d", "correlate", "correlate2d", "fftconvolve"),
        "spectra": ("csd", "detrend", "istft", "stft", "welch"),
    },
)
