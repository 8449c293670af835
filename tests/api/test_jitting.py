"""jit: static and donated arguments, what it returns, retracing, stages, leaks and threads."""

import functools
import threading
from collections import namedtuple

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import (
    ShapeDtypeStruct,
    clear_caches,
    disable_jit,
    grad,
    hessian,
    jacfwd,
    jit,
    jvp,
    lax,
    optim,
    tree,
    value_and_grad,
    vjp,
    vmap,
)
from fungrad.errors import LeakedTracerError, StaticArgumentError, UnknownValueError

Pair = namedtuple("Pair", "a b")
V = np.array([1.0, 2.0, 3.0])


def counted(f):
    """The function, and a list that grows whenever Python runs it."""
    calls = []

    @functools.wraps(f)
    def counting(*args, **kwargs):
        calls.append(args)
        return f(*args, **kwargs)

    return counting, calls


def power(x, n, scale=1.0):
    for _ in range(n - 1):
        x = x * x
    return x * scale


# ---- forms


def test_as_decorator_factory_and_function():
    @jit
    def double(x):
        """Twice x."""
        return 2 * x

    @jit()
    def triple(x):
        return 3 * x

    @jit(static_argnums=1)
    def first(x, n):
        return power(x, n)

    @functools.partial(jit, static_argnames="n")
    def second(x, n):
        return power(x, n)

    assert double(3.0) == 6.0 and double.__name__ == "double" and double.__doc__ == "Twice x."
    assert triple(3.0) == 9.0 and first(3.0, 2) == 9.0 and second(3.0, n=2) == 9.0
    assert repr(double) == "<jit of double>"
    assert jit(np.tanh)(0.0) == 0.0
    assert jit(functools.partial(power, n=2))(3.0) == 9.0
    assert jit(jit(double))(3.0) == 6.0
    with pytest.raises(TypeError, match="jit: expected a function, got 3"):
        jit(3)


def test_results_are_numpy_scalars_and_writeable_arrays_of_their_own():
    f = jit(lambda x: (x, x.sum(), x + 1, x.T, 1.0, None))
    x = np.ones((2, 3))
    for y in (f(x), f(x)):
        assert type(y[1]) is np.float64 and type(y[4]) is np.float64 and y[5] is None
        for array in (y[0], y[2], y[3]):
            assert type(array) is np.ndarray and array.flags.writeable
            assert not np.shares_memory(array, x)
            array += 1
    np.testing.assert_array_equal(x, np.ones((2, 3)))
    a, b = jit(lambda x: (y := x * 2, y))(V)
    a += 1
    np.testing.assert_array_equal(b, 2 * V)


def test_outputs_of_every_kind():
    f = jit(lambda x: {"tree": Pair(x * 2, [x]), "text": "kept", "none": None, "type": float})
    y = f(3.0)
    assert y["tree"] == Pair(6.0, [3.0]) and y["text"] == "kept" and y["type"] is float
    assert jit(lambda: 3.0)() == 3.0
    assert jit(lambda x: None)(1.0) is None
    assert jit(lambda x: ())(1.0) == ()
    np.testing.assert_array_equal(jit(lambda: np.arange(3))(), [0, 1, 2])
    array = jit(lambda: V)()
    array += 1  # a closed-over array is not given away
    np.testing.assert_array_equal(V, [1.0, 2.0, 3.0])


def test_pytrees_and_keyword_arguments():
    f = jit(lambda p, *rest, scale, **more: (p.a * scale + p.b["w"].sum() + sum(rest), more))
    y, more = f(Pair(2.0, {"w": V}), 1.0, 2.0, scale=3.0, other={"x": V})
    assert y == 15.0
    np.testing.assert_array_equal(more["other"]["x"], V)
    # The order of keywords does not matter.
    g, calls = counted(lambda a, b: a - b)
    g = jit(g)
    assert g(a=3.0, b=1.0) == 2.0 and g(b=1.0, a=3.0) == 2.0 and len(calls) == 1


# ---- static arguments


