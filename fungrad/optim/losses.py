"""Losses under optax's names: finite where the textbook formula overflows or takes log(0).

Predictions and targets have the same shape (a single number goes with any): shapes that would
merely broadcast, such as (n, 1) and (n,), are refused. So is an empty batch, whose mean is nan.
"""

import math

import numpy as np

import fungrad.numpy as fnp
from fungrad.core.errors import DtypeError, ShapeError
from fungrad.core.tracing import Tracer
from fungrad.nn.activations import as_floats, choose, log_sigmoid, relu
from fungrad.nn.checking import require
from fungrad.nn.softmax import log_softmax, logsumexp
from fungrad.numpy.arrays import operand
from fungrad.numpy.dispatch import normalize_axis
from fungrad.numpy.promotion import promote_to_float
from fungrad.primitives import elementwise as e
from fungrad.primitives.bounded import Bounded


def _require_elements(name, what, x):
    if 0 in x.shape:
        raise ShapeError(
            f"{name}: the batch is empty: {what} have shape {tuple(x.shape)}, whose mean is nan"
        )


def _paired(name, first, second, roles=("predictions", "targets")):
    """Two operands of one shape as floats of one dtype; ShapeError where a shape differs."""
    first, second = promote_to_float(_number_or_operand(first), _number_or_operand(second))
    if np.shape(first) and np.shape(second) and np.shape(first) != np.shape(second):
        raise ShapeError(
            f"{name}: {roles[0]} and {roles[1]} have one shape, got {tuple(first.shape)} and "
            f"{tuple(second.shape)}"
        )
    for role, x in zip(roles, (first, second), strict=True):
        _require_elements(name, role, x)
    return first, second


def _number_or_operand(x):
    return x if isinstance(x, int | float) else operand(x)


def _error(name, predictions, targets):
    """Predictions minus targets; without targets, the predictions are the errors."""
    if targets is None:
        predictions = as_floats(predictions)
        _require_elements(name, "predictions", predictions)
        return predictions
    predictions, targets = _paired(name, predictions, targets)
    return predictions - targets


def _require_probabilities(name, labels):
    """ValueError where a label, if the values are known, is not from 0 to 1."""
    if type(labels) is Tracer and not labels.is_known:
        return
    values = np.asarray(labels.value if type(labels) is Tracer else labels)
    outside = (values < 0) | (values > 1)
    if outside.any():
        raise ValueError(
            f"{name}: labels are probabilities from 0 to 1, got {values[outside].flat[0]}"
        )


# ---- regression


def squared_error(predictions, targets=None):
    """(predictions - targets)**2, element by element.

    Raises ShapeError where the shapes differ, or where there are no elements.

    >>> squared_error(np.array([1.0, 3.0]), np.array([1.0, 1.0]))
    array([0., 4.])
    """
    return fnp.square(_error("squared_error", predictions, targets))


def l2_loss(predictions, targets=None):
    """Half of `squared_error`, whose derivative is the error.

    >>> l2_loss(np.array([1.0, 3.0]), np.array([1.0, 1.0]))
    array([0., 2.])
    """
    return 0.5 * fnp.square(_error("l2_loss", predictions, targets))


def absolute_error(predictions, targets=None):
    """|predictions - targets|, element by element, with derivative 0 at 0.

    >>> absolute_error(np.array([1.0, 3.0]), np.array([1.0, 4.0]))
    array([0., 1.])
    """
    return fnp.abs(_error("absolute_error", predictions, targets))


def mean_squared_error(predictions, targets=None):
    """The mean of `squared_error`.

    >>> mean_squared_error(np.array([1.0, 3.0]), np.array([1.0, 1.0]))
    np.float64(2.0)
    """
    return fnp.mean(fnp.square(_error("mean_squared_error", predictions, targets)))


def mean_absolute_error(predictions, targets=None):
    """The mean of `absolute_error`.

    >>> mean_absolute_error(np.array([1.0, 3.0]), np.array([1.0, 4.0]))
    np.float64(0.5)
    """
    return fnp.mean(fnp.abs(_error("mean_absolute_error", predictions, targets)))


def huber_loss(predictions, targets=None, *, delta=1.0):
    """error**2 / 2 up to |error| = delta, from there on a straight line (Huber, 1964).

    >>> huber_loss(np.array([0.5, 3.0]), np.array([0.0, 0.0]))
    array([0.125, 2.5  ])
    """
    require("huber_loss", "delta", delta, 0)
    size = fnp.abs(_error("huber_loss", predictions, targets))
    is_small = size <= delta
    return choose(
        is_small, 0.5 * fnp.square(choose(is_small, size, 0)), delta * (size - 0.5 * delta)
    )


def log_cosh(predictions, targets=None):
    """log(cosh(predictions - targets)), smooth and almost |error| far out.

    >>> log_cosh(np.array([0.0, 1000.0]))
    array([  0.        , 999.30685282])
    """
    error = _error("log_cosh", predictions, targets)
    return fnp.logaddexp(error, -error) - math.log(2)


# ---- classification


