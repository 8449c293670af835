"""Arrays of which few rows are read: what is computed, by text and by its size; and that it is the
same."""

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
from fungrad.optimize.selections import select_early
from fungrad.primitives import elementwise as e
from fungrad.primitives import movement as m
from fungrad.primitives.contraction import Contract
from fungrad.primitives.indexing import Gather
from fungrad.primitives.joining import Concatenate, Pad
from fungrad.primitives.reductions import Max, Sum

MANY, FEW = 600, 3
ROWS = np.array([5, -1, 5])


def f64(*shape):
    return ArrayType(shape, np.float64)


def recorded(function, *types):
    return trace(lambda *x: [function(*x)], types, "jit of f")[0]


def body(program):
    lines = repr(program).splitlines()[1:-1]
    return "\n".join(line.strip() for line in lines)


def largest(program):
    """The size of the largest array that the program makes."""
    return max(v.type.size for equation in program.equations for v in equation.outputs)


def values_for(program):
    random = np.random.default_rng(0)
    return [
        np.asarray(random.normal(size=t.shape)) if t.dtype.kind == "f" else ROWS
        for t in program.input_types
    ]


def selected(program):
    """The program after the pass, with the same values."""
    changed = check(remove_dead_code(select_early(program)))
    values = values_for(program)
    for x, y in zip(evaluate(program, values), evaluate(changed, values), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-12)
    return changed


def product(x, y):
    return Contract((0, 1), (1, 2), (0, 2))(x, y)


def test_rows_of_a_product_are_the_product_of_rows():
    program = recorded(
        lambda x, y, rows: Gather((0,), "raise")(product(x, y), rows),
        *(f64(MANY, 40), f64(40, 30), ArrayType((FEW,), np.int64)),
    )
    assert body(selected(program)) == (
        "d: f64[3,40] = gather[axes=(0), mode=raise, shown=(0)] a c\n"
        "e: f64[3,30] = contract[left=(0 1), right=(1 2), out=(0 2)] d b\n"
        "return e"
    )


#: What works row by row along the last axis but one of what is made of x: f64[MANY, 8].
ROWWISE = {
    "elementwise": (0, lambda x: x * 2.0),
    "elementwise with a scalar operand": (0, lambda x: e.multiply(x, Sum((0, 1))(e.sin(x)))),
    "conversion": (0, lambda x: e.Convert(np.dtype(np.float64))(e.Convert(np.dtype("f4"))(x))),
    "whole power": (0, lambda x: e.IntegerPower(3)(x)),
    "product from the right": (1, lambda x: Contract((2, 1), (0, 1), (2, 0))(np.ones((2, 8)), x)),
    "product by rows": (0, lambda x: Contract((0, 1), (0, 1), (0,))(x, x)),
    "transposition": (1, lambda x: m.Transpose((1, 0))(x)),
    "repetition": (1, lambda x: m.Broadcast((2, MANY, 8), (1, 2))(x)),
    "repetition along the axis": (0, lambda x: m.Broadcast((MANY, 8), (1,))(Sum((0,))(x)) * x),
    "a filled array": (0, lambda x: m.Fill((MANY, 8))(Sum((0, 1))(x)) * x),
    "another shape": (0, lambda x: m.Reshape((MANY, 2, 4))(x)),
    "another shape before it": (2, lambda x: m.Reshape((2, 4, MANY))(m.Transpose((1, 0))(x))),
    "slice of columns": (0, lambda x: m.Slice((0, 1), (MANY, 7), (1, 2))(x)),
    "columns turned round": (0, lambda x: m.Reverse((1,))(x)),
    "columns joined": (0, lambda x: Concatenate(1)(x, x)),
    "columns padded": (0, lambda x: Pad((0, 1), (0, 2), (0, 0))(x, 0.0)),
    "sum of rows": (0, lambda x: Sum((1,))(x)),
    "maximum of rows": (0, lambda x: Max((1,))(x)),
}


