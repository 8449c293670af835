"""Layers against their formulas in NumPy, eager and compiled, and their derivatives."""

import numpy as np
import pytest
from scipy import signal

from fungrad import grad, jit, random, tree
from fungrad.core.errors import ShapeError
from fungrad.nn import layers
from fungrad.nn.layers import (
    batch_norm,
    conv,
    conv_transpose,
    dense,
    embedding,
    gru,
    layer_norm,
    lstm,
    multi_head_attention,
    residual,
    residual_conv,
)
from fungrad.testing import check_grads

GENERATOR = np.random.default_rng(11)
KEY = random.key(2)


def numbers(*shape):
    return GENERATOR.normal(size=shape)


def perturbed(params):
    """The parameters with random numbers added, so that no bias is 0 and no scale is 1."""
    return tree.map(lambda p: p + 0.3 * numbers(*p.shape), params)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def check(apply, expected, *args, order=1, modes=("fwd", "rev")):
    """A layer, eager and compiled, against what it should return; and its derivatives."""
    for run in (lambda f: f, jit):
        found, wanted = tree.leaves(run(apply)(*args)), tree.leaves(expected)
        for x, y in zip(found, wanted, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-10, atol=1e-12)
    check_grads(apply, args, order=order, modes=modes)

    def loss(*args):
        return sum([(np.square(y) + y).sum() for y in tree.leaves(apply(*args))])

    eager, compiled = (run(grad(loss))(*args) for run in (lambda f: f, jit))
    for x, y in zip(tree.leaves(compiled), tree.leaves(eager), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-11)


def test_dense():
    params = perturbed(dense.init(KEY, 3, 4))
    for x in (numbers(5, 3), numbers(2, 5, 3), numbers(3)):
        np.testing.assert_allclose(dense.apply(params, x), x @ params["w"] + params["b"])
    x = numbers(5, 3)
    check(dense.apply, x @ params["w"] + params["b"], params, x, order=2)
    assert "b" not in dense.init(KEY, 3, 4, bias=None)
    assert dense.init(KEY, 3, 4, dtype=np.float32)["w"].dtype == np.float32


def image_convolution(x, w):
    """(batch, height, width, inputs) with (h, w, inputs, outputs), without padding."""
    result = 0
    for c in range(w.shape[2]):
        planes = [
            [signal.correlate2d(image[:, :, c], w[:, :, c, o], "valid") for o in range(w.shape[3])]
            for image in x
        ]
        result = result + np.moveaxis(np.array(planes), 1, -1)
    return result


def test_conv():
    params = perturbed(conv.init(KEY, (3, 2), 2, 3))
    x = numbers(2, 5, 4, 2)
    valid = image_convolution(x, params["w"]) + params["b"]
    check(lambda p, x: conv.apply(p, x, padding="VALID"), valid, params, x)
    padded = np.pad(x, ((0, 0), (1, 1), (0, 1), (0, 0)))
    same = image_convolution(padded, params["w"]) + params["b"]
    np.testing.assert_allclose(conv.apply(params, x), same, rtol=1e-12)
    strided = conv.apply(params, x, strides=2, padding="VALID")
    np.testing.assert_allclose(strided, valid[:, ::2, ::2], rtol=1e-12)


def test_conv_in_groups_dilated_and_in_other_ranks():
    params = conv.init(KEY, (2,), 4, 6, groups=2)
    x = numbers(2, 5, 4)
    found = conv.apply(params, x, padding="VALID", dilation=2, groups=2)
    for group in range(2):
        w = params["w"][:, :, 3 * group : 3 * group + 3]
        own = x[:, :, 2 * group : 2 * group + 2]
        expected = own[:, :-2] @ w[0] + own[:, 2:] @ w[1]
        np.testing.assert_allclose(found[:, :, 3 * group : 3 * group + 3], expected, rtol=1e-12)
    solid = conv.init(KEY, (1, 2, 1), 2, 3)
    assert conv.apply(solid, numbers(1, 3, 4, 5, 2)).shape == (1, 3, 4, 5, 3)


def test_conv_transpose():
    """Each input element adds a copy of the (mirrored) window to the output."""
    params = perturbed(conv_transpose.init(KEY, (2, 2), 3, 2))
    x = numbers(2, 3, 2, 3)
    expected = np.zeros((2, 6, 4, 2))
    for i, j in np.ndindex(3, 2):
        for a, b in np.ndindex(2, 2):
            expected[:, 2 * i + a, 2 * j + b] += x[:, i, j] @ params["w"][1 - a, 1 - b]
    expected += params["b"]
    check(lambda p, x: conv_transpose.apply(p, x, strides=2), expected, params, x)