def softmax_cross_entropy_with_integer_labels(logits, labels, axis=-1, where=None):
    """-log(softmax(logits)) at the class that each label names.

    Args:
        logits: floats, with the classes along `axis`.
        labels: integers from 0 to the number of classes - 1, of the logits' shape without `axis`.
        where: a mask of the classes that exist, which broadcasts with the logits.

    Returns one loss per label; the derivative of its mean is (softmax(logits) - one_hot) / n.
    Raises ShapeError where the shapes do not fit, DtypeError where labels are not integers, and
    ValueError where a label names no class (compiled code too).

    >>> logits = np.array([[0.0, 0.0], [1000.0, 0.0]])
    >>> softmax_cross_entropy_with_integer_labels(logits, np.array([0, 1])).round(4)
    array([6.931e-01, 1.000e+03])
    """
    name = "softmax_cross_entropy_with_integer_labels"
    logits, labels = as_floats(logits), operand(labels)
    axis = normalize_axis(axis, logits.ndim)
    shape = tuple(n for a, n in enumerate(logits.shape) if a != axis)
    if tuple(np.shape(labels)) != shape:
        raise ShapeError(
            f"{name}: labels have the logits' shape without the classes, {shape}, got "
            f"{tuple(np.shape(labels))} for logits of shape {tuple(logits.shape)}"
        )
    _require_elements(name, "logits", logits)
    if labels.dtype.kind not in "iu":
        raise DtypeError(
            f"{name}: labels are integers, got dtype {labels.dtype}; for probabilities there is "
            "softmax_cross_entropy"
        )
    count = logits.shape[axis]
    labels = Bounded(count, f"{name}, labels")(labels)
    ones = [1] * logits.ndim
    ones[axis] = count
    is_label = fnp.expand_dims(labels, axis) == np.arange(count).reshape(ones)
    of_label = fnp.sum(choose(is_label, logits, 0), axis=axis)
    return logsumexp(logits, axis, where=where) - of_label


def softmax_cross_entropy(logits, labels, axis=-1, where=None):
    """-sum(labels * log(softmax(logits))) along the classes, for labels that are probabilities.

    A label of 0 contributes 0, also where the logit is -inf. Returns one loss per distribution.
    Raises ShapeError where logits and labels differ in shape, ValueError where a label is known
    not to be from 0 to 1.

    >>> softmax_cross_entropy(np.array([0.0, -np.inf]), np.array([1.0, 0.0]))
    np.float64(0.0)
    """
    name = "softmax_cross_entropy"
    if np.shape(logits) != np.shape(labels):
        raise ShapeError(
            f"{name}: logits and labels have one shape, got {tuple(np.shape(logits))} and "
            f"{tuple(np.shape(labels))}; for class numbers there is "
            "softmax_cross_entropy_with_integer_labels"
        )
    logits, labels = _paired(name, logits, labels, ("logits", "labels"))
    _require_probabilities(name, labels)
    terms = e.strong_multiply(labels, -log_softmax(logits, axis, where))
    return fnp.sum(terms, axis=axis)


def sigmoid_binary_cross_entropy(logits, labels):
    """-y log(p) - (1 - y) log(1 - p) with p = sigmoid(logits), element by element.

    Labels are 0, 1 or probabilities. Raises ShapeError where the shapes differ, ValueError where a
    label is known not to be from 0 to 1.

    >>> sigmoid_binary_cross_entropy(np.array([0.0, -1000.0]), np.array([1, 1])).round(4)
    array([6.931e-01, 1.000e+03])
    """
    name = "sigmoid_binary_cross_entropy"
    logits, labels = _paired(name, logits, labels, ("logits", "labels"))
    _require_probabilities(name, labels)
    return -(labels * log_sigmoid(logits) + (1 - labels) * log_sigmoid(-logits))


def hinge_loss(predictor_outputs, targets):
    """max(0, 1 - outputs * targets) for targets -1 and 1, with derivative 0 at the kink.

    >>> hinge_loss(np.array([0.5, 3.0]), np.array([1, 1]))
    array([0.5, 0. ])
    """
    outputs, targets = _paired("hinge_loss", predictor_outputs, targets, ("outputs", "targets"))
    return relu(1 - outputs * targets)


def smooth_labels(labels, alpha, *, axis=-1):
    """(1 - alpha) * labels + alpha / classes (Szegedy et al., 2016).

    >>> smooth_labels(np.array([1.0, 0.0]), 0.1)
    array([0.95, 0.05])
    """
    require("smooth_labels", "alpha", alpha, 0, 1)
    labels = as_floats(labels)
    return (1 - alpha) * labels + alpha / labels.shape[axis]


# ---- between distributions


def kl_divergence(log_predictions, targets, axis=-1, where=None):
    """sum(targets * (log(targets) - log_predictions)) along an axis: Kullback and Leibler's.

    What has the target probability 0 contributes 0, also where the prediction is -inf.

    >>> kl_divergence(np.log(np.array([0.5, 0.5])), np.array([1.0, 0.0]))
    np.float64(0.6931471805599453)
    """
    name = "kl_divergence"
    log_predictions, targets = _paired(name, log_predictions, targets, ("predictions", "targets"))
    _require_probabilities(name, targets)
    is_zero = targets == 0
    distance = fnp.log(choose(is_zero, 1, targets)) - choose(is_zero, 0, log_predictions)
    return fnp.sum(_where(where, targets * distance), axis=axis)


def kl_divergence_with_log_targets(log_predictions, log_targets, axis=-1, where=None):
    """`kl_divergence` for targets that are given by their logarithms.

    >>> kl_divergence_with_log_targets(np.log(np.array([0.5, 0.5])), np.array([0.0, -np.inf]))
    np.float64(0.6931471805599453)
    """
    name = "kl_divergence_with_log_targets"
    log_predictions, targets = _paired(name, log_predictions, log_targets)
    is_nothing = targets == -np.inf
    distance = choose(is_nothing, 0, targets) - choose(is_nothing, 0, log_predictions)
    return fnp.sum(_where(where, fnp.exp(targets) * distance), axis=axis)


def _where(mask, terms):
    return terms if mask is None else choose(mask, terms, 0)
