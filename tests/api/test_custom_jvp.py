"""custom_jvp under every transform: rules, arguments without derivative, and wrong rules."""

from functools import partial

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import (
    custom_jvp,
    float0,
    grad,
    hessian,
    jacfwd,
    jacrev,
    jit,
    jvp,
    lax,
    linearize,
    vjp,
    vmap,
)
from fungrad.errors import CustomRuleError

RUN = pytest.mark.parametrize("run", [lambda f: f, jit], ids=["eager", "jit"])
V = np.array([0.5, 1.0, 2.0])


@custom_jvp
def tripled(x):
    """sin, with three times its derivative."""
    return fnp.sin(x)


@tripled.defjvp
def tripled_jvp(primals, tangents):
    (x,), (t,) = primals, tangents
    return tripled(x), 3.0 * fnp.cos(x) * t


def once(x):
    return 3 * np.cos(x)


def twice(x):
    return -3 * np.sin(x)


# ---- every transform


@RUN
def test_first_derivatives(run):
    np.testing.assert_allclose(run(tripled)(V), np.sin(V))
    assert run(grad(tripled))(0.5) == once(0.5)
    assert run(lambda x: jvp(tripled, (x,), (2.0,))[1])(0.5) == 2 * once(0.5)
    assert run(lambda x: linearize(tripled, x)[1](2.0))(0.5) == 2 * once(0.5)
    assert run(lambda x: vjp(tripled, x)[1](2.0)[0])(0.5) == 2 * once(0.5)
    np.testing.assert_allclose(run(jacfwd(tripled))(V), np.diag(once(V)))
    np.testing.assert_allclose(run(jacrev(tripled))(V), np.diag(once(V)))
    np.testing.assert_allclose(run(vmap(tripled))(V), np.sin(V))
    np.testing.assert_allclose(run(vmap(grad(tripled)))(V), once(V))
    np.testing.assert_allclose(run(grad(lambda v: vmap(tripled)(v).sum()))(V), once(V))


@RUN
def test_second_derivatives_differentiate_the_rule(run):
    forward = lambda f: lambda x: jvp(f, (x,), (1.0,))[1]
    for outer in (grad, forward):
        for inner in (grad, forward):
            np.testing.assert_allclose(run(outer(inner(tripled)))(0.5), twice(0.5))
            np.testing.assert_allclose(run(vmap(outer(inner(tripled))))(V), twice(V))
    np.testing.assert_allclose(run(hessian(lambda v: tripled(v).sum()))(V), np.diag(twice(V)))
    np.testing.assert_allclose(run(grad(grad(grad(tripled))))(0.5), -3 * np.cos(0.5))


@RUN
def test_inside_loops_branches_and_checkpoints(run):
    def loop(x):
        return lax.fori_loop(0, 2, lambda i, c: tripled(c), x)

    expected = lambda x: once(np.sin(x)) * once(x)
    np.testing.assert_allclose(run(loop)(0.5), np.sin(np.sin(0.5)))
    np.testing.assert_allclose(run(grad(loop))(0.5), expected(0.5))
    np.testing.assert_allclose(run(lambda x: jvp(loop, (x,), (1.0,))[1])(0.5), expected(0.5))
    np.testing.assert_allclose(run(vmap(grad(loop)))(V), expected(V))
    scan = lambda x: lax.scan(lambda c, w: (tripled(c * w), c), x, np.array([1.0, 1.0]))[0]
    np.testing.assert_allclose(run(grad(scan))(0.5), expected(0.5))
    branch = lambda x: lax.cond(x > 0, tripled, lambda y: y, x)
    np.testing.assert_allclose(run(grad(branch))(0.5), once(0.5))
    np.testing.assert_allclose(run(vmap(grad(branch)))(np.array([0.5, -0.5])), [once(0.5), 1.0])
    until = lambda x: lax.while_loop(
        lambda c: c[0] < 2, lambda c: (c[0] + 1, tripled(c[1])), (0, x)
    )[1]
    np.testing.assert_allclose(run(grad(until))(0.5), expected(0.5))


@RUN
def test_jit_inside_and_outside_of_the_rule(run):
    @custom_jvp
    @jit
    def f(x):
        return x * x

    @f.defjvp
    @jit
    def rule(primals, tangents):
        (x,), (t,) = primals, tangents
        return f(x), 5.0 * x * t

    assert run(grad(f))(2.0) == 10.0
    assert run(grad(grad(f)))(2.0) == 5.0


