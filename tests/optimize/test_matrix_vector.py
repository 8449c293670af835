"""Which products of matrices with vectors become loops, and that these read the matrix once."""

import numpy as np
import pytest

import fungrad
import fungrad.numpy as fnp
from fungrad.compiler.assemble import assemble
from fungrad.compiler.runtime import compile_program
from fungrad.core.tracing import trace
from fungrad.core.types import type_of
from fungrad.optimize.passes import optimize
from fungrad.primitives.contraction import Contract


def program_of(f, *arguments):
    return optimize(fungrad.jit(f).lower(*arguments).program)


def products(program):
    return sum(isinstance(e.primitive, Contract) for e in program.equations)


def arrays(*shapes, dtype=np.float64):
    random = np.random.default_rng(0)
    return [random.normal(size=shape).astype(dtype) for shape in shapes]


def test_a_product_and_its_tangent_are_one_loop_over_the_matrix():
    f = lambda a, x, t: fungrad.jvp(lambda x: a @ x, (x,), (t,))  # noqa: E731
    program = program_of(f, *arrays((300, 200), 200, 200))
    assert products(program) == 0
    assert len(assemble(program).kernels) == 1


CASES = {
    "one product": (1, lambda a, x, y: a @ x, (300, 200), np.float64),
    "one waits for the other": (2, lambda a, x, y: a @ (a @ x), (200, 200), np.float64),
    "short rows": (2, lambda a, x, y: (a @ x, a @ y), (300, 20), np.float64),
    "float32": (2, lambda a, x, y: (a @ x, a @ y), (300, 200), np.float32),
    "along rows and along columns": (2, lambda a, x, y: (a @ x, y @ a), (200, 200), np.float64),
    "along columns": (0, lambda a, x, y: (x @ a, y @ a), (200, 200), np.float64),
    "two of three wait for none": (
        1,
        lambda a, x, y: (a @ x, a @ y, a @ fnp.sin(a @ x)),
        (200, 200),
        np.float64,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_products_that_stay_and_their_values(name):
    count, f, shape, dtype = CASES[name]
    arguments = arrays(shape, shape[1], shape[1], dtype=dtype)
    assert products(program_of(f, *arguments)) == count
    found, expected = fungrad.jit(f)(*arguments), f(*arguments)
    close = dict(rtol=1e-4, atol=1e-4) if dtype == np.float32 else dict(rtol=1e-11, atol=1e-11)
    if name == "two of three wait for none":
        expected = (*expected[:2], arguments[0] @ np.sin(expected[0]))
    np.testing.assert_allclose(np.ravel(found), np.ravel(expected), **close)


def test_a_hessian_vector_product_goes_through_large_data_once():
    def loss(w, x, y):
        return fnp.log1p(fnp.exp(-y * (x @ w))).mean()

    def product(w, v, x, y):
        return fungrad.jvp(fungrad.grad(lambda w: loss(w, x, y)), (w,), (v,))[1]

    w, v = arrays(100, 100)
    x, y = (
        fungrad.ShapeDtypeStruct((40_000, 100), float),
        fungrad.ShapeDtypeStruct((40_000,), float),
    )
    kernels = assemble(program_of(product, w, v, x, y)).kernels
    assert sum("sum_kernel" in k.name for k in kernels) == 1


# ---- large matrices

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
        lambda w, x, y, v: fungrad.jvp(fungrad.grad(lambda w: loss(w, x, y)), (w,), (v,))[1],
        W,
        X,
        Y,
        V,
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
        lambda x, v, u: fungrad.lax.fori_loop(0, 3, lambda i, w: w - 1e-4 * (x @ w - u) @ x, v),
        lambda x, v, u: fnp.exp(-(u @ (x @ v))) * (u @ x),
    ),
)
def test_values_of_several_products(f):
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
