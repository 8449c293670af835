"""Gradient clipping: by value, by the norm of each leaf, by the norm of the whole tree."""

import numpy as np

import fungrad.numpy as fnp
from fungrad.core import tree
from fungrad.nn.checking import require
from fungrad.numpy.moments import root
from fungrad.optim.scaling import times
from fungrad.optim.transformation import dtype_of, in_dtype, stateless


def clip(max_delta):
    """Every element cut off at -max_delta and max_delta.

    >>> clip(1.0).update(np.array([-3.0, 0.5]), ())[0]
    array([-1. ,  0.5])
    """
    require("clip", "max_delta", max_delta, 0)

    def clipped(u):
        bound = in_dtype(max_delta, dtype_of(u))
        return fnp.clip(u, -bound, bound)

    return stateless(lambda updates, params: tree.map(clipped, updates))


def _square_sum(x):
    """The sum of |x|**2 in double precision: the squares of large float32 numbers overflow."""
    parts = (x.real, x.imag) if dtype_of(x).kind == "c" else (x,)
    total = np.float64(0)
    for part in parts:
        total = total + fnp.sum(fnp.square(in_dtype(part, np.dtype(np.float64))))
    return total


def _norm(leaves):
    total = np.float64(0)
    for x in leaves:
        total = total + _square_sum(x)
    return root(total)


def global_norm(updates):
    """The Euclidean norm of all elements of a tree, in the dtype to which the leaves promote.

    Its derivative at 0 is 0.

    >>> global_norm({"a": np.array([3.0]), "b": 4.0})
    np.float64(5.0)
    """
    leaves = tree.leaves(updates)
    if not leaves:
        return np.float64(0)
    dtype = np.abs(np.zeros(0, np.result_type(*[dtype_of(x) for x in leaves], np.float16))).dtype
    return in_dtype(_norm(leaves), dtype)


def _shortened(u, norm, max_norm):
    """u, scaled down to length max_norm where its norm is larger."""
    is_long = norm > max_norm
    factor = fnp.where(is_long, max_norm / fnp.where(is_long, norm, 1), 1)[()]
    return times(factor, u)


def clip_by_global_norm(max_norm):
    """The updates, scaled down together where their global norm is above `max_norm`.

    As in Pascanu, Mikolov and Bengio (2013). A norm that is nan leaves them as they are.

    >>> clip_by_global_norm(1.0).update({"a": np.array([3.0]), "b": 4.0}, ())[0]
    {'a': array([0.6]), 'b': np.float64(0.8)}
    """
    require("clip_by_global_norm", "max_norm", max_norm, 0)

    def clipped(updates, params):
        norm = _norm(tree.leaves(updates))
        return tree.map(lambda u: _shortened(u, norm, max_norm), updates)

    return stateless(clipped)


def clip_by_norm(max_norm):
    """Each leaf, scaled down where its own norm is above `max_norm`.

    >>> clip_by_norm(1.0).update({"a": np.array([3.0, 4.0]), "b": np.array([0.5])}, ())[0]
    {'a': array([0.6, 0.8]), 'b': array([0.5])}
    """
    require("clip_by_norm", "max_norm", max_norm, 0)

    def clipped(updates, params):
        return tree.map(lambda u: _shortened(u, _norm([u]), max_norm), updates)

    return stateless(clipped)


def clip_by_block_rms(threshold):
    """Each leaf, scaled down where the root of its mean square is above `threshold`.

    >>> clip_by_block_rms(1.0).update(np.array([2.0, 2.0]), ())[0]
    array([1., 1.])
    """
    require("clip_by_block_rms", "threshold", threshold, 0)

    def clipped(updates, params):
        def one(u):
            return _shortened(u, _norm([u]) / np.sqrt(max(np.size(u), 1)), threshold)

        return tree.map(one, updates)

    return stateless(clipped)
