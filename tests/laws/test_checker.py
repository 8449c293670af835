"""The checker itself: mistakes planted in a primitive or a derivative must be caught."""

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import jvp, vjp
from fungrad.core.errors import LinearityError, ProgramError, ShapeError
from fungrad.core.primitive import Pointwise
from fungrad.core.types import ArrayType
from fungrad.primitives.elementwise import cos, greater, select, stop_gradient
from fungrad.testing import check_grads, check_jvp, check_primitive, check_vjp

X = np.array([[0.3, -0.7, 1.2], [1.9, -1.4, 0.6]])


def planted(**rules):
    """A primitive that computes sin(x), with some of its rules exchanged."""
    correct = {
        "infer": lambda self, x: x,
        "evaluate": lambda self, x: np.sin(x),
        "jvp": lambda self, inputs, tangents: (self(*inputs), tangents[0] * cos(*inputs)),
        "transpose": refuse,
        "batch": lambda self, inputs, batched, axis: (self(*inputs), True),
        "element": lambda self, build, index, read, types, output: build.call(
            "sin", output.dtype, read(0, index)
        ),
    }
    return type("Planted", (Pointwise,), {**correct, **rules})()


def refuse(self, cotangents, inputs, linear):
    """The transpose of what is not linear."""
    raise LinearityError("not linear")


def planted_linear(**rules):
    """A primitive that reverses the first axis and doubles, with some of its rules exchanged."""
    correct = {
        "evaluate": lambda self, x: 2 * x[::-1],
        "jvp": lambda self, inputs, tangents: (self(*inputs), self(*tangents)),
        "transpose": lambda self, cotangents, inputs, linear: (self(*cotangents),),
        "batch": batch_reversal,
    }
    return planted(**{**correct, **rules})


def batch_reversal(self, inputs, batched, axis):
    """The correct batch rule: the axis to reverse is the second one."""
    from fungrad.primitives.movement import Reverse

    return 2 * Reverse((1,))(*inputs), True


def check(primitive, *inputs, **options):
    """The eager laws."""
    check_primitive(primitive, *(inputs or (X,)), modes=("eager",), **options)


def test_correct_primitives_pass():
    check(planted())
    check(planted_linear())


def test_missing_rule_is_named():
    incomplete = type("Incomplete", (Pointwise,), {"infer": lambda self, x: x})
    with pytest.raises(TypeError, match="primitive Incomplete lacks the rules batch, element"):
        incomplete()


# ---- types


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (lambda self, x: float(np.sum(x)), "types of planted.* Python float"),
        (
            lambda self, x: np.sin(x).astype(np.float32),
            r"output 0 is f32\[2,3\], expected f64\[2,3\]",
        ),
        (lambda self, x: np.sin(x)[0], r"output 0 is f64\[3\], expected f64\[2,3\]"),
        (lambda self, x: np.sin(x).ravel(order="K").reshape(2, 3), "in Fortran order.*index"),
    ],
)
def test_wrong_type_is_caught(rule, message):
    with pytest.raises(AssertionError, match=message):
        check(planted(evaluate=rule), laws=("types",))


def test_write_to_an_input_is_caught():
    def evaluate(self, x):
        x += 1
        return np.sin(x - 1)

    with pytest.raises(ValueError, match="read-only"):
        check(planted(evaluate=evaluate), laws=("types",))


def test_python_scalar_is_caught():
    import math

    primitive = planted(evaluate=lambda self, x: math.sin(x))
    with pytest.raises(AssertionError, match="output 0 is the Python float .*, expected f64"):
        check(primitive, np.float64(0.5), laws=("types",))


# ---- jvp


def test_wrong_factor_is_caught():
    primitive = planted(jvp=lambda self, x, t: (self(*x), t[0] * cos(*x) * 1.0001))
    with pytest.raises(AssertionError) as failure:
        check(primitive)
    text = str(failure.value)
    assert "jvp of planted with respect to inputs [0]: tangent of output 0" in text
    assert "6 of 6 elements differ, the worst at index (" in text
    assert "got np.float64(" in text and "expected np.float64(" in text
    assert "input 0: f64[2,3] = array(" in text


def test_worst_element_is_named():
    def pushed(self, inputs, tangents):
        (x,), (t,) = inputs, tangents
        return self(x), t * cos(x) * select(greater(x, 1.5), x, 1.0 * (x < 1) + 1.01 * (x > 1))

    with pytest.raises(
        AssertionError, match=r"2 of 6 elements differ, the worst at index \(1, 0\)"
    ):
        check(planted(jvp=pushed), laws=("jvp",))


