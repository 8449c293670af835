"""What a reduction combines in several parts of its loop: no choice is left inside, values stay."""

import numpy as np
import pytest

import fungrad
import fungrad.numpy as fnp
from fungrad import lax
from fungrad.compiler.assemble import assemble
from fungrad.optimize import optimize

RANDOM = np.random.default_rng(0)


def sources(f, *arguments):
    return [k.source for k in assemble(optimize(fungrad.jit(f).lower(*arguments).program)).kernels]


def neighbours(x):
    """A stencil: the gradient of the energy of a chain."""
    inner = x[1:] - x[:-1] ** 2
    return fnp.pad(inner, (1, 0)) - 2 * fnp.pad(inner * x[:-1], (0, 1))


def test_a_sum_over_a_stencil_is_a_loop_without_choices_and_its_ends():
    first, inner, last = sources(lambda x: fnp.sum(neighbours(x) ** 2), np.ones(100))
    assert "for " not in first + last and inner.count("for ") == 1
    assert "y0[0] = fast_add(0.0, " in first and "total0 = y0[0]" in inner
    assert "y0[0] = fast_add(y0[0], " in last
    assert not any(word in text for word in ("select", "minimum") for text in (first, inner, last))


def test_parts_that_add_nothing_are_left_out():
    before, (text,) = [
        sources(lambda x, low=low: fnp.sum(fnp.pad(x * x, (low, 30))), np.ones(50))
        for low in (30, 0)
    ]
    assert len(before) == 2 and "fast_add(total0, 0.0)" in before[0]
    assert "range(n0)" in text and "select" not in text


def test_what_later_phases_read_is_in_one_part():
    (text,) = sources(lambda x: neighbours(x) / fnp.sum(neighbours(x)), np.ones(100))
    assert "select" in text


def joined(x):
    """Some parts along each axis."""
    rows = fnp.concatenate([x, fnp.pad(x[:, 3:], ((2, 0), (3, 0)))])
    return fnp.concatenate([rows, rows[:, ::-1]], 1)


def check(f, x):
    expected = f(x)
    for compiled in (fungrad.jit(f)(x), fungrad.jit(f)(x)):
        assert compiled.dtype == expected.dtype and compiled.shape == expected.shape
        if expected.dtype.kind == "f":
            close = 1e-6 if expected.dtype == np.float32 else 1e-13
            np.testing.assert_allclose(compiled, expected, rtol=close, atol=close)
        else:
            np.testing.assert_array_equal(compiled, expected)


@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, bool])
@pytest.mark.parametrize("name", ["sum", "prod", "max", "min", "any", "all"])
def test_values(name, dtype, axis):
    x = RANDOM.uniform(0.8, 1.2, size=(20, 25))
    x = (x if dtype in (np.float64, np.float32) else x > 1).astype(dtype)
    check(lambda x: getattr(fnp, name)(joined(x), axis), x)


def test_a_middle_axis_and_several_results():
    x = RANDOM.standard_normal((18, 20, 22))

    def f(x):
        y = fnp.concatenate([x, 1 - x], 1)
        return fnp.stack([fnp.sum(y, 1), fnp.max(y, 1), fnp.sum(y * y, 1)])

    check(f, x)


@pytest.mark.parametrize("shape", [(40_000, 20), (300, 3000), (900_000,)])
def test_large_sums_that_threads_share(shape):
    x = RANDOM.standard_normal(shape)

    def f(x):
        return fnp.sum(fnp.concatenate([fnp.exp(x), fnp.tanh(x[5:])]) ** 2, 0)

    expected = f(x)
    found = []
    for n in (1, 2):
        with fungrad.threads(n):
            found.append(fungrad.jit(f)(x))
    np.testing.assert_array_equal(*found)
    np.testing.assert_allclose(found[0], expected, rtol=1e-11)


@pytest.mark.parametrize("value", [-0.0, np.nan, np.inf])
@pytest.mark.parametrize("place", [0, 30, 99])
def test_special_values(value, place):
    x = np.full(100, -0.0)
    x[place] = value
    for f in (
        lambda x: fnp.sum(fnp.concatenate([x[:1], -x[1:50] * -1, x[50:]])),
        lambda x: fnp.max(fnp.concatenate([x[:30], x[30:]])),
    ):
        compiled, expected = fungrad.jit(f)(x), f(x)
        np.testing.assert_array_equal(compiled, expected)
        assert np.isnan(value) or np.signbit(compiled) == np.signbit(expected)


def test_sums_inside_a_loop_begin_anew_in_each_turn():
    x = RANDOM.uniform(size=64)

    def f(x):
        return lax.fori_loop(0, 3, lambda _, y: y + 0.1 * fnp.sum(neighbours(y) ** 2), x)

    np.testing.assert_allclose(fungrad.jit(f)(x), f(x), rtol=1e-12)


def test_the_gradient_of_a_sum_over_a_stencil():
    x = RANDOM.uniform(size=40)

    def f(x):
        return fnp.sum(neighbours(x) ** 2)

    gradient, step = fungrad.jit(fungrad.grad(f))(x), 1e-30
    for i in range(40):
        z = x.astype(complex)
        z[i] += 1j * step
        inner = z[1:] - z[:-1] ** 2
        y = np.pad(inner, (1, 0)) - 2 * np.pad(inner * z[:-1], (0, 1))
        np.testing.assert_allclose(gradient[i], np.sum(y**2).imag / step, rtol=1e-12)
