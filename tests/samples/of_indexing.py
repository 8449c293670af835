"""Gather, scatter, dynamic slices."""

import numpy as np

from fungrad.core.errors import DtypeError, OutOfBoundsError, ShapeError
from fungrad.primitives.dynamic import DynamicSlice, DynamicUpdate
from fungrad.primitives.indexing import Gather, Scatter
from samples.table import COMPLEXES, CUBE, EMPTY, INTS, REALS, SINGLES, TRUTHS, bad, sample

ROWS = np.array([1, 0, -1])
COLUMNS = np.array([2, -3, 0])
BEYOND = np.array([1, 5, -7])
UNIQUE = np.array([2, 0])
INDEXING = [
    *[sample(Gather((0,), "raise"), x, ROWS) for x in (REALS, SINGLES, COMPLEXES, INTS, TRUTHS)],
    sample(Gather((0, 1), "raise"), REALS, ROWS, COLUMNS),
    sample(Gather((1,), "raise"), REALS, np.int32(2)),
    sample(Gather((1,), "raise"), CUBE, np.array([[2, 0], [-1, 1]])),
    sample(Gather((0, 2), "raise"), CUBE, ROWS, COLUMNS),
    sample(Gather((2, 0), "raise"), CUBE, COLUMNS, ROWS),
    sample(Gather((0,), "raise"), REALS, np.zeros((0, 2), int)),
    sample(Gather((0,), "raise"), EMPTY, np.zeros(0, int)),
    *[sample(Gather((0,), mode), REALS, BEYOND) for mode in ("clip", "drop", "wrap")],
    *[sample(Gather((1, 0), mode), INTS, BEYOND, ROWS) for mode in ("clip", "drop", "wrap")],
    sample(Gather((0,), "drop"), EMPTY, BEYOND),
    sample(Gather((0,), "drop"), REALS, np.int64(-5)),
    *[
        sample(Scatter((1,), combine, "raise"), x, (x[:, :2].T * 2 + x.dtype.type(1)), UNIQUE)
        for combine in ("set", "add", "multiply", "minimum", "maximum")
        for x in (REALS, SINGLES, INTS)
    ],
    sample(Scatter((1,), "add", "raise"), COMPLEXES, COMPLEXES[:, :2].T, UNIQUE),
    sample(Scatter((1,), "multiply", "raise"), COMPLEXES, COMPLEXES[:, :2].T, UNIQUE),
    sample(Scatter((0,), "set", "raise"), TRUTHS, TRUTHS[::-1], np.array([1, 0])),
    *[
        sample(Scatter((0,), combine, mode), REALS, CUBE[1, :, :3] + 0.05, indices)
        for combine in ("set", "add", "multiply", "minimum", "maximum")
        for mode, indices in [
            ("raise", ROWS),
            ("clip", BEYOND),
            ("drop", BEYOND),
            ("wrap", BEYOND),
        ]
    ],
    *[
        sample(Scatter((0, 1), combine, "raise"), REALS, np.array([0.4, 0.9, -0.8]), ROWS, COLUMNS)
        for combine in ("set", "add")
    ],
    *[
        sample(Scatter((1,), combine, "raise"), REALS, np.array([0.4, 0.9]), np.int64(2))
        for combine in ("set", "add")
    ],
    sample(Scatter((1,), "set", "drop"), REALS, np.array([0.4, 0.9]), np.int64(7)),
    sample(Scatter((0,), "add", "raise"), REALS, np.zeros((0, 3)), np.zeros(0, int)),
    sample(Scatter((0,), "add", "drop"), EMPTY, np.ones((3, 3)), BEYOND),
    sample(
        Scatter((0,), "multiply", "raise"), np.array([0.5, 2.0]), np.array([0.0]), np.array([1])
    ),
    *[
        sample(DynamicSlice((1, 2)), x, *starts)
        for x, *starts in [
            (REALS, 1, 1),
            (SINGLES, np.int32(0), np.int32(1)),
            (COMPLEXES, 7, -3),
            (INTS, 1, 0),
            (TRUTHS, 1, 0),
        ]
    ],
    sample(DynamicSlice((2, 0)), REALS, 0, 2),
    sample(DynamicSlice(()), 1.5),
    *[
        sample(DynamicUpdate(), x, x[:1, :2] * x[:1, 1:], *starts)
        for x, *starts in [
            (REALS, 1, 1),
            (SINGLES, np.int32(0), np.int32(1)),
            (COMPLEXES, 7, -3),
            (INTS, 1, 0),
            (TRUTHS, 1, 0),
        ]
    ],
    sample(DynamicUpdate(), REALS, np.zeros((2, 0)), 0, 2),
    sample(DynamicUpdate(), 1.5, 2.5),
]
INDEXING_BAD = [
    bad(
        Gather((0,), "raise"),
        [REALS, BEYOND],
        OutOfBoundsError,
        "index 5 is out of bounds for axis 0",
    ),
    bad(Gather((0,), "raise"), [EMPTY, ROWS], OutOfBoundsError, "every index"),
    bad(
        Gather((0,), "clip"),
        [EMPTY, ROWS],
        OutOfBoundsError,
        "every index is out of bounds for axes (0,) of (0, 3)",
    ),
    bad(Gather((0, 1), "raise"), [REALS, ROWS, UNIQUE], ShapeError, "(2,), (3,)"),
    bad(Gather((2,), "raise"), [REALS, ROWS], ShapeError, "axes (2,)"),
    bad(Gather((0,), "raise"), [REALS, REALS[0]], DtypeError, "float64"),
    bad(Scatter((0,), "add", "raise"), [REALS, CUBE[0], ROWS], ShapeError, "f64[3,3] fits"),
    bad(Scatter((0,), "add", "raise"), [REALS, SINGLES[ROWS], ROWS], ShapeError, "f64[3,3] fits"),
    bad(Scatter((0,), "set", "raise"), [REALS, REALS[ROWS], BEYOND], OutOfBoundsError, "index 5"),
    bad(Scatter((0,), "set", "raise"), [REALS, REALS[ROWS], REALS[0]], DtypeError, "float64"),
    bad(DynamicSlice((3, 1)), [REALS, 0, 0], ShapeError, "sizes (3, 1) do not fit shape (2, 3)"),
    bad(DynamicSlice((1, 1)), [REALS, 0], ShapeError, "do not fit"),
    bad(DynamicSlice((1,)), [REALS, 0, 0], ShapeError, "do not fit"),
    bad(DynamicSlice((1, 1)), [REALS, 0, 0.5], DtypeError, "float64"),
    bad(DynamicUpdate(), [REALS, CUBE[0], 0, 0], ShapeError, "does not fit"),
    bad(DynamicUpdate(), [REALS, SINGLES, 0, 0], DtypeError, "does not fit"),
    bad(DynamicUpdate(), [REALS, REALS, 0, 0.5], DtypeError, "float64"),
]
