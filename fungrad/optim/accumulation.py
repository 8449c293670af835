"""Gradient accumulation: one update of the parameters after several gradients."""

from typing import NamedTuple

import numpy as np

import fungrad.numpy as fnp
from fungrad import lax
from fungrad.core import tree
from fungrad.nn.checking import require_count
from fungrad.optim.checking import map_fitting
from fungrad.optim.clipping import global_norm
from fungrad.optim.guarding import all_finite
from fungrad.optim.moments import STATE, zeros
from fungrad.optim.scaling import increased
from fungrad.optim.transformation import (
    GradientTransformation,
    like,
    with_extra_args_support,
    zeros_like,
)


class MultiStepsState(NamedTuple):
    """Gradients since the last update, updates so far, the inner state, what has accumulated."""

    mini_step: object
    gradient_step: object
    inner_opt_state: object
    acc_grads: object
    skip_state: object = ()


def skip_not_finite(updates, gradient_step, params):
    """For `MultiSteps`: leave out gradients with a nan or inf in them.

    >>> skip_not_finite(np.array([1.0, np.inf]), 0, None)[0]
    np.True_
    """
    should_skip = fnp.logical_not(all_finite(updates))
    return should_skip, {"should_skip": should_skip}


def skip_large_updates(updates, gradient_step, params, max_squared_norm):
    """For `MultiSteps`, with `functools.partial`: leave out gradients longer than a bound.

    >>> skip_large_updates(np.array([3.0, 4.0]), 0, None, max_squared_norm=20.0)[0]
    np.True_
    """
    square = global_norm(updates) ** 2
    should_skip = fnp.logical_not(square < max_squared_norm)  # nan is left out as well
    return should_skip, {"should_skip": should_skip, "norm_squared": square}


def _skip_nothing(updates, gradient_step, params):
    return np.False_, ()


class MultiSteps:
    """The optimiser `opt`, applied to the mean of every k gradients; in between updates are 0.

    Args:
        opt: a gradient transformation.
        every_k_schedule: k, or a function from the number of updates so far to k.
        use_grad_mean: whether the gradients are averaged, else added.
        should_skip_update_fn: `(updates, gradient_step, params)` to whether a gradient is left
            out, and a state that shows why: `skip_not_finite`, `skip_large_updates`.
        accumulator_dtype: the dtype of the accumulated gradients, by default the parameters'.

    >>> from fungrad.optim import sgd
    >>> opt = MultiSteps(sgd(1.0), 2)
    >>> state = opt.init(0.0)
    >>> first, state = opt.update(1.0, state)
    >>> second, state = opt.update(3.0, state)
    >>> float(first), float(second)
    (0.0, -2.0)
    """

    def __init__(
        self,
        opt,
        every_k_schedule,
        use_grad_mean=True,
        should_skip_update_fn=None,
        accumulator_dtype=None,
    ):
        if not callable(every_k_schedule):
            require_count("MultiSteps", "every_k_schedule", every_k_schedule)
        self._opt = with_extra_args_support(opt)
        self._every = (
            every_k_schedule if callable(every_k_schedule) else lambda count: every_k_schedule
        )
        self._use_mean = use_grad_mean
        self._should_skip = should_skip_update_fn or _skip_nothing
        self._dtype = accumulator_dtype

    def init(self, params):
        """The state before the first gradient."""
        total = zeros(params, self._dtype)
        _, skip_state = self._should_skip(zeros(params), np.int32(0), params)
        zero = np.int32(0)
        return MultiStepsState(zero, zero, self._opt.init(params), total, skip_state)

    def update(self, updates, state, params=None, **extra):
        """The updates, which are 0 unless this gradient is the k-th, and the next state."""
        should_skip, skip_state = self._should_skip(updates, state.gradient_step, params)
        total = self._added(updates, state)
        is_last = state.mini_step + 1 >= self._every(state.gradient_step)

        def skipped(updates, state, total):
            return tree.map(zeros_like, updates), state._replace(skip_state=skip_state)

        def added(updates, state, total):
            state = state._replace(
                mini_step=increased(state.mini_step), acc_grads=total, skip_state=skip_state
            )
            return tree.map(zeros_like, updates), state

        def applied(updates, state, total):
            means = tree.map(like, total, updates)
            result, inner = self._opt.update(means, state.inner_opt_state, params, **extra)
            state = MultiStepsState(
                np.int32(0),
                increased(state.gradient_step),
                inner,
                tree.map(zeros_like, total),
                skip_state,
            )
            return tree.map(like, result, updates), state

        which = fnp.where(should_skip, 0, fnp.where(is_last, 2, 1))[()]
        return lax.switch(which, (skipped, added, applied), updates, state, total)

    def _added(self, updates, state):
        """What has accumulated, with a further gradient."""
        count = state.mini_step + 1

        def added(u, total):
            u = like(u, total)
            return total + ((u - total) / like(count, total) if self._use_mean else u)

        return map_fitting("MultiSteps", added, updates, (STATE, state.acc_grads))

    def has_updated(self, state):
        """Whether the last call of `update` applied the accumulated gradients."""
        return fnp.logical_and(state.mini_step == 0, state.gradient_step > 0)

    def gradient_transformation(self):
        """The two functions as a `GradientTransformation`."""
        return GradientTransformation(self.init, self.update)
