"""Carries of which a loop keeps every value: where they live, and that nothing is copied."""

import re

import numpy as np
import pytest

import fungrad as fg
import fungrad.numpy as fnp
from fungrad import lax
from tests.compiler.test_compiled_loops import X, check, entry

ROWS = np.outer(np.linspace(0.5, 1.5, 6), X) + 2


def loops(executable):
    """The lines of the entry that stand in loops."""
    return [line for line in entry(executable) if line.startswith("        ")]


def pieces(executable):
    """The names of the pieces of scratch memory."""
    found = [re.match(r"    (\w+) = view\(workspace", line) for line in entry(executable)]
    return [line[1] for line in found if line]


def squares(step, turns=6, reverse=False):
    """The sum of squares of a state and of what a scan keeps of it."""

    def f(x, rows):
        c, ys = lax.scan(step, x, rows[:turns], reverse=reverse)
        return sum((fnp.sin(leaf) * leaf).sum() for leaf in fg.tree.leaves((c, ys)))

    return f


def elementwise(c, r):
    return fnp.tanh(c * r), None


def reversed_state(c, r):
    return fnp.tanh(c[::-1] * r), None


@pytest.mark.parametrize("step", [elementwise, reversed_state])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("turns", [0, 1, 2, 6])
def test_the_backward_loop_reads_what_the_turns_began_with(step, reverse, turns):
    executable = check(fg.grad(squares(step, turns, reverse), (0, 1)), X, ROWS)
    if turns > 1:
        assert not any("copy" in line for line in loops(executable))


def test_a_gradient_through_a_carry_is_that_of_differences():
    f = squares(reversed_state)
    d, e = np.cos(X), np.sin(ROWS)
    dx, drows = fg.jit(fg.grad(f, (0, 1)))(X, ROWS)
    difference = (f(X + 1e-6 * d, ROWS + 1e-6 * e) - f(X - 1e-6 * d, ROWS - 1e-6 * e)) / 2e-6
    assert (dx * d).sum() + (drows * e).sum() == pytest.approx(difference, rel=1e-7)


@pytest.mark.parametrize("reverse", [False, True])
def test_both_ends_of_turns_stand_in_one_history(reverse):
    def f(x, rows):
        def step(c, r):
            after = c[::-1] * r
            return after, (c, after)

        last, (before, after) = lax.scan(step, x, rows, reverse=reverse)

        def back(t, pair):
            return t * pair[0] + pair[1], None

        return last, lax.scan(back, x, (before, after), reverse=not reverse)[0]

    executable = check(f, X, ROWS)
    assert not any("copy" in line for line in loops(executable))
    assert executable.assembly.workspace < (7 + 3) * X.nbytes


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("kept", ["before", "after", "both", "twice"])
def test_histories_that_the_caller_gets(kept, reverse):
    def step(c, r):
        after = c[::-1] * r
        return after, {"before": c, "after": after, "both": (c, after), "twice": (after, after)}[
            kept
        ]

    for turns in (0, 1, 6):
        check(lambda x, rows: lax.scan(step, x, rows[:turns], reverse=reverse), X, ROWS)  # noqa: B023


def test_a_history_survives_what_overwrites_the_other_view_of_it():
    def f(x, rows):
        def step(c, r):
            after = c[::-1] * r
            return after, (c, after)

        _, (before, after) = lax.scan(step, x, rows)
        first = fnp.exp(-before)  # a product reads it, so it gets memory, as `before` dies
        gram = first.T @ first
        return (fnp.sin(after) * gram[0]).sum()

    check(f, X, ROWS)


def test_carries_that_exchange_roles_and_are_kept():
    def f(x, rows):
        def step(pair, r):
            a, b = pair
            return (b[::-1] * r, a), (a, b)

        return lax.scan(step, (x, x + 1), rows)

    check(f, X, ROWS)
    check(lambda x, r: lax.scan(lambda p, r: ((p[0] * r, p[0] * r), p), (x, -x), r), X, ROWS)
    check(lambda x, r: lax.scan(lambda p, r: ((p[1], p[0] * r), p), (x, -x), r), X, ROWS)


def test_loops_in_loops_keep_their_carries():
    def f(x, rows):
        def outer(c, r):
            return lax.scan(elementwise, c * r, rows)[0] + c[::-1], c

        c, cs = lax.scan(outer, x, rows)
        return (c * c).sum() + fnp.sin(cs).sum()

    check(fg.grad(f, (0, 1)), X, ROWS)
    check(fg.grad(lambda x, rows: fg.grad(f)(x, rows) @ X), X, ROWS)


def recurrent(weights, x, rows):
    """A cell with four values to keep in each turn, one of them a scalar."""

    def step(pair, r):
        h, c = pair
        c = fnp.tanh(weights[0] * h + r) * c[::-1] + fnp.exp(-c * weights[1])
        h = fnp.tanh(c) / (1 + (c * c).sum())
        return (h, c), None

    h, c = lax.scan(step, (x, x), rows)[0]
    return (h * c).sum()


def test_what_a_turn_keeps_stands_side_by_side():
    executable = check(fg.grad(recurrent, (0, 1, 2)), ROWS[:2] / 9, X, ROWS)
    assert not any("copy" in line for line in loops(executable))
    rows = [line for line in loops(executable) if re.search(r"row\w* = offset\(", line)]
    sources = {re.search(r"offset\((\w+),", line)[1] for line in rows}
    assert len(sources & set(pieces(executable))) == 1


def test_numbers_stand_in_places_that_the_text_names():
    def f(x, rows):
        def step(c, r):
            a, b = c
            return (fnp.sin(a * b) + r, fnp.cos(a) * b), None

        return fnp.sum(fnp.stack(lax.scan(step, (x, -x), rows)[0]))

    executable = check(fg.grad(f), np.float64(0.7), X)
    parts = [line.split(" = ")[1] for line in loops(executable) if "row" in line.split(" = ")[0]]
    places = [re.search(r"\+ (\d+)\)$", part) for part in parts]
    assert len([place for place in places if place]) > 2


def test_what_more_than_loops_read_stays_in_one_piece():
    def f(x, rows):
        def step(c, r):
            c = fnp.tanh(c[::-1] * r)
            return c, (c, c * r, fnp.cos(c))

        c, (a, b, d) = lax.scan(step, x, rows)
        return lax.scan(lambda t, r: (t * r[0] + r[1], None), c, (a, b))[0], a.sum(), d.T @ d

    check(f, X, ROWS)


def test_long_rows_and_rows_of_several_dtypes():
    x = np.linspace(-1, 1, 1000)

    def f(x, rows):
        def step(pair, r):
            c, n = pair
            c = fnp.tanh(c[::-1] * r) + n.sum() * 1e-3
            n = n + (c[:40] > 0)
            return (c, n), None

        c, n = lax.scan(step, (x, np.arange(40)), rows)[0]
        return (c * c).sum()

    check(fg.grad(f), x, np.ones((5, 1)))
    check(lambda x, r: fg.jvp(lambda x: fg.grad(f)(x, r), (x,), (x,)), x, np.ones((5, 1)))