@pytest.mark.parametrize(
    "options",
    [
        {"static_argnums": 1},
        {"static_argnums": (1,)},
        {"static_argnums": [-2]},
        {"static_argnames": "n"},
        {"static_argnames": ("n",)},
        {"static_argnums": 1, "static_argnames": "n"},
    ],
)
def test_static_arguments_by_position_and_by_name(options):
    f, calls = counted(power)
    f = jit(f, **options)
    assert f(3.0, 2) == 9.0 and f(3.0, n=2) == 9.0 and f(n=2, x=3.0) == 9.0
    assert f(3.0, 3, 2.0) == 162.0 and f(3.0, n=3, scale=2.0) == 162.0
    before = len(calls)
    f(4.0, 2), f(4.0, n=2), f(4.0, 3, 2.0)
    assert len(calls) == before


def test_static_values_of_every_kind():
    f = jit(lambda mode, x: x if mode == "plain" else -x, static_argnums=0)
    assert f("plain", 1.0) == 1.0 and f("other", 1.0) == -1.0
    g = jit(lambda f, x: f(x), static_argnums=0)
    assert g(np.sin, 0.0) == 0.0 and g(np.cos, 0.0) == 1.0
    # 1, 1.0 and True are equal but not the same value.
    h = jit(lambda n, x: x * n, static_argnums=0)
    assert h(2, np.int32(3)).dtype == np.int32 and h(2.0, np.int32(3)).dtype == np.float64
    assert jit(lambda n: repr(n), static_argnums=0)(True) == "True"
    assert jit(lambda n: repr(n), static_argnums=0)(1) == "1"
    assert jit(lambda t, x: x.reshape(t), static_argnums=0)((3, 1), V).shape == (3, 1)


def test_static_defaults_and_several_static_arguments():
    f = jit(
        lambda x, n=2, *, mode="a": power(x, n) if mode == "a" else x, static_argnames=("n", "mode")
    )
    assert f(3.0) == 9.0 and f(3.0, 3) == 81.0 and f(3.0, mode="b") == 3.0
    g = jit(lambda a, b, c, d: (a, b * d, c), static_argnums=(0, 2))
    assert g("a", 2.0, "c", 3.0) == ("a", 6.0, "c")
    assert g("a", 2.0, d=3.0, c="x") == ("a", 6.0, "x")


def test_bad_static_arguments():
    with pytest.raises(StaticArgumentError, match=r"jit of power: the static argument.*'n'.*list"):
        jit(power, static_argnames="n")(3.0, n=[2])
    with pytest.raises(StaticArgumentError, match=r"\[2\].*list.*hashed; pass a tuple"):
        jit(power, static_argnums=1)(3.0, [2])
    with pytest.raises(StaticArgumentError, match="ndarray"):
        jit(power, static_argnums=1)(3.0, V)
    with pytest.raises(StaticArgumentError, match=r"static_argnums=5 .*3 positional parameters"):
        jit(power, static_argnums=5)
    with pytest.raises(StaticArgumentError, match="static_argnums=-4"):
        jit(power, static_argnums=-4)
    with pytest.raises(StaticArgumentError, match="names 'm', which is not a parameter"):
        jit(power, static_argnames="m")
    with pytest.raises(TypeError, match="missing"):
        jit(power, static_argnums=1)(3.0)
    with pytest.raises(StaticArgumentError, match="traced"):
        jit(lambda x: jit(power, static_argnums=1)(x, x))(3.0)


# ---- donated arguments


@pytest.mark.parametrize("options", [{"donate_argnums": 0}, {"donate_argnames": ("state",)}])
def test_donated_arguments_may_be_overwritten(options):
    def step(state, x):
        return {"w": state["w"] * 0.5 + x}

    f = jit(step, **options)
    state = {"w": np.ones(3)}
    for _ in range(3):
        state = f(state, V)
    expected = np.ones(3)
    for _ in range(3):
        expected = expected * 0.5 + V
    np.testing.assert_allclose(state["w"], expected)
    np.testing.assert_array_equal(V, [1.0, 2.0, 3.0])


