"""vmap: axes, pytrees, names, what it closes over, and what bad input gets."""

from collections import namedtuple

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import grad, jacfwd, jit, jvp, lax, value_and_grad, vmap
from fungrad.errors import AxesError, UnknownAxisNameError, UnknownValueError

RUN = pytest.mark.parametrize("run", [lambda f: f, jit], ids=["eager", "jit"])
Pair = namedtuple("Pair", "a b")
X = np.array([[0.3, -1.2, 2.0], [1.5, 0.1, -0.4]])
V = np.array([1.0, 2.0, 3.0])


# ---- axes


@RUN
@pytest.mark.parametrize("in_axis", [0, 1, 2, -1, -2, -3])
@pytest.mark.parametrize("out_axis", [0, 1, -1, -2])
def test_every_axis_in_and_out(run, in_axis, out_axis):
    x = np.arange(24.0).reshape(2, 3, 4)
    f = lambda m: m.sum(1)
    result = run(vmap(f, in_axis, out_axis))(x)
    rows = [f(m) for m in np.moveaxis(x, in_axis, 0)]
    np.testing.assert_array_equal(result, np.stack(rows, out_axis))


@RUN
def test_axes_as_pytrees(run):
    p = Pair({"u": X, "v": V}, [X.T, 2.0])
    f = lambda p, q: {"y": p.a["u"] * p.a["v"] + p.b[1], "z": (p.b[0] @ q, q)}
    in_axes = (Pair({"u": 0, "v": None}, [1, None]), None)
    out_axes = {"y": 1, "z": (-1, None)}
    result = run(vmap(f, in_axes, out_axes))(p, V)
    np.testing.assert_array_equal(result["y"], (X * V + 2.0).T)
    np.testing.assert_allclose(result["z"][0], X @ V)
    np.testing.assert_array_equal(result["z"][1], V)
    prefix = run(vmap(f, (Pair(None, 0), None), (0)))(Pair(p.a, [X, np.ones(2)]), V)
    assert prefix["y"].shape == (2, 2, 3) and prefix["z"][1].shape == (2, 3)


@RUN
def test_axes_as_lists_and_one_tuple_for_one_argument(run):
    np.testing.assert_allclose(run(vmap(fnp.dot, [0, None]))(X, V), X @ V)
    np.testing.assert_array_equal(run(vmap(lambda x: x.sum(), (1,)))(X), X.sum(0))
    np.testing.assert_array_equal(run(vmap(lambda t: t[0] * t[1], ((0, None),)))((X, V)), X * V)
    np.testing.assert_array_equal(run(vmap(lambda t: t["a"], ({"a": 1},)))({"a": X}), X.T)


@RUN
def test_keyword_arguments_go_over_axis_0(run):
    f = lambda x, *, shift, scale=2.0: x * scale + shift
    expected = V * 2.0 + V
    np.testing.assert_array_equal(run(vmap(f))(V, shift=V), expected)
    np.testing.assert_array_equal(run(vmap(f, (0,)))(V, shift=V, scale=V), V * V + V)
    np.testing.assert_array_equal(vmap(lambda **k: k["a"]["b"] + 1)(a={"b": V}), V + 1)


@RUN
def test_axis_size(run):
    np.testing.assert_array_equal(run(vmap(lambda: 3.0, axis_size=2))(), [3.0, 3.0])
    np.testing.assert_array_equal(run(vmap(lambda x: x, None, axis_size=2))(V), [V, V])
    np.testing.assert_array_equal(vmap(lambda x: x + 1, axis_size=3)(V), V + 1)


@RUN
@pytest.mark.parametrize("dtype", [np.float32, np.int32, bool, np.complex64])
def test_dtypes_are_kept(run, dtype):
    x = np.ones((2, 3), dtype)
    assert run(vmap(lambda x: x[::-1]))(x).dtype == dtype
    assert run(vmap(lambda x: (x, 1)[1]))(x).dtype == np.int64
    if dtype is np.float32:
        assert run(vmap(lambda x: x * 2.0))(x).dtype == dtype


@RUN
def test_an_axis_of_size_0_and_1(run):
    assert run(vmap(lambda x: fnp.sin(x).sum()))(np.zeros((0, 3))).shape == (0,)
    assert run(vmap(lambda x: x, out_axes=1))(np.zeros((0, 3))).shape == (3, 0)
    assert run(vmap(lambda x: x @ x))(V[None]).tolist() == [14.0]


