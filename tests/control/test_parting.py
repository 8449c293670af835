"""Totals of joined arrays are carried in parts."""

import numpy as np
import pytest

import fungrad
import fungrad.numpy as fnp
from fungrad import lax
from fungrad.control.scan import Scan
from fungrad.core.program import check
from fungrad.core.tracing import trace
from fungrad.core.types import type_of
from fungrad.optimize import optimize

SIZE = 20
random = np.random.default_rng(0)
PARAMETERS = random.normal(size=(2, 3, SIZE)) / 2
ROWS = random.normal(size=(5, SIZE))


def sliced(parameters, rows):
    """A recurrent cell whose parameters are slices of one array."""

    def step(h, r):
        for layer in parameters:
            h = fnp.tanh(layer[0] * h[::-1] + layer[1] * r)
        return h, None

    return (lax.scan(step, rows[0], rows)[0] ** 2).sum()


def flat(parameters, rows):
    """Weights and biases that are parts of one vector, as in many optimisers."""
    vector = parameters.reshape(-1)

    def step(h, r):
        w, b = vector[: 4 * SIZE].reshape(SIZE, 4), vector[4 * SIZE : 5 * SIZE]
        return fnp.sin(w @ h[:4] + b * r), None

    return fnp.sum(lax.scan(step, rows[0], rows)[0])


def surrounded(parameters, rows):
    """Of each parameter only the middle matters."""

    def step(h, r):
        return fnp.tanh(h * parameters[1, 2, 3:-3] + r[3:-3]), None

    return fnp.sum(lax.scan(step, rows[0, 3:-3], rows)[0])


def numbers(parameters, rows):
    """Single numbers of an array, in no order, one of them in two places and some in none."""
    p = parameters[0]

    def step(h, r):
        a, b, c = h
        a, b = fnp.sin(p[0, 3] * b + r[0]), fnp.tanh(p[2, 1] * c * p[0, 0])
        return (a, b, p[1, 7] * a + p[0, 3]), None

    return sum(lax.scan(step, (rows[0, 0], rows[0, 1], rows[0, 2]), rows)[0])


def overlapping(parameters, rows):
    """Slices that overlap, and equal ones."""
    p = parameters[0, 0]

    def step(h, r):
        return fnp.tanh(h * p[:17] + p[3:]) * fnp.sin(p[3:] * r[3:]), None

    return fnp.sum(lax.scan(step, rows[0, 3:], rows)[0])


def corners(parameters, rows):
    """Parts of a matrix that touch at corners only."""
    w = parameters[0]

    def step(h, r):
        h = fnp.concatenate([(w[:1, :9] * h[:9]).sum(0), (w[1:, 12:] * h[12:]).sum(0) * h[8]])
        return fnp.tanh(fnp.pad(h, (0, 3))) + r, None

    return fnp.sum(lax.scan(step, rows[0], rows)[0])


def repeated(parameters, rows):
    """The loop ends when its state says so."""

    def goes_on(pair):
        return fnp.abs(pair[0]).sum() > 1

    def step(pair):
        h, n = pair
        return fnp.tanh(parameters[0, 0] * h + 0.1 * parameters[1, 1] * h[::-1]), n + 1

    return (lax.while_loop(goes_on, step, (rows[0], 0))[0] ** 2).sum()


def program_of(f, *values):
    """The optimised program of a function."""
    program = optimize(
        trace(lambda *v: fungrad.tree.leaves(f(*v)), [*map(type_of, values)], "f")[0]
    )
    check(program)
    return program


def backward(program):
    """The last loop of a program."""
    return [e.primitive for e in program.equations if isinstance(e.primitive, Scan)][-1]


def joins(program):
    """The primitives of a program that join arrays, by name."""
    names = [type(e.primitive).__name__ for e in program.equations]
    return [name for name in names if name in ("Concatenate", "Pad")]


@pytest.mark.parametrize("f", [sliced, flat, surrounded, numbers, corners])
def test_the_backward_loop_builds_no_gradient_in_every_turn(f):
    program = program_of(fungrad.grad(f), PARAMETERS, ROWS)
    loop = backward(program)
    assert "Concatenate" not in joins(loop.body)  # slices of the state are padded, and read at once
    assert joins(program)
    carried = loop.body.inputs[loop.constant_count :]
    assert not {PARAMETERS.shape, PARAMETERS[0].shape} & {v.type.shape for v in carried}


