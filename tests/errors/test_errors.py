"""Bad input: each case raises its own class; the text names what, where, and the way out."""

import inspect
import math
import re

import numpy as np
import pytest

import fungrad
import fungrad.errors
import fungrad.numpy as fnp
from fungrad import custom_jvp, custom_vjp, disable_jit, grad, jit, jvp, lax, vjp, vmap
from fungrad.errors import (
    AxesError,
    BooleanIndexError,
    BranchTypeError,
    CarryTypeError,
    CustomRuleError,
    DtypeError,
    FungradError,
    IntegerInputError,
    LeakedTracerError,
    LostDerivativeError,
    NonScalarOutputError,
    OutOfBoundsError,
    ShapeError,
    StaticArgumentError,
    TangentMismatchError,
    TreeMismatchError,
    UnknownValueError,
    ViewWriteError,
)


def text_of(error, call, *args, **kwargs):
    """What the error says that the call raises; it must be of exactly this class."""
    with pytest.raises(FungradError) as caught:
        call(*args, **kwargs)
    assert caught.type is error, f"{caught.type.__name__}: {caught.value}"
    return str(caught.value)


def names(text, *parts):
    """Every part occurs in the text."""
    missing = [part for part in parts if part not in text]
    assert not missing, f"{missing} not in: {text}"


# ---- the docstrings of the classes

CLASSES = [c for c in vars(fungrad.errors).values() if inspect.isclass(c)]
WITHOUT_PROGRAM = {"FungradError": "the base", "CompilationError": "a defect of fungrad"}


def program_in(documentation, word):
    """The program after "Fails:" or "Repaired:": one line in backquotes, or an indented block."""
    if line := re.search(rf"{word}: `([^`]+)`", documentation):
        return line[1]
    if block := re.search(rf"{word}:.*\n\n((?:    .*\n|\n)+)", documentation + "\n"):
        return inspect.cleandoc(block[1])
    return None


def run_program(source):
    from fungrad.core.program import Equation, Program, Variable, check
    from fungrad.core.types import ArrayType
    from fungrad.primitives.elementwise import tanh

    namespace = {name: getattr(fungrad, name) for name in fungrad.__all__}
    namespace |= {c.__name__: c for c in CLASSES}
    namespace |= {"np": np, "fnp": fnp, "math": math, "f64": ArrayType((), np.dtype(float))}
    namespace |= {f.__name__: f for f in (Equation, Program, Variable, check)}
    namespace |= {f.name: f for f in (tanh,)}
    exec(source, namespace)


@pytest.mark.parametrize("error", CLASSES, ids=lambda c: c.__name__)
def test_the_programs_in_a_docstring_fail_and_work(error):
    documentation = inspect.getdoc(error)
    assert issubclass(error, FungradError)
    failing, repaired = (program_in(documentation, word) for word in ("Fails", "Repaired"))
    if error.__name__ in WITHOUT_PROGRAM:
        assert failing is None
        return
    assert failing and repaired, f"{error.__name__} shows no failing or no repaired program"
    with pytest.raises(FungradError) as caught:
        run_program(failing)
    assert caught.type is error, f"{caught.type.__name__}: {caught.value}"
    run_program(repaired)


def test_texts_are_sentences_for_people():
    """No text shows an object's address."""
    for error in CLASSES:
        source = program_in(inspect.getdoc(error), "Fails")
        if source:
            with pytest.raises(error) as caught:
                run_program(source)
            assert not re.search(r"at 0x[0-9a-f]+", str(caught.value)), caught.value


# ---- outputs and inputs of gradients


def model(parameters, x):
    return fnp.tanh(x @ parameters["w"]) + parameters["b"]


PARAMETERS = {"w": np.ones((3, 2)), "b": np.zeros(2)}


def test_gradient_of_an_array():
    text = text_of(NonScalarOutputError, grad(model), PARAMETERS, np.ones((4, 3)))
    names(text, "grad of model", "shape (4, 2)", "jacrev", "sum")


def test_gradient_of_several_outputs():
    text = text_of(NonScalarOutputError, grad(lambda x: [x, x]), 1.0)
    names(text, "grad of <lambda>", "2 leaves", "has_aux")