def test_results_are_arrays_of_their_own():
    x = np.ones((2, 3))
    for result in (vmap(lambda r: r)(x), vmap(lambda r: V)(x), vmap(lambda r: r, 0, 1)(x)):
        assert type(result) is np.ndarray and result.flags.writeable and result.flags.owndata
        assert not np.shares_memory(result, x) and not np.shares_memory(result, V)
    first, second = vmap(lambda r: (r + 1, r + 1))(x)
    first += 1
    np.testing.assert_array_equal(second, x + 1)
    a, b = vmap(lambda r: (y := r + 1, y))(x)[:2]
    a += 1
    np.testing.assert_array_equal(b, x + 1)


def test_lists_and_python_numbers_as_arguments():
    np.testing.assert_array_equal(vmap(lambda a, b: a * b)([X[0], X[1]][0], V), X[0] * V)
    np.testing.assert_array_equal(vmap(lambda a, b: a * b, (0, None))(V, 2), V * 2)
    # A list is a pytree, so its numbers have no axis.
    with pytest.raises(AxesError, match=r"argument 0\[0\] of shape \(\)"):
        vmap(lambda a: a)([1.0, 2.0])


# ---- outputs


@RUN
def test_outputs_that_do_not_depend_on_the_input(run):
    f = lambda x: (x * 2, 1.0, V, np.int8(3), fnp.zeros(2), None)
    y, one, v, three, zeros, nothing = run(vmap(f))(V)
    np.testing.assert_array_equal(one, np.ones(3))
    np.testing.assert_array_equal(v, [V, V, V])
    assert three.dtype == np.int8 and three.shape == (3,) and zeros.shape == (3, 2)
    assert nothing is None
    shared = run(vmap(f, out_axes=(0, None, None, None, None, None)))(V)
    assert shared[1] == 1.0 and shared[3] == 3
    np.testing.assert_array_equal(shared[2], V)
    placed = run(vmap(lambda x: V, out_axes=1))(np.zeros(2))
    np.testing.assert_array_equal(placed, np.stack([V, V], 1))


def test_functions_are_called_once_and_may_return_text():
    calls = []

    def f(x):
        calls.append(x.shape)
        return x, "text"

    y, text = vmap(f, out_axes=(0, None))(X)
    assert calls == [(3,)] and text == "text"


# ---- what is not batched stays known


def test_python_branches_on_values_that_all_elements_share():
    def f(x, n, flag):
        y = x
        for _ in range(n):
            y = y * x
        return y if flag else -y

    np.testing.assert_array_equal(vmap(f, (0, None, None))(V, 2, True), V**3)
    np.testing.assert_array_equal(
        vmap(f, (0, None, None))(V, np.int64(1), np.bool_(False)), -(V**2)
    )


def test_python_branches_on_captured_outer_tracers():
    def f(w):
        def row(x):
            return x * w if w > 0 else x - w

        return vmap(row)(V).sum()

    assert grad(f)(2.0) == V.sum()
    assert grad(f)(-2.0) == -3.0
    assert jvp(f, (2.0,), (1.0,))[1] == V.sum()
    with pytest.raises(UnknownValueError, match="vmap"):
        vmap(f)(V)
    with pytest.raises(UnknownValueError):
        jit(f)(2.0)


def test_branches_on_batched_values_name_the_way_out():
    with pytest.raises(UnknownValueError) as error:
        vmap(lambda x: x if x > 0 else -x)(V)
    assert "vmap of <lambda>" in str(error.value) and "where" in str(error.value)
    assert "test_vectorize.py" in str(error.value)
    for convert in (float, int, bool):
        with pytest.raises(UnknownValueError):
            vmap(lambda x, convert=convert: convert(x))(V)


@RUN
def test_nested_maps(run):
    outer = run(vmap(vmap(lambda a, b: a * b, (None, 0)), (0, None)))
    np.testing.assert_array_equal(outer(V, V), np.outer(V, V))
    closure = run(lambda a, b: vmap(lambda x: vmap(lambda y: x - y)(b))(a))
    np.testing.assert_array_equal(closure(V, V), np.subtract.outer(V, V))
    three = run(vmap(vmap(vmap(lambda x: x + 1, 1, 0), 0, 1)))
    x = np.arange(24.0).reshape(2, 2, 3, 2)
    assert three(x).shape == (2, 2, 2, 3)


