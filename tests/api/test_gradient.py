"""grad and value_and_grad: which arguments, what comes back, and what bad input gets."""

from collections import OrderedDict, namedtuple
from dataclasses import dataclass

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import float0, grad, jit, lax, value_and_grad, vmap
from fungrad.errors import (
    ComplexError,
    IntegerInputError,
    IntegerOutputError,
    NonScalarOutputError,
    TreeMismatchError,
)

RUN = pytest.mark.parametrize("run", [lambda f: f, jit], ids=["eager", "jit"])


def square(x):
    return x * x


# ---- values of every type


Point = namedtuple("Point", "x y")


@dataclass
class Layer:
    w: object
    b: object


@RUN
def test_pytrees_keep_their_structure(run):
    tree = {
        "list": [np.array([1.0, 2.0]), 3.0],
        "point": Point(1.0, np.float64(2.0)),
        "layer": Layer(np.eye(2), np.zeros(2)),
        "none": None,
        "empty": (),
        "ordered": OrderedDict(b=2.0, a=1.0),
    }

    def loss(t):
        layer = t["layer"]
        return (
            (t["list"][0] * t["list"][1]).sum()
            + t["point"].x * t["point"].y
            + (layer.w @ t["list"][0] + layer.b).sum()
            + t["ordered"]["a"] * t["ordered"]["b"]
        )

    g = run(grad(loss))(tree)
    assert set(g) == set(tree)
    np.testing.assert_array_equal(g["list"][0], [4.0, 4.0])
    assert g["list"][1] == 3.0
    assert g["point"] == Point(2.0, 1.0) and type(g["point"]) is Point
    np.testing.assert_array_equal(g["layer"].w, [[1.0, 2.0], [1.0, 2.0]])
    np.testing.assert_array_equal(g["layer"].b, [1.0, 1.0])
    assert g["none"] is None and g["empty"] == ()
    assert type(g["ordered"]) is OrderedDict and list(g["ordered"]) == ["b", "a"]
    assert g["ordered"] == {"a": 2.0, "b": 1.0}


@RUN
def test_python_numbers_promote(run):
    assert run(grad(square))(3) == 6.0
    assert run(grad(lambda x, y: 2 * x * y, (0, 1)))(3, 5) == (10.0, 6.0)
    assert run(grad(lambda t: t[0] ** t[1]))((2, 3))[0] == 12.0
    value, derivative = run(value_and_grad(square))(3)
    assert value == 9.0 and derivative == 6.0
    assert type(value) is np.float64 and type(derivative) is np.float64


@RUN
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_is_that_of_the_argument(run, dtype):
    x = dtype(0.5)
    f = lambda x: fnp.sin(x) * 2.0 + 1
    value, derivative = run(value_and_grad(f))(x)
    assert type(value) is dtype and type(derivative) is dtype
    np.testing.assert_allclose(derivative, 2 * np.cos(x), rtol=1e-6)
    a = np.ones((2, 3), dtype)
    result = run(grad(lambda a: (f(a) * np.ones((2, 3))).sum()))(a)
    assert result.dtype == dtype and result.shape == (2, 3)
    assert type(run(grad(lambda x: x * np.float64(2.0)))(x)) is dtype
    mixed = run(grad(lambda a, b: (a * b).sum(), (0, 1)))(a, np.ones(3))
    assert mixed[0].dtype == dtype and mixed[1].dtype == np.float64


@RUN
def test_values_without_axes(run):
    for x in (3.0, np.float64(3.0), np.array(3.0)):
        result = run(grad(square))(x)
        assert result == 6.0 and type(result) is np.float64
    one = run(grad(lambda x: x[0] * x[0]))(np.array([3.0]))
    assert one.shape == (1,) and one[0] == 6.0
    assert run(grad(lambda x: x.sum()))(np.zeros((0, 3))).shape == (0, 3)