def test_gradient_with_respect_to_integers():
    def loss(scale, parameters):
        return scale * parameters["w"][0].sum()

    text = text_of(IntegerInputError, grad(loss, argnums=1), 1.0, {"w": [np.arange(3)]})
    names(text, "grad of loss", "argument 1['w'][0]", "int64", "astype(float)", "allow_int")


def test_an_argument_that_is_not_a_number_is_named():
    with pytest.raises(TypeError) as caught:
        grad(lambda p: p["a"] * 1.0)({"a": "text"})
    names(str(caught.value), "grad of <lambda>", "['a']", "str")


# ---- values that do not exist, conversions that lose a derivative

CONVERSIONS = {
    "if": (lambda x: x if x > 0 else -x, ("where", "cond", "while_loop")),
    "while": (lambda x: next(iter([x])) if not x < 0 else x, ("where", "cond")),
    "bool": (lambda x: bool(x), ("where", "cond")),
    "float": (lambda x: float(x), ("fungrad.numpy",)),
    "math.sin": (lambda x: math.sin(x), ("np.sin(x)", "math")),
    "np.asarray": (lambda x: np.asarray(x) * 2, ("fungrad.numpy.asarray",)),
    "range": (lambda x: [i for i in range(x)], ("fori_loop",)),
}


@pytest.mark.parametrize("what", CONVERSIONS)
@pytest.mark.parametrize("transform", [jit, vmap])
def test_python_asks_for_an_unknown_value(transform, what):
    function, ways_out = CONVERSIONS[what]
    x = np.arange(3) if what == "range" else np.arange(3.0)
    text = text_of(UnknownValueError, transform(function), x[1] if transform is jit else x)
    names(text, f"{transform.__name__} of <lambda>", "[]", *ways_out)


def test_the_innermost_transform_that_hides_the_value_is_named():
    def absolute(x):
        return x if x > 0 else -x

    text = text_of(UnknownValueError, jit(vmap(absolute)), np.ones(3))
    names(text, "vmap of absolute", "made by greater", "test_errors.py", "in absolute")


def test_a_scan_body_has_no_values_either():
    def body(carry, x):
        return (x if x > 0 else carry), x

    names(text_of(UnknownValueError, lax.scan, body, 0.0, np.ones(3)), "scan of body", "cond")


@pytest.mark.parametrize("convert", [float, math.sin, lambda x: np.asarray(x), lambda x: x.item()])
def test_a_lost_derivative(convert):
    def loss(x):
        return convert(x) * x

    text = text_of(LostDerivativeError, grad(loss), 1.0)
    names(text, "grad of loss", "f64[]", "stop_gradient")
    assert np.isfinite(grad(lambda x: convert(fungrad.stop_gradient(x)) * x)(1.0))


# ---- tracers that escape


@pytest.mark.parametrize("transform", [jit, vmap, grad])
def test_a_leaked_tracer(transform):
    kept = []

    def leaking(x):
        y = x * x
        kept.append(y)
        return y + 1.0

    transform(leaking)(np.ones(3) if transform is vmap else 2.0)
    text = text_of(LeakedTracerError, lambda: kept[0] + 1.0)
    names(text, f"{transform.__name__} of leaking", "f64[]", "multiply", "has_aux")
    if transform is not grad:
        names(text, "test_errors.py", "in leaking")
    text_of(LeakedTracerError, jit(lambda x: x + kept[0]), 1.0)


# ---- shapes and dtypes

COMPILED_AND_EAGER = pytest.mark.parametrize("transform", [jit, grad])


@COMPILED_AND_EAGER
def test_shapes_that_do_not_broadcast(transform):
    text = text_of(ShapeError, transform(lambda x: (x + np.ones((2, 4))).sum()), np.ones((2, 3)))
    names(text, "add", "(2, 3)", "(2, 4)", "axis -1", "3 and 4")


@COMPILED_AND_EAGER
def test_shapes_that_do_not_multiply(transform):
    text = text_of(ShapeError, transform(lambda x: (x @ np.ones((4, 5))).sum()), np.ones((2, 3)))
    names(text, "matmul", "axis 1", "(2, 3)", "size 3", "axis 0", "(4, 5)", "size 4")


