"""`jax.experimental.ode.odeint`: systems of ordinary differential equations, with derivatives.

The method is the pair of Runge-Kutta formulas of orders 5 and 4 by Dormand and Prince (A family of
embedded Runge-Kutta formulae, 1980), with Shampine's formula for the middle of a step (Some
practical Runge-Kutta formulas, 1986); the first step and the control of the step size are those of
Hairer, Norsett and Wanner (Solving ordinary differential equations I, section II.4).
"""

import numpy as np

import fungrad.numpy as fnp
from fungrad.core.errors import ShapeError, TreeMismatchError
from fungrad.core.tree import flatten
from fungrad.core.tree import map as tree_map
from fungrad.debug.checking import check
from fungrad.flatten_util import ravel_pytree
from fungrad.lax import scan, stop_gradient, while_loop

_NODES = (0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1, 1)
_STAGES = (
    (),
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
_ERROR = (71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)
_MIDDLE = (
    6025192743 / 60171106304,
    0,
    51252292925 / 130801643196,
    -2691868925 / 90256659456,
    187940372067 / 3189068634112,
    -1776094331 / 39487288512,
    11237099 / 470086768,
)
_ORDER = 5


def odeint(func, y0, t, *args, rtol=1.4e-8, atol=1.4e-8, mxstep=np.inf, hmax=np.inf):
    """The solution of y' = func(y, t, *args) at given times, with steps of a size that adapts.

    Args:
        func: from y (a pytree like `y0`), the time and `args` to the derivative of y in time, a
            pytree like y.
        y0: the value at `t[0]`, a pytree of arrays.
        t: array of rank 1, the times of the results, all increasing or all decreasing.
        args: pytrees of arrays.
        rtol, atol: the error of a step, in the root mean square over the elements of y, is kept
            below `atol + rtol * abs(y)`.
        mxstep: the most steps from one of the times to the next.
        hmax: the longest step.

    Returns:
        A pytree like `y0`, each array with a leading axis of `len(t)`. Between steps it is
        interpolated by a polynomial of degree 4. It has derivatives in `y0`, `t`, `args` and what
        `func` closes over, in both modes and of every order: those of the steps that were made;
        their sizes count as constants.

    Raises:
        CheckError: times out of order; more than `mxstep` steps; a solution that ceases to exist.
        TreeMismatchError, ShapeError: `func` returns what is not like `y0`.

    >>> decay = lambda y, t, rate: -rate * y
    >>> odeint(decay, 1.0, np.array([0.0, 1.0, 2.0]), 0.5)
    array([1.        , 0.60653066, 0.36787944])
    """
    t = _times(t)
    start, unravel = ravel_pytree(tree_map(_as_float, y0))
    sense = fnp.where(t[-1] < t[0], -1.0, 1.0)
    check(fnp.all(sense * fnp.diff(t) >= 0), "odeint: the times are neither rising nor falling")

    def slope(y, time):
        found = func(unravel(y), sense * time, *args)
        return (sense * _flat_like(found, unravel(y))).astype(y.dtype)

    solver = _Solver(slope, start, rtol, atol, hmax, mxstep)
    rows = scan(solver.advance, solver.first(start, sense * t[0]), sense * t[1:])[1]
    rows = fnp.concatenate([start[None], rows])
    return _unravelled(rows, unravel, len(t))


def _times(t):
    t = fnp.asarray(t)
    if t.ndim != 1 or t.size == 0:
        raise ShapeError(f"odeint: t must be an array of rank 1, not empty; its shape is {t.shape}")
    return t if t.dtype.kind == "f" else t.astype(float)


def _as_float(x):
    x = fnp.asarray(x)
    return x if x.dtype.kind in "fc" else x.astype(float)


def _flat_like(found, y):
    """What `func` has returned as one vector."""
    leaves, tree = flatten(found)
    expected, expected_tree = flatten(y)
    if tree != expected_tree:
        raise TreeMismatchError(
            f"odeint: y has the structure {expected_tree}, func returned {tree}"
        )
    shapes, wanted = [[np.shape(x) for x in side] for side in (leaves, expected)]
    if shapes != wanted:
        raise ShapeError(f"odeint: y has the shapes {wanted}, func returned {shapes}")
    return ravel_pytree(found)[0]


def _unravelled(rows, unravel, count):
    """The rows of a solution as a pytree with a leading axis."""
    from fungrad import vmap

    return vmap(unravel, axis_size=count)(rows)


class _Solver:
    """The steps of a solution whose time rises.

    The state is (y, slope, time, length of the next step, begin of the last step, polynomial): the
    polynomial of the last step has its coefficients by row, highest power first, in the part of the
    step that has passed.
    """

    def __init__(self, slope, start, rtol, atol, longest, most):
        self.slope, self.rtol, self.atol = slope, rtol, atol
        self.longest, self.most = longest, most
        self.real = np.finfo(start.dtype).dtype

    def first(self, y, time):
        """The state before the first step."""
        slope = self.slope(y, time)
        polynomial = fnp.zeros((5, *y.shape), y.dtype)
        return y, slope, time, self._first_step(y, slope, time), time, polynomial

    def advance(self, state, target):
        """The state after the first step that reaches a time, and the solution there."""

        def is_on_the_way(turn):
            (_, _, time, step, _, _), count = turn
            return (time < target) & (time + step > time) & (count < self.most)

        state, count = while_loop(
            is_on_the_way, lambda turn: (self._step(turn[0]), turn[1] + 1), (state, 0)
        )
        y, slope, time, _, begin, polynomial = state
        if self.most < np.inf:
            check(
                (time >= target) | (count < self.most),
                "odeint: more than mxstep={} steps to the time {}",
                self.most,
                target,
            )
        check(time >= target, "odeint: no step is short enough after the time {}", time)
        part = fnp.where(time > begin, (target - begin) / (time - begin), 0).astype(self.real)
        value = polynomial[0]
        for coefficient in polynomial[1:]:
            value = value * part + coefficient
        return state, fnp.where(time > begin, value, y)

    def _step(self, state):
        y, slope, time, step, _, _ = state
        h = step.astype(self.real)
        slopes = [slope]
        for node, row in zip(_NODES[1:], _STAGES[1:], strict=True):
            stage = y + h * _combination(row, slopes)
            slopes.append(self.slope(stage, time + node * step))
        end = stage  # the last stage is the solution of order 5
        error = self._size(h * _combination(_ERROR, slopes), y, end)
        middle = y + h * _combination(_MIDDLE, slopes)
        polynomial = _polynomial(y, middle, end, h * slopes[0], h * slopes[-1])
        after = end, slopes[-1], time + step, time, polynomial
        before = y, slope, time, state[4], state[5]
        is_good = error <= 1
        y, slope, time, begin, polynomial = [
            fnp.where(is_good, a, b) for a, b in zip(after, before, strict=True)
        ]
        return y, slope, time, self._next_step(step, error), begin, polynomial

    def _size(self, error, y, end):
        """The error of a step in units of what is allowed."""
        error, y, end = map(stop_gradient, (error, y, end))
        allowed = self.atol + self.rtol * fnp.maximum(fnp.abs(y), fnp.abs(end))
        return fnp.sqrt(fnp.mean(fnp.abs(error / allowed) ** 2))

    def _next_step(self, step, error):
        least = fnp.where(error <= 1, 1.0, 0.2)
        factor = fnp.where(error == 0, 10.0, 0.9 * error ** (-1 / _ORDER))
        factor = fnp.where(fnp.isfinite(error), fnp.clip(factor, least, 10.0), 0.2)
        return fnp.minimum(step * factor.astype(step.dtype), self.longest).astype(step.dtype)

    def _first_step(self, y, slope, time):
        size = lambda x: fnp.sqrt(fnp.mean(fnp.abs(x / allowed) ** 2))
        y, slope, time = map(stop_gradient, (y, slope, time))
        allowed = self.atol + self.rtol * fnp.abs(y)
        y_size, slope_size = size(y), size(slope)
        is_small = (y_size < 1e-5) | (slope_size < 1e-5)
        step = fnp.where(is_small, 1e-6, 0.01 * y_size / fnp.where(is_small, 1, slope_size))
        other = self.slope(y + step.astype(self.real) * slope, time + step)
        bend = size(stop_gradient(other) - slope) / step
        largest = fnp.maximum(slope_size, bend)
        by_order = (0.01 / fnp.where(largest > 0, largest, 1)) ** (1 / _ORDER)
        other_step = fnp.where(largest <= 1e-15, fnp.maximum(1e-6, step * 1e-3), by_order)
        step = fnp.minimum(fnp.minimum(100 * step, other_step), self.longest)
        return step.astype(time.dtype)


def _combination(weights, slopes):
    terms = [w * k for w, k in zip(weights, slopes, strict=True) if w]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _polynomial(start, middle, end, first, last):
    """The quartic with these values at 0, 1/2 and 1 and these derivatives at 0 and 1."""
    return fnp.stack(
        [
            2 * (last - first) - 8 * (start + end) + 16 * middle,
            5 * first - 3 * last + 18 * start + 14 * end - 32 * middle,
            last - 4 * first - 11 * start - 5 * end + 16 * middle,
            first,
            start,
        ]
    )


__all__ = ["odeint"]
