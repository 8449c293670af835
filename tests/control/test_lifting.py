"""What leaves a loop: the optimised program computes the same, with less inside."""

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import checkpoint, grad, jit, jvp, lax, vmap
from fungrad.control import lifting
from fungrad.control.scan import Scan
from fungrad.core.evaluation import evaluate
from fungrad.core.program import check, subprograms
from fungrad.core.tracing import trace
from fungrad.core.types import ArrayType
from fungrad.optimize import optimize
from fungrad.primitives.contraction import Contract
from fungrad.primitives.elementwise import exp
from fungrad.primitives.ordering import Sort
from fungrad.tree import leaves

N = 18  # beyond local variables, and beyond products that are loops
random = np.random.default_rng(0)
W, U, V = random.normal(size=(3, N, N)) / N
ROWS = random.normal(size=(5, 3, N))


def recurrent(step):
    """A loss over a scan of `step(parameters, h, x) -> (h, y)`."""

    def loss(parameters, rows):
        start = np.zeros(rows.shape[1:])
        h, ys = lax.scan(lambda h, x: step(parameters, h, x), start, rows)
        return (h**2).sum() + (fnp.sin(ys)).sum()

    return loss


def plain(p, h, x):
    h = fnp.tanh(x @ p[0] + h @ p[1])
    return h, h


def projected(p, h, x):
    h = fnp.tanh(x @ p[0] + h @ p[1])
    return h, h @ p[2]


def encoded(p, h, x):
    h = fnp.tanh(fnp.tanh(x @ p[0]) @ p[2] + h @ p[1])
    return h, x @ p[2]


def sliced(p, h, x):
    h = fnp.tanh(h @ p[1] + fnp.concatenate([x[:2] @ p[0], x[2:] @ p[2]])[::-1])
    return h, h.T @ h


def summed(p, h, x):
    return h - x @ p[0].T + fnp.outer(fnp.sin(x[0, :3]), x[1]) @ p[1], fnp.exp(p[2]) @ x[0]


def invariant(p, h, x):
    ordered = fnp.sort(p[0].T @ p[0])
    h = fnp.tanh(x @ ordered + h @ (p[1] @ p[2]))
    return h, h @ fnp.exp(p[1])


def accumulated(p, h, x):
    gram, h = h[:, :1] * 0 + h, fnp.tanh(h @ p[1])
    return h + x * gram.sum(), x @ p[0] - x @ p[2]


def nested(p, h, x):
    def inner(h, row):
        h = fnp.tanh(row @ p[0] + h @ p[1])
        return h, row @ p[2]

    h, ys = lax.scan(inner, h, x[:, None] * fnp.ones((1, 3, 1)))
    return h, ys.sum(axis=0)


STEPS = (plain, projected, encoded, sliced, summed, invariant, accumulated, nested)


def laws(loss):
    """Derivatives of a loss in the parameters, of orders 0 to 2, in both modes, and of batches."""
    direction = (U, V, W)

    def second(parameters, rows):
        return jvp(lambda p: grad(loss)(p, rows), (parameters,), (direction,))[1]

    return {
        "value": loss,
        "tangent": lambda p, r: jvp(lambda p: loss(p, r), (p,), (direction,)),
        "gradient": grad(loss, argnums=(0, 1)),
        "second": second,
        "batch": lambda p, r: vmap(grad(loss), (None, 0))(p, fnp.stack([r, 2 * r])),
        "batch of parameters": lambda p, r: vmap(grad(loss), ((0, None, None), None))(
            (fnp.stack([p[0], p[1]]), *p[1:]), r
        ),
    }


def inside(program, kind=Contract, is_inside=False):
    """How many equations of a kind are inside of the loops of a program."""
    return sum(
        (is_inside and isinstance(e.primitive, kind))
        + sum(
            inside(p, kind, is_inside or isinstance(e.primitive, Scan))
            for _, p in subprograms(e.primitive)
        )
        for e in program.equations
    )


def optimised(f, *args):
    """The program of a function, and the optimised one, which computes the same."""
    arrays = [*args[0], args[1]]
    types = [ArrayType(x.shape, x.dtype) for x in arrays]
    program, captures = trace(lambda *v: leaves(f(v[:-1], v[-1])), types, "jit of f")
    cheaper = check(optimize(program))
    values = [*arrays, *captures]
    for x, y in zip(evaluate(program, values), evaluate(cheaper, values), strict=True):
        np.testing.assert_allclose(y, x, rtol=1e-9, atol=1e-11)
    return program, cheaper


@pytest.mark.parametrize("step", STEPS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("length", [0, 1, 5])
def test_results_are_the_same(step, length):
    rows = ROWS[:length]
    for f in laws(recurrent(step)).values():
        optimised(f, (W, U, V), rows)


#: Products inside of the loops of the value and of its gradient in all inputs, before and after.
PRODUCTS = {
    plain: ((2, 1), (6, 2)),
    projected: ((3, 1), (9, 2)),
    encoded: ((4, 1), (12, 4)),
    summed: ((3, 0), (9, 2)),
    invariant: ((5, 1), (14, 11)),
    nested: ((3, 1), (9, 3)),
}


@pytest.mark.parametrize("step", PRODUCTS, ids=lambda f: f.__name__)
def test_products_leave_loops(step):
    loss = recurrent(step)
    for f, counts in zip((loss, grad(loss, argnums=(0, 1))), PRODUCTS[step], strict=True):
        program, cheaper = optimised(f, (W, U, V), ROWS)
        assert (inside(program), inside(cheaper)) == counts


def test_what_is_the_same_in_every_step_is_computed_once():
    program, cheaper = optimised(recurrent(invariant), (W, U, V), ROWS)
    assert (inside(program, Sort), inside(cheaper, Sort)) == (1, 0)
    assert inside(program, type(exp)) > inside(cheaper, type(exp))


def test_large_products_and_large_stacks_stay(monkeypatch):
    def loss(w, rows):
        return lax.scan(lambda h, x: (h + fnp.tanh(x @ w[0]).sum(), None), 0.0, rows)[0]

    def count(width, length):
        return inside(optimised(loss, (np.ones((N, width)),), ROWS[:length])[1])

    monkeypatch.setattr(lifting, "_ENOUGH", 3)
    assert count(N, 5) == 1
    monkeypatch.setattr(lifting, "_ENOUGH", 4)
    assert count(N, 4) == 0
    monkeypatch.setattr(lifting, "_SMALL_STACK", 0)
    assert count(N, 3) == 0
    assert count(N + 1, 3) == 1


@pytest.mark.parametrize("f", [nested, encoded])
def test_compiled(f):
    gradient = grad(recurrent(checkpoint(f)), argnums=(0, 1))
    expected, found = gradient((W, U, V), ROWS), jit(gradient)((W, U, V), ROWS)
    for x, y in zip(leaves(expected), leaves(found), strict=True):
        np.testing.assert_allclose(y, x, rtol=1e-9, atol=1e-11)
    empty = jit(gradient)((W, U, V), ROWS[:0])
    assert all(not np.any(x) for x in leaves(empty[0])) and empty[1].shape == (0, 3, N)
