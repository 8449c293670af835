"""The methods and attributes of `numpy.ndarray` on traced values."""

import math
from types import SimpleNamespace

import numpy as np

from fungrad.core.tracing import Tracer
from fungrad.numpy import (
    elementary,
    in_place,
    moments,
    products,
    reductions,
    running_totals,
    selection,
    shapes,
    sorting,
    taking,
    ufuncs,
)
from fungrad.numpy.at import At
from fungrad.numpy.conversions import as_int
from fungrad.numpy.joining import repeat
from fungrad.numpy.writing import as_view, copied, is_argument


def _shape_arguments(shape):
    if len(shape) == 1 and isinstance(shape[0], tuple | list | np.ndarray):
        return shape[0]
    return shape


def reshape(self, *shape, order="C", copy=None):
    """`x.reshape(2, 3)` or `x.reshape((2, 3))`."""
    return shapes.reshape(self, _shape_arguments(shape), order, copy=copy)


def transpose(self, *axes):
    """`x.transpose()`, `x.transpose(1, 0)` or `x.transpose((1, 0))`."""
    if not axes or axes == (None,):
        return shapes.transpose(self)
    return shapes.transpose(self, _shape_arguments(axes))


def flatten(self, order="C"):
    """`x.flatten()`: one axis; a copy."""
    return copied(shapes.ravel(self, order))


def copy(self, order="C"):
    """`x.copy()`: may be written to."""
    return copied(self)


def astype(self, dtype, order="K", casting="unsafe", subok=True, copy=True):
    """`x.astype(dtype)`."""
    return shapes.astype(self, dtype, copy=copy)


def dot(self, b, out=None):
    """`x.dot(b)`."""
    return products.dot(self, b, out)


def fill(self, value):
    """`x.fill(value)`: writes in place."""
    self[...] = value


def sort(self, axis=-1, kind=None, order=None, *, stable=None):
    """`x.sort()`: writes in place."""
    self[...] = sorting.sort(self, axis, kind, order, stable=stable)


def partition(self, kth, axis=-1, kind="introselect", order=None):
    """`x.partition(kth)`: writes in place; everything is sorted."""
    self[...] = sorting.sort(self, axis, order=order)


class Flat:
    """`x.flat`: the elements in row-major order, to iterate over, to read and to write."""

    __slots__ = ("base",)

    def __init__(self, base):
        self.base = base

    def __iter__(self):
        return iter(shapes.ravel(self.base))

    def __len__(self):
        return self.base.size

    def __getitem__(self, index):
        return copied(shapes.ravel(self.base)[index])

    def __setitem__(self, index, value):
        changed = copied(shapes.ravel(self.base))
        value = value if np.ndim(value) == 0 else np.resize(value, np.shape(changed[index]))
        changed[index] = value
        self.base[...] = changed.reshape(self.base.shape)


def flags(self):
    """`x.flags`: those of an array in row-major order."""
    is_flat = self.ndim < 2
    return SimpleNamespace(
        c_contiguous=True,
        f_contiguous=is_flat,
        contiguous=True,
        aligned=True,
        owndata=True,
        writeable=not is_argument(self),
    )


def strides(self):
    """`x.strides`: those of an array in row-major order."""
    found, step = [], self.dtype.itemsize
    for n in reversed(self.shape):
        found.append(step)
        step *= n
    return tuple(reversed(found))


def namespace(self, *, api_version=None):
    """`x.__array_namespace__()`: the functions of the array API, which is `fungrad.numpy`."""
    import fungrad.numpy

    return fungrad.numpy


def view(self, dtype=None, type=None):
    """`x.view()`: the same values; another dtype cannot be traced."""
    if dtype is not None and np.dtype(dtype) != self.dtype:
        raise TypeError("x.view(dtype) reinterprets bits, which is not supported: use astype")
    return as_view(Tracer(self.recording, self.id, self.weak), self)


def rounded(self, ndigits=None):
    """`round(x)`: an int where the value is known; `round(x, n)`."""
    if ndigits is None and self.is_known and not self.shape and self.dtype.kind in "iuf":
        return round(self.value.item())
    return elementary.round(self, ndigits or 0)


def _clip(self, min=None, max=None, out=None, **kwargs):
    return selection.clip(self, min, max, out)


def _compress(self, condition, axis=None, out=None):
    return selection.compress(condition, self, axis, out)


_METHODS = {
    "reshape": reshape,
    "transpose": transpose,
    "flatten": flatten,
    "copy": copy,
    "__copy__": copied,
    "__deepcopy__": lambda self, memo: copied(self),
    "astype": astype,
    "dot": dot,
    "fill": fill,
    "sort": sort,
    "view": view,
    "take": taking.take,
    "clip": _clip,
    "choose": selection.choose,
    "compress": _compress,
    "partition": partition,
    "put": in_place.put,
    "to_device": lambda self, device, /, *, stream=None: self,
    "block_until_ready": lambda self: self,
    "__array_namespace__": namespace,
    "__round__": rounded,
    "__floor__": lambda self: math.floor(as_int(ufuncs.floor(self))),
    "__ceil__": lambda self: math.ceil(as_int(ufuncs.ceil(self))),
    "__trunc__": as_int,
    "__divmod__": elementary.divmod,
    "__rdivmod__": lambda self, other: elementary.divmod(other, self),
    "__pos__": ufuncs.positive,
    "ravel": shapes.ravel,
    "squeeze": shapes.squeeze,
    "swapaxes": shapes.swapaxes,
    "diagonal": shapes.diagonal,
    "trace": products.trace,
    "repeat": repeat,
    "round": elementary.round,
    "conj": ufuncs.conjugate,
    "conjugate": ufuncs.conjugate,
    "argsort": sorting.argsort,
    "argpartition": sorting.argpartition,
    "searchsorted": sorting.searchsorted,
    "nonzero": selection.nonzero,
    **{
        name: getattr(reductions, name)
        for name in "sum prod max min ptp any all argmax argmin".split()
    },
    "mean": moments.mean,
    "var": moments.var,
    "std": moments.std,
    "cumsum": running_totals.cumsum,
    "cumprod": running_totals.cumprod,
}
_PROPERTIES = {
    "T": shapes.transpose,
    "mT": shapes.matrix_transpose,
    "real": elementary.real,
    "imag": elementary.imag,
    "at": At,
    "base": lambda self: None,
    "device": lambda self: "cpu",
    "flags": flags,
    "strides": strides,
    "itemsize": lambda self: self.dtype.itemsize,
    "nbytes": lambda self: self.dtype.itemsize * self.size,
}


def install():
    """Attach the methods to the tracer class: the traced forms, since `self` is traced."""
    for name, function in _METHODS.items():
        setattr(Tracer, name, getattr(function, "__wrapped__", function))
    for name, function in _PROPERTIES.items():
        form = getattr(function, "__wrapped__", function)
        setattr(Tracer, name, property(form, doc=function.__doc__))
    Tracer.flat = property(Flat, lambda self, value: Flat(self).__setitem__(slice(None), value))
