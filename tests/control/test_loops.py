"""Loops and branches under every transform, against finite differences and plain Python."""

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import grad, hessian, jacfwd, jacrev, jit, jvp, vjp, vmap
from fungrad.lax import associative_scan, cond, fori_loop, map, scan, switch, while_loop


def scan_carry(x):
    carry, _ = scan(lambda c, t: (fnp.sin(c * x) + t, c * c), x, np.array([1.0, 2.0, 3.0]))
    return carry


def scan_outputs(x):
    carry, ys = scan(
        lambda c, t: (fnp.sin(c * x) + t * x, c * c * x), x, np.array([1.0, 2.0, 3.0]), reverse=True
    )
    return carry + carry * scan(lambda a, y: (a + y * y, None), 0.0, ys)[0]


def while_pair(x):
    return while_loop(lambda c: c[0] < 10.0, lambda c: (c[0] * 1.5 + x, fnp.sin(c[1]) * x), (x, x))[
        1
    ]


def fori_static(x):
    return fori_loop(0, 5, lambda i, c: fnp.sin(c * x) + i, x)


def fori_run_time(x):
    count = while_loop(lambda i: i * 2 < 9, lambda i: i + 1, 0)
    return fori_loop(0, count, lambda i, c: fnp.sin(c * x) + 0.1 * i, x)


def branch(x):
    return cond(x > 1, lambda y: fnp.sin(y) * x, lambda y: y * y, x * 2)


def switched(x):
    index = fnp.floor(x * 2).astype(int)
    return switch(index, [lambda y: y, lambda y: y * y * x, lambda y: fnp.exp(y)], x * x)


def nested(x):
    def step(i, c):
        return cond(
            c > 0.5,
            lambda c: while_loop(lambda a: a > 0.3, lambda a: a * 0.7 * x, c),
            lambda c: fnp.exp(c) * x,
            c,
        )

    return fori_loop(0, 3, step, x)


def while_in_scan(x):
    def step(c, t):
        grown = while_loop(lambda a: a < 4.0, lambda a: a * (1.1 + 0.3 * x) + t, c * c + x)
        return fnp.cos(grown), grown

    carry, ys = scan(step, x, np.array([0.1, 0.2, 0.3]))
    return carry * ys.sum()


def scan_in_while(x):
    def body(state):
        i, c = state
        return i + 1, scan(lambda a, t: (fnp.sin(a * t) + x, None), c, np.array([1.0, 2.0]))[0]

    return while_loop(lambda s: s[0] < 3, body, (0, x))[1]


def vector_carry(x):
    start = fnp.stack([x, 2 * x, x * x])
    step = np.array([[0.5, 0.1, 0.0], [0.0, 0.9, 0.2], [0.3, 0.0, 0.8]])
    return fori_loop(0, 4, lambda i, v: fnp.tanh(step @ v * x), start).sum()


def mapped(x):
    return map(lambda t: fnp.sin(t * x), np.array([1.0, 2.0, 3.0])).prod()


def associative(x):
    return associative_scan(lambda a, b: a * b, fnp.stack([x, x + 1, x * x])).sum()


FUNCTIONS = [
    scan_carry,
    scan_outputs,
    while_pair,
    fori_static,
    fori_run_time,
    branch,
    switched,
    nested,
    while_in_scan,
    scan_in_while,
    vector_carry,
    mapped,
    associative,
]
POINTS = np.array([0.7, 1.3, 0.23, 1.1])


def difference(f, x, step=1e-6):
    return (f(x + step) - f(x - step)) / (2 * step)


def each(functions=FUNCTIONS):
    return pytest.mark.parametrize("f", functions, ids=lambda f: f.__name__)


