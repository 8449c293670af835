"""Products of large matrices by vectors: one pass over the matrix for all of them."""

import numpy as np
import pytest

import fungrad as fg
import fungrad.numpy as fnp
from fungrad.compiler.runtime import compile_program
from fungrad.core.tracing import trace
from fungrad.core.types import type_of

random = np.random.default_rng(0)
X = random.normal(size=(1500, 100))
Y = np.sign(random.normal(size=1500))
W, V = random.normal(size=(2, 100)) / 10
U = random.normal(size=1500)


def loss(w, x, y):
    return fnp.mean(fnp.log1p(fnp.exp(-y * (x @ w))))


def compiled(function, *values):
    """The executable of a function, and its first result."""
    program, captured = trace(lambda *v: [function(*v)], [type_of(x) for x in values], "f")
    executable = compile_program(program)
    return executable, executable(*values, *captured)[0]


def test_a_hessian_vector_product_goes_through_the_matrix_once():
    executable, found = compiled(
        lambda w, x, y, v: fg.jvp(fg.grad(lambda w: loss(w, x, y)), (w,), (v,))[1], W, X, Y, V
    )
    p = 1 / (1 + np.exp(-Y * (X @ W)))
    np.testing.assert_allclose(found, X.T @ (p * (1 - p) * (X @ V)) / 1500, rtol=1e-10, atol=1e-14)
    assert "gemv" not in executable.source
    assert sum(k.source.count("for ") > 1 for k in executable.assembly.kernels) == 1


@pytest.mark.parametrize(
    "f",
    (
        lambda x, v, u: x @ v + (v * v) @ x.T,
        lambda x, v, u: u @ x - fnp.einsum("ij,i->j", x, u * u),
        lambda x, v, u: u @ x + (fnp.tanh(x @ v) @ x),
        lambda x, v, u: (x + 1) @ ((x + 1).T @ u),
        lambda x, v, u: fg.lax.fori_loop(0, 3, lambda i, w: w - 1e-4 * (x @ w - u) @ x, v),
        lambda x, v, u: fnp.exp(-(u @ (x @ v))) * (u @ x),
    ),
)
def test_values(f):
    executable, found = compiled(f, X, V, U)
    np.testing.assert_allclose(found, f(X, V, U), rtol=1e-10, atol=1e-12)
    assert "gemv" not in executable.source


def test_large_sums_over_rows_are_shared_by_threads():
    x = random.normal(size=(9000, 128))
    v, u = random.normal(size=128), random.normal(size=9000)
    f = lambda x, v, u: fnp.tanh(x @ v) @ x + u @ x  # noqa: E731
    executable, found = compiled(f, x, v, u)
    np.testing.assert_allclose(found, np.tanh(x @ v) @ x + u @ x, rtol=1e-9, atol=1e-10)
    assert any(k.in_parts for k in executable.assembly.kernels)


@pytest.mark.parametrize(
    "x, v",
    (
        (X[:, :50].copy(), V[:50]),  # rows are short
        (X[:100].copy(), V),  # it stays near a core
        (X.astype("f4"), V.astype("f4")),  # the sums are in float64
        (X.astype(complex), V.astype(complex)),
    ),
)
def test_other_products_are_those_of_blas(x, v):
    executable, found = compiled(lambda x, v: fnp.tanh(x @ v) @ x, x, v)
    np.testing.assert_allclose(found, np.tanh(x @ v) @ x, rtol=1e-3, atol=1e-3)
    assert "gemv" in executable.source


def test_a_product_alone_is_that_of_blas():
    executable, found = compiled(lambda x, v: x @ v, X, V)
    np.testing.assert_allclose(found, X @ V, rtol=1e-10, atol=1e-12)
    assert "gemv" in executable.source
