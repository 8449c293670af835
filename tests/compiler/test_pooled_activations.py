"""Maxima of windows over what is computed: activations and their masks have no loops of their own."""

import numpy as np
import pytest

import fungrad
import fungrad.numpy as fnp
from fungrad import grad, jit, lax
from fungrad.compiler.assemble import assemble
from fungrad.core.program import check, subprograms
from fungrad.core.tracing import trace
from fungrad.core.types import ArrayType
from fungrad.optimize import optimize
from fungrad.optimize.scaled_windows import scale_windows
from fungrad.primitives.window_extrema import ScaledPut
from fungrad.tree import leaves

random = np.random.default_rng(0)
X = np.round(random.normal(size=(9, 2, 6, 8)), 1)
X[0, 0, :3] = 0.0  # ties, at which half of a cotangent passes
X[1, 0, 2, 2], X[2, 1, 3, 3], X[3] = np.nan, np.inf, -np.inf
BIAS = np.array([0.25, -0.5])[:, None, None]


def pooled(x, width=2, stride=2, pad=0, axes=(2, 3)):
    """The largest of windows along two axes."""
    at = lambda value, other: tuple([value if a in axes else other for a in range(4)])
    config = at(width, 1), at(stride, 1), at((pad, pad), (0, 0))
    return lax.reduce_window(x, x.dtype.type(-np.inf), lax.max, *config)


#: A function of X, and the number of puts in its gradient that multiply.
POOLS = {
    "relu": (lambda x: pooled(fnp.maximum(x, 0.0)), 1),
    "bias and relu": (lambda x: pooled(fnp.maximum(x + BIAS, 0.0)), 1),
    "a mask": (lambda x: pooled(fnp.where(x > 0, x, 0.0)), 1),
    "another mask": (lambda x: pooled(fnp.where(x <= 0, 0.0, x)), 1),
    "leaky": (lambda x: pooled(fnp.where(x > 0, x, 0.1 * x)), 0),
    "overlapping": (lambda x: pooled(fnp.maximum(x, 0.0), 3, 2), 1),
    "padded": (lambda x: pooled(fnp.maximum(x, 0.0), 2, 2, 1), 1),
    "channels last": (lambda x: pooled(fnp.maximum(x, 0.0), axes=(1, 2)), 1),
    "bias, channels last": (
        lambda x: pooled(fnp.maximum(x + np.linspace(-0.5, 0.5, 8), 0.0), axes=(1, 2)),
        1,
    ),
    "transposed": (lambda x: pooled(fnp.maximum(x, 0.0).transpose(0, 3, 2, 1)), 0),
    "one axis": (lambda x: pooled(fnp.maximum(x, 0.0), axes=(3,)), 1),
    "scaled by a number": (lambda x: pooled(3.0 * x), 0),
    "read twice": (lambda x: pooled(y := fnp.maximum(x, 0.0)) + y[:, :, ::2, ::2], 0),
    "alone": (pooled, 0),
}


def count(program):
    """How many puts multiply, in loops too."""
    return sum(
        isinstance(e.primitive, ScaledPut) + sum(count(p) for _, p in subprograms(e.primitive))
        for e in program.equations
    )


def loss_of(f):
    """A function whose gradient has another cotangent for each window."""

    def loss(x):
        y = f(x)
        return (y * (1.0 + np.arange(y.size, dtype=x.dtype).reshape(y.shape) % 7)).sum()

    return loss


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", POOLS)
def test_compiled_is_as_eager(name, dtype):
    f, n = POOLS[name]
    x = X.astype(dtype)
    np.testing.assert_allclose(jit(f)(x), f(x), rtol=1e-6)
    g = grad(loss_of(f))
    np.testing.assert_allclose(jit(g)(x), g(x), rtol=1e-5)
    types = [ArrayType(x.shape, x.dtype)]
    program, _ = trace(lambda *v: leaves(g(*v)), types, "jit of g")
    assert count(check(scale_windows(optimize(program)))) == n


def test_derivatives_are_those_of_differences():
    x = random.permutation(2 * 6 * 8).reshape(1, 2, 6, 8) / 20.0 - 2.01
    f = loss_of(lambda x: pooled(fnp.maximum(x + BIAS, 0.0)) ** 2)
    g, h = jit(grad(f))(x), 1e-6
    for at in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[at] = h
        assert abs((f(x + step) - f(x - step)) / (2 * h) - g[at]) < 1e-5 * (1 + abs(g[at]))


def test_masks_and_activations_are_computed_where_they_are_read():
    """No array of the size of the images but what is given and the gradient."""
    g = grad(lambda x: (pooled(fnp.maximum(x, 0.0)) ** 2).sum())
    assembly = assemble(optimize(jit(g).lower(X).program))
    names = [k.function for k in assembly.kernels]
    assert [n for n in names if n.startswith(("maximum", "multiply", "fill"))] == []
    assert assembly.workspace < X.nbytes


def test_biases_along_rows_are_found_without_divisions():
    g = grad(loss_of(POOLS["bias, channels last"][0]))
    assembly = assemble(optimize(jit(g).lower(X).program))
    (put,) = [k for k in assembly.kernels if k.function.startswith("window_put")]
    assert "remainder" not in put.source


def test_in_loops_and_batches():
    f = lambda x: grad(loss_of(POOLS["relu"][0]))(x)
    expected = np.stack([f(X), f(2 * X)])
    both = np.stack([X, 2 * X])
    for g in (jit(lambda x: lax.map(f, x)), jit(fungrad.vmap(f))):
        np.testing.assert_array_equal(g(both), expected)


def test_results_do_not_depend_on_the_number_of_threads():
    x, found = random.normal(size=(64, 4, 28, 28)), []
    f = jit(grad(loss_of(lambda x: pooled(fnp.maximum(x + 0.25, 0.0)))))
    for n in (1, 2):
        with fungrad.threads(n):
            found.append(f(x))
    np.testing.assert_array_equal(*found)
