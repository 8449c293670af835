"""Transformations that multiply: by a constant, a schedule, a learning rate, and the sign."""

from typing import NamedTuple

import numpy as np

import fungrad.numpy as fnp
from fungrad.core import tree
from fungrad.nn.checking import require
from fungrad.optim.transformation import (
    GradientTransformation,
    dtype_of,
    in_dtype,
    stateless,
)


class ScaleByScheduleState(NamedTuple):
    """The number of updates so far, an int32."""

    count: object


def times(factor, x):
    """factor * x in the dtype of x."""
    return in_dtype(factor, dtype_of(x)) * x


def increased(count):
    """count + 1, which stays at the largest int32 instead of overflowing."""
    return fnp.where(count < np.int32(2**31 - 1), count + np.int32(1), count)[()]


def scale(step_size):
    """Updates times a constant.

    >>> scale(-0.5).update(np.ones(2), ())[0]
    array([-0.5, -0.5])
    """
    return stateless(lambda updates, params: tree.map(lambda u: times(step_size, u), updates))


def scale_by_schedule(step_size_fn):
    """Updates times `step_size_fn(count)`, where `count` is 0 at the first update.

    >>> twice = scale_by_schedule(lambda count: 2.0 * count)
    >>> _, state = twice.update(1.0, twice.init(0.0))
    >>> float(twice.update(1.0, state)[0])
    2.0
    """

    def init(params):
        return ScaleByScheduleState(np.int32(0))

    def update(updates, state, params=None):
        factor = step_size_fn(state.count)
        updates = tree.map(lambda u: times(factor, u), updates)
        return updates, ScaleByScheduleState(increased(state.count))

    return GradientTransformation(init, update)


def scale_by_learning_rate(learning_rate, *, flip_sign=True):
    """Updates times a learning rate, a number or a schedule; downhill unless `flip_sign` is False.

    Raises ValueError where the rate is negative, infinite or nan.

    >>> scale_by_learning_rate(0.1).update(np.ones(2), ())[0]
    array([-0.1, -0.1])
    """
    require("scale_by_learning_rate", "the learning rate", learning_rate, 0)
    sign = -1 if flip_sign else 1
    if callable(learning_rate):
        return scale_by_schedule(lambda count: sign * learning_rate(count))
    return scale(sign * learning_rate)


def scale_by_sign():
    """The signs of the updates.

    >>> scale_by_sign().update(np.array([-3.0, 0.0, 2.0]), ())[0]
    array([-1.,  0.,  1.])
    """
    return stateless(lambda updates, params: tree.map(fnp.sign, updates))