@pytest.mark.parametrize("how", ["gather", "slice", "one row"])
@pytest.mark.parametrize("name", ROWWISE)
def test_rowwise_primitives_let_selections_pass(name, how):
    axis, function = ROWWISE[name]
    index = {"gather": ROWS, "slice": slice(2, 40, 9), "one row": np.int64(3)}[how]

    def f(x, w):
        y = function(product(x, w))
        if how == "slice":
            bounds = [[0, n, 1] for n in y.shape]
            bounds[axis] = [index.start, index.stop, index.step]
            return m.Slice(*map(tuple, zip(*bounds, strict=True)))(y)
        return Gather((axis,), "raise")(y, index)

    program = recorded(f, f64(MANY, 300), f64(300, 8))
    rows = [v for q in selected(program).equations for v in q.outputs if MANY in v.type.shape]
    mixes_rows = "scalar operand" in name or "repetition along" in name or "filled" in name
    assert mixes_rows or not rows


def test_each_of_several_selections_takes_its_way_and_equal_ones_share_it():
    def f(x, w, rows):
        y = product(x, w)
        first, second = (Gather((0,), "clip")(y, rows) for _ in range(2))
        return first * second + m.Slice((0, 0), (3, 30), (1, 1))(y)

    types = f64(MANY, 40), f64(40, 30), ArrayType((FEW,), np.int64)
    changed = selected(recorded(f, *types))
    assert sum(isinstance(q.primitive, Contract) for q in changed.equations) == 2
    assert largest(changed) <= 3 * 40


KEPT = {
    "read as a whole, too": lambda x, w: Sum((0,))(y := product(x, w)) + m.Slice(
        (0, 0), (1, 30), (1, 1)
    )(y),
    "all rows are selected": lambda x, w: Concatenate(0)(
        *(m.Slice((i, 0), (MANY - 1 + i, 30), (1, 1))(product(x, w)) for i in (0, 1))
    ),
    "rows are mixed": lambda x, w: m.Slice((0, 0), (3, 30), (1, 1))(m.Reverse((0,))(product(x, w))),
    "it saves nothing": lambda x, w: m.Slice((0,), (3,), (1,))(e.sin(Sum((0, 1))(x) * Sum((0,))(w))),
    "an index that may be dropped": lambda x, w: Gather((0,), "drop")(e.exp(product(x, w)), ROWS),
}  # fmt: skip


@pytest.mark.parametrize("why", KEPT)
def test_what_stays(why):
    program = recorded(KEPT[why], f64(MANY, 40), f64(40, 30))
    program = optimize(program) if "all rows" in why else program
    assert select_early(program) is program


def test_an_index_outside_raises_as_before():
    f = fungrad.jit(lambda x, w, rows: fnp.exp(x @ w)[rows])
    with pytest.raises(IndexError, match="index 600 is out of bounds for axis 0 with size 600"):
        f(np.ones((MANY, 40)), np.ones((40, 30)), np.array([1, 600]))


def test_loops_compute_what_they_do_not_change_once_and_of_all_rows():
    def f(x, w):
        step = lambda total, i: (total + fnp.tanh(x @ w)[i].sum(), None)  # noqa: E731
        return fungrad.lax.scan(step, 0.0, fnp.arange(MANY))[0]

    program = fungrad.jit(f).lower(np.ones((MANY, 40)), np.ones((40, 30))).program
    outside = [q for q in optimize(program).equations if isinstance(q.primitive, Contract)]
    assert [q.outputs[0].type.shape for q in outside] == [(MANY, 30)]


def test_derivatives_of_selections_are_those_of_differences():
    random = np.random.default_rng(0)
    x, w = random.normal(size=(MANY, 40)), random.normal(size=(40, 5)) / 40

    def f(w):
        y = fnp.tanh(x @ w)
        return (y[ROWS] ** 2).sum() + y[7, 2] * y[3:9:2].sum()

    d = random.normal(size=w.shape)
    difference = (f(w + 1e-6 * d) - f(w - 1e-6 * d)) / 2e-6
    forward = fungrad.jit(lambda w: fungrad.jvp(f, (w,), (d,))[1])(w)
    assert forward == pytest.approx(difference, rel=1e-7)
    assert np.sum(fungrad.jit(fungrad.grad(f))(w) * d) == pytest.approx(difference, rel=1e-7)
    assert fungrad.jit(f)(w) == pytest.approx(f(w), rel=1e-12)
