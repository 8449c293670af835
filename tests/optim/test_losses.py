"""Losses against their formulas, their gradients, their extremes, and what bad input gets."""

import numpy as np
import pytest

from fungrad import grad, jit, optim, value_and_grad, vmap
from fungrad.core.errors import DtypeError, ShapeError
from fungrad.testing import check_grads

GENERATOR = np.random.default_rng(5)
LOGITS = GENERATOR.normal(size=(6, 4)) * 3
LABELS = GENERATOR.integers(0, 4, 6)
SOFT = GENERATOR.dirichlet(np.ones(4), 6)
X, Y = GENERATOR.normal(size=(2, 6, 4)) * 2
EAGER_AND_COMPILED = pytest.mark.parametrize("run", [lambda f: f, jit], ids=["eager", "jit"])


def softmax(x):
    return np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)


FORMULAS = {
    "squared_error": (X, Y, lambda x, y: (x - y) ** 2),
    "l2_loss": (X, Y, lambda x, y: (x - y) ** 2 / 2),
    "absolute_error": (X, Y, lambda x, y: abs(x - y)),
    "mean_squared_error": (X, Y, lambda x, y: ((x - y) ** 2).mean()),
    "mean_absolute_error": (X, Y, lambda x, y: abs(x - y).mean()),
    "huber_loss": (
        X,
        Y,
        lambda x, y: np.where(abs(x - y) <= 1, (x - y) ** 2 / 2, abs(x - y) - 0.5),
    ),
    "log_cosh": (X, Y, lambda x, y: np.log(np.cosh(x - y))),
    "hinge_loss": (X, np.sign(Y), lambda x, y: np.maximum(0, 1 - x * y)),
    "sigmoid_binary_cross_entropy": (
        X,
        (Y > 0) * 1.0,
        lambda x, y: -(y * np.log(1 / (1 + np.exp(-x))) + (1 - y) * np.log(1 / (1 + np.exp(x)))),
    ),
    "softmax_cross_entropy": (LOGITS, SOFT, lambda x, y: -(y * np.log(softmax(x))).sum(axis=-1)),
    "kl_divergence": (
        np.log(softmax(LOGITS)),
        SOFT,
        lambda x, y: (y * (np.log(y) - x)).sum(axis=-1),
    ),
    "kl_divergence_with_log_targets": (
        np.log(softmax(LOGITS)),
        np.log(SOFT),
        lambda x, y: (np.exp(y) * (y - x)).sum(axis=-1),
    ),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_against_the_formula(name):
    x, y, formula = FORMULAS[name]
    loss = getattr(optim, name)
    np.testing.assert_allclose(loss(x, y), formula(x, y), rtol=1e-12, atol=1e-14)
    slope = grad(lambda x: loss(x, y).sum())
    compiled = jit(lambda x: (loss(x, y), slope(x)))
    for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 2e-5)):
        value, found = compiled(x.astype(dtype))
        np.testing.assert_allclose(value, formula(x, y), rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(found, slope(x), rtol=tolerance, atol=tolerance)
    check_grads(lambda x: loss(x, y), (x,), order=2)


@EAGER_AND_COMPILED
def test_the_gradient_of_softmax_cross_entropy(run):
    """(softmax - one hot) / batch, for labels of both kinds."""

    def loss(logits):
        return optim.softmax_cross_entropy_with_integer_labels(logits, LABELS).mean()

    value, found = run(value_and_grad(loss))(LOGITS)
    assert value == pytest.approx(-np.log(softmax(LOGITS)[np.arange(6), LABELS]).mean(), rel=1e-13)
    np.testing.assert_allclose(found, (softmax(LOGITS) - np.eye(4)[LABELS]) / 6, atol=1e-15)

    def soft(logits):
        return optim.softmax_cross_entropy(logits, SOFT).mean()

    np.testing.assert_allclose(run(grad(soft))(LOGITS), (softmax(LOGITS) - SOFT) / 6, atol=1e-15)
    check_grads(loss, (LOGITS,), order=2)


@EAGER_AND_COMPILED
def test_the_classes_along_any_axis(run):
    name = "softmax_cross_entropy_with_integer_labels"
    loss = getattr(optim, name)
    expected = loss(LOGITS, LABELS)
    moved = run(lambda x: loss(x, LABELS.reshape(2, 3), axis=1))(
        np.moveaxis(LOGITS.reshape(2, 3, 4), -1, 1)
    )
    np.testing.assert_allclose(moved, expected.reshape(2, 3))
    np.testing.assert_allclose(run(vmap(loss))(LOGITS, LABELS), expected)
    assert run(loss)(LOGITS[0], LABELS[0]) == pytest.approx(expected[0])
    assert loss(LOGITS.astype(np.float32), LABELS.astype(np.uint8)).dtype == np.float32


@EAGER_AND_COMPILED
def test_far_out(run):
    """Where exp overflows and where its logarithm would be that of 0."""
    logits = np.array([[-1e4, 1e4], [1e4, -1e4]])
    loss = run(
        value_and_grad(lambda x: optim.softmax_cross_entropy_with_integer_labels(x, [0, 0]).sum())
    )
    value, slope = loss(logits)
    assert (value, slope.tolist()) == (2e4, [[-1, 1], [0, 0]])
    binary = run(value_and_grad(lambda x: optim.sigmoid_binary_cross_entropy(x, [1, 0]).sum()))
    assert binary(np.array([-1e4, 1e4]))[0] == 2e4
    assert binary(np.array([-1e4, 1e4]))[1].tolist() == [-1, 1]
    hidden = np.array([0.0, -np.inf])
    soft = run(value_and_grad(lambda x: optim.softmax_cross_entropy(x, np.array([1.0, 0.0]))))
    value, slope = soft(hidden)
    assert (value, slope.tolist()) == (0, [0, 0])
    assert run(optim.kl_divergence)(hidden, np.array([1.0, 0.0])) == 0
    assert run(optim.kl_divergence_with_log_targets)(hidden, hidden) == 0
    cosh = run(value_and_grad(lambda x: optim.log_cosh(x).sum()))
    assert cosh(np.array([1e4]))[1].tolist() == [1]
    assert grad(lambda x: optim.huber_loss(x, delta=0.5))(1e200) == 0.5
    assert grad(optim.hinge_loss)(1.0, 1.0) == 0


@EAGER_AND_COMPILED
@pytest.mark.parametrize("label", [4, -1])
def test_labels_out_of_range(run, label):
    labels = LABELS.copy()
    labels[2] = label
    loss = run(lambda x, y: optim.softmax_cross_entropy_with_integer_labels(x, y).mean())
    with pytest.raises(ValueError, match="labels: integers from 0 to 3 are meant, got"):
        loss(LOGITS, labels)
    with pytest.raises(ValueError, match="labels: integers from 0 to 3 are meant, got"):
        run(grad(loss))(LOGITS, labels)


def test_other_labels():
    loss = optim.softmax_cross_entropy_with_integer_labels
    with pytest.raises(ValueError, match=r"got 9 at \[1\]"):
        loss(LOGITS[:2], np.array([0, 9]))
    with pytest.raises(DtypeError, match="labels are integers, got dtype float64; for probab"):
        loss(LOGITS, LABELS * 1.0)
    for f in (optim.softmax_cross_entropy, optim.sigmoid_binary_cross_entropy):
        with pytest.raises(ValueError, match="labels are probabilities from 0 to 1, got 2.0"):
            f(LOGITS, np.full((6, 4), 2.0))
    with pytest.raises(ValueError, match="alpha is from 0 to 1, got 1.5"):
        optim.smooth_labels(SOFT, 1.5)


@EAGER_AND_COMPILED
def test_shapes_that_broadcast_by_accident(run):
    column, row = np.ones((6, 1)), np.ones(6)
    for name in FORMULAS:
        with pytest.raises(ShapeError, match=r"one shape, got \(6, 1\) and \(6,\)"):
            run(getattr(optim, name))(column, row)
    loss = optim.softmax_cross_entropy_with_integer_labels
    with pytest.raises(ShapeError, match=r"\(6,\), got \(6, 1\) for logits of shape \(6, 4\)"):
        run(loss)(LOGITS, LABELS[:, None])
    with pytest.raises(ShapeError, match=r"\(6,\), got \(1,\) for logits of shape \(6, 4\)"):
        run(loss)(LOGITS, LABELS[:1])
    assert optim.squared_error(row, 3.0).tolist() == [4] * 6


@EAGER_AND_COMPILED
def test_an_empty_batch(run):
    for name in FORMULAS:
        with pytest.raises(ShapeError, match=rf"{name}: the batch is empty: .* \(0, 4\)"):
            run(getattr(optim, name))(np.ones((0, 4)), np.ones((0, 4)))
    with pytest.raises(ShapeError, match="the batch is empty"):
        run(optim.softmax_cross_entropy_with_integer_labels)(LOGITS[:0], LABELS[:0])
    with pytest.raises(ShapeError, match="the batch is empty"):
        optim.mean_squared_error(np.ones(0))


def test_smooth_labels():
    found = optim.smooth_labels(np.eye(4), 0.2)
    np.testing.assert_allclose(found, 0.8 * np.eye(4) + 0.05)
    np.testing.assert_allclose(found.sum(axis=-1), 1)