def test_pooling():
    x = numbers(2, 6, 4, 3)
    blocks = x.reshape(2, 3, 2, 2, 2, 3)
    check(lambda x: layers.max_pool(x, (2, 2)), blocks.max(axis=(2, 4)), x)
    check(lambda x: layers.avg_pool(x, (2, 2)), blocks.mean(axis=(2, 4)), x)
    line = np.array([1.0, 2.0, 3.0, 6.0]).reshape(1, 4, 1)
    padded = layers.avg_pool(line, (3,), 1, "SAME").ravel()
    np.testing.assert_allclose(padded, [1.5, 2, 11 / 3, 4.5])
    counted = layers.avg_pool(line, (3,), 1, ((1, 1),), count_include_pad=True).ravel()
    np.testing.assert_allclose(counted, [1, 2, 11 / 3, 3])
    assert layers.max_pool(line, (3,), 1, "SAME").ravel().tolist() == [2, 3, 6, 6]


def test_embedding():
    params = embedding.init(KEY, 5, 3)
    ids = np.array([[0, 4], [4, 2]])
    for run in (lambda f: f, jit):
        np.testing.assert_array_equal(run(embedding.apply)(params, ids), params["table"][ids])
        slope = run(grad(lambda p: embedding.apply(p, ids).sum()))(params)["table"]
        assert slope.sum(axis=1).tolist() == [3, 0, 3, 0, 6]
        for wrong in (5, -1):
            with pytest.raises(ValueError, match="embedding, ids: integers from 0 to 4 are meant"):
                run(embedding.apply)(params, np.array([1, wrong]))


def test_dropout():
    x = np.full((100, 100), 2.0, np.float32)
    for run in (lambda f: f, jit):
        y = run(lambda k, x: layers.dropout(k, x, 0.25))(KEY, x)
        assert y.dtype == np.float32
        assert set(np.unique(y)) == {np.float32(0), np.float32(2 / 0.75)}
        assert abs((y == 0).mean() - 0.25) < 0.02
        slope = run(grad(lambda x: layers.dropout(KEY, x, 0.25).sum()))(x)
        np.testing.assert_allclose(slope, y / 2, rtol=1e-6)
    np.testing.assert_array_equal(layers.dropout(KEY, x, 0.25, training=False), x)
    np.testing.assert_array_equal(layers.dropout(KEY, x, 0.0), x)
    for rate in (1.0, -0.1, np.nan):
        with pytest.raises(ValueError, match="dropout: the rate is from 0 to below 1, got"):
            layers.dropout(KEY, x, rate)


def test_layer_norm():
    params = perturbed(layer_norm.init(None, 4))
    x = numbers(3, 2, 4)
    centred = x - x.mean(axis=-1, keepdims=True)
    expected = centred / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)
    check(layer_norm.apply, expected * params["scale"] + params["bias"], params, x, order=2)


def test_batch_norm():
    params, state = batch_norm.init(None, 3)
    params = perturbed(params)
    x = numbers(4, 5, 3)
    mean, variance = x.mean(axis=(0, 1)), x.var(axis=(0, 1))
    expected = (x - mean) / np.sqrt(variance + 1e-5) * params["scale"] + params["bias"]
    moved = {"mean": 0.2 * mean, "variance": 0.8 + 0.2 * variance}

    def train(params, state, x):
        return batch_norm.apply(params, state, x, training=True, momentum=0.8)

    for run in (lambda f: f, jit):
        y, after = run(train)(params, state, x)
        np.testing.assert_allclose(y, expected, rtol=1e-12)
        for name, value in moved.items():
            np.testing.assert_allclose(after[name], value, rtol=1e-12)
    check(lambda p, x: train(p, state, x)[0], expected, params, x)
    assert not grad(lambda x: sum([s.sum() for s in train(params, state, x)[1].values()]))(x).any()
    y, same = batch_norm.apply(params, moved, x, training=False)
    expected = (x - moved["mean"]) / np.sqrt(moved["variance"] + 1e-5)
    np.testing.assert_allclose(y, expected * params["scale"] + params["bias"], rtol=1e-12)
    assert same is moved
    y, state = batch_norm.apply(*batch_norm.init(None, 3), x.astype(np.float32), training=False)
    assert state["mean"].dtype == np.float64


