"""Sums, products, extrema, truth and positions along axes, with NumPy's keywords."""

import math

import numpy as np

from fungrad.numpy import ufuncs
from fungrad.numpy.arrays import number_or_operand, operand
from fungrad.numpy.dispatch import normalize_axes, refuse_out, traced
from fungrad.numpy.promotion import broadcast_to, convert
from fungrad.primitives import elementwise as e
from fungrad.primitives import reductions as r
from fungrad.primitives.indexing import Gather
from fungrad.primitives.movement import Reshape, Transpose
from fungrad.primitives.ordering import Sort

KEEP = np._NoValue
INT64, UINT64 = np.dtype(np.int64), np.dtype(np.uint64)


def is_set(value):
    """Whether a keyword whose default is NumPy's "no value" was given."""
    return value is not KEEP and value is not None


def total_dtype(dtype):
    """The dtype in which NumPy sums: at least 64 bits for integers."""
    if dtype.kind in "bi" and dtype.itemsize < 8:
        return INT64
    return UINT64 if dtype.kind == "u" and dtype.itemsize < 8 else dtype


def kept(y, shape, axes, keepdims):
    """A reduced value, with axes of size 1 in place of the reduced ones when `keepdims`."""
    if keepdims is KEEP or not keepdims:
        return y
    return Reshape(tuple([1 if a in axes else n for a, n in enumerate(shape)]))(y)


def masked(x, where, neutral):
    """`x` with a neutral element where the mask is false."""
    if where is KEEP or where is True or where is None:
        return x
    where = ufuncs.truth(operand(where))
    shape = np.broadcast_shapes(tuple(x.shape), tuple(np.shape(where)))
    if len(shape) > x.ndim:
        raise ValueError(f"where= of shape {where.shape} has more axes than {tuple(x.shape)}")
    return e.select(broadcast_to(where, shape), broadcast_to(x, shape), neutral)


def whole_axis(axis):
    """One axis as an integer; TypeError for several."""
    if isinstance(axis, tuple | list):
        raise TypeError(f"one axis is an integer, not the {type(axis).__name__} {axis}")
    return axis


def reduced_axes(axis, ndim):
    """Non-negative axes as a tuple; a scalar has axes 0 and -1, as in NumPy's reductions."""
    if isinstance(axis, list):
        raise TypeError("'list' object cannot be interpreted as an integer; axes are a tuple")
    if not ndim and hasattr(axis, "__index__") and axis in (0, -1):
        return ()
    return normalize_axes(axis, ndim)


def reduced(primitive, x, axis, keepdims, where, neutral):
    """A reduction of elements where a mask is true."""
    if where is not KEEP:
        x = masked(x, where, neutral)
    axes = reduced_axes(axis, x.ndim)
    y = primitive(axes)(x) if axes else x
    return y if keepdims is KEEP else kept(y, x.shape, axes, keepdims)


@traced(np.sum)
def sum(a, axis=None, dtype=None, out=None, keepdims=KEEP, initial=KEEP, where=KEEP):
    """`numpy.sum`."""
    a = operand(a)
    if dtype is None and a.dtype.kind == "f" and initial is KEEP and out is None:
        return reduced(r.Sum, a, axis, keepdims, where, a.dtype.type(0))
    refuse_out("sum", out)
    a = convert(a, np.dtype(dtype) if dtype is not None else total_dtype(a.dtype))
    if a.dtype.kind == "b":
        return any(a, axis, keepdims=keepdims, where=where)
    if initial is None:
        _require_elements("add", a, reduced_axes(axis, a.ndim))
    y = reduced(r.Sum, a, axis, keepdims, where, a.dtype.type(0))
    return ufuncs.add(y, _first(initial, y.dtype)) if is_set(initial) else y


def _first(initial, dtype):
    """The value that a reduction begins with; OverflowError where the dtype cannot hold it."""
    return convert(number_or_operand(initial), dtype)


def _require_elements(name, a, axes):
    """ValueError where an axis that is reduced without a first value has no elements."""
    empty = [i for i in axes if not a.shape[i]]
    if empty:
        raise ValueError(
            f"zero-size array to reduction operation {name} which has no identity: axis "
            f"{empty[0]} of shape {a.shape}"
        )


@traced(np.prod)
def prod(a, axis=None, dtype=None, out=None, keepdims=KEEP, initial=KEEP, where=KEEP):
    """`numpy.prod`; the derivative is exact where elements are 0."""
    refuse_out("prod", out)
    a = operand(a)
    a = convert(a, np.dtype(dtype) if dtype is not None else total_dtype(a.dtype))
    if a.dtype.kind == "b":
        return all(a, axis, keepdims=keepdims, where=where)
    if initial is None:
        _require_elements("multiply", a, reduced_axes(axis, a.ndim))
    y = reduced(r.Prod, a, axis, keepdims, where, a.dtype.type(1))
    return ufuncs.multiply(y, _first(initial, y.dtype)) if is_set(initial) else y


