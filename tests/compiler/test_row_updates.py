"""Long rows written by number: in parts of the rows, with the updates computed where they are read."""

import numpy as np
import pytest

import fungrad
import fungrad.numpy as fnp
from fungrad import grad, jit, lax
from fungrad.compiler.runtime import compile_program

RANDOM = np.random.default_rng(0)
ROWS, LONG = 150, 300
X = RANDOM.standard_normal((ROWS, LONG))
NUMBERS = RANDOM.integers(-ROWS, ROWS // 2, 700)  # some rows again and again, some never

FUNCTIONS = {
    "gradient of x[rows]": lambda x, i: grad(lambda x: (x[i] ** 2).sum())(x),
    "a chain computed inside": lambda x, i: grad(lambda x: (abs(x[i]) * x[i] + x[i]).sum())(x),
    "add": lambda x, i: fungrad.at(x)[i].add(2 * x[::-1][i]),
    "set": lambda x, i: fungrad.at(x)[i].set(3 * fnp.arange(700.0)[:, None] + x[0]),
    "set in zeros": lambda x, i: fungrad.at(fnp.zeros_like(x))[i].set(x[i] - 1),
    "multiply": lambda x, i: fungrad.at(x * 2)[i].multiply(x[i]),
    "maximum": lambda x, i: fungrad.at(fnp.ones_like(x))[i].max(x[i]),
    "two axes of numbers": lambda x, i: fungrad.at(fnp.ones_like(x))[i.reshape(7, 100)].add(
        x[i.reshape(7, 100)]
    ),
    "rows of matrices": lambda x, i: fungrad.at(fnp.zeros((ROWS, 10, 30)))[i].add(
        x.reshape(ROWS, 10, 30)[i]
    ),
}


def source_of(f, *arguments):
    return compile_program(jit(f).lower(*arguments).program).source


@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
def test_compiled_rows_are_those_without_jit_for_all_numbers_of_threads(f):
    assert "in range(8):" in source_of(f, X, NUMBERS)
    wanted = f(X, NUMBERS)
    for count in (1, 2, 5):
        with fungrad.threads(count):
            np.testing.assert_array_equal(jit(f)(X, NUMBERS), wanted)


@pytest.mark.parametrize("mode", ["clip", "drop", "wrap"])
@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.complex128])
def test_modes_and_dtypes(mode, dtype):
    x = (10 * X).astype(dtype)
    i = RANDOM.integers(-2 * ROWS, 2 * ROWS, 700)
    f = lambda x, i: fungrad.at(x)[i].add((x[:1] * 2), mode=mode)
    g = lambda x, i: fungrad.at(fnp.zeros_like(x))[i].add(2 * x[:1], mode=mode)
    for each in (f, g):
        each = jit(each)
        with fungrad.disable_jit():
            wanted = each(x, i)
        np.testing.assert_array_equal(each(x, i), wanted)


def test_signs_of_zero_and_special_values():
    x = X.copy()
    x[:, 0], x[:, 1], x[:, 2], x[:, 3] = -0.0, np.nan, np.inf, -np.inf
    f = lambda x, i: fungrad.at(fnp.zeros_like(x))[i].add(x[i] * 1)
    found, wanted = jit(f)(x, NUMBERS), f(x, NUMBERS)
    np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(np.signbit(found[:, 0]), np.signbit(wanted[:, 0]))


def test_neither_updates_nor_zeros_get_memory():
    source = source_of(FUNCTIONS["gradient of x[rows]"], X, NUMBERS)
    assert source.count("def ") == 2 and "np.float64" not in source  # one kernel, and the entry


def test_the_gradient_is_that_of_finite_differences():
    weights = RANDOM.standard_normal((700, LONG))
    f = lambda x: (weights * fnp.sin(x[NUMBERS])).sum()
    direction = RANDOM.standard_normal(X.shape)
    found = (jit(grad(f))(X) * direction).sum()
    h = 1e-5
    slope = (f(X + h * direction) - f(X - h * direction)) / (2 * h)
    np.testing.assert_allclose(found, slope, rtol=1e-7)


def test_an_operand_that_dies_is_written_in_place():
    f = jit(lambda x, i: fungrad.at(x)[i].add(2.0 * x[0]), donate_argnums=0)
    wanted = X.copy()
    np.add.at(wanted, NUMBERS, np.broadcast_to(2 * X[0], (700, LONG)))
    np.testing.assert_allclose(f(X.copy(), NUMBERS), wanted, rtol=1e-14)


@pytest.mark.parametrize("where", ["written", "read", "read again"])
def test_numbers_out_of_bounds_raise(where):
    i, j = NUMBERS.copy(), NUMBERS.copy()
    i[:] = 3
    (i if where == "written" else j)[500 if where == "read again" else 0] = ROWS
    f = lambda x, i, j: fungrad.at(fnp.zeros_like(x))[i].add(x[j] * 2)
    for count in (1, 2):
        with fungrad.threads(count), pytest.raises(IndexError, match="150"):
            jit(f)(X, i, j)


def test_numbers_along_a_row_out_of_bounds_raise():
    columns = np.arange(LONG)
    f = lambda x, i, j: fungrad.at(fnp.zeros_like(x))[i].add(x[i][:, j] * 2, mode="drop")
    np.testing.assert_array_equal(jit(f)(X, NUMBERS, columns), f(X, NUMBERS, columns))
    columns[7] = LONG
    with pytest.raises(IndexError, match="300"):
        jit(f)(X, np.full(700, 2 * ROWS), columns)


def test_scans_carry_rows():
    def f(x, i):
        step = lambda x, _: (fungrad.at(x)[i].add(0.5 * x[::-1][i]), None)
        return lax.scan(step, x, None, length=3)[0]

    small = X / 1e3
    with fungrad.disable_jit():
        wanted = f(small, NUMBERS)
    np.testing.assert_allclose(jit(f)(small, NUMBERS), wanted, rtol=1e-13)
