"""Random programs out of primitives: the laws hold for what nobody thought of."""

from contextlib import contextmanager

import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pytest import MonkeyPatch

import fungrad.numpy as fnp
from fungrad import checkpoint, jit, lax, vmap
from fungrad.compiler import runtime
from fungrad.compiler.fusion import cut, groups, loop_tiles
from fungrad.compiler.language import parts
from fungrad.core.evaluation import evaluator
from fungrad.core.program import check
from fungrad.core.program_table import clear_programs
from fungrad.core.tracing import trace
from fungrad.core.types import type_of
from fungrad.primitives import elementwise as e
from fungrad.primitives.contraction import Contract
from fungrad.primitives.cumulative import CumLogSumExp, CumMax, CumProd, CumSum
from fungrad.primitives.indexing import Gather, Scatter
from fungrad.primitives.joining import Concatenate, Pad
from fungrad.primitives.movement import (
    Broadcast,
    Iota,
    Reshape,
    Reverse,
    Slice,
    Transpose,
)
from fungrad.primitives.ordering import Sort
from fungrad.primitives.reductions import Max, Min, Prod, Sum
from fungrad.testing import laws, transpose_laws
from fungrad.testing.numerical import differences, directions_like
from fungrad.testing.subject import Subject, varied
from fungrad.transforms.batch import BatchAxis, batch
from fungrad.transforms.jvp import jvp
from fungrad.transforms.linearize import linearize
from fungrad.transforms.vjp import vjp

SHAPES = [(), (3,), (2, 3), (1, 3), (3, 1), (0,)]
LARGE_SHAPES = [(40,), (20, 30), (20, 1), (5, 1, 6)]  # they are no local variables when compiled
REAL = np.dtype(np.float64)
UNARY = [e.sin, e.cos, e.tanh, e.logistic, e.negative, e.square, e.arctan, e.absolute, e.exp]
BINARY = [e.add, e.subtract, e.multiply, e.maximum, e.minimum, e.logaddexp, e.arctan2, e.hypot]
REDUCTIONS = [Sum, Max, Min, Prod]
ALONG = [lambda a: CumSum(a, False), lambda a: CumSum(a, True), lambda a: CumProd(a, False),
         lambda a: CumMax(a, True), lambda a: CumLogSumExp(a, False), Sort]  # fmt: skip
MOST_STEPS = 8
LARGEST = 1e3


def elementwise(x, y, k):
    """A function of one or two operands of one shape."""
    if x.shape != y.shape and x.shape and y.shape:
        return UNARY[k % len(UNARY)](x)
    return BINARY[k % len(BINARY)](x, y) if k % 3 else UNARY[k % len(UNARY)](x)


def quotient(x, y, k):
    """A quotient whose denominator is not near 0."""
    if x.shape != y.shape and x.shape and y.shape:
        return e.reciprocal(e.add(e.square(x), np.float64(0.5)))
    return e.divide(x, e.add(e.exp(e.sin(y)), np.float64(0.5)))


def reduction(x, y, k):
    """Along one axis, or along all."""
    kind = REDUCTIONS[k % len(REDUCTIONS)]
    axes = tuple(range(x.ndim)) if k % 5 == 0 or not x.ndim else (k % x.ndim,)
    if kind in (Max, Min) and not x.size:
        return Sum(axes)(x)
    return kind(axes)(x)


def along(x, y, k):
    """Cumulative operations and sorting."""
    return ALONG[k % len(ALONG)](k % x.ndim)(x) if x.ndim else e.sin(x)


