"""Large reductions in parts: values, bits that do not depend on threads, and which loops are cut."""

import numpy as np
import pytest

import fungrad
import fungrad.numpy as fnp

RANDOM = np.random.default_rng(0)
N = 250_007  # prime: no part is as long as another

WHOLE = {
    "sum": lambda x: x.sum(),
    "mean of a chain": lambda x: fnp.mean(fnp.exp(-x * x) * x),
    "maximum": lambda x: x.max(),
    "minimum": lambda x: x.min(),
    "product": lambda x: fnp.prod(1 + x / N),
    "norm": lambda x: fnp.linalg.norm(x),
    "logsumexp": lambda x: fungrad.nn.logsumexp(x),
    "sum and maximum": lambda x: (x.sum(), x.max(), x * 2),
    "value and gradient": fungrad.value_and_grad(lambda x: fnp.sum(fnp.sin(x) ** 2)),
}
PARTLY = {
    "over rows": lambda x: x.sum(0),
    "over rows, and a chain": lambda x: (fnp.exp(x).sum(0), x + 1),
    "over the first and last axis": lambda x: x.reshape(-1, x.shape[1] // 8, 8).sum((0, 2)),
    "maxima": lambda x: x.max(0),
    "of the transpose": lambda x: (x.T * 2).sum(1),
    "two sums": lambda x: (x.sum(0), (x * x).sum(0), fnp.sin(x)),
}


def check(f, x, tolerance):
    compiled = fungrad.jit(f)
    with fungrad.threads(1):
        found = compiled(x)
    for n in (2, 5):
        with fungrad.threads(n):
            again = compiled(x)
        for u, v in zip(fungrad.tree.leaves(found), fungrad.tree.leaves(again), strict=True):
            np.testing.assert_array_equal(u, v)
    wide = fungrad.tree.leaves(f(x.astype(np.result_type(x, np.float64))))
    for u, v in zip(fungrad.tree.leaves(found), wide, strict=True):
        assert u.dtype == x.dtype
        np.testing.assert_allclose(u, v, rtol=tolerance, atol=tolerance * 1e3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("f", WHOLE.values(), ids=WHOLE)
def test_reductions_to_a_scalar(f, dtype):
    check(f, RANDOM.standard_normal(N).astype(dtype), 1e-5 if dtype == np.float32 else 1e-12)


@pytest.mark.parametrize("shape", [(257, 1048), (5, 50_000)])
@pytest.mark.parametrize("f", PARTLY.values(), ids=PARTLY)
def test_reductions_over_the_outermost_axis(f, shape):
    check(f, RANDOM.standard_normal(shape), 1e-12)


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.complex128, bool])
def test_other_dtypes(dtype):
    x = (10 * RANDOM.standard_normal(N)).astype(dtype)
    found = fungrad.jit(lambda x: fnp.any(x) if dtype is bool else x.sum())(x)
    np.testing.assert_allclose(found, x.any() if dtype is bool else x.sum(dtype=dtype), rtol=1e-12)


@pytest.mark.parametrize("place", [0, N // 8 - 1, N // 8, N - 1])
def test_one_element_counts_wherever_it_stands(place):
    x = np.zeros(N)
    x[place] = 3.0
    assert fungrad.jit(lambda x: x.sum())(x) == 3.0
    assert fungrad.jit(lambda x: x.max())(x) == 3.0
    x[place] = np.nan
    assert np.isnan(fungrad.jit(lambda x: x.max())(x))


def source_of(f, *arguments):
    from fungrad.compiler.runtime import compile_program

    return compile_program(fungrad.jit(f).lower(*arguments).program).source


@pytest.mark.parametrize(
    ("f", "shape", "is_cut"),
    [
        (lambda x: x.sum(), (N,), True),
        (lambda x: x.sum(), (1000,), False),
        (lambda x: fnp.exp(x).sum(), (30_000,), True),
        (lambda x: x.sum(0), (500, 500), True),
        (lambda x: x.sum(0), (N, 3), True),
        (lambda x: x.sum(0), (20, 50_000), True),
        (lambda x: x.sum(0), (20, 500), False),
        (lambda x: x.sum(0), (5, 50_000), False),  # its columns are turns, which threads share
        (lambda x: x.sum(1), (300, 300), False),
    ],
)
def test_what_is_cut(f, shape, is_cut):
    assert ("for part in range(8)" in source_of(f, np.ones(shape))) == is_cut


PIECES = {
    "a concatenation along the results": lambda x: fnp.concatenate(
        [fnp.tanh(x), fnp.exp(x[:, :100]), x[:, 1:] * 2], 1
    ),
    "padding along the results": lambda x: fnp.pad(fnp.tanh(x), ((0, 0), (300, 70))),
    "a stack": lambda x: fnp.stack([fnp.tanh(x), x * x, fnp.exp(x)], 1),
}


@pytest.mark.parametrize("pieces", PIECES.values(), ids=PIECES)
@pytest.mark.parametrize("name", ["sum", "max", "mean"])
def test_loops_over_pieces_of_the_results(pieces, name):
    """Each piece has loops of its own, and combines the partial results of its own columns."""
    x = RANDOM.uniform(0.5, 1.0, size=(400, 700))

    def f(x):
        y = pieces(x)
        return y, getattr(fnp, name)(y, 0)

    check(f, x, 1e-13)


def test_running_sums_of_several_lines_are_those_of_each():
    x = np.random.default_rng(1).standard_normal((403, 300))
    f = fungrad.jit(lambda x: (x.cumsum(1), fungrad.lax.cummax(x, 1, reverse=True)))
    sums, largest = f(x)
    np.testing.assert_array_equal(sums, x.cumsum(1))
    np.testing.assert_array_equal(largest, np.maximum.accumulate(x[:, ::-1], 1)[:, ::-1])


def test_a_middle_axis_is_combined_in_independent_turns():
    x = np.random.default_rng(2).standard_normal((40, 50, 300))
    for n in (1, 2):
        with fungrad.threads(n):
            sums, largest = fungrad.jit(lambda x: (x.sum(1), x.max(1)))(x)
            np.testing.assert_allclose(sums, x.sum(1), rtol=1e-12, atol=1e-12)
            np.testing.assert_array_equal(largest, x.max(1))


def test_what_later_phases_read_is_not_combined_in_parts():
    """A sum of all elements that the same kernel goes on with, without a copy in memory."""
    x = np.linspace(-1, 1, 50_000)
    y = np.tanh(np.sin(x) + 1) * np.sum(x * x)
    f = fungrad.jit(lambda x: fnp.tanh(fnp.sin(x) + 1) * fnp.sum(x * x))
    np.testing.assert_allclose(f(x), y, rtol=1e-12)
