"""jvp, vjp, linearize and linear_transpose: structures, dtypes, nesting, and mismatches."""

from collections import namedtuple

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import (
    ShapeDtypeStruct,
    float0,
    grad,
    jit,
    jvp,
    lax,
    linear_transpose,
    linearize,
    vjp,
    vmap,
)
from fungrad.errors import LinearityError, TangentMismatchError, TreeMismatchError

RUN = pytest.mark.parametrize("run", [lambda f: f, jit], ids=["eager", "jit"])
Pair = namedtuple("Pair", "a b")
X = np.array([0.3, -1.2, 2.0])
T = np.array([1.0, 2.0, -0.5])


def tree_function(p, y):
    return {"product": p.a * y["w"], "sum": [fnp.sin(p.b).sum(), None]}


P, Y = Pair(2.0, X), {"w": X + 1}
DP, DY = Pair(0.5, T), {"w": T * 2}
DERIVATIVE = {"product": 0.5 * (X + 1) + 2.0 * 2 * T, "sum": np.sum(np.cos(X) * T)}


# ---- jvp


@RUN
def test_jvp_of_pytrees(run):
    y, dy = run(lambda *v: jvp(tree_function, v[:2], v[2:]))(P, Y, DP, DY)
    np.testing.assert_allclose(y["product"], 2 * (X + 1))
    np.testing.assert_allclose(dy["product"], DERIVATIVE["product"])
    np.testing.assert_allclose(dy["sum"][0], DERIVATIVE["sum"])
    assert y["sum"][1] is None and dy["sum"][1] is None


def test_primals_and_tangents_are_tuples_or_lists():
    assert jvp(lambda x: x * x, [3.0], [1.0]) == (9.0, 6.0)
    assert jvp(lambda x: x * x, (3.0,), [1.0]) == (9.0, 6.0)
    with pytest.raises(
        TypeError, match=r"jvp of sin: primals and tangents must be tuples or lists"
    ):
        jvp(np.sin, 3.0, 1.0)
    with pytest.raises(TypeError, match="jvp: expected a function"):
        jvp(3.0, (3.0,), (1.0,))


def test_integer_arguments_have_float0_or_no_tangents():
    f = lambda x, i, flag: (fnp.where(flag, x[i], 0.0), i + 1)
    zero = np.zeros((), float0)
    for di, dflag in [(None, None), (zero, zero), (None, zero)]:
        y, dy = jvp(f, (X, np.int64(1), True), (T, di, dflag))
        assert y == (X[1], 2)
        assert dy[0] == T[1] and dy[1].dtype == float0
    y, dy = jvp(lambda x, i: x[i], (X, 2), (T, None))  # a Python int without a tangent stays one
    assert y == X[2] and dy == T[2]


def test_a_float_may_go_without_a_tangent():
    y, dy = jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, None))
    assert y == 6.0 and dy == 3.0
    y, dy = jvp(lambda p: p["a"] * p["b"], ({"a": 2.0, "b": 3.0},), ({"a": None, "b": 1.0},))
    assert dy == 2.0
    y, dy = jvp(lambda x: x * 2, (X,), (None,))
    np.testing.assert_array_equal(dy, np.zeros(3))


def test_python_ints_promote_where_they_have_tangents():
    y, dy = jvp(lambda x: x * x, (3,), (1,))
    assert y == 9.0 and dy == 6.0 and type(dy) is np.float64


@RUN
def test_jvp_keeps_float32(run):
    x = X.astype(np.float32)
    y, dy = run(lambda x, t: jvp(lambda x: fnp.exp(x) * 2.0, (x,), (t,)))(x, x)
    assert y.dtype == dy.dtype == np.float32
    y, dy = jvp(lambda x: x * 2, (np.float32(1),), (1.0,))
    assert type(dy) is np.float32


def test_jvp_with_aux():
    y, dy, aux = jvp(lambda x: (x * x, ("text", x)), (3.0,), (1.0,), has_aux=True)
    assert (y, dy) == (9.0, 6.0) and aux == ("text", 3.0)