def test_the_program_in_text():
    def f(x, rows):
        def step(total, r):
            return total + fnp.concatenate([fnp.sin(r), r * x]), None

        return lax.scan(step, fnp.zeros(4), rows)[0]

    (loop,) = [line for line in str(program_of(f, np.ones(2), np.ones((3, 2)))).split("\n\n")]
    wanted = """
f(a: f64[2], b: f64[3,2]) {
  c: f64[2] = fill[shape=(2)] 0.0
  d: f64[2], e: f64[2] = scan[constant_count=1, carry_count=2, length=3, reverse=False] a c c b
    body:
    step(a: f64[2], b: f64[2], c: f64[2], d: f64[2]) {
      e: f64[2] = sin d
      f: f64[2] = multiply d a
      g: f64[2] = add b e
      h: f64[2] = add c f
      return g, h
    }
  f: f64[4] = concatenate[axis=0] d e
  return f
}"""
    assert loop.strip() == wanted.strip()


EVERY = [sliced, flat, surrounded, numbers, overlapping, corners, repeated]


@pytest.mark.parametrize("f", EVERY)
@pytest.mark.parametrize("is_compiled", [False, True])
def test_the_gradient_is_that_of_differences(f, is_compiled):
    gradient = fungrad.grad(f)
    gradient = fungrad.jit(gradient) if is_compiled else gradient
    d = random.normal(size=PARAMETERS.shape)
    ends = [f(PARAMETERS + e * d, ROWS) for e in (1e-6, -1e-6)]
    found = (gradient(PARAMETERS, ROWS) * d).sum()
    assert found == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-7)


@pytest.mark.parametrize("f", EVERY)
def test_compiled_code_computes_what_eager_code_does(f):
    gradient = fungrad.grad(f)
    np.testing.assert_allclose(
        fungrad.jit(gradient)(PARAMETERS, ROWS), gradient(PARAMETERS, ROWS), rtol=1e-11
    )

    def second(p, r):
        return fungrad.jvp(lambda p: gradient(p, r), (p,), (p,))[1]

    found = fungrad.jit(second)(PARAMETERS, ROWS)
    np.testing.assert_allclose(found, second(PARAMETERS, ROWS), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("start", [0.0, -0.0, 1.0])
def test_signs_of_zeros_and_starts_that_are_not_zero(start):
    def f(rows):
        def step(total, r):
            return total + fnp.concatenate([r + 0.0, r]), None

        return lax.scan(step, fnp.full(2 * SIZE, start), rows)[0]

    rows = np.zeros((3, SIZE)) * -1.0
    rows[:, 3:6] = np.inf, np.nan, 5e-324
    compiled, eager = fungrad.jit(f)(rows), f(rows)
    np.testing.assert_array_equal(compiled, eager)
    np.testing.assert_array_equal(np.signbit(compiled), np.signbit(eager))


def test_numbers_of_an_array_are_totals_of_their_own():
    loop = backward(program_of(fungrad.grad(numbers), PARAMETERS, ROWS))
    totals = loop.body.inputs[loop.constant_count :][: loop.carry_count]
    assert all(not v.type.shape for v in totals)


def test_sums_of_surrounded_arrays_in_text():
    def f(x, rows):
        def step(total, r):
            return total + (fnp.pad(r * x, (1, 5)) + fnp.pad(fnp.sin(r), (4, 2))), None

        return lax.scan(step, fnp.zeros(8), rows)[0]

    wanted = """
f(a: f64[2], b: f64[3,2]) {
  c: f64[2] = fill[shape=(2)] 0.0
  d: f64[2], e: f64[2] = scan[constant_count=1, carry_count=2, length=3, reverse=False] a c c b
    body:
    step(a: f64[2], b: f64[2], c: f64[2], d: f64[2]) {
      e: f64[2] = multiply d a
      f: f64[2] = sin d
      g: f64[2] = add b e
      h: f64[2] = add c f
      return g, h
    }
  f: f64[1] = fill[shape=(1)] 0.0
  g: f64[8] = concatenate[axis=0] f d f e c
  return g
}"""
    assert str(program_of(f, np.ones(2), np.ones((3, 2)))).strip() == wanted.strip()


def test_a_total_that_is_read_inside_of_the_loop_stays_whole():
    def f(rows):
        def step(total, r):
            total = total + fnp.concatenate([fnp.sin(r), r])
            return total, total.max()

        return lax.scan(step, fnp.zeros(2 * SIZE), rows)

    program = program_of(f, ROWS)
    assert joins(backward(program).body) == ["Concatenate"]
    for found, expected in zip(fungrad.jit(f)(ROWS), f(ROWS), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-14)
