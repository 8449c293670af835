"""Programs: literals, the checker, the printed form."""

import pickle

import numpy as np
import pytest

from fungrad.core.errors import ProgramError
from fungrad.core.primitive import Pointwise, Primitive, Routine
from fungrad.core.program import (
    Equation,
    Literal,
    Program,
    Variable,
    check,
    derived,
    subprograms,
)
from fungrad.core.types import ArrayType
from fungrad.primitives.elementwise import add, multiply, select, sin
from fungrad.primitives.movement import Fill, Reshape
from fungrad.primitives.reductions import Sum

REAL = ArrayType((3,), float)
SCALAR = ArrayType((), float)


def variables(*types):
    """New variables of the types."""
    return tuple([Variable(t) for t in types])


def equation(primitive, inputs, outputs, source=None):
    """An equation with tuples of operands and results."""
    return Equation(primitive, tuple(inputs), tuple(outputs), source)


# ---- literals


def test_literals_are_interned_by_their_bits():
    assert Literal(2.0) is Literal(np.float64(2))
    assert Literal(2.0) is not Literal(np.float32(2))
    assert Literal(0.0) is not Literal(-0.0)
    assert Literal(float("nan")) is Literal(np.float64("nan"))
    assert Literal(True) is not Literal(1)
    assert Literal(2, np.float32) is Literal(np.float32(2))


def test_literals_have_types():
    assert Literal(2.0).type is SCALAR
    assert Literal(np.int8(2)).type is ArrayType((), np.int8)


def test_literals_survive_pickling():
    assert pickle.loads(pickle.dumps(Literal(-0.0))) is Literal(-0.0)


# ---- the printed form


def test_a_program_prints_types_equations_and_outputs():
    x, y, product, total = variables(REAL, REAL, REAL, SCALAR)
    equations = (equation(multiply, [x, y], [product]), equation(Sum((0,)), [product], [total]))
    program = Program((x, y), equations, (total, x), "dot")
    assert repr(program) == (
        "dot(a: f64[3], b: f64[3]) {\n"
        "  c: f64[3] = multiply a b\n"
        "  d: f64[] = sum[axes=(0)] c\n"
        "  return d, a\n"
        "}"
    )


def test_literals_print_with_their_dtype_where_it_is_not_pythons():
    x, y, z = variables(SCALAR, SCALAR, ArrayType((2,), np.int32))
    equations = (
        equation(multiply, [x, Literal(2.5)], [y]),
        equation(Fill((2,)), [Literal(np.int32(3))], [z]),
    )
    outputs = (Literal(True), Literal(2), Literal(np.float64("inf")), Literal(1j), y, z)
    program = Program((x,), equations, outputs)
    assert repr(program) == (
        "f(a: f64[]) {\n"
        "  b: f64[] = multiply a 2.5\n"
        "  c: i32[2] = fill[shape=(2)] 3:i32\n"
        "  return True, 2:i64, inf, 1j, b, c\n"
        "}"
    )


def test_programs_without_inputs_equations_or_outputs_print():
    assert repr(Program((), (), ())) == "f() {\n  return\n}"


def test_names_go_on_after_z():
    inputs = variables(*[SCALAR] * 54)
    first = repr(Program(inputs, (), inputs)).partition("\n")[0]
    assert "y: f64[], z: f64[], aa: f64[], ab: f64[]" in first
    assert first.endswith("az: f64[], ba: f64[], bb: f64[]) {")


class Both(Routine):
    """A primitive with two outputs, for tests."""

    has_many_outputs = True
    order: tuple

    def infer(self, x):
        return x, x


class Loop(Routine):
    """A primitive with programs among its parameters, for tests."""

    body: object
    branches: tuple

    def infer(self, x):
        return x


for kind in (Both, Loop):
    for rule in ("evaluate", "jvp", "transpose", "batch", "emit"):
        setattr(kind, rule, Primitive.name)  # never called


def test_many_outputs_and_parameters_print():
    x, y, z = variables(REAL, REAL, REAL)
    program = Program((x,), (equation(Both(((0, 1), "low")), [x], [y, z]),), (z, y))
    assert "  b: f64[3], c: f64[3] = both[order=((0 1) low)] a\n  return c, b\n" in repr(program)


def test_inner_programs_print_below_their_equation():
    u, v = variables(REAL, REAL)
    inner = Program((u,), (equation(sin, [u], [v]),), (v,), "body")
    x, y = variables(REAL, REAL)
    loop = Loop(inner, (inner, Program((u,), (), (u,), "other")))
    program = Program((x,), (equation(loop, [x], [y]),), (y,))
    assert repr(program) == (
        "f(a: f64[3]) {\n"
        "  b: f64[3] = loop a\n"
        "    body:\n"
        "    body(a: f64[3]) {\n"
        "      b: f64[3] = sin a\n"
        "      return b\n"
        "    }\n"
        "    branches[0]:\n"
        "    body(a: f64[3]) {\n"
        "      b: f64[3] = sin a\n"
        "      return b\n"
        "    }\n"
        "    branches[1]:\n"
        "    other(a: f64[3]) {\n"
        "      return a\n"
        "    }\n"
        "  return b\n"
        "}"
    )
    assert [name for name, _ in subprograms(loop)] == ["body", "branches[0]", "branches[1]"]


