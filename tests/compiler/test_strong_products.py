"""Products that drop inside of loops: a run of them is checked at once, and 0 times inf stays 0."""

import itertools

import numpy as np
import pytest

import fungrad as fg
import fungrad.numpy as fnp
from fungrad import lax
from fungrad.compiler.runtime import compile_program
from fungrad.core.evaluation import evaluate
from fungrad.core.tracing import trace
from fungrad.core.types import type_of
from fungrad.primitives.elementwise import strong_divide, strong_multiply

SPECIAL = (0.0, 1.5, -2.0, np.inf, -np.inf, np.nan, 1e-200)


def chain(c, x, y):
    z = strong_multiply(strong_multiply(x, y), c)
    return z, strong_divide(z, y)


def through_a_sum(c, x, y):
    z = strong_multiply(x, y) + strong_multiply(y, c)
    return fnp.exp(-z) - z, x


def lost_in_a_comparison(c, x, y):
    z = strong_multiply(x, y)
    return c + fnp.where(z >= 0, 1.0, 2.0), strong_multiply(y, c)


def lost_in_a_choice(c, x, y):
    z, u = strong_multiply(x, y), strong_multiply(c, y)
    return fnp.where(z == 0, u, 3.0), fnp.where(u <= 0, c, y)


def lost_in_a_maximum(c, x, y):
    return fnp.fmax(strong_multiply(x, y), -1.0), strong_multiply(y, strong_multiply(x, c))


def of_two_precisions(c, x, y):
    z = strong_multiply(fnp.asarray(x, np.float32), fnp.asarray(c, np.float32))
    return strong_multiply(c, y), z.astype(float)


def under_a_branch(c, x, y):
    def drops(c, x, y):
        z = strong_multiply(x, y)
        return strong_multiply(z, y), z

    return lax.cond(x < 1, drops, lambda c, x, y: (c, x), c, x, y)


BODIES = (
    chain,
    through_a_sum,
    lost_in_a_comparison,
    lost_in_a_choice,
    lost_in_a_maximum,
    of_two_precisions,
    under_a_branch,
)


@pytest.mark.parametrize("body", BODIES, ids=lambda f: f.__name__)
@np.errstate(all="ignore")
def test_zero_wins_over_infinity_in_every_turn(body):
    rows = np.array(list(itertools.product(SPECIAL, SPECIAL)))

    def f(c, rows):
        last, made = lax.scan(lambda c, row: body(c, row[0], row[1]), c, rows)
        return [last, made]

    def reset(c, rows):
        return list(lax.scan(lambda c, row: (c, body(c, row[0], row[1])), c, rows)[1])

    for g in (f, reset):
        program, _ = trace(lambda c, x: g(c, x), [type_of(np.float64(1)), type_of(rows)], "f")
        executable = compile_program(program)
        assert "_strong = strong_" in executable.source and "if isnan(" in executable.source
        for c in SPECIAL:
            values = [np.float64(c), rows]
            for found, expected in zip(executable(*values), evaluate(program, values), strict=True):
                np.testing.assert_allclose(found, expected, rtol=1e-12)


@np.errstate(all="ignore")
def test_the_derivative_of_a_loop_drops_what_an_infinite_slope_does_not_reach():
    def f(x, steps):
        def step(c, s):
            r = fnp.where(s > 0, fnp.sqrt(s * c) / (1 + fnp.sqrt(s)), c * s)
            return c + r, r

        return lax.scan(step, x, steps)[0]

    steps = np.array([1.0, 0.0, 2.0, 0.0, 0.5])
    found = fg.jit(fg.value_and_grad(f, (0, 1)))(0.7, steps)
    expected = fg.value_and_grad(f, (0, 1))(0.7, steps)
    for x, y in zip(fg.tree.leaves(found), fg.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-12)
