"""linear_call: the transpose is the user's, everything else follows."""

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import grad, hessian, jit, jvp, linear_transpose, vmap
from fungrad.custom_derivatives import linear_call
from fungrad.errors import TangentMismatchError, TreeMismatchError
from fungrad.testing import check_grads

RUN = pytest.mark.parametrize("run", [lambda f: f, jit], ids=["eager", "jit"])
W = np.arange(6.0).reshape(2, 3) / 4
X = np.array([0.3, -0.2, 0.5])


def product(w, x, factor=1.0):
    """w x, with `factor` times its transpose."""

    def transposed(r, y):
        return {"x": factor * (r.T @ y)}

    return linear_call(lambda r, v: r @ v["x"], transposed, w, {"x": x})


def f(w, x, factor=1.0):
    return fnp.sum(fnp.sin(product(w, x, factor)))


@RUN
def test_reverse_mode_calls_the_transpose_that_was_given(run):
    np.testing.assert_allclose(run(product)(W, X), W @ X)
    expected = 10 * W.T @ np.cos(W @ X)
    np.testing.assert_allclose(run(grad(lambda x: f(W, x, 10.0)))(X), expected)
    back = run(lambda y: linear_transpose(lambda x: product(W, x, 10.0), X)(y)[0])
    np.testing.assert_allclose(back(np.ones(2)), 10 * W.sum(0))
    forward = run(lambda x: jvp(lambda x: product(W, x, 10.0), (x,), (X,))[1])(X)
    np.testing.assert_allclose(forward, W @ X)


@RUN
def test_derivatives_with_a_true_transpose(run):
    check_grads(run(f), (W, X), 3)
    np.testing.assert_allclose(run(hessian(f, 1))(W, X), -(W.T * np.sin(W @ X)) @ W, atol=1e-14)


@RUN
@pytest.mark.parametrize("axes", [(None, 0), (0, None), (0, 0)])
def test_batches(run, axes):
    w = W if axes[0] is None else np.stack([W, -W])
    x = X if axes[1] is None else np.stack([X, X + 1])
    rows = [
        grad(f, (0, 1))(*(a if k is None else a[i] for a, k in zip((w, x), axes))) for i in (0, 1)
    ]
    found = run(vmap(grad(f, (0, 1)), axes))(w, x)
    for k in (0, 1):
        np.testing.assert_allclose(found[k], [row[k] for row in rows])


@RUN
def test_traced_values_that_the_functions_close_over(run):
    def scaled(a, x):
        return linear_call(lambda _, v: a * v, lambda _, y: a * y, (), x)

    np.testing.assert_allclose(run(grad(scaled, (0, 1)))(2.0, 3.0), [3.0, 2.0])


def test_a_transpose_unlike_the_arguments():
    with pytest.raises(TreeMismatchError, match="fun_transpose returned the structure"):
        grad(lambda x: linear_call(lambda _, v: v, lambda _, y: (y, y), (), x))(1.0)
    with pytest.raises(TangentMismatchError, match="the result of fun_transpose has shape"):
        grad(lambda x: linear_call(lambda _, v: v, lambda _, y: fnp.ones(3), (), x))(1.0)
