"""What trees that do not fit get: an error that names the leaf."""

import numpy as np

from fungrad.core import tree
from fungrad.core.errors import ShapeError


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
