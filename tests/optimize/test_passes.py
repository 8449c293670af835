"""Passes by their text: the printed program before and after."""

import textwrap

import numpy as np
import pytest

import fungrad.numpy  # noqa: F401  the operators of tracers
from fungrad.control.call import Call
from fungrad.core.evaluation import evaluate
from fungrad.core.program import check
from fungrad.core.tracing import trace
from fungrad.core.types import ArrayType
from fungrad.optimize.algebra import simplify
from fungrad.optimize.common_subexpressions import share_common_subexpressions
from fungrad.optimize.constants import fold_constants
from fungrad.optimize.contractions import simplify_contractions
from fungrad.optimize.dead_code import remove_dead_code
from fungrad.optimize.inline import inline_calls
from fungrad.optimize.passes import optimize, tidied
from fungrad.optimize.rewrite import with_literals
from fungrad.primitives import elementwise as e
from fungrad.primitives import movement as m
from fungrad.primitives.contraction import Contract
from fungrad.primitives.joining import Pad
from fungrad.primitives.reductions import Max, Sum
from fungrad.primitives.window_extrema import WindowFind, WindowMax, WindowMin
from fungrad.primitives.windows import Window


def f64(*shape):
    return ArrayType(shape, np.float64)


def i64(*shape):
    return ArrayType(shape, np.int64)


def recorded(function, *types):
    """The program of a function that returns a value or a list."""

    def listed(*tracers):
        result = function(*tracers)
        return result if isinstance(result, list) else [result]

    return trace(listed, types, "jit of f")[0]


def body(program):
    """The equations and the outputs of a program, as printed."""
    lines = textwrap.dedent("\n".join(repr(program).splitlines()[1:-1])).splitlines()
    return "\n".join(lines)


def require(change, program, before, after):
    """Assert the text of a program before and after a pass, and that both compute the same."""
    assert body(program) == textwrap.dedent(before).strip()
    changed = check(change(program))
    assert body(changed) == textwrap.dedent(after).strip()
    random = np.random.default_rng(0)
    values = [
        np.asarray(random.uniform(-2, 2, t.shape) * 3).astype(t.dtype)[()]
        for t in program.input_types
    ]
    with np.errstate(all="ignore"):
        for x, y in zip(evaluate(program, values), evaluate(changed, values), strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-12)


def test_dead_code_goes():
    def f(x):
        e.sin(x)
        return e.cos(e.exp(x))

    require(
        remove_dead_code,
        recorded(f, f64(3)),
        """
        b: f64[3] = sin a
        c: f64[3] = exp a
        d: f64[3] = cos c
        return d
        """,
        """
        b: f64[3] = exp a
        c: f64[3] = cos b
        return c
        """,
    )


def test_common_subexpressions_are_shared_also_of_shared_ones():
    require(
        share_common_subexpressions,
        recorded(lambda x: e.exp(e.sin(x)) + e.exp(e.sin(x)), f64(3)),
        """
        b: f64[3] = sin a
        c: f64[3] = exp b
        d: f64[3] = sin a
        e: f64[3] = exp d
        f: f64[3] = add c e
        return f
        """,
        """
        b: f64[3] = sin a
        c: f64[3] = exp b
        d: f64[3] = add c c
        return d
        """,
    )


def test_a_part_of_what_another_equation_makes_is_left_to_that_one():
    windows = (Window(2, 1, 2, 1, 0),), (2,)

    def f(x):
        y = WindowMax(*windows)(e.exp(x))
        return [y, WindowFind(*windows, True)(e.exp(x))[1], WindowMin(*windows)(e.exp(x))]

    require(
        share_common_subexpressions,
        recorded(f, f64(4)),
        """
        b: f64[4] = exp a
        c: f64[2] = window_max[windows=((2 1 2 1 0)), widths=(2)] b
        d: f64[4] = exp a
        e: f64[2], f: i8[2] = window_find_max[windows=((2 1 2 1 0)), widths=(2), largest=True] d
        g: f64[4] = exp a
        h: f64[2] = window_min[windows=((2 1 2 1 0)), widths=(2)] g
        return c, f, h
        """,
        """
        b: f64[4] = exp a
        c: f64[2], d: i8[2] = window_find_max[windows=((2 1 2 1 0)), widths=(2), largest=True] b
        e: f64[2] = window_min[windows=((2 1 2 1 0)), widths=(2)] b
        return c, d, e
        """,
    )


