"""Gradient transformations, as optax shapes them, and how they are chained and applied."""

from typing import NamedTuple

import numpy as np

from fungrad.api.zeros import float0
from fungrad.core import tree
from fungrad.core.tracing import Tracer
from fungrad.optim.checking import fitting


class GradientTransformation(NamedTuple):
    """A pair of functions: `init(params)` and `update(updates, state, params=None)`.

    `init` returns a state, any pytree; `update` returns new updates and a new state.

    >>> halve = GradientTransformation(lambda params: (), lambda u, s, p=None: (0.5 * u, s))
    >>> halve.update(4.0, halve.init(1.0))
    (2.0, ())
    """

    init: object
    update: object


class GradientTransformationExtraArgs(GradientTransformation):
    """A transformation whose `update` takes further keyword arguments, such as `value=`."""

    __slots__ = ()


class EmptyState(NamedTuple):
    """The state of a transformation that keeps nothing."""


def is_transformation(value):
    """Whether a value has the two functions of a transformation."""
    return callable(getattr(value, "init", None)) and callable(getattr(value, "update", None))


def with_extra_args_support(transformation):
    """The transformation, made to accept (and drop) keyword arguments of other transformations."""
    if isinstance(transformation, GradientTransformationExtraArgs):
        return transformation

    def update(updates, state, params=None, **extra):
        return transformation.update(updates, state, params)

    return GradientTransformationExtraArgs(transformation.init, update)


def chain(*transformations):
    """The transformations one after the other; the state is a tuple with the state of each.

    >>> from fungrad.optim import clip, scale
    >>> both = chain(clip(1.0), scale(-0.1))
    >>> both.update(np.array([0.5, 3.0]), both.init(np.zeros(2)))[0]
    array([-0.05, -0.1 ])
    """
    for t in transformations:
        if not is_transformation(t):
            raise TypeError(f"chain: a transformation has init and update, got {t!r}")
    parts = [with_extra_args_support(t) for t in transformations]

    def init(params):
        return tuple([t.init(params) for t in parts])

    def update(updates, state, params=None, **extra):
        if not isinstance(state, tuple) or len(state) != len(parts):
            raise ValueError(
                f"chain: the state is a tuple of {len(parts)} states, got {type(state).__name__}"
                f"{f' of {len(state)}' if isinstance(state, tuple) else ''}; it is made by init"
            )
        states = []
        for t, own in zip(parts, state, strict=True):
            updates, own = t.update(updates, own, params, **extra)
            states.append(own)
        return updates, tuple(states)

    return GradientTransformationExtraArgs(init, update)


def stateless(f):
    """The transformation `f(updates, params)`, which keeps no state."""

    def init(params):
        return EmptyState()

    def update(updates, state, params=None):
        return f(updates, params), state

    return GradientTransformation(init, update)


def identity():
    """The transformation that changes nothing.

    >>> identity().update(3.0, identity().init(1.0))
    (3.0, EmptyState())
    """
    return stateless(lambda updates, params: updates)


def set_to_zero():
    """The transformation whose updates are 0: parameters stay as they are.

    >>> set_to_zero().update(np.ones(2), EmptyState())[0]
    array([0., 0.])
    """
    return stateless(lambda updates, params: tree.map(zeros_like, updates))


def apply_updates(params, updates):
    """Parameters plus updates, leaf by leaf, in the dtypes of the parameters.

    Leaves that have no derivative (float0) stay as they are. Raises TreeMismatchError or ShapeError
    naming the first leaf that does not fit.

    >>> apply_updates({"w": np.float32(1.0)}, {"w": -0.25})
    {'w': np.float32(0.75)}
    """
    leaves, structure = tree.flatten(params)
    others = fitting("apply_updates", params, updates, "the updates do not fit the parameters")
    return structure.unflatten([_moved(p, u) for p, u in zip(leaves, others, strict=True)])


def _moved(parameter, update):
    if getattr(update, "dtype", None) == float0:
        return parameter
    return like(parameter + update, parameter)


# ---- leaves


def dtype_of(x):
    """The dtype of an array, a traced value or a Python number."""
    return x.dtype if hasattr(x, "dtype") else np.asarray(x).dtype


def like(x, model):
    """`x` in the dtype of `model`."""
    return in_dtype(x, dtype_of(model))


def in_dtype(x, dtype):
    """`x` in a dtype: an array, a NumPy scalar or a traced value; `dtype` None leaves it alone."""
    if dtype is None or (hasattr(x, "dtype") and x.dtype == dtype):
        return x
    return x.astype(dtype) if hasattr(x, "astype") else np.asarray(x, dtype)[()]


def zeros_like(x, dtype=None):
    """Zeros of the shape of `x`, in its dtype or another."""
    return np.zeros_like(x, dtype=dtype) if type(x) is Tracer else np.zeros_like(x, dtype)[()]