# ---- several arguments


@RUN
def test_defjvps_has_one_rule_per_argument(run):
    @custom_jvp
    def f(x, y, z):
        return x * y + z

    f.defjvps(lambda t, out, x, y, z: 10 * t * y, lambda t, out, x, y, z: t * out, None)
    out = 2.0 * 3.0 + 4.0
    assert run(grad(f, (0, 1, 2)))(2.0, 3.0, 4.0) == (30.0, out, 0.0)
    y, t = run(lambda *p: jvp(f, p, (1.0, 1.0, 1.0)))(2.0, 3.0, 4.0)
    assert y == out and t == 30.0 + out
    with pytest.raises(CustomRuleError, match="2 rules.*3 arguments"):
        f.defjvps(None, None)
        grad(f)(1.0, 2.0, 3.0)


@RUN
def test_defjvps_of_none_only_and_of_pytrees(run):
    @custom_jvp
    def constant(x):
        return {"a": x * 2, "b": (x + 1,)}

    constant.defjvps(None)
    y, t = run(lambda x: jvp(constant, (x,), (1.0,)))(3.0)
    assert y == {"a": 6.0, "b": (4.0,)} and t == {"a": 0.0, "b": (0.0,)}


@RUN
def test_pytrees(run):
    @custom_jvp
    def f(p, y):
        return {"sum": p["a"] + y, "product": (p["a"] * y, p["b"])}

    @f.defjvp
    def rule(primals, tangents):
        (p, y), (dp, dy) = primals, tangents
        assert set(dp) == {"a", "b"}
        return f(p, y), {"sum": 2 * dp["a"], "product": (dy, 7 * dp["b"])}

    def total(p, y):
        out = f(p, y)
        return out["sum"] + 10 * out["product"][0] + 100 * out["product"][1].sum()

    p = {"a": 2.0, "b": V}
    gp, gy = run(grad(total, (0, 1)))(p, 3.0)
    assert gp["a"] == 2.0 and gy == 10.0
    np.testing.assert_array_equal(gp["b"], [700.0] * 3)
    rows = run(vmap(grad(total), (None, 0)))(p, V)
    np.testing.assert_array_equal(rows["a"], [2.0] * 3)


@RUN
def test_integer_arguments_have_float0_tangents(run):
    seen = []

    @custom_jvp
    def pick(x, i):
        return x[i], i

    @pick.defjvp
    def rule(primals, tangents):
        (x, i), (t, di) = primals, tangents
        seen.append(di.dtype)
        return pick(x, i), (2 * t[i], di)

    np.testing.assert_array_equal(run(grad(lambda x: pick(x, 1)[0]))(V), [0.0, 2.0, 0.0])
    assert seen[0] == float0
    rows = run(vmap(grad(lambda x, i: pick(x, i)[0]), (None, 0)))(V, np.array([0, 2]))
    np.testing.assert_array_equal(rows, [[2.0, 0.0, 0.0], [0.0, 0.0, 2.0]])


@RUN
@pytest.mark.parametrize("nondiff", [{"nondiff_argnums": (0, 2)}, {"nondiff_argnames": ("f", "n")}])
def test_arguments_without_derivative(run, nondiff):
    @partial(custom_jvp, **nondiff)
    def apply(f, x, n):
        for _ in range(n):
            x = f(x)
        return x

    @apply.defjvp
    def rule(f, n, primals, tangents):
        (x,), (t,) = primals, tangents
        return apply(f, x, n), n * f(x) * t

    assert run(grad(lambda x: apply(fnp.sin, x, 2)))(0.5) == 2 * np.sin(0.5)
    assert run(grad(lambda x: apply(f=fnp.sin, n=2, x=x)))(0.5) == 2 * np.sin(0.5)
    np.testing.assert_allclose(run(vmap(grad(lambda x: apply(fnp.exp, x, 1))))(V), np.exp(V))


def test_one_argument_without_derivative_as_int_and_defaults():
    @partial(custom_jvp, nondiff_argnums=1)
    def f(x, mode="a"):
        return x * (2 if mode == "a" else 3)

    @f.defjvp
    def rule(mode, primals, tangents):
        return f(primals[0], mode), (20 if mode == "a" else 30) * tangents[0]

    assert grad(f)(1.0) == 20.0 and grad(f)(1.0, "b") == 30.0
    assert grad(lambda x: f(x, mode="b"))(1.0) == 30.0
    assert f(1.0, mode="b") == 3.0


