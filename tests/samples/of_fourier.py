"""Fourier transforms, along each axis, of even and odd sizes."""

import numpy as np

from fungrad.core.errors import DtypeError, ShapeError
from fungrad.primitives.fourier import Fourier, HermitianFourier, RealFourier
from samples.table import C64, COMPLEXES, CUBE, INTS, REALS, SINGLES, bad, sample

FOURIERS = [
    *[sample(Fourier(axis, inverse), COMPLEXES) for axis in (0, 1) for inverse in (False, True)],
    sample(Fourier(0, False), COMPLEXES[0]),
    sample(Fourier(1, True), CUBE * (1 + 0.5j)),
    sample(Fourier(1, False), COMPLEXES.astype(C64)),
    sample(Fourier(1, False), np.zeros((0, 3), complex)),
    *[sample(RealFourier(axis), REALS) for axis in (0, 1)],
    sample(RealFourier(1), CUBE),
    sample(RealFourier(1), SINGLES),
    *[sample(HermitianFourier(1, n), COMPLEXES) for n in (4, 5)],
    sample(HermitianFourier(0, 3), COMPLEXES.astype(C64)),
    sample(HermitianFourier(0, 1), COMPLEXES[:1]),
]
FOURIERS_BAD = [
    bad(Fourier(0, False), [REALS], DtypeError, "float64"),
    bad(RealFourier(0), [COMPLEXES], DtypeError, "complex128"),
    bad(RealFourier(0), [INTS], DtypeError, "int64"),
    bad(Fourier(2, False), [COMPLEXES], ShapeError, "axis 2"),
    bad(Fourier(0, False), [np.zeros((0, 3), complex)], ShapeError, "Invalid number of FFT"),
    bad(HermitianFourier(1, 3), [COMPLEXES], ShapeError, "no half spectrum of 3"),
]
