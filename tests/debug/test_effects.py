"""debug.print, debug.callback, io_callback: once per evaluation, under every transform."""

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import (
    ShapeDtypeStruct,
    checkpoint,
    debug,
    disable_jit,
    grad,
    hessian,
    io_callback,
    jit,
    jvp,
    lax,
    linearize,
    make_program,
    vjp,
    vmap,
)


@pytest.fixture
def seen():
    return []


def noting(seen):
    """A function that notes its argument and the sine of it."""

    def f(x):
        debug.callback(lambda v: seen.append(("x", float(v))), x)
        y = fnp.sin(x)
        debug.callback(lambda v: seen.append(("y", float(v))), y)
        return y * 2

    return f


ONCE = {
    "plain": lambda f: f,
    "jit": jit,
    "grad": grad,
    "jit of grad": lambda f: jit(grad(f)),
    "grad of jit": lambda f: grad(jit(f)),
    "jit of grad of jit": lambda f: jit(grad(jit(f))),
    "jvp": lambda f: lambda x: jvp(f, (x,), (1.0,)),
    "jit of jvp": lambda f: jit(lambda x: jvp(f, (x,), (1.0,))),
    "linearize": lambda f: lambda x: linearize(f, x)[1](1.0),
    "vjp": lambda f: lambda x: vjp(f, x)[1](1.0),
    "jit of vjp": lambda f: jit(lambda x: vjp(f, x)[1](1.0)),
    "second order": lambda f: jit(grad(grad(f))),
    "hessian": lambda f: jit(hessian(f)),
    "checkpoint": lambda f: jit(grad(checkpoint(f))),
    "result unused": lambda f: jit(lambda x: (f(x), x)[1]),
    "branch": lambda f: jit(lambda x: lax.cond(x > 0, f, lambda v: v, x)),
    "loop of one": lambda f: jit(lambda x: lax.fori_loop(0, 1, lambda i, c: f(c), x)),
    "unused loop": lambda f: jit(lambda x: (lax.fori_loop(0, 1, lambda i, c: f(c), x), x)[1]),
    "grad of a loop": lambda f: jit(grad(lambda x: lax.fori_loop(0, 1, lambda i, c: f(c), x))),
}


@pytest.mark.parametrize("name", ONCE)
def test_each_call_happens_once(seen, name):
    run = ONCE[name](noting(seen))
    for _ in range(2):
        run(0.5)
        assert sorted(seen) == [("x", 0.5), ("y", float(np.sin(0.5)))]
        seen.clear()


def test_results_are_those_without_effects(seen):
    f, plain = noting(seen), lambda x: fnp.sin(x) * 2
    for transform in (jit, grad, lambda f: jit(grad(f)), lambda f: jit(hessian(f))):
        np.testing.assert_allclose(transform(f)(0.5), transform(plain)(0.5))


@pytest.mark.parametrize("run", [lambda f: f, jit], ids=["eager", "compiled"])
def test_a_batch_is_one_call_per_element(seen, run):
    run(vmap(noting(seen)))(np.array([0.1, 0.2, 0.3]))
    assert [v for name, v in seen if name == "x"] == [0.1, 0.2, 0.3]
    assert len(seen) == 6


@pytest.mark.parametrize("run", [lambda f: f, jit, grad, lambda f: jit(grad(f))])
def test_ordered_calls_in_loops(seen, run):
    def step(i, c):
        debug.callback(lambda i: seen.append(("first", int(i))), i, ordered=True)
        debug.callback(lambda i: seen.append(("second", int(i))), i, ordered=True)
        return c * 2.0

    run(lambda x: lax.fori_loop(0, 3, step, x))(1.0)
    assert seen == [(name, i) for i in range(3) for name in ("first", "second")]


def test_ordered_calls_depend_on_each_other_in_the_program():
    def f(x):
        debug.print("{}", fnp.cumsum(fnp.sin(x)), ordered=True)
        debug.print("{}", x[0], ordered=True)

    first, second = [
        e for e in make_program(f)(np.ones(50)).equations if e.primitive.name == "effect"
    ]
    assert first.outputs[-1] in second.inputs


def test_printing(capsys):
    @jit
    def f(x):
        debug.print("x is {}, its shape {n}", x, n=x.shape[0])
        return x.sum()

    f(np.array([1.0, 2.0]))
    assert capsys.readouterr().out == "x is [1. 2.], its shape 2\n"
    with disable_jit():
        f(np.array([3.0]))
    assert capsys.readouterr().out == "x is [3.], its shape 1\n"
    assert jit(lambda x: debug.print("only {}", x))(3) is None
    assert capsys.readouterr().out == "only 3\n"


@pytest.mark.parametrize("run", [lambda f: f, jit], ids=["eager", "compiled"])
def test_io_callbacks_return_what_they_read(run):
    numbers = iter(range(10))
    counting = lambda x: lax.scan(
        lambda c, v: (c + io_callback(lambda v: v + next(numbers), struct, v), c), x, np.zeros(3)
    )[0]
    struct = ShapeDtypeStruct((), np.float64)
    assert run(counting)(0.0) == 0 + 1 + 2
    assert io_callback(lambda: np.int64(next(numbers)), ShapeDtypeStruct((), np.int64)) == 3


def test_a_loop_that_acts_is_not_hoisted_out_of_another(seen):
    def note(j, d):
        debug.callback(lambda v: seen.append(float(v)), d)
        return d

    def f(x):
        return lax.fori_loop(0, 3, lambda i, c: c + lax.fori_loop(0, 2, note, x), x)

    jit(grad(f))(2.0)
    assert seen == [2.0] * 6


def test_errors_come_through():
    def fails(x):
        raise ZeroDivisionError("on purpose")

    with pytest.raises(ZeroDivisionError, match="on purpose"):
        jit(lambda x: (debug.callback(fails, x), x)[1])(1.0)
    with pytest.raises(TypeError, match="debug.print: the first argument is a format string"):
        debug.print(3.0)
    with pytest.raises(TypeError, match="debug.callback: expected a function"):
        debug.callback(3.0)
    with pytest.raises(IndexError):
        jit(lambda x: (debug.print("{} {}", x), x)[1])(1.0)