def test_keyword_arguments_take_their_positions():
    @custom_jvp
    def f(x, y=2.0):
        return x * y

    f.defjvps(lambda t, out, x, y: t * 10, lambda t, out, x, y: t * 100)
    assert grad(lambda x: f(y=x, x=x))(1.0) == 110.0
    assert grad(lambda x: f(x))(1.0) == 10.0


# ---- closures, known values, float32


@RUN
def test_closing_over_outer_values(run):
    def outer(a, x):
        @custom_jvp
        def f(x):
            return x * a

        f.defjvps(lambda t, out, x: 5 * a * t)
        return f(x)

    assert run(outer)(3.0, 2.0) == 6.0
    assert run(grad(outer, 1))(3.0, 2.0) == 15.0  # the closed-over value is not differentiated
    np.testing.assert_array_equal(run(vmap(grad(outer, 1), (0, None)))(V, 2.0), 5 * V)
    with pytest.raises(CustomRuleError, match=r"f closes over a value.*pass.*as an argument"):
        run(grad(outer, 0))(3.0, 2.0)
    assert run(grad(lambda a: outer(lax.stop_gradient(a), 2.0) + a))(3.0) == 1.0


def test_functions_and_rules_see_known_values():
    @custom_jvp
    def f(x):
        return x if x > 0 else -x

    @f.defjvp
    def rule(primals, tangents):
        (x,), (t,) = primals, tangents
        return f(x), 10 * t if x > 0 else -10 * t

    assert f(-2.0) == 2.0
    assert grad(f)(2.0) == 10.0 and grad(f)(-2.0) == -10.0
    assert jvp(f, (-2.0,), (1.0,)) == (2.0, -10.0)


@RUN
def test_float32(run):
    x = V.astype(np.float32)
    assert run(lambda x: jvp(tripled, (x,), (x,)))(x)[1].dtype == np.float32
    assert run(grad(lambda x: tripled(x).sum()))(x).dtype == np.float32


def test_the_plain_function_runs_outside_of_traces():
    assert tripled(0.5) == np.sin(0.5)
    assert tripled.__name__ == "tripled" and tripled.__doc__.startswith("sin")


def test_jit_without_derivative_needs_no_rule_that_works():
    @custom_jvp
    def f(x):
        return x * 2

    @f.defjvp
    def rule(primals, tangents):
        raise RuntimeError("mine")

    assert jit(f)(3.0) == 6.0
    np.testing.assert_array_equal(vmap(f)(V), 2 * V)
    for differentiated in (grad(f), jit(grad(f))):
        with pytest.raises(RuntimeError, match="mine"):
            differentiated(3.0)


def test_a_rule_may_be_set_anew():
    f = custom_jvp(lambda x: x)
    f.defjvps(lambda t, out, x: 2 * t)
    assert grad(f)(1.0) == 2.0
    f.defjvps(lambda t, out, x: 3 * t)
    assert grad(f)(1.0) == 3.0


# ---- wrong rules


@pytest.mark.parametrize(
    "rule, text",
    [
        (lambda p, t: p[0], r"must return \(output, tangent\)"),
        (lambda p, t: (p[0], t), r"structures .* the function returns"),
        (lambda p, t: ((p[0],), t[0]), r"structures .* the function returns"),
        (lambda p, t: (p[0], t[0].sum()), r"its tangent has shape \(\).*\(3,\)"),
        (lambda p, t: (p[0][:2], t[0]), r"its output has shape \(2,\).*\(3,\)"),
        (lambda p, t: (p[0], t[0].astype(np.float32)), r"its tangent has dtype float32"),
        (lambda p, t: (p[0], "text"), "'text'"),
    ],
)
def test_rules_of_the_wrong_structure(rule, text):
    @custom_jvp
    def f(x):
        return x

    f.defjvp(rule)
    for transform in (lambda f: jvp(f, (V,), (V,)), lambda f: vjp(f, V)[1](V)):
        with pytest.raises(CustomRuleError, match=rf"rule of custom_jvp of f.*{text}"):
            transform(f)


def test_a_missing_rule():
    @custom_jvp
    def f(x):
        return x

    assert f(1.0) == 1.0
    with pytest.raises(CustomRuleError, match="custom_jvp of f: no rule was given; call f.defjvp"):
        grad(f)(1.0)
