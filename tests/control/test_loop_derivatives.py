"""Derivatives of loops and branches: Jacobians, batches of some operands, memory, closures."""

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import (
    checkpoint,
    custom_vjp,
    grad,
    hessian,
    hvp,
    jacfwd,
    jacrev,
    jit,
    jvp,
    lax,
    linearize,
    make_program,
    vjp,
    vmap,
)
from fungrad.control.scan import Scan
from fungrad.control.stack import StackType
from fungrad.control.while_loop import While
from fungrad.core.program import subprograms
from fungrad.testing import check_grads
from fungrad.transforms.linearize import linearize as linearized

RUN = pytest.mark.parametrize("run", [lambda f: f, jit], ids=["eager", "jit"])
A = np.array([[0.2, -0.5, 0.1], [0.4, 0.3, -0.2], [-0.1, 0.6, 0.5]])
X = np.array([0.5, -1.0, 2.0])
TIMES = np.array([0.1, 0.2, 0.3, 0.4])


def rollout(a, x):
    """A linear system with a nonlinear output at each time."""
    return lax.scan(lambda s, t: (a @ s + t, fnp.tanh(s)), x, TIMES)


def rollout_by_hand(a, x):
    ys = []
    for t in TIMES:
        ys.append(fnp.tanh(x))
        x = a @ x + t
    return x, fnp.stack(ys)


def until(a, x):
    """Iterates until the norm is small: the number of iterations depends on the values."""
    body = lambda s: (s[0] + 1, fnp.sin(a @ s[1]) * 0.9)
    return lax.while_loop(lambda s: (s[1] ** 2).sum() > 0.3, body, (0, x))


def until_by_hand(a, x):
    n = 0
    while (x**2).sum() > 0.3:
        n, x = n + 1, fnp.sin(a @ x) * 0.9
    return n, x


# ---- Jacobians and Hessians


@RUN
@pytest.mark.parametrize("jac", [jacfwd, jacrev])
def test_jacobians(run, jac):
    for number in (0, 1):
        carry, ys = run(jac(rollout, number))(A, X)
        expected = jac(rollout_by_hand, number)(A, X)
        np.testing.assert_allclose(carry, expected[0], atol=1e-14)
        np.testing.assert_allclose(ys, expected[1], atol=1e-14)
        result = run(jac(lambda a, x: until(a, x)[1], number))(A, X)
        expected = jac(lambda a, x: until_by_hand(a, x)[1], number)(A, X)
        np.testing.assert_allclose(result, expected, atol=1e-14)


@RUN
@pytest.mark.parametrize(
    "second",
    [
        lambda f: jacfwd(jacrev(f)),
        lambda f: jacrev(jacfwd(f)),
        lambda f: jacrev(jacrev(f)),
        lambda f: jacfwd(jacfwd(f)),
    ],
)
def test_second_derivatives_in_every_order(run, second):
    total = lambda f: lambda x: sum([(y**2).sum() for y in f(A, x)[-1:]])
    np.testing.assert_allclose(
        run(second(total(rollout)))(X), second(total(rollout_by_hand))(X), atol=1e-13
    )
    np.testing.assert_allclose(
        run(second(total(until)))(X), second(total(until_by_hand))(X), atol=1e-13
    )


def test_third_derivatives_and_products_with_the_hessian():
    f = lambda x: (until(A, x)[1] ** 2).sum() + rollout(A, x)[1].sum()
    g = lambda x: (until_by_hand(A, x)[1] ** 2).sum() + rollout_by_hand(A, x)[1].sum()
    np.testing.assert_allclose(hvp(f, (X,), (TIMES[:3],)), hessian(g)(X) @ TIMES[:3], rtol=1e-12)
    check_grads(f, (X,), order=3, modes=("fwd", "rev"), rtol=1e-4, atol=1e-4)
    third = jacfwd(jacrev(jacrev(lambda s: until(A, X * s)[1].sum())))
    expected = jacfwd(jacfwd(jacfwd(lambda s: until_by_hand(A, X * s)[1].sum())))
    np.testing.assert_allclose(third(1.0), expected(1.0), rtol=1e-10)


