"""Convolutions."""

import numpy as np

from fungrad.core.errors import DtypeError, ShapeError
from fungrad.primitives.convolution import Convolve
from fungrad.primitives.windows import Window
from samples.table import C128, F32, bad, sample


def numbers(*shape, dtype=float):
    """Numbers of both signs that do not repeat."""
    n = int(np.prod(shape))
    values = np.cos(1.7 * np.arange(n) ** 1.1)
    if np.dtype(dtype).kind == "c":
        values = values + 1j * np.sin(0.9 * np.arange(n))
    return values.reshape(shape).astype(dtype)


SAME = Window(5, 1, 1, 1, -1)
STRIDED = Window(3, 1, 2, 1, -1)
SPREAD = Window(7, 2, 1, 2, -2)  # both operands dilated
CROPPED = Window(2, 1, 1, 1, 1)  # negative padding
FRACTION = Window(4, 2, 3, 1, -2)
BACKWARDS = Window(4, 1, -1, 2, 2)
LINE, PLAIN = ((1, 2, 0), (3, 2, 0), (1, 3, 0)), (numbers(2, 3, 5), numbers(2, 3, 3))
CONVOLUTIONS = [
    *[sample(Convolve(*LINE, (w,)), *PLAIN) for w in (SAME, STRIDED, SPREAD, FRACTION)],
    *[sample(Convolve(*LINE, (w,)), *PLAIN, order=1) for w in (CROPPED, BACKWARDS)],
    sample(Convolve(*LINE, (SAME,)), *[x.astype(F32) for x in PLAIN]),
    sample(Convolve(*LINE, (STRIDED,)), numbers(2, 3, 5, dtype=C128), numbers(2, 3, 3, dtype=C128)),
    sample(
        Convolve(*LINE, (SAME,)), np.arange(30).reshape(2, 3, 5), np.arange(18).reshape(2, 3, 3)
    ),
    # channels last, two axes
    sample(
        Convolve((2, 0, 1, 3), (0, 1, 3, 4), (2, 0, 1, 4), (SAME, STRIDED)),
        numbers(2, 5, 5, 2),
        numbers(3, 3, 2, 2),
    ),
    # groups, depthwise
    sample(Convolve((1, 4, 0), (4, 0), (1, 4, 0), (SAME,)), numbers(2, 3, 5), numbers(3, 3)),
    # groups of two channels
    sample(
        Convolve((1, 4, 2, 0), (4, 3, 2, 0), (1, 4, 3, 0), (STRIDED,)),
        numbers(1, 2, 2, 5),
        numbers(2, 2, 2, 3),
    ),
    # three axes
    sample(
        Convolve((3, 0, 1, 2), (4, 3, 0, 1, 2), (4, 0, 1, 2), (SAME, STRIDED, CROPPED)),
        numbers(2, 5, 5, 4),
        numbers(2, 2, 3, 3, 3),
        order=1,
    ),
    # one line over another
    sample(Convolve((0,), (0,), (0,), (Window(7, 1, 1, -1, 0),)), numbers(5), numbers(3)),
    sample(
        Convolve((0,), (0,), (0,), (Window(4, 1, 1, 1, -2),)),
        numbers(3, dtype=C128),
        numbers(4, dtype=C128),
    ),
    sample(
        Convolve((0,), (0,), (0,), (Window(40, 1, 1, -1, -2),)),
        numbers(5),
        numbers(35),
        laws=("types", "jvp", "transpose"),
        order=1,
    ),
    # no axis slides: a contraction
    sample(Convolve((0, 1), (1, 2), (0, 2), ()), numbers(2, 3), numbers(3, 2)),
    sample(Convolve(*LINE, (SAME,)), numbers(0, 3, 5), numbers(2, 3, 3)),
    sample(Convolve(*LINE, (SAME,)), numbers(2, 3, 0), numbers(2, 3, 3)),
    sample(Convolve(*LINE, (Window(0, 1, 1, 1, 0),)), numbers(2, 3, 2), numbers(2, 3, 3)),
    sample(Convolve(*LINE, (Window(2, 1, 1, 1, 9),)), *PLAIN),  # beside the input
]
CONVOLUTIONS_BAD = [
    bad(Convolve(*LINE, (SAME,)), [PLAIN[0], PLAIN[1].astype(F32)], DtypeError, "differ"),
    bad(Convolve(*LINE, (SAME,)), [PLAIN[0], numbers(2, 4, 3)], ShapeError, "axis 1 of (2, 3, 5)"),
    bad(Convolve(*LINE, (SAME,)), [PLAIN[0][0], PLAIN[1]], ShapeError, "shapes (3, 5), (2, 3, 3)"),
    bad(Convolve(*LINE, (Window(2, 0, 1, 1, 0),)), PLAIN, ShapeError, "is no window"),
    bad(
        Convolve(*LINE, (SAME,)),
        [PLAIN[0] > 0, PLAIN[1] > 0],
        DtypeError,
        "not defined for dtype bool",
    ),
]
