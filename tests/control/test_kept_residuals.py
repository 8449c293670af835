"""What the first half of a loop keeps for the second: little, where arithmetic gives the rest."""

from itertools import product

import numpy as np
import pytest

import fungrad
import fungrad.numpy as fnp
from fungrad.control.scan import Scan
from fungrad.testing import check_grads
from fungrad.transforms.residuals import _SINK, _SOURCE, _Cut

STEPS, SIZE = 100, 20_000


def stacked(f, *arguments):
    """The shapes of what the loops of a compiled gradient stack."""
    program = fungrad.jit(fungrad.grad(f)).lower(*arguments).program
    loops = [q for q in program.equations if isinstance(q.primitive, Scan)]
    outputs = [v for q in loops for v in q.outputs[q.primitive.carry_count :]]
    return [v.type.shape for v in outputs]


def looped(step, steps=STEPS):
    """The sum of squares of what a step makes of x, again and again."""

    def f(x):
        y = fungrad.lax.fori_loop(0, steps, lambda _, y: step(x, y), fnp.ones_like(x))
        return fnp.sum(y * y)

    return f


def stages(x, y):
    """A step of Runge and Kutta's method, whose derivative reads four values."""
    k1 = x * y * y
    k2 = x * (y + 0.01 * k1) ** 2
    k3 = x * (y + 0.01 * k2) ** 2
    return y + 0.001 * (k1 + k2 + k3)


def test_arithmetic_is_done_again_where_memory_would_take_longer():
    assert stacked(looped(stages), np.ones(SIZE)) == [(STEPS, SIZE)]


def test_small_loops_keep_what_they_have_computed():
    assert len(stacked(looped(stages), np.ones(3))) > 1


def test_small_loops_compute_differences_again():
    """A store and a load take the time of three additions."""

    def step(x, y):
        return y + 0.01 * (x * (0.3 - y) + fnp.flip(y) * (1 - y))

    assert stacked(looped(step), np.ones(3)) == [(STEPS, 3)]


def test_what_a_step_makes_of_literals_is_no_residual():
    def energy(q):
        return fnp.sum((1 - q) ** 2) / 4 + fnp.sum((q[1:] - q[:-1] ** 2) ** 2)

    def f(q):
        def leap(_, state):
            place, p = state
            place = place + 0.1 * p
            return place, p - 0.1 * fungrad.grad(energy)(place)

        return fnp.sum(fungrad.lax.fori_loop(0, 5, leap, (q, q))[0] ** 2)

    check_grads(fungrad.jit(f), (np.array([0.3, -0.2]),), order=2, rtol=1e-5)
    assert "reverse mode" in str(fungrad.show(f)(np.ones(2)))


def test_what_takes_longer_than_memory_is_kept():
    def step(x, y):
        factor = fnp.sin(fnp.exp(fnp.tanh(fungrad.lax.stop_gradient(y))))
        return x * y * y * factor

    assert stacked(looped(step), np.ones(SIZE)) == [(STEPS, SIZE)] * 2


def test_what_rows_give_is_computed_again():
    """Rows are at hand for the second half; what is computed from them would have to be stacked."""

    def f(x, rows):
        def step(y, row):
            scaled = x * row + 1
            return y * scaled * scaled, None

        return fnp.sum(fungrad.lax.scan(step, x, rows)[0])

    assert stacked(f, np.ones(SIZE), np.ones((STEPS, 1))) == [(STEPS, SIZE)]


def test_products_are_kept():
    w = np.eye(200) / 2

    def step(x, y):
        return fnp.tanh(w @ y) * x

    assert len(stacked(looped(step, 50), np.ones((200, 200)))) >= 1


@pytest.mark.parametrize("is_compiled", [False, True])
def test_the_gradient_is_that_of_differences(is_compiled):
    f = looped(stages, 40)
    random = np.random.default_rng(0)
    x, d = random.uniform(0.5, 1, SIZE), random.normal(size=SIZE)
    gradient = fungrad.jit(fungrad.grad(f)) if is_compiled else fungrad.grad(f)
    difference = (f(x + 1e-6 * d) - f(x - 1e-6 * d)) / 2e-6
    assert np.sum(gradient(x) * d) == pytest.approx(difference, rel=1e-6)


def test_a_cut_is_the_smallest_and_the_nearest_to_the_sink():
    random = np.random.default_rng(0)
    for _ in range(60):
        n = random.integers(2, 7)
        nodes = [_SOURCE, _SINK, *range(n)]
        edges = [
            (a, b, float(random.integers(0, 4)))
            for a, b in product(nodes, nodes)
            if a != b and b != _SOURCE and a != _SINK and random.uniform() < 0.5
        ]
        cut = _Cut()
        for edge in edges:
            cut.connect(*edge)
        found = cut.beyond()
        beyond = [{_SINK, *(i for i in range(n) if mask >> i & 1)} for mask in range(2**n)]
        costs = [sum(c for a, b, c in edges if a not in s and b in s) for s in beyond]
        least = [s for s, cost in zip(beyond, costs, strict=True) if cost == min(costs)]
        assert found in least
        assert len(found) == min(map(len, least))