def test_results_lie_in_donated_memory():
    def step(state, slopes):
        return {name: state[name] - 0.1 * slopes[name] for name in state}

    slopes = {"w": np.ones((50, 40)), "b": np.ones(40)}
    first = state = {"w": np.ones((50, 40)), "b": np.zeros(40)}
    update = jit(step, donate_argnums=0)
    for _ in range(3):
        state = update(state, slopes)
    for name in state:
        assert np.shares_memory(state[name], first[name]), name
        assert not np.shares_memory(state[name], slopes[name]), name
    np.testing.assert_allclose(state["w"], 0.7)


def test_a_whole_epoch_updates_donated_state_in_place():
    """Parameters and both moments of Adam stay where they are, over steps and over epochs."""
    optimiser = optim.adam(1e-2)
    x, y = np.linspace(-1, 1, 96 * 20).reshape(96, 20), np.linspace(0, 1, 96)

    def loss(params, x, y):
        return np.mean((np.tanh(x @ params["w"]) @ params["v"] - y) ** 2)

    def epoch(state, x, y):
        def step(state, rows):
            params, moments = state
            value, slopes = value_and_grad(loss)(params, x[rows], y[rows])
            updates, moments = optimiser.update(slopes, moments, params)
            return (optim.apply_updates(params, updates), moments), value

        return lax.scan(step, state, np.arange(96).reshape(3, 32))

    params = {"w": np.full((20, 30), 0.1), "v": np.full(30, 0.1)}
    start = (params, optimiser.init(params))
    kept = jit(epoch)
    expected, _ = kept(start, x, y)
    expected, losses = kept(expected, x, y)
    state = tree.map(np.copy, start)
    places = [a.ctypes.data for a in tree.leaves(state) if a.ndim]
    assert len(places) == 6
    update = jit(epoch, donate_argnums=0)
    for _ in range(2):
        state, found = update(state, x, y)
        assert [a.ctypes.data for a in tree.leaves(state) if np.ndim(a)] == places
    np.testing.assert_array_equal(found, losses)
    for a, b in zip(tree.leaves(state), tree.leaves(expected), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("function", "is_shared"),
    [
        (lambda x: 2 * x[::-1], False),  # read in another order than it is written
        (lambda x: x + x[0], True),
        (lambda x: x.astype(np.float32) + 1, False),
        (lambda x: x[1:] + 1, False),
    ],
)
def test_donated_memory_is_not_overwritten_too_early(function, is_shared):
    x = np.arange(1000.0)
    expected = function(x)
    result = jit(function, donate_argnums=0)(x)
    np.testing.assert_array_equal(result, expected)
    assert np.shares_memory(result, x) == is_shared


# ---- what is traced anew


def test_types_are_traced_once():
    f, calls = counted(lambda x: x * 2)
    f = jit(f)
    for x in (
        1.0,
        2.0,
        np.float64(3.0),
        np.float64(1.0),
        V,
        V + 1,
        V.astype(np.float32),
        V[:2],
        1,
        2,
    ):
        f(x)
    kinds = [(np.asarray(c[0].dtype), c[0].shape) for c in calls]
    assert len(calls) == 6, kinds
    assert f(V.astype(np.float32)).dtype == np.float32
    assert f(3) == 6 and f(3).dtype == np.int64
    assert f(True) == 2


def test_python_numbers_are_weak_and_arrays_are_not():
    f = jit(lambda x, s: x * s)
    half = V.astype(np.float32)
    assert f(half, 2.0).dtype == np.float32
    assert f(half, 2).dtype == np.float32
    assert f(half, np.float64(2.0)).dtype == np.float64
    assert f(half, np.array(2.0)).dtype == np.float64
    assert f(np.int32(3), 2).dtype == np.int32
    assert f(np.int32(3), 2.0).dtype == np.float64
    assert f(np.float32(3), 1j).dtype == np.complex64
    assert f(V, True).dtype == np.float64