@COMPILED_AND_EAGER
def test_shapes_that_do_not_fit_einsum(transform):
    def function(x):
        return fnp.einsum("ij,jk->ik", x, np.ones((4, 2))).sum()

    text = text_of(ShapeError, transform(function), np.ones((2, 3)))
    names(text, "einsum", "'j'", "size 3", "operand 1", "(4, 2)", "size 4")


@COMPILED_AND_EAGER
def test_shapes_that_do_not_concatenate(transform):
    def function(x):
        return fnp.concatenate([x, np.ones((4, 5))], axis=0).sum()

    text = text_of(ShapeError, transform(function), np.ones((2, 3)))
    names(text, "dimension 1", "size 3", "size 5")


@COMPILED_AND_EAGER
def test_sizes_that_do_not_reshape(transform):
    text = text_of(ShapeError, transform(lambda x: x.reshape(4, 2).sum()), np.ones((2, 3)))
    names(text, "reshape", "size 6", "(4, 2)", "(2, 3)")


@COMPILED_AND_EAGER
def test_dtypes_without_the_operation(transform):
    text = text_of(DtypeError, transform(lambda x: (x & 1).sum() * 1.0), np.ones(3))
    names(text, "bitwise_and", "float64")


# ---- loops and branches


def test_a_carry_that_changes_its_dtype():
    def body(carry, x):
        return {"sum": carry["sum"] + x, "count": carry["count"] + x}, x

    init = {"sum": 0.0, "count": np.int32(0)}
    text = text_of(CarryTypeError, lax.scan, body, init, np.ones(3))
    names(text, "scan of body", "['count']", "i32[]", "f64[]", "astype")


def test_a_carry_that_changes_its_shape():
    def body(value):
        return value[0] + 1, fnp.stack([value[1], value[1]])

    text = text_of(CarryTypeError, lax.while_loop, lambda v: v[0] < 3, body, (0, 1.0))
    names(text, "while_loop of body", "[1]", "f64[]", "f64[2]")


def test_a_value_of_fori_loop_that_changes_its_dtype():
    def body(i, value):
        return {"x": value["x"].astype(np.float32)}

    text = text_of(CarryTypeError, lax.fori_loop, 0, 3, body, {"x": np.float64(1)})
    names(text, "fori_loop of body", "['x']", "f64[]", "f32[]")


def test_a_carry_that_changes_its_structure():
    text = text_of(CarryTypeError, lax.scan, lambda c, x: ((c, c), x), 1.0, np.ones(3))
    names(text, "scan of <lambda>", "*", "(*, *)")


def test_a_body_that_returns_no_pair():
    text = text_of(TreeMismatchError, lax.scan, lambda c, x: c, 1.0, np.ones(3))
    names(text, "scan of <lambda>", "(carry, y)")


def test_branches_of_different_types():
    def first(x):
        return {"a": x}

    def second(x):
        return {"a": fnp.stack([x, x])}

    text = text_of(BranchTypeError, lax.cond, True, first, second, 1.0)
    names(text, "cond", "['a']", "f64[]", "f64[2]")
    text = text_of(BranchTypeError, lax.switch, 0, [first, lambda x: x], 1.0)
    names(text, "switch", "branch 1", "{'a': *}")


# ---- pytrees of tangents, cotangents and axes


def scaled(parameters):
    return {"y": parameters["w"] * 2}


ONE_WEIGHT = {"w": np.ones(2)}


def test_cotangents_of_another_structure():
    _, pull_back = vjp(scaled, ONE_WEIGHT)
    names(text_of(TreeMismatchError, pull_back, {"z": np.ones(2)}), "vjp of scaled", "'y'", "'z'")
    text = text_of(TangentMismatchError, pull_back, {"y": np.ones(3)})
    names(text, "vjp of scaled", "cotangent", "['y']", "(3,)", "(2,)")
    text = text_of(TangentMismatchError, pull_back, {"y": np.ones(2, np.float32)})
    names(text, "['y']", "float32", "float64", "astype")


def test_tangents_of_another_structure():
    text = text_of(TreeMismatchError, jvp, scaled, (ONE_WEIGHT,), ({"v": np.ones(2)},))
    names(text, "jvp of scaled", "'w'", "'v'")
    text = text_of(TangentMismatchError, jvp, scaled, (ONE_WEIGHT,), ({"w": np.ones(3)},))
    names(text, "jvp of scaled", "tangent", "['w']", "(3,)", "(2,)")
    whole = ({"w": np.arange(2)},)
    text = text_of(TangentMismatchError, jvp, scaled, whole, (ONE_WEIGHT,))
    names(text, "['w']", "int64", "float0")


