"""Small products in loops: their matrices lie as the loop reads them, and what can leave leaves."""

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import grad, jit, jvp, lax, vmap
from fungrad.control.scan import Scan
from fungrad.core.tracing import trace
from fungrad.core.types import ArrayType
from fungrad.optimize import optimize
from fungrad.primitives.contraction import Contract
from fungrad.primitives.movement import Transpose
from fungrad.testing import check_grads
from fungrad.tree import leaves

random = np.random.default_rng(0)
SHAPES = {"rnn": (8, 8, 3), "wide": (32, 2, 2), "tall": (2, 32, 5), "large": (128, 16, 4)}


def given(m, n, k, length=9):
    """The parameters of a recurrence through m units over n numbers, with rows of k."""
    down, up, of_rows = random.normal(size=(n, m)), random.normal(size=(m, n)), (n, k)
    return (up / n, down / m, random.normal(size=of_rows)), random.normal(size=(length, k))


def loss(parameters, rows):
    up, down, of_rows = parameters

    def step(h, x):
        h = fnp.tanh(down @ fnp.sin(up @ h) + of_rows @ x)
        return h, h

    h, ys = lax.scan(step, fnp.zeros(up.shape[1]), rows)
    return (ys**2).sum() + h.prod()


LAWS = {
    "value": loss,
    "tangent": lambda p, r: jvp(lambda p: loss(p, r), (p,), (p,))[1],
    "gradient": grad(loss, argnums=(0, 1)),
    "second": lambda p, r: jvp(lambda p: grad(loss)(p, r), (p,), (p,))[1],
    "batch": lambda p, r: vmap(grad(loss), (None, 0))(p, fnp.stack([r, 2 * r])),
}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("name", SHAPES)
def test_compiled_is_as_eager(name, law):
    f, arguments = LAWS[law], given(*SHAPES[name])
    for x, y in zip(leaves(f(*arguments)), leaves(jit(f)(*arguments)), strict=True):
        np.testing.assert_allclose(y, x, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", SHAPES)
def test_gradients_are_those_of_differences(name):
    check_grads(jit(loss), given(*SHAPES[name]), order=1, rtol=1e-6)


def optimised(f, *arguments):
    types = [ArrayType(x.shape, x.dtype) for x in leaves(arguments)]
    return optimize(trace(lambda *v: leaves(f(v[:-1], v[-1])), types, "f")[0])


def loops(program):
    return [e for e in program.equations if isinstance(e.primitive, Scan)]


def test_matrices_are_transposed_before_the_loop_if_columns_are_read():
    program = optimised(loss, *given(8, 8, 3))
    transposed = [e for e in program.equations if e.primitive == Transpose((1, 0))]
    (loop,) = loops(program)
    assert [e.inputs[0].type.shape for e in transposed] == [(8, 8), (8, 8)]
    sums = [e.primitive.axes for e in loop.primitive.body.equations if e.primitive.name == "sum"]
    assert sums == [(0,), (0,)]


def test_small_products_of_rows_leave_the_loop():
    program = optimised(loss, *given(8, 8, 3, length=40))
    (loop,) = loops(program)
    shapes = {v.type.shape for e in loop.primitive.body.equations for v in e.outputs}
    assert (8, 3) not in shapes
    assert any(isinstance(e.primitive, Contract) for e in program.equations)


def test_sums_of_outer_products_leave_the_loop_but_those_of_local_variables():
    def of_gradient(m):
        _, loop = loops(optimised(grad(loss), *given(m, m, 3)))
        return sorted(v.type.shape for v in loop.primitive.body.outputs)

    assert (8, 8) not in of_gradient(8)
    assert of_gradient(4).count((4, 4)) == 2


def test_a_product_along_the_short_axis_of_a_matrix_is_left_to_blas():
    def count(m, n):
        (loop,) = loops(optimised(loss, *given(m, n, 3)))
        return sum(isinstance(e.primitive, Contract) for e in loop.primitive.body.equations)

    assert [count(32, 2), count(128, 16), count(40, 40)] == [0, 1, 2]


def test_loops_of_small_products_do_not_change_for_ever():
    def gram(p, rows):
        def step(m, x):
            return m @ p[0] @ m.T / 100 + fnp.outer(x, x), None

        return lax.scan(step, fnp.eye(4), rows)[0].sum()

    arguments = (random.normal(size=(4, 4)),), random.normal(size=(5, 4))
    np.testing.assert_allclose(jit(gram)(*arguments), gram(*arguments), rtol=1e-12)
    check_grads(jit(gram), arguments, order=1, rtol=1e-6)