def test_scalars_of_literals_are_evaluated_and_fills_move_outwards():
    def f(x):
        one = m.Fill((3,))(np.float64(1))
        return [e.exp(one) * 2.0, one * x]

    require(
        lambda program: remove_dead_code(fold_constants(program)),
        recorded(f, f64(3)),
        """
        b: f64[3] = fill[shape=(3)] 1.0
        c: f64[3] = exp b
        d: f64[3] = multiply c 2.0
        e: f64[3] = multiply b a
        return d, e
        """,
        """
        b: f64[3] = fill[shape=(3)] 5.43656365691809
        c: f64[3] = multiply 1.0 a
        return b, c
        """,
    )


def padded(x, low, high):
    return Pad((0, low), (0, high), (0, 0))(x, np.float64(0))


#: What a function becomes: the equations that remain, `return` included.
SIMPLIFIED = {
    "times one": (lambda x: x * 1.0, f64(3), "return a"),
    "times minus one": (lambda x: x * -1.0, f64(3), "b: f64[3] = negative a\nreturn b"),
    "plus zero is kept": (lambda x: x + 0.0, f64(3), "b: f64[3] = add a 0.0\nreturn b"),
    "plus minus zero": (lambda x: x + -0.0, f64(3), "return a"),
    "minus zero": (lambda x: x - 0.0, f64(3), "return a"),
    "product plus zero": (
        lambda x: Contract((0, 1), (1, 2), (0, 2))(x, x) + 0.0,
        f64(3, 3),
        "b: f64[3,3] = contract[left=(0 1), right=(1 2), out=(0 2)] a a\nreturn b",
    ),
    "sum of parts side by side": (
        lambda x: padded(x, 2, 3) + padded(x, 0, 5),
        f64(2, 2),
        "b: f64[2,2] = add a 0.0\nc: f64[2,2] = add a 0.0\n"
        "d: f64[2,4] = concatenate[axis=1] b c\n"
        "e: f64[2,7] = pad[low=(0 0), high=(0 3), interior=(0 0)] d 0.0\nreturn e",
    ),
    "sum of parts apart": (
        lambda x: padded(x, 4, 0) + padded(x, 0, 4),
        f64(1, 3),
        "b: f64[1,7] = pad[low=(0 4), high=(0 0), interior=(0 0)] a 0.0\n"
        "c: f64[1,7] = pad[low=(0 0), high=(0 4), interior=(0 0)] a 0.0\n"
        "d: f64[1,7] = add b c\nreturn d",
    ),
    "integer plus zero": (lambda x: x + 0, i64(3), "return a"),
    "integer times zero": (lambda x: x * 0, i64(3), "b: i64[3] = fill[shape=(3)] 0:i64\nreturn b"),
    "times zero is kept": (lambda x: x * 0.0, f64(3), "b: f64[3] = multiply a 0.0\nreturn b"),
    "plus negative": (
        lambda x: x + (-e.sin(x)),
        f64(3),
        "b: f64[3] = sin a\nc: f64[3] = subtract a b\nreturn c",
    ),
    "negative of negative": (lambda x: -(-x), f64(3), "return a"),
    "divided by one": (lambda x: x / 1.0, f64(3), "return a"),
    "strong product with a number": (
        lambda x: e.strong_multiply(x, np.float64(3)),
        f64(3),
        "b: f64[3] = multiply a 3.0\nreturn b",
    ),
    "strong product with itself": (
        lambda x: e.strong_multiply(x, x),
        f64(3),
        "b: f64[3] = square a\nreturn b",
    ),
    "stop_gradient": (lambda x: e.stop_gradient(x), f64(3), "return a"),
    "power of two": (lambda x: e.power(x, np.float64(2)), f64(3), "b: f64[3] = square a\nreturn b"),
    "select of one": (lambda x: e.select(np.True_, x, x + 1.0), f64(3), "return a"),
    "convert to the same": (lambda x: e.Convert(np.dtype(float))(x), f64(3), "return a"),
    "there and back": (
        lambda x: e.Convert(np.dtype("f4"))(e.Convert(np.dtype(float))(x)),
        ArrayType((3,), "f4"),
        "return a",
    ),
    "back and there is kept": (
        lambda x: e.Convert(np.dtype(float))(e.Convert(np.dtype("f4"))(x)),
        f64(3),
        "b: f32[3] = convert[dtype=float32] a\nc: f64[3] = convert[dtype=float64] b\nreturn c",
    ),
    "reshape of reshape": (
        lambda x: m.Reshape((6,))(m.Reshape((3, 2))(x)),
        f64(2, 3),
        "b: f64[6] = reshape[shape=(6)] a\nreturn b",
    ),
    "reshape back": (lambda x: m.Reshape((2, 3))(m.Reshape((6,))(x)), f64(2, 3), "return a"),
    "transpose of transpose": (
        lambda x: m.Transpose((1, 0))(m.Transpose((1, 0))(x)),
        f64(2, 3),
        "return a",
    ),
    "transpose of a row": (
        lambda x: m.Transpose((1, 0))(x),
        f64(1, 3),
        "b: f64[3,1] = reshape[shape=(3 1)] a\nreturn b",
    ),
    "broadcast of broadcast": (
        lambda x: m.Broadcast((4, 2, 3), (1, 2))(m.Broadcast((2, 3), (1,))(x)),
        f64(3),
        "b: f64[4,2,3] = broadcast[shape=(4 2 3), axes=(2)] a\nreturn b",
    ),
    "broadcast of a new axis": (
        lambda x: m.Broadcast((3, 4), (0, 1))(m.Reshape((3, 1))(x)),
        f64(3),
        "b: f64[3,4] = broadcast[shape=(3 4), axes=(0)] a\nreturn b",
    ),
    "slice of slice": (
        lambda x: m.Slice((1,), (4,), (1,))(m.Slice((2,), (10,), (2,))(x)),
        f64(12),
        "b: f64[3] = slice[starts=(4), stops=(9), steps=(2)] a\nreturn b",
    ),
    "sum of a fill": (
        lambda x: Sum((0,))(m.Fill((4, 3))(x)),
        f64(),
        "b: f64[] = multiply a 4.0\nc: f64[3] = fill[shape=(3)] b\nreturn c",
    ),
    "sum over axes of size one": (
        lambda x: Sum((0,))(x),
        f64(1, 3),
        "b: f64[3] = reshape[shape=(3)] a\nreturn b",
    ),
}