@RUN
def test_grad_inside_and_outside(run):
    f = lambda w, x: fnp.tanh(x @ w).sum()
    batch = np.stack([X, 2 * X, -X])
    w = V[:, None] * np.ones((3, 2))
    per_example = run(vmap(grad(f), (None, 0)))(w, batch)
    np.testing.assert_allclose(per_example, [grad(f)(w, x) for x in batch])
    total = run(grad(lambda w: vmap(f, (None, 0))(w, batch).sum()))(w)
    np.testing.assert_allclose(total, per_example.sum(0))
    values, gradients = run(vmap(value_and_grad(f), (None, 0)))(w, batch)
    np.testing.assert_allclose(values, [f(w, x) for x in batch])
    np.testing.assert_allclose(gradients, per_example)
    second = run(vmap(grad(grad(lambda x: fnp.sin(x) * x))))(V)
    np.testing.assert_allclose(second, 2 * np.cos(V) - V * np.sin(V))
    jacobian = run(jacfwd(vmap(lambda x: fnp.sin(x) * V)))(V)
    np.testing.assert_allclose(jacobian[1, :, 1], np.cos(V[1]) * V)


def test_jit_inside_and_outside():
    f = lambda x, y: fnp.exp(x) * y
    expected = np.exp(V) * 2.0
    np.testing.assert_allclose(jit(vmap(f, (0, None)))(V, 2.0), expected)
    np.testing.assert_allclose(vmap(jit(f), (0, None))(V, 2.0), expected)
    np.testing.assert_allclose(jit(vmap(jit(f), (0, None)))(V, 2.0), expected)
    np.testing.assert_allclose(grad(lambda x: vmap(jit(f), (0, None))(x, 2.0).sum())(V), expected)
    np.testing.assert_allclose(vmap(grad(jit(f)), (0, None))(V, 2.0), expected)
    np.testing.assert_allclose(vmap(jit(grad(f)), (0, None))(V, 2.0), expected)
    scaled = lambda s: vmap(jit(lambda x: x * s))(V).sum()
    assert grad(scaled)(2.0) == V.sum()
    assert jit(grad(scaled))(2.0) == V.sum()


# ---- named axes


@RUN
def test_collectives(run):
    named = lambda f, **k: run(vmap(f, axis_name="i", **k))
    np.testing.assert_allclose(named(lambda x: x / lax.psum(x, "i"))(V), V / 6)
    np.testing.assert_allclose(named(lambda x: x - lax.pmean(x, "i"))(V), V - 2)
    np.testing.assert_allclose(named(lambda x: lax.pmax(x, "i") - lax.pmin(x, "i"))(V), [2.0] * 3)
    np.testing.assert_array_equal(named(lambda x: x * lax.axis_index("i"))(V), V * [0, 1, 2])
    np.testing.assert_array_equal(named(lambda x: lax.psum(1, "i"))(V), [3, 3, 3])
    assert named(lambda x: lax.psum(x, "i"), out_axes=None)(V) == 6.0
    np.testing.assert_array_equal(named(lambda x: lax.all_gather(x, "i"))(V), [V, V, V])
    gathered = named(lambda x: lax.all_gather(x, "i", axis=1), out_axes=None)(X)
    np.testing.assert_array_equal(gathered, X.T)
    tiled = named(lambda x: lax.all_gather(x, "i", tiled=True), out_axes=None)(X)
    np.testing.assert_array_equal(tiled, X.ravel())
    tree = named(lambda p: lax.psum(p, "i"), out_axes=None)({"a": V, "b": X[:, 0].repeat(3)[:3]})
    assert tree["a"] == 6.0
    assert vmap(lambda x: lax.axis_size("i") * x, axis_name="i")(V).tolist() == [3.0, 6.0, 9.0]


@RUN
def test_nested_names(run):
    f = lambda a, b: lax.psum(a * b, ("i", "j")) + lax.axis_index("j") * lax.psum(a, "i")
    mapped = run(vmap(vmap(f, (None, 0), axis_name="j"), (0, None), axis_name="i"))
    expected = 3.0 * 6.0 + np.arange(3) * 3.0
    np.testing.assert_allclose(mapped(V[:2], V), [expected, expected])


@RUN
def test_derivatives_of_collectives(run):
    f = lambda x: x * lax.psum(x**2, "i")
    total = lambda v: vmap(f, axis_name="i")(v).sum()
    expected = 14.0 + 2 * V * 6.0
    np.testing.assert_allclose(run(grad(total))(V), expected)
    np.testing.assert_allclose(run(vmap(grad(f), axis_name="i"))(V), expected)
    pushed = lambda v: vmap(lambda x: jvp(f, (x,), (1.0,))[1], axis_name="i")(v)
    np.testing.assert_allclose(run(pushed)(V), 14.0 + V * 12.0)
    centred = lambda v: (vmap(lambda x: x - lax.pmean(x, "i"), axis_name="i")(v) ** 2).sum()
    np.testing.assert_allclose(run(grad(centred))(V), 2 * (V - 2.0), atol=1e-15)
    largest = lambda v: vmap(lambda x: x * lax.pmax(x, "i"), axis_name="i")(v).sum()
    np.testing.assert_allclose(run(grad(largest))(V), [3.0, 3.0, 9.0])