def test_structures_are_traced_apart():
    f, calls = counted(lambda t: t[0] + t[1])
    f = jit(f)
    assert f((1.0, 2.0)) == f([1.0, 2.0]) == f(Pair(1.0, 2.0)) == 3.0
    assert len(calls) == 3


def test_clearing_traces_anew():
    f, calls = counted(lambda x: x + 1)
    f = jit(f)
    f(1.0), f(2.0)
    f.clear_cache()
    f(1.0)
    assert len(calls) == 2
    clear_caches()
    assert f(1.0) == 2.0
    assert len(calls) == 3


def test_an_exception_leaves_nothing_behind():
    attempts = []

    @jit
    def f(x):
        attempts.append(1)
        if len(attempts) == 1:
            raise RuntimeError("mine")
        return x * 2

    with pytest.raises(RuntimeError, match="mine"):
        f(1.0)
    assert f(1.0) == 2.0


# ---- methods, recursion, closures


class Line:
    def __init__(self, slope):
        self.slope = slope

    @functools.partial(jit, static_argnums=0)
    def at(self, x):
        return self.slope * x

    @staticmethod
    @jit
    def double(x):
        return 2 * x

    @classmethod
    @functools.partial(jit, static_argnums=0)
    def named(cls, x):
        return (cls.__name__, x)

    @jit
    def __call__(tree, x):
        return x


def test_methods():
    first, second = Line(2.0), Line(3.0)
    assert first.at(5.0) == 10.0 and second.at(5.0) == 15.0 and Line.at(first, 1.0) == 2.0
    assert first.double(2.0) == 4.0 and Line.double(2.0) == 4.0
    assert first.named(1.0) == ("Line", 1.0)
    assert first.at.__name__ == "at" and grad(first.at)(5.0) == 2.0
    assert jit(first.at)(5.0) == 10.0
    np.testing.assert_array_equal(vmap(first.at)(V), 2 * V)
    with pytest.raises(TypeError, match=r"Line.*static"):
        first(1.0)


def test_recursion():
    @functools.partial(jit, static_argnums=1)
    def factorial(x, n):
        return x if n == 0 else n * factorial(x, n - 1)

    assert factorial(1.0, 5) == 120.0
    assert grad(factorial)(1.0, 5) == 120.0
    np.testing.assert_array_equal(vmap(factorial, (0, None))(V, 3), 6 * V)


def test_closures_over_arrays_and_outer_tracers():
    weights = V.copy()
    f = jit(lambda x: (weights * x).sum())
    assert f(2.0) == 12.0
    outer = jit(lambda w: jit(lambda x: x * w)(w) + w)
    assert outer(3.0) == 12.0 and grad(outer)(3.0) == 7.0

    def loss(w):
        layer = jit(lambda x: fnp.tanh(w * x))
        return layer(V).sum() + layer(2 * V).sum()

    expected = sum(((1 - np.tanh(0.3 * k * V) ** 2) * k * V).sum() for k in (1, 2))
    np.testing.assert_allclose(grad(loss)(0.3), expected)
    np.testing.assert_allclose(jit(grad(loss))(0.3), expected)
    np.testing.assert_allclose(grad(jit(loss))(0.3), expected)
    np.testing.assert_allclose(vmap(grad(loss))(np.array([0.3, 0.3])), [expected] * 2)


def test_a_jitted_function_kept_from_one_trace_works_in_the_next():
    made = {}

    def f(w):
        inner = made.setdefault("inner", jit(lambda x, w: x * w))
        return inner(2.0, w)

    assert grad(f)(3.0) == 2.0 and grad(f)(4.0) == 2.0
    np.testing.assert_array_equal(vmap(f)(V), 2 * V)


# ---- with the other transforms


