"""`jax.lax.fft`: transforms over the last axes, by their kind."""

import enum

from fungrad.numpy import fft as transforms


class FftType(enum.IntEnum):
    """The kinds of Fourier transforms."""

    FFT = 0
    IFFT = 1
    RFFT = 2
    IRFFT = 3


_TRANSFORMS = {
    FftType.FFT: transforms.fftn,
    FftType.IFFT: transforms.ifftn,
    FftType.RFFT: transforms.rfftn,
    FftType.IRFFT: transforms.irfftn,
}


def fft(x, fft_type, fft_lengths):
    """The transform of a kind, an `FftType` or its name, over the last `len(fft_lengths)` axes.

    `fft_lengths` are the sizes of these axes: of the real array, for real transforms. ValueError
    where they are not those of x.

    >>> fft(np.array([1.0, 2.0, 3.0]), "RFFT", (3,))
    array([ 6. +0.j       , -1.5+0.8660254j])
    """
    kind = FftType[fft_type.upper()] if isinstance(fft_type, str) else FftType(fft_type)
    lengths = tuple(fft_lengths)
    if not lengths:
        return x
    own = tuple(x.shape[-len(lengths) :])
    expected = (*lengths[:-1], lengths[-1] // 2 + 1) if kind == FftType.IRFFT else lengths
    if own != expected:
        raise ValueError(f"fft: {kind.name} of lengths {lengths} does not fit shape {x.shape}")
    return _TRANSFORMS[kind](x, lengths, tuple(range(-len(lengths), 0)))
