"""What bad input gets: hyperparameters out of range, and trees that do not fit, by leaf."""

import numpy as np

from fungrad.core import tree
from fungrad.core.errors import ShapeError
from fungrad.core.tracing import Tracer


def require(name, what, value, low, high=np.inf, *, is_open=False):
    """ValueError unless `value`, where it is a known number, lies from `low` to `high`.

    With `is_open`, `high` itself is refused.
    """
    if type(value) is Tracer or value is None or callable(value):
        return
    number = np.asarray(value)
    if number.ndim or number.dtype.kind not in "biuf":
        raise ValueError(f"{name}: {what} is a number, got {value!r}")
    fits = low <= number < high if is_open else low <= number <= high
    if not (fits and np.isfinite(number)):
        if high == np.inf:
            wanted = f"a finite number that is at least {low:g}"
        else:
            wanted = f"from {low:g} to {'below ' if is_open else ''}{high:g}"
        raise ValueError(f"{name}: {what} is {wanted}, got {value!r}")


def require_count(name, what, value, low=1):
    """ValueError unless `value`, where it is known, is a whole number that is at least `low`."""
    if type(value) is Tracer:
        return
    number = np.asarray(value)
    if number.ndim or number.dtype.kind not in "iu" or number < low:
        raise ValueError(f"{name}: {what} is a whole number that is at least {low}, got {value!r}")


def fitting(name, expected, given, role):
    """The leaves of `given`, which must have the structure and the shapes of `expected`.

    TreeMismatchError, a ValueError, names the first place where they differ in structure;
    ShapeError names the first leaf that has another shape.
    """
    found, structure = tree.flatten(expected)
    leaves = tree.leaves_like(structure, given, f"{name}: {role}")
    for i, (x, y) in enumerate(zip(found, leaves, strict=True)):
        if np.shape(x) != np.shape(y):
            path = tree.leaves_with_path(expected)[i][0]
            where = f" at {tree.keystr(path)}" if path else ""
            raise ShapeError(
                f"{name}: {role}{where}: expected shape {tuple(np.shape(x))}, got "
                f"{tuple(np.shape(y))}"
            )
    return leaves


def map_fitting(name, f, updates, *others):
    """The tree of `f(update, *leaves)`, where `others` are pairs of a role and a tree that fits."""
    leaves, structure = tree.flatten(updates)
    rest = []
    for role, other in others:
        fitting(name, other, updates, f"the updates do not fit {role}")
        rest.append(tree.leaves(other))
    return structure.unflatten([f(*xs) for xs in zip(leaves, *rest, strict=True)])