def test_outputs_that_do_not_depend_on_the_input():
    y, dy = jvp(lambda x: (1.0, np.arange(2), fnp.ones(3), None), (2.0,), (1.0,))
    assert dy[0] == 0.0 and dy[1].dtype == float0 and dy[3] is None
    np.testing.assert_array_equal(dy[2], np.zeros(3))


def test_results_of_jvp_share_no_memory():
    x, t = np.ones(3), np.ones(3)
    y, dy = jvp(lambda x: x, (x,), (t,))
    y += 1
    dy += 1
    np.testing.assert_array_equal(x, np.ones(3))
    np.testing.assert_array_equal(t, np.ones(3))


# ---- vjp and linearize


@RUN
def test_vjp_of_pytrees(run):
    def both(p, y, c):
        out, pull_back = vjp(tree_function, p, y)
        return out, pull_back(c)

    ct = {"product": T, "sum": [2.0, None]}
    out, (dp, dy) = run(both)(P, Y, ct)
    assert type(dp) is Pair and out["sum"][1] is None
    np.testing.assert_allclose(dp.a, T @ (X + 1))
    np.testing.assert_allclose(dp.b, 2 * np.cos(X))
    np.testing.assert_allclose(dy["w"], 2 * T)


@RUN
def test_linearize_of_pytrees(run):
    def both(p, y, dp, dy):
        out, push_forward = linearize(tree_function, p, y)
        return out, push_forward(dp, dy)

    _, dout = run(both)(P, Y, DP, DY)
    np.testing.assert_allclose(dout["product"], DERIVATIVE["product"])
    np.testing.assert_allclose(dout["sum"][0], DERIVATIVE["sum"])
    assert dout["sum"][1] is None


def test_integers_in_vjp_and_linearize():
    f = lambda x, i: (x[i] * 2, i)
    y, pull_back = vjp(f, X, np.int64(1))
    gx, gi = pull_back((1.0, np.zeros((), float0)))
    np.testing.assert_array_equal(gx, [0.0, 2.0, 0.0])
    assert gi.dtype == float0
    gx, _ = pull_back((1.0, None))
    np.testing.assert_array_equal(gx, [0.0, 2.0, 0.0])
    y, push_forward = linearize(f, X, np.int64(1))
    for tangent in (np.zeros((), float0), None):
        dy = push_forward(T, tangent)
        assert dy[0] == 2 * T[1] and dy[1].dtype == float0


def test_a_missing_cotangent_is_zero():
    _, pull_back = vjp(lambda x: (x * 2, {"b": x * 3}), 1.0)
    assert pull_back((1.0, {"b": None})) == (2.0,)
    assert pull_back((None, {"b": 1.0})) == (3.0,)
    assert pull_back((None, {"b": None})) == (0.0,)
    _, push_forward = linearize(lambda x, y: x * y, 2.0, 3.0)
    assert push_forward(None, 1.0) == 2.0


def test_aux_of_vjp_and_linearize():
    f = lambda x: ({"y": x * x}, ["text", x, None])
    y, pull_back, aux = vjp(f, 3.0, has_aux=True)
    assert y == {"y": 9.0} and aux == ["text", 3.0, None]
    assert pull_back({"y": 1.0}) == (6.0,)
    y, push_forward, aux = linearize(f, 3.0, has_aux=True)
    assert y == {"y": 9.0} and aux == ["text", 3.0, None]
    assert push_forward(1.0) == {"y": 6.0}


def test_pull_backs_and_push_forwards_are_functions_of_their_own():
    y, pull_back = vjp(lambda x: fnp.sin(x) * x, X)
    first = pull_back(np.ones(3))[0]
    first += 100.0
    y += 100.0
    second = pull_back(np.ones(3))[0]
    np.testing.assert_allclose(second, np.cos(X) * X + np.sin(X))
    rows = vmap(lambda c: pull_back(c)[0])(np.eye(3))
    np.testing.assert_allclose(rows, np.diag(second))
    np.testing.assert_allclose(jit(lambda c: pull_back(c)[0])(np.ones(3)), second)
    _, push_forward = linearize(lambda x: fnp.sin(x) * x, X)
    np.testing.assert_allclose(vmap(push_forward)(np.eye(3)), np.diag(second))
    np.testing.assert_allclose(jit(push_forward)(np.ones(3)), second)
    # They are linear, so that their own derivative is themselves.
    np.testing.assert_allclose(jvp(push_forward, (X,), (T,))[1], second * T)
    np.testing.assert_allclose(vjp(lambda c: pull_back(c)[0], X)[1](T)[0], second * T)