# ---- batches of some of the operands


@RUN
def test_batches_of_some_operands(run):
    many_a, many_x = np.stack([A, A.T]), np.stack([X, -X])

    def f(a, x, t):
        s, ys = lax.scan(lambda s, u: (a @ s + u, (s, u)), x, t)
        return s, ys

    for axes in [
        (0, None, None),
        (None, 0, None),
        (None, None, 1),
        (0, 0, None),
        (0, None, 1),
        (0, 0, 1),
    ]:
        args = [many_a, many_x, np.stack([TIMES, -TIMES], 1)]
        args = [x if a is not None else single for x, a, single in zip(args, axes, (A, X, TIMES))]
        s, ys = run(vmap(f, axes))(*args)
        for k in range(2):
            one = [x if a is None else np.take(x, k, a) for x, a in zip(args, axes)]
            expected = f(*one)
            np.testing.assert_allclose(s[k], expected[0])
            np.testing.assert_allclose(ys[0][k], expected[1][0])
            np.testing.assert_allclose(ys[1][k], expected[1][1])


@RUN
def test_batches_of_the_bounds_the_condition_and_the_branch(run):
    f = lambda n, x: lax.fori_loop(0, n, lambda i, c: c * x + i, 1.0)
    expected = [f(n, 0.5) for n in (0, 1, 4)]
    np.testing.assert_allclose(run(vmap(f, (0, None)))(np.array([0, 1, 4]), 0.5), expected)
    slopes = [grad(f, 1)(np.int64(n), 0.5) for n in (0, 1, 4)]
    np.testing.assert_allclose(run(vmap(grad(f, 1), (0, None)))(np.array([0, 1, 4]), 0.5), slopes)
    limit = lambda top, x: lax.while_loop(lambda c: c < top, lambda c: c * x, x)
    tops = np.array([1.0, 5.0, 100.0])
    np.testing.assert_allclose(run(vmap(limit, (0, None)))(tops, 2.0), [2.0, 8.0, 128.0])
    np.testing.assert_allclose(run(vmap(limit, (None, 0)))(10.0, tops + 1), [16.0, 36.0, 101.0])
    np.testing.assert_allclose(run(vmap(grad(limit, 1), (0, None)))(tops, 2.0), [1, 12.0, 7 * 64.0])
    pick = lambda i, x, y: lax.switch(i, [lambda x, y: x * y, lambda x, y: x - y], x, y)
    np.testing.assert_allclose(
        run(vmap(pick, (0, None, 0)))(np.array([0, 1, 5]), 2.0, tops), [2, -3, -98]
    )
    np.testing.assert_allclose(run(vmap(pick, (None, 0, None)))(1, tops, 2.0), tops - 2)
    slope = run(vmap(grad(pick, (1, 2)), (0, None, 0)))(np.array([0, 1, 0]), 2.0, tops)
    np.testing.assert_allclose(slope[0], [1.0, 1.0, 100.0])
    np.testing.assert_allclose(slope[1], [2.0, -1.0, 2.0])


@RUN
def test_a_batched_loop_keeps_what_all_rows_share(run):
    """Only what depends on the batched operand gets an axis: the rest is computed once."""

    def f(x):
        (shared, own), _ = lax.scan(
            lambda c, t: ((c[0] * 2 + t, c[1] * x), None), (1.0, 1.0), TIMES
        )
        return shared, own

    shared, own = run(vmap(f, out_axes=(None, 0)))(X)
    np.testing.assert_allclose(own, X**4)
    np.testing.assert_allclose(shared, f(1.0)[0])


# ---- memory


def equations_of(program, kind):
    """All equations of a kind in a program and the programs inside it."""
    found = [e for e in program.equations if isinstance(e.primitive, kind)]
    for e in program.equations:
        for _, inner in subprograms(e.primitive):
            found += equations_of(inner, kind)
    return found


