"""Fusion by its text: the steps of programs, the text of kernels, and when texts are equal."""

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import grad, jit, vjp
from fungrad.compiler.assemble import assemble
from fungrad.compiler.fusion.fuse import fuse
from fungrad.compiler.fusion.groups import Group
from fungrad.core.program import variable_names
from fungrad.core.tracing import trace
from fungrad.core.types import ArrayType
from fungrad.optimize import optimize
from fungrad.primitives import elementwise as e
from fungrad.primitives import movement as m
from fungrad.primitives import reductions as r
from fungrad.primitives.contraction import Contract
from fungrad.primitives.indexing import Scatter
from fungrad.primitives.joining import Concatenate


def f64(*shape):
    return ArrayType(shape, np.float64)


def recorded(function, *types):
    """The optimised program of a function that returns a value or a list."""

    def listed(*tracers):
        result = function(*tracers)
        return result if isinstance(result, list) else [result]

    return optimize(trace(listed, types, "jit of f")[0])


def steps(function, *types):
    """The steps of a function's schedule, one line each: variables by phase."""
    program = recorded(function, *types)
    names = variable_names(program)
    lines = []
    for step in fuse(program, 0).steps:
        if isinstance(step, Group):
            phases = [[] for _ in range(step.last_phase + 1)]
            for equation, phase in step.phases.items():
                phases[phase].append(f"{names[equation.outputs[0]]}={equation.primitive.name}")
            lines.append(" | ".join(" ".join(phase) for phase in phases))
        else:
            equation = step.equation
            what = "local" if step.is_local else "routine"
            made = " ".join(names[v] for v in equation.outputs)
            lines.append(f"{what} {made}={equation.primitive.name}")
    return lines


def kernels(function, *types):
    """The texts of a function's kernels."""
    return [k.source for k in assemble(recorded(function, *types)).kernels]


def rows(x, shape):
    """A vector as the columns of a matrix: constant along every row."""
    return m.Broadcast(shape, (0,))(x)


# ---- steps


def test_a_chain_is_one_kernel():
    assert steps(lambda x: e.exp(e.sin(x) * 2.0) + x, f64(20, 30)) == ["e=add"]


def test_siblings_that_read_one_array_are_one_kernel():
    assert steps(lambda x: [e.exp(x), e.sin(x), r.Sum((0,))(x)], f64(20, 30)) == [
        "b=exp c=sin d=sum"
    ]


def test_equal_shapes_alone_do_not_make_siblings():
    assert steps(lambda x, y: [e.exp(x), e.sin(y)], f64(20), f64(20)) == ["c=exp", "d=sin"]


def test_a_result_and_its_reader_at_the_same_index_are_one_kernel():
    assert steps(lambda x: [y := e.exp(x), e.sin(y)], f64(20)) == ["b=exp c=sin"]


def test_a_reader_at_another_index_is_another_kernel():
    def f(x):
        y = e.exp(x)
        return [y, m.Reverse((0,))(y) + x]

    assert steps(f, f64(20)) == ["b=exp", "d=add"]


def test_softmax_is_one_kernel_of_three_phases():
    def softmax(x):
        y = e.exp(x - rows(r.Max((1,))(x), (20, 30)))
        return y / rows(r.Sum((1,))(y), (20, 30))

    assert steps(softmax, f64(20, 30)) == ["b=max | e=exp f=sum | h=divide"]


def test_a_value_over_the_rows_stands_between_phases():
    def logsumexp(x):
        top = r.Max((1,))(x)
        return e.log(r.Sum((1,))(e.exp(x - rows(top, (20, 30))))) + top

    assert steps(logsumexp, f64(20, 30)) == ["b=max | f=sum | h=add"]


def test_reductions_along_columns_are_not_phases():
    def f(x):
        return x - m.Broadcast((20, 30), (1,))(r.Max((0,))(x))

    assert steps(f, f64(20, 30)) == ["b=max", "d=subtract"]


def test_what_a_routine_reads_is_stored_and_views_are_not():
    def f(x, y):
        z = m.Slice((0, 0), (20, 10), (1, 1))(x)
        return Contract((0, 1), (1, 2), (0, 2))(z, e.exp(y))

    assert steps(f, f64(20, 30), f64(10, 40)) == ["d=exp", "routine e=contract"]


def test_an_expensive_value_that_two_kernels_read_is_stored_a_cheap_one_is_not():
    def expensive(x, y):
        z = e.exp(x)
        return [m.Reverse((0,))(z) + y, z * x]

    def cheap(x, y):
        z = x * 2.0
        return [m.Reverse((0,))(z) + y, z * x]

    assert steps(expensive, f64(20), f64(20)) == ["c=exp f=multiply", "e=add"]
    assert steps(cheap, f64(20), f64(20)) == ["e=add", "f=multiply"]