def test_a_pull_back_holds_the_arguments_as_they_were():
    x, matrix = X.copy(), np.eye(3) + 1
    _, pull_back = vjp(lambda x, m: (x * x + m.T @ x).sum(), x, matrix)
    _, push_forward = linearize(lambda x: x * x, x)
    x[:] = 100.0
    matrix[:] = 100.0
    np.testing.assert_allclose(pull_back(1.0)[0], 2 * X + 4.0)
    np.testing.assert_allclose(pull_back(1.0)[1], np.outer(X, np.ones(3)))
    np.testing.assert_allclose(push_forward(np.ones(3)), 2 * X)
    y, pull_back = vjp(fnp.exp, X)
    y[:] = 100.0
    np.testing.assert_allclose(pull_back(np.ones(3))[0], np.exp(X))


def test_results_of_pull_backs_share_no_memory():
    c = np.ones(3)
    gx, gy = vjp(lambda x, y: x + y, X, X)[1](c)
    gx += 1.0
    np.testing.assert_array_equal(gy, np.ones(3))
    np.testing.assert_array_equal(c, np.ones(3))
    dy, dz = linearize(lambda x: (x, x), X)[1](c)
    dy += 1.0
    np.testing.assert_array_equal(dz, np.ones(3))
    (g,) = linear_transpose(lambda x: x, X)(c)
    g += 1.0
    np.testing.assert_array_equal(c, np.ones(3))


def test_a_pull_back_of_an_outer_trace():
    def f(x):
        y, pull_back = vjp(lambda z: fnp.sin(z) * x, x * x)  # x cos(z), and sin(z)
        return pull_back(y)[0]

    expected = lambda x: x * np.cos(x * x) * np.sin(x * x) * x
    np.testing.assert_allclose(f(0.7), expected(0.7))
    numeric = (expected(0.7 + 1e-6) - expected(0.7 - 1e-6)) / 2e-6
    np.testing.assert_allclose(grad(f)(0.7), numeric, rtol=1e-8)
    np.testing.assert_allclose(jit(grad(f))(0.7), numeric, rtol=1e-8)
    np.testing.assert_allclose(vmap(grad(f))(np.array([0.7]))[0], numeric, rtol=1e-8)
    np.testing.assert_allclose(jvp(f, (0.7,), (1.0,))[1], numeric, rtol=1e-8)


def forward(f):
    return lambda x: jvp(f, (x,), (1.0,))[1]


def linear(f):
    return lambda x: linearize(f, x)[1](1.0)


def backward(f):
    return lambda x: vjp(f, x)[1](1.0)[0]


def batched(f):
    return lambda x: vmap(f)(fnp.stack([x, x + 1.0]))[0]


@pytest.mark.parametrize("outer", [forward, linear, backward, grad])
@pytest.mark.parametrize("middle", [jit, batched, lambda f: f], ids=["jit", "vmap", "plain"])
@pytest.mark.parametrize("inner", [forward, linear, backward, grad])
def test_second_derivatives_in_every_order(outer, middle, inner):
    f = lambda x: fnp.tanh(x) * x
    second = lambda x: 2 * (1 - np.tanh(x) ** 2) * (1 - x * np.tanh(x))
    np.testing.assert_allclose(outer(middle(inner(f)))(0.4), second(0.4), rtol=1e-12)