def test_forward_mode_keeps_no_stack():
    f = lambda x: lax.fori_loop(0, 1000, lambda i, c: fnp.sin(c * x), x)
    program = make_program(lambda x: jvp(f, (x,), (1.0,)))(1.0)
    (loop,) = equations_of(program, Scan)
    assert all(v.type.shape == () for v in loop.outputs)
    twice = make_program(lambda x: jvp(lambda x: jvp(f, (x,), (1.0,))[1], (x,), (1.0,)))(1.0)
    (loop,) = equations_of(twice, Scan)
    assert all(v.type.shape == () for v in loop.outputs)
    g = lambda x: lax.while_loop(lambda c: c < 100.0, lambda c: c * x, x)
    program = make_program(lambda x: jvp(g, (x,), (1.0,)))(2.0)
    (loop,) = equations_of(program, While)
    assert not loop.primitive.records and not equations_of(program, Scan)


def saved_types(f, *args):
    """The types of what the forward half of a function saves, differentiated in its first array."""
    program = make_program(f)(*args)
    captured, others = len(program.inputs) - len(args), len(args) - 1
    halves = linearized(program, (False,) * captured + (True,) + (False,) * others)
    made = halves.forward.outputs[len(program.outputs) :]
    return [v.type for v in made if v not in halves.forward.inputs]


def test_reverse_mode_saves_only_what_the_backward_body_reads():
    linear = lambda x: lax.scan(lambda c, t: (c * 2 + t, None), x, TIMES)[0]
    assert saved_types(linear, 1.0) == []
    invariant = lambda x, a: lax.scan(lambda c, t: (fnp.exp(a) @ c, None), x, TIMES)[0].sum()
    assert all(t.shape == (3, 3) for t in saved_types(invariant, X, A))  # not one per iteration
    once = lambda x: lax.scan(lambda c, t: (fnp.sin(c), None), x, TIMES)[0]
    assert [t.shape for t in saved_types(once, 1.0)] == [(4,)]
    body = lambda c, t: (fnp.exp(fnp.sin(c)), None)
    twice = saved_types(lambda x: lax.scan(body, x, TIMES)[0], 1.0)
    kept = saved_types(lambda x: lax.scan(checkpoint(body), x, TIMES)[0], 1.0)
    assert len(twice) > len(kept) == 1
    stacks = saved_types(lambda x: lax.while_loop(lambda c: c < 9, lambda c: c * c, x), 2.0)
    assert sum(isinstance(t, StackType) for t in stacks) == 1
    doubling = saved_types(lambda x: lax.while_loop(lambda c: c < 9, lambda c: c * 2, x), 2.0)
    assert not any(isinstance(t, StackType) for t in doubling)


def test_what_is_the_same_in_every_iteration_is_saved_once():
    by_scan = lambda x, a: lax.scan(lambda c, t: (fnp.exp(a) @ c, None), x, TIMES)[0].sum()
    assert [t.shape for t in saved_types(by_scan, X, A)] == [(3, 3)]
    by_while = lambda x, a: lax.while_loop(
        lambda c: (c**2).sum() < 100, lambda c: fnp.exp(a) @ c, x
    ).sum()
    saved = saved_types(by_while, X, A)
    assert not any(isinstance(t, StackType) for t in saved)
    assert (3, 3) in [t.shape for t in saved]
    # What may fail stays inside: the loop may not run at all.
    risky = lambda n, k, x: lax.fori_loop(0, n, lambda i, c: c * x[k], x.sum())
    slope = jit(grad(risky, 2))(np.int64(0), np.int64(7), X)
    np.testing.assert_array_equal(slope, [1.0] * 3)


