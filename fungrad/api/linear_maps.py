"""Derivatives at a point as functions of tangents and cotangents, and how these are checked."""

import numpy as np

from fungrad.api.arguments import is_leaf
from fungrad.api.closing import leaf_paths
from fungrad.api.operands import operand_of
from fungrad.api.recorded import run_linear
from fungrad.api.zeros import float0, zeros_like
from fungrad.core.errors import TangentMismatchError, TreeMismatchError
from fungrad.core.tracer import type_of_value
from fungrad.core.tree import (
    LEAF,
    GetAttrKey,
    flatten,
    flatten_with_path,
    is_tree_node,
    keystr,
    register_pytree_with_keys,
    subtrees,
)
from fungrad.core.types import short_name


class Static(tuple):
    """What a linear map is made from besides its residuals, beginning with its title."""

    __slots__ = ()

    def __repr__(self):
        return self[0]


class LinearMap:
    """The derivative of a function at a point, as a linear function.

    It is a pytree: the `residuals`, what the evaluation of the function has kept for it, are its
    leaves, and the rest is static. So it goes in and out of functions under `jit`, and one compiled
    function applies the derivatives of all calls that kept values of the same shapes.
    """

    __slots__ = (
        "_halves",
        "_in_tree",
        "_in_types",
        "_out_tree",
        "_out_types",
        "_places",
        "_title",
        "residuals",
    )

    def __init__(self, residuals, title, halves, in_tree, in_types, out_tree, out_types, places):
        self.residuals = residuals
        self._title, self._halves = title, halves
        self._in_tree, self._in_types = in_tree, in_types
        self._out_tree, self._out_types, self._places = out_tree, out_types, places

    @property
    def static(self):
        """All but the residuals."""
        return Static(
            (
                self._title,
                self._halves,
                self._in_tree,
                self._in_types,
                self._out_tree,
                self._out_types,
                self._places,
            )
        )

    def __repr__(self):
        return f"<{type(self).__name__} by {self._title}, {len(self.residuals)} residuals>"


class PushForward(LinearMap):
    """From tangents of the arguments to the tangent of the output."""

    __slots__ = ()

    def __call__(self, *tangents):
        moving = self._moving(tangents)
        pushed = self._halves.push_forward(self.residuals, moving, run_linear)
        types = self._out_types
        dy = [zeros_like(t) if p is None else p for t, p in zip(types, pushed, strict=True)]
        return self._out_tree.unflatten([None if k is None else dy[k] for k in self._places])

    def _moving(self, tangents):
        """The flat tangents of what is differentiable."""
        title, moving = self._title, []
        leaves = leaves_beside(self._in_tree, tangents, title, "arguments", "tangent")
        for number, (t, kind) in enumerate(zip(leaves, self._in_types, strict=True)):
            plain = at_once(t, kind)
            if plain is not None:
                moving.append(plain)
            elif kind.is_differentiable:
                what = lambda n=number: f"{title}: the tangent of {self._label(n)}"
                moving.append(zeros_like(kind) if t is None else matching(t, kind, what))
            elif not (t is None or is_float0(t)):
                raise TangentMismatchError(f"{title}: {self._label(number)} has no tangent")
        return moving

    def _label(self, number):
        """The name of an argument's leaf for error texts: "argument 0['w']"."""
        arguments = self._in_tree.unflatten([0] * self._in_tree.num_leaves)
        path = flatten_with_path(arguments)[0][number][0]
        return f"argument {path[0].idx}{keystr(path[1:])}"


class PullBack(LinearMap):
    """From a cotangent of the output to a tuple of the cotangents of the arguments."""

    __slots__ = ()

    def __call__(self, cotangent):
        title, types, out_tree = self._title, self._out_types, self._out_tree
        given = [None] * len(types)
        leaves = leaves_beside(out_tree, cotangent, title, "outputs", "cotangent")
        for number, (leaf, k) in enumerate(zip(leaves, self._places, strict=True)):
            if k is not None and types[k].is_differentiable:
                given[k] = at_once(leaf, types[k])
                if given[k] is not None:
                    continue
                what = lambda n=number: f"{title}: the cotangent{leaf_paths(out_tree)[n]}"
                given[k] = zeros_like(types[k]) if leaf is None else matching(leaf, types[k], what)
        pulled = self._halves.pull_back(self.residuals, given, run_linear)
        types = self._in_types
        result = [zeros_like(t) if c is None else c for t, c in zip(types, pulled, strict=False)]
        return self._in_tree.unflatten(result)


for _kind in (PushForward, PullBack):
    register_pytree_with_keys(
        _kind,
        lambda derivative: (((GetAttrKey("residuals"), derivative.residuals),), derivative.static),
        lambda static, children, kind=_kind: kind(*children, *static),
        lambda derivative: ((derivative.residuals,), derivative.static),
    )


# ---- tangents and cotangents beside the values that they belong to


def leaves_beside(tree, given, title, whole, part):
    """The leaves of tangents or cotangents for a structure; None stands for one that is zero."""
    if tree is LEAF and is_leaf(given):
        return [given]
    leaves, given_tree = flatten(given)
    if given_tree == tree:
        return leaves
    try:
        leaves = subtrees(tree, given, title)
    except TreeMismatchError:
        leaves = None
    if leaves is None or any(x is not None and is_tree_node(type(x)) for x in leaves):
        raise TreeMismatchError(
            f"{title}: the {whole} have the structure {tree}, the {part}s {given_tree}; pass one "
            f"{part} for every leaf of the {whole}, or None for one that is zero"
        )
    return leaves


def is_float0(x):
    """Whether a value is a float0 array, the tangent of integers."""
    return getattr(x, "dtype", None) == float0


def at_once(x, expected):
    """What `matching` gives for a float or an array of a type with a derivative; else None."""
    if type(x) is np.ndarray:
        fits = x.dtype is expected.dtype and x.shape == expected.shape and x.ndim
        return x if fits and expected.is_differentiable else None
    if type(x) is float and not expected.shape and expected.is_differentiable:
        return expected.dtype.type(x)
    return None


def matching(x, expected, what):
    """A tangent or cotangent in the type of its value; Python numbers are converted.

    `what()` names it in errors.
    """
    if type(x) in (int, float, complex) and not expected.shape:
        if type(x) is complex and expected.dtype.kind != "c":
            raise TangentMismatchError(f"{what()} is complex, its value is {expected.dtype}")
        return expected.dtype.type(x)
    if type(x) is np.ndarray and x.ndim and x.shape == expected.shape and x.dtype == expected.dtype:
        return x
    operand, is_weak = operand_of(x, label=what)
    given = type_of_value(operand)
    if given.shape != expected.shape:
        raise TangentMismatchError(
            f"{what()} has shape {given.shape}, its value has shape {expected.shape}"
        )
    if given.dtype != expected.dtype:
        if not is_weak:
            raise TangentMismatchError(
                f"{what()} has dtype {given.dtype}, its value has dtype {expected.dtype}; convert "
                f"it with .astype({short_name(expected.dtype)!r})"
            )
        from fungrad.numpy.promotion import convert

        return convert(operand, expected.dtype)
    return operand
