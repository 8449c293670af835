"""Sample inputs for every primitive: inside its domain, and bad ones with the error they raise.

Real and complex samples keep a distance from singularities and kinks (where derivatives by
differences mean nothing); the kinks themselves are in laws/test_kinks.py.
"""

from dataclasses import dataclass

import numpy as np

from fungrad.core.errors import DtypeError, OutOfBoundsError, ShapeError, UnknownAxisNameError
from fungrad.core.types import ArrayType
from fungrad.primitives import elementwise
from fungrad.primitives.collectives import AllGather, AxisIndex, Combine
from fungrad.primitives.contraction import Contract
from fungrad.primitives.cumulative import (
    CumLogSumExp,
    CumMax,
    CumMin,
    CumProd,
    CumSum,
    Recurrence,
)
from fungrad.primitives.dynamic import DynamicSlice, DynamicUpdate
from fungrad.primitives.elementwise import Convert, Elementwise, IntegerPower, Named
from fungrad.primitives.indexing import Gather, Scatter
from fungrad.primitives.joining import Concatenate, Pad
from fungrad.primitives.linalg import Cholesky, TriangularSolve
from fungrad.primitives.movement import Broadcast, Fill, Iota, Reshape, Reverse, Slice, Transpose
from fungrad.primitives.ordering import Argsort, Sort
from fungrad.primitives.reductions import All, Any, ArgExtremum, Max, Min, Prod, Sum
from fungrad.testing.primitives import LAWS
from fungrad.transforms.batch import BatchAxis

F64, F32, C128, C64 = map(np.dtype, (np.float64, np.float32, np.complex128, np.complex64))
I64, I32, U8, BOOL = map(np.dtype, (np.int64, np.int32, np.uint8, np.bool))


@dataclass(frozen=True)
class Sample:
    """Inputs of a primitive; for the other fields see `fungrad.testing.check_primitive`."""

    primitive: object
    inputs: tuple
    variants: tuple = ()
    axis: BatchAxis | None = None
    laws: tuple = LAWS
    order: int = 2

    @property
    def title(self):
        """What pytest prints."""
        types = ",".join(str(ArrayType(x.shape, x.dtype)) for x in self.inputs)
        return f"{self.primitive}({types})"


@dataclass(frozen=True)
class Bad:
    """Inputs that a primitive refuses, with the class of the error and a part of its message."""

    primitive: object
    inputs: tuple
    error: type
    message: str

    @property
    def title(self):
        """What pytest prints."""
        return f"{self.primitive} {self.message[:30]}"


def sample(primitive, *inputs, **options):
    """A sample whose inputs are made NumPy values; in single precision, of first order only."""
    inputs = tuple([np.asarray(x)[()] for x in inputs])
    options.setdefault("order", 2 if any(x.dtype in (F64, C128) for x in inputs) else 1)
    return Sample(primitive, inputs, **options)


def bad(primitive, inputs, error, message):
    """A bad sample whose inputs are made NumPy values."""
    return Bad(primitive, tuple([np.asarray(x)[()] for x in inputs]), error, message)


# ---- elementwise: points of the domain per word

INTERIOR = (0.3, -0.7, 1.2)
COMPLEX_INTERIOR = (0.4 + 0.3j, -0.6 + 0.8j, 0.2 - 0.9j)