@each()
@pytest.mark.parametrize("x", POINTS[:2])
def test_first_and_second_derivatives_in_both_modes(f, x):
    expected = difference(f, x)
    np.testing.assert_allclose(grad(f)(x), expected, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(jvp(f, (x,), (1.0,))[1], expected, rtol=1e-5, atol=1e-8)
    second = difference(grad(f), x)
    forward = lambda y: jvp(f, (y,), (1.0,))[1]
    np.testing.assert_allclose(grad(grad(f))(x), second, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(jvp(grad(f), (x,), (1.0,))[1], second, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(grad(forward)(x), second, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(jvp(forward, (x,), (1.0,))[1], second, rtol=1e-4, atol=1e-7)


@each()
def test_batched_equals_a_python_loop(f):
    values = [f(x) for x in POINTS]
    slopes = [grad(f)(x) for x in POINTS]
    curves = [grad(grad(f))(x) for x in POINTS]
    np.testing.assert_allclose(vmap(f)(POINTS), values)
    np.testing.assert_allclose(vmap(grad(f))(POINTS), slopes)
    np.testing.assert_allclose(vmap(grad(grad(f)))(POINTS), curves, rtol=1e-6)
    np.testing.assert_allclose(jacfwd(vmap(f))(POINTS), np.diag(slopes), atol=1e-12)
    np.testing.assert_allclose(jacrev(vmap(f))(POINTS), np.diag(slopes), atol=1e-12)
    total = lambda x: vmap(f)(x).sum()
    np.testing.assert_allclose(hessian(total)(POINTS), np.diag(curves), rtol=1e-6, atol=1e-10)


@each()
def test_compiled_equals_eager(f):
    x = 0.7
    np.testing.assert_allclose(jit(f)(x), f(x), rtol=1e-12)
    np.testing.assert_allclose(jit(grad(f))(x), grad(f)(x), rtol=1e-10)
    np.testing.assert_allclose(grad(jit(f))(x), grad(f)(x), rtol=1e-10)


@each([while_pair, nested, scan_outputs])
def test_compiled_batches_and_second_derivatives(f):
    np.testing.assert_allclose(jit(vmap(grad(f)))(POINTS), vmap(grad(f))(POINTS), rtol=1e-10)
    np.testing.assert_allclose(vmap(jit(grad(f)))(POINTS), vmap(grad(f))(POINTS), rtol=1e-10)
    np.testing.assert_allclose(jit(grad(grad(f)))(0.7), grad(grad(f))(0.7), rtol=1e-9)
    np.testing.assert_allclose(grad(jit(grad(f)))(0.7), grad(grad(f))(0.7), rtol=1e-9)


def test_a_batched_predicate_runs_no_branch_that_no_row_takes():
    def risky(i):
        table = np.array([1.0, 2.0, 3.0])
        inside = (i >= 0) & (i < 3)
        return cond(inside, lambda k: fnp.asarray(table)[k], lambda k: -1.0, i)

    np.testing.assert_array_equal(vmap(risky)(np.array([0, 5, 2, -7])), [1.0, -1.0, 3.0, -1.0])


def test_a_batched_loop_does_not_run_a_finished_row_for_ever():
    def collatz(n):
        step = lambda s: (
            cond(s[0] % 2 == 0, lambda k: k // 2, lambda k: 3 * k + 1, s[0]),
            s[1] + 1,
        )
        return while_loop(lambda s: s[0] != 1, step, (n, 0))[1]

    np.testing.assert_array_equal(vmap(collatz)(np.array([1, 7, 27, 2])), [0, 16, 111, 1])


def test_pytrees_and_empty_loops():
    init = {"a": np.zeros(2), "b": (1.0,)}
    body = lambda c, x: ({"a": c["a"] + x["u"], "b": (c["b"][0] * 2,)}, {"y": c["a"]})
    carry, ys = scan(body, init, {"u": np.ones((3, 2))})
    np.testing.assert_array_equal(carry["a"], [3.0, 3.0])
    assert carry["b"] == (8.0,) and ys["y"].shape == (3, 2)
    carry, ys = scan(body, init, {"u": np.ones((0, 2))})
    assert carry["b"] == (1.0,) and ys["y"].shape == (0, 2)
    assert scan(lambda c, _: (c + 1, None), 0, None, length=4) == (4, None)
    assert fori_loop(3, 3, lambda i, x: x * 0, 5.0) == 5.0


def test_a_pull_back_through_a_loop_can_be_used_twice():
    _, pull_back = vjp(while_pair, 0.7)
    np.testing.assert_allclose(pull_back(1.0)[0] * 2, pull_back(2.0)[0])
