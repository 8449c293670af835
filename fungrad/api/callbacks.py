"""pure_callback: a Python function inside a traced or compiled one."""

from dataclasses import dataclass

import numpy as np

from fungrad.api.closing import finished, operands_of
from fungrad.api.recorded import function_name, title_of
from fungrad.control.callback import PureCallback
from fungrad.core.errors import TreeMismatchError
from fungrad.core.tree import flatten
from fungrad.core.types import ArrayType

_METHODS = (None, "sequential", "expand_dims", "broadcast_all")


@dataclass(frozen=True)
class _Flat:
    """A function of pytrees as one of arrays; equal where function and structures are equal."""

    function: object
    tree: object
    results: object
    label: str

    def __call__(self, *values):
        args, kwargs = self.tree.unflatten(values)
        leaves, tree = flatten(self.function(*args, **kwargs))
        if tree != self.results:
            raise TreeMismatchError(
                f"{self.label} returned the structure {tree}, not {self.results} as announced"
            )
        return leaves


def pure_callback(callback, result_shape_dtypes, *args, vmap_method=None, **kwargs):
    """What a Python function returns, from inside traced and compiled code.

    Args:
        callback: a function of NumPy arrays and scalars without side effects; it may be called
            more often, less often, or in another order than it stands in the program.
        result_shape_dtypes: a pytree of `ShapeDtypeStruct`s (or arrays): what it returns.
        args, kwargs: its arguments, pytrees of arrays.
        vmap_method: under `vmap`, "sequential" calls it once per element; "expand_dims" and
            "broadcast_all" call it once on arrays with a batch axis in front, of size 1 or
            repeated where an argument has none.

    Returns:
        The results. They have no derivative: wrap the call in `custom_jvp` or `custom_vjp`.

    Raises:
        ShapeError, TreeMismatchError for results that were announced otherwise; what the function
        raises, in compiled code too.

    >>> from fungrad import jit, ShapeDtypeStruct
    >>> count = lambda text: np.char.count("banana", "a") * text
    >>> jit(lambda x: pure_callback(count, ShapeDtypeStruct((), int), x) + 1)(2)
    np.int64(7)
    """
    label = title_of("pure_callback", callback)
    if vmap_method not in _METHODS:
        raise ValueError(f"{label}: vmap_method must be one of {_METHODS}, it is {vmap_method!r}")
    announced, result_tree = flatten(result_shape_dtypes)
    for x in announced:
        if not (hasattr(x, "shape") and hasattr(x, "dtype")):
            raise TypeError(
                f"{label}: result_shape_dtypes must hold ShapeDtypeStructs or arrays, not {x!r:.60}"
            )
    types = tuple([ArrayType(x.shape, np.dtype(x.dtype)) for x in announced])
    leaves, tree = flatten((args, kwargs))
    operands, _, _ = operands_of(leaves, label, tree)
    name = function_name(callback)
    primitive = PureCallback(_Flat(callback, tree, result_tree, label), types, name, vmap_method)
    return result_tree.unflatten(finished(primitive(*operands), operands))


__all__ = ["pure_callback"]