@pytest.mark.parametrize("name", SIMPLIFIED)
def test_identities(name):
    function, type, expected = SIMPLIFIED[name]
    program = recorded(function, type)
    simplified = check(remove_dead_code(simplify(program)))
    assert body(simplified) == expected


#: Contractions with movements around them, and what is left.
CONTRACTIONS = {
    "transposed operand": (
        lambda x, y: Contract((0, 1), (1, 2), (0, 2))(m.Transpose((1, 0))(x), y),
        (f64(30, 20), f64(30, 40)),
        "c: f64[20,40] = contract[left=(1 0), right=(1 2), out=(0 2)] a b\nreturn c",
    ),
    "transposed result": (
        lambda x, y: m.Transpose((1, 0))(Contract((0, 1), (1, 2), (0, 2))(x, y)),
        (f64(20, 30), f64(30, 40)),
        "c: f64[40,20] = contract[left=(0 1), right=(1 2), out=(2 0)] a b\nreturn c",
    ),
    "operand repeated along a contracted label": (
        lambda x, y: Contract((0, 1), (1, 2), (0, 2))(m.Broadcast((20, 30), (0,))(x), y),
        (f64(20), f64(30, 40)),
        "c: f64[40] = sum[axes=(0)] b\n"
        "d: f64[20,40] = contract[left=(0), right=(2), out=(0 2)] a c\nreturn d",
    ),
    "outer product": (
        lambda x, y: Contract((0,), (1,), (0, 1))(x, y),
        (f64(20), f64(30)),
        "c: f64[20,30] = broadcast[shape=(20 30), axes=(0)] a\n"
        "d: f64[20,30] = broadcast[shape=(20 30), axes=(1)] b\n"
        "e: f64[20,30] = multiply c d\nreturn e",
    ),
    "dot product": (
        lambda x, y: Contract((0,), (0,), ())(x, y),
        (f64(20), f64(20)),
        "c: f64[20] = broadcast[shape=(20), axes=(0)] a\n"
        "d: f64[20] = broadcast[shape=(20), axes=(0)] b\n"
        "e: f64[20] = multiply c d\nf: f64[] = sum[axes=(0)] e\nreturn f",
    ),
}


