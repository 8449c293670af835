"""Tracing: recordings, captured values, leaks, deferred values, programs that are found again."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fungrad.core.errors import LeakedTracerError, UnknownValueError
from fungrad.core.evaluation import evaluate, evaluator, reader, slot_types, slots
from fungrad.core.primitive import Pointwise
from fungrad.core.program import Literal, check
from fungrad.core.program_table import clear_programs
from fungrad.core.running import run
from fungrad.core.tracing import Recording, Tracer, state, trace
from fungrad.core.types import ArrayType, type_of
from fungrad.primitives.elementwise import add, cos, multiply, sin
from fungrad.primitives.movement import Fill, Iota
from fungrad.primitives.reductions import Sum

X = np.array([0.5, -1.0, 2.0])
REAL = type_of(X)
SCALAR = ArrayType((), float)


def recorded(function, *values, title="test of f"):
    """The program of a function recorded with values, its recording and its outputs."""
    recording = Recording(title)
    with recording:
        tracers = [recording.add_input(type_of(x), x) for x in values]
        outputs = function(*tracers)
        program = recording.finish(outputs)
    return program, recording, outputs


class Later(Pointwise):
    """A sine whose value is computed when somebody asks for it, for tests."""

    is_deferred = True
    calls = 0

    def infer(self, x):
        return x

    def evaluate(self, x):
        Later.calls += 1
        return np.sin(x)

    jvp = transpose = batch = element = None  # never called


later = Later()


# ---- recordings


def test_a_recording_becomes_a_program():
    program, recording, _ = recorded(lambda x, y: [multiply(sin(x), y), y], X, X)
    assert repr(program) == (
        "f(a: f64[3], b: f64[3]) {\n"
        "  c: f64[3] = sin a\n"
        "  d: f64[3] = multiply c b\n"
        "  return d, b\n"
        "}"
    )
    assert check(program) is program
    assert recording.captures == []


def test_tracers_carry_values_where_they_are_known():
    def f(x):
        y = sin(x)
        assert y.is_known
        np.testing.assert_array_equal(y.value, np.sin(X))
        assert (y.shape, y.dtype, y.ndim, y.size, y.type) == ((3,), np.float64, 1, 3, REAL)
        return [y]

    recorded(f, X)


def test_tracers_without_values_have_types():
    def f(x):
        y = Sum((0,))(x)
        assert not y.is_known
        assert (y.shape, y.dtype, y.ndim, y.size, y.type) == ((), np.float64, 0, 1, SCALAR)
        with pytest.raises(UnknownValueError, match="does not exist while jit of f is traced"):
            _ = y.value
        return [y]

    program, captures = trace(f, [REAL], "jit of f")
    assert program.output_types == (SCALAR,) and captures == []


def test_plain_operations_outside_a_trace_are_numpy():
    result = add(X, X)
    assert type(result) is np.ndarray and state.recording is None


def test_recordings_nest_and_end():
    outer, inner = Recording("grad of f"), Recording("grad of g")
    with outer:
        with inner:
            assert state.recording is inner and inner.is_open
        assert state.recording is outer and not inner.is_open
    assert state.recording is None


def test_a_recording_ends_when_the_function_raises():
    def f(x):
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        recorded(f, X)
    assert state.recording is None


# ---- literals and captured values


def test_small_numbers_are_literals_others_are_captured():
    program, recording, _ = recorded(lambda x: [multiply(multiply(x, 2.0), 0.1)], X[0])
    assert repr(program) == (
        "f(a: f64[], b: f64[]) {\n"
        "  c: f64[] = multiply a 2.0\n"
        "  d: f64[] = multiply c b\n"
        "  return d\n"
        "}"
    )
    assert recording.captures == [0.1]


def test_negative_zero_is_no_small_number():
    _, recording, _ = recorded(lambda x: [add(x, np.float64(-0.0))], X[0])
    assert len(recording.captures) == 1


def test_numbers_are_literals_where_values_are_hidden():
    program, captures = trace(lambda x: [multiply(x, np.float64(0.1))], [SCALAR], "jit of f")
    assert program.equations[0].inputs[1] is Literal(0.1) and captures == []


def test_an_array_from_outside_is_captured_once():
    other = np.ones(3)
    program, recording, _ = recorded(lambda x: [add(add(x, other), other)], X)
    assert len(recording.captures) == 1 and recording.captures[0] is other
    assert repr(program) == (
        "f(a: f64[3], b: f64[3]) {\n  c: f64[3] = add a b\n  d: f64[3] = add c b\n  return d\n}"
    )


def test_captured_inputs_stand_behind_the_inputs():
    other = np.ones(3)

    def f(x, y):
        return [add(other, y), add(X, x)]

    program, recording, _ = recorded(f, X, X)
    assert [c is v for c, v in zip(recording.captures, (other, X), strict=True)] == [True, True]
    results = evaluate(program, [X, 2 * X, other, X])
    np.testing.assert_array_equal(results, [other + 2 * X, X + X])


def test_tracers_of_an_enclosing_recording_are_captured():
    inner = Recording("grad of g")

    def f(x):
        with inner:
            y = inner.add_input(REAL, 2 * X)
            program = inner.finish([multiply(x, y), x])
        (captured,) = inner.captures
        assert captured.recording is x.recording and captured.id == x.id
        assert program.input_types == (REAL, REAL)
        return run(program, [X, captured])

    program, _, (product, same) = recorded(f, X)
    np.testing.assert_array_equal(product.value, X * X)
    assert evaluate(program, [3 * X, X])[1].tolist() == (3 * X).tolist()
    assert isinstance(same, Tracer)


def test_hidden_values_of_an_enclosing_recording_stay_hidden():
    def f(x):
        def g(y):
            assert not add(x, y).is_known
            return [add(x, y)]

        program, captures = trace(g, [REAL], "jit of g")
        return run(program, [X, *captures])

    recorded(f, X)


# ---- leaks


def test_a_leaked_tracer_says_where_it_was_made():
    leaked = []

    def f(x):
        leaked.append(sin(x))
        return [x]

    trace(f, [REAL], "jit of f")
    with pytest.raises(LeakedTracerError) as error:
        add(leaked[0], 1.0)
    text = str(error.value)
    assert "f64[3], made by sin at " in text and "test_tracing.py:" in text
    assert "was used after jit of f" in text and "has_aux=True" in text


def test_a_leaked_tracer_is_found_in_a_later_trace():
    leaked = []
    recorded(lambda x: [leaked.append(x) or x], X, title="grad of f")
    with pytest.raises(LeakedTracerError, match=r"f64\[3\], argument 0, was used after grad of f"):
        recorded(lambda x: [add(x, leaked[0])], X)


def test_a_leaked_tracer_is_found_as_an_output():
    leaked = []
    recorded(lambda x: [leaked.append(x) or x], X)
    with pytest.raises(LeakedTracerError):
        recorded(lambda x: [leaked[0]], X)


def test_an_inner_tracer_is_leaked_to_the_enclosing_trace():
    def f(x):
        kept = []
        recorded(lambda y: [kept.append(sin(y)) or y], X, title="grad of inner")
        return [add(x, kept[0])]

    with pytest.raises(LeakedTracerError, match="after grad of inner"):
        recorded(f, X)


# ---- deferred values


def test_deferred_values_are_computed_on_demand_and_once():
    def f(x):
        before = Later.calls
        y = later(x)
        z = add(y, 1.0)
        assert (y.is_known, z.is_known, Later.calls - before) == (True, True, 0)
        np.testing.assert_array_equal(z.value, np.sin(X) + 1)
        assert Later.calls - before == 1
        np.testing.assert_array_equal(y.value, np.sin(X))
        assert Later.calls - before == 1
        return [z]

    recorded(f, X)


def test_deferred_values_that_nobody_asks_for_are_not_computed():
    before = Later.calls
    program, _, _ = recorded(lambda x: [later(x)], X)
    assert Later.calls == before
    np.testing.assert_array_equal(evaluate(program, [X])[0], np.sin(X))


def test_what_depends_on_deferred_values_is_deferred_inside_an_inner_trace():
    def f(x):
        y = later(x)
        inner = Recording("grad of g")
        with inner:
            z = multiply(y, inner.add_input(REAL, X))
            np.testing.assert_array_equal(z.value, np.sin(X) * X)
            inner.finish([z])
        return [y]

    recorded(f, X)


# ---- inlining


def test_run_evaluates_outside_and_records_inside_a_trace():
    program, _, _ = recorded(lambda x: [sin(x), cos(x)], X)
    np.testing.assert_array_equal(run(program, [X]), [np.sin(X), np.cos(X)])

    def f(x):
        first, second = run(program, [x])
        np.testing.assert_array_equal(first.value, np.sin(X))
        return [add(first, second)]

    inlined, _, _ = recorded(f, X)
    assert [str(e.primitive) for e in inlined.equations] == ["sin", "cos", "add"]


def test_run_passes_literals_and_inputs_through():
    program, _, _ = recorded(lambda x: [x, np.float64(2.0)], X)

    def f(x):
        same, two = run(program, [x])
        assert two == 2.0
        return [same]

    inlined, _, _ = recorded(f, X)
    assert inlined.outputs == inlined.inputs


def test_creation_is_recorded_inside_a_trace_only():
    assert type(Fill((2,))(np.float64(1))) is np.ndarray

    def f(x):
        filled = Fill((3,))(np.float64(1))
        assert type(filled) is Tracer
        return [add(x, filled), Iota((2,), np.dtype(int), 0)()]

    program, _, _ = recorded(f, X)
    assert [str(e.primitive) for e in program.equations] == [
        "fill[shape=(3)]",
        "add",
        "iota[shape=(2), dtype=int64, axis=0]",
    ]


def test_evaluator_of_all_slots_gives_every_variable():
    program, _, _ = recorded(lambda x: [cos(sin(x))], X)
    values = evaluator(program, True)(X)
    np.testing.assert_array_equal(values, [np.sin(X), np.cos(np.sin(X))])
    assert slot_types(program) == [REAL, REAL, REAL]
    assert list(slots(program).values()) == [0, 1, 2]


def test_constants_beside_arrays_are_arrays_without_axes():
    program, _, _ = recorded(lambda x: [multiply(x, 2.0)], X)
    names = evaluator(program, False).__globals__.values()
    assert [v.shape for v in names if isinstance(v, np.ndarray)] == [()]
    np.testing.assert_array_equal(evaluate(program, [X])[0], 2 * X)
    program, _, _ = recorded(lambda x: [multiply(x, 2.0)], np.float64(3))
    assert type(evaluate(program, [np.float64(3)])[0]) is np.float64


def test_reader_takes_the_inputs_from_their_places():
    program, _, _ = recorded(lambda x, y, z: [add(sin(x), z)], X, X, X)
    read = reader(program, [2, 7, 0], [1])  # input 1 is not needed, and nowhere
    kept, outputs = read([10 * X, "kept", X])
    assert kept == ["kept"]
    np.testing.assert_array_equal(outputs, [np.sin(X) + 10 * X])


# ---- programs are found again


def twice(function, *values, others=None):
    """The programs of two recordings of a function."""
    first, _, _ = recorded(function, *values)
    second, _, _ = recorded(function, *(others or values))
    return first, second


def test_the_same_equations_give_the_same_program():
    first, second = twice(lambda x: [sin(multiply(x, 2.0))], X, others=[X + 1])
    assert first is second


def test_captured_values_do_not_matter():
    values = iter([0.1, 0.2])
    first, second = twice(lambda x: [multiply(x, np.float64(next(values)))], X[0])
    assert first is second


def test_other_literals_give_another_program():
    values = iter([2.0, 3.0])
    first, second = twice(lambda x: [multiply(x, next(values))], X)
    assert first is not second


def test_other_types_parameters_wiring_or_outputs_give_another_program():
    first, second = twice(lambda x: [sin(x)], X, others=[X.astype(np.float32)])
    assert first is not second
    axes = iter([(0,), (1,)])
    first, second = twice(lambda x: [Sum(next(axes))(x)], np.ones((3, 3)))
    assert first is not second
    swap = iter([False, True])
    first, second = twice(lambda x, y: [add(y, x) if next(swap) else add(x, y)], X, X)
    assert first is not second
    order = iter([False, True])
    first, second = twice(lambda x, y: [x, y] if next(order) else [y, x], X, X)
    assert first is not second


def test_a_python_branch_gives_a_program_per_side():
    def f(x):
        return [sin(x)] if x.value > 0 else [cos(x)]

    first, second = twice(f, np.float64(1.0), others=[np.float64(-1.0)])
    assert first is not second
    assert recorded(f, np.float64(2.0))[0] is first


def test_programs_can_be_forgotten():
    first, _, _ = recorded(lambda x: [sin(x)], X)
    clear_programs()
    second, _, _ = recorded(lambda x: [sin(x)], X)
    assert first is not second


# ---- threads


def test_every_thread_records_on_its_own():
    barrier = threading.Barrier(4)

    def work(number):
        def f(x):
            barrier.wait(10)
            y = x
            for _ in range(number + 1):
                y = sin(y)
            barrier.wait(10)
            return [y]

        program, _, _ = recorded(f, X)
        return len(program.equations), state.recording

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(work, range(4)))
    assert results == [(1, None), (2, None), (3, None), (4, None)]


def test_threads_that_record_the_same_find_the_same_derivatives():
    from fungrad.transforms.jvp import jvp

    def f(x):
        for k in range(40):
            x = sin(x) if k % 3 else cos(x)
        return [x]

    def work(_):
        results = []
        for _ in range(5):
            program, _, _ = recorded(f, X)
            pushed, _ = jvp(program, (True,))
            results.append(evaluate(pushed, [X, X])[1])
        return results

    with ThreadPoolExecutor(4) as pool:
        tangents = [t for result in pool.map(work, range(4)) for t in result]
    assert all(np.array_equal(t, tangents[0]) for t in tangents)


def test_a_tracer_of_another_thread_is_refused():
    def f(x):
        with ThreadPoolExecutor(1) as pool:
            failure = pool.submit(sin, x).exception()
        assert isinstance(failure, RuntimeError) and "another thread" in str(failure)
        return [x]

    recorded(f, X)