@RUN
def test_derivatives_of_what_is_the_same_in_every_iteration(run):
    def scan(a, x):
        def body(c, t):
            gain = fnp.exp(a) / fnp.sin(a).sum()
            return gain @ c * t, gain.sum() * c.sum()

        carry, ys = lax.scan(body, x, TIMES)
        return carry.sum() * ys.sum()

    def by_hand(a, x):
        gain, total = fnp.exp(a) / fnp.sin(a).sum(), 0.0
        for t in TIMES:
            x, total = gain @ x * t, total + gain.sum() * x.sum()
        return x.sum() * total

    def loop(a, x):
        body = lambda c: (c[0] + 1, fnp.exp(a) @ c[1] / fnp.cos(a).sum())
        return lax.while_loop(lambda c: c[0] < 3, body, (0, x))[1].sum()

    def loop_by_hand(a, x):
        for _ in range(3):
            x = fnp.exp(a) @ x / fnp.cos(a).sum()
        return x.sum()

    for f, expected in ((scan, by_hand), (loop, loop_by_hand)):
        for number in (0, 1):
            np.testing.assert_allclose(run(grad(f, number))(A, X), grad(expected, number)(A, X))
        second = lambda f: grad(lambda x: (grad(f, 1)(A, x) ** 2).sum())
        np.testing.assert_allclose(run(second(f))(X), second(expected)(X), atol=1e-12)
        batch = np.stack([A, A.T])
        rows = run(vmap(grad(f, (0, 1)), (0, None)))(batch, X)
        np.testing.assert_allclose(rows[0], [grad(expected)(a, X) for a in batch])


@RUN
def test_long_loops(run):
    f = lambda x: lax.fori_loop(0, 2000, lambda i, c: c + 1e-3 * fnp.sin(x * c), x)
    y, t = run(lambda x: jvp(f, (x,), (1.0,)))(1.0)
    np.testing.assert_allclose(run(grad(f))(1.0), t, rtol=1e-10)


# ---- closures


@RUN
def test_bodies_close_over_traced_values_and_arrays(run):
    def f(w, x):
        gain = fnp.tanh(w)

        def body(c, t):
            inner = lambda s: fnp.sin(s * gain) + (A @ x).sum() * t
            return lax.cond(t > 0.25, inner, lambda s: s * gain, c), gain * c

        carry, ys = lax.scan(body, w, TIMES)
        return carry + ys.sum()

    def by_hand(w, x):
        gain, c, total = fnp.tanh(w), w, 0.0
        for t in TIMES:
            total = total + gain * c
            c = fnp.sin(c * gain) + (A @ x).sum() * t if t > 0.25 else c * gain
        return c + total

    np.testing.assert_allclose(run(f)(0.5, X), by_hand(0.5, X))
    for number in (0, 1):
        np.testing.assert_allclose(run(grad(f, number))(0.5, X), grad(by_hand, number)(0.5, X))
        np.testing.assert_allclose(run(jacfwd(f, number))(0.5, X), grad(by_hand, number)(0.5, X))
    ws = np.array([0.5, -0.3])
    np.testing.assert_allclose(
        run(vmap(grad(f), (0, None)))(ws, X), [grad(by_hand)(w, X) for w in ws]
    )
    np.testing.assert_allclose(
        run(grad(lambda w: (grad(f, 1)(w, X) ** 2).sum()))(0.5),
        grad(lambda w: (grad(by_hand, 1)(w, X) ** 2).sum())(0.5),
    )


@RUN
def test_derivatives_inside_bodies(run):
    def descend(x, rate):
        loss = lambda y: ((A @ y - X) ** 2).sum()
        return lax.fori_loop(0, 5, lambda i, y: y - rate * grad(loss)(y), x)

    def by_hand(x, rate):
        for _ in range(5):
            x = x - rate * 2 * A.T @ (A @ x - X)
        return x

    np.testing.assert_allclose(run(descend)(X, 0.1), by_hand(X, 0.1))
    total = lambda f: lambda rate: (f(X, rate) ** 2).sum()
    np.testing.assert_allclose(run(grad(total(descend)))(0.1), grad(total(by_hand))(0.1))
    newton = lambda a: lax.while_loop(
        lambda y: abs(y * y - a) > 1e-12, lambda y: y - (y * y - a) / grad(lambda z: z * z)(y), a
    )
    np.testing.assert_allclose(run(grad(newton))(2.0), 0.5 / np.sqrt(2.0))
    batched = lambda x: lax.map(
        lambda t: vmap(lambda u: jvp(lambda v: v * t * x, (u,), (1.0,))[1])(X), TIMES
    )
    np.testing.assert_allclose(run(jacfwd(batched))(2.0), np.outer(TIMES, np.ones(3)))

