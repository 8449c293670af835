"""pure_callback: Python functions inside programs, eager and compiled, in loops and batches."""

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import (
    ShapeDtypeStruct,
    checkpoint,
    custom_jvp,
    eval_shape,
    grad,
    io_callback,
    jit,
    lax,
    make_program,
    pure_callback,
    stop_gradient,
    vmap,
)
from fungrad.errors import AxesError, NotDifferentiableError, ShapeError, TreeMismatchError

X = np.array([3.0, 1.0, 2.0])
RUN = pytest.mark.parametrize("run", [lambda f: f, jit], ids=["eager", "compiled"])


def struct(*shape, dtype=np.float64):
    return ShapeDtypeStruct(shape, dtype)


@RUN
def test_pytrees_and_dtypes(run):
    def python(pair, *, scale):
        assert isinstance(pair["a"], np.ndarray) and isinstance(scale, np.float32)
        return {"sorted": np.sort(pair["a"]) * scale, "n": np.int64(len(pair["b"]))}

    shapes = {"sorted": struct(3), "n": struct(dtype=np.int64)}

    def f(x):
        pair = {"a": x, "b": fnp.zeros((4, 0), np.int8)}
        out = pure_callback(python, shapes, pair, scale=fnp.float32(2.0))
        return out["sorted"] + out["n"]

    np.testing.assert_array_equal(run(f)(X), [6.0, 8.0, 10.0])
    assert eval_shape(f, X) == struct(3)


@RUN
def test_views_are_handed_over_as_they_look(run):
    seen = []
    f = lambda x: pure_callback(lambda a: seen.append(a) or a, struct(2, 3), x.T[::-1][:2])
    x = np.arange(9.0).reshape(3, 3)
    np.testing.assert_array_equal(run(f)(x), x.T[::-1][:2])
    np.testing.assert_array_equal(seen[0], x.T[::-1][:2])
    seen[0][:] = 7.0  # what it got is its own
    np.testing.assert_array_equal(x, np.arange(9.0).reshape(3, 3))


@RUN
def test_in_loops_and_branches(run):
    double = lambda x: pure_callback(lambda v: v * 2 + 1, struct(), x)
    loop = run(lambda x: lax.scan(lambda c, _: (double(c), c), x, None, length=4))
    last, ys = loop(1.0)
    assert last == 31 and list(ys) == [1, 3, 7, 15]
    assert run(lambda x: lax.while_loop(lambda c: c < 20, double, x))(1.0) == 31
    branch = run(lambda x: lax.cond(x > 0, double, lambda v: v, x))
    assert branch(1.0) == 3 and branch(-1.0) == -1


@RUN
def test_errors_come_through(run):
    def fails(x):
        raise KeyError("no such key")

    f = run(lambda x: pure_callback(fails, struct(), x) + 1)
    for _ in range(2):
        with pytest.raises(KeyError, match="no such key"):
            f(1.0)
    with pytest.raises(ShapeError, match=r"result 0 is f64\[2\], not f64\[3\] as announced"):
        run(lambda x: pure_callback(lambda v: v[:2], struct(3), x))(X)
    with pytest.raises(TreeMismatchError, match="returned the structure"):
        run(lambda x: pure_callback(lambda v: (v, v), struct(3), x))(X)


@RUN
@pytest.mark.parametrize("method", ["sequential", "expand_dims", "broadcast_all"])
def test_batches(run, method):
    shapes = []

    def python(x, y):
        shapes.append((np.shape(x), np.shape(y)))
        return np.sin(x) * y

    f = lambda x, y: pure_callback(python, struct(), x, y, vmap_method=method)
    np.testing.assert_allclose(run(vmap(f, (0, None)))(X, 2.0), 2 * np.sin(X))
    expected = {
        "sequential": [((), ())] * 3,
        "expand_dims": [((3,), (1,))],
        "broadcast_all": [((3,), (3,))],
    }
    assert shapes[-len(expected[method]) :] == expected[method]


@RUN
def test_derivatives_are_the_users(run):
    plain = lambda x: pure_callback(np.sin, struct(3), x).sum()
    with pytest.raises(NotDifferentiableError, match="pure_callback of sin cannot be looked into"):
        run(grad(plain))(X)
    assert np.all(run(grad(lambda x: plain(stop_gradient(x)) + x.sum()))(X) == 1)

    @custom_jvp
    def sine(x):
        return pure_callback(np.sin, struct(3), x)

    sine.defjvps(lambda t, out, x: t * fnp.cos(x))
    np.testing.assert_allclose(run(grad(lambda x: sine(x).sum()))(X), np.cos(X))
    np.testing.assert_allclose(
        run(grad(checkpoint(lambda x: sine(x * 2).sum())))(X), 2 * np.cos(2 * X)
    )


def test_equal_calls_are_equal_programs():
    def f(x):
        return pure_callback(np.sin, struct(3), x)

    assert make_program(f)(X) is make_program(f)(X)
    assert str(make_program(f)(X)).count("pure_callback[") == 1


def test_bad_input():
    with pytest.raises(TypeError, match="pure_callback: expected a function"):
        pure_callback(3, struct(), 1.0)
    with pytest.raises(TypeError, match="must hold ShapeDtypeStructs or arrays, not 2.0"):
        pure_callback(np.sin, 2.0, 1.0)
    with pytest.raises(ValueError, match="vmap_method must be one of"):
        pure_callback(np.sin, struct(), 1.0, vmap_method="often")
    with pytest.raises(AxesError, match="say how to call it, by vmap_method='sequential'"):
        vmap(lambda x: pure_callback(np.sin, struct(), x))(X)


@pytest.mark.parametrize("arguments", [(), (2.0,)])
def test_an_effect_of_known_values_happens_at_each_call(arguments):
    """Inside jit and loops nothing is known of the calls to come, constants or not."""
    count = iter(range(1, 99))

    def tick(*_):
        return np.float64(next(count))

    spec = ShapeDtypeStruct((), float)
    f = jit(lambda: io_callback(tick, spec, *arguments))
    assert [f(), f()] == [1, 2]
    slope = jit(grad(lambda x: x * io_callback(tick, spec, *arguments)))
    assert [slope(1.0), slope(1.0)] == [3, 4]
    total = jit(
        lambda x: lax.fori_loop(0, 2, lambda _, c: c + io_callback(tick, spec, *arguments), x)
    )
    assert [total(0.0), total(0.0)] == [5 + 6, 7 + 8]
    assert grad(lambda x: x * io_callback(tick, spec, *arguments))(1.0) == 9
