"""Calls of `scipy.signal`, `scipy.fft`, `scipy.ndimage` and `scipy.interpolate`."""

import numpy as np
import scipy.fft as peer_fft
import scipy.interpolate as peer_interpolate
import scipy.ndimage as peer_ndimage
import scipy.signal as peer

from fungrad.scipy import fft, interpolate, ndimage, signal
from tests.tables.row import Table

R = np.random.default_rng(9)
LINE, TAPS, PLANE, TILE = (R.standard_normal(s) for s in [9, 3, (5, 4), (2, 3)])
LONG = R.standard_normal(64)

SIGNAL = Table("scipy.signal", signal)
SIGNAL.each("convolve correlate fftconvolve", LINE, TAPS, "full", to=peer)
SIGNAL.each("convolve2d correlate2d", PLANE, TILE, to=peer)
SIGNAL.row("detrend", LINE, to=peer.detrend)
SIGNAL.row("welch", LONG, nperseg=16, to=peer.welch)
SIGNAL.row("csd", LONG, LONG[::-1].copy(), nperseg=16, to=peer.csd)
SIGNAL.row("stft", LONG, nperseg=16, to=peer.stft)
SIGNAL.row("istft", peer.stft(LONG, nperseg=16)[2], nperseg=16, to=peer.istft)

FFT = Table("scipy.fft", fft)
FFT.each("dct idct", LINE, to=peer_fft)
FFT.each("dctn idctn", PLANE, to=peer_fft)

NDIMAGE = Table("scipy.ndimage", ndimage)
NDIMAGE.row("map_coordinates", PLANE, R.uniform(0.1, 2.9, (2, 3)), by=lambda f, x, p: f(x, p, 1),
            to=lambda x, p: peer_ndimage.map_coordinates(x, p, order=1))  # fmt: skip

INTERPOLATE = Table("scipy.interpolate", interpolate)
GRID, POINTS = (np.arange(5.0), np.arange(4.0)), R.uniform(0.1, 2.9, (3, 2))
INTERPOLATE.row("RegularGridInterpolator", PLANE, POINTS, by=lambda f, x, p: f(GRID, x)(p),
                to=lambda x, p: peer_interpolate.RegularGridInterpolator(GRID, x)(p))  # fmt: skip
