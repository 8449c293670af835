"""cost: operations, bytes and memory, predicted from types."""

import numpy as np
import pytest
from samples import SAMPLES

import fungrad.numpy as fnp
from fungrad import (
    ShapeDtypeStruct,
    checkpoint,
    cost,
    custom_jvp,
    jit,
    lax,
    make_program,
    value_and_grad,
)
from fungrad.compiler.assemble import assemble
from fungrad.core.cost import bytes_moved, flops_of, nbytes, peak_bytes
from fungrad.core.program import infer_outputs
from fungrad.core.types import type_of
from fungrad.errors import UnknownValueError
from fungrad.optimize import optimize
from fungrad.primitives.elementwise import IntegerPower
from fungrad.primitives.linalg import Cholesky, TriangularSolve
from fungrad.primitives.lu import Inverse, Lu, Solve
from fungrad.primitives.orthogonal import Qr


def flops(f, *args):
    return flops_of(make_program(f)(*args))


def struct(*shape, dtype=np.float64):
    return ShapeDtypeStruct(shape, dtype)


# ---- arithmetic operations


def test_a_product_takes_two_operations_per_term():
    assert flops(lambda x, y: x @ y, struct(3, 4), struct(4, 5)) == (2 * 3 * 4 * 5, True)
    batched = lambda x, y: fnp.einsum("bij,bjk->bik", x, y)
    assert flops(batched, struct(7, 3, 4), struct(7, 4, 5))[0] == 7 * 120
    c = np.complex128
    assert flops(lambda x, y: x @ y, struct(3, 4, dtype=c), struct(4, dtype=c))[0] == 8 * 12


def test_elements_are_counted_and_movements_are_not():
    f = lambda x: fnp.sin(x) * x + 1
    assert flops(f, struct(4, 5))[0] == 60
    assert flops(lambda x: x.sum(), struct(4, 5))[0] == 20
    moved = lambda x: fnp.concatenate([x.T.reshape(-1), x[0, ::2]])[fnp.array([3, 1])].astype("f")
    assert flops(moved, struct(4, 5))[0] == 0


def test_powers_and_factorisations_follow_their_algorithms():
    for n, products in ((0, 0), (1, 0), (2, 1), (3, 2), (8, 3), (9, 4), (-2, 2)):
        x = type_of(np.ones(5))
        assert IntegerPower(n).flops((x,), (x,)) == 5 * products
    a, b = type_of(np.ones((6, 6))), type_of(np.ones((6, 2)))
    assert Cholesky().flops((a,), (a,)) == 6**3 // 3
    assert TriangularSolve(False, False, False).flops((a, b), (b,)) == 6 * 6 * 2


def test_loops_count_their_turns_and_branches_the_most_expensive():
    body = lambda c, x: (c * x + 1, fnp.sin(c))
    assert flops(lambda x: lax.scan(body, 1.0, x), struct(10)) == (30, True)
    nested = lambda x: lax.scan(lambda c, r: (lax.scan(body, c, r)[0], 0.0), 1.0, x)
    assert flops(nested, struct(7, 10))[0] == 7 * 30
    branch = lambda x: lax.cond(x > 0, lambda v: v * v * v, lambda v: -v, x)
    assert flops(branch, 1.0)[0] == 1 + 2
    loop = lambda x: lax.while_loop(lambda c: c < 3, lambda c: c * 2 + 1, x)
    assert flops(loop, 1.0) == (3, False)


def test_what_holds_a_program_counts_that_program():
    @custom_jvp
    def f(x):
        return x * x

    f.defjvps(lambda t, out, x: t * fnp.exp(fnp.sin(x)))
    for g in (f, jit(lambda x: x * x), checkpoint(lambda x: x * x)):
        assert flops(g, struct(4))[0] == 4


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s.title)
def test_every_primitive_has_a_cost(sample):
    types = [type_of(x) for x in sample.inputs]
    found = sample.primitive.flops(types, infer_outputs(sample.primitive, types))
    assert isinstance(found, int | np.integer) and found >= 0


