"""Choices at the end of long turns are branches: their text, and the same values as eager."""

import numpy as np
import pytest

import fungrad
import fungrad.numpy as fnp
from fungrad import lax
from fungrad.compiler.llvm import build
from fungrad.compiler.compiling import assembled

PLACE, DRAWN = np.array([0.3, -0.8]), np.linspace(-1, 0.4, 40)


def walk(q, drawn, condition=lambda before, after, threshold: threshold < before - after):
    """A chain whose proposals come from an inner loop; some are refused."""

    def transition(q, threshold):
        def leap(_, state):
            place, p = state
            place = place + 0.2 * p
            return place, p - 0.2 * place * (place @ place)

        place, p = lax.fori_loop(0, 7, leap, (q, threshold + fnp.ones(2)))
        before, after = q @ q, place @ place + 0.1 * p[0]
        q = fnp.where(condition(before, after, threshold), place, q)
        return q, q

    return lax.scan(transition, q, drawn)


def source_of(f, *arguments):
    return assembled(fungrad.jit(f).lower(*arguments).program, (), False).source


def lines(source):
    return [line.strip() for line in source.splitlines()]


def test_the_next_turn_does_not_wait_for_the_choice():
    text = lines(source_of(walk, PLACE, DRAWN))
    (place,) = [n for n, line in enumerate(text) if line.startswith("if guessed(")]
    assert not any("select" in line for line in text)
    chosen = [line.split(" = ")[0] for line in text[place - 2 : place]]
    assert [line.split(" = ")[0] for line in text[place + 1 : place + 3]] == chosen
    assert all(any(line.endswith(f" = {name}") for line in text) for name in chosen)


def early(q, drawn):
    """What is known before the inner loop waits for nothing."""
    return walk(q, drawn, lambda before, after, threshold: threshold < before)


def short(q, drawn):
    """A turn without an inner loop is shorter than a wrong guess."""
    step = lambda q, x: (fnp.where(x < q @ q, q * x, q), q[0])
    return lax.scan(step, q, drawn)


def aside(q, drawn):
    """What is chosen does not go into the next turn."""

    def step(q, x):
        q = lax.fori_loop(0, 7, lambda _, q: q + 0.1 * q * x, q)
        return q, fnp.where(x < q @ q, q[0], x)

    return lax.scan(step, q, drawn)


@pytest.mark.parametrize("f", [early, short, aside])
def test_other_choices_stay_selections(f):
    text = lines(source_of(f, PLACE, DRAWN))
    assert any("select" in line for line in text)
    assert not any(line.startswith("if ") for line in text)


def test_machine_code_guesses():
    """LLVM keeps the weights of a branch through selections, and makes a branch of these."""
    for f, is_guessed in ((walk, True), (early, False)):
        made = assembled(fungrad.jit(f).lower(PLACE, DRAWN).program, (), False)
        request = build.entry_request(made.source, "entry", made.arguments, {})
        assert any("i32 1000, i32 1" in text for text in request.texts()) == is_guessed


@pytest.mark.parametrize("f", [walk, early, short, aside])
def test_values(f):
    for compiled, eager in zip(fungrad.jit(f)(PLACE, DRAWN), f(PLACE, DRAWN), strict=True):
        np.testing.assert_allclose(compiled, eager, rtol=1e-12, atol=1e-14)


def test_some_are_refused():
    places = walk(PLACE, DRAWN)[1]
    moved = np.any(np.diff(places, axis=0) != 0, axis=1)
    assert moved.any() and not moved.all()


def test_nan_refuses():
    places = fungrad.jit(walk)(np.array([np.nan, 1.0]), DRAWN)[1]
    np.testing.assert_array_equal(places, walk(np.array([np.nan, 1.0]), DRAWN)[1])


def test_gradient():
    direction = np.array([0.6, -0.4])

    def last(q):
        return fnp.sum(walk(q, DRAWN)[1] ** 2)

    slope = fungrad.jit(fungrad.grad(last))(PLACE) @ direction
    step = 1e-6 * direction
    difference = (last(PLACE + step) - last(PLACE - step)) / 2e-6
    np.testing.assert_allclose(slope, difference, rtol=1e-6)
