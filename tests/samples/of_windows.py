"""Reductions over windows."""

import numpy as np

from fungrad.core.errors import DtypeError, ShapeError
from fungrad.primitives.windows import Window, WindowArgument, WindowMax, WindowMin, WindowSum
from samples.of_convolution import numbers
from samples.table import F32, bad, sample

POOL = ((None, Window(3, 1, 2, 1, -1), Window(2, 1, 2, 1, 0)), (1, 3, 2))
SPREAD = ((Window(4, 2, 1, 1, -1), None, Window(3, 3, 2, -2, 5)), (2, 1, 3))
BESIDE = ((Window(5, 1, 2, 1, -3),), (2,))  # the first window and the last one are empty
X, Y, LINE = numbers(2, 5, 4), numbers(3, 2, 4), numbers(4)
WINDOWS = [
    *[
        sample(kind(*windows), x)
        for kind in (WindowSum, WindowMax, WindowMin)
        for windows, x in ((POOL, X), (SPREAD, Y))
    ],
    sample(WindowSum(*BESIDE), LINE),
    sample(WindowMax(*BESIDE), LINE, laws=("types", "batch")),
    sample(WindowSum(*POOL), X.astype(F32)),
    sample(WindowMax(*POOL), X.astype(F32)),
    sample(WindowSum(*POOL), X + 1j * X[::-1]),
    sample(WindowSum(*POOL), np.arange(40).reshape(2, 5, 4)),
    sample(WindowMin(*POOL), np.arange(40).reshape(2, 5, 4) % 7),
    sample(WindowMax(*POOL), X > 0),
    sample(WindowSum((), ()), 1.5),
    sample(WindowMax((), ()), 1.5),
    sample(WindowSum(*BESIDE), np.zeros(0)),
    sample(WindowMax(*BESIDE), np.zeros(0), laws=("types", "batch")),
    *[
        sample(WindowArgument(*windows, largest), x)
        for largest in (True, False)
        for windows, x in ((POOL, X), (SPREAD, Y), (BESIDE, LINE), (POOL, np.round(X)))
    ],
]
WINDOWS_BAD = [
    *[
        bad(kind(*POOL), [X[0]], ShapeError, "do not fit shape (5, 4)")
        for kind in (WindowSum, WindowMax, WindowMin)
    ],
    bad(
        WindowArgument(*POOL, True), [X + 1j], DtypeError, "window_argmax is not defined for dtype"
    ),
    bad(WindowSum((None,), (0,)), [LINE], ShapeError, "width 0"),
    bad(WindowSum((Window(1, 1, 0, 1, 0),), (2,)), [LINE], ShapeError, "is no window"),
]
