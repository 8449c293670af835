"""Calls of `numpy.fft`."""

import numpy as np

from tests.tables.row import Table

TABLE = Table("numpy.fft", np.fft)
R = np.random.default_rng(2)
X = R.standard_normal((3, 6))
Z = X + 1j * R.standard_normal((3, 6))

TABLE.each("fft ifft fft2 ifft2 fftn ifftn fftshift ifftshift hfft irfft irfft2 irfftn", Z)
TABLE.each("rfft ihfft rfft2 rfftn fft", X)
TABLE.each("fft irfft", Z, n=5, axis=0, norm="ortho")
TABLE.row("fft2", Z, (4, 4), (1, 0))
TABLE.each("fftfreq rfftfreq", 5, 0.5)