def lstm_by_hand(params, xs):
    h = c = np.zeros((xs.shape[1], 2))
    outputs = []
    for x in xs:
        gates = x @ params["wx"] + h @ params["wh"] + params["b"]
        i, f, o, candidate = np.split(gates, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(candidate)
        h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.array(outputs), (h, c)


def test_lstm():
    params = lstm.init(KEY, 3, 2)
    assert params["b"].tolist() == [0, 0, 1, 1, 0, 0, 0, 0]
    params, xs = perturbed(params), numbers(5, 4, 3)
    outputs, last = lstm_by_hand(params, xs)
    check(lstm.apply, (outputs, last), params, xs)
    state = lstm.initial_state(params, 4)
    for x, y in zip(xs, outputs, strict=True):
        state, found = lstm.step(params, state, x)
        np.testing.assert_allclose(found, y, rtol=1e-12)


def test_gru():
    params, xs = perturbed(gru.init(KEY, 3, 2)), numbers(5, 4, 3)
    h, outputs = np.zeros((4, 2)), []
    for x in xs:
        a, b = x @ params["wx"] + params["b"], h @ params["wh"]
        reset, keep = sigmoid(a[:, :2] + b[:, :2]), sigmoid(a[:, 2:4] + b[:, 2:4])
        candidate = np.tanh(a[:, 4:] + reset * (b[:, 4:] + params["bh"]))
        h = (1 - keep) * candidate + keep * h
        outputs.append(h)
    check(gru.apply, (np.array(outputs), h), params, xs)
    state = gru.initial_state(params, 4)
    for x, y in zip(xs, outputs, strict=True):
        state, found = gru.step(params, state, x)
        np.testing.assert_allclose(found, y, rtol=1e-12)


def test_multi_head_attention():
    params = perturbed(multi_head_attention.init(KEY, 4, 2))
    x = numbers(2, 3, 4)
    result = params["out"]["b"]
    for head in range(2):
        q, k, v = (
            x @ params[name]["w"][:, head] + params[name]["b"][head]
            for name in ("query", "key", "value")
        )
        scores = q @ np.swapaxes(k, 1, 2) / np.sqrt(2) + np.where(np.tri(3) > 0, 0, -np.inf)
        weights = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
        result = result + weights @ v @ params["out"]["w"][head]
    check(lambda p, x: multi_head_attention.apply(p, x, is_causal=True), result, params, x)
    other = multi_head_attention.init(KEY, 4, 2, context_features=6)
    assert multi_head_attention.apply(other, x[0], numbers(5, 6)).shape == (3, 4)


def test_residual():
    params, x = perturbed(residual.init(KEY, 3, 5)), numbers(4, 3)
    inner = layer_norm.apply(params["norm"], x) @ params["first"]["w"] + params["first"]["b"]
    expected = x + np.maximum(inner, 0) @ params["second"]["w"] + params["second"]["b"]
    check(residual.apply, expected, params, x)


def test_residual_conv():
    params, state = residual_conv.init(KEY, (3, 3), 2, 3)
    x = numbers(2, 4, 4, 2)

    def by_hand(x):
        y = image_convolution(np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))), params["first"]["w"])
        y = (y - y.mean(axis=(0, 1, 2))) / np.sqrt(y.var(axis=(0, 1, 2)) + 1e-5)
        y = np.pad(np.maximum(y, 0), ((0, 0), (1, 1), (1, 1), (0, 0)))
        y = image_convolution(y, params["second"]["w"])
        y = (y - y.mean(axis=(0, 1, 2))) / np.sqrt(y.var(axis=(0, 1, 2)) + 1e-5)
        return np.maximum(y + x @ params["shortcut"]["w"][0, 0], 0)

    def apply(params, x):
        return residual_conv.apply(params, state, x, training=True)[0]

    np.testing.assert_allclose(jit(apply)(params, x), by_hand(x), rtol=1e-9, atol=1e-12)
    slope = grad(lambda p: (apply(p, x) ** 2).sum())
    eager, compiled = slope(params), jit(slope)(params)
    for a, b in zip(tree.leaves(compiled), tree.leaves(eager), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)
    plain, state = residual_conv.init(KEY, (3, 3), 2, 2)
    assert "shortcut" not in plain
    with pytest.raises(ValueError, match="strides 2 need a shortcut"):
        residual_conv.apply(plain, state, x, training=False, strides=2)


WRONG = [
    (lambda: dense.apply(dense.init(KEY, 3, 2), np.ones((4, 5))), "dense: .* take 3 features .*5"),
    (lambda: conv.apply(conv.init(KEY, (3,), 2, 2), np.ones((4, 5))), "conv: a window of 1 dim"),
    (lambda: conv.apply(conv.init(KEY, (3,), 2, 2), np.ones((4, 5, 3))), "conv: .* take 2 feat"),
    (lambda: layers.max_pool(np.ones((4, 5)), (2, 2)), "max_pool: a window of 2 dimensions takes"),
    (lambda: layer_norm.apply(layer_norm.init(None, 3), np.ones(4)), "layer_norm: .* 3 features"),
    (lambda: lstm.apply(lstm.init(KEY, 3, 2), np.ones((5, 4, 2))), "lstm: .* 3 features"),
    (lambda: gru.apply(gru.init(KEY, 3, 2), np.ones((5, 4, 2))), "gru: .* 3 features"),
]


@pytest.mark.parametrize(("use", "text"), WRONG)
def test_shapes_that_do_not_fit(use, text):
    with pytest.raises(ShapeError, match=text):
        use()


def test_sizes_that_do_not_fit():
    with pytest.raises(ValueError, match="5 features do not fall into 2 heads"):
        multi_head_attention.init(KEY, 5, 2)
    with pytest.raises(ValueError, match="3 and 4 channels do not fall into 2 groups"):
        conv.init(KEY, (3,), 3, 4, groups=2)
    with pytest.raises(ValueError, match="momentum is from 0 to 1, got 1.5"):
        batch_norm.apply(*batch_norm.init(None, 2), np.ones((3, 2)), training=True, momentum=1.5)
