"""Running combinations whose operands are computed on the way, two of them on the same lines."""

import numpy as np
import pytest

import fungrad
import fungrad.numpy as fnp
from fungrad import grad, jit, lax
from fungrad.compiler.runtime import compile_program

RANDOM = np.random.default_rng(0)
#: Whole numbers and few factors, so that sums and products are exact in any order.
X = RANDOM.integers(-4, 5, (701, 300)) * 1.0


def source_of(f, *arguments):
    return compile_program(jit(f).lower(*arguments).program).source


def squared(axis):
    return lambda x: grad(lambda x: (x.cumsum(axis) ** 2).sum())(x)


ON_THE_SAME_LINES = {
    "the gradient of squared sums": squared(1),
    "sums of sums": lambda x: x.cumsum(1).cumsum(1),
    "from both ends": lambda x: fnp.maximum(lax.cumsum(x, 1, reverse=True), 3).cumsum(1),
    "with other arrays": lambda x: (x * fnp.cumsum(x - x[:, :1], 1) + x[0]).cumsum(1),
    "extrema": lambda x: lax.cummin(2 - lax.cummax(x, 1), 1),
    "three": lambda x: x.cumsum(1).cumsum(1).cumsum(1),
}
ALONE = {
    "a computed operand": lambda x: (2 * x + 1).cumsum(1),
    "columns": lambda x: (2 * x + x[0]).cumsum(0),
    "along columns": squared(0),
    "lines in the middle": lambda x: (x + x[::-1]).reshape(701, 10, 30).cumsum(1),
    "the first is read twice": lambda x: (y := x.cumsum(1), (y + 1).cumsum(1))[1] + y,
    "the first is read elsewhere": lambda x: (x.cumsum(1)[:, ::-1] * 2).cumsum(1),
    "both are returned": lambda x: (y := x.cumsum(1), (2 * y).cumsum(1)),
    "one line": lambda x: (2 * x.reshape(-1)).cumsum().cumsum(),
}


@pytest.mark.parametrize("f", (ON_THE_SAME_LINES | ALONE).values(), ids=ON_THE_SAME_LINES | ALONE)
def test_compiled_lines_are_those_without_jit_for_all_numbers_of_threads(f):
    wanted = fungrad.tree.leaves(f(X))
    for count in (1, 2, 5):
        with fungrad.threads(count):
            for y, w in zip(fungrad.tree.leaves(jit(f)(X)), wanted, strict=True):
                np.testing.assert_array_equal(y, w)


@pytest.mark.parametrize("name", [n for n in ON_THE_SAME_LINES if n != "three"])
def test_two_on_the_same_lines_are_one_kernel(name):
    assert source_of(ON_THE_SAME_LINES[name], X).count("def ") == 2


@pytest.mark.parametrize("name", ["a computed operand", "columns"])
def test_operands_get_no_memory(name):
    source = source_of(ALONE[name], X)
    assert source.count("def ") == 2 and "workspace, sizes" not in source


@pytest.mark.parametrize("name", ["the first is read elsewhere", "both are returned", "one line"])
def test_what_else_is_read_stays_apart(name):
    assert source_of(ALONE[name], X).count("def ") > 2


def test_operands_read_across_rows_are_transposed_first():
    x = RANDOM.standard_normal((515, 400))
    f = lambda x: (2 * x.T).cumsum(1)
    assert "transpose_float64" in source_of(f, x)
    np.testing.assert_array_equal(jit(f)(x), f(x))


@pytest.mark.parametrize("axis", [0, 1])
def test_the_gradient_is_that_of_finite_differences(axis):
    weights, x = RANDOM.standard_normal((2, 701, 300))
    f = lambda x: (weights * fnp.sin(0.1 * x.cumsum(axis)) * x).sum()
    direction = RANDOM.standard_normal(x.shape)
    h = 1e-6
    slope = (f(x + h * direction) - f(x - h * direction)) / (2 * h)
    np.testing.assert_allclose((jit(grad(f))(x) * direction).sum(), slope, rtol=1e-6)


def test_the_gradient_of_products_is_that_of_finite_differences():
    weights, x = RANDOM.standard_normal((2, 701, 300))
    x = 1 + x / 300
    f = lambda x: (weights * fnp.cumprod(x, 1)).sum()
    direction = RANDOM.standard_normal(x.shape)
    h = 1e-6
    slope = (f(x + h * direction) - f(x - h * direction)) / (2 * h)
    np.testing.assert_allclose((jit(grad(f))(x) * direction).sum(), slope, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.complex128])
def test_dtypes(dtype):
    x = X.astype(dtype)
    for f in (lambda x: (2 * x.cumsum(1)).cumsum(1), lambda x: (x + x[0]).cumsum(0)):
        np.testing.assert_array_equal(jit(f)(x), f(x))


def test_an_argument_that_is_given_away():
    f = jit(squared(1), donate_argnums=0)
    wanted = squared(1)(X)
    np.testing.assert_array_equal(f(X.copy()), wanted)


def test_scans_carry_lines():
    step = lambda x, _: (fnp.minimum((2 * x.cumsum(1)).cumsum(1), 5) - x[0], None)
    f = lambda x: lax.scan(step, x, None, length=3)[0]
    with fungrad.disable_jit():
        wanted = f(X)
    np.testing.assert_array_equal(jit(f)(X), wanted)


def test_what_takes_long_stays_in_blocks_of_its_own():
    f = lambda x: (2 * lax.cumlogsumexp(x, 1)).cumsum(1)
    assert source_of(f, X).count("def ") > 2
    np.testing.assert_allclose(jit(f)(X), f(X), rtol=1e-12, atol=1e-12)


def test_special_values():
    x = X.copy()
    x[3, 5], x[4, 7], x[5, 0], x[6, :4] = np.nan, np.inf, -np.inf, -0.0
    for f in ON_THE_SAME_LINES.values():
        with np.errstate(invalid="ignore"):
            np.testing.assert_array_equal(jit(f)(x), f(x))


def test_faults_of_operands_are_found():
    x, i = X, np.full(701, 3)
    f = lambda x, i: (2 * x[i]).cumsum(1)
    np.testing.assert_array_equal(jit(f)(x, i), f(x, i))
    i[500] = 701
    with pytest.raises(IndexError, match="701"):
        jit(f)(x, i)