@RUN
def test_unused_arguments_and_constant_outputs_give_zeros(run):
    x, y = np.ones(3, np.float32), 2.0
    gx, gy = run(grad(lambda x, y: y * y, (0, 1)))(x, y)
    np.testing.assert_array_equal(gx, np.zeros(3))
    assert gx.dtype == np.float32 and gx.flags.writeable and gy == 4.0
    assert run(grad(lambda x: 3.0))(1.0) == 0.0
    assert run(grad(lambda x: np.float64(3.0)))(1.0) == 0.0
    assert run(grad(lambda x: fnp.sum(fnp.ones(3))))(1.0) == 0.0
    value, g = run(value_and_grad(lambda p: 3.0))({"a": np.ones(2), "b": 1.0})
    assert value == 3.0 and g["b"] == 0.0
    np.testing.assert_array_equal(g["a"], [0.0, 0.0])
    assert run(grad(lambda x: lax.stop_gradient(x) * 2))(1.0) == 0.0


@RUN
def test_the_argument_itself_as_output(run):
    value, derivative = run(value_and_grad(lambda x: x))(3.0)
    assert value == 3.0 and derivative == 1.0
    x = np.array([3.0])
    value, derivative = run(value_and_grad(lambda x: x[0]))(x)
    assert value == 3.0 and type(value) is np.float64
    np.testing.assert_array_equal(derivative, [1.0])


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x.sum(),
        lambda x: x.T.sum(),
        lambda x: (x * x).sum() / 2,
        lambda x: x.reshape(-1) @ x.reshape(-1),
        lambda x: fnp.broadcast_to(x, (4, *x.shape)).sum(),
        lambda x: 0.0,
    ],
)
@RUN
def test_results_are_writeable_arrays_of_their_own(run, f):
    x = np.arange(6.0).reshape(2, 3)
    first = run(grad(f))(x)
    second = run(grad(f))(x)
    assert type(first) is np.ndarray and first.flags.writeable and first.flags.owndata
    assert not np.shares_memory(first, x)
    kept = second.copy()
    first[:] = -7.0
    np.testing.assert_array_equal(second, kept)
    np.testing.assert_array_equal(x, np.arange(6.0).reshape(2, 3))
    np.testing.assert_array_equal(run(grad(f))(x), kept)


def test_two_results_share_no_memory():
    gx, gy = grad(lambda x, y: (x + y).sum(), (0, 1))(np.ones(3), np.ones(3))
    gx += 1
    np.testing.assert_array_equal(gy, np.ones(3))
    (value, aux), g = value_and_grad(lambda x: (x.sum(), x * 2), has_aux=True)(np.ones(2))
    aux += 1
    g += 1
    (value, aux), g = value_and_grad(lambda x: (x.sum(), x), has_aux=True)(x := np.ones(2))
    assert not np.shares_memory(aux, x)


@RUN
def test_arrays_of_any_layout(run):
    base = np.arange(24.0).reshape(4, 6)
    weights = np.arange(8.0).reshape(2, 4)
    for x in (base[::2, 1:5], base.T[1:5, :2].T, base[:2, 4:0:-1], np.asfortranarray(base[:2, :4])):
        result = run(grad(lambda x: (weights * x * x).sum()))(x)
        np.testing.assert_array_equal(result, 2 * weights * x)
    frozen = base.copy()
    frozen.flags.writeable = False
    np.testing.assert_array_equal(run(grad(lambda x: (x * x).sum()))(frozen), 2 * base)
    swapped = np.arange(3.0).astype(">f8")
    np.testing.assert_array_equal(run(grad(lambda x: (x * x).sum()))(swapped), [0.0, 2.0, 4.0])


# ---- aux


