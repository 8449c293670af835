"""Products and sums over rows scattered among zeros: what is computed, and that it is the same."""

import numpy as np
import pytest

import fungrad
import fungrad.numpy as fnp
from fungrad.core.evaluation import evaluate
from fungrad.core.program import check
from fungrad.core.tracing import trace
from fungrad.core.types import ArrayType
from fungrad.optimize.dead_code import remove_dead_code
from fungrad.optimize.passes import optimize
from fungrad.optimize.scattered import sum_scattered_rows
from fungrad.primitives import elementwise as e
from fungrad.primitives import movement as m
from fungrad.primitives.contraction import Contract
from fungrad.primitives.indexing import Scatter
from fungrad.primitives.joining import Pad
from fungrad.primitives.reductions import Sum

MANY = 600
ROWS = np.array([5, -1, 5])


def f64(*shape):
    return ArrayType(shape, np.float64)


def recorded(function, *types):
    return trace(lambda *x: [function(*x)], types, "jit of f")[0]


def changed(program):
    """The program after the pass, with the same values."""
    better = check(remove_dead_code(sum_scattered_rows(program)))
    random = np.random.default_rng(0)
    values = [
        random.normal(size=t.shape) if t.dtype.kind == "f" else ROWS.reshape(t.shape)
        for t in program.input_types
    ]
    for x, y in zip(evaluate(program, values), evaluate(better, values), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-12)
    return better


def scattered(c, rows=ROWS, axis=0, mode="raise"):
    """`c` at some rows of an array of 600 rows of zeros."""
    shape = list(c.shape)
    shape[0:1] = []
    shape.insert(axis, MANY)
    return Scatter((axis,), "add", mode)(m.Fill(tuple(shape))(0.0), c, rows)


def test_the_adjoint_of_selected_rows_of_a_product():
    program = recorded(
        lambda x, c, rows: Contract((0, 1), (0, 2), (1, 2))(x, scattered(c, rows)),
        *(f64(MANY, 40), f64(3, 30), ArrayType((3,), np.int64)),
    )
    lines = [line.strip() for line in repr(changed(program)).splitlines()[1:-1]]
    assert lines == [
        "d: f64[3,40] = gather[axes=(0), mode=raise, shown=(0)] a c",
        "e: f64[40,30] = contract[left=(0 1), right=(0 2), out=(1 2)] d b",
        "return e",
    ]


def product(x, y):
    return Contract((0, 1), (0, 2), (1, 2))(x, y)


#: What becomes a product or sum of few rows: functions of x: f64[MANY, 40] and c: f64[3, 30].
SUMMED = {
    "the other operand": lambda x, c: Contract((0, 2), (0, 1), (1, 2))(scattered(c), x),
    "by its own row": lambda x, c: Contract((0, 1), (0, 1), (1,))(
        x, scattered(m.Broadcast((3, 40), (1,))(Sum((0, 1))(c) + Sum((0,))(x)))
    ),
    "a padded array": lambda x, c: product(x, Pad((7, 0), (MANY - 12, 0), (1, 0))(c, 0.0)),
    "several that are added": lambda x, c: product(
        x, scattered(c) + Pad((7, 0), (MANY - 10, 0), (0, 0))(c, 0.0) + scattered(c * 2.0)
    ),
    "times another array": lambda x, c: product(
        x, scattered(c) * m.Slice((0, 0), (MANY, 30), (1, 1))(x)
    ),
    "a negated one": lambda x, c: product(x, e.negative(scattered(c))),
    "times a number": lambda x, c: product(x, scattered(c) * 2.0),
    "a transposed one": lambda x, c: Contract((0, 1), (2, 0), (1, 2))(
        x, m.Transpose((1, 0))(scattered(c))
    ),
    "along the second axis": lambda x, c: Contract((0, 1), (2, 0), (1, 2))(x, scattered(c, axis=1)),
    "reshaped": lambda x, c: Contract((0, 1), (0, 2, 3), (1, 2, 3))(
        x, m.Reshape((MANY, 5, 6))(scattered(c))
    ),
    "repeated": lambda x, c: Contract((0, 1), (2, 0, 3), (1, 2, 3))(
        x, m.Broadcast((2, MANY, 30), (1, 2))(scattered(c))
    ),
    "after another product": lambda x, c: product(
        x, Contract((0, 1), (1, 2), (0, 2))(scattered(c), np.ones((30, 20)))
    ),
    "sums of rows": lambda x, c: Contract((0, 1), (0,), (1,))(x, Sum((1,))(scattered(c))),
    "indices clipped": lambda x, c: product(x, scattered(c, ROWS + 1000, mode="clip")),
    "an index of two axes": lambda x, c: product(
        x,
        Scatter((0,), "add", "raise")(
            m.Fill((MANY, 30))(0.0), m.Reshape((3, 1, 30))(c), ROWS.reshape(3, 1)
        ),
    ),
    "padded along both axes": lambda x, c: product(x, Pad((7, 2), (MANY - 10, 0), (0, 1))(c, 0.0)),
}