def test_reverse_mode_costs_a_small_multiple():
    def loss(w, x):
        for layer in w:
            x = fnp.tanh(x @ layer)
        return (x**2).sum()

    w = [struct(50, 50)] * 4
    one = cost(loss)(w, struct(30, 50)).flops
    both = cost(value_and_grad(loss))(w, struct(30, 50)).flops
    assert 2 < both / one < 3.1
    again = cost(value_and_grad(checkpoint(loss)))(w, struct(30, 50)).flops
    assert 3 < again / one < 4.2


def test_convolutions_and_windows_count_places_times_elements():
    x, k = struct(2, 3, 16, 16), struct(5, 3, 3, 3)
    conv = lambda x, k: lax.conv(x, k, (1, 1), "VALID")
    assert flops(conv, x, k)[0] == 2 * 2 * 5 * 14 * 14 * 3 * 9
    pool = lambda x: lax.reduce_window(x, -np.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
    assert flops(pool, x)[0] == 4 * 2 * 3 * 8 * 8


def test_matrix_factors_to_leading_order():
    n, m = 100, 30
    square, tall, b = (type_of(np.ones(s)) for s in ((n, n), (n, m), (n, 7)))
    assert Lu().flops((square,), ()) == 2 * n**3 // 3
    by_steps = sum((n - j - 1) * (1 + 2 * (m - j - 1)) for j in range(m))
    assert abs(Lu().flops((tall,), ()) / by_steps - 1) < 0.03
    assert Solve(False, False).flops((square,), (b,)) == 2 * n * n * 7
    assert Inverse().flops((square,), (square,)) == 2 * n**3
    assert Qr(False).flops((tall,), ()) == 4 * Lu().flops((tall,), ())


# ---- bytes


def test_bytes_of_a_chain():
    x = struct(1000)
    chain = lambda x: fnp.sin(fnp.exp(x) * 2.0)
    found = cost(chain)(x)
    assert found.uncompiled.bytes == 3 * 16_000 + 8  # each equation reads and writes
    assert found.bytes == 16_000  # one kernel
    assert found.argument_bytes == found.result_bytes == 8000
    assert found.uncompiled.peak_bytes == 3 * 8000
    assert found.peak_bytes == 16_000


def test_views_keep_their_operand_and_cost_nothing():
    program = make_program(lambda x: fnp.sin(x).T.reshape(-1) + 1.0)(struct(10, 10))
    assert peak_bytes(program) == 3 * 800
    assert bytes_moved(program) == 2 * 800 + 2 * 800 + 8


def test_dead_values_leave_the_peak():
    def f(x):
        for _ in range(20):
            x = fnp.sin(x)
        return x

    assert cost(f)(struct(100)).uncompiled.peak_bytes == 3 * 800


def test_the_peak_of_compiled_code_is_its_buffer_plan():
    def f(w, x):
        return fnp.tanh(w @ fnp.tanh(w @ x)).sum()

    w, x = struct(40, 40), struct(40, 7)
    plan = assemble(optimize(make_program(f)(w, x)))
    sizes = nbytes(type_of(np.ones((40, 40)))) + 8 * 40 * 7 + 8
    assert cost(f)(w, x).peak_bytes == sizes + plan.workspace
    assert plan.workspace >= 40 * 7 * 8


def test_nothing_is_run_and_jitted_functions_keep_their_static_arguments():
    huge = struct(10**6, 10**6)
    assert cost(jit(lambda x: (x @ x).sum()))(huge).flops == 2 * 10**18 + 10**12
    power = jit(lambda x, n: x**n, static_argnums=1)
    assert cost(power)(struct(5), 3).flops == 10


def test_the_table_and_the_dict():
    found = cost(lambda x: lax.while_loop(lambda c: c < 3, lambda c: c * 2, x))(1.0)
    assert not found.is_exact and "≥ 2" in repr(found)
    assert found.as_dict()["compiled"]["flops"] == found.flops == 2
    assert "<td>" in found._repr_html_()


def test_what_cannot_be_traced_is_refused():
    with pytest.raises(TypeError, match="cost: expected a function, got 3"):
        cost(3)
    with pytest.raises(UnknownValueError):
        cost(lambda x: x if x > 0 else -x)(1.0)