def test_axes_that_do_not_fit():
    def weighted(parameters, x):
        return parameters["w"] * x

    x = np.ones(2)
    text = text_of(AxesError, vmap(weighted, in_axes=({"v": 0}, 0)), ONE_WEIGHT, x)
    names(text, "vmap of weighted", "in_axes", "[0]", "'v'", "'w'")
    text = text_of(AxesError, vmap(weighted, in_axes=(0,)), ONE_WEIGHT, x)
    names(text, "has 1 entry", "2 positional")
    text = text_of(AxesError, vmap(weighted), ONE_WEIGHT, np.ones(3))
    names(text, "argument 0['w'] has 2", "argument 1 has 3")
    text = text_of(AxesError, vmap(weighted, in_axes=(0, 1)), ONE_WEIGHT, x)
    names(text, "in_axes 1", "argument 1", "(2,)")
    text = text_of(AxesError, vmap(lambda x: x, out_axes=None), x)
    names(text, "out_axes", "output", "differs")


# ---- indexing


INDEXINGS = {
    "x[3]": lambda x: x[3],
    "x[-4]": lambda x: x[-4],
    "x[[0, 3]]": lambda x: x[np.array([0, 3])].sum(),
    "take": lambda x: fnp.take(x, np.array([0, 3])).sum(),
}


@pytest.mark.parametrize("which", INDEXINGS)
@pytest.mark.parametrize("transform", [lambda f: f, grad, jit])
def test_an_index_out_of_bounds(which, transform):
    """On plain arrays NumPy raises its IndexError, of which OutOfBoundsError is a subclass."""
    with pytest.raises(IndexError) as caught:
        transform(INDEXINGS[which])(np.arange(3.0))
    names(str(caught.value), "-4" if which == "x[-4]" else "3", "out of bounds", "size 3")


@pytest.mark.parametrize("i", [3, -4])
def test_a_run_time_index_out_of_bounds(i):
    def element(x, i):
        return x[i]

    def written(x, i):
        y = x * 1.0
        y[i] = 5.0
        return y

    x = np.arange(3.0)
    for function in (element, written):
        text = text_of(OutOfBoundsError, jit(function), x, np.int64(i))
        names(text, f"index {i} is out of bounds for axis 0 with size 3", "clip")
        names(text, f"in {function.__name__}", "test_errors.py")
        function_of_x = jit(grad(lambda x, i: function(x, i).sum()))  # noqa: B023
        text_of(OutOfBoundsError, function_of_x, x, np.int64(i))
    assert jit(element)(x, np.int64(-3)) == 0.0


RUN_TIME_INDICES = {
    "row": (lambda x, i: x[i].sum(), 7, 0, 3),
    "column": (lambda x, i: x[:, i].sum(), -5, 1, 4),
    "after an integer": (lambda x, i: x[1, i], 4, 1, 4),
    "after a new axis": (lambda x, i: x[None, i].sum(), 3, 0, 3),
    "second of two": (lambda x, i: x[i * 0, i], 9, 1, 4),
    "of the rows of a batch": (lambda x, i: vmap(lambda row: row[i])(x).sum(), 4, 0, 4),
    "in a loop": (lambda x, i: lax.fori_loop(0, 2, lambda k, c: c + x[i + k, 0], 0.0), 2, 0, 3),
    "added to": (lambda x, i: fungrad.at(x)[:, i].add(1.0).sum(), 4, 1, 4),
    "along an axis": (lambda x, i: fnp.take(x, fnp.array([0, i]), axis=1).sum(), 4, 1, 4),
}


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("which", RUN_TIME_INDICES)
def test_index_axis_and_size_are_named(which, compiled):
    """As the user's array has them; compiled code says it as eager code does."""
    function, i, axis, size = RUN_TIME_INDICES[which]
    run = jit(function) if compiled else lambda x, i: jvp(lambda x: function(x, i), (x,), (x,))
    text = text_of(OutOfBoundsError, run, np.ones((3, 4)), np.int64(i))
    i = 3 if which == "in a loop" else i
    names(text, f"index {i} is out of bounds for axis {axis} with size {size}", "clip")