REAL = {
    "sqrt": (0.4, 1.3, 2.1),
    "rsqrt": (0.4, 1.3, 2.1),
    "log": (0.4, 1.3, 2.1),
    "log2": (0.4, 1.3, 2.1),
    "log10": (0.4, 1.3, 2.1),
    "log1p": (0.4, -0.6, 2.1),
    "arcsin": (0.3, -0.7, 0.6),
    "arccos": (0.3, -0.7, 0.6),
    "arctanh": (0.3, -0.7, 0.6),
    "erfinv": (0.3, -0.7, 0.6),
    "arccosh": (1.5, 2.5, 3.5),
    "tanh": (0.3, -0.7, 20.0),
    "logistic": (0.3, -40.0, 40.0),
    "expm1": (1e-9, -0.7, 1.2),
    "rint": (0.3, -0.8, 1.2),
    "floor": (0.3, -0.8, 1.3),
    "isnan": (0.3, np.nan, np.inf),
    "isinf": (0.3, np.nan, -np.inf),
    "isfinite": (0.3, np.nan, np.inf),
    "signbit": (0.3, -0.7, -np.inf),
}
COMPLEX = {
    "reciprocal": (0.8 + 0.3j, -0.6 + 0.8j, 0.2 - 0.9j),
    "sign": (0.8 + 0.3j, -0.6 + 0.8j, 0.2 - 0.9j),
    "rint": (0.8 + 0.3j, -0.7 + 0.8j, 0.2 - 0.9j),
    "isnan": (0.3 + 1j, complex(0.0, np.nan), complex(np.inf, 0.0)),
    "isinf": (0.3 + 1j, complex(0.0, np.nan), complex(np.inf, 0.0)),
    "isfinite": (0.3 + 1j, complex(0.0, np.nan), complex(np.inf, 0.0)),
}
LEFT, RIGHT = (0.3, -0.7, 1.2), (0.9, 1.5, -0.8)
PAIRS = {  # (left points, right points)
    "power": ((0.4, 1.3, 2.1), (2.0, -1.5, 0.5)),
    "remainder": ((2.3, -2.4, 5.4), (0.7, 1.1, 1.6)),
    "fmod": ((2.3, -2.4, 5.4), (0.7, 1.1, 1.6)),
    "floor_divide": ((2.3, -2.4, 5.4), (0.7, 1.1, 1.6)),
    "logaddexp": ((0.3, 700.0, 800.0), (0.9, 702.0, -300.0)),
    "equal": ((1.0, 2.0, np.nan), (1.0, 3.0, np.nan)),
    "not_equal": ((1.0, 2.0, np.nan), (1.0, 3.0, np.nan)),
}
SHIFTS = ((5, 3, 100), (1, 2, 3))
UNITS = {BOOL: (True, False, True), I64: (3, -2, 5), I32: (3, -2, 5), U8: (3, 200, 5)}
DIVISORS = {BOOL: (False, False, True), I64: (2, 3, -4), I32: (2, 3, -4), U8: (2, 3, 4)}
LAWS_OF = {
    "stop_gradient": ("types", "transpose", "batch", "higher order"),  # it drops the tangent
    "digamma": ("types", "batch"),  # has no derivative, and says so
}
ONCE_DIFFERENTIABLE = {"lgamma"}
KINDS = {"b": (BOOL,), "i": (I64, I32), "u": (U8,), "f": (F64, F32), "c": (C128, C64)}


def elementwise_rows():
    """The rows of the table of elementwise primitives."""
    rows = {v.word: v for v in vars(elementwise).values() if isinstance(v, Elementwise)}
    return list(rows.values())


def points(row, dtype):
    """One tuple of points per operand (without the selector)."""
    count = len(row.passes) - row.selector
    word = row.word
    if dtype.kind in "biu":
        if "shift" in word:
            return SHIFTS
        if word == "power":
            return (3, 2, 4), (2, 0, 3)
        return (UNITS[dtype], DIVISORS[dtype])[:count]
    if count == 1:
        domain = COMPLEX if dtype.kind == "c" else REAL
        return (domain.get(word, COMPLEX_INTERIOR if dtype.kind == "c" else INTERIOR),)
    left, right = PAIRS.get(word, (LEFT, RIGHT))
    if dtype.kind == "c":
        return tuple(np.add(left, (0.2j, -0.4j, 0.3j))), tuple(np.add(right, (0.5j, 0.1j, -0.6j)))
    return left, right