@pytest.mark.parametrize("transform", [forward, linear, backward, grad])
def test_third_derivatives_inside_jit_and_vmap(transform):
    third = transform(transform(transform(fnp.sin)))
    np.testing.assert_allclose(third(0.3), -np.cos(0.3), rtol=1e-12)
    np.testing.assert_allclose(jit(third)(0.3), -np.cos(0.3), rtol=1e-12)
    np.testing.assert_allclose(vmap(third)(X), -np.cos(X), rtol=1e-12)


def test_complex_products_follow_the_convention():
    z, t = 1.0 + 2.0j, 0.5 - 1.0j
    y, dz = jvp(lambda z: z * z, (z,), (t,))
    assert dz == 2 * z * t
    _, pull_back = vjp(lambda z: z * z, z)
    assert pull_back(t) == (2 * z * t,)  # without conjugation, as in JAX
    _, pull_back = vjp(lambda x: x * z, 3.0)
    assert pull_back(t) == ((z * t).real,)
    y, pushed = linearize(lambda z: z.real * z.imag, z)
    np.testing.assert_allclose(pushed(t), 2.0 * t.real + 1.0 * t.imag)


def test_the_forward_function_runs_once():
    calls = []

    def f(x):
        calls.append(1)
        return x * x

    _, pull_back = vjp(f, 3.0)
    pull_back(1.0), pull_back(2.0)
    _, push_forward = linearize(f, 3.0)
    push_forward(1.0), push_forward(2.0)
    assert len(calls) == 2


# ---- linear_transpose


def test_linear_transpose_of_pytrees():
    matrix = np.arange(6.0).reshape(2, 3)
    f = lambda p: {"y": matrix @ p["u"] + 2 * p["v"], "z": p["v"].sum()}
    transposed = linear_transpose(f, {"u": np.zeros(3), "v": np.zeros(2)})
    (result,) = transposed({"y": np.array([1.0, 2.0]), "z": 3.0})
    np.testing.assert_allclose(result["u"], matrix.T @ [1.0, 2.0])
    np.testing.assert_allclose(result["v"], [2 + 3.0, 4 + 3.0])
    back = linear_transpose(transposed, {"y": np.zeros(2), "z": 0.0})
    (again,) = back(({"u": np.ones(3), "v": np.ones(2)},))
    np.testing.assert_allclose(again["y"], matrix.sum(1) + 2)


def test_linear_transpose_needs_types_only():
    struct = ShapeDtypeStruct((3,), np.float32)
    transposed = linear_transpose(lambda x: 2 * x[::-1], struct)
    (result,) = transposed(np.arange(3, dtype=np.float32))
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, [4.0, 2.0, 0.0])
    two = linear_transpose(lambda x, y: x - 3 * y, struct, struct)
    x, y = two(np.ones(3, np.float32))
    np.testing.assert_array_equal(y, [-3.0] * 3)


def test_linear_transpose_through_other_transforms():
    f = lambda x: fnp.cumsum(x) * 2
    expected = np.array([3.0, 2.0, 1.0]) * 2
    np.testing.assert_allclose(linear_transpose(jit(f), X)(np.ones(3))[0], expected)
    np.testing.assert_allclose(jit(linear_transpose(f, X))(np.ones(3))[0], expected)
    rows = vmap(linear_transpose(f, X))(np.ones((2, 3)))[0]
    np.testing.assert_allclose(rows, [expected, expected])
    outer = lambda w: (linear_transpose(lambda x: w * x, X)(w)[0] * w).sum()
    np.testing.assert_allclose(grad(outer)(X), 3 * X**2)
    loop = lambda x: lax.scan(lambda c, v: (c * 0.5 + v, c), x[0], x)[0]
    (slope,) = linear_transpose(loop, X)(1.0)
    np.testing.assert_allclose(slope, grad(loop)(X))


def test_constants_and_unused_inputs_of_a_linear_function():
    (result,) = linear_transpose(lambda x: fnp.zeros(2), X)(np.ones(2))
    np.testing.assert_array_equal(result, np.zeros(3))
    x, y = linear_transpose(lambda x, y: x, 1.0, X)(2.0)
    assert x == 2.0
    np.testing.assert_array_equal(y, np.zeros(3))