def test_aux_of_every_kind():
    def f(x):
        return x * x, {
            "traced": x + 1,
            "text": "kept",
            "none": None,
            "tree": [x * 2, (1, np.arange(2))],
            "function": square,
        }

    derivative, aux = grad(f, has_aux=True)(3.0)
    assert derivative == 6.0
    assert aux["traced"] == 4.0 and type(aux["traced"]) is np.float64
    assert aux["text"] == "kept" and aux["none"] is None and aux["function"] is square
    assert aux["tree"][0] == 6.0 and aux["tree"][1][0] == 1
    np.testing.assert_array_equal(aux["tree"][1][1], [0, 1])
    (value, aux), derivative = value_and_grad(f, has_aux=True)(3.0)
    assert value == 9.0 and aux["text"] == "kept" and derivative == 6.0


def test_aux_passes_through_nested_transforms():
    f = lambda x: (x**3, x * 10)
    second, aux = grad(lambda x: grad(f, has_aux=True)(x), has_aux=True)(2.0)
    assert second == 12.0 and aux == 20.0
    gradient, aux = vmap(grad(f, has_aux=True))(np.array([1.0, 2.0]))
    np.testing.assert_array_equal(gradient, [3.0, 12.0])
    np.testing.assert_array_equal(aux, [10.0, 20.0])
    gradient, aux = jit(grad(f, has_aux=True))(2.0)
    assert gradient == 12.0 and aux == 20.0
    # The aux of an inner grad is a value of the outer trace, and has a derivative there.
    assert grad(lambda x: grad(f, has_aux=True)(x)[1] * x)(2.0) == 40.0


def test_aux_through_jit_may_be_no_number():
    assert jit(grad(lambda x: (x * x, ("text", None)), has_aux=True))(3.0) == (6.0, ("text", None))


@pytest.mark.parametrize("f", [lambda x: x, lambda x: (x,), lambda x: (x, x, x), lambda x: [x, x]])
def test_aux_needs_a_pair(f):
    with pytest.raises(
        TreeMismatchError, match="has_aux=True needs a function that returns a pair"
    ):
        grad(f, has_aux=True)(1.0)


# ---- complex numbers and integers


@RUN
def test_holomorphic(run):
    z = 1.0 + 2.0j
    assert run(grad(lambda z: z**3, holomorphic=True))(z) == 3 * z**2
    single = run(grad(fnp.exp, holomorphic=True))(np.complex64(z))
    assert type(single) is np.complex64
    np.testing.assert_allclose(single, np.exp(z), rtol=1e-6)


@RUN
def test_real_functions_of_complex_inputs_follow_the_convention(run):
    z = 1.0 + 2.0j
    assert run(grad(lambda z: (z * z.conj()).real))(z) == 2 * z.conjugate()
    np.testing.assert_allclose(run(grad(abs))(z), z.conjugate() / abs(z))
    assert run(grad(lambda z: z.imag))(z) == -1j
    # Through complex numbers back to a real argument.
    np.testing.assert_allclose(run(grad(lambda x: abs(x * z) ** 2))(3.0), 2 * 3.0 * 5.0)
    assert type(run(grad(lambda x: fnp.real(x * z)))(3.0)) is np.float64


def test_complex_errors():
    with pytest.raises(ComplexError, match="grad of square: the output has dtype complex128"):
        grad(square)(1j)
    with pytest.raises(ComplexError, match="holomorphic=True needs complex inputs, argument 0"):
        grad(square, holomorphic=True)(1.0)
    with pytest.raises(ComplexError, match="needs a complex output"):
        grad(abs, holomorphic=True)(1j)


@RUN
def test_allow_int(run):
    def f(i, x):
        return x[i] * 2.0

    gi, gx = grad(f, (0, 1), allow_int=True)(np.int64(1), np.ones(3))
    assert gi.dtype == float0 and gi.shape == ()
    np.testing.assert_array_equal(gx, [0.0, 2.0, 0.0])
    tree = {"ids": np.arange(2), "flag": np.array([True, False]), "w": np.ones(2)}
    g = grad(lambda t: (t["w"] * t["ids"]).sum(), allow_int=True)(tree)
    assert g["ids"].dtype == float0 and g["ids"].shape == (2,)
    assert g["flag"].dtype == float0
    np.testing.assert_array_equal(g["w"], [0.0, 1.0])
    assert run(lambda x: grad(f, (0, 1), allow_int=True)(2, x)[1])(np.ones(3)).tolist() == [0, 0, 2]