def test_every_order_of_nesting():
    f = lambda x: fnp.sin(x) * x
    first = lambda x: np.cos(x) * x + np.sin(x)
    second = lambda x: 2 * np.cos(x) - x * np.sin(x)
    for transform in (lambda f: grad(jit(f)), lambda f: jit(grad(f)), lambda f: jit(grad(jit(f)))):
        np.testing.assert_allclose(transform(f)(0.7), first(0.7))
        np.testing.assert_allclose(transform(transform(f))(0.7), second(0.7))
        np.testing.assert_allclose(vmap(transform(f))(V), first(V))
        np.testing.assert_allclose(jit(vmap(transform(transform(f))))(V), second(V))
    total = lambda x: vmap(jit(f))(x).sum()  # jit under vmap under grad
    np.testing.assert_allclose(grad(total)(V), first(V))
    np.testing.assert_allclose(grad(jit(total))(V), first(V))
    np.testing.assert_allclose(hessian(jit(total))(V), np.diag(second(V)), atol=1e-15)
    np.testing.assert_allclose(jit(jacfwd(jit(f)))(V), np.diag(first(V)), atol=1e-15)
    np.testing.assert_allclose(jvp(jit(f), (0.7,), (2.0,))[1], 2 * first(0.7))
    _, pull_back = vjp(jit(f), 0.7)
    np.testing.assert_allclose(pull_back(1.0)[0] + pull_back(1.0)[0], 2 * first(0.7))


def test_integers_static_values_and_kept_outputs_under_grad():
    @functools.partial(jit, static_argnums=2)
    def f(x, i, mode):
        return (x[i] ** 2, {"i": i + 1, "mode": mode})

    (value, aux), pulled = (f(V, 1, "m"), grad(f, has_aux=True)(V, 1, "m"))
    assert value == 4.0 and aux == {"i": 2, "mode": "m"}
    np.testing.assert_array_equal(pulled[0], [0.0, 4.0, 0.0])
    assert pulled[1] == {"i": 2, "mode": "m"}


def test_a_jitted_function_runs_once_per_type_under_grad():
    f, calls = counted(lambda x: x * x)
    f = jit(f)
    derivative = grad(f)
    assert [derivative(x) for x in (1.0, 2.0, 3.0)] == [2.0, 4.0, 6.0]
    assert len(calls) == 1


# ---- stages


def test_stages():
    f = jit(lambda p, s: {"y": p["w"] * s, "n": None}, static_argnums=())
    lowered = f.lower({"w": V}, 2.0)
    assert lowered.out_info == {"y": ShapeDtypeStruct((3,), np.float64), "n": None}
    compiled = lowered.compile()
    np.testing.assert_array_equal(compiled({"w": V}, 2.0)["y"], 2 * V)
    np.testing.assert_array_equal(compiled({"w": V + 1}, 3.0)["y"], 3 * (V + 1))
    assert "def " in lowered.as_text() and lowered.as_text() == compiled.as_text()
    assert compiled.out_info == lowered.out_info
    np.testing.assert_array_equal(grad(lambda w: compiled({"w": w}, 2.0)["y"].sum())(V), [2.0] * 3)
    with pytest.raises(TypeError, match=r"compiled for .*f64\[3\].* called with .*f64\[2\]"):
        compiled({"w": V[:2]}, 2.0)
    with pytest.raises(TypeError, match="compiled for"):
        compiled([V], 2.0)
    with pytest.raises(TypeError, match="compiled for"):
        compiled({"w": V.astype(np.float32)}, 2.0)


def test_what_a_compiled_function_costs():
    update = lambda w, x: (w - fnp.tanh(x @ w), fnp.sort(x @ w))
    w = np.ones((8, 8))
    compiled = jit(update, donate_argnums=0).lower(w, w).compile()
    cost, memory = compiled.cost_analysis(), compiled.memory_analysis()
    assert cost["flops"] >= 2 * 8**3 and cost["bytes accessed"] >= 3 * w.nbytes
    assert memory.argument_size_in_bytes == memory.output_size_in_bytes == 2 * w.nbytes
    assert memory.alias_size_in_bytes == w.nbytes
    assert memory.temp_size_in_bytes >= w.nbytes
    half = jit(lambda x: x.astype(np.float16)).lower(w).compile().memory_analysis()
    assert half.output_size_in_bytes == w.nbytes // 4


