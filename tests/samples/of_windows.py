"""Reductions over windows."""

import numpy as np

from fungrad.core.errors import DtypeError, ShapeError
from fungrad.primitives.window_extrema import (
    ScaledPut,
    WindowFind,
    WindowMax,
    WindowMin,
    WindowPut,
    WindowTake,
)
from fungrad.primitives.windows import Window, WindowSum
from samples.of_convolution import numbers
from samples.table import F32, bad, sample

POOL = ((None, Window(3, 1, 2, 1, -1), Window(2, 1, 2, 1, 0)), (1, 3, 2))
SPREAD = ((Window(4, 2, 1, 1, -1), None, Window(3, 3, 2, -2, 5)), (2, 1, 3))
BESIDE = ((Window(5, 1, 2, 1, -3),), (2,))  # the first window and the last one are empty
X, Y, LINE = numbers(2, 5, 4), numbers(3, 2, 4), numbers(4)
#: Of many small images; without surroundings, with them, and with places left over.
IMAGES = ((None, Window(3, 1, 2, 1, -1), Window(4, 1, 2, 1, -1)), (1, 3, 2))
CHANNELS_LAST = ((None, Window(2, 1, 2, 1, 0), Window(2, 1, 2, 1, 0), None), (1, 2, 2, 1))
STEPS = ((Window(2, 1, 3, 1, 0), Window(3, 1, 3, 2, -1)), (2, 2))
LARGE = ((None, Window(9, 1, 1, 1, -3), Window(4, 1, 2, 1, -3)), (1, 7, 6))
WIDE = np.random.default_rng(0).permutation(144).reshape(2, 9, 8) / 50
FAR = ((Window(2, 1, 20, 1, 0),), (3,))
FOUND = [
    (POOL, X),
    (POOL, X.astype(F32)),
    (SPREAD, Y),
    (BESIDE, LINE),
    (IMAGES, numbers(9, 5, 6)),
    (CHANNELS_LAST, numbers(2, 5, 4, 3)),
    (STEPS, numbers(6, 7)),
    (LARGE, WIDE),
    (FAR, numbers(30)),
    (((), ()), np.float64(1.5)),
]


def found(kind, windows, x, factor=np.sin):
    """The sample of a primitive that takes what `WindowFind` finds, here in three arrays."""
    rows = []
    for values in (x, -x, np.cos(5 * x)):
        number = WindowFind(*windows, True)(values.astype(x.dtype))[1]
        given = values if kind is WindowTake else number + 0.5 * values.flat[0]
        factors = [factor(values.astype(x.dtype))] if kind is ScaledPut else []
        rows.append((given.astype(x.dtype), number, *factors))
    primitive = kind(*windows) if kind is WindowTake else kind(*windows, np.shape(x))
    return sample(primitive, *rows[0], variants=rows[1:])


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
        sample(WindowFind(*windows, largest), x)
        for largest in (True, False)
        for windows, x in ((POOL, X), (SPREAD, Y), (IMAGES, numbers(9, 5, 6)), (LARGE, WIDE))
    ],
    *[
        sample(WindowFind(*windows, largest), np.round(x), laws=("types", "batch"))
        for largest in (True, False)
        for windows, x in ((POOL, X), (SPREAD, Y), (IMAGES, numbers(9, 5, 6)), (LARGE, WIDE))
    ],
    sample(WindowFind(*BESIDE, True), LINE, laws=("types", "batch")),
    *[found(kind, *given) for kind in (WindowTake, WindowPut, ScaledPut) for given in FOUND],
    *[found(ScaledPut, *given, np.signbit) for given in FOUND[::4]],
]
WINDOWS_BAD = [
    *[
        bad(kind(*POOL), [X[0]], ShapeError, "do not fit shape (5, 4)")
        for kind in (WindowSum, WindowMax, WindowMin)
    ],
    bad(WindowFind(*POOL, True), [X + 1j], DtypeError, "window_find_max is not defined for dtype"),
    bad(WindowTake(*BESIDE), [LINE, np.zeros(99, np.int8)], ShapeError, "window_take"),
    bad(
        WindowPut(*BESIDE, LINE.shape), [np.zeros(99), np.zeros(99, np.int8)], ShapeError, "values"
    ),
    bad(
        ScaledPut(*BESIDE, LINE.shape),
        [np.zeros(5), np.zeros(5, np.int8), np.zeros(99)],
        ShapeError,
        "scaled_put: a factor",
    ),
    bad(WindowSum((None,), (0,)), [LINE], ShapeError, "width 0"),
    bad(WindowSum((Window(1, 1, 0, 1, 0),), (2,)), [LINE], ShapeError, "is no window"),
]
