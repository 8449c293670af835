"""Outputs that are reshapes of what a routine makes: made where they have to end up."""

import numpy as np
import pytest

import fungrad
import fungrad.numpy as fnp
from fungrad.compiler.assemble import assemble
from fungrad.optimize.passes import optimize

X = np.random.default_rng(0).normal(size=(40, 50))
INDEX = np.random.default_rng(1).integers(0, 2000, 300)


def counted(x):
    """A scatter into a flat array, in another shape."""
    return fungrad.at(fnp.zeros(2000))[INDEX].add(x[0, 0]).reshape(40, 50)


#: Functions, and the number of kernels that a copy would make one more.
CASES = {
    "a scatter": (2, counted),
    "a sorted array": (1, lambda x: fnp.sort(x.reshape(2000)).reshape(50, 40)),
    "an axis of one less": (1, lambda x: fnp.sort(x.reshape(40, 1, 50)).reshape(40, 50)),
    "changed in place afterwards": (3, lambda x: fnp.sin(counted(x)) + x),
    "read twice": (None, lambda x: (lambda y: (y.reshape(40, 50), y))(fnp.sort(x.reshape(2000)))),
    "both shapes are wanted": (None, lambda x: (lambda y: (y, y.reshape(2000)))(counted(x))),
    "an argument": (None, lambda x: x.reshape(2000)),
    "read again later": (
        None,
        lambda x: (lambda y: (y.reshape(40, 50), y[::-1].cumsum()))(fnp.sort(x.reshape(2000))),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_the_number_of_kernels(name):
    count, f = CASES[name]
    for found, expected in zip(
        fungrad.tree.leaves(fungrad.jit(f)(X)), fungrad.tree.leaves(f(X)), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    kernels = assemble(optimize(fungrad.jit(f).lower(X).program)).kernels
    assert count is None or len(kernels) <= count


def test_donated_memory_is_not_overwritten_early():
    f = lambda x: counted(x) + 0 * x  # noqa: E731
    expected = f(X)
    np.testing.assert_allclose(fungrad.jit(f, donate_argnums=0)(X.copy()), expected)