def test_stages_of_structs_static_and_keyword_arguments():
    f, calls = counted(power)
    f = jit(f, static_argnames=("n",))
    struct = ShapeDtypeStruct((3,), np.float32)
    lowered = f.lower(struct, n=2)
    assert lowered.out_info == ShapeDtypeStruct((3,), np.float32)
    assert "f32[3]" in str(f.trace(struct, n=2).program)
    y = lowered.compile()(V.astype(np.float32), n=2)
    assert y.dtype == np.float32
    f(V.astype(np.float32), n=2)
    assert len(calls) == 1  # the stages and the call share what was traced
    named = f.lower(x=struct, n=3, scale=ShapeDtypeStruct((), np.float32)).compile()
    assert named(x=V.astype(np.float32), n=3, scale=np.float32(2)).dtype == np.float32
    # As in JAX, static arguments may be left out.
    np.testing.assert_array_equal(lowered.compile()(V.astype(np.float32)), V * V)
    with pytest.raises(TypeError, match="compiled for the static arguments 'n'=3"):
        named(x=V.astype(np.float32), n=4, scale=np.float32(2))


def test_disable_jit():
    @jit
    def f(x):
        return x if x > 0 else -x

    with disable_jit():
        assert f(-3.0) == 3.0
        assert grad(f)(-3.0) == -1.0
        with disable_jit(False), pytest.raises(UnknownValueError):
            f(-3.0)
        assert f(-3.0) == 3.0
    with pytest.raises(UnknownValueError):
        f(-3.0)


def test_disable_jit_runs_loops_and_branches_in_python():
    seen = []

    def body(c, x):
        seen.append(float(c["n"]))
        return {"n": c["n"] + x if x > 1 else c["n"]}, c["n"] * 2

    with disable_jit():
        carry, ys = lax.scan(body, {"n": 1.0}, V)
        assert carry["n"] == 6.0 and seen == [1.0, 1.0, 3.0]
        np.testing.assert_array_equal(ys, [2.0, 2.0, 6.0])
        carry, ys = lax.scan(lambda c, _: (c * 2, None), 1, None, length=3, reverse=True)
        assert carry == 8 and ys is None
        _, ys = lax.scan(lambda c, x: (c, x), 0.0, V, reverse=True)
        np.testing.assert_array_equal(ys, V)
        assert lax.while_loop(lambda x: x < 10, lambda x: x * 2 if x > 1 else 3.0, 1.0) == 12.0
        assert lax.fori_loop(0, 3, lambda i, c: c + i if i > 0 else c, 0) == 3
        assert lax.cond(True, lambda x: x if x > 0 else -x, lambda x: 1 / 0, -2.0) == 2.0
        assert lax.switch(7, [lambda x: 1 / 0, lambda x: x + 1 if x else x], 2.0) == 3.0
        squares = lambda x: lax.fori_loop(0, 2, lambda i, c: c * x if x > 0 else c, 1.0)
        assert grad(squares)(3.0) == 6.0
        # A batched condition has no value, so that the loop is recorded.
        step = lambda x: lax.while_loop(lambda c: c < 10.0, lambda c: c * 2, x)
        np.testing.assert_array_equal(vmap(step)(V), [16.0, 16.0, 12.0])
        np.testing.assert_array_equal(
            vmap(lambda x: lax.cond(x > 1, np.negative, np.abs, x))(V), [1, -2, -3]
        )
        assert lax.scan(lambda c, x: (c, x), 0.0, np.zeros((0, 2)))[1].shape == (0, 2)


# ---- bad input


def test_branches_on_traced_values_name_the_way_out():
    with pytest.raises(UnknownValueError) as error:
        jit(lambda x: x if x > 0 else -x)(1.0)
    text = str(error.value)
    for part in ("jit of <lambda>", "where", "cond", "static_argnums", "test_jitting.py"):
        assert part in text
    with pytest.raises(UnknownValueError):
        jit(lambda n: fnp.zeros(n))(3)


