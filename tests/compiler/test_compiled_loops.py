"""Loops in compiled code: where carried values live, what is copied, what grows."""

import numpy as np
import pytest

import fungrad as fg
import fungrad.numpy as fnp
from fungrad import lax
from fungrad.compiler.runtime import compile_program
from fungrad.core.evaluation import evaluate
from fungrad.core.tracing import trace
from fungrad.core.types import type_of


def check(function, *values):
    """Assert that the compiled program equals its evaluation; return the executable."""

    def listed(*tracers):
        return fg.tree.leaves(function(*tracers))

    program, captured = trace(listed, [type_of(x) for x in values], "jit of f")
    executable = compile_program(program)
    for _ in range(2):  # the second call finds used scratch memory
        results = executable(*values, *captured)
    for result, expected in zip(results, evaluate(program, [*values, *captured]), strict=True):
        assert type_of(result) is type_of(expected)
        np.testing.assert_allclose(result, expected, rtol=1e-11, atol=1e-13)
    return executable


def entry(executable):
    """The lines of the entry."""
    return executable.source.rpartition("def entry")[2].splitlines()


def inside_loop(executable):
    """The lines of the entry inside its last loop."""
    lines = entry(executable)
    start = max(i for i, line in enumerate(lines) if line.lstrip().startswith(("for ", "while ")))
    indent = len(lines[start]) - len(lines[start].lstrip())
    rest = lines[start + 1 :]
    end = next(i for i, line in enumerate(rest) if len(line) - len(line.lstrip()) <= indent)
    return rest[:end]


X = np.linspace(-1, 1, 40)
W = np.cos(np.arange(1600.0)).reshape(40, 40) / 8


def test_small_carries_are_local_variables():
    def f(x):
        return lax.fori_loop(0, 5, lambda i, c: fnp.sin(c) * x + i, x)

    executable = check(f, X[:3])
    assert not executable.assembly.kernels and not executable.assembly.workspace


def test_a_carry_is_updated_in_place_where_elements_stay_where_they_are():
    executable = check(lambda x: lax.fori_loop(0, 5, lambda i, c: fnp.sin(c) + 0.1 * i, x), X)
    assert not executable.assembly.workspace
    assert sum("kernel" in line for line in inside_loop(executable)) == 1


def test_a_carry_that_is_read_elsewhere_has_two_buffers_and_no_copies():
    def f(x, w):
        return lax.fori_loop(0, 6, lambda i, c: c[::-1] * w[0], x)

    executable = check(f, X, W)
    assert executable.assembly.workspace == 2 * 40 * 8
    assert not any("copy" in line for line in inside_loop(executable))


@pytest.mark.parametrize("turns", [0, 1, 2, 5, 6])
def test_two_buffers_end_in_the_output_after_any_number_of_turns(turns):
    check(lambda x: lax.fori_loop(0, turns, lambda i, c: c[::-1] * 0.9 + x, x), X)


def test_a_product_with_the_carry_is_taken_before_it_is_overwritten():
    executable = check(lambda x, w: lax.fori_loop(0, 6, lambda i, c: fnp.tanh(w @ c), x), X, W)
    assert executable.assembly.workspace == 40 * 8


def test_writing_into_a_carry_copies_nothing_inside_the_loop():
    def f(x):
        return lax.fori_loop(1, 40, lambda i, c: c.at[i].set(c[i - 1] * 0.9 + c[i]), x)

    executable = check(f, X)
    assert not any("copy" in line for line in inside_loop(executable))


def test_carries_that_exchange_roles():
    check(lambda x, y: lax.fori_loop(0, 7, lambda i, c: (c[1], c[0] * 0.5 + c[1]), (x, y)), X, -X)
    check(
        lambda x, y: lax.fori_loop(0, 7, lambda i, c: (c[1], c[0] * 0.5 + c[1]), (x, y)),
        X[:2],
        -X[:2],
    )


def test_a_carry_that_never_changes():
    check(lambda x, y: lax.fori_loop(0, 7, lambda i, c: (c[0], c[1] * c[0]), (x, y)), X, X)


def test_rows_are_computed_in_their_place():
    def f(x):
        def step(c, _):
            c = fnp.sin(c) * 1.1
            return c, fnp.cos(c)

        return lax.scan(step, x, None, length=5)

    executable = check(f, X)
    assert not executable.assembly.workspace
    assert not any("copy" in line for line in inside_loop(executable))


def test_a_row_that_is_also_the_carry():
    check(lambda x: lax.scan(lambda c, r: (c * r, c * r), X, x), np.outer(X[:5], X) + 2)
    check(lambda x: lax.scan(lambda c, r: (c * r, c), 1.5, x, reverse=True), X)


def test_rows_of_transposed_and_sliced_arrays_are_views():
    def f(x):
        return lax.scan(lambda c, r: (c + r.sum(), r * c), 0.0, x.T[::2])

    executable = check(f, np.outer(X, X))
    assert not any("copy" in k.function for k in executable.assembly.kernels)


