"""Compiled programs equal evaluated ones: one program per primitive and kind, then random ones."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fungrad.numpy  # noqa: F401  the operators of tracers
from fungrad.compiler.llvm import build
from fungrad.compiler.runtime import compile_program
from fungrad.core.errors import OutOfBoundsError
from fungrad.core.evaluation import evaluate
from fungrad.core.tracing import trace
from fungrad.core.types import type_of
from fungrad.primitives import cumulative as c
from fungrad.primitives import elementwise as e
from fungrad.primitives import movement as m
from fungrad.primitives import reductions as r
from fungrad.primitives.contraction import Contract
from fungrad.primitives.dynamic import DynamicSlice, DynamicUpdate
from fungrad.primitives.indexing import Gather, Scatter
from fungrad.primitives.joining import Concatenate, Pad
from fungrad.primitives.linalg import Cholesky, TriangularSolve
from fungrad.primitives.ordering import Argsort, Sort

TOLERANCE = {"f": {4: 2e-5, 8: 1e-12}, "c": {8: 2e-5, 16: 1e-12}}


def array(*shape, dtype=np.float64, seed=0, low=-2.0, high=2.0):
    """A reproducible array of a dtype."""
    random = np.random.default_rng((seed, *shape))
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return random.random(shape) < 0.5
    if dtype.kind in "iu":
        return random.integers(0 if dtype.kind == "u" else -9, 9, shape).astype(dtype)
    x = random.uniform(low, high, shape)
    if dtype.kind == "c":
        x = x + 1j * random.uniform(low, high, shape)
    return np.asarray(x, dtype)


def recorded(function, *values):
    """The program of a function that returns a value or a list of them."""

    def listed(*tracers):
        result = function(*tracers)
        return result if isinstance(result, list | tuple) else [result]

    return trace(listed, [type_of(x) for x in values], "jit of f")[0]


def check(function, *values):
    """Assert that the compiled program returns what evaluation returns; return the executable."""
    program = recorded(function, *values)
    executable = compile_program(program)
    before = [np.array(x) for x in values]
    results = executable(*values)
    for x, y in zip(values, before, strict=True):
        np.testing.assert_array_equal(x, y)
    for result, expected in zip(results, evaluate(program, values), strict=True):
        assert type_of(result) is type_of(expected)
        expected = np.asarray(expected)
        tolerance = TOLERANCE.get(expected.dtype.kind, {}).get(expected.dtype.itemsize, 0)
        scale = np.max(np.abs(expected[np.isfinite(expected)]), initial=1.0)
        np.testing.assert_allclose(result, expected, rtol=tolerance, atol=tolerance * scale)
    return executable


def add_rows(x, b):
    """A matrix plus a vector in every row."""
    return x + m.Broadcast(tuple(x.shape), (1,))(b)


INT = np.int64
POSITIVE = array(6, 6) @ array(6, 6).T + 6 * np.eye(6)

PROGRAMS = {
    "scalar": (lambda x: e.sin(x) * 2.0, np.float64(1.5)),
    "scalar of float32": (lambda x: e.sin(x) * np.float32(0.3), np.float32(1.5)),
    "elementwise": (lambda x, b: e.tanh(add_rows(x, b)) * 0.3, array(40, 30), array(30)),
    "one array": (lambda x: e.exp(x) - 1.0, array(40, 30)),
    "empty": (lambda x: [e.exp(x), r.Sum((0,))(x), r.Sum((1,))(x)], array(0, 30)),
    "rank 3": (lambda x: m.Transpose((2, 0, 1))(x) * 2.0, array(5, 6, 7)),
    "output is input": (lambda x: [x, x * 2.0, x], array(30)),
    "output twice": (lambda x: [y := x * 2.0, y, e.exp(y)], array(30)),
    "literal output": (lambda x: [x, np.float64(3)], array(30)),
    "no input": (lambda: m.Iota((3, 40), np.dtype(INT), 1)(),),
    "fill": (lambda x: m.Fill((20, 3))(x), np.float64(2.5)),
    "reshape": (lambda x: m.Reshape((60, 20))(x) * 2.0, array(20, 60)),
    "reshape of transpose": (lambda x: m.Reshape((1200,))(m.Transpose((1, 0))(x)), array(20, 60)),
    "reshape splits": (lambda x, y: m.Reshape((20, 3, 20))(x) * y, array(20, 60), array(20, 3, 20)),
    "reshape between": (
        lambda x: m.Reshape((24, 25))(e.exp(m.Reshape((20, 30))(e.sin(x)))),
        array(30, 20),
    ),
    "slice": (lambda x: m.Slice((1, 2), (19, 60), (2, 3))(x), array(20, 60)),
    "neighbours": (
        lambda x: m.Slice((1,), (90,), (1,))(x) - m.Slice((0,), (89,), (1,))(x),
        array(90),
    ),
    "reverse": (lambda x: m.Reverse((0,))(x) + x, array(20, 30)),
    "pad": (lambda x: Pad((1, 2), (3, 4), (0, 0))(x, np.float64(7)), array(20, 30)),
    "pad inside": (lambda x: Pad((1,), (0,), (2,))(x, np.float64(7)), array(30)),
    "concatenate": (
        lambda x, y: Concatenate(1)(x * 2.0, e.exp(y), x),
        array(20, 3),
        array(20, 30),
    ),
    "sums": (
        lambda x: [r.Sum((0,))(x), r.Sum((1,))(x), r.Sum((0, 1))(x), r.Sum((0, 2))(x)],
        array(20, 30, 40),
    ),
    "sum of float32": (
        lambda x: [r.Sum((0,))(x), r.Sum((1,))(x), r.Sum((0, 1))(x)],
        array(20, 3000, dtype="f4"),
    ),
    "sum of complex": (lambda x: [r.Sum((1,))(x * x), r.Prod((0,))(x)], array(20, 30, dtype="c16")),
    "extrema": (
        lambda x: [r.Max((0,))(x), r.Min((1,))(x), r.Max((0, 1))(-x), r.Prod((1,))(x)],
        array(20, 30),
    ),
    "truths": (lambda x: [r.Any((0,))(x > 1.9), r.All((1,))(x > -1.9)], array(20, 30)),
    "softmax": (
        lambda x: (
            (y := e.exp(x - m.Broadcast((20, 30), (0,))(r.Max((1,))(x))))
            / m.Broadcast((20, 30), (0,))(r.Sum((1,))(y))
        ),
        array(20, 30),
    ),
    "mean of a map": (
        lambda x, b: r.Sum((0, 1))(e.tanh(add_rows(x, b))) / 600.0,
        array(20, 30),
        array(30),
    ),
    "arg extrema": (
        lambda x: [
            r.ArgExtremum(0, True)(x),
            r.ArgExtremum(1, False)(x),
            r.ArgExtremum(1, True)(x),
        ],
        np.where(array(20, 30) > 1.8, np.nan, array(20, 30)),
    ),
    "integers": (
        lambda x: [x * 3 + 1000000, x // 4, x % 3, r.Sum((0,))(x)],
        array(40, 3, dtype=INT),
    ),
    "small integers": (lambda x: [x + x, r.Sum((0,))(x)], array(40, 3, dtype="i1")),
    "convert": (
        lambda x: [e.Convert(np.dtype("f4"))(x), e.Convert(np.dtype("i4"))(x), x > 0.5],
        array(40),
    ),
    "select": (lambda x: e.select(x > 0.0, e.sqrt(x), x * 0.5), array(40)),
    "gather": (
        lambda x, i: Gather((0,), "raise")(x, i),
        array(40, 3),
        np.array([3, -1, 39, 0, 3] * 5),
    ),
    "gather modes": (
        lambda x, i: [Gather((0,), mode)(x, i) for mode in ("clip", "drop", "wrap")],
        array(40, 3),
        np.array([3, -41, 39, 40, 400] * 5),
    ),
    "gather two": (
        lambda x, i, j: Gather((0, 1), "clip")(e.exp(x), i, j),
        array(40, 30),
        np.array([3, 5, 39] * 9),
        np.array([0, 5, 29] * 9),
    ),
    "gather at scalar": (lambda x, i: Gather((0,), "raise")(x, i), array(40, 30), INT(7)),
    "gather of transposed": (
        lambda x, i: Gather((1,), "clip")(m.Transpose((1, 0))(x), i),
        array(40, 30),
        np.array([3, 5, 39] * 9),
    ),
    "scatter": (
        lambda x, u, i: [
            Scatter((0,), combine, "raise")(x, u, i)
            for combine in ("set", "add", "multiply", "minimum", "maximum")
        ],
        array(40, 3),
        array(25, 3, seed=1),
        np.array([3, -1, 39, 0, 3] * 5),
    ),
    "scatter modes": (
        lambda x, u, i: [Scatter((0,), "add", mode)(x, u, i) for mode in ("clip", "drop", "wrap")],
        array(40, 3),
        array(25, 3, seed=1),
        np.array([3, -41, 39, 40, 400] * 5),
    ),
    "scatter into zeros": (
        lambda u, i: Scatter((1,), "add", "clip")(m.Fill((30, 40))(np.float64(0)), u, i),
        array(25, 30, seed=1),
        np.array([3, 7, 39, 0, 3] * 5),
    ),
    "dynamic slice": (
        lambda x, i, j: DynamicSlice((5, 30))(e.exp(x), i, j),
        array(40, 30),
        INT(38),
        INT(0),
    ),
    "dynamic update": (
        lambda x, u, i, j: [DynamicUpdate()(x, u, i, j), x + 1.0],
        array(40, 30),
        array(5, 20),
        INT(38),
        INT(-3),
    ),
    "cumulative": (
        lambda x: [
            c.CumSum(0, False)(x),
            c.CumSum(1, True)(x),
            c.CumProd(1, False)(x),
            c.CumMax(0, True)(x),
            c.CumMin(1, False)(x),
            c.CumLogSumExp(1, False)(x),
        ],
        array(20, 30),
    ),
    "recurrence": (
        lambda a, b: [c.Recurrence(1, False)(a, b), c.Recurrence(0, True)(a, b)],
        array(20, 30, low=-1, high=1),
        array(20, 30, seed=1),
    ),
    "sort": (
        lambda x: [Sort(0)(x), Sort(1)(x), Argsort(0, False)(x), Argsort(1, True)(x)],
        np.where(array(20, 30) > 1.8, np.nan, np.round(array(20, 30), 1)),
    ),
    "sort integers": (lambda x: [Sort(0)(x), Argsort(0, True)(x)], array(50, dtype="i4")),
    "matrix product": (
        lambda x, y: Contract((0, 1), (1, 2), (0, 2))(x, y),
        array(40, 30),
        array(30, 20),
    ),
    "transposed products": (
        lambda x, y: [
            Contract((1, 0), (1, 2), (0, 2))(x, y),
            Contract((1, 0), (1, 2), (2, 0))(x, y),
            Contract((0, 1), (1, 2), (0, 2))(x, m.Transpose((1, 0))(x)),
        ],
        array(40, 30),
        array(40, 20),
    ),
    "product of slices": (
        lambda x, y: Contract((0, 1), (1, 2), (0, 2))(
            m.Slice((0, 5), (40, 25), (1, 1))(x), m.Slice((0, 2), (40, 40), (2, 2))(y)
        ),
        array(40, 30),
        array(40, 50),
    ),
    "product of reversed": (
        lambda x, y: Contract((0, 1), (1, 2), (0, 2))(m.Reverse((1,))(x), y),
        array(40, 30),
        array(30, 20),
    ),
    "matrix and vector": (
        lambda x, y, z: [
            Contract((0, 1), (1,), (0,))(x, y),
            Contract((1, 0), (1,), (0,))(x, z),
            Contract((0,), (0, 1), (1,))(z, x),
        ],
        array(40, 30),
        array(30),
        array(40),
    ),
    "dot and outer": (
        lambda x, y: [Contract((0,), (0,), ())(x, x), Contract((0,), (1,), (0, 1))(x, y)],
        array(40),
        array(30),
    ),
    "batched products": (
        lambda x, y: [
            Contract((0, 1, 2), (0, 2, 3), (0, 1, 3))(x, y),
            Contract((0, 1, 2), (0, 2, 3), (1, 0, 3))(x, y),
            Contract((0, 1, 2), (0, 2, 3), (3, 0, 1))(x, y),
            Contract((0, 1, 2), (0, 2, 3), (1, 3))(x, y),
        ],
        array(18, 40, 30),
        array(18, 30, 20),
    ),
    "interleaved product": (
        lambda x, y: Contract((0, 1, 2), (3, 1, 4), (0, 3, 2, 4))(x, y),
        array(20, 30, 4),
        array(5, 30, 6),
    ),
    "small products": (
        lambda x, y: Contract((0, 1, 2), (0, 2, 3), (0, 1, 3))(x, y),
        array(40, 3, 4),
        array(40, 4, 5),
    ),
    "product of integers": (
        lambda x, y: Contract((0, 1), (1, 2), (0, 2))(x, y),
        array(40, 30, dtype=INT),
        array(30, 20, dtype=INT),
    ),
    "product of bools": (
        lambda x, y: Contract((0, 1), (1, 2), (0, 2))(x, y),
        array(20, 3, dtype=bool),
        array(3, 20, dtype=bool),
    ),
    "product of complex": (
        lambda x, y: Contract((1, 0), (1, 2), (0, 2))(x, y),
        array(40, 30, dtype="c8"),
        array(40, 20, dtype="c8"),
    ),
    "product of float32": (
        lambda x, y: Contract((1, 0), (1, 2), (0, 2))(x, y),
        array(40, 30, dtype="f4"),
        array(40, 20, dtype="f4"),
    ),
    "empty products": (
        lambda x, y: Contract((0, 1), (1, 2), (0, 2))(x, y),
        array(40, 0),
        array(0, 20),
    ),
    "cholesky": (lambda a: Cholesky()(a), np.stack([POSITIVE] * 3)),
    "triangular solve": (
        lambda a, b: [
            TriangularSolve(upper, transposed, False)(a, b)
            for upper in (False, True)
            for transposed in (False, True)
        ],
        np.stack([POSITIVE] * 20),
        array(20, 6, 4),
    ),
    "tiny arrays": (
        lambda x, a: [
            Contract((0, 1), (1,), (0,))(a, e.sin(x)),
            r.Sum((0,))(a),
            m.Reverse((0,))(x),
        ],
        array(3),
        array(3, 3),
    ),
    "tiny gather": (lambda x, i: Gather((0,), "raise")(x, i), array(3), np.array([2, 0, -1])),
    "scalars around arrays": (
        lambda x, s: [r.Sum((0,))(x) * s, x * (r.Max((0,))(x) / (s + 1.0)), e.exp(s) * 3.0],
        array(40),
        np.float64(2.5),
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_compiled_equals_evaluated(name):
    function, *values = PROGRAMS[name]
    check(function, *values)


@pytest.mark.parametrize("index", [40, -41])
def test_index_out_of_bounds_raises(index):
    x, i = array(40, 3), np.array([0, index] * 20)
    gather = compile_program(recorded(lambda x, i: Gather((0,), "raise")(x, i), x, i))
    text = f"index {index} is out of bounds for axis 0 with size 40; .*test_programs"
    with pytest.raises(OutOfBoundsError, match=text):
        gather(x, i)
    scatter = compile_program(recorded(lambda x, i: Scatter((0,), "add", "raise")(x, x, i), x, i))
    with pytest.raises(OutOfBoundsError, match=text):
        scatter(x, i)
    one = compile_program(recorded(lambda x, i: Gather((0,), "raise")(x, i), x, np.int64(0)))
    with pytest.raises(OutOfBoundsError, match=text):
        one(x, np.int64(index))


def test_matrix_that_is_not_positive_definite_raises():
    program = recorded(lambda a: Cholesky()(a), array(6, 6))
    with pytest.raises(np.linalg.LinAlgError, match="positive definite"):
        compile_program(program)(-np.eye(6))


def test_singular_triangle_raises():
    program = recorded(lambda a, b: TriangularSolve(False, False, False)(a, b), *[array(6, 6)] * 2)
    with pytest.raises(np.linalg.LinAlgError, match="singular"):
        compile_program(program)(np.zeros((6, 6)), array(6, 6))


def test_arguments_with_gaps_are_copied():
    x = array(40, 60)
    executable = check(lambda x: e.exp(x) * 2.0, x[:, :30].copy())
    np.testing.assert_allclose(executable(x[:, ::2])[0], np.exp(x[:, ::2]) * 2)
    np.testing.assert_allclose(executable(x[:, :30].T.copy().T)[0], np.exp(x[:, :30]) * 2)


def test_another_size_compiles_nothing():
    """The text names no size above 16, so the machine code is that of the first size."""

    def layer(x, w, b):
        y = e.tanh(add_rows(Contract((0, 1), (1, 2), (0, 2))(x, w), b))
        return [y, r.Sum((0,))(y) / np.float64(x.shape[0]), r.Sum((0, 1))(y * y)]

    def run(n):
        x, w, b = array(n, 30), array(30, 20), array(20)
        program = recorded(layer, x, w, b)
        results = compile_program(program)(x, w, b)
        for y, z in zip(results, evaluate(program, (x, w, b)), strict=True):
            np.testing.assert_allclose(y, z, rtol=1e-12)

    run(128)
    before = build.statistics()
    for n in (96, 20, 30, 600):
        run(n)
    assert build.statistics() == before


# ---- random programs

UNARY = [e.exp, e.sin, e.tanh, e.negative, e.square, e.absolute, e.sqrt]
BINARY = [e.add, e.subtract, e.multiply, e.maximum, e.divide]
SHAPES = [(), (3,), (20,), (20, 3), (3, 20), (20, 30), (2, 3, 20)]


class RandomProgram:
    """Values made one from another by operations that hypothesis draws."""

    def __init__(self, data, dtype):
        self.data, self.dtype = data, dtype
        self.values = []

    def draw(self, options):
        return self.data.draw(st.sampled_from(options))

    def operand(self, shape=None, rank=None):
        fits = [
            v
            for v in self.values
            if (shape is None or v.shape == shape) and (rank is None or v.ndim >= rank)
        ]
        return self.draw(fits) if fits else None

    def step(self):
        kind = self.draw(
            [
                "unary",
                "unary",
                "binary",
                "binary",
                "scalar",
                "sum",
                "max",
                "transpose",
                "reshape",
                "broadcast",
                "slice",
                "reverse",
                "pad",
                "concatenate",
                "product",
                "gather",
                "cumsum",
            ]
        )
        x = self.operand(rank=0 if kind in ("unary", "binary", "scalar", "reshape") else 1)
        if x is not None:
            value = getattr(self, kind)(x)
            if value is not None:
                self.values.append(value)

    def unary(self, x):
        return self.draw(UNARY)(x)

    def binary(self, x):
        return self.draw(BINARY)(x, self.operand(x.shape))

    def scalar(self, x):
        return self.draw(BINARY)(x, self.draw([self.dtype.type(2), self.dtype.type(0.3)]))

    def axes(self, x):
        return tuple(sorted(self.data.draw(st.sets(st.sampled_from(range(x.ndim)), min_size=1))))

    def sum(self, x):
        return r.Sum(self.axes(x))(x)

    def max(self, x):
        return r.Max(self.axes(x))(x)

    def transpose(self, x):
        return m.Transpose(tuple(self.data.draw(st.permutations(range(x.ndim)))))(x)

    def reshape(self, x):
        shapes = [s for s in [*SHAPES, (60,), (10, 2), (1200,)] if np.prod(s) == x.size]
        return m.Reshape(self.draw([*shapes, x.shape, (x.size,)]))(x)

    def broadcast(self, x):
        front = self.draw([(3,), (20,)])
        if x.size > 2000:
            return None
        return m.Broadcast((*front, *x.shape), tuple(range(1, x.ndim + 1)))(x)

    def slice(self, x):
        steps = [self.draw([1, 1, 2]) for _ in x.shape]
        starts = [self.draw([0, 0, 1]) for _ in x.shape]
        return m.Slice(tuple(starts), x.shape, tuple(steps))(x)

    def reverse(self, x):
        return m.Reverse(self.axes(x))(x)

    def pad(self, x):
        low, high = ([self.draw([0, 1]) for _ in x.shape] for _ in range(2))
        return Pad(tuple(low), tuple(high), (0,) * x.ndim)(x, self.dtype.type(0.5))

    def concatenate(self, x):
        return Concatenate(self.draw(range(x.ndim)))(x, self.operand(x.shape))

    def product(self, x):
        y = self.operand(rank=1)
        for a, n in enumerate(y.shape):
            if x.shape[-1] == n:
                left, k = tuple(range(x.ndim)), x.ndim - 1
                right = tuple([k if b == a else 10 + b for b in range(y.ndim)])
                return Contract(left, right, (*left[:-1], *(i for i in right if i != k)))(x, y)
        return None

    def gather(self, x):
        index = np.array(self.data.draw(st.lists(st.integers(-1, 30), min_size=1, max_size=20)))
        return Gather((self.draw(range(x.ndim)),), "clip")(x, index)

    def cumsum(self, x):
        return c.CumSum(self.draw(range(x.ndim)), self.draw([False, True]))(x)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(data=st.data())
@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_random_programs(dtype, data):
    dtype = np.dtype(dtype)
    shapes = data.draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=3))
    values = [array(*s, dtype=dtype, seed=i, low=-1, high=1)[()] for i, s in enumerate(shapes)]

    def f(*inputs):
        random = RandomProgram(data, dtype)
        random.values = list(inputs)
        for _ in range(data.draw(st.integers(3, 14))):
            random.step()
        chosen = data.draw(st.lists(st.sampled_from(range(len(random.values))), min_size=1))
        return [random.values[i] for i in chosen] + random.values[-2:]

    program, captured = trace(f, [type_of(x) for x in values], "jit of f")
    values += captured
    with np.errstate(all="ignore"):
        expected = evaluate(program, values)
        results = compile_program(program)(*values)
    for result, y in zip(results, expected, strict=True):
        assert type_of(result) is type_of(y)
        is_sane = np.all(np.isfinite(y)) and np.max(np.abs(y), initial=0) < 1e6
        if is_sane:
            tolerance = 3e-4 if dtype.itemsize == 4 else 1e-9
            scale = np.max(np.abs(y), initial=1.0)
            np.testing.assert_allclose(result, y, rtol=tolerance, atol=tolerance * scale)


def test_donated_arguments_are_overwritten():
    w, g = array(40, 30), array(40, 30, seed=1)
    program = recorded(lambda w, g: [w - g * 0.1, r.Sum((0,))(w)], w, g)
    executable = compile_program(program, (0,))
    expected = evaluate(program, (w, g))
    given = w.copy()
    updated, total = executable(given, g)
    assert updated is given
    np.testing.assert_allclose(updated, expected[0], rtol=1e-12)
    np.testing.assert_allclose(total, expected[1], rtol=1e-12)
    fixed = w.copy()
    fixed.flags.writeable = False
    np.testing.assert_allclose(executable(fixed, g)[0], expected[0], rtol=1e-12)
    np.testing.assert_array_equal(fixed, w)


def test_donated_argument_that_is_read_elsewhere_is_kept():
    w = array(40, 30)
    program = recorded(lambda w: m.Reverse((0,))(w) * 2.0, w)
    given = w.copy()
    (result,) = compile_program(program, (0,))(given)
    assert result is not given
    np.testing.assert_array_equal(result, w[::-1] * 2)
