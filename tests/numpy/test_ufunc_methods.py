"""reduce, accumulate, reduceat, outer, at, out= and where= of ufuncs on traced values."""

import numpy as np
import pytest
from test_grid import difference

from fungrad import grad
from fungrad.errors import ViewWriteError
from fungrad.testing import check_grads
from tests.tables.traced import compiled_path, eagerly

R = np.random.default_rng(1)
NAMES = """add subtract multiply divide power maximum minimum fmax fmin logaddexp hypot arctan2
    logical_and logical_or logical_xor bitwise_and bitwise_xor gcd remainder equal""".split()
MASK = R.random((2, 3, 2)) > 0.4
REDUCTIONS = [
    {},
    {"axis": 1},
    {"axis": (0, 2)},
    {"axis": -1, "keepdims": True},
    {"axis": 0, "initial": 2},
    {"axis": 1, "where": MASK},
    {"axis": 1, "where": MASK, "initial": 1},
    {"dtype": np.float64},
]
DTYPES = (float, np.float32, np.int64, bool)

pytestmark = pytest.mark.filterwarnings("ignore")


def array(shape, dtype):
    return np.abs(R.uniform(-3, 3, shape)).astype(dtype)


def cases(name):
    ufunc = getattr(np, name)
    for dtype in DTYPES:
        x = array((2, 3, 2), dtype)
        try:
            ufunc(x, x)
        except TypeError:
            continue  # the grid sees that it is refused
        for options in REDUCTIONS:
            yield f"reduce {options}", lambda x, o=options: ufunc.reduce(x, **o), [x]
        yield "accumulate", lambda x: ufunc.accumulate(x, axis=1), [x]
        if name not in ("power", "arctan2", "remainder"):  # NumPy's depend on the memory order
            yield "reduceat", lambda x: ufunc.reduceat(x, [1, 0, 2], axis=1), [x]
        yield "outer", ufunc.outer, [array(2, dtype), array((3, 2), dtype)]

        def changed(x, v):
            y = np.copy(x)
            ufunc.at(y, [0, 1, 0], v)
            return y

        if ufunc(x, x).dtype == x.dtype:
            yield "at", changed, [array(4, dtype), array(3, dtype)]

        def delivered(x):
            y = np.zeros_like(ufunc(x, x))
            first = ufunc(x, x, out=y, where=MASK)
            return y, first

        yield "out", delivered, [x]


@pytest.mark.parametrize("name", NAMES)
def test_methods(name):
    wrong = []
    for number, (text, function, values) in enumerate(cases(name)):
        found = difference(function, values, compiled_path if number % 2 else eagerly)
        wrong += [f"{name} {text} {values[0].dtype}: {found}"] if found else []
    assert not wrong, f"{len(wrong)} of them: " + "\n".join(wrong[:4])


def test_derivatives():
    def f(x):
        y = np.zeros_like(x)
        np.multiply(x, 3.0, out=y)
        np.add.at(y, [0, 0, 1], x[:3])
        np.hypot.at(y, [1, 1], x[0])
        return (
            np.logaddexp.accumulate(y).sum() + np.hypot.reduce(y) + np.power.outer(y, [2, 3]).sum()
        )

    check_grads(f, (np.array([0.5, 1.2, -0.3, 2.0]),), order=2)


def test_out_is_an_array_of_the_trace():
    def f(x, out):
        return np.sum(x, axis=0, out=out).sum()

    with pytest.raises(ViewWriteError, match="an argument of"):
        grad(lambda x: f(x, x[0]) if False else np.exp(x, out=x).sum())(np.ones(3))
    with pytest.raises(TypeError, match="out= is not supported on traced values"):
        grad(lambda x: np.exp(x, out=np.zeros(3)).sum())(np.ones(3))
