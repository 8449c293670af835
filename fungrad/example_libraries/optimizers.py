"""Optimisers as three functions: `init(params)`, `update(i, grads, state)`, `get_params(state)`.

The interface of `jax.example_libraries.optimizers`. A step size is a number or a schedule, a
function of the number `i` of the step. Parameters are pytrees of arrays and keep their dtypes.

>>> import numpy as np
>>> from fungrad import grad
>>> init, update, get_params = momentum(0.1, mass=0.5)
>>> state = init({"w": np.array([1.0, -2.0])})
>>> for i in range(80):
...     gradient = grad(lambda p: (p["w"] ** 2).sum())(get_params(state))
...     state = update(i, gradient, state)
>>> get_params(state)["w"].round(6)
array([ 0., -0.])
"""

from collections.abc import Callable
from functools import wraps
from typing import NamedTuple

import numpy as np

import fungrad.numpy as fnp
from fungrad.core import tree
from fungrad.core.errors import ShapeError, TreeMismatchError


class Optimizer(NamedTuple):
    """What each function of this module returns, to be unpacked.

    `init_fn(params)` is the first state, `update_fn(i, grads, state)` the next one, and
    `params_fn(state)` the parameters in it. States are pytrees.
    """

    init_fn: Callable
    update_fn: Callable
    params_fn: Callable


@tree.register_pytree_node_class
class OptimizerState:
    """The state of an optimiser: a tuple of arrays per leaf of the parameters, and their tree."""

    def __init__(self, states, tree_def):
        self.states, self.tree_def = states, tree_def

    def tree_flatten(self):
        """The states, and the tree as static data."""
        return (self.states,), self.tree_def

    @classmethod
    def tree_unflatten(cls, tree_def, children):
        """A state from its parts."""
        return cls(*children, tree_def)

    def __repr__(self):
        return f"OptimizerState({self.states!r}, {self.tree_def})"


class JoinPoint:
    """In what `unpack_optimizer_state` returns: the state of one leaf of the parameters."""

    def __init__(self, subtree):
        self.subtree = subtree


def unpack_optimizer_state(opt_state):
    """The state as a pytree like the parameters, whose leaves are `JoinPoint`s.

    >>> state = sgd(0.1).init_fn({"w": 1.0})
    >>> unpack_optimizer_state(state)["w"].subtree
    (1.0,)
    """
    return tree.unflatten(opt_state.tree_def, [JoinPoint(s) for s in opt_state.states])


def pack_optimizer_state(marked_pytree):
    """The state of which `unpack_optimizer_state` made this pytree.

    >>> pack_optimizer_state({"w": JoinPoint((1.0,))})
    OptimizerState(((1.0,),), PyTreeDef({'w': *}))
    """
    points, tree_def = tree.flatten(marked_pytree)
    if not all(type(p) is JoinPoint for p in points):
        raise TypeError("pack_optimizer_state: every leaf must be a JoinPoint")
    return OptimizerState(tuple([p.subtree for p in points]), tree_def)


def optimizer(opt_maker):
    """Decorate a maker of (init, update, get_params) for one array: the result takes pytrees.

    >>> @optimizer
    ... def signed(step):
    ...     return lambda x: (x,), lambda i, g, s: (s[0] - step * np.sign(g),), lambda s: s[0]
    >>> init, update, get_params = signed(0.5)
    >>> get_params(update(0, [3.0, -0.1], init([1.0, 1.0])))
    [np.float64(0.5), np.float64(1.5)]
    """

    @wraps(opt_maker)
    def for_trees(*args, **kwargs):
        init, update, get_params = opt_maker(*args, **kwargs)
        name = opt_maker.__name__

        def init_fn(params):
            leaves, tree_def = tree.flatten(params)
            return OptimizerState(tuple([init(x) for x in leaves]), tree_def)

        def update_fn(i, grads, opt_state):
            leaves, tree_def = tree.flatten(grads)
            if tree_def != opt_state.tree_def:
                raise TreeMismatchError(
                    f"{name}: the gradients are {tree_def}, the parameters {opt_state.tree_def}"
                )
            states = []
            for number, (g, state) in enumerate(zip(leaves, opt_state.states, strict=True)):
                if np.shape(g) != np.shape(get_params(state)):
                    path = tree.keystr(tree.flatten_with_path(grads)[0][number][0])
                    raise ShapeError(
                        f"{name}: the gradient at {path or 'the top'} has shape {np.shape(g)}, the "
                        f"parameter {np.shape(get_params(state))}"
                    )
                states.append(update(i, g, state))
            return OptimizerState(tuple(states), tree_def)

        def params_fn(opt_state):
            return tree.unflatten(opt_state.tree_def, [get_params(s) for s in opt_state.states])

        return Optimizer(init_fn, update_fn, params_fn)

    return for_trees