def test_array_in_a_rule_is_refused():
    def pushed(self, inputs, tangents):
        return self(*inputs), tangents[0] * cos(*inputs) * np.ones((2, 3))

    message = "a rule used arrays that are not among its inputs while jvp of planted was written"
    with pytest.raises(ProgramError, match=message):
        check(planted(jvp=pushed), laws=("jvp",))


def test_wrong_output_of_jvp_is_caught():
    primitive = planted(jvp=lambda self, x, t: (cos(*x), t[0] * cos(*x)))
    with pytest.raises(AssertionError, match="jvp of planted .*: output 0"):
        check(primitive)


def test_dropped_tangent_is_caught():
    primitive = planted(jvp=lambda self, x, t: (self(*x), None))
    with pytest.raises(AssertionError, match="tangent of output 0.*got np.float64\\(0.0\\)"):
        check(primitive)


def test_tangent_of_an_integer_is_caught():
    primitive = planted(
        infer=lambda self, x: ArrayType(x.shape, np.int64),
        evaluate=lambda self, x: np.floor(x).astype(np.int64),
        jvp=lambda self, x, t: (self(*x), t[0]),
    )
    with pytest.raises(AssertionError, match="output 0 of dtype int64 has a tangent"):
        check(primitive, laws=("jvp",))


def test_tangent_of_another_dtype_is_caught():
    primitive = planted(jvp=lambda self, x, t: (self(*x), t[0] * cos(*x) * np.float64(1)))
    with pytest.raises(AssertionError, match=r"output 0 is float32\[2, 3\], its tangent float64"):
        check(primitive, X.astype(np.float32))


# ---- transpose


def test_wrong_transpose_is_caught():
    primitive = planted_linear(transpose=lambda self, c, x, linear: (self(*c) * 1.01,))
    message = r"transpose of planted.*: <A\^T c, dx> is .*, but <c, A dx> is "
    with pytest.raises(AssertionError, match=message):
        check(primitive)


def test_transpose_without_rearrangement_is_caught():
    primitive = planted_linear(transpose=lambda self, c, x, linear: (2 * c[0],))
    with pytest.raises(AssertionError, match=r"<A\^T c, dx>"):
        check(primitive)


def test_transpose_of_another_shape_is_caught():
    from fungrad.primitives.movement import Reshape

    primitive = planted_linear(transpose=lambda self, c, x, linear: (Reshape((6,))(self(*c)),))
    with pytest.raises(AssertionError, match=r"input 0 is .*\[2, 3\], its cotangent .*\[6\]"):
        check(primitive)


def test_transpose_of_what_is_not_linear_is_caught():
    primitive = planted(transpose=lambda self, c, x, linear: c)
    with pytest.raises(AssertionError, match="not linear in them: no LinearityError"):
        check(primitive)


def test_transpose_that_breaks_is_caught():
    primitive = planted(transpose=lambda self, c, x, linear: (c[0] * x[0].missing,))
    with pytest.raises(AssertionError, match="AttributeError, not LinearityError"):
        check(primitive)


# ---- batch


def test_batch_rule_that_forgets_the_axis_is_caught():
    primitive = planted_linear(batch=lambda self, x, batched, axis: (self(*x), True))
    with pytest.raises(AssertionError, match=r"batch of planted, size 3, batched inputs \[0\]"):
        check(primitive)


def test_batch_rule_that_hides_the_axis_is_caught():
    primitive = planted(batch=lambda self, x, batched, axis: (self(*x), False))
    with pytest.raises(AssertionError, match=r"batch of planted, size 3.*shape"):
        check(primitive)


def test_batch_rule_that_fails_for_size_0_is_caught():
    def batched(self, inputs, batched, axis):
        from fungrad.primitives.movement import Fill

        return Fill((axis.size, 2, 3))(np.float64(1)) if not axis.size else self(*inputs), False

    with pytest.raises(AssertionError, match="batch of planted"):
        check(planted(batch=batched), laws=("types", "batch"))


# ---- higher order


def test_wrong_second_derivative_is_caught():
    primitive = planted(jvp=lambda self, x, t: (self(*x), t[0] * stop_gradient(cos(*x))))
    check(primitive, order=1)
    with pytest.raises(AssertionError, match="jvp of jvp of planted"):
        check(primitive, order=2)