def elementwise_samples(row):
    """A row on arrays and scalars of every dtype it is defined for."""
    laws = LAWS_OF.get(row.word, LAWS)
    chosen = [np.array([True, False, True])] if row.selector else []
    samples = []
    for dtype in [d for kind in row.kinds for d in KINDS[kind]]:
        arrays = [np.array(p).astype(dtype) for p in points(row, dtype)]
        is_main = dtype in (F64, C128)
        order = 2 if is_main and row.word not in ONCE_DIFFERENTIABLE else 1
        samples.append(sample(row, *chosen, *arrays, laws=laws, order=order))
        if not is_main:
            continue
        scalars = [x[0] for x in (*chosen, *arrays)]
        samples.append(sample(row, *scalars, laws=laws, order=1))
        samples += [
            sample(row, *mixed, laws=laws, order=1) for mixed in mixtures((*chosen, *arrays))
        ]
        many = [np.resize(x, (5, 9)) for x in (*chosen, *arrays)]
        samples.append(sample(row, *many, laws=laws, order=1))
    dtype = KINDS[row.kinds[-1]][0]
    empty = [np.zeros((0, 2), dtype)] * len(arrays)
    samples.append(
        sample(row, *[np.zeros((0, 2), bool)] * row.selector, *empty, laws=laws, order=1)
    )
    return samples


def mixtures(arrays):
    """The arrays with each in turn replaced by a scalar, and each in turn kept as an array."""
    if len(arrays) == 1:
        return []
    found = {}
    for i in range(len(arrays)):
        for kept in (True, False):
            chosen = tuple([(i == j) == kept for j in range(len(arrays))])
            found[chosen] = [
                x if is_array else x[0] for x, is_array in zip(arrays, chosen, strict=True)
            ]
    return list(found.values())


def elementwise_bad(row):
    """Wrong dtypes and shapes for a row."""
    count = len(row.passes) - row.selector
    chosen = [np.array([True, False])] if row.selector else []
    dtype = KINDS[row.kinds[-1]][0]
    found = []
    for kind in "biufc":
        if kind not in row.kinds:
            refused = KINDS[kind][0]
            operands = [np.ones(2, refused)] * count
            found.append(bad(row, [*chosen, *operands], DtypeError, f"dtype {refused}"))
    if count > 1:
        other = F64 if dtype != F64 else F32
        pair = [np.ones(2, dtype), np.ones(2, other)]
        found.append(bad(row, [*chosen, *pair], DtypeError, "differ"))
        pair = [np.ones(2, dtype), np.ones(3, dtype)]
        found.append(bad(row, [*chosen, *pair], ShapeError, "(2,) and (3,) differ"))
    return found


ELEMENTWISE = [s for row in elementwise_rows() for s in elementwise_samples(row)]
ELEMENTWISE_BAD = [b for row in elementwise_rows() for b in elementwise_bad(row)]

REALS = np.array([[0.3, -0.7, 1.2], [1.9, -1.4, 0.6]])
COMPLEXES = REALS + 1j * np.array([[0.5, 0.2, -0.9], [1.1, -0.3, 0.8]])
SINGLES = REALS.astype(F32)
INTS = np.array([[3, -2, 5], [7, 0, 1]])
TRUTHS = np.array([[True, False, True], [False, False, True]])

POINTWISE = [
    *[
        sample(IntegerPower(n), np.array([0.7, -1.3, 1.9], dtype), order=2 if n in (3, -2) else 1)
        for n in (-2, -1, 0, 1, 2, 3, 5)
        for dtype in (F64, F32, C128)
    ],
    sample(IntegerPower(3), INTS),
    sample(IntegerPower(0), INTS),
    *[
        sample(Convert(target), x, order=1)
        for target in (F64, F32, C128, C64, I64, I32, BOOL)
        for x in (np.array([2.4, -1.6]), COMPLEXES, SINGLES, np.int64(3), TRUTHS)
    ],
    sample(Convert(U8), np.array([2.4, 1.6])),
    sample(Convert(I64), np.array([3, 200], U8)),
    sample(Named("activations"), REALS),
    sample(Named("activations"), TRUTHS),
]
POINTWISE_BAD = [
    bad(IntegerPower(-1), [INTS], DtypeError, "integers to negative"),
    bad(IntegerPower(2), [TRUTHS], DtypeError, "dtype bool"),
    bad(elementwise.select, [np.ones(2), np.ones(2), np.ones(2)], DtypeError, "condition"),
]

