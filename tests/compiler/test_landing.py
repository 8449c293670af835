"""Updates that are computed where they are written: the steps of programs, and values."""

import numpy as np
import pytest

import fungrad
import fungrad.numpy as fnp
from fungrad.core.errors import OutOfBoundsError
from fungrad.core.types import ArrayType
from fungrad.primitives import elementwise as e
from fungrad.primitives import movement as m
from fungrad.primitives.indexing import Gather, Scatter
from tests.compiler.test_fuse import f64, kernels, steps

RANDOM = np.random.default_rng(0)
COMBINE = ["set", "add", "multiply", "minimum", "maximum"]


def i64(*shape):
    return ArrayType(shape, np.int64)


def lands(u, i):
    return Scatter((0,), "add", "clip")(m.Fill((7,))(np.float64(0)), e.multiply(u, u), i)


def test_updates_are_computed_in_the_loop_that_writes_them():
    assert steps(lands, f64(50), i64(50)) == ["e=scatter"]


def test_updates_that_are_there_already_are_written_by_a_routine():
    def f(u, i):
        return Scatter((0,), "add", "clip")(m.Fill((7,))(np.float64(0)), u, i)

    assert steps(f, f64(50), i64(50)) == ["c=fill", "routine d=scatter"]


def test_the_backward_pass_of_a_gather_is_one_kernel():
    """The product's two cotangents, of which one is scattered, are one loop nest."""

    def f(x, i, y):
        return fnp.sum(fnp.sin(Gather((0,), "clip")(x, i) * y))

    def both(x, i, y):
        return list(fungrad.grad(f, (0, 2))(x, i, y))

    assert steps(both, f64(7), i64(50, 3), f64(50, 3)) == ["g=multiply j=scatter"]


def test_a_position_in_another_shape_is_the_same_loop():
    """What reads the result of a kernel in its order, in whatever shape, joins that kernel."""

    def f(u, v, i):
        y = e.multiply(u, v)
        zeros = m.Fill((7,))(np.float64(0))
        flat = e.multiply(m.Reshape((150, 1))(y), m.Fill((150, 1))(np.float64(2)))
        return [y, Scatter((0,), "add", "clip")(zeros, flat, i)]

    types = f64(50, 3), f64(50, 3), i64(150, 1)
    assert len(steps(f, *types)) == 1
    (text, *_) = [k for k in kernels(f, *types) if "scatter" in k]
    assert text.count("for ") == 1
    assert "//" not in text and "%" not in text


def test_what_reads_the_result_waits_for_all_updates():
    def f(u, i):
        y = lands(u, i)
        return [y, e.add(Gather((0,), "clip")(y, i), u), e.multiply(y, y)]

    made = steps(f, f64(50), i64(50))
    assert len([line for line in made if "scatter" in line]) == 1
    assert len(made) > 1
    u, i = RANDOM.standard_normal(50), RANDOM.integers(0, 7, 50)
    for x, y in zip(f(u, i), fungrad.jit(f)(u, i), strict=True):
        np.testing.assert_allclose(x, y)


@pytest.mark.parametrize("mode", ["raise", "clip", "drop", "wrap"])
@pytest.mark.parametrize("combine", COMBINE)
@pytest.mark.parametrize("rest", [(), (3,), (2, 5)])
def test_values(combine, mode, rest):
    """Of rows that are written several times, with indices outside where that is allowed."""

    def f(x, u, i):
        return Scatter((0,), combine, mode)(x, e.sin(u), i)

    ends = (-9, 9) if mode == "raise" else (-20, 20)
    x = RANDOM.standard_normal((9, *rest))
    u, i = RANDOM.standard_normal((60, *rest)), RANDOM.integers(*ends, 60)
    np.testing.assert_allclose(fungrad.jit(f)(x, u, i), f(x, u, i), rtol=1e-12)

    def cheap(x, u, i):
        return Scatter((0,), combine, mode)(x, e.add(u, u), i)

    np.testing.assert_allclose(fungrad.jit(cheap)(x, u, i), cheap(x, u, i), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.complex128])
