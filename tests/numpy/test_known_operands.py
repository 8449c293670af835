"""Elementwise functions of known operands, which take a short way, give what NumPy gives."""

import itertools
import operator

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad.core.tracing import Recording, Tracer

OPERATORS = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.lt,
    operator.ge,
    operator.eq,
]
FUNCTIONS = [np.maximum, np.arctan2, np.logaddexp, np.copysign, np.hypot]
ARRAYS = [
    np.array([0.5, 2.0, -0.0]),
    np.array([0.5, 2.0, 3.0], np.float32),
    np.array([1, 2, 3]),
    np.array([1, 2, 3], np.int8),
    np.array([True, False, True]),
    np.array([1 + 2j, 3j, -1.0]),
    np.ones((2, 3)),
    np.ones((2, 1)),
    np.array([0.5, 2.0, -0.0], ">f8"),
]
SCALARS = [np.float64(1.5), np.float32(1.5), np.int64(3), np.bool_(True), np.complex128(2j)]
NUMBERS = [2, -3, 0.5, 0.1, 0.0, -0.0, 1e300, True, 1j]


def result_of(function, *operands):
    """The value of a function, or None where it raises."""
    with np.errstate(all="ignore"):
        try:
            return np.asarray(function(*operands))
        except (TypeError, ValueError, OverflowError):
            return None


@pytest.mark.parametrize("function", [*OPERATORS, *FUNCTIONS], ids=lambda f: f.__name__)
def test_every_pair_of_operands(function):
    operands = [*ARRAYS, *SCALARS]
    pairs = [*itertools.product(operands, operands), *itertools.product(operands, NUMBERS)]
    for x, y in pairs:
        for first, second in ((x, y), (y, x)):
            expected = result_of(function, first, second)
            for which in (0, 1, 2):
                compare(function, first, second, which, expected)


def compare(function, x, y, which, expected):
    """One call with the first, the second or both operands traced."""
    with Recording("grad of f") as recording:
        traced = [
            recording.add_operands([v[()] if isinstance(v, np.ndarray) else v], [False])[0]
            if isinstance(v, np.ndarray | np.generic) and which in (k, 2)
            else v
            for k, v in enumerate((x, y))
        ]
        if not any(type(v) is Tracer for v in traced):
            return
        found = result_of(lambda *v: function(*v).value, *traced)
    assert (found is None) == (expected is None), (x, y, which)
    if expected is not None:
        assert found.dtype == expected.dtype.newbyteorder("="), (x, y, which)
        np.testing.assert_array_equal(found, expected, err_msg=f"{x} {y} {which}")
        assert (np.signbit(found.real) == np.signbit(expected.real)).all(), (x, y, which)


def test_a_number_is_captured_once_and_negative_zero_is_another():
    with Recording("grad of f") as recording:
        x = recording.add_operands([np.float64(2)], [False])[0]
        x * 0.1 + 0.1 - 0.1 / x + (0.0 - x) + (-0.0 - x) + 0.3
    assert recording.captures == [0.1, -0.0, 0.3]


def test_short_and_long_ways_record_alike():
    """What is recorded of two tracers does not depend on who asks: operator, ufunc or function."""
    a = np.arange(3.0)

    def entries(function):
        with Recording("grad of f") as recording:
            x = recording.add_operands([a], [False])[0]
            function(x, x)
            return recording.entries

    assert entries(operator.mul) == entries(np.multiply) == entries(fnp.multiply)
    assert entries(lambda x, y: x * 2.0) == entries(lambda x, y: np.multiply(x, 2.0))


def test_plain_arrays_take_the_methods_of_numpy_with_the_same_result():
    x = np.array([[3.0, 1.0, 2.0], [0.0, 5.0, 4.0]])
    calls = {
        "sort": [(), (0,), (None,)],
        "argsort": [(), (0,), (None,)],
        "argmax": [(), (0,)],
        "cumsum": [(), (1,), (0, np.float32)],
        "max": [(), (1,), ((0, 1),)],
        "sum": [(), (0, np.float32)],
        "std": [(), (1,), (1, None, None, 1)],
        "round": [(), (1,)],
        "take": [([0, 5],), ([1, 0], 1)],
        "repeat": [(2,), ([1, 2], 0)],
        "transpose": [(), ((1, 0),), (None,)],
        "swapaxes": [(0, 1)],
        "squeeze": [()],
        "trace": [(), (1,)],
        "diagonal": [(), (1,)],
        "ravel": [(), ("F",)],
    }
    for name, settings in calls.items():
        for rest in settings:
            found, expected = getattr(fnp, name)(x, *rest), getattr(np, name)(x, *rest)
            np.testing.assert_array_equal(found, expected, err_msg=f"{name} {rest}")
            assert found.dtype == expected.dtype and type(found) is type(expected)
    np.testing.assert_array_equal(fnp.searchsorted(x[1], 4.5), np.searchsorted(x[1], 4.5))
    with pytest.raises(np.exceptions.AxisError):
        fnp.sort(np.array(1.0))
