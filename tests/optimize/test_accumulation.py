"""Products added to what is there: when one routine does both, and that it does."""

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import grad, jit, lax
from fungrad.core.evaluation import evaluate
from fungrad.core.program import check, subprograms
from fungrad.core.tracing import trace
from fungrad.core.types import ArrayType
from fungrad.optimize import optimize
from fungrad.optimize.accumulate import accumulate_products
from fungrad.primitives.accumulation import AddProduct
from fungrad.primitives.contraction import Contract
from fungrad.tree import leaves

N = 20
random = np.random.default_rng(0)
A, B, C, D = random.normal(size=(4, N, N))

#: A function of four matrices, and how many products add to what is there.
SUMS = {
    "to an argument": (lambda a, b, c, d: a + b @ c, 1),
    "from an argument": (lambda a, b, c, d: a - b @ c, 1),
    "of the same array": (lambda a, b, c, d: a + a @ a, 1),
    "of products": (lambda a, b, c, d: a @ b + c @ d, 1),
    "of products, for a loop": (lambda a, b, c, d: fnp.tanh(a @ b - c @ d), 1),
    "of three": (lambda a, b, c, d: a @ b + c @ d + b @ d, 2),
    "transposed": (lambda a, b, c, d: a + (b @ c).T, 1),
    "with a vector": (lambda a, b, c, d: a @ b[0] - c @ d[0], 1),
    "a product less something": (lambda a, b, c, d: a @ b - c, 0),
    "for a loop": (lambda a, b, c, d: fnp.tanh(a + b @ c), 0),
    "to what a loop makes": (lambda a, b, c, d: fnp.tanh(a) + b @ c, 0),
    "a product that is read again": (lambda a, b, c, d: [a + (p := b @ c), p], 0),
    "to rows": (lambda a, b, c, d: a[0] + b @ c, 0),
}


def count(program):
    """The products that add to what is there, in loops too."""
    return sum(
        isinstance(e.primitive, AddProduct) + sum(count(p) for _, p in subprograms(e.primitive))
        for e in program.equations
    )


def accumulated(function, *arrays):
    """The program of a function after the pass, which computes the same, compiled too."""
    types = [ArrayType(x.shape, x.dtype) for x in arrays]
    program, captures = trace(lambda *v: leaves(function(*v)), types, "jit of f")
    changed = check(accumulate_products(optimize(program)))
    values = [*arrays, *captures]
    expected = evaluate(program, values)
    for found in (evaluate(changed, values), leaves(jit(function)(*arrays))):
        for x, y in zip(found, expected, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-9)
    return changed


@pytest.mark.parametrize("name", SUMS)
def test_sums(name):
    function, expected = SUMS[name]
    arrays = A.copy(), B.copy(), C.copy(), D.copy()
    program = accumulated(function, *arrays)
    assert count(program) == expected
    for given, own in zip(arrays, (A, B, C, D), strict=True):
        np.testing.assert_array_equal(given, own)


def test_gradients_in_loops_add_up_in_place():
    """Steps of many rows stay in their loop; what they add to the gradient goes right there."""
    rows = random.normal(size=(3, 300, N))

    def loss(w, rows):
        h, _ = lax.scan(lambda h, x: (fnp.tanh(x + h @ w), None), 0 * rows[0], rows)
        return (h**2).sum()

    program = accumulated(grad(loss), A / N, rows)
    assert count(program) == 1
    body = next(q.primitive.body for q in reversed(program.equations) if subprograms(q.primitive))
    (sum_,) = [q for q in body.equations if isinstance(q.primitive, AddProduct)]
    assert sum_.inputs[0] in body.inputs and sum_.outputs[0] in body.outputs
    assert any(isinstance(q.primitive, Contract) for q in body.equations)