def _extremum(name, primitive, combine, outermost, a, axis, out, keepdims, initial, where):
    refuse_out(name, out)
    a = operand(a)
    if where is KEEP and initial is KEEP and a.dtype.kind in "iuf" and 0 not in a.shape:
        return reduced(primitive, a, axis, keepdims, KEEP, None)
    if is_set(where) and not is_set(initial) and where is not True:
        raise ValueError(
            f"reduction operation '{name}' does not have an identity, so to use a where mask one "
            "has to specify 'initial'"
        )
    axes = reduced_axes(axis, a.ndim)
    if is_set(initial):
        initial = _first(initial, a.dtype)
    else:
        _require_elements(name, a, axes)
    if any_empty(a, axes):
        shape = tuple([n for i, n in enumerate(a.shape) if i not in axes])
        return kept(broadcast_to(initial, shape), a.shape, axes, keepdims)
    if a.dtype.kind == "c":
        y = _complex_extremum(name, masked(a, where, initial), axes)
        y = kept(y, a.shape, axes, keepdims)
    else:
        y = reduced(primitive, a, axis, keepdims, where, outermost(a.dtype))
    return combine(y, initial) if is_set(initial) else y


def any_empty(a, axes):
    """Whether one of the axes has no elements."""
    return 0 in [a.shape[i] for i in axes]


def _complex_extremum(name, a, axes):
    """The first element that NumPy's order of complex numbers puts last or first, or that is nan."""
    if not axes:
        return a
    rest = [i for i in range(a.ndim) if i not in axes]
    shape = tuple([a.shape[i] for i in rest])
    lines = Reshape((*shape, math.prod(a.shape[i] for i in axes)))(Transpose((*rest, *axes))(a))
    return element_at(lines, complex_place(name == "maximum", lines))


def complex_place(largest, lines):
    """Where the first nan of each line of complex numbers is, else the first extreme element."""
    along = lines.ndim - 1
    line = Sort(along)(lines)  # nan last
    last = line[..., -1]
    extreme = last if largest else e.select(e.isnan(last), last, line[..., 0])
    extreme = broadcast_to(Reshape((*lines.shape[:-1], 1))(extreme), lines.shape)
    is_there = e.logical_or(e.equal(lines, extreme), e.isnan(lines))
    return r.ArgExtremum(along, True)(is_there)


def element_at(lines, place):
    """The element of each line at a place."""
    n, shape = lines.shape[-1], tuple(place.shape)
    if not place.size:
        return Reshape(shape)(lines)
    starts = np.arange(0, lines.size, n).reshape(shape)
    at = ufuncs.add(place, starts[()])
    return Gather((0,), "clip")(Reshape((lines.size,))(lines), at)


@traced(np.max, np.amax)
def max(a, axis=None, out=None, keepdims=KEEP, initial=KEEP, where=KEEP):
    """`numpy.max`; tied elements share the derivative equally."""
    return _extremum(
        "maximum", r.Max, ufuncs.maximum, r.lowest, a, axis, out, keepdims, initial, where
    )


@traced(np.min, np.amin)
def min(a, axis=None, out=None, keepdims=KEEP, initial=KEEP, where=KEEP):
    """`numpy.min`; tied elements share the derivative equally."""
    return _extremum(
        "minimum", r.Min, ufuncs.minimum, r.highest, a, axis, out, keepdims, initial, where
    )


amax, amin = max, min


@traced(np.ptp)
def ptp(a, axis=None, out=None, keepdims=KEEP):
    """`numpy.ptp`: the largest minus the smallest element."""
    refuse_out("ptp", out)
    a = operand(a)
    return ufuncs.subtract(max(a, axis, keepdims=keepdims), min(a, axis, keepdims=keepdims))


@traced(np.any)
def any(a, axis=None, out=None, keepdims=KEEP, *, where=KEEP):
    """`numpy.any`."""
    refuse_out("any", out)
    return reduced(r.Any, ufuncs.truth(operand(a)), axis, keepdims, where, np.False_)


@traced(np.all)
def all(a, axis=None, out=None, keepdims=KEEP, *, where=KEEP):
    """`numpy.all`."""
    refuse_out("all", out)
    return reduced(r.All, ufuncs.truth(operand(a)), axis, keepdims, where, np.True_)


@traced(np.count_nonzero)
def count_nonzero(a, axis=None, *, keepdims=False):
    """`numpy.count_nonzero`."""
    return sum(ufuncs.truth(operand(a)), axis, dtype=np.int64, keepdims=keepdims)


def _position(largest, a, axis, out, keepdims):
    name = "argmax" if largest else "argmin"
    refuse_out(name, out)
    a = operand(a)
    if axis is None:
        flat = Reshape((a.size,))(a) if a.ndim != 1 else a
        axes, along = tuple(range(a.ndim)), 0
    else:
        axes = reduced_axes(whole_axis(axis), a.ndim)
        flat, along = (a, axes[0]) if axes else (Reshape((1,))(a), 0)
    if not flat.shape[along]:
        raise ValueError(f"attempt to get {name} of an empty sequence")
    if flat.dtype.kind == "c":
        order = (*[i for i in range(flat.ndim) if i != along], along)
        return kept(complex_place(largest, Transpose(order)(flat)), a.shape, axes, keepdims)
    return kept(r.ArgExtremum(along, largest)(flat), a.shape, axes, keepdims)


@traced(np.argmax)
def argmax(a, axis=None, out=None, *, keepdims=KEEP):
    """`numpy.argmax`: positions, which have no derivative."""
    return _position(True, a, axis, out, keepdims)


@traced(np.argmin)
def argmin(a, axis=None, out=None, *, keepdims=KEEP):
    """`numpy.argmin`: positions, which have no derivative."""
    return _position(False, a, axis, out, keepdims)