@RUN
def test_a_jacobian_inside_a_body_needs_a_basis_that_no_operand_makes(run):
    field = lambda y: fnp.array([y[1] - y[0], y[0] * (2.0 - y[2]), y[0] * y[1]])

    def product(s):
        return jacfwd(field)(s) @ s * 0.3

    def in_scan(y):
        return lax.scan(lambda s, _: (product(s), None), y, None, length=3)[0].sum()

    def in_while(y):
        more = lambda s: s[0] < 3
        return lax.while_loop(more, lambda s: (s[0] + 1, product(s[1])), (0, y))[1].sum()

    y = np.array([1.0, 0.4, 1.05])
    for f in (in_scan, in_while):
        check_grads(run(f), (y,), 2)
        np.testing.assert_allclose(run(vmap(grad(f)))(y[None])[0], grad(f)(y), rtol=1e-12)


@RUN
def test_custom_rules_and_jit_inside_bodies(run):
    @custom_vjp
    def doubled(x):
        return x

    doubled.defvjp(lambda x: (x, None), lambda _, g: (2 * g,))
    inner = jit(lambda c, t: doubled(c) * t)
    f = lambda x: lax.scan(lambda c, t: (inner(c, t), None), x, TIMES)[0]
    np.testing.assert_allclose(run(grad(f))(1.0), 16 * TIMES.prod())
    np.testing.assert_allclose(run(lambda x: jvp(f, (x,), (1.0,))[1])(1.0), 16 * TIMES.prod())
    np.testing.assert_allclose(run(vmap(grad(f)))(X), [16 * TIMES.prod()] * 3)


# ---- loops of length 0, and unused or constant values


@RUN
def test_loops_that_do_not_run(run):
    scan = lambda x: lax.scan(lambda c, t: (fnp.sin(c) * t, c * t), x, np.zeros(0))
    assert run(grad(lambda x: scan(x)[0] * 3))(2.0) == 3.0
    assert run(grad(lambda x: scan(x)[1].sum() + x))(2.0) == 1.0
    assert run(lambda x: jvp(scan, (x,), (1.0,))[1][0])(2.0) == 1.0
    assert run(hessian(lambda x: scan(x)[0] ** 2))(2.0) == 2.0
    fori = lambda n, x: lax.fori_loop(0, n, lambda i, c: fnp.sin(c) * x, x)
    assert run(grad(lambda x: fori(0, x)))(2.0) == 1.0
    assert run(grad(fori, 1))(np.int64(0), 2.0) == 1.0
    assert run(grad(fori, 1))(np.int64(-3), 2.0) == 1.0
    never = lambda x: lax.while_loop(lambda c: c > 5.0, lambda c: fnp.sin(c) * x, x)
    assert run(grad(never))(2.0) == 1.0 and run(grad(grad(never)))(2.0) == 0.0
    np.testing.assert_array_equal(run(vmap(grad(never)))(np.array([1.0, 4.0])), [1.0, 1.0])
    over_rows = lambda x: lax.scan(lambda c, r: (c, r.sum()), 0.0, x)[1].sum()
    assert run(grad(over_rows))(np.zeros((0, 3))).shape == (0, 3)
    assert run(grad(lambda x: lax.map(fnp.sin, x).sum()))(np.zeros(0)).shape == (0,)


