"""`ndarray` as programs ask for it with `isinstance`: NumPy's arrays, and traced values."""

from abc import ABCMeta

import numpy as np

from fungrad.core.tracing import Tracer

_KINDS = np.ndarray, Tracer, np.number, np.bool_


class _ArrayKind(ABCMeta):
    def __instancecheck__(cls, x):
        return isinstance(x, _KINDS)

    def __subclasscheck__(cls, kind):
        return issubclass(kind, _KINDS) or super().__subclasscheck__(kind)


class Array(metaclass=_ArrayKind):
    """What functions take and return, for annotations and `isinstance`: NumPy's, or traced.

    It is `jax.Array`, and the `ndarray` of `fungrad.numpy`.

    >>> isinstance(np.ones(3), Array), isinstance(np.float64(1), Array), isinstance(1.0, Array)
    (True, True, False)
    """

    def __new__(cls, *args, **kwargs):
        raise TypeError("Array is for annotations and isinstance; make arrays with numpy.array")


ndarray = Array
