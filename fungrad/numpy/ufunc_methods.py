"""What ufuncs have beside the plain call: where=, dtype=; reduce, accumulate, outer, at."""

import numpy as np

from fungrad.core.tracing import Tracer
from fungrad.numpy import reductions, ufuncs
from fungrad.numpy.arrays import operand
from fungrad.numpy.at import at as changes
from fungrad.numpy.dispatch import normalize_axis, refuse_out
from fungrad.numpy.joining import getitem_any, stack
from fungrad.numpy.promotion import align, convert
from fungrad.numpy.shapes import expand_dims, reshape
from fungrad.numpy.writing import overwrite, require_writeable
from fungrad.primitives import cumulative
from fungrad.primitives import elementwise as e

_IGNORED = {"casting", "order", "subok"}


def call(function, ufunc, inputs, keywords):
    """`ufunc(*inputs, where=, dtype=)`: where the mask is false the result is 0."""
    out = keywords.pop("out", None)
    if type(out) is tuple and out[0] is inputs[0] and type(out[0]) is np.ndarray:
        raise TypeError(
            f"an in-place operator ({ufunc.__name__}) writes a traced value into a plain array; "
            "write y = y + x instead of y += x, or make y with fungrad.numpy.zeros or array inside "
            "the trace"
        )
    refuse_out(ufunc.__name__, out)
    where = keywords.pop("where", True)
    dtype = keywords.pop("dtype", None)
    axes = {k: keywords.pop(k) for k in ("axis", "axes", "keepdims") if k in keywords}
    unknown = set(keywords) - _IGNORED
    if unknown:
        raise TypeError(f"{ufunc.__name__}: {', '.join(unknown)} not supported on traced values")
    if dtype is not None:
        inputs = [convert(operand(x), np.dtype(dtype)) for x in inputs]
    result = function(*inputs, **axes)
    if where is True:
        return result
    return tuple(_masked(r, where) for r in result) if type(result) is tuple else _masked(
        result, where
    )


def _masked(result, where):
    where = ufuncs.truth(operand(where))
    zero = result.dtype.type(0)
    where, result = align("where", (where, result))
    return e.select(where, result, zero)


_REDUCTIONS = {
    np.add: reductions.sum,
    np.multiply: reductions.prod,
    np.maximum: reductions.max,
    np.minimum: reductions.min,
    np.logical_and: reductions.all,
    np.logical_or: reductions.any,
}
_RUNNING = {np.add: cumulative.CumSum, np.multiply: cumulative.CumProd}
_RUNNING_EXTREMA = {
    np.maximum: cumulative.CumMax,
    np.minimum: cumulative.CumMin,
    np.logaddexp: cumulative.CumLogSumExp,
}
KEEP = np._NoValue


def reduce(
    function, ufunc, array, axis=0, dtype=None, out=None, keepdims=False, initial=KEEP, where=True
):
    """`ufunc.reduce(array)`."""
    refuse_out(f"{ufunc.__name__}.reduce", out)
    array = operand(array)
    if ufunc in _REDUCTIONS:
        keywords = {} if dtype is None or ufunc not in _RUNNING else {"dtype": dtype}
        if initial is not KEEP:
            keywords["initial"] = initial
        return _REDUCTIONS[ufunc](array, axis, keepdims=keepdims, where=where, **keywords)
    _require_binary(ufunc)
    axes = range(array.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = sorted(normalize_axis(a, array.ndim) for a in axes)
    if where is not True:
        raise TypeError(f"{ufunc.__name__}.reduce: where= is not supported on traced values")
    shape = tuple([1 if a in axes else n for a, n in enumerate(array.shape)])
    result = array
    for a in reversed(axes):
        lines = [getitem_any(result, (slice(None),) * a + (i,)) for i in range(result.shape[a])]
        lines = lines if initial is KEEP else [initial, *lines]
        if not lines:
            raise ValueError(f"{ufunc.__name__}.reduce of an empty axis has no identity")
        result = lines[0]
        for line in lines[1:]:
            result = function(result, line)
    return reshape(result, shape) if keepdims else result


def accumulate(function, ufunc, array, axis=0, dtype=None, out=None):
    """`ufunc.accumulate(array)`."""
    refuse_out(f"{ufunc.__name__}.accumulate", out)
    array = operand(array)
    axis = normalize_axis(axis, array.ndim)
    if ufunc in _RUNNING:
        target = dtype or reductions.total_dtype(array.dtype)
        return _RUNNING[ufunc](axis, False)(convert(array, np.dtype(target)))
    if ufunc in _RUNNING_EXTREMA:
        return _RUNNING_EXTREMA[ufunc](axis, False)(array)
    _require_binary(ufunc)
    lines = [getitem_any(array, (slice(None),) * axis + (i,)) for i in range(array.shape[axis])]
    results = lines[:1]
    for line in lines[1:]:
        results.append(function(results[-1], line))
    return stack(results, axis) if results else array


def outer(function, ufunc, x, y, **keywords):
    """`ufunc.outer(x, y)`."""
    _require_binary(ufunc)
    x, y = operand(x), operand(y)
    n, m = np.ndim(x), np.ndim(y)
    wide = expand_dims(x, tuple(range(n, n + m))) if n and m else x
    return call(function, ufunc, (wide, y), keywords)


_COMBINED = {
    np.add: "add",
    np.subtract: "subtract",
    np.multiply: "multiply",
    np.divide: "divide",
    np.maximum: "max",
    np.minimum: "min",
}


def at(function, ufunc, array, indices, values=None):
    """`ufunc.at(array, indices, values)`: repeated indices accumulate; writes in place."""
    if type(array) is not Tracer:
        raise TypeError(
            f"numpy.{ufunc.__name__}.at writes traced values into a plain array; make the array "
            "with fungrad.numpy.zeros or array, inside the trace"
        )
    require_writeable(array)
    change = changes(array)[indices]
    if values is None:
        overwrite(array, change.apply(function))
    elif ufunc in _COMBINED:
        overwrite(array, getattr(change, _COMBINED[ufunc])(values))
    else:
        raise TypeError(f"numpy.{ufunc.__name__}.at is not supported on traced values")


def reduceat(function, ufunc, array, indices, axis=0, dtype=None, out=None):
    """`ufunc.reduceat(array, indices)` at known indices."""
    refuse_out(f"{ufunc.__name__}.reduceat", out)
    array = operand(array)
    axis = normalize_axis(axis, array.ndim)
    starts = [int(i) for i in np.asarray(indices)]
    lead = (slice(None),) * axis
    results = []
    for a, b in zip(starts, [*starts[1:], array.shape[axis]], strict=True):
        piece = getitem_any(array, (*lead, slice(a, b if b > a else a + 1)))
        results.append(reduce(function, ufunc, piece, axis, dtype))
    return stack(results, axis)


def _require_binary(ufunc):
    if ufunc.nin != 2 or ufunc.nout != 1:
        raise ValueError(f"{ufunc.__name__}: only binary functions can be reduced")


METHODS = {
    "reduce": reduce,
    "accumulate": accumulate,
    "outer": outer,
    "at": at,
    "reduceat": reduceat,
}


def attach(apply, ufunc):
    """Give a public function the methods of its ufunc."""
    for name in METHODS:
        setattr(apply, name, getattr(ufunc, name))
    for name in ("nin", "nout", "nargs", "identity", "signature"):
        setattr(apply, name, getattr(ufunc, name))
    return apply