def test_leaked_tracers():
    kept = []
    jit(lambda x: kept.append(x * 2) or x)(1.0)
    with pytest.raises(LeakedTracerError, match=r"jit of <lambda>.*had ended"):
        kept[0] + 1
    with pytest.raises(LeakedTracerError):
        jit(lambda x: x + kept[0])(1.0)
    with pytest.raises(LeakedTracerError):
        jit(lambda x: x)(kept[0])
    with pytest.raises(LeakedTracerError):
        grad(lambda x: x * kept[0])(1.0)


def test_arguments_that_are_no_arrays():
    with pytest.raises(
        TypeError, match=r"jit of <lambda>.*\[0\]\['a'\] is 'text' of type str.*static"
    ):
        jit(lambda p: 1.0)({"a": "text"})
    with pytest.raises(TypeError, match="ufunc.*static"):
        jit(lambda f, x: f(x))(np.sin, 1.0)
    with pytest.raises(TypeError, match="object"):
        jit(lambda x: x)(np.array([None, 1]))
    with pytest.raises(TypeError, match="positional argument"):
        jit(lambda x: x)()


# ---- threads


def test_threads_share_a_jitted_function():
    f = jit(lambda x, y: fnp.tanh(x @ y).sum() * 2)
    slope = jit(grad(lambda x: (fnp.sin(x) ** 2).sum()))
    x = np.arange(12.0).reshape(3, 4) / 10
    expected, slopes = np.tanh(x @ x.T).sum() * 2, np.sin(2 * x)
    failures = []

    def work():
        try:
            for k in range(1, 20):
                rows = x[: 1 + k % 3]
                np.testing.assert_allclose(f(x, x.T), expected)
                np.testing.assert_allclose(slope(rows), slopes[: 1 + k % 3], atol=1e-15)
                np.testing.assert_allclose(grad(lambda s: f(x * s, x.T))(1.0), one)
        except Exception as error:
            failures.append(error)

    one = grad(lambda s: f(x * s, x.T))(1.0)
    f.clear_cache(), slope.clear_cache()
    threads = [threading.Thread(target=work) for _ in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert not failures, failures


SINGLE = np.ones(2, np.float32)


@pytest.mark.parametrize(
    "argument",
    [
        *[2.5, 3, True, 1 + 2j, np.float32(2.5), np.float64(2.5), np.int64(3), np.uint8(3)],
        *[np.array(2.5), np.ones(2), np.ones((3, 1)), np.ones((1, 2)), SINGLE, np.ones(2, int)],
        *[np.ones(4)[::2], np.ones(2, ">f8"), np.ones((2, 2))[:, 0]],
    ],
    ids=lambda x: f"{type(x).__name__} {getattr(x, 'dtype', '')}{np.shape(x)}",
)
@pytest.mark.parametrize("before", [1.5, np.float64(1.5), np.ones(2), SINGLE, np.array(1.5)])
def test_the_latest_call_does_not_shape_the_next_one(before, argument):
    def function(x):
        return x * SINGLE, {"twice": 2 * x}

    f = jit(function)
    f(before)
    f(before)  # now without a search for what was traced
    got, expected = f(argument), function(argument)
    assert got[0].dtype == expected[0].dtype
    np.testing.assert_array_equal(got[0], expected[0])
    np.testing.assert_array_equal(got[1]["twice"], expected[1]["twice"])
    np.testing.assert_array_equal(f(before)[0], function(before)[0])


def test_another_structure_after_the_latest_call():
    f = jit(lambda tree: [2 * x for x in tree.values()] if isinstance(tree, dict) else tree)
    assert f({"a": 1.0}) == [2.0] == f({"a": 1.0})
    assert f({"b": 1.0, "a": 2.0}) == [4.0, 2.0]
    assert f([1.0, 2.0]) == [1.0, 2.0]
    assert f({"a": 1.0}) == [2.0]
    clear_caches()
    assert f({"a": 1.5}) == [3.0]
    with pytest.raises(TypeError, match="positional argument"):
        f({"a": 1.0}, 2.0)