def test_an_expensive_value_that_outer_loops_repeat_is_stored():
    def outer(x, y):
        return m.Broadcast((20, 30), (1,))(e.exp(x)) * y

    def inner(x, y):
        return rows(e.exp(x), (20, 30)) * y

    assert steps(outer, f64(30), f64(20, 30)) == ["c=exp", "e=multiply"]
    assert steps(inner, f64(20), f64(20, 30)) == ["e=multiply"]


def test_no_group_needs_what_it_makes_through_another_step():
    def f(x, w):
        y = e.exp(x)
        z = Contract((0, 1), (1, 2), (0, 2))(y, w)
        return y * z

    assert steps(f, f64(20, 20), f64(20, 20)) == ["c=exp", "routine d=contract", "e=multiply"]


def test_what_is_stored_is_made_by_a_step_however_many_rounds_it_takes():
    """Each quotient shares an expensive value with its pull-back."""

    def quotients(x):
        total = np.sum(x, axis=2)
        y = total / (np.exp(np.sin(total)) + 0.5)
        z = y / (np.exp(np.sin(y)) + 0.5)
        return np.where(z > 0.35, z, total), total[None]

    def both(x):
        outputs, pull_back = vjp(quotients, x)
        (pulled,) = pull_back(tuple(0.0 * y + 1.0 for y in outputs))
        return [*outputs, pulled]

    program = recorded(both, f64(5, 1, 6))
    schedule = fuse(program, 0)
    made = {v for step in schedule.steps for v in step.outputs}
    assert schedule.stored <= made | set(program.inputs)
    x = np.linspace(0.1, 1, 30).reshape(5, 1, 6)
    for got, expected in zip(jit(both)(x), both(x), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_scalars_are_local_variables():
    assert steps(lambda x: r.Sum((0,))(x) * 2.0 + 1.5, f64(20)) == [
        "b=sum",
        "local c=multiply",
        "local d=add",
    ]


# ---- the text of kernels


def test_neighbouring_axes_without_gaps_are_one_loop():
    (text,) = kernels(lambda x, y: x * y, f64(20, 30, 40), f64(20, 30, 40))
    assert text == (
        "def multiply_kernel(x0, x1, y0, n0):\n"
        "    for i0 in range(n0):\n"
        "        t0 = x1[i0] * x0[i0]\n"
        "        y0[i0] = t0\n"
        "    return 0\n"
    )


def test_a_position_that_is_a_value_is_the_index_of_one_loop():
    def count(shape):
        size = int(np.prod(shape))
        return m.Reshape(shape)(m.Iota((size,), np.dtype(np.float64), 0)())

    (text,) = kernels(lambda x: x * count((2000, 10)), f64(2000, 10))
    assert "for i0 in range(n0):" in text and "for i1" not in text
    x = np.random.default_rng(0).normal(size=(300, 7, 5))
    for axes in ((0, 1, 2), (1, 0, 2), (2, 1, 0)):
        turned = tuple([x.shape[a] for a in axes])
        f = jit(lambda x, axes=axes, turned=turned: m.Transpose(axes)(x) * count(turned) + 1.0)
        expected = x.transpose(axes) * np.arange(x.size).reshape(turned) + 1.0
        np.testing.assert_allclose(f(x), expected, rtol=1e-15)


def test_what_is_constant_in_the_inner_loop_stands_outside():
    (text,) = kernels(lambda x, y: rows(e.exp(x), (20, 30)) * y, f64(20), f64(20, 30))
    assert text == (
        "def multiply_kernel(x0, x1, y0, n0, n1):\n"
        "    for i0 in range(n0):\n"
        "        t0 = exp(x1[i0])\n"
        "        t1 = i0 * n1\n"
        "        for i1 in range(n1):\n"
        "            u0 = t1 + i1\n"
        "            t2 = t0 * x0[u0]\n"
        "            y0[u0] = t2\n"
        "    return 0\n"
    )


def test_reshaped_arrays_are_read_without_divisions():
    def f(x, y):
        return m.Reshape((20, 30, 40))(x) * y

    (text,) = kernels(f, f64(600, 40), f64(20, 30, 40))
    assert "index_" not in text and text.count("for ") == 1


def test_joined_arrays_are_written_by_one_loop_each():
    texts = kernels(lambda x, y: Concatenate(0)(e.exp(x), y), f64(20, 30), f64(40, 30))
    assert len(texts) == 2 and not any("select" in text for text in texts)


def test_sums_of_joined_arrays_are_split_where_no_part_ends_within_a_sum_of_rows():
    def sums(axis):
        return lambda x, y: r.Sum((axis,))(Concatenate(1)(e.exp(x), y))

    shapes = f64(20, 30), f64(20, 40)
    across, along = kernels(sums(0), *shapes), kernels(sums(1), *shapes)
    assert len(across) == 2 and not any("select" in text for text in across)
    assert len(along) == 1
    x, y = np.linspace(0, 1, 600).reshape(20, 30), np.linspace(1, 2, 800).reshape(20, 40)
    joined = np.concatenate([np.exp(x), y], axis=1)
    for axis in (0, 1):
        compiled = jit(sums(axis))(x, y)
        np.testing.assert_allclose(compiled, joined.sum(axis), rtol=1e-13)


def test_small_extents_are_literals_and_others_parameters():
    (text,) = kernels(lambda x: r.Sum((1,))(x), f64(20, 3))
    assert "range(3)" in text and "range(n0)" in text and "20" not in text


# ---- equal texts


def layer(x, w, b):
    y = e.tanh(
        Contract((0, 1), (1, 2), (0, 2))(x, w) + m.Broadcast((x.shape[0], w.shape[1]), (1,))(b)
    )
    z = y - rows(r.Max((1,))(y), tuple(y.shape))
    return [r.Sum((0, 1))(z) / np.float64(x.shape[0]), m.Reverse((0,))(z)]


@pytest.mark.parametrize("sizes", [(96, 30, 20), (30, 30, 30), (20, 20, 600), (512, 96, 17)])
def test_sizes_do_not_shape_the_text(sizes):
    def texts(n, k, m):
        assembly = assemble(recorded(layer, f64(n, k), f64(k, m), f64(m)))
        return [assembly.source, *(kernel.source for kernel in assembly.kernels)]

    assert texts(*sizes) == texts(128, 64, 48)


def test_the_same_layer_twice_is_one_kernel():
    def f(x, w, v):
        y = e.tanh(Contract((0, 1), (1, 2), (0, 2))(x, w))
        return e.tanh(Contract((0, 1), (1, 2), (0, 2))(y, v))

    assert len(kernels(f, f64(20, 30), f64(30, 40), f64(40, 50))) == 1


# ---- memory


def test_buffers_of_one_time_do_not_overlap_and_others_do():
    def f(x, w):
        for _ in range(6):
            x = Contract((0, 1), (1, 2), (0, 2))(x, w)
        return x

    assembly = assemble(recorded(f, f64(64, 64), f64(64, 64)))
    assert assembly.workspace == 2 * 64 * 64 * 8


def test_elementwise_results_overwrite_operands_that_die():
    def f(x, w):
        y = e.exp(Contract((0, 1), (1, 2), (0, 2))(x, w))
        return Contract((0, 1), (1, 2), (0, 2))(y, w)

    assembly = assemble(recorded(f, f64(64, 64), f64(64, 64)))
    assert assembly.workspace == 64 * 64 * 8


def test_a_scatter_into_zeros_is_computed_in_the_output():
    def f(u, i):
        zeros = m.Fill((30, 40))(np.float64(0))
        return Scatter((0,), "add", "clip")(zeros, u, i)

    assembly = assemble(recorded(f, f64(5, 40), ArrayType((5,), np.int64)))
    assert assembly.workspace == 0
    assert [k.function for k in assembly.kernels] == ["fill_kernel", "scatter_kernel"]


def test_values_of_one_row_live_where_the_result_of_the_row_will():
    """The exponentials of a softmax take no memory of their own, unless they are read elsewhere."""

    def softmax(x):
        e = fnp.exp(x - x.max(1, keepdims=True))
        return e / e.sum(1, keepdims=True)

    def both(x):
        e = fnp.exp(x - x.max(1, keepdims=True))
        return e / e.sum(1, keepdims=True), e

    def transposed(x):
        e = fnp.exp(x - x.max(1, keepdims=True))
        return e / e.sum(1, keepdims=True) + e.T

    x = np.random.default_rng(0).normal(size=(50, 50))
    sizes = []
    for f in (softmax, both, transposed, grad(lambda x: (softmax(x) ** 3).sum())):
        np.testing.assert_allclose(np.asarray(jit(f)(x)), np.asarray(f(x)), rtol=1e-12, atol=1e-15)
        sizes.append(assemble(optimize(jit(f).lower(x).program)).workspace)
    assert sizes[0] == sizes[1] == 0 < sizes[2] and sizes[3] <= x.nbytes + 100