@RUN
def test_values_that_have_no_derivative(run):
    f = lambda x: lax.scan(lambda c, t: ((c[0] + 1, c[1] * x), c[0]), (0, 1.0), TIMES)
    assert run(grad(lambda x: f(x)[0][1]))(2.0) == 32.0
    assert run(grad(lambda x: f(x)[1].sum() * 1.0))(2.0) == 0.0
    (count, _), _ = run(lambda x: jvp(f, (x,), (1.0,))[1])(2.0)
    assert count.dtype.names == ("float0",)
    stopped = lambda x: lax.scan(lambda c, t: (lax.stop_gradient(c) * x, None), x, TIMES)[0]
    np.testing.assert_allclose(run(grad(stopped))(2.0), 16.0)
    constant = lambda x: lax.while_loop(lambda c: c < 3.0, lambda c: c + 1.0, 0.0) * x
    assert run(grad(constant))(2.0) == 3.0
    ignored = lambda x: lax.cond(x > 0, lambda y: 1.0, lambda y: 2.0, x)
    assert run(grad(ignored))(2.0) == 0.0
    one_arm = lambda x: lax.cond(x > 0, lambda y: y * y, lambda y: 2.0, x)
    assert run(grad(one_arm))(3.0) == 6.0 and run(grad(one_arm))(-3.0) == 0.0


@RUN
def test_linearized_loops_can_be_used_many_times(run):
    y, push = linearize(lambda x: until(A, x)[1], X)
    np.testing.assert_allclose(vmap(push)(np.eye(3)).T, jacfwd(lambda x: until(A, x)[1])(X))
    _, pull = vjp(lambda x: until(A, x)[1], X)
    np.testing.assert_allclose(
        vmap(lambda c: pull(c)[0])(np.eye(3)), jacfwd(lambda x: until(A, x)[1])(X)
    )
    np.testing.assert_allclose(run(push)(X), push(X))
    np.testing.assert_allclose(run(lambda c: pull(c)[0])(X), pull(X)[0])


# ---- map and associative_scan


@RUN
def test_map(run):
    f = lambda p: {"y": fnp.sin(p["a"]) * p["b"][0], "n": None}
    tree = {"a": X, "b": (np.arange(3.0), None)}
    for size in (None, 1, 2, 3, 5):
        result = run(lambda t, size=size: lax.map(f, t, batch_size=size))(tree)
        np.testing.assert_allclose(result["y"], np.sin(X) * np.arange(3.0))
        slope = run(grad(lambda x, size=size: lax.map(fnp.sin, x, batch_size=size).sum()))(X)
        np.testing.assert_allclose(slope, np.cos(X))
    assert run(lambda x: lax.map(fnp.sin, x, batch_size=2))(np.zeros((0, 2))).shape == (0, 2)
    with pytest.raises(ValueError, match="batch_size must be positive, it is 0"):
        lax.map(fnp.sin, X, batch_size=0)


@RUN
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_associative_scan(run, reverse, axis):
    x = np.arange(1.0, 7.0).reshape(2, 3)
    expected = np.cumsum(np.flip(x, axis) if reverse else x, axis)
    expected = np.flip(expected, axis) if reverse else expected
    scan = lambda x: lax.associative_scan(lambda a, b: a + b, x, reverse=reverse, axis=axis)
    np.testing.assert_allclose(run(scan)(x), expected)
    np.testing.assert_allclose(
        run(grad(lambda x: (scan(x) * x).sum()))(x), 2 * expected + flipped(x, axis, reverse)
    )


def flipped(x, axis, reverse):
    """What the gradient of sum(cumsum(x) * x) has besides 2 cumsum(x): see the test."""
    total = x.sum(axis, keepdims=True)
    forward = np.cumsum(np.flip(x, axis) if reverse else x, axis)
    forward = np.flip(forward, axis) if reverse else forward
    return (total - forward + x) - forward


@RUN
def test_associative_scan_of_pytrees(run):
    """Affine maps compose: a recurrence y = a y + b."""
    a, b = np.array([0.5, 2.0, -1.0, 0.3]), np.array([1.0, 0.0, 2.0, 1.0])
    compose = lambda p, q: (p[0] * q[0], q[0] * p[1] + q[1])
    _, y = run(lambda a, b: lax.associative_scan(compose, (a, b)))(a, b)
    expected, value = [], 0.0
    for u, v in zip(a, b, strict=True):
        value = u * value + v
        expected.append(value)
    np.testing.assert_allclose(y, expected)
    with pytest.raises(ValueError, match="associative_scan: the sizes along axis 0"):
        lax.associative_scan(compose, (a, b[:2]))