@pytest.mark.parametrize("name", CONTRACTIONS)
def test_contractions(name):
    function, types, expected = CONTRACTIONS[name]
    program = recorded(function, *types)
    simplified = check(remove_dead_code(simplify_contractions(program)))
    assert body(simplified) == expected
    values = [np.random.default_rng(0).normal(size=t.shape) for t in types]
    (x,), (y,) = evaluate(program, values), evaluate(simplified, values)
    np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-12)


def test_calls_are_inlined_at_every_depth():
    inner = recorded(lambda x: e.sin(x), f64(3))
    middle = recorded(lambda x: Call(inner)(x)[0] * 2.0, f64(3))
    program = recorded(lambda x: Call(middle)(x)[0], f64(3))
    assert body(inline_calls(program)) == (
        "b: f64[3] = sin a\nc: f64[3] = multiply b 2.0\nreturn c"
    )


def test_passes_meet_in_optimize():
    def f(x):
        y = e.exp(x - m.Broadcast((3, 4), (0,))(Max((1,))(x)))
        z = m.Fill((3, 4))(np.float64(1)) * y
        return z * 1.0 + e.stop_gradient(y)

    assert (
        body(optimize(recorded(f, f64(3, 4))))
        == textwrap.dedent(
            """
        b: f64[3] = max[axes=(1)] a
        c: f64[3,4] = broadcast[shape=(3 4), axes=(0)] b
        d: f64[3,4] = subtract a c
        e: f64[3,4] = exp d
        f: f64[3,4] = add e e
        return f
        """
        ).strip()
    )


def test_what_numpy_evaluates_is_tidied_and_its_calls_are_left_standing():
    inner = recorded(lambda x: e.sin(x) * 1.0, f64(3))
    program = recorded(lambda x: Call(inner)(x * 1.0)[0] * m.Fill((3,))(np.float64(2)), f64(3))
    tidy = tidied(program)
    assert [str(e.primitive) for e in tidy.equations] == ["call", "multiply"]
    assert tidy.equations[0].primitive is program.equations[1].primitive


def test_scalars_in_place_of_inputs():
    program = recorded(lambda x, y: e.multiply(y, x) + y, f64(3), f64())
    assert body(with_literals(program, {1: np.float64(1)})) == (
        "b: f64[3] = multiply 1.0 a\nc: f64[3] = add b 1.0\nreturn c"
    )


def test_the_adjoint_of_a_split_is_one_concatenation():
    split = recorded(lambda x: padded(x, 8, 0) + padded(x, 4, 4) + padded(x, 0, 8), f64(2, 4))
    program = optimize(split)
    assert body(program) == (
        "b: f64[2,4] = add a 0.0\nc: f64[2,12] = concatenate[axis=1] b b b\nreturn c"
    )


def test_optimizing_twice_changes_nothing():
    program = optimize(recorded(lambda x: e.exp(x * 1.0) + 0.5, f64(3)))
    assert body(optimize(program)) == body(program)


@pytest.mark.parametrize(
    ("f", "divisions"),
    [(lambda x: 1 / fungrad.numpy.sqrt(x), 1), (lambda x: x / (1 + x * x), 2)],
    ids=["reciprocal of a root", "quotient"],
)
def test_derivatives_divide_as_little_as_the_function(f, divisions):
    x = np.full(3, 2.0)
    for derivative in (fungrad.grad(lambda x: f(x).sum()), lambda x: fungrad.jvp(f, (x,), (x,))):
        program = optimize(fungrad.jit(derivative).lower(x).program)
        names = [equation.primitive.name for equation in program.equations]
        assert names.count("divide") + names.count("strong_divide") == divisions