def test_dtypes(dtype):
    def f(x, u, i):
        return Scatter((0,), "add", "clip")(x, e.multiply(u, u), i)

    x, u = (RANDOM.integers(0, 9, n).astype(dtype) for n in (5, 40))
    i = RANDOM.integers(0, 5, 40)
    found = fungrad.jit(f)(x, u, i)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, f(x, u, i), rtol=1e-6)


def test_two_axes_are_indexed():
    def f(x, u, i, j):
        return Scatter((0, 1), "add", "raise")(x, e.multiply(u, u), i, j)

    x, u = RANDOM.standard_normal((4, 5, 2)), RANDOM.standard_normal((30, 2))
    i, j = RANDOM.integers(-4, 4, 30), RANDOM.integers(-5, 5, 30)
    np.testing.assert_allclose(fungrad.jit(f)(x, u, i, j), f(x, u, i, j))


def test_an_index_outside_is_named():
    def f(x, u, i):
        return x.at[i].add(u * u)

    x, u = np.zeros(4), np.ones(3)
    with pytest.raises(OutOfBoundsError, match="index 4 is out of bounds for axis 0 with size 4"):
        fungrad.jit(f)(x, u, np.array([0, 4, 1]))
    np.testing.assert_array_equal(fungrad.jit(f)(x, u, np.array([0, -1, 0])), [2, 0, 0, 1])


def test_updates_that_read_what_they_are_added_to_see_it_as_it_was():
    def rows(x, i):
        y = fnp.exp(x)  # memory that the sum may take over
        return fungrad.at(y)[i].add(y[::-1] * 2)

    def kept(x, i):
        y = fnp.exp(x)
        return fungrad.at(y)[i].add(x * 2), y * 3

    x, i = RANDOM.standard_normal(40), RANDOM.integers(0, 40, 40)
    for f in (rows, kept):
        found, expected = fungrad.jit(f)(x, i), f(x, i)
        for a, b in zip(fungrad.tree.leaves(found), fungrad.tree.leaves(expected), strict=True):
            np.testing.assert_allclose(a, b)


def test_sums_in_a_loop_go_on_in_one_piece_of_memory():
    def f(x, u, i):
        def step(k, y):
            return fungrad.at(y)[i].add(u * k)

        return fungrad.lax.fori_loop(0, 4, step, x)

    x, u, i = RANDOM.standard_normal(30), RANDOM.standard_normal(50), RANDOM.integers(0, 30, 50)
    np.testing.assert_allclose(fungrad.jit(f)(x, u, i), f(x, u, i))
    donated = fungrad.jit(lambda x, u, i: x.at[i].add(u * u), donate_argnums=0)
    expected = x.copy()
    np.add.at(expected, i, u * u)
    np.testing.assert_allclose(donated(x.copy(), u, i), expected)


@pytest.mark.parametrize("rest", [(), (3,)])
def test_parts_of_many_updates_of_few_elements(rest):
    """Each part has a target of its own; bits do not depend on threads, and -0.0 stays itself."""

    def f(x, u, i):
        y = u * u
        return [fungrad.at(x)[i].add(y), y + 1]

    n = 200_003
    x, u = -np.zeros((6, *rest)), RANDOM.standard_normal((n, *rest))
    i = RANDOM.integers(0, 5, n)
    with fungrad.threads(1):
        found, other = fungrad.jit(f)(x, u, i)
    with fungrad.threads(2):
        again, _ = fungrad.jit(f)(x, u, i)
    np.testing.assert_array_equal(found, again)
    expected = x.copy()
    np.add.at(expected, i, u * u)
    np.testing.assert_allclose(found, expected, rtol=1e-11)
    np.testing.assert_array_equal(other, u * u + 1)
    assert np.signbit(found[5]).all()
    text = "".join(kernels(f, f64(6, *rest), f64(n, *rest), i64(n)))
    assert "combining_kernel" in text


def test_gradients_are_those_of_differences():
    i = RANDOM.integers(-5, 5, (40, 3))

    def f(x, y):
        return fnp.sum(fnp.sin(x[i] * y) * x[i[:, ::-1]])

    x, y = RANDOM.standard_normal(5), RANDOM.standard_normal((40, 3))
    fungrad.testing.check_grads(fungrad.jit(f), (x, y), order=2)