def _like(x, number):
    """A number in the dtype of `x`, so that schedules and counts do not promote parameters."""
    kind = fnp.result_type(x)
    return fnp.asarray(number).astype(kind)[()] if kind.kind in "fc" else number


def _first(state):
    return state[0]


def _inverse_root(x):
    """1 / sqrt(x), and 0 where x is 0."""
    return fnp.where(x > 0, 1 / fnp.sqrt(fnp.where(x > 0, x, 1)), 0)[()]


@optimizer
def sgd(step_size):
    """Gradient descent: x - step g.

    >>> init, update, get_params = sgd(0.5)
    >>> get_params(update(0, np.array([2.0]), init(np.array([1.0]))))
    array([0.])
    """
    step = make_schedule(step_size)

    def update(i, g, state):
        (x,) = state
        return (x - _like(x, step(i)) * g,)

    return lambda x: (x,), update, _first


@optimizer
def momentum(step_size, mass):
    """Gradient descent with momentum (Polyak, 1964): v = mass v + g; x - step v."""
    step = make_schedule(step_size)

    def update(i, g, state):
        x, v = state
        v = mass * v + g
        return x - _like(x, step(i)) * v, v

    return lambda x: (x, fnp.zeros_like(x)), update, _first


@optimizer
def nesterov(step_size, mass):
    """Gradient descent with Nesterov's momentum: v = mass v + g; x - step (mass v + g)."""
    step = make_schedule(step_size)

    def update(i, g, state):
        x, v = state
        v = mass * v + g
        return x - _like(x, step(i)) * (mass * v + g), v

    return lambda x: (x, fnp.zeros_like(x)), update, _first


@optimizer
def adagrad(step_size, momentum=0.9):
    """Adagrad (Duchi et al., 2011), with a running mean of its steps.

    q = q + g**2; m = momentum m + (1 - momentum) g / sqrt(q); x - step m
    """
    step = make_schedule(step_size)

    def update(i, g, state):
        x, q, m = state
        q = q + g * g
        m = (1 - momentum) * (g * _inverse_root(q)) + momentum * m
        return x - _like(x, step(i)) * m, q, m

    return lambda x: (x, fnp.zeros_like(x), fnp.zeros_like(x)), update, _first


@optimizer
def rmsprop(step_size, gamma=0.9, eps=1e-8):
    """RMSProp (Hinton, 2012): q = gamma q + (1 - gamma) g**2; x - step g / sqrt(q + eps)."""
    step = make_schedule(step_size)

    def update(i, g, state):
        x, q = state
        q = gamma * q + (1 - gamma) * g * g
        return x - _like(x, step(i)) * g / fnp.sqrt(q + eps), q

    return lambda x: (x, fnp.zeros_like(x)), update, _first


@optimizer
def rmsprop_momentum(step_size, gamma=0.9, eps=1e-8, momentum=0.9):
    """RMSProp whose steps have momentum.

    q = gamma q + (1 - gamma) g**2; m = momentum m + step g / sqrt(q + eps); x - m
    """
    step = make_schedule(step_size)

    def update(i, g, state):
        x, q, m = state
        q = gamma * q + (1 - gamma) * g * g
        m = momentum * m + _like(x, step(i)) * g / fnp.sqrt(q + eps)
        return x - m, q, m

    return lambda x: (x, fnp.zeros_like(x), fnp.zeros_like(x)), update, _first


@optimizer
def adam(step_size, b1=0.9, b2=0.999, eps=1e-8):
    """Adam (Kingma and Ba, 2015): means of the gradients over roots of their mean squares.

    >>> init, update, get_params = adam(0.1)
    >>> get_params(update(0, np.array([5.0]), init(np.zeros(1)))).round(6)
    array([-0.1])
    """
    step = make_schedule(step_size)

    def update(i, g, state):
        x, m, v = state
        m = (1 - b1) * g + b1 * m
        v = (1 - b2) * g * g + b2 * v
        mean = m / _like(x, 1 - b1 ** (i + 1))
        square = v / _like(x, 1 - b2 ** (i + 1))
        return x - _like(x, step(i)) * mean / (fnp.sqrt(square) + eps), m, v

    return lambda x: (x, fnp.zeros_like(x), fnp.zeros_like(x)), update, _first


