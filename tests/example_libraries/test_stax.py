"""Layers of stax: shapes that `init` announces, values, gradients, keys."""

import numpy as np
import pytest

from fungrad import grad, jit, random
from fungrad.core.errors import ShapeError
from fungrad.example_libraries import stax
from fungrad.testing import check_grads

KEY = random.PRNGKey(0)
IMAGE = np.random.default_rng(0).normal(size=(2, 6, 6, 3))

LAYERS = {
    "dense": stax.serial(stax.Flatten, stax.Dense(4), stax.Tanh),
    "conv": stax.Conv(4, (3, 3), strides=(2, 2), padding="SAME"),
    "conv transpose": stax.ConvTranspose(2, (3, 3), strides=(2, 2)),
    "batch norm": stax.serial(stax.BatchNorm(), stax.Gelu),
    "no scale": stax.BatchNorm(axis=(0, 1), center=False, scale=False),
    "max pool": stax.MaxPool((2, 2), strides=(2, 2)),
    "sum pool": stax.SumPool((3, 3)),
    "mean pool": stax.AvgPool((3, 3), padding="SAME"),
    "fan": stax.serial(
        stax.FanOut(2), stax.parallel(stax.Conv(3, (1, 1)), stax.Identity), stax.FanInSum
    ),
    "concatenated": stax.serial(
        stax.FanOut(3), stax.parallel(stax.Elu, stax.Selu, stax.Sigmoid), stax.FanInConcat()
    ),
    "elementwise": stax.serial(
        stax.Exp, stax.Softplus, stax.LeakyRelu, stax.Relu, stax.Softmax, stax.LogSoftmax
    ),
    "by shape": stax.shape_dependent(lambda shape: stax.Dense(2 * shape[-1])),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name):
    init, apply = LAYERS[name]
    shape, params = init(KEY, (-1, *IMAGE.shape[1:]))
    found = apply(params, IMAGE)
    assert shape == (-1, *found.shape[1:]) and len(found) == len(IMAGE)
    assert init(KEY, IMAGE.shape)[0] == found.shape
    np.testing.assert_allclose(jit(apply)(params, IMAGE), found, rtol=1e-12, atol=1e-12)
    check_grads(apply, (params, IMAGE), order=1)


def test_means_of_windows_count_what_is_there():
    _, apply = stax.AvgPool((3, 3), padding="SAME")
    np.testing.assert_allclose(apply((), np.ones((1, 4, 4, 1))), np.ones((1, 4, 4, 1)))


def test_lines_are_enlarged():
    init, apply = stax.Conv1DTranspose(4, (3,), strides=(2,))
    shape, params = init(KEY, (-1, 5, 3))
    assert shape == (-1, *apply(params, np.ones((2, 5, 3))).shape[1:])


def test_dropout_needs_a_key_in_training_only():
    x = np.ones((50, 4))
    init, apply = stax.serial(stax.Dropout(0.5), stax.Identity)
    params = init(KEY, (-1, 4))[1]
    kept = apply(params, x, rng=KEY)
    assert set(np.unique(kept)) == {0.0, 2.0}
    assert not np.array_equal(kept, apply(params, x, rng=random.PRNGKey(1)))
    with pytest.raises(ValueError, match="Dropout needs a key"):
        apply(params, x)
    _, calm = stax.Dropout(0.5, mode="test")
    assert calm((), x) is x


def test_a_network_learns():
    init, apply = stax.serial(stax.Dense(16), stax.Tanh, stax.Dense(1))
    _, params = init(KEY, (-1, 1))
    x = np.linspace(-1, 1, 20)[:, None]

    def loss(params):
        return ((apply(params, x) - np.sin(3 * x)) ** 2).mean()

    start, slope = loss(params), jit(grad(loss))
    for _ in range(1000):
        params = [
            tuple(w - 0.1 * g for w, g in zip(layer, change, strict=True))
            for layer, change in zip(params, slope(params), strict=True)
        ]
    assert loss(params) < start / 5


def test_layers_and_inputs_are_as_many():
    _, apply = stax.parallel(stax.Identity, stax.Tanh)
    with pytest.raises(ShapeError, match="parallel: 2 layers, but 1 inputs"):
        apply(((), ()), [IMAGE])