@RUN
def test_collectives_inside_control_flow_and_jit(run):
    named = lambda f: run(vmap(f, axis_name="i"))
    np.testing.assert_allclose(named(jit(lambda x: x / lax.psum(x, "i")))(V), V / 6)
    total = lambda x: lax.scan(lambda c, _: (c + lax.psum(x, "i"), None), 0.0, length=3)[0]
    np.testing.assert_allclose(named(total)(V), [18.0] * 3)
    loop = lambda x: lax.fori_loop(0, 3, lambda i, c: c + lax.pmean(c, "i"), x)
    np.testing.assert_allclose(named(loop)(V), V + 14.0)
    # The sum is over all elements, also those that take the other branch.
    choose = lambda x: lax.cond(x > 1.5, lambda v: lax.psum(v, "i"), lambda v: -v, x)
    np.testing.assert_allclose(named(choose)(V), [-1.0, 6.0, 6.0])
    by_sum = lambda x: lax.cond(lax.psum(x, "i") > 1.5, lambda v: v, lambda v: -v, x)
    np.testing.assert_allclose(named(by_sum)(V), V)


def test_names_that_nobody_has():
    with pytest.raises(UnknownAxisNameError, match="no enclosing vmap has axis_name='j'"):
        vmap(lambda x: lax.psum(x, "j"), axis_name="i")(V)
    with pytest.raises(UnknownAxisNameError, match="axis_name='i'"):
        lax.psum(V, "i")
    with pytest.raises(UnknownAxisNameError):
        jit(lambda x: lax.pmean(x, "i"))(V)


# ---- bad input


def refused(match, call, *args, **kwargs):
    with pytest.raises(AxesError, match=match):
        call(*args, **kwargs)


def test_sizes_that_differ():
    refused(
        r"vmap of dot: sizes.*argument 0 has 2, argument 1 has 3.*in_axes=None", vmap(fnp.dot), X, V
    )
    refused(
        r"argument 0\['a'\] has 3, argument 0\['b'\]\[0\] has 2",
        vmap(lambda p: p),
        {"a": V, "b": [X]},
    )
    refused(r"argument 0 has 3, argument \['shift'\] has 2", vmap(lambda x, shift: x), V, shift=X)
    refused("argument 0 has 3, axis_size has 4", vmap(lambda x: x, axis_size=4), V)


def test_axes_that_do_not_exist():
    refused(r"vmap of <lambda>: in_axes 1 .*argument 0 of shape \(3,\)", vmap(lambda x: x, 1), V)
    refused(r"in_axes -2 .*argument 1\['a'\]", vmap(lambda x, p: x, (0, -2)), V, {"a": V})
    refused(r"in_axes 0 .*argument 0 of shape \(\)", vmap(lambda x: x), 3.0)
    refused(r"out_axes 1 .*the output, .*shape \(3,\)", vmap(lambda x: x, out_axes=1), V)
    refused(r"out_axes is None for the output, which", vmap(lambda x: x, out_axes=None), V)
    refused(r"out_axes is None for .*\['b'\]", vmap(lambda x: {"a": 1, "b": x}, out_axes=None), V)
    refused("no argument has a batch axis; give axis_size", vmap(lambda x: x, None), V)
    refused("no argument has a batch axis", vmap(lambda: 1.0))


def test_axes_of_the_wrong_structure():
    refused(r"in_axes=\(0, 0\) has 2 entries, the call 1 positional", vmap(lambda x: x, (0, 0)), V)
    refused("vmap of <lambda>: in_axes", vmap(lambda p: p, ({"b": 0},)), {"a": V})
    refused("vmap of <lambda>: out_axes", vmap(lambda x: (x, x), out_axes=(0, 0, 0)), V)
    refused("'x'; it must be an int or None", vmap(lambda x: x, "x"), V)
    refused("out_axes.*'x'; it must be an int or None", vmap(lambda x: x, out_axes="x"), V)
    refused(r"1\.5; it must be an int or None", vmap(lambda x: x, 1.5), V)
    with pytest.raises(TypeError, match="vmap: expected a function, got 3"):
        vmap(3)
    with pytest.raises(TypeError, match=r"vmap of <lambda>: argument 0\['a'\] is 'text'"):
        vmap(lambda p: 1.0)({"a": "text"})