EMPTY = np.zeros((0, 3))
CUBE = np.linspace(-1.0, 2.0, 24).reshape(2, 3, 4)

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

REDUCTIONS = [
    *[
        sample(kind(axes), x)
        for kind in (Sum, Prod)
        for axes, x in [
            ((0,), REALS),
            ((1,), SINGLES),
            ((0, 1), COMPLEXES),
            ((), REALS),
            ((0, 2), CUBE + 3.0),
            ((0,), EMPTY),
            ((1,), EMPTY),
            ((0,), INTS),
            ((1,), INTS.astype(I32)),
            ((0, 1), np.abs(INTS).astype(U8)),
            ((), 1.5),
        ]
    ],
    sample(Prod((0,)), np.array([2.0, 0.0, 3.0])),
    sample(Prod((1,)), np.array([[2.0, 0.0, 3.0, 0.0], [1.5, 0.0, -1.0, 2.0]])),
    *[
        sample(kind(axes), x)
        for kind in (Max, Min)
        for axes, x in [
            ((0,), REALS),
            ((1,), SINGLES),
            ((0, 2), CUBE),
            ((), REALS),
            ((1,), EMPTY),
            ((0,), INTS),
            ((1,), np.abs(INTS).astype(U8)),
            ((0, 1), TRUTHS),
        ]
    ],
    *[sample(kind(axes), TRUTHS) for kind in (Any, All) for axes in [(0,), (0, 1), ()]],
    *[sample(kind((0,)), np.zeros((0, 3), bool)) for kind in (Any, All)],
    *[
        sample(ArgExtremum(axis, largest), x)
        for largest in (True, False)
        for axis, x in [(0, REALS), (1, SINGLES), (1, INTS), (0, TRUTHS), (1, EMPTY)]
    ],
    *[
        sample(kind(axis, reverse), x)
        for kind in (CumSum, CumProd)
        for axis, reverse, x in [
            (0, False, REALS),
            (1, True, REALS),
            (1, False, SINGLES),
            (0, True, COMPLEXES),
            (1, False, INTS),
            (0, False, EMPTY),
            (1, False, EMPTY),
        ]
    ],
    sample(CumProd(0, False), np.array([2.0, 0.0, 3.0, 0.0])),
    sample(CumProd(0, True), np.array([2.0, 0.0, 3.0, 0.0])),
    *[
        sample(kind(axis, reverse), x)
        for kind in (CumMax, CumMin)
        for axis, reverse, x in [
            (0, False, REALS),
            (1, True, REALS),
            (1, False, SINGLES),
            (1, False, INTS),
            (0, True, TRUTHS),
            (0, False, EMPTY),
        ]
    ],
    *[
        sample(CumLogSumExp(axis, reverse), x)
        for axis, reverse, x in [
            (0, False, REALS),
            (1, True, REALS),
            (1, False, SINGLES),
            (0, False, EMPTY),
            (1, False, REALS * 500),
            (1, True, REALS * 500),
        ]
    ],
    *[
        sample(Recurrence(axis, reverse), x, x[::-1] + 1)
        for axis, reverse, x in [
            (0, False, REALS),
            (1, True, REALS),
            (1, False, SINGLES),
            (0, True, COMPLEXES),
            (0, False, EMPTY),
            (1, False, INTS),
        ]
    ],
]
REDUCTIONS_BAD = [
    *[
        bad(kind((2,)), [REALS], ShapeError, "axes (2,) do not fit")
        for kind in (Sum, Prod, Max, Min)
    ],
    *[bad(kind((0, 0)), [REALS], ShapeError, "do not fit") for kind in (Sum, Prod, Max, Min)],
    *[bad(kind((0,)), [TRUTHS], DtypeError, "dtype bool") for kind in (Sum, Prod)],
    *[bad(kind((0,)), [COMPLEXES], DtypeError, "complex128") for kind in (Max, Min)],
    *[bad(kind((0,)), [EMPTY], ShapeError, "is empty") for kind in (Max, Min)],
    *[bad(kind((0,)), [REALS], DtypeError, "float64") for kind in (Any, All)],
    bad(ArgExtremum(0, True), [EMPTY], ShapeError, "argmax of shape (0, 3) along axis 0 is empty"),
    bad(ArgExtremum(2, False), [REALS], ShapeError, "do not fit"),
    bad(ArgExtremum(0, True), [COMPLEXES], DtypeError, "complex128"),
    *[
        bad(kind(2, False), [REALS], ShapeError, "axis 2 does not fit")
        for kind in (CumSum, CumProd, CumMax, CumMin, CumLogSumExp)
    ],
    *[bad(kind(0, False), [TRUTHS], DtypeError, "bool") for kind in (CumSum, CumProd)],
    *[bad(kind(0, False), [COMPLEXES], DtypeError, "complex128") for kind in (CumMax, CumMin)],
    bad(CumLogSumExp(0, False), [COMPLEXES], DtypeError, "complex128"),
    bad(Recurrence(0, False), [REALS, CUBE[0]], ShapeError, "differ"),
    bad(Recurrence(0, False), [REALS, SINGLES], DtypeError, "differ"),
    bad(Recurrence(2, False), [REALS, REALS], ShapeError, "axis 2"),
]

