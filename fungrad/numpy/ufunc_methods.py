"""What ufuncs have beside the plain call: out=, where=, dtype=; reduce, accumulate, outer, at."""

import math
from functools import cache

import numpy as np

from fungrad.core.errors import DtypeError, UnknownValueError
from fungrad.core.tracing import Tracer
from fungrad.numpy import reductions, ufuncs
from fungrad.numpy.arrays import operand
from fungrad.numpy.at import at as changes
from fungrad.numpy.dispatch import delivered, normalize_axis
from fungrad.numpy.index_plan import plan
from fungrad.numpy.joining import getitem_any, stack
from fungrad.numpy.promotion import align, broadcast_to, convert, result_dtype
from fungrad.numpy.selection import where as choose
from fungrad.numpy.shapes import expand_dims, ravel, reshape
from fungrad.numpy.writing import overwrite, require_cast, require_writeable
from fungrad.primitives import cumulative
from fungrad.primitives import elementwise as e
from fungrad.primitives.movement import Transpose

_IGNORED = {"casting", "order", "subok"}
KEEP = np._NoValue
INT64 = np.dtype(np.int64)


def call(function, ufunc, inputs, keywords):
    """`ufunc(*inputs, out=, where=, dtype=)`: where the mask is false, what `out` holds, or 0."""
    name = ufunc.__name__
    keywords = dict(keywords)
    out = keywords.pop("out", None)
    if len(inputs) > ufunc.nin:
        inputs, out = inputs[: ufunc.nin], tuple(inputs[ufunc.nin :])
    if type(out) is tuple and out[0] is inputs[0] and type(out[0]) is np.ndarray:
        raise TypeError(
            f"an in-place operator ({name}) writes a traced value into a plain array; "
            "write y = y + x instead of y += x, or make y with fungrad.numpy.zeros or array inside "
            "the trace"
        )
    where = keywords.pop("where", True)
    dtype = keywords.pop("dtype", None)
    axes = {k: keywords.pop(k) for k in ("axis", "axes", "keepdims") if k in keywords}
    unknown = set(keywords) - _IGNORED
    if unknown:
        raise TypeError(f"{name}: {', '.join(unknown)} not supported on traced values")
    if dtype is not None:
        inputs, dtypes = _in_loop(ufunc, inputs, dtype, keywords.get("casting", "same_kind"))
    results = function(*inputs, **axes)
    results = results if type(results) is tuple else (results,)
    if dtype is not None:
        results = [convert(r, d) for r, d in zip(results, dtypes, strict=True)]
    outs = out if type(out) is tuple else (out,) * len(results)
    if where is not True:
        results = [_masked(r, where, o) for r, o in zip(results, outs, strict=True)]
    given = [delivered(name, o, r) for r, o in zip(results, outs, strict=True)]
    return tuple(given) if len(given) > 1 else given[0]


def _in_loop(ufunc, inputs, dtype, casting):
    """The operands and the dtypes of the results of NumPy's loop with results of a dtype.

    Raises NumPy's TypeError where there is no such loop, or its operands would lose too much.
    """
    given = [type(x) if isinstance(x, int | float | complex) else operand(x) for x in inputs]
    kinds = [x if isinstance(x, type) else x.dtype for x in given]
    wanted = (None,) * ufunc.nin + (np.dtype(dtype),) * ufunc.nout
    found = ufunc.resolve_dtypes((*kinds, *[None] * ufunc.nout), signature=wanted, casting=casting)
    operands = [convert(operand(x), d) for x, d in zip(inputs, found[: ufunc.nin], strict=True)]
    return operands, found[ufunc.nin :]


def _masked(result, where, out):
    where = ufuncs.truth(operand(where))
    other = result.dtype.type(0) if out is None else convert(operand(out), result.dtype)
    where, result, other = align("where", (where, result, other))
    return e.select(where, result, other)


