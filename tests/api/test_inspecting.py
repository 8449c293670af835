"""eval_shape, ShapeDtypeStruct and make_program: what a function does, without running it."""

import functools
from collections import namedtuple

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import (
    ShapeDtypeStruct,
    checkpoint,
    custom_jvp,
    eval_shape,
    grad,
    jit,
    lax,
    make_jaxpr,
    make_program,
    vmap,
)
from fungrad.errors import ShapeError, StaticArgumentError, UnknownValueError

Pair = namedtuple("Pair", "a b")
F32 = np.dtype(np.float32)


def struct(*shape, dtype=np.float64):
    return ShapeDtypeStruct(shape, dtype)


def printed(text):
    """An indented program text as programs print it."""
    lines = text.strip("\n").split("\n")
    indent = len(lines[0]) - len(lines[0].lstrip())
    return "\n".join(line[indent:] for line in lines).rstrip()


# ---- eval_shape


def test_eval_shape_of_pytrees():
    f = lambda p, x, *, scale: {"y": p.a @ x * scale, "z": [p.b.sum(), None, x > 0]}
    p = Pair(struct(2, 3, dtype=F32), struct(4))
    out = eval_shape(f, p, np.ones(3, F32), scale=2.0)
    assert out == {"y": struct(2, dtype=F32), "z": [struct(), None, struct(3, dtype=bool)]}


def test_eval_shape_computes_nothing():
    huge = struct(10**6, 10**6)
    assert eval_shape(lambda x: (x @ x.T).sum(0) + 1, huge) == struct(10**6)
    assert eval_shape(grad(lambda x: fnp.sin(x @ x).sum()), huge) == huge
    assert eval_shape(vmap(lambda x: x.sum(), 1), huge) == struct(10**6)


def test_eval_shape_of_numbers_and_other_transforms():
    assert eval_shape(lambda x: x * 2, 3) == struct(dtype=np.int64)
    assert eval_shape(lambda x, y: x * y, np.float32(1), 2.0) == struct(dtype=F32)
    assert eval_shape(jit(lambda x: (x, 1.0)), struct(2)) == (struct(2), struct())
    loop = lambda x: lax.scan(lambda c, v: (c + v, c), 0.0, x)
    assert eval_shape(loop, struct(5)) == (struct(), struct(5))
    assert eval_shape(functools.partial(fnp.reshape, shape=(3, 2)), struct(6)) == struct(3, 2)
    # Inside a trace, too.
    assert grad(lambda x: x * eval_shape(fnp.sin, fnp.stack([x, x])).size)(1.0) == 2.0


def test_eval_shape_refuses_what_the_function_refuses():
    with pytest.raises(ShapeError):
        eval_shape(fnp.dot, struct(3), struct(4))
    with pytest.raises(UnknownValueError, match="eval_shape of <lambda>"):
        eval_shape(lambda x: x if x > 0 else -x, 1.0)
    with pytest.raises(TypeError, match=r"eval_shape of <lambda> returned 'text' of type str"):
        eval_shape(lambda x: "text", 1.0)
    with pytest.raises(TypeError, match="eval_shape: expected a function, got 3"):
        eval_shape(3)


def test_structs_are_values():
    s = struct(2, 3, dtype="float32")
    assert s.shape == (2, 3) and s.dtype == F32 and s.ndim == 2 and s.size == 6
    assert s == struct(2, 3, dtype=F32) and hash(s) == hash(struct(2, 3, dtype=F32))
    assert s != struct(2, 3) and s != (2, 3)
    assert repr(s) == "ShapeDtypeStruct(shape=(2, 3), dtype=float32)"
    assert ShapeDtypeStruct([2, np.int64(3)], F32).shape == (2, 3)
    with pytest.raises(TypeError):
        fnp.sin(s)


# ---- make_program


def test_the_printed_program():
    def layer(w, x):
        return fnp.tanh(w @ x) * 2 + 0.5

    assert str(make_program(layer)(np.ones((2, 3), F32), np.ones(3, F32))) == printed("""
        layer(a: f32[2,3], b: f32[3]) {
          c: f32[2] = contract[left=(0 1), right=(1), out=(0)] a b
          d: f32[2] = tanh c
          e: f32[2] = multiply d 2.0
          f: f32[2] = add e 0.5
          return f
        }
    """)


def test_closed_over_arrays_come_first():
    w = np.ones(3)
    assert str(make_program(lambda x: (w * x, 1.0, None))(2.0)) == printed("""
        <lambda>(a: f64[3], b: f64[]) {
          c: f64[3] = multiply a b
          return c, 1.0
        }
    """)


def test_programs_inside_programs():
    def step(c, x):
        return fnp.sin(c) * x, c

    def loop(x, xs):
        return lax.scan(step, x, xs)[0]

    assert str(make_program(loop)(1.0, np.ones(4))) == printed("""
        loop(a: f64[], b: f64[4]) {
          c: f64[], d: f64[4] = scan[constant_count=0, carry_count=1, length=4, reverse=False] a b
            body:
            step(a: f64[], b: f64[]) {
              c: f64[] = sin a
              d: f64[] = multiply c b
              return d, a
            }
          return c
        }
    """)
    branch = make_program(lambda x: lax.cond(x > 0, lambda v: v, lambda v: -v, x))(1.0)
    assert "cond" in str(branch) and "branches[0]:" in str(branch) and "branches[1]:" in str(branch)
    call = str(make_program(jit(lambda x: x * 2))(1.0))
    assert "= call a" in call and "multiply a 2.0" in call
    assert "checkpoint" in str(make_program(checkpoint(lambda x: x * x))(1.0))


def test_static_arguments_keywords_and_structs():
    def f(x, n, *, scale=1.0):
        for _ in range(n):
            x = x * scale
        return x

    for static in (1, (1,), [-1]):
        program = make_program(f, static_argnums=static)(struct(3, dtype=F32), 2)
        assert str(program).count("multiply") == 2
        assert program.input_types[0].shape == (3,) and program.output_types[0].dtype == F32
    assert len(make_program(f, 1)(1.0, 1, scale=2.0).inputs) == 2
    with pytest.raises(
        StaticArgumentError, match="make_program of f: static_argnums=2.*1 positional"
    ):
        make_program(f, static_argnums=2)(1.0)
    with pytest.raises(TypeError, match="make_program: expected a function"):
        make_program(3)


def test_programs_are_the_same_object_for_the_same_function():
    f = lambda x: fnp.sin(x) * x
    first, second = make_program(f)(1.0), make_program(f)(2.0)
    assert first is second
    assert make_program(f)(np.ones(3)) is not first
    assert make_jaxpr is make_program


def test_the_shape_of_the_output_too():
    program, shape = make_program(lambda x: {"y": x * 2, "n": None}, return_shape=True)(struct(3))
    assert shape == {"y": struct(3), "n": None} and len(program.outputs) == 1


def test_programs_of_derivatives():
    @custom_jvp
    def f(x):
        return x * x

    f.defjvps(lambda t, out, x: 3 * t)
    assert "custom_jvp" in str(make_program(f)(1.0))
    assert "custom_jvp" in str(make_program(grad(f))(1.0)) or "3.0" in str(
        make_program(grad(f))(1.0)
    )
    assert "cos" in str(make_program(grad(fnp.sin))(1.0))