def large(program):
    """Of what is made: the arrays of many rows that no slice or sum of an input explains."""
    kinds = Scatter | Pad | Contract | m.Fill
    made = [q for q in program.equations if isinstance(q.primitive, kinds)]
    return [v for q in made for v in q.outputs if MANY in v.type.shape]


@pytest.mark.parametrize("name", SUMMED)
def test_few_rows_are_summed(name):
    program = recorded(SUMMED[name], f64(MANY, 40), f64(3, 30))
    if "several" in name:
        pads = [q for q in program.equations if isinstance(q.primitive, Scatter | Pad)]
        assert len(pads) == 3
    assert not large(changed(program))


KEPT = {
    "written, not added": lambda x, c: product(
        x, Scatter((0,), "set", "raise")(m.Fill((MANY, 30))(0.0), c, ROWS)
    ),
    "among ones": lambda x, c: product(
        x, Scatter((0,), "add", "raise")(m.Fill((MANY, 30))(1.0), c, ROWS)
    ),
    "changed by more than a factor": lambda x, c: product(x, e.cos(scattered(c))),
    "added to an array": lambda x, c: product(
        x, scattered(c) + m.Slice((0, 0), (MANY, 30), (1, 1))(x)
    ),
    "most rows are there": lambda x, c: product(
        x, Pad((1, 0), (0, 0), (0, 0))(m.Slice((0, 0), (MANY - 1, 30), (1, 1))(x), 0.0)
    ),
    "rows turned round": lambda x, c: product(x, m.Reverse((0,))(scattered(c))),
}


@pytest.mark.parametrize("why", KEPT)
def test_what_stays(why):
    program = recorded(KEPT[why], f64(MANY, 40), f64(3, 30))
    assert sum_scattered_rows(program) is program


def test_the_gradient_of_selected_rows_makes_no_others():
    random = np.random.default_rng(0)
    x, w = random.normal(size=(MANY, 40)), random.normal(size=(40, 5)) / 40

    def f(w):
        y = fnp.tanh(x @ w)
        return (y[ROWS] ** 2).sum() + y[7, 2] * y[3:9:2].sum()

    compiled = fungrad.jit(fungrad.grad(f))
    program = optimize(compiled.lower(w).program)
    assert not any(v.type.shape[:1] == (MANY,) for q in program.equations for v in q.outputs)
    d = random.normal(size=w.shape)
    difference = (f(w + 1e-6 * d) - f(w - 1e-6 * d)) / 2e-6
    assert np.sum(compiled(w) * d) == pytest.approx(difference, rel=1e-7)
    second = fungrad.jit(lambda w: fungrad.jvp(fungrad.grad(f), (w,), (d,))[1])(w)
    eager = fungrad.jvp(fungrad.grad(f), (w,), (d,))[1]
    np.testing.assert_allclose(second, eager, rtol=1e-10, atol=1e-12)


def test_rows_scattered_into_an_empty_array():
    program = recorded(
        lambda c, rows: Sum((0,))(Scatter((0,), "add", "raise")(m.Fill((0, 3))(0.0), c, rows)),
        *(f64(0, 3), ArrayType((0,), np.int64)),
    )
    (total,) = evaluate(optimize(program), [np.zeros((0, 3)), np.zeros(0, np.int64)])
    np.testing.assert_array_equal(total, np.zeros(3))