_REDUCTIONS = {
    np.add: reductions.sum,
    np.multiply: reductions.prod,
    np.maximum: reductions.max,
    np.minimum: reductions.min,
    np.logical_and: reductions.all,
    np.logical_or: reductions.any,
}
_TRUTHS = (np.logical_and, np.logical_or)
_RUNNING = {np.add: cumulative.CumSum, np.multiply: cumulative.CumProd}
_RUNNING_EXTREMA = {
    np.maximum: cumulative.CumMax,
    np.minimum: cumulative.CumMin,
    np.logaddexp: cumulative.CumLogSumExp,
}


def _reducible(ufunc, array, dtype):
    """The operand in the dtype in which NumPy reduces; DtypeError where the ufunc cannot."""
    array = operand(array)
    _require_binary(ufunc)
    if dtype is None:
        try:
            dtype = ufunc.resolve_dtypes((None, array.dtype, None), reduction=True)[0]
        except TypeError as error:
            raise DtypeError(
                f"{ufunc.__name__} of {array.dtype} cannot be reduced (numpy: {error})"
            ) from None
    else:
        _require_loop(ufunc, np.dtype(dtype))
    return convert(array, np.dtype(dtype))


def _require_loop(ufunc, dtype):
    """DtypeError unless the ufunc maps two operands of the dtype to a third."""
    found = ufunc.resolve_dtypes((dtype, dtype, None))
    if found[-1] != dtype:
        raise DtypeError(f"{ufunc.__name__} has the result {found[-1]}: not reduced as {dtype}")


@cache
def _is_reorderable(ufunc):
    """Whether NumPy reduces several axes at once."""
    try:
        ufunc.reduce(np.ones((1, 1), bool if ufunc.types[0][0] == "?" else int), axis=(0, 1))
    except (TypeError, ValueError):
        return False
    return True


def reduce(
    function, ufunc, array, axis=0, dtype=None, out=None, keepdims=False, initial=KEEP, where=True
):
    """`ufunc.reduce(array)`."""
    name = f"{ufunc.__name__}.reduce"
    array = operand(array) if ufunc in _TRUTHS else _reducible(ufunc, array, dtype)
    if ufunc in _TRUTHS:
        _require_loop(ufunc, np.dtype(dtype or bool))
        result = _REDUCTIONS[ufunc](array, axis, keepdims=keepdims, where=where)
        result = result if initial is KEEP else function(initial, result)
    elif ufunc in _REDUCTIONS:
        first = {} if initial is KEEP else {"initial": initial}
        keywords = {"dtype": array.dtype} if ufunc in _RUNNING else {}
        result = _REDUCTIONS[ufunc](
            array, axis, keepdims=keepdims, where=where, **first, **keywords
        )
    else:
        axes = reductions.reduced_axes(axis, array.ndim)
        if len(axes) > 1 and not _is_reorderable(ufunc):
            raise ValueError(
                f"reduction operation '{ufunc.__name__}' is not reorderable, so at most one axis "
                "may be specified"
            )
        result = _folded(function, ufunc, array, axes, initial, where)
        result = reductions.kept(result, array.shape, axes, keepdims)
    return delivered(name, out, result)


def _folded(function, ufunc, array, axes, initial, where):
    """The lines along the axes combined one after the other."""
    first = ufunc.identity if initial is KEEP and where is not True else initial
    if where is not True:
        if first is None:
            raise ValueError(
                f"reduction operation '{ufunc.__name__}' does not have an identity, so to use a "
                "where mask one has to specify 'initial'"
            )
        where = broadcast_to(ufuncs.truth(operand(where)), tuple(array.shape))
    rest = [a for a in range(array.ndim) if a not in axes]
    shape = tuple([array.shape[a] for a in rest])
    lines = _lines(array, axes, rest, shape)
    masks = None if where is True else _lines(where, axes, rest, shape)
    result = None if first is KEEP else broadcast_to(array.dtype.type(first), shape)
    for i in range(lines.shape[0]):
        line = getitem_any(lines, i)
        changed = line if result is None else convert(function(result, line), array.dtype)
        result = changed if masks is None else choose(getitem_any(masks, i), changed, result)
    if result is None and ufunc.identity is not None:
        return broadcast_to(array.dtype.type(ufunc.identity), shape)
    if result is None:
        raise ValueError(
            f"zero-size array to reduction operation {ufunc.__name__} which has no identity"
        )
    return result