# ---- errors


def test_wrong_error_is_caught():
    def infer(self, x):
        if x.ndim:
            raise ShapeError("planted takes scalars")
        return x

    primitive = planted(infer=infer)
    check_primitive(primitive, bad=[((X,), ShapeError, "takes scalars")])
    with pytest.raises(AssertionError, match="'vectors' is not in 'planted takes scalars'"):
        check_primitive(primitive, bad=[((X,), ShapeError, "vectors")])
    with pytest.raises(AssertionError, match="expected KeyError, got ShapeError"):
        check_primitive(primitive, bad=[((X,), KeyError, "")])
    with pytest.raises(AssertionError, match="expected ShapeError, got the result"):
        check_primitive(primitive, bad=[((1.0,), ShapeError, "")])


# ---- check_grads, check_jvp, check_vjp


def test_check_grads_accepts_what_is_right():
    check_grads(lambda x, y: fnp.sin(x) * y, (X, np.float64(2.0)), order=3)
    check_grads(lambda x: fnp.sin(x), (X.astype(np.float32),), order=2)
    check_grads(lambda z: z * z + fnp.conjugate(z), (X + 1j,), order=2)
    check_grads(lambda tree: {"a": tree["x"] * tree["n"]}, ({"x": X, "n": np.arange(3)},), order=2)
    check_grads(lambda x: 1.5, (2.0,), order=2)


def test_check_grads_takes_autograds_call_style():
    def f(x, y):
        return fnp.sin(x) * y

    check_grads(f, modes=["fwd", "rev"], order=2)(X, 3.0)
    check_grads(f, 1)(X, 3.0)
    with pytest.raises(AssertionError, match="jvp, tangent of output 0"):
        check_grads(lambda x: stop_gradient(x) * x, modes=["fwd"])(np.float64(2.0))


def test_check_grads_refuses_unknown_modes():
    with pytest.raises(ValueError, match=r"modes are 'fwd' and 'rev', got \['reverse'\]"):
        check_grads(fnp.sin, (1.0,), 1, modes=("reverse",))


@pytest.mark.parametrize("mode", ["fwd", "rev"])
def test_check_grads_finds_a_wrong_first_derivative(mode):
    with pytest.raises(AssertionError, match=r"argument \[0\]"):
        check_grads(lambda x: fnp.sin(x) + stop_gradient(x), (X,), 1, modes=(mode,))


@pytest.mark.parametrize("mode", ["fwd", "rev"])
def test_check_grads_finds_a_wrong_second_derivative(mode):
    primitive = planted(jvp=lambda self, x, t: (self(*x), t[0] * stop_gradient(cos(*x))))
    check_grads(primitive, (X,), 1, modes=(mode,))
    with pytest.raises(AssertionError, match="jvp of jvp|vjp of vjp"):
        check_grads(primitive, (X,), 2, modes=(mode,))


def test_check_jvp_compares_with_differences():
    def pushed(primals, tangents):
        y, dy = jvp(fnp.sin, primals, tangents)
        return y, 1.01 * dy

    check_jvp(fnp.sin, lambda x, t: jvp(fnp.sin, x, t), (X,))
    with pytest.raises(AssertionError, match=r"mine, tangent of output 0.*worst at index"):
        check_jvp(fnp.sin, pushed, (X,), err_msg="mine")
    check_jvp(fnp.sin, pushed, (X,), rtol=0.02)
    with pytest.raises(AssertionError, match="value of output 0"):
        check_jvp(fnp.sin, lambda x, t: jvp(fnp.cos, x, t), (X,))


def test_check_vjp_compares_with_differences():
    def pulled(x):
        y, pull_back = vjp(fnp.sin, x)
        return y, lambda c: (1.01 * pull_back(c)[0],)

    check_vjp(fnp.sin, lambda x: vjp(fnp.sin, x), (X,))
    with pytest.raises(AssertionError, match=r"vjp, cotangent of argument \[0\]"):
        check_vjp(fnp.sin, pulled, (X,))
    with pytest.raises(AssertionError, match="has shape"):
        check_vjp(fnp.sin, lambda x: (np.sin(x), lambda c: (c[0],)), (X,))


def test_test_util_has_jax_names():
    from fungrad import test_util

    assert test_util.check_grads is check_grads
    assert test_util.check_jvp is check_jvp
    assert test_util.check_vjp is check_vjp