@pytest.mark.parametrize(
    "f", [np.sin, lambda x: x * x, lambda x: 1 / x, lambda x: fnp.where(x > 0, x, 0.0)]
)
def test_functions_that_are_not_linear(f):
    with pytest.raises(LinearityError):
        linear_transpose(f, 1.0)(1.0)


# ---- mismatches


def test_structures_that_do_not_match():
    f = lambda p: p["a"] * 2
    with pytest.raises(
        TreeMismatchError, match=r"jvp of <lambda>: the primals have.*'a'.*tangents"
    ):
        jvp(f, ({"a": 1.0},), ({"b": 1.0},))
    with pytest.raises(TreeMismatchError, match="jvp of sin"):
        jvp(np.sin, (1.0,), (1.0, 2.0))
    with pytest.raises(TreeMismatchError, match=r"vjp of <lambda>.*output.*cotangent"):
        vjp(lambda x: (x, x), 1.0)[1](1.0)
    with pytest.raises(TreeMismatchError, match=r"linearize of <lambda>.*arguments.*tangents"):
        linearize(f, {"a": 1.0})[1](1.0)
    with pytest.raises(TreeMismatchError, match="linearize of sin"):
        linearize(np.sin, 1.0)[1](1.0, 2.0)
    with pytest.raises(TreeMismatchError, match="linear_transpose of <lambda>"):
        linear_transpose(lambda x: (x, x), 1.0)(1.0)


@pytest.mark.parametrize("bad", [np.ones(2), np.ones((3, 1)), 1.0])
def test_shapes_that_do_not_match(bad):
    x = {"a": [X]}
    f = lambda p: p["a"][0] * 2
    what = rf"\['a'\]\[0\] has shape \({', '.join(map(str, np.shape(bad)))},?\)"
    with pytest.raises(TangentMismatchError, match=rf"jvp of <lambda>: the tangent.*{what}"):
        jvp(f, (x,), ({"a": [bad]},))
    with pytest.raises(TangentMismatchError, match=rf"linearize of <lambda>: the tangent.*{what}"):
        linearize(f, x)[1]({"a": [bad]})
    with pytest.raises(TangentMismatchError, match="vjp of <lambda>: the cotangent has shape"):
        vjp(f, x)[1](bad)
    with pytest.raises(TangentMismatchError, match=r"the cotangent at \['y'\] has shape"):
        vjp(lambda x: {"y": x}, X)[1]({"y": bad})


def test_dtypes_that_do_not_match():
    x = X.astype(np.float32)
    with pytest.raises(TangentMismatchError, match=r"dtype float64.*float32.*astype"):
        jvp(fnp.sin, (x,), (T,))
    with pytest.raises(TangentMismatchError, match="cotangent.*float64.*float32"):
        vjp(fnp.sin, x)[1](T)
    with pytest.raises(TangentMismatchError, match="complex"):
        jvp(fnp.sin, (1.0,), (1j,))
    with pytest.raises(TangentMismatchError, match=r"\[1\] has dtype int64, which has no tangent"):
        jvp(lambda x, i: x, (X, np.int64(1)), (T, 1.0))
    with pytest.raises(TangentMismatchError, match="argument 1 has no tangent"):
        linearize(lambda x, i: x, X, np.int64(1))[1](T, 1.0)


def test_arguments_that_are_no_numbers():
    with pytest.raises(TypeError, match=r"jvp of <lambda>: the argument at \[0\]\['a'\] is 'text'"):
        jvp(lambda p: 1.0, ({"a": "text"},), ({"a": 1.0},))
    with pytest.raises(TypeError, match=r"vjp of <lambda>: argument 0\['a'\] is 'text'"):
        vjp(lambda p: 1.0, {"a": "text"})
    with pytest.raises(TypeError, match=r"jvp of sin: the tangent at \[0\] is 'text'"):
        jvp(np.sin, (1.0,), ("text",))
    with pytest.raises(TypeError, match=r"vjp of sin: the cotangent is 'text'"):
        vjp(np.sin, 1.0)[1]("text")
