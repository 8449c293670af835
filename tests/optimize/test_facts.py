"""Rewrites that rest on what is known of values: exact at the edge of what they assume."""

import numpy as np
import pytest

import fungrad.numpy  # noqa: F401  the operators of tracers
from fungrad.core.evaluation import evaluate
from fungrad.core.program import check
from fungrad.core.tracing import trace
from fungrad.core.types import ArrayType
from fungrad.optimize.algebra import simplify
from fungrad.optimize.dead_code import remove_dead_code
from fungrad.primitives import elementwise as e
from fungrad.primitives.reductions import Sum


def before_and_after(function, dtype, count=1):
    """The program of a function of vectors of two, and the simplified one."""
    program = trace(lambda *xs: [function(*xs)], [ArrayType((2,), dtype)] * count, "f")[0]
    return program, check(remove_dead_code(simplify(program)))


def names(program):
    return [equation.primitive.name for equation in program.equations]


COMPARISONS = (e.less, e.less_equal, e.greater, e.greater_equal)
BOUNDS = {
    np.float64: (1e-5, 2.0, 0.1, 3e-162, 1e-170, 5e-324, 1e154, 1.4e154, 1e300),
    np.float32: (1e-5, 2.0, 0.1, 1e-23, 1e-45, 1e19, 1.9e19, 1e38),
}


@pytest.mark.parametrize("is_swapped", (False, True))
@pytest.mark.parametrize("comparison", COMPARISONS, ids=lambda p: p.name)
@pytest.mark.parametrize("dtype", BOUNDS)
@np.errstate(all="ignore")
def test_a_root_is_compared_without_being_taken(dtype, comparison, is_swapped):
    for bound in map(dtype, BOUNDS[dtype]):

        def f(x):
            operands = e.sqrt(e.absolute(x)), bound
            return comparison(*(operands[::-1] if is_swapped else operands))

        program, simplified = before_and_after(f, dtype)
        assert names(simplified) == ["absolute", simplified.equations[1].primitive.name]
        near = [bound * bound]
        for end in (dtype(0), dtype(np.inf)):
            x = near[0]
            for _ in range(4):
                x = np.nextafter(x, end)
                near.append(x)
        for x in (*near, 0.0, -0.0, np.nan, np.inf, np.finfo(dtype).max, dtype(5e-324)):
            values = [np.full(2, x, dtype)]
            (expected,), (found,) = evaluate(program, values), evaluate(simplified, values)
            assert np.array_equal(found, expected), (bound, x)


@pytest.mark.parametrize(
    "square, is_known",
    (
        (lambda x: e.square(x), True),
        (lambda x: x * x + 1.0, True),
        (lambda x: Sum((0,))(x * x), True),
        (lambda x: e.exp(x) * e.absolute(x), True),
        (lambda x: x, False),
        (lambda x: x * x - 1.0, False),
        (lambda x: e.exp(x) / e.square(x), False),
    ),
)
def test_a_root_stays_where_its_operand_may_be_negative(square, is_known):
    _, simplified = before_and_after(lambda x: e.less(e.sqrt(square(x)), 2.0), np.float64)
    assert ("sqrt" not in names(simplified)) == is_known


POWERS = {
    "square and double": lambda x: e.strong_multiply(-(x * x), 0.5 * x),
    "cubes": lambda x: e.strong_multiply(x * x * x, -(x * x) * x),
    "itself and its square": lambda x: e.strong_multiply(x, e.square(x) * 3.0),
}


@pytest.mark.parametrize("dtype", (np.float32, np.float64))
@pytest.mark.parametrize("name", POWERS)
@np.errstate(all="ignore")
def test_powers_of_one_number_need_no_strong_zero(name, dtype):
    program, simplified = before_and_after(POWERS[name], dtype)
    assert "strong_multiply" not in names(simplified)
    extremes = (0, -0.0, 1, np.inf, -np.inf, np.nan, np.finfo(dtype).max, np.finfo(dtype).tiny)
    powers = [dtype(10.0) ** k for k in range(-40, 40, 3)]
    for x in (*extremes, *powers, *(-y for y in powers)):
        values = [np.full(2, x, dtype)]
        np.testing.assert_array_equal(*(evaluate(p, values)[0] for p in (program, simplified)))


def test_strong_zeros_stay_where_one_factor_may_be_infinite():
    for f in (
        lambda x: e.strong_multiply(x, 1 / x),
        lambda x: e.strong_multiply(x, e.log(x)),
        lambda x: e.strong_multiply(1e200 * x, 1e-200 * (1e-200 * x)),  # 10: inf times 0
        lambda x: e.strong_multiply(x, 0.0 * x),
    ):
        _, simplified = before_and_after(f, np.float64)
        assert "strong_multiply" in names(simplified)
