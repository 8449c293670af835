"""Elementwise primitives: points of the domain per word."""

import numpy as np

from fungrad.core.errors import DtypeError, ShapeError
from fungrad.primitives import elementwise
from fungrad.primitives.elementwise import Convert, Elementwise, IntegerPower, Named
from fungrad.testing.primitives import LAWS
from samples.table import (
    BOOL,
    C64,
    C128,
    COMPLEXES,
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
}
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
        order = 2 if is_main else 1
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