MATMUL = Contract((0, 1), (1, 2), (0, 2))
CONTRACTIONS = [
    *[
        sample(MATMUL, x, np.arange(12).reshape(3, 4).astype(x.dtype))
        for x in (REALS, SINGLES, COMPLEXES, INTS)
    ],
    sample(Contract((0,), (0,), ()), REALS[0], REALS[1]),
    sample(Contract((0,), (1,), (1, 0)), REALS[0], CUBE[0, 0]),
    sample(Contract((), (0,), (0,)), 1.5, REALS[0]),
    sample(Contract((), (), ()), 1.5, -2.5),
    sample(Contract((0, 1), (0, 1), (0,)), REALS, REALS + 1),
    sample(Contract((0, 1, 2), (0, 3, 2), (3, 0, 1)), CUBE, CUBE[:, :2] + 1),
    sample(Contract((2, 0, 1), (1, 2), (0,)), CUBE, CUBE[0, :2].T + 0.5),
    sample(Contract((0, 1), (1, 0), ()), REALS, REALS.T + 1),
    sample(MATMUL, np.zeros((2, 0)), np.zeros((0, 3))),
    sample(MATMUL, np.zeros((0, 2)), np.ones((2, 3))),
]
CONTRACTIONS_BAD = [
    bad(MATMUL, [REALS, REALS], ShapeError, "axis 1 of (2, 3) has size 3, axis 0 of (2, 3) has"),
    bad(MATMUL, [REALS, REALS[0]], ShapeError, "shapes (2, 3), (3,)"),
    bad(MATMUL, [REALS, SINGLES.T], DtypeError, "float64 and float32 differ"),
]

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

ORDERING = [
    *[sample(Sort(axis), x) for axis, x in [(0, REALS), (1, SINGLES), (1, INTS), (0, TRUTHS)]],
    sample(Sort(1), EMPTY),
    sample(Sort(2), CUBE[:, :, ::-1]),
    *[
        sample(Argsort(axis, descending), x)
        for descending in (False, True)
        for axis, x in [(0, REALS), (1, SINGLES), (1, INTS % 3), (0, TRUTHS), (1, EMPTY)]
    ],
]
ORDERING_BAD = [
    bad(Sort(2), [REALS], ShapeError, "axis 2 does not fit shape (2, 3)"),
    bad(Argsort(2, False), [REALS], ShapeError, "axis 2 does not fit shape (2, 3)"),
]


def positive_definite(n, shift, dtype):
    """A Hermitian positive definite matrix."""
    x = np.sin(np.arange(n * n) + shift).reshape(n, n)
    if np.dtype(dtype).kind == "c":
        x = x + 1j * np.cos(np.arange(n * n) * shift).reshape(n, n)
    return (x @ x.conj().T + (1 + shift) * np.eye(n)).astype(dtype)


