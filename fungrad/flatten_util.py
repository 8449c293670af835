"""A pytree of arrays as one flat array, and back."""

from dataclasses import dataclass
from math import prod

import numpy as np

from fungrad.core.errors import DtypeError, ShapeError
from fungrad.core.tracing import Tracer
from fungrad.core.tree import PyTreeDef, flatten, keystr, leaves_with_path, register_static
from fungrad.core.types import type_of
from fungrad.lazy import no_other_names

__all__ = ["ravel_pytree"]


def ravel_pytree(pytree):
    """The leaves of a pytree in one array of shape (n,), and the function from it back to a pytree.

    Leaves of several dtypes are promoted, and cast back by the function. It copies, so that
    writing into the flat array later leaves the pytree as it is. Without leaves, the array is
    float64 of shape (0,). Raises DtypeError for leaves that are neither arrays nor numbers; the
    function raises ShapeError unless it is given shape (n,).

    >>> flat, unravel = ravel_pytree({"weight": np.ones((2, 2)), "bias": 3.0})
    >>> flat
    array([3., 1., 1., 1., 1.])
    >>> unravel(2 * flat)["weight"]
    array([[2., 2.],
           [2., 2.]])
    """
    leaves, treedef = flatten(pytree)
    types = [_array_type(pytree, i, leaf) for i, leaf in enumerate(leaves)]
    dtype = np.result_type(*[t.dtype for t in types]) if types else np.dtype(np.float64)
    is_mixed = any(t.dtype != dtype for t in types)
    shapes = tuple([t.shape for t in types])
    unravel = Unravel(treedef, shapes, tuple([t.dtype for t in types]) if is_mixed else None)
    if not leaves:
        return np.zeros(0, dtype), unravel
    array = _namespace(leaves)
    parts = [array.ravel(leaf) for leaf in leaves]
    if is_mixed:
        parts = [part.astype(dtype) for part in parts]
    return array.concatenate(parts), unravel


@register_static
@dataclass(frozen=True)
class Unravel:
    """The function from a flat array to a pytree; equal when it makes the same pytree.

    Where the leaves had one dtype, `dtypes` is None and the result has the dtype of its argument.
    """

    treedef: PyTreeDef
    shapes: tuple
    dtypes: tuple | None

    def __call__(self, flat):
        array = _namespace([flat])
        if array is np:
            flat = np.asarray(flat)
        sizes = [prod(shape) for shape in self.shapes]
        if flat.shape != (sum(sizes),):
            raise ShapeError(
                f"unravel: expected an array of shape ({sum(sizes)},), got shape {flat.shape}"
            )
        leaves = []
        start = 0
        for shape, size in zip(self.shapes, sizes, strict=True):
            leaves.append(array.reshape(flat[start : start + size], shape))
            start += size
        if self.dtypes is not None:
            pairs = zip(leaves, self.dtypes, strict=True)
            leaves = [_cast(array, leaf, dtype) for leaf, dtype in pairs]
        elif array is np:
            leaves = [leaf.copy() for leaf in leaves]
        return self.treedef.unflatten([leaf[()] for leaf in leaves] if array is np else leaves)


def _array_type(pytree, number, leaf):
    try:
        found = type_of(leaf)
    except (AttributeError, TypeError):
        found = None
    if found is None or found.dtype.kind not in "biufc":
        where = keystr(leaves_with_path(pytree)[number][0])
        raise DtypeError(
            f"ravel_pytree: the leaf{' at ' + where if where else ''} is a {type(leaf).__name__}, "
            "and not an array of numbers or a number"
        )
    return found


def _cast(array, leaf, dtype):
    if leaf.dtype.kind == "c" and dtype.kind != "c":
        leaf = array.real(leaf)
    return leaf.astype(dtype)


def _namespace(leaves):
    """NumPy for values, the array language for tracers."""
    if not any(type(leaf) is Tracer for leaf in leaves):
        return np
    import fungrad.numpy as fnp

    return fnp


__getattr__ = no_other_names(__name__)
