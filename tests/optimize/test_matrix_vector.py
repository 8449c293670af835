"""Which products of matrices with vectors become loops, and that these read the matrix once."""

import numpy as np
import pytest

import fungrad
import fungrad.numpy as fnp
from fungrad.compiler.assemble import assemble
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
