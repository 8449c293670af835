"""Guards against updates that are not finite."""

from typing import NamedTuple

import numpy as np

import fungrad.numpy as fnp
from fungrad import lax
from fungrad.core import tree
from fungrad.nn.checking import require_count
from fungrad.optim.scaling import increased
from fungrad.optim.transformation import (
    GradientTransformation,
    GradientTransformationExtraArgs,
    with_extra_args_support,
    zeros_like,
)


class ApplyIfFiniteState(NamedTuple):
    """What `apply_if_finite` counts: updates that were not finite in a row, whether the last was
    finite, and how many were not in all."""

    notfinite_count: object
    last_finite: object
    total_notfinite: object
    inner_state: object


class ZeroNansState(NamedTuple):
    """For each leaf whether the last update had a nan in it."""

    found_nan: object


def all_finite(updates):
    """Whether every element of a tree is finite."""
    result = np.True_
    for x in tree.leaves(updates):
        result = fnp.logical_and(result, fnp.all(fnp.isfinite(x)))
    return result


def apply_if_finite(inner, max_consecutive_errors):
    """The transformation `inner`, but updates with a nan or inf in them do nothing.

    They become 0, and the state of `inner` stays as it was. After more than
    `max_consecutive_errors` of them in a row they are let through, so that the trouble shows.

    >>> from fungrad.optim import sgd
    >>> t = apply_if_finite(sgd(0.5), 3)
    >>> updates, state = t.update(np.array([1.0, np.nan]), t.init(np.zeros(2)))
    >>> updates, int(state.total_notfinite)
    (array([0., 0.]), 1)
    """
    require_count("apply_if_finite", "max_consecutive_errors", max_consecutive_errors, 0)
    inner = with_extra_args_support(inner)

    def init(params):
        zero = np.int32(0)
        return ApplyIfFiniteState(zero, np.True_, zero, inner.init(params))

    def update(updates, state, params=None, **extra):
        is_finite = all_finite(updates)
        zero = np.int32(0)
        in_a_row = fnp.where(is_finite, zero, increased(state.notfinite_count))[()]
        total = fnp.where(is_finite, state.total_notfinite, increased(state.total_notfinite))[()]

        def applied(updates, inner_state):
            return inner.update(updates, inner_state, params, **extra)

        def refused(updates, inner_state):
            return tree.map(zeros_like, updates), inner_state

        passes = fnp.logical_or(is_finite, in_a_row > max_consecutive_errors)
        updates, own = lax.cond(passes, applied, refused, updates, state.inner_state)
        return updates, ApplyIfFiniteState(in_a_row, is_finite, total, own)

    return GradientTransformationExtraArgs(init, update)


def zero_nans():
    """Updates with 0 in the place of nan.

    >>> t = zero_nans()
    >>> t.update(np.array([1.0, np.nan]), t.init(np.zeros(2)))[0]
    array([1., 0.])
    """

    def init(params):
        return ZeroNansState(tree.map(lambda p: np.False_, params))

    def update(updates, state, params=None):
        found = tree.map(lambda u: fnp.any(fnp.isnan(u)), updates)
        return tree.map(lambda u: fnp.where(fnp.isnan(u), 0, u)[()], updates), ZeroNansState(found)

    return GradientTransformation(init, update)