@pytest.mark.parametrize("transform", [lambda f: f, jit])
def test_mode_opts_out_of_the_check(transform):
    x, i = np.arange(3.0), np.int64(7)
    assert transform(lambda x, i: fungrad.at(x)[i].get(mode="clip"))(x, i) == 2.0
    assert np.isnan(transform(lambda x, i: fungrad.at(x)[i].get(mode="fill"))(x, i))
    changed = transform(lambda x, i: fungrad.at(x)[i].set(9.0, mode="drop"))(x, i)
    np.testing.assert_array_equal(changed, x)


@pytest.mark.parametrize("transform", [lambda f: f, jit])
def test_dynamic_slices_are_clamped(transform):
    x = np.arange(4.0)
    part = transform(lambda x, i: lax.dynamic_slice(x, (i,), (2,)))
    np.testing.assert_array_equal(part(x, np.int64(9)), [2.0, 3.0])
    np.testing.assert_array_equal(part(x, np.int64(-9)), [0.0, 1.0])
    assert transform(lambda x, i: lax.dynamic_index_in_dim(x, i, keepdims=False))(x, 9) == 3.0
    updated = transform(lambda x, i: lax.dynamic_update_slice(x, np.ones(2) * 7, (i,)))
    np.testing.assert_array_equal(updated(x, np.int64(9)), [0.0, 1.0, 7.0, 7.0])


def test_a_boolean_mask_whose_values_are_unknown():
    text = text_of(BooleanIndexError, jit(lambda x: x[x > 0].sum()), np.ones(3))
    names(text, "jit of <lambda>", "shape (3,)", "where", "size=")
    text = text_of(BooleanIndexError, vmap(lambda x: x[x > 0].sum()), np.ones((2, 3)))
    names(text, "vmap of <lambda>", "where")
    text = text_of(BooleanIndexError, jit(lambda x: fnp.nonzero(x)), np.ones(3))
    names(text, "nonzero", "size=")
    np.testing.assert_array_equal(grad(lambda x: x[x > 0].sum())(np.array([1.0, -1.0])), [1, 0])


# ---- writing


def write_through_a_view(x):
    y = x * 1.0
    row = y[0]
    row[1] = 5.0
    return y.sum()


def read_a_view_after_a_write(x):
    y = x * 1.0
    row = y[0]
    y[0, 1] = 5.0
    return row.sum()


def write_into_an_argument(x):
    x[0] = 1.0
    return x.sum()


def add_in_place_to_a_view(x):
    y = x * 1.0
    columns = y.T
    columns += 1.0
    return y.sum()


@COMPILED_AND_EAGER
@pytest.mark.parametrize(
    "function, way_out",
    [
        (write_through_a_view, "y[0, 1] = v"),
        (read_a_view_after_a_write, "copy it before"),
        (write_into_an_argument, "copy"),
        (add_in_place_to_a_view, "copy the view first"),
    ],
)
def test_writing_through_a_view(transform, function, way_out):
    text = text_of(ViewWriteError, transform(function), np.ones((2, 2)))
    names(text, "(2, 2)", way_out)


# ---- static arguments


def test_static_arguments_that_cannot_be_hashed():
    def repeated(x, n):
        return x * len(n)

    text = text_of(StaticArgumentError, jit(repeated, static_argnums=1), 1.0, [1, 2])
    names(text, "jit of repeated", "argument 1", "[1, 2]", "list", "hash", "tuple")
    text = text_of(StaticArgumentError, jit(repeated, static_argnames="n"), 1.0, n={})
    names(text, "'n'", "dict")
    assert jit(repeated, static_argnums=1)(1.0, (1, 2)) == 2.0


def test_static_arguments_that_do_not_exist():
    def repeated(x, n):
        return x * n

    text = text_of(StaticArgumentError, jit, repeated, static_argnames="m")
    names(text, "jit of repeated", "'m'", "not a parameter")
    text = text_of(StaticArgumentError, jit, repeated, static_argnums=2)
    names(text, "static_argnums=2", "2 positional")


# ---- custom rules


def product_with(fwd, bwd):
    @custom_vjp
    def product(x, y):
        return x * y

    product.defvjp(fwd, bwd)
    return product


