"""custom_vjp, custom_gradient and closure_convert under every transform, and wrong rules."""

from functools import partial

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import (
    closure_convert,
    custom_gradient,
    custom_vjp,
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


@custom_vjp
def tripled(x):
    """sin, with three times its derivative."""
    return fnp.sin(x)


tripled.defvjp(lambda x: (tripled(x), fnp.cos(x)), lambda cos, g: (3.0 * cos * g,))


def once(x):
    return 3 * np.cos(x)


def twice(x):
    return -3 * np.sin(x)


# ---- every transform


@RUN
def test_first_derivatives(run):
    np.testing.assert_allclose(run(tripled)(V), np.sin(V))
    assert run(grad(tripled))(0.5) == once(0.5)
    assert run(lambda x: vjp(tripled, x)[1](2.0)[0])(0.5) == 2 * once(0.5)
    np.testing.assert_allclose(run(jacrev(tripled))(V), np.diag(once(V)))
    np.testing.assert_allclose(run(vmap(tripled))(V), np.sin(V))
    np.testing.assert_allclose(run(vmap(grad(tripled)))(V), once(V))
    np.testing.assert_allclose(run(grad(lambda v: vmap(tripled)(v).sum()))(V), once(V))
    np.testing.assert_allclose(run(vmap(vmap(grad(tripled))))(V[None]), once(V)[None])


@RUN
def test_a_linear_rule_serves_forward_mode_too(run):
    assert run(lambda x: jvp(tripled, (x,), (2.0,))[1])(0.5) == 2 * once(0.5)
    assert run(lambda x: linearize(tripled, x)[1](2.0))(0.5) == 2 * once(0.5)
    np.testing.assert_allclose(run(jacfwd(tripled))(V), np.diag(once(V)))
    np.testing.assert_allclose(run(vmap(lambda x: jvp(tripled, (x,), (1.0,))[1]))(V), once(V))


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
def test_inside_loops_and_branches(run):
    loop = lambda x: lax.fori_loop(0, 2, lambda i, c: tripled(c), x)
    expected = lambda x: once(np.sin(x)) * once(x)
    np.testing.assert_allclose(run(loop)(0.5), np.sin(np.sin(0.5)))
    np.testing.assert_allclose(run(grad(loop))(0.5), expected(0.5))
    np.testing.assert_allclose(run(lambda x: jvp(loop, (x,), (1.0,))[1])(0.5), expected(0.5))
    np.testing.assert_allclose(run(vmap(grad(loop)))(V), expected(V))
    scan = lambda x: lax.scan(lambda c, w: (tripled(c * w), c), x, np.array([1.0, 1.0]))[0]
    np.testing.assert_allclose(run(grad(scan))(0.5), expected(0.5))
    # The rule calls tripled(x), whose own derivative is tripled when the rule is differentiated.
    y = np.sin(0.5)
    second = twice(y) * once(0.5) ** 2 + once(y) * twice(0.5)
    np.testing.assert_allclose(run(grad(grad(scan)))(0.5), second)
    branch = lambda x: lax.cond(x > 0, tripled, lambda y: y, x)
    np.testing.assert_allclose(run(vmap(grad(branch)))(np.array([0.5, -0.5])), [once(0.5), 1.0])
    until = lambda x: lax.while_loop(
        lambda c: c[0] < 2, lambda c: (c[0] + 1, tripled(c[1])), (0, x)
    )[1]
    np.testing.assert_allclose(run(grad(until))(0.5), expected(0.5))


# ---- rules that are not linear


@custom_vjp
def clipped(x):
    return x


clipped.defvjp(lambda x: (x, None), lambda _, g: (fnp.clip(g, -1.0, 1.0),))


@RUN
def test_gradient_clipping(run):
    loss = lambda x: (clipped(x) ** 2).sum()
    np.testing.assert_array_equal(run(grad(loss))(V), [1.0, 1.0, 1.0])
    np.testing.assert_array_equal(run(grad(loss))(V / 10), V / 5)
    np.testing.assert_allclose(run(vmap(grad(lambda x: clipped(x) ** 2)))(V - 1.2), [-1, -0.4, 1])
    loop = lambda x: lax.fori_loop(0, 2, lambda i, c: 3 * clipped(c), x).sum()
    np.testing.assert_array_equal(run(grad(loop))(V), [1.0] * 3)


@RUN
def test_forward_mode_through_a_rule_that_is_not_linear(run):
    for forward in (
        lambda x: jvp(clipped, (x,), (x,)),
        jacfwd(clipped),
        lambda x: linearize(clipped, x)[1](x),
        hessian(lambda x: (clipped(x) ** 2).sum()),
    ):
        with pytest.raises(CustomRuleError, match="forward mode through clipped.*not linear"):
            run(forward)(V)


# ---- arguments, residuals and cotangents


@RUN
def test_residuals_of_every_kind(run):
    @custom_vjp
    def f(x, y):
        return x * y

    def fwd(x, y):
        return f(x, y), {"xy": (x, y), "none": None, "text": "times", "number": 2, "array": V}

    def bwd(kept, g):
        assert kept["none"] is None and kept["text"] == "times" and kept["number"] == 2
        x, y = kept["xy"]
        return 2 * g * y, g * x * kept["array"].sum()

    f.defvjp(fwd, bwd)
    assert run(grad(f, (0, 1)))(3.0, 4.0) == (8.0, 10.5)
    gx, gy = run(vmap(grad(f, (0, 1)), (0, None)))(V, 4.0)
    np.testing.assert_array_equal(gx, [8.0] * 3)
    np.testing.assert_array_equal(gy, 3.5 * V)
    assert run(lambda x: jvp(f, (x, 4.0), (1.0, 0.0))[1])(3.0) == 8.0


@RUN
def test_no_cotangent_for_an_argument_or_a_leaf(run):
    @custom_vjp
    def f(p, y, i):
        return p["a"] * y + p["b"] * i

    f.defvjp(lambda *args: (f(*args), args), lambda kept, g: ({"a": 5 * g, "b": None}, None, None))
    gp, gy = run(grad(f, (0, 1)))({"a": 1.0, "b": 2.0}, 3.0, np.int64(2))
    assert gp == {"a": 5.0, "b": 0.0} and gy == 0.0
    assert (
        run(lambda y: jvp(f, ({"a": 1.0, "b": 2.0}, y, 2), ({"a": 1.0, "b": 1.0}, 1.0, None))[1])(
            3.0
        )
        == 5.0
    )


@RUN
def test_integer_arguments_and_outputs(run):
    @custom_vjp
    def pick(x, i):
        return x[i], i + 1

    def bwd(kept, g):
        i, n = kept
        assert g[1].dtype == float0
        return fnp.zeros(n).at[i].set(2 * g[0]), np.zeros((), float0)

    pick.defvjp(lambda x, i: (pick(x, i), (i, 3)), bwd)
    y, slope = run(lambda x: (pick(x, 1)[1], grad(lambda x: pick(x, 1)[0])(x)))(V)
    assert y == 2
    np.testing.assert_array_equal(slope, [0.0, 2.0, 0.0])
    rows = run(vmap(grad(lambda x, i: pick(x, i)[0]), (None, 0)))(V, np.array([0, 2]))
    np.testing.assert_array_equal(rows, [[2.0, 0.0, 0.0], [0.0, 0.0, 2.0]])


@RUN
@pytest.mark.parametrize("nondiff", [{"nondiff_argnums": (0, 2)}, {"nondiff_argnames": ("f", "n")}])
def test_arguments_without_derivative(run, nondiff):
    @partial(custom_vjp, **nondiff)
    def apply(f, x, n):
        for _ in range(n):
            x = f(x)
        return x

    apply.defvjp(lambda f, x, n: (apply(f, x, n), x), lambda f, n, x, g: (n * f(x) * g,))
    assert run(grad(lambda x: apply(fnp.sin, x, 2)))(0.5) == 2 * np.sin(0.5)
    assert run(grad(lambda x: apply(fnp.sin, n=2, x=x)))(0.5) == 2 * np.sin(0.5)
    np.testing.assert_allclose(run(vmap(grad(lambda x: apply(fnp.exp, x, 1))))(V), np.exp(V))


@RUN
def test_cotangents_that_are_shared_by_all_rows_of_a_map(run):
    @custom_vjp
    def f(w, x):
        return (w * x).sum()

    f.defvjp(lambda w, x: (f(w, x), (w, x)), lambda kept, g: (10 * g * kept[1], 10 * g * kept[0]))
    batch = np.stack([V, 2 * V])
    loss = lambda w, xs: vmap(f, (None, 0))(w, xs).sum()
    gw, gx = run(grad(loss, (0, 1)))(V, batch)
    np.testing.assert_allclose(gw, 10 * batch.sum(0))
    np.testing.assert_allclose(gx, 10 * np.stack([V, V]))
    np.testing.assert_allclose(run(vmap(grad(f), (None, 0)))(V, batch), 10 * batch)
    tangent = run(lambda w: jvp(lambda w: loss(w, batch), (w,), (np.ones(3),))[1])(V)
    np.testing.assert_allclose(tangent, 10 * batch.sum())


def test_rules_see_known_values():
    @custom_vjp
    def f(x):
        return abs(x)

    def fwd(x):
        return f(x), ("up", None) if x > 0 else ("down", x)

    def bwd(kept, g):
        return (10 * g if kept[0] == "up" else -10 * g if kept[1] > -5 else 0 * g,)

    f.defvjp(fwd, bwd)
    assert grad(f)(2.0) == 10.0 and grad(f)(-2.0) == -10.0 and grad(f)(-7.0) == 0.0
    assert jvp(f, (-2.0,), (1.0,)) == (2.0, -10.0)
    assert grad(lambda x: f(x) * x)(2.0) == 22.0


@RUN
def test_closing_over_outer_values(run):
    def outer(a, x):
        @custom_vjp
        def f(x):
            return x * a

        f.defvjp(lambda x: (f(x), None), lambda _, g: (5 * a * g,))
        return f(x)

    assert run(grad(outer, 1))(3.0, 2.0) == 15.0
    np.testing.assert_array_equal(run(vmap(grad(outer, 1), (0, None)))(V, 2.0), 5 * V)
    assert run(lambda x: jvp(lambda x: outer(3.0, x), (x,), (1.0,))[1])(2.0) == 15.0
    with pytest.raises(CustomRuleError, match=r"f closes over a value.*pass.*as an argument"):
        run(grad(outer, 0))(3.0, 2.0)


@RUN
def test_float32_and_jitted_parts(run):
    f = custom_vjp(jit(lambda x: x * x))
    f.defvjp(jit(lambda x: (f(x), x)), jit(lambda x, g: (5 * x * g,)))
    x = V.astype(np.float32)
    slope = run(grad(lambda x: f(x).sum()))(x)
    assert slope.dtype == np.float32
    np.testing.assert_array_equal(slope, 5 * x)
    assert run(grad(grad(f)))(2.0) == 5.0


def test_a_fixed_point_with_the_implicit_rule():
    @partial(custom_vjp, nondiff_argnums=(0,))
    def fixed_point(f, a, x0):
        return lax.while_loop(lambda x: abs(f(a, x) - x) > 1e-12, lambda x: f(a, x), x0)

    def fwd(f, a, x0):
        x = fixed_point(f, a, x0)
        return x, (a, x)

    def bwd(f, kept, g):
        a, x = kept
        _, pull_x = vjp(lambda x: f(a, x), x)
        _, pull_a = vjp(lambda a: f(a, x), a)
        u = lax.fori_loop(0, 60, lambda i, u: g + pull_x(u)[0], g)
        return pull_a(u)[0], None

    fixed_point.defvjp(fwd, bwd)
    root = lambda a: fixed_point(lambda a, x: 0.5 * (x + a / x), a, 1.0)
    for f in (grad(root), jit(grad(root)), lambda a: vmap(grad(root))(fnp.stack([a]))[0]):
        np.testing.assert_allclose(f(2.0), 0.5 / np.sqrt(2.0), rtol=1e-8)


# ---- wrong rules


NESTED = {"w": 2.0, "bias": None, "inner": {"a": 1.0, "c": np.ones(2)}}


@pytest.mark.parametrize("run", [lambda f: f, jit], ids=["eager", "jit"])
@pytest.mark.parametrize(
    ("cotangent", "of_a"),
    [
        (lambda g: {"w": g, "bias": None, "inner": {"a": g, "c": None}}, 1.0),
        (lambda g: {"w": g, "bias": None, "inner": None}, 0.0),
        (lambda g: {"w": g, "bias": g, "inner": None}, 0.0),  # what has no leaves needs none
    ],
)
def test_none_stands_for_zeros_of_all_below_it(run, cotangent, of_a):
    f = custom_vjp(lambda p, x: x * (p["w"] + p["inner"]["a"]))
    f.defvjp(lambda p, x: (f(p, x), None), lambda kept, g: (cotangent(g), g))
    of_p, of_x = run(grad(f, (0, 1)))(NESTED, 3.0)
    assert (of_p["w"], of_p["bias"], of_p["inner"]["a"], of_x) == (1.0, None, of_a, 1.0)
    assert of_p["inner"]["c"].tolist() == [0.0, 0.0]


def test_a_cotangent_does_not_stand_for_several_leaves():
    f = custom_vjp(lambda p: p["w"] * 1.0)
    f.defvjp(lambda p: (f(p), None), lambda kept, g: ({"w": g, "bias": None, "inner": g},))
    with pytest.raises(CustomRuleError, match=r"'inner': \*, 'w': \*}.*, the argument"):
        grad(f)(NESTED)


@pytest.mark.parametrize(
    "bwd, text",
    [
        (lambda kept, g: g, "a tuple with one cotangent per argument, 2"),
        (lambda kept, g: (g,), "2, got 1"),
        (lambda kept, g: (g, g, g), "2, got 3"),
        (lambda kept, g: ({"b": g}, g), r"argument 0 has the structure .*'b'.*'a'"),
        (lambda kept, g: ({"a": g[:2]}, g), r"argument 0\['a'\] has shape \(2,\).*\(3,\)"),
        (lambda kept, g: ({"a": g}, g.astype(np.float32)), r"argument 1 has dtype float32"),
        (lambda kept, g: ({"a": "text"}, g), "'text'"),
    ],
)
def test_backward_rules_of_the_wrong_structure(bwd, text):
    @custom_vjp
    def f(p, y):
        return p["a"] * y

    f.defvjp(lambda p, y: (f(p, y), None), bwd)
    for run in (lambda f: f, jit):
        with pytest.raises(CustomRuleError, match=rf"the backward rule of f.*{text}"):
            run(grad(lambda x: f({"a": x}, x).sum()))(V)


@pytest.mark.parametrize(
    "fwd, text",
    [
        (lambda x: x, r"fwd must return \(output, residuals\)"),
        (lambda x: (x, x, x), r"fwd must return \(output, residuals\)"),
        (lambda x: ((x, x), None), "returned the structure"),
        (lambda x: (x[:2], None), r"output has shape \(2,\)"),
    ],
)
def test_forward_rules_of_the_wrong_structure(fwd, text):
    @custom_vjp
    def f(x):
        return x

    f.defvjp(fwd, lambda kept, g: (g,))
    with pytest.raises(CustomRuleError, match=rf"f.*{text}"):
        grad(lambda x: f(x).sum())(V)
    np.testing.assert_array_equal(vmap(f)(V), V)  # without a derivative the rule is not needed


def test_a_missing_rule():
    f = custom_vjp(lambda x: x)
    assert f(1.0) == 1.0
    with pytest.raises(CustomRuleError, match="no rule was given; call"):
        grad(f)(1.0)


# ---- custom_gradient and closure_convert


@RUN
def test_custom_gradient(run):
    @custom_gradient
    def f(x, y):
        """A product."""
        z = fnp.sin(x)
        return z * y, lambda g: (10 * g * fnp.cos(x) * y, g * z)

    assert f(0.5, 2.0) == np.sin(0.5) * 2 and f.__doc__ == "A product."
    gx, gy = run(grad(f, (0, 1)))(0.5, 2.0)
    np.testing.assert_allclose([gx, gy], [10 * np.cos(0.5) * 2, np.sin(0.5)])
    np.testing.assert_allclose(run(vmap(grad(f), (0, None)))(V, 2.0), 20 * np.cos(V))
    np.testing.assert_allclose(run(grad(grad(f)))(0.5, 2.0), -20 * np.sin(0.5))
    np.testing.assert_allclose(
        run(lambda x: jvp(f, (x, 2.0), (1.0, 0.0))[1])(0.5), 20 * np.cos(0.5)
    )


@RUN
def test_custom_gradient_of_one_argument_and_of_pytrees(run):
    f = custom_gradient(lambda x: (x**2, lambda g: 10 * g * x))
    assert run(grad(f))(3.0) == 30.0
    h = custom_gradient(lambda p: (p["a"] * p["b"], lambda g: ({"a": g, "b": 2 * g},)))
    assert run(grad(h))({"a": 3.0, "b": 4.0}) == {"a": 1.0, "b": 2.0}
    single = custom_gradient(lambda p: (p["a"] * p["b"], lambda g: {"a": g, "b": 2 * g}))
    assert run(grad(single))({"a": 3.0, "b": 4.0}) == {"a": 1.0, "b": 2.0}
    pair = custom_gradient(lambda t: (t[0] * t[1], lambda g: ((g, 2 * g),)))
    assert run(grad(pair))((3.0, 4.0)) == (1.0, 2.0)


def test_custom_gradient_of_the_wrong_structure():
    f = custom_gradient(lambda x, y: (x * y, lambda g: g))
    with pytest.raises(CustomRuleError, match="one cotangent per argument, 2"):
        grad(f)(1.0, 2.0)
    with pytest.raises(CustomRuleError, match=r"must return \(output, pull_back\)"):
        grad(custom_gradient(lambda x: x))(1.0)


@RUN
def test_closure_convert(run):
    def minimize(f, x):
        converted, hoisted = closure_convert(f, x)
        return implicit(converted, x, *hoisted)

    @partial(custom_vjp, nondiff_argnums=(0,))
    def implicit(f, x, *closed):
        return f(x, *closed)

    implicit.defvjp(
        lambda f, x, *closed: (implicit(f, x, *closed), (x, closed)),
        lambda f, kept, g: tuple(10 * c for c in vjp(f, kept[0], *kept[1])[1](g)),
    )
    loss = lambda a, x: minimize(lambda y: y * a * a + V.sum(), x)
    assert run(loss)(3.0, 2.0) == 21.5
    assert run(grad(loss))(3.0, 2.0) == 10 * 2 * 2 * 3.0
    assert run(grad(loss, 1))(3.0, 2.0) == 90.0
    np.testing.assert_allclose(run(vmap(grad(loss), (0, None)))(V, 2.0), 40 * V)


def test_closure_convert_outside_of_traces_and_with_pytrees():
    f, hoisted = closure_convert(lambda p, y: {"z": p["a"] * y}, {"a": 1.0}, 2.0)
    assert hoisted == []
    assert f({"a": 3.0}, 4.0) == {"z": 12.0}
    assert grad(lambda x: f({"a": x}, 4.0)["z"])(1.0) == 4.0
    with pytest.raises(TypeError, match="closure_convert: expected a function"):
        closure_convert(3, 1.0)
