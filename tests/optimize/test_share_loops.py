"""Loops that do what another loop does anyway are left out, and only those."""

import numpy as np
import pytest

import fungrad as fg
import fungrad.numpy as fnp
from fungrad import lax
from fungrad.compiler.runtime import compile_program
from fungrad.core.evaluation import evaluate
from fungrad.core.program import check, subprograms
from fungrad.core.tracing import trace
from fungrad.core.types import type_of
from fungrad.optimize import optimize

LOOPS = ("while", "scan")
STEPS = np.linspace(0.1, 0.3, 7)


def by_while(x):
    """A value that takes an unknown number of turns."""

    def step(state):
        y, v, n = state
        return y + 0.1 * v, v - 0.1 * fnp.sin(x * y) / fnp.sqrt(1 + y * y), n + 1

    return lax.while_loop(lambda s: (s[0] > 0) & (s[2] < 200), step, (x, -0.3 * x, 0))[1]


def by_scan(x):
    def step(c, row):
        return c + row * fnp.tanh(c * x), c * row

    last, kept = lax.scan(step, x, STEPS)
    return last + kept.sum()


def by_branches(x):
    def step(i, c):
        return lax.cond(c > 1.5, lambda c: c / x, lambda c: c * c + x, c)

    return lax.fori_loop(0, 9, step, x)


FUNCTIONS = (by_while, by_scan, by_branches)


def optimised(function, *values, is_compiled=True):
    """The optimised program, which computes the same, also compiled."""
    types = [type_of(x) for x in values]
    program, captured = trace(lambda *v: fg.tree.leaves(function(*v)), types, "jit of f")
    changed = check(optimize(program))
    values = [*values, *captured]
    expected = evaluate(program, values)
    results = [evaluate(changed, values)]
    if is_compiled:
        results.append(compile_program(program)(*values))
    for found in results:
        for x, y in zip(found, expected, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-11, atol=1e-13)
    return changed


def loops(program):
    """How many loops stand in a program itself, and how many inside of others."""
    here = sum(e.primitive.name in LOOPS for e in program.equations)
    inner = [sum(loops(p)) for e in program.equations for _, p in subprograms(e.primitive)]
    return here, sum(inner)


X = np.float64(0.8)


@pytest.mark.parametrize("is_first", (True, False))
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_a_value_and_its_derivative_take_one_loop_forward(f, is_first):
    def slope(x):
        return fg.jvp(f, (x,), (1.0,))[1]

    both = (lambda x: (f(x), slope(x))) if is_first else (lambda x: (slope(x), f(x)))
    assert loops(optimised(both, X)) == (1, 0)
    alone = sum(loops(optimised(fg.grad(f), X)))
    assert sum(loops(optimised(lambda x: (f(x), fg.grad(f)(x), 2 * f(x)), X))) == alone


def searched(f, gradient):
    """A line search that takes the slope where the value is small."""

    def step(_, state):
        x, slope, size = state
        ahead = x - size * slope
        value = f(ahead)
        return lax.cond(
            value < f(x),
            lambda: (ahead, gradient(ahead), 1.1 * size),
            lambda: (x, slope, size / 2),
        )

    return lambda x: lax.fori_loop(0, 6, step, (x, gradient(x), 0.1))


@pytest.mark.parametrize("transform", (fg.grad, fg.jacfwd), ids=lambda t: t.__name__)
@pytest.mark.parametrize("f", (by_while, by_scan), ids=lambda f: f.__name__)
def test_a_derivative_in_a_branch_gives_the_value_in_front_of_it(f, transform):
    program = optimised(searched(f, transform(f)), X)
    (body,) = [e.primitive.body for e in program.equations if e.primitive.name == "scan"][-1:]
    (choice,) = [e for e in body.equations if hasattr(e.primitive, "branches")]
    forward = 2  # f(ahead) with its derivative's first half, f(x)
    assert loops(body)[0] == forward
    backward = transform is fg.grad
    assert sum(sum(loops(p)) for p in choice.primitive.branches) == backward


def test_large_arrays_and_long_turns_stay_in_their_branch():
    def of_arrays(x):
        return lax.fori_loop(0, 5, lambda i, c: fnp.sin(c) * x, x * np.ones(40)).sum()

    def long(x):
        def step(i, c):
            for k in range(90):
                c = fnp.sin(c * x) + k
            return c

        return lax.fori_loop(0, 5, step, x)

    for f in (of_arrays, long):

        def g(x, f=f):
            value = f(x)
            return lax.cond(value < 1, lambda: fg.jvp(f, (x,), (1.0,))[1], lambda: value)

        assert loops(optimised(g, X, is_compiled=False)) == (1, 1)


def loop(x, start=1.0, factor=0.5, bound=9.0, turns=6):
    """A loop of which each argument makes another one."""
    goes_on = lambda s: (s[0] < bound) & (s[1] < turns)  # noqa: E731
    return lax.while_loop(goes_on, lambda s: (s[0] + factor * x * s[0], s[1] + 1), (start, 0))[0]


@pytest.mark.parametrize(
    "change", ({"start": 2.0}, {"factor": 0.25}, {"bound": 3.0}, {"turns": 5}), ids=str
)
def test_loops_that_differ_are_kept(change):
    def f(x):
        return loop(x), fg.jvp(lambda x: loop(x, **change), (x,), (1.0,))[1]

    assert loops(optimised(f, X)) == (2, 0)


def test_carries_that_start_alike_are_told_apart_by_what_becomes_of_them():
    def f(x, is_swapped):
        def step(s):
            a, b, c = s
            return (a + x, b + 2 * x, c + a * b) if not is_swapped else (a + 2 * x, b + x, c - a)

        return lax.while_loop(lambda s: s[0] < 3, step, (0.0, 0.0, 0.0))

    def both(x):
        return f(x, False)[:2], fg.jvp(lambda x: f(x, False), (x,), (1.0,))

    assert loops(optimised(both, X)) == (1, 0)
    assert loops(optimised(lambda x: (f(x, False), f(x, True)), X)) == (2, 0)


def test_carries_are_told_apart_by_what_they_are_made_of_later():
    def sums(x, rates, read):
        def step(s):
            *terms, total = s
            return (*[t + r * x for t, r in zip(terms, rates, strict=True)], total + terms[read])

        return lax.while_loop(lambda s: s[0] < 3, step, (0.0,) * (len(rates) + 1))

    assert loops(optimised(lambda x: (sums(x, (1, 2), 0), sums(x, (1,), 0)), X)) == (1, 0)
    assert loops(optimised(lambda x: (sums(x, (1, 2), 1), sums(x, (1,), 0)), X)) == (2, 0)


def test_a_loop_that_waits_for_the_other_one_is_kept():
    def f(x):
        y = loop(x)
        return fg.jvp(loop, (x,), (y,))

    assert loops(optimised(f, X)) == (2, 0)


def test_what_can_be_seen_happens_as_often_and_in_order(capfd):
    def f(x, name):
        def step(i, c):
            fg.debug.print(name + " {}", i, ordered=True)
            return c * x

        return lax.fori_loop(0, 2, step, x)

    def g(x):
        y = f(x, "a")
        fg.debug.print("middle", ordered=True)
        return y, fg.jvp(lambda x: f(x, "a"), (x,), (1.0,))[1]

    fg.jit(g)(0.5)
    assert capfd.readouterr().out.split() == "a 0 a 1 middle a 0 a 1".split()
