"""Collectives that exchange values along a named axis, against the same on the whole array."""

import numpy as np
import pytest
from samples.of_convolution import numbers

from fungrad import grad, jit, lax, vmap
from fungrad.errors import ShapeError, UnknownAxisNameError
from fungrad.testing import check_grads

X = numbers(3, 3, 6)


def mapped(f):
    return vmap(f, axis_name="i")


def whole_all_to_all(x, split, concat):
    """Row i gets part i of every row."""
    return np.stack([np.stack([np.take(v, i, split) for v in x], concat) for i in range(len(x))])


CASES = {
    "ppermute": (
        lambda x: lax.ppermute(x, "i", [(0, 2), (2, 1)]),
        lambda x: np.stack([np.zeros_like(x[0]), x[2], x[0]]),
    ),
    "pshuffle": (lambda x: lax.pshuffle(x, "i", [2, 0, 1]), lambda x: x[[2, 0, 1]]),
    "pbroadcast": (lambda x: lax.pbroadcast(x, "i", 1), lambda x: np.stack([x[1]] * 3)),
    "all_to_all": (lambda x: lax.all_to_all(x, "i", 0, 1), lambda x: whole_all_to_all(x, 0, 1)),
    "tiled all_to_all": (
        lambda x: lax.all_to_all(x, "i", 1, 0, tiled=True),
        lambda x: np.stack(
            [np.concatenate([v[:, 2 * i : 2 * i + 2] for v in x]) for i in range(3)]
        ),
    ),
    "pswapaxes": (lambda x: lax.pswapaxes(x, "i", 0), lambda x: x.transpose(1, 0, 2)),
    "psum_scatter": (lambda x: lax.psum_scatter(x, "i"), lambda x: x.sum(0)),
    "tiled psum_scatter": (
        lambda x: lax.psum_scatter(x, "i", scatter_dimension=1, tiled=True),
        lambda x: np.stack(np.split(x.sum(0), 3, 1)),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name):
    f, whole = CASES[name]
    wanted = whole(X)
    np.testing.assert_allclose(mapped(f)(X), wanted)
    np.testing.assert_allclose(jit(mapped(f))(X), wanted)
    many = np.stack([X, 2 * X])
    np.testing.assert_allclose(vmap(mapped(f))(many), np.stack([wanted, 2 * wanted]))
    check_grads(mapped(f), (X,), order=1)
    inside = mapped(grad(lambda x: (f(x) ** 2).sum()))(X)
    assert inside.shape == X.shape


def test_the_same_value_in_every_place():
    """Of values without the batch axis every place has the same."""
    y = vmap(lambda x: lax.ppermute(X[0], "i", [(0, 1)]) + 0 * x, axis_name="i")(np.zeros(3))
    np.testing.assert_allclose(y, np.stack([0 * X[0], X[0], 0 * X[0]]))


@pytest.mark.parametrize(
    "f, error, message",
    [
        (lambda x: lax.ppermute(x, "j", [(0, 1)]), UnknownAxisNameError, "axis_name='j'"),
        (lambda x: lax.ppermute(x, "i", [(0, 1), (2, 1)]), ValueError, "at most one value"),
        (lambda x: lax.ppermute(x, "i", [(0, 1), (0, 2)]), ValueError, "from one place twice"),
        (lambda x: lax.pshuffle(x, "i", [0, 0, 1]), ValueError, "does not order 3 places"),
        (lambda x: lax.all_to_all(x, "i", 1, 0), ShapeError, "must have the size 3"),
        (
            lambda x: lax.psum_scatter(x[:, :4], "i", scatter_dimension=1, tiled=True),
            ShapeError,
            "cannot be divided among 3",
        ),
    ],
)
def test_what_does_not_fit_is_refused(f, error, message):
    with pytest.raises(error, match=message):
        mapped(f)(X)