@pytest.mark.parametrize("x", [np.arange(3), np.array([True]), np.int8(1), True, np.array(2)])
@RUN
def test_integers_are_refused_by_name_path_and_dtype(run, x):
    with pytest.raises(IntegerInputError) as error:
        run(grad(lambda p, q: (p["w"] * 1.0).sum()))({"w": x}, 1.0)
    text = str(error.value)
    assert "grad of <lambda>: argument 0['w'] has dtype" in text
    assert str(np.asarray(x).dtype) in text and "allow_int=True" in text


@pytest.mark.parametrize(
    "f, shape", [(lambda x: x * 2, r"\(3,\)"), (lambda x: x[None, :1], r"\(1, 1\)")]
)
def test_outputs_that_are_no_scalars(f, shape):
    with pytest.raises(NonScalarOutputError, match=f"grad of <lambda>.*shape {shape}.*jacrev"):
        grad(f)(np.ones(3))


def test_outputs_that_are_no_numbers():
    def pair(x):
        return x, x

    with pytest.raises(NonScalarOutputError, match=r"grad of pair.*one scalar.*has_aux"):
        grad(pair)(1.0)
    with pytest.raises(NonScalarOutputError, match="None"):
        grad(lambda x: None)(1.0)
    with pytest.raises(NonScalarOutputError, match="text"):
        grad(lambda x: "text")(1.0)
    with pytest.raises(IntegerOutputError, match=r"the output has dtype int64.*return a float"):
        grad(lambda x: fnp.argmax(x))(np.ones(3))
    with pytest.raises(IntegerOutputError, match="bool"):
        grad(lambda x: x > 0)(1.0)


def test_arguments_that_are_no_numbers():
    with pytest.raises(TypeError, match=r"grad of <lambda>: argument 0\['a'\]\[1\] is 'text'"):
        grad(lambda p: p["a"][0])({"a": (1.0, "text")})
    with pytest.raises(TypeError, match="grad of square: argument 0 is <object"):
        grad(square)(object())
    with pytest.raises(OverflowError, match="grad of square: argument 0 .* does not fit 64 bits"):
        grad(square)(2**70)
    with pytest.raises(TypeError, match=r"argument 0 is masked_array.*filled\(\)"):
        grad(square)(np.ma.array([1.0, 2.0], mask=[False, True]))


# ---- the value


def test_the_function_runs_once():
    calls = []

    def f(x):
        calls.append(x)
        return x * x

    assert value_and_grad(f)(3.0) == (9.0, 6.0)
    assert len(calls) == 1


def test_python_control_flow_and_printing_on_known_values(capsys):
    def newton(x):
        y = x
        while abs(y * y - x) > 1e-14:
            y = (y + x / y) / 2
        print(f"{y:.3f} {y > 1} {int(y)}")
        return y if y > 1 else -y

    np.testing.assert_allclose(grad(newton)(2.0), 0.5 / np.sqrt(2.0), rtol=1e-12)
    assert capsys.readouterr().out == "1.414 True 1\n"
    np.testing.assert_allclose(grad(grad(newton))(2.0), -0.25 * 2.0**-1.5, rtol=1e-6)


def test_an_exception_of_the_function_leaves_no_trace_behind():
    def broken(x):
        raise RuntimeError("mine")

    for transform in (grad, vmap, jit):
        with pytest.raises(RuntimeError, match="mine"):
            transform(broken)(np.ones(2) if transform is vmap else 1.0)
    assert grad(square)(3.0) == 6.0
    assert type(fnp.sin(1.0)) is np.float64