@optimizer
def adamax(step_size, b1=0.9, b2=0.999, eps=1e-8):
    """Adamax (Kingma and Ba, 2015): as Adam, over the largest of the decayed gradients."""
    step = make_schedule(step_size)

    def update(i, g, state):
        x, m, u = state
        m = (1 - b1) * g + b1 * m
        u = fnp.maximum(b2 * u, fnp.abs(g))
        return x - _like(x, step(i) / (1 - b1 ** (i + 1))) * m / (u + eps), m, u

    return lambda x: (x, fnp.zeros_like(x), fnp.zeros_like(x)), update, _first


@optimizer
def sm3(step_size, momentum=0.9):
    """SM3 (Anil et al., 2019): Adagrad whose squares are kept as one line per axis.

    An element's square is at most the least of those of its lines.
    """
    step = make_schedule(step_size)

    def init(x):
        shape = np.shape(x) or (1,)
        return x, fnp.zeros_like(x), [fnp.zeros_like(x, shape=(n,)) for n in shape]

    def update(i, g, state):
        x, m, lines = state
        shape = np.shape(x) or (1,)
        q = lines[0].reshape(-1, *[1] * (len(shape) - 1))
        for axis in range(1, len(shape)):
            rest = [1] * (len(shape) - 1 - axis)
            q = fnp.minimum(q, lines[axis].reshape(-1, *rest))
        q = q + fnp.reshape(g * g, shape)
        scaled = g * fnp.reshape(_inverse_root(q), np.shape(x))
        m = (1 - momentum) * scaled + momentum * m
        axes = range(len(shape))
        lines = [fnp.max(q, axis=tuple([a for a in axes if a != axis])) for axis in axes]
        return x - _like(x, step(i)) * m, m, lines

    return init, update, _first


# ---- step sizes


def constant(step_size):
    """Always `step_size`.

    >>> constant(0.1)(1000)
    0.1
    """
    return lambda i: step_size


def exponential_decay(step_size, decay_steps, decay_rate):
    """step_size * decay_rate**(i / decay_steps).

    >>> float(exponential_decay(1.0, 10, 0.25)(5))
    0.5
    """
    return lambda i: step_size * decay_rate ** (i / decay_steps)


def inverse_time_decay(step_size, decay_steps, decay_rate, staircase=False):
    """step_size / (1 + decay_rate * i / decay_steps); with `staircase` i / decay_steps is floored.

    >>> float(inverse_time_decay(1.0, 10, 0.5)(20))
    0.5
    """

    def schedule(i):
        done = i / decay_steps
        return step_size / (1 + decay_rate * (fnp.floor(done) if staircase else done))

    return schedule


def polynomial_decay(step_size, decay_steps, final_step_size, power=1.0):
    """From `step_size` to `final_step_size` along a power of the steps that are left.

    >>> float(polynomial_decay(1.0, 10, 0.0)(4))
    0.6
    """

    def schedule(i):
        left = 1 - fnp.minimum(i, decay_steps) / decay_steps
        return left**power * (step_size - final_step_size) + final_step_size

    return schedule


def piecewise_constant(boundaries, values):
    """values[k], where k boundaries are less than `i`.

    >>> [float(piecewise_constant([3, 6], [1.0, 0.1, 0.01])(i)) for i in (0, 3, 4, 9)]
    [1.0, 1.0, 0.1, 0.01]
    """
    boundaries, values = np.asarray(boundaries), np.asarray(values)
    if boundaries.ndim != 1 or values.shape != (len(boundaries) + 1,):
        raise ShapeError(
            "piecewise_constant takes one value more than boundaries, got "
            f"{values.shape} values for boundaries of shape {boundaries.shape}"
        )
    return lambda i: fnp.take(values, fnp.sum(i > boundaries))


def make_schedule(scalar_or_schedule):
    """A schedule: itself, or always the number.

    >>> make_schedule(0.5)(3)
    0.5
    """
    if callable(scalar_or_schedule):
        return scalar_or_schedule
    if np.ndim(scalar_or_schedule) == 0:
        return constant(scalar_or_schedule)
    raise TypeError(f"a step size is a number or a function, got {scalar_or_schedule!r:.60}")


# ---- gradients


def l2_norm(pytree):
    """The root of the sum of all squared leaves.

    >>> l2_norm({"w": np.array([3.0]), "b": 4.0})
    np.float64(5.0)
    """
    return fnp.sqrt(sum([fnp.vdot(x, x).real for x in tree.leaves(pytree)]))


def clip_grads(grad_tree, max_norm):
    """The gradients, scaled down to the norm where theirs is larger.

    >>> clip_grads([np.array([3.0, 4.0])], 1.0)
    [array([0.6, 0.8])]
    """
    norm = l2_norm(grad_tree)
    return tree.map(lambda g: fnp.where(norm < max_norm, g, g * (max_norm / norm))[()], grad_tree)
