"""Movements: reshape, broadcast, transpose, slice, reverse, pad, concatenate, fill, iota."""

import numpy as np

from fungrad.core.errors import DtypeError, ShapeError
from fungrad.primitives.basis import Basis
from fungrad.primitives.joining import Concatenate, Pad
from fungrad.primitives.movement import Broadcast, Fill, Iota, Reshape, Reverse, Slice, Transpose
from samples.table import (
    C128,
    COMPLEXES,
    CUBE,
    EMPTY,
    F32,
    F64,
    I32,
    I64,
    INTS,
    REALS,
    SINGLES,
    TRUTHS,
    U8,
    bad,
    sample,
)

MOVEMENT = [
    *[sample(Reshape((3, 2)), x) for x in (REALS, SINGLES, COMPLEXES, INTS, TRUTHS)],
    sample(Reshape((6,)), REALS),
    sample(Reshape((2, 1, 3, 1)), REALS),
    sample(Reshape(()), np.ones((1, 1))),
    sample(Reshape((1, 1)), 2.0),
    sample(Reshape((3, 0, 2)), EMPTY),
    *[sample(Broadcast((4, 2, 3), (1, 2)), x) for x in (REALS, SINGLES, COMPLEXES, INTS, TRUTHS)],
    sample(Broadcast((3, 4, 2), (2, 0)), REALS),
    sample(Broadcast((2, 3), (0, 1)), REALS[:, :1]),
    sample(Broadcast((4, 2, 3), (2, 1)), REALS[:1].T),
    sample(Broadcast((2, 3), ()), 1.5),
    sample(Broadcast((), ()), 1.5),
    sample(Broadcast((2, 0), ()), 1.5),
    sample(Broadcast((0, 3, 2), (0, 1)), EMPTY),
    sample(Broadcast((2, 0), (0, 1)), np.ones((2, 1))),
    *[sample(Fill((2, 3)), x) for x in (1.5, np.float32(2.5), 1.5 - 2j, 3, True)],
    sample(Fill(()), 1.5),
    sample(Fill((0, 2)), 1.5),
    *[sample(Iota((2, 3), dtype, 1)) for dtype in (I64, I32, F64, F32, U8)],
    sample(Iota((2, 3), I64, 0)),
    sample(Iota((0,), I64, 0)),
    *[sample(Basis(3, 0, (3,), dtype)) for dtype in (F64, F32, C128)],
    sample(Basis(9, 2, (2, 3), F64)),
    sample(Basis(2, 1, (), F64)),
    sample(Basis(0, 0, (0, 2), F64)),
    *[sample(Transpose((1, 0)), x) for x in (REALS, SINGLES, COMPLEXES, INTS, TRUTHS, EMPTY)],
    sample(Transpose((2, 0, 1)), CUBE),
    sample(Transpose(()), 1.5),
    *[sample(Slice((0, 1), (2, 3), (1, 1)), x) for x in (REALS, SINGLES, COMPLEXES, INTS, TRUTHS)],
    sample(Slice((0, 0, 1), (2, 3, 4), (1, 2, 2)), CUBE),
    sample(Slice((1, 0), (1, 3), (1, 2)), REALS),
    sample(Slice((), (), ()), 1.5),
    *[sample(Reverse((0,)), x) for x in (REALS, SINGLES, COMPLEXES, INTS, TRUTHS, EMPTY)],
    sample(Reverse((0, 2)), CUBE),
    sample(Reverse(()), 1.5),
    *[
        sample(Pad((1, 0), (0, 2), (0, 1)), x, x.dtype.type(1))
        for x in (REALS, SINGLES, COMPLEXES, INTS, TRUTHS)
    ],
    sample(Pad((1, 2), (0, 1), (2, 0)), EMPTY, 2.5),
    sample(Pad((0, 0), (0, 0), (0, 0)), REALS, 2.5),
    sample(Pad((), (), ()), 1.5, 2.5),
    *[
        sample(Concatenate(1), x, x[:, :1], x[:, :2])
        for x in (REALS, SINGLES, COMPLEXES, INTS, TRUTHS)
    ],
    sample(Concatenate(0), REALS, EMPTY),
    sample(Concatenate(0), REALS),
    sample(Concatenate(0), EMPTY, EMPTY),
]
MOVEMENT_BAD = [
    bad(Reshape((4,)), [REALS], ShapeError, "(2, 3) has 6 elements, (4,) does not"),
    bad(Broadcast((2, 4), (0, 1)), [REALS], ShapeError, "(2, 3) does not fit (2, 4)"),
    bad(Broadcast((2, 3), (0,)), [REALS], ShapeError, "does not fit"),
    bad(Fill((2,)), [REALS], ShapeError, "scalar"),
    bad(Transpose((0, 0)), [REALS], ShapeError, "does not order the axes"),
    bad(Slice((0, 2), (2, 4), (1, 1)), [REALS], ShapeError, "[2:4:1] does not fit"),
    bad(Slice((0,), (2,), (1,)), [REALS], ShapeError, "(2, 3)"),
    bad(Reverse((2,)), [REALS], ShapeError, "axes (2,) do not fit"),
    bad(Pad((-1,), (0,), (0,)), [REALS[0], 0.0], ShapeError, "negative padding"),
    bad(Pad((1,), (0,), (0,)), [REALS, 0.0], ShapeError, "(2, 3)"),
    bad(Pad((1, 1), (0, 0), (0, 0)), [REALS, np.ones(2)], ShapeError, "scalar"),
    bad(Pad((1, 1), (0, 0), (0, 0)), [REALS, np.float32(0)], DtypeError, "differ"),
    bad(Concatenate(1), [REALS, CUBE[0, :, :2]], ShapeError, "operand 1"),
    bad(Concatenate(0), [REALS, SINGLES], DtypeError, "operand 1"),
    bad(Concatenate(2), [REALS, REALS], ShapeError, "axis 2"),
]