def _lines(array, axes, rest, shape):
    count = math.prod(array.shape[a] for a in axes)
    return reshape(Transpose((*axes, *rest))(array) if array.ndim > 1 else array, (count, *shape))


def accumulate(function, ufunc, array, axis=0, dtype=None, out=None):
    """`ufunc.accumulate(array)`."""
    array = _reducible(ufunc, array, dtype)
    axis = normalize_axis(axis, array.ndim)
    running = _RUNNING if array.dtype.kind != "b" else {}
    running = running.get(ufunc) or _RUNNING_EXTREMA.get(ufunc)
    if running is not None and array.dtype.kind != "b":
        result = running(axis, False)(array)
    else:
        lines = [getitem_any(array, (slice(None),) * axis + (i,)) for i in range(array.shape[axis])]
        results = lines[:1]
        for line in lines[1:]:
            results.append(convert(function(results[-1], line), array.dtype))
        result = stack(results, axis) if results else array
    return delivered(f"{ufunc.__name__}.accumulate", out, result)


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
    if values is None:
        overwrite(array, changes(array)[indices].apply(function))
    elif ufunc in _COMBINED and array.dtype.kind != "b":
        require_cast(ufunc.__name__, result_dtype(array, operand(values)), array.dtype)
        overwrite(array, getattr(changes(array)[indices], _COMBINED[ufunc])(values))
    else:
        _one_after_another(function, ufunc, array, indices, values)


def _one_after_another(function, ufunc, array, indices, values):
    """Any ufunc at indices that may repeat: each round changes every place at most once."""
    where = plan(tuple(array.shape), indices)
    places = reshape(np.arange(array.size), array.shape)[_known(ufunc, indices)].ravel()
    values = ravel(broadcast_to(operand(values), where.result))
    turn = np.array([np.sum(places[:k] == place) for k, place in enumerate(places)], INT64)
    flat = ravel(array)
    for number in range(int(turn.max(initial=-1)) + 1):
        chosen = np.flatnonzero(turn == number)
        here = places[chosen]
        changed = function(flat[here], values[chosen])
        require_cast(ufunc.__name__, changed.dtype, array.dtype)
        flat = changes(flat)[here].set(changed)
    overwrite(array, reshape(flat, array.shape))


def _known(ufunc, index):
    """An index as plain values; UnknownValueError where it is computed under jit."""
    if isinstance(index, tuple):
        return tuple([_known(ufunc, i) for i in index])
    if type(index) is Tracer and not index.is_known:
        raise UnknownValueError(
            f"numpy.{ufunc.__name__}.at needs indices that do not exist while "
            f"{index.recording.title} is traced; write a lax.fori_loop over them"
        )
    return np.asarray(index.value) if type(index) is Tracer else index


def reduceat(function, ufunc, array, indices, axis=0, dtype=None, out=None):
    """`ufunc.reduceat(array, indices)` at known indices."""
    array = _reducible(ufunc, array, dtype)
    axis = normalize_axis(axis, array.ndim)
    starts = [int(i) for i in _known(ufunc, np.asarray(indices))]
    n, lead = array.shape[axis], (slice(None),) * axis
    results = []
    for a, b in zip(starts, [*starts[1:], n], strict=True):
        if not 0 <= a < n:
            raise IndexError(f"index {a} out-of-bounds in {ufunc.__name__}.reduceat [0, {n})")
        piece = getitem_any(array, (*lead, slice(a, b if b > a else a + 1)))
        results.append(reduce(function, ufunc, piece, axis, array.dtype))
    return delivered(f"{ufunc.__name__}.reduceat", out, stack(results, axis))


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