def test_printing_is_deterministic():
    x, y = variables(REAL, REAL)
    program = Program((x,), (equation(sin, [x], [y]),), (y,))
    texts = {repr(program), repr(program), repr(program.replace())}
    assert len(texts) == 1


# ---- what is derived from a program


def test_derived_results_are_computed_once_per_program():
    calls = []

    @derived
    def count(program, mark):
        calls.append(mark)
        return len(program.equations)

    program, other = Program((), (), ()), Program((), (), ())
    assert [count(program, 1), count(program, 1), count(program, 2), count(other, 1)] == [0] * 4
    assert calls == [1, 2, 1]


def test_a_replaced_program_derives_anew():
    x, y = variables(REAL, REAL)
    program = Program((x,), (equation(sin, [x], [y]),), (y,))
    program.derived["key"] = 1
    assert program.replace(outputs=(x,)).derived == {}
    assert program.input_types == program.output_types == (REAL,)


# ---- the checker


def test_legal_programs_pass_the_check():
    x, y = variables(REAL, REAL)
    program = Program((x,), (equation(sin, [x], [y]),), (y, y, x, Literal(2.0)))
    assert check(program) is program


def test_undefined_variable_is_refused():
    x, y, stranger = variables(REAL, REAL, REAL)
    program = Program((x,), (equation(add, [x, stranger], [y]),), (y,))
    with pytest.raises(ProgramError, match=r"equation 0 \(add\) reads a variable .* not defined"):
        check(program)


def test_use_before_definition_is_refused():
    x, y, z = variables(REAL, REAL, REAL)
    equations = (equation(sin, [y], [z]), equation(sin, [x], [y]))
    with pytest.raises(ProgramError, match=r"equation 0 \(sin\) reads a variable"):
        check(Program((x,), equations, (z,)))


def test_wrong_type_is_refused():
    x, y = variables(REAL, SCALAR)
    program = Program((x,), (equation(sin, [x], [y]),), (y,))
    with pytest.raises(ProgramError) as error:
        check(program)
    assert "equation 0 (sin) declares (f64[],) but computes (f64[3],)" in str(error.value)
    assert str(error.value).endswith(repr(program))


def test_wrong_number_of_outputs_is_refused():
    x, y = variables(REAL, REAL)
    with pytest.raises(ProgramError, match="declares .* but computes"):
        check(Program((x,), (equation(Both(()), [x], [y]),), (y,)))


def test_double_definition_is_refused():
    x, y = variables(REAL, REAL)
    equations = (equation(sin, [x], [y]), equation(sin, [x], [y]))
    with pytest.raises(ProgramError, match=r"equation 1 \(sin\) defines a variable twice"):
        check(Program((x,), equations, (y,)))
    with pytest.raises(ProgramError, match=r"equation 0 \(sin\) defines a variable twice"):
        check(Program((x,), (equation(sin, [x], [x]),), (x,)))


def test_double_input_is_refused():
    (x,) = variables(REAL)
    with pytest.raises(ProgramError, match="an input occurs twice"):
        check(Program((x, x), (), (x,)))


def test_undefined_output_is_refused():
    x, stranger = variables(REAL, REAL)
    with pytest.raises(ProgramError, match="an output is not defined"):
        check(Program((x,), (), (stranger,)))


def test_illegal_operands_are_refused():
    x, y = variables(REAL, ArrayType((4,), float))
    with pytest.raises(ValueError, match=r"reshape: \(3,\) has 3 elements, \(4,\) does not"):
        check(Program((x,), (equation(Reshape((4,)), [x], [y]),), (y,)))


def test_inner_programs_are_checked():
    u, v, stranger = variables(REAL, REAL, REAL)
    inner = Program((u,), (equation(sin, [stranger], [v]),), (v,), "body")
    x, y = variables(REAL, REAL)
    program = Program((x,), (equation(Loop(inner, ()), [x], [y]),), (y,))
    with pytest.raises(ProgramError, match="reads a variable that is not defined yet"):
        check(program)


# ---- primitives


class Scale(Pointwise):
    """A primitive with parameters, for tests."""

    factor: float
    label: str = "none"

    def infer(self, x):
        return x


for rule in ("evaluate", "jvp", "transpose", "batch", "element"):
    setattr(Scale, rule, Primitive.name)  # never called


def test_primitives_of_equal_parameters_are_one_object():
    assert Scale(2.0) is Scale(factor=2.0) is Scale(2.0, "none") is Scale(2.0, label="none")
    assert Scale(2.0) is not Scale(3.0)
    assert Scale(2.0) is not Scale(2.0, "other")


def test_wrong_parameters_are_named():
    with pytest.raises(TypeError, match="Scale has the parameters factor, label"):
        Scale()
    with pytest.raises(TypeError, match="Scale has the parameters factor, label"):
        Scale(2.0, faktor=1.0)


def test_missing_rules_are_named():
    class Half(Pointwise):
        def infer(self, x):
            return x

    with pytest.raises(TypeError, match="Half lacks the rules batch, element, evaluate, jvp"):
        Half()


def test_primitives_print_their_parameters():
    assert str(Scale(2.0, "loud")) == "scale[factor=2.0, label=loud]"
    assert str(select) == "select"