def movement(x, y, k):
    """Elements elsewhere."""
    n = x.ndim
    choices = [
        lambda: Reshape((x.size,))(x),
        lambda: Reshape((1, *x.shape))(x) if n < 3 else x,
        lambda: Broadcast((2, *x.shape), tuple(range(1, n + 1)))(x) if n < 3 else x,
        lambda: Transpose(tuple(reversed(range(n))))(x),
        lambda: Reverse(tuple(range(n))[k % (n + 1) :])(x),
        lambda: Slice(tuple(s // 3 for s in x.shape), x.shape, (1 + k % 2,) * n)(x),
        lambda: Pad((1,) * n, (0,) * n, (k % 2,) * n)(x, np.float64(0.5)),
        lambda: Concatenate(k % n)(x, x) if n else x,
    ]
    return choices[k % len(choices)]()


def indexing(x, y, k):
    """Reading and writing at fixed places."""
    if not x.ndim or not x.shape[0]:
        return e.cos(x)
    rows = e.remainder(Iota((4,), np.dtype(np.int64), 0)(), np.int64(x.shape[0]))
    taken = Gather((0,), "raise")(x, rows)
    if k % 3 == 0:
        return taken
    how = ("add", "set", "maximum", "multiply")[k % 4]
    return Scatter((0,), how, "clip")(x, e.sin(taken), rows)


def product(x, y, k):
    """A contraction where the shapes fit, else an outer product."""
    n, m = x.ndim, y.ndim
    if n and m and x.shape[-1] == y.shape[0]:
        left, right = tuple(range(n)), (n - 1, *range(n, n + m - 1))
        return Contract(left, right, (*left[:-1], *right[1:]))(x, y)
    if n + m > 3:
        return e.sin(x)
    left, right = tuple(range(n)), tuple(range(n, n + m))
    return Contract(left, right, left + right)(x, y)


def choice(x, y, k):
    """Elements of one or the other operand."""
    if x.shape != y.shape:
        y = e.cos(x)
    return e.select(e.greater(x, np.float64(0.05 * k)), x, y)


def control(x, y, k):
    """Loops, branches, and functions that are called, compiled or computed again."""
    kinds = [
        lambda: lax.fori_loop(0, k % 3, lambda i, c: fnp.sin(c) * (i + 1) + 0.1, x),
        lambda: lax.fori_loop(0, lax.stop_gradient(fnp.sum(x) > 0).astype(int) + 1, step, x),
        lambda: lax.cond(fnp.sum(x) > 0.03 * k, fnp.sin, lambda v: v * v, x),
        lambda: lax.while_loop(lambda c: fnp.sum(c * c) > 1, lambda c: 0.7 * c, x),
        lambda: checkpoint(lambda v: fnp.sin(v) * v)(x),
        lambda: jit(lambda v: fnp.cos(v) * v)(x),
        lambda: vmap(lambda v: fnp.tanh(v) * v)(x),
        lambda: lax.scan(lambda c, v: (fnp.sin(c + fnp.sum(v)), c * v), 0.5, x)[1],
        lambda: lax.switch(k % 3, [fnp.sin, fnp.cos, fnp.tanh], x),
    ]
    return kinds[k % (9 if x.ndim and x.shape[0] else 6)]()


def step(i, c):
    """The body of a loop with a trip count of run time."""
    return fnp.cos(c) + i


STEPS = [
    elementwise,
    elementwise,
    quotient,
    reduction,
    along,
    movement,
    indexing,
    product,
    choice,
    control,
]
RECIPES = st.lists(
    st.tuples(
        st.integers(0, len(STEPS) - 1), st.integers(0, 9), st.integers(0, 9), st.integers(0, 30)
    ),
    min_size=1,
    max_size=MOST_STEPS,
)


def programs(shapes):
    """Shapes of inputs, a recipe, and the seed of the inputs."""
    inputs = st.lists(st.sampled_from(shapes), min_size=1, max_size=3)
    return st.tuples(inputs, RECIPES, st.integers(0, 2**16))


PROGRAMS, LARGE_PROGRAMS = programs(SHAPES), programs(LARGE_SHAPES)


def build(shapes, recipe):
    """The program of a recipe: each step takes two of the values before it."""

    def function(*inputs):
        values = list(inputs)
        for step, i, j, k in recipe:
            x, y = values[-1 - i % len(values)], values[-1 - j % len(values)]
            values.append(STEPS[step](x, y, k))
        return [values[-1], values[len(values) // 2]]

    types = [type_of(np.zeros(s)) for s in shapes]
    program, captures = trace(function, types, "trace of f")
    assert captures == []
    return program


def subject_of(drawn):
    """A random program with random inputs at which all of its values are of moderate size."""
    shapes, recipe, seed = drawn
    program = build(shapes, recipe)
    generator = np.random.default_rng(seed)
    inputs = tuple([generator.uniform(-1.5, 1.5, s)[()] for s in shapes])
    with np.errstate(all="ignore"):
        values = evaluator(program, True)(*inputs)
    assume(all(np.all(np.abs(v) < LARGEST) for v in values))
    subject = Subject("f", program, inputs, None, (varied(inputs, 1), varied(inputs, 2)))
    assume(is_smooth(subject))
    return subject


def is_smooth(subject):
    """Whether differences do not depend on their step: no kink and no jump is near."""
    tangents = directions_like(np.random.default_rng(0), subject.inputs)
    with np.errstate(all="ignore"):
        found = [
            differences(lambda v: subject.run(subject.program, v), subject.inputs, tangents, step)
            for step in (1e-3, 1e-4)
        ]
    pairs = zip(*found, strict=True)
    return all(np.allclose(a, b, rtol=1e-6, atol=1e-6) for a, b in pairs if a is not None)


def examples(count):
    """The settings of these tests: the same examples in every run, no deadline."""
    return settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


@examples(60)
@given(PROGRAMS)
def test_forward_mode_equals_differences(drawn):
    subject = subject_of(drawn)
    laws.check_types(subject)
    laws.check_jvp(subject)


@examples(40)
@given(PROGRAMS)
def test_reverse_mode_is_the_transpose_of_forward_mode(drawn):
    subject = subject_of(drawn)
    everything = tuple(subject.differentiable)
    transpose_laws.check_reverse(subject, everything)
    transpose_laws.check_reverse(subject.pushed_forward(everything), everything)


@examples(40)
@given(PROGRAMS)
def test_batches_equal_loops(drawn):
    subject = subject_of(drawn)
    with np.errstate(all="ignore"):
        laws.check_batch(subject)
        laws.check_batch_of_reverse(subject)


@examples(40)
@given(PROGRAMS)
def test_transformed_programs_are_legal_and_print_the_same_again(drawn):
    shapes, recipe, _ = drawn
    assert texts(build(shapes, recipe)) == texts(built_anew(shapes, recipe))


def built_anew(shapes, recipe):
    """The program of a recipe when nothing is remembered."""
    clear_programs()
    return build(shapes, recipe)


def texts(program):
    """The printed forms of a program and what transforms make of it, each of them checked."""
    marks = (True,) * len(program.inputs)
    wanted = (True,) * len(program.outputs)
    halves, reverse = linearize(program, marks), vjp(program, marks, wanted)
    derived = [
        program,
        jvp(program, marks)[0],
        halves.forward,
        halves.linear,
        reverse.backward,
        batch(program, marks, BatchAxis(2))[0],
        batch(reverse.backward, (True,) * len(reverse.backward.inputs), BatchAxis(2))[0],
        jvp(jvp(program, marks)[0], marks * 2)[0],
    ]
    return [repr(check(p)) for p in derived]


@examples(15)
@given(PROGRAMS)
def test_compiled_programs_equal_evaluation(drawn):
    subject = subject_of(drawn)
    with np.errstate(all="ignore"):
        laws.check_compiled(subject)
        laws.check_compiled_reverse(subject)


@examples(15)
@given(LARGE_PROGRAMS)
def test_compiled_programs_on_larger_arrays_equal_evaluation(drawn):
    subject = subject_of(drawn)
    with np.errstate(all="ignore"):
        laws.check_compiled(subject)
        laws.check_compiled_reverse(subject)


@contextmanager
def everything_in_parts():
    """Compiled code as it is for large arrays, for small ones; nothing of it is kept on disk."""
    with MonkeyPatch.context() as patched:
        for module, name, value in (
            (cut, "_WORTH_CUTTING", 0),
            (cut, "_ROWS", 2),
            (cut, "_SHORTEST", 1),
            (groups, "_LARGE", 1),
            (loop_tiles, "_LEAST", 4),
            (loop_tiles, "_FAR", 8),
            (parts, "WORTH_WAKING", 1),
            (runtime, "outline", lambda *_: None),
        ):
            patched.setattr(module, name, value)
        clear_programs()
        yield
    clear_programs()


@examples(15)
@given(LARGE_PROGRAMS)
def test_compiled_programs_in_parts_equal_evaluation(drawn):
    with everything_in_parts(), np.errstate(all="ignore"):
        laws.check_compiled(subject_of(drawn))