def triangular(n, shift, dtype):
    """A matrix whose triangles are well conditioned."""
    return (positive_definite(n, shift, dtype) / 4 + np.diag(np.arange(2.0, 2 + n))).astype(dtype)


def stacks(make, dtype):
    """Three samples of two matrices each: one for the inputs, two for the variants."""
    return [np.stack([make(3, s, dtype), make(3, s + 0.3, dtype)]) for s in (0.5, 1.0, 1.5)]


SIDES = [np.linspace(-1, 1, 12).reshape(2, 3, 2) * s for s in (1.0, 0.8, 0.6)]
LINALG = [
    *[
        sample(Cholesky(), matrices[0], variants=tuple([(m,) for m in matrices[1:]]))
        for matrices in [stacks(positive_definite, d) for d in (F64, F32, C128)]
    ],
    sample(Cholesky(), np.zeros((0, 0))),
    sample(Cholesky(), np.zeros((0, 2, 2))),
    *[
        sample(
            TriangularSolve(upper, transposed, conjugated),
            *pairs[0],
            variants=tuple(pairs[1:]),
        )
        for upper in (False, True)
        for transposed, conjugated in [(False, False), (True, False), (True, True)]
        for dtype in (F64, C128)
        for pairs in [
            [(m, b.astype(dtype)) for m, b in zip(stacks(triangular, dtype), SIDES, strict=True)]
        ]
    ],
    sample(
        TriangularSolve(False, False, False),
        triangular(3, 0.5, F32),
        SIDES[0][0].astype(F32),
        variants=tuple([(triangular(3, s, F32), SIDES[0][1].astype(F32)) for s in (1.0, 1.5)]),
    ),
    sample(TriangularSolve(False, False, False), np.zeros((0, 0)), np.zeros((0, 2))),
]
LINALG_BAD = [
    bad(Cholesky(), [REALS], ShapeError, "square matrices, got shape (2, 3)"),
    bad(Cholesky(), [-np.eye(2)], np.linalg.LinAlgError, "positive definite"),
    bad(Cholesky(), [np.eye(2, dtype=int)], DtypeError, "int64"),
    bad(TriangularSolve(False, False, False), [np.eye(2), REALS.T], ShapeError, "do not fit"),
    bad(TriangularSolve(False, False, False), [np.eye(2), SINGLES], DtypeError, "differ"),
    bad(TriangularSolve(True, False, False), [np.zeros((2, 2)), REALS], np.linalg.LinAlgError, ""),
]