def test_loops_in_loops():
    def f(x, w):
        def inner(i, c):
            return fnp.tanh(w @ c) + x * i

        return lax.scan(lambda c, r: (lax.fori_loop(0, 3, inner, c) * r, c.sum()), x, x)

    check(f, X, W)


def test_a_buffer_that_outlives_the_loop_that_fills_it_is_not_reused_inside():
    def f(x):
        def step(c, r):
            c = fnp.sin(c * r)
            return c, (fnp.cumsum(c), fnp.cumsum(c[::-1]))

        first, rows = lax.scan(step, x, x)
        return lax.scan(lambda c, r: (c + r[0] * r[1], None), first, rows)[0]

    check(f, X)


def test_branches_write_where_the_result_has_to_be():
    def f(x, i):
        return lax.switch(i, [fnp.sin, lambda x: x, lambda x: fnp.cumsum(x)], x)

    for i in (-1, 0, 1, 2, 9):
        check(f, X, np.int64(i))


def test_while_with_a_gradient_grows_its_stacks():
    def f(x):
        return lax.while_loop(lambda c: (c * c).sum() > 1e-3, lambda c: c * fnp.cos(c) * 0.9, x)

    check(fg.grad(lambda x: f(x).sum()), X)
    check(fg.grad(lambda x: f(x).sum()), X[:2])


def test_stacks_of_a_loop_inside_a_loop_do_not_grow_with_the_outer_turns():
    def f(x):
        inner = fg.grad(lambda y: lax.while_loop(lambda c: c > 0.1, lambda c: c * 0.9 * y, y))
        return lax.fori_loop(0, 2000, lambda i, c: inner(c) * 0.0 + c, x)

    executable = check(f, np.float64(0.9))
    scratch = executable.call.__globals__["pool"][0]
    assert scratch.stacks.max() > 0
    assert max(scratch.stacks[1::4]) <= 8192  # bytes


def test_many_threads_call_one_executable():
    from concurrent.futures import ThreadPoolExecutor

    executable = check(lambda x, w: lax.fori_loop(0, 6, lambda i, c: fnp.tanh(w @ c), x), X, W)
    expected = executable(X, W)[0]
    with ThreadPoolExecutor(8) as pool:
        for result in pool.map(lambda _: executable(X, W)[0], range(200)):
            np.testing.assert_array_equal(result, expected)


def test_one_value_kept_twice():
    """Each of its rows is written, also where the body computes the value in the row of the other."""

    def body(carry, x):
        y = np.sin(carry * x)
        return carry + x, (y, y, carry + x, y)

    carry, xs = np.arange(40.0), np.linspace(0.0, 1.0, 120).reshape(3, 40)
    expected = lax.scan(body, carry, xs)
    for found, wanted in zip(
        fg.jit(lax.scan, static_argnums=0)(body, carry, xs)[1], expected[1], strict=True
    ):
        np.testing.assert_allclose(found, wanted, rtol=1e-15)


@pytest.mark.parametrize("rows, turns, is_transposed", [(3, 5, True), (3, 3, False), (1, 5, False)])
def test_weights_are_transposed_once_for_products_of_few_rows(rows, turns, is_transposed):
    w, x = np.random.default_rng(0).normal(size=(64, 70)) / 64, np.ones((turns, rows, 70))

    def f(w, v, x):
        return lax.scan(lambda h, x: (fnp.tanh((h + x) @ w.T @ v), None), 0 * x[0], x)[0]

    executable = check(f, w, w[::-1].copy(), x)
    lines = entry(executable)
    loop = next(i for i, line in enumerate(lines) if line.lstrip().startswith("for "))
    assert any("copy_kernel" in line for line in lines[:loop]) == is_transposed


def test_the_gradient_of_a_small_network_in_a_loop_calls_nothing():
    """Four fields of Runge and Kutta's method, 8 hidden values: 900 statements."""

    def f(w, v, y):
        def field(y):
            return v @ fnp.tanh(w @ y)

        def step(_, y):
            a = field(y)
            b = field(y + 0.1 * a)
            c = field(y + 0.1 * b)
            return y + 0.2 * (a + b + c + field(y + 0.2 * c))

        return lax.fori_loop(0, 5, step, y).sum()

    w, v = W[:8, :2] * 2, W[:2, :8] * 2
    executable = check(fg.grad(f, (0, 1, 2)), w, v, X[:2])
    assert not any("kernel" in line for line in inside_loop(executable))


def test_what_a_loop_stacks_lives_through_all_turns_if_the_next_step_reads_it():
    """Two numbers are stored at the end of each turn, where what it began with is not needed."""
    random = np.random.default_rng(0)
    w, rows = random.normal(size=(40, 40)) / 40, random.normal(size=(30, 40))

    def f(w, rows):
        def step(h, x):
            h = fnp.tanh(w @ h + x)
            return h, fnp.stack([h.sum(), (w @ fnp.sin(h)).sum()])

        return lax.scan(step, fnp.zeros(40), rows)[1].T @ rows

    check(f, w, rows)