def product_fwd(x, y):
    return x * y, (x, y)


BACKWARD_RULES = {
    "one value": (lambda kept, c: c, ("one cotangent per argument", "2")),
    "three values": (lambda kept, c: (c, c, c), ("one cotangent per argument", "2", "got 3")),
    "a structure": (lambda kept, c: ({"a": c}, c), ("argument 0", "{'a': *}")),
    "a shape": (lambda kept, c: (c, np.ones(3) * c), ("argument 1", "(3,)", "()")),
}


@pytest.mark.parametrize("transform", [grad, lambda f: jit(grad(f))])
@pytest.mark.parametrize("which", BACKWARD_RULES)
def test_backward_rules_of_the_wrong_structure(which, transform):
    bwd, parts = BACKWARD_RULES[which]
    product = product_with(product_fwd, bwd)
    text = text_of(CustomRuleError, transform(product), 2.0, 3.0)
    names(text, "backward rule of product", *parts)
    assert product(2.0, 3.0) == 6.0


def test_forward_rules_of_the_wrong_structure():
    product = product_with(lambda x, y: x * y, lambda kept, c: (c, c))
    text = text_of(CustomRuleError, grad(product), 2.0, 3.0)
    names(text, "product", "fwd", "(output, residuals)")
    product = product_with(lambda x, y: ((x, y), None), lambda kept, c: (c, c))
    text = text_of(CustomRuleError, grad(product), 2.0, 3.0)
    names(text, "forward rule of product", "(*, *)")


JVP_RULES = {
    "no pair": (lambda primals, tangents: tangents[0], ("(output, tangent)",)),
    "a structure": (lambda primals, tangents: (primals[0], tangents * 2), ("(*, *)",)),
    "a shape": (lambda primals, tangents: (primals[0], np.ones(3)), ("(3,)", "()")),
}


@pytest.mark.parametrize("which", JVP_RULES)
def test_jvp_rules_of_the_wrong_structure(which):
    rule, parts = JVP_RULES[which]

    @custom_jvp
    def identity(x):
        return x * 1.0

    identity.defjvp(rule)
    names(text_of(CustomRuleError, grad(identity), 2.0), "custom_jvp of identity", *parts)


@pytest.mark.parametrize("custom, method", [(custom_jvp, "defjvp"), (custom_vjp, "defvjp")])
def test_custom_functions_without_a_rule(custom, method):
    @custom
    def square(x):
        return x * x

    names(text_of(CustomRuleError, grad(square), 2.0), "square", method)


# ---- ways out that the texts name


def test_the_ways_out_work():
    assert jit(lambda x: fnp.where(x > 0, x, -x))(-2.0) == 2.0
    assert jit(lambda x: lax.cond(x > 0, lambda: x, lambda: -x))(-2.0) == 2.0
    assert grad(lambda x: x.sum() * 1.0, allow_int=True)(np.arange(3)).dtype == fungrad.float0
    with disable_jit():
        assert jit(lambda x: x if x > 0 else -x)(-2.0) == 2.0


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("ConcretizationTypeError", lambda x: float(x[0])),
        ("ConcretizationTypeError", lambda x: fnp.nonzero(x)),
        ("TracerBoolConversionError", lambda x: 1 if x[0] > 0 else 2),
        ("TracerIntegerConversionError", lambda x: [1, 2][fnp.argmax(x)]),
        ("TracerArrayConversionError", lambda x: np.asarray(x)),
        ("NonConcreteBooleanIndexError", lambda x: x[x > 0]),
    ],
)
def test_the_names_of_jax_catch_as_well(name, call):
    with pytest.raises(getattr(fungrad.errors, name)):
        jit(call)(np.ones(3))


def test_a_leak_is_caught_by_the_name_of_jax():
    kept = []
    jit(lambda x: kept.append(x * x))(3.0)
    with pytest.raises(fungrad.errors.UnexpectedTracerError):
        kept[0] + 1.0


def test_errors_of_shape_are_value_errors_as_well_as_type_errors():
    for error in (TypeError, ValueError):
        with pytest.raises(error):
            jvp(np.sin, (1.0,), (np.ones(3),))
        with pytest.raises(error):
            vmap(np.sin, in_axes="a")(np.ones(3))