LARGE = np.sin(np.arange(45.0) ** 2).reshape(5, 9)
LARGE_INTS = (np.arange(45) ** 2 % 23).reshape(5, 9)
UPDATES = np.cos(np.arange(100.0)).reshape(20, 5)
LARGE_INDICES = np.arange(60).reshape(3, 20) ** 2 % 9
LARGE_ARRAYS = [  # compiled programs keep arrays of up to 16 elements in registers
    *[
        sample(primitive, LARGE.astype(dtype), order=1)
        for dtype in (F64, F32, C128)
        for primitive in (
            Reshape((3, 15)),
            Broadcast((5, 4, 9), (0, 2)),
            Transpose((1, 0)),
            Slice((1, 0), (5, 9), (2, 3)),
            Reverse((0, 1)),
            Sum((0,)),
            Sum((0, 1)),
            Prod((1,)),
            CumSum(0, False),
            CumProd(1, True),
            IntegerPower(3),
            Convert(C64),
        )
    ],
    *[
        sample(primitive, LARGE.astype(dtype), order=1)
        for dtype in (F64, F32)
        for primitive in (
            Max((0,)),
            Min((0, 1)),
            ArgExtremum(0, True),
            ArgExtremum(1, False),
            CumMax(0, False),
            CumMin(1, True),
            CumLogSumExp(1, False),
            Sort(0),
            Argsort(1, True),
        )
    ],
    sample(Max((1,)), LARGE_INTS),
    sample(Sort(1), LARGE_INTS),
    sample(Any((0,)), LARGE > 0.9),
    sample(All((1,)), LARGE > -0.9),
    sample(Fill((5, 9)), 2.5, order=1),
    sample(Iota((5, 9), I64, 1)),
    sample(Pad((1, 0), (2, 1), (0, 1)), LARGE, 1.5, order=1),
    sample(Concatenate(0), LARGE, LARGE[:2], order=1),
    sample(Concatenate(1), LARGE, LARGE[:, :2], order=1),
    sample(Recurrence(1, False), LARGE, LARGE[::-1], order=1),
    *[
        sample(MATMUL, LARGE.astype(dtype), LARGE[::-1].T.astype(dtype), order=1)
        for dtype in (F64, F32, C128)
    ],
    sample(Contract((0, 1), (0, 1), (1,)), LARGE, LARGE[::-1], order=1),
    sample(Contract((0, 1), (1, 0), ()), LARGE, LARGE[::-1].T, order=1),
    sample(MATMUL, LARGE_INTS, LARGE_INTS.T),
    *[
        sample(Gather((1,), mode), LARGE, LARGE_INDICES - 3, order=1)
        for mode in ("raise", "clip", "drop", "wrap")
    ],
    *[
        sample(Scatter((1,), combine, "drop"), LARGE, UPDATES, index, order=1)
        for combine in ("set", "add", "multiply", "minimum", "maximum")
        for index in [LARGE_INDICES[0] * 2 - 4]
    ],
    sample(DynamicSlice((2, 5)), LARGE, 2, 3, order=1),
    sample(DynamicUpdate(), LARGE, LARGE[:2, :5] + 1, 2, 3, order=1),
    sample(
        Cholesky(),
        positive_definite(5, 0.5, F64),
        variants=tuple([(positive_definite(5, s, F64),) for s in (1.0, 1.5)]),
        order=1,
    ),
    sample(
        TriangularSolve(False, True, False),
        triangular(5, 0.5, F64),
        LARGE,
        variants=tuple([(triangular(5, s, F64), LARGE * s) for s in (1.0, 1.5)]),
        order=1,
    ),
]

ALONG = BatchAxis(3, "i")
COLLECTIVES = [
    *[
        sample(Combine(function, "i"), x, axis=ALONG)
        for function in (Sum, Max, Min)
        for x in (CUBE[0], CUBE[0, :, 0].astype(F32))
    ],
    sample(Combine(Sum, "i"), COMPLEXES.T, axis=ALONG),
    sample(Combine(Max, "i"), INTS.T, axis=ALONG),
    sample(AllGather("i", 3), CUBE[0], axis=ALONG),
    sample(AllGather("i", 3), REALS[0], axis=ALONG),
    sample(AxisIndex("i"), axis=ALONG),
]
COLLECTIVES_BAD = [
    bad(Combine(Sum, "j"), [REALS], UnknownAxisNameError, "no enclosing vmap has axis_name='j'"),
    bad(AllGather("j", 3), [REALS], UnknownAxisNameError, "no enclosing vmap has axis_name='j'"),
    bad(AxisIndex("j"), [], UnknownAxisNameError, "no enclosing vmap has axis_name='j'"),
]

SAMPLES = [
    *ELEMENTWISE,
    *POINTWISE,
    *MOVEMENT,
    *REDUCTIONS,
    *CONTRACTIONS,
    *INDEXING,
    *ORDERING,
    *LINALG,
    *LARGE_ARRAYS,
    *COLLECTIVES,
]
BAD_SAMPLES = [
    *ELEMENTWISE_BAD,
    *POINTWISE_BAD,
    *MOVEMENT_BAD,
    *REDUCTIONS_BAD,
    *CONTRACTIONS_BAD,
    *INDEXING_BAD,
    *ORDERING_BAD,
    *LINALG_BAD,
    *COLLECTIVES_BAD,
]
