"""Choices between values, and elements where a condition holds: where, select, clip, nonzero."""

import numpy as np

from fungrad.core.errors import BooleanIndexError
from fungrad.core.tracing import Tracer
from fungrad.core.types import is_python_number
from fungrad.numpy import ufuncs
from fungrad.numpy.arrays import number_or_operand, operand, stacked
from fungrad.numpy.creation import iota
from fungrad.numpy.dispatch import refuse_out, traced
from fungrad.numpy.joining import parts_of, stack, take_static
from fungrad.numpy.promotion import align, common_shape, convert, promote, result_dtype, scalar
from fungrad.numpy.promotion import broadcast_to as broadcast
from fungrad.numpy.reductions import sum
from fungrad.numpy.shapes import along, ravel, reshape
from fungrad.primitives import elementwise as e
from fungrad.primitives.demand import Demand
from fungrad.primitives.indexing import Gather
from fungrad.primitives.movement import Iota
from fungrad.primitives.ordering import Argsort

KEEP = np._NoValue


@traced(np.where, extras=("size", "fill_value"))
def where(condition, /, x=KEEP, y=KEEP, *, size=None, fill_value=None):
    """`numpy.where`; what is not chosen has derivative 0, also where its derivative is infinite.

    With one argument it is `nonzero`.
    """
    if x is KEEP and y is KEEP:
        return nonzero(condition, size=size, fill_value=fill_value)
    if x is KEEP or y is KEEP:
        raise ValueError("either both or neither of x and y should be given")
    condition = ufuncs.truth(operand(condition))
    x, y = number_or_operand(x), number_or_operand(y)
    if type(x) is Tracer and type(y) is Tracer and x.dtype == y.dtype:
        if condition.shape == x.shape == y.shape:
            return e.select(condition, x, y)
    dtype = result_dtype(x, y)
    x, y = (scalar(dtype, v) if is_python_number(v) else convert(v, dtype) for v in (x, y))
    condition, x, y = align("where", (condition, x, y))
    return e.select(condition, x, y)


@traced(np.select)
def select(condlist, choicelist, default=0):
    """`numpy.select`: the first choice whose condition holds."""
    if len(condlist) != len(choicelist):
        raise ValueError("list of cases must be same length as list of conditions")
    if not condlist:
        raise ValueError("select with an empty condition list is not possible")
    result = default
    dtype = result_dtype(*[operand(c) for c in choicelist], default)
    choices = [convert(operand(c), dtype) for c in choicelist]
    result = convert(default if isinstance(default, int | float) else operand(default), dtype)
    for condition, choice in zip(reversed(condlist), reversed(choices), strict=True):
        condition = operand(condition)
        if condition.dtype.kind != "b":
            raise TypeError("invalid entry in condlist: should be boolean ndarray")
        result = where(condition, choice, result)
    return result


@traced(np.choose)
def choose(a, choices, out=None, mode="raise"):
    """`numpy.choose`."""
    refuse_out("choose", out)
    a = operand(a)
    if a.dtype.kind not in "biu":
        raise TypeError(f"choose: choices are told by integers, not by {a.dtype}")
    a = convert(a, np.dtype(np.int64))
    choices = promote(*parts_of(choices))
    if mode == "raise":
        is_inside = e.logical_and(a >= 0, a < len(choices))
        message = f"invalid entry in choice array: the choices are 0 to {len(choices) - 1}"
        a, mode = Demand("ValueError", message)(a, is_inside), "clip"
    shape = common_shape("choose", a, *choices)
    table = stacked([broadcast(c, shape) for c in choices])
    rest = [Iota(shape, np.dtype(np.int64), axis)() for axis in range(len(shape))]
    return Gather(tuple(range(len(shape) + 1)), mode)(table, broadcast(a, shape), *rest)


@traced(np.clip)
def clip(a, a_min=KEEP, a_max=KEEP, out=None, *, min=KEEP, max=KEEP, **options):
    """`numpy.clip`; at the bounds the derivative is split equally."""
    refuse_out("clip", out)
    low, high = (None if x is KEEP else x for x in _bounds(a_min, a_max, min, max))
    a = a if isinstance(a, int | float) else operand(a)
    if not isinstance(a, int | float) and a.dtype.kind in "iu":
        limits = np.iinfo(a.dtype)  # beyond which a Python number is no bound
        low = None if type(low) is int and low <= limits.min else low
        high = None if type(high) is int and high >= limits.max else high
    if low is None and high is None:
        return ufuncs.positive(a)
    if low is not None:
        a = ufuncs.maximum(a, number_or_operand(low))
    return a if high is None else ufuncs.minimum(a, number_or_operand(high))


def _bounds(a_min, a_max, min, max):
    if a_min is KEEP and a_max is KEEP:
        return min, max
    if a_min is KEEP or a_max is KEEP:
        name = "a_min" if a_min is KEEP else "a_max"
        raise TypeError(f"clip() missing 1 required positional argument: {name!r}")
    if min is not KEEP or max is not KEEP:
        raise ValueError("clip: `min` or `max` beside `a_min` and `a_max` is forbidden")
    return a_min, a_max


_clip = clip


def clip(a, a_min=KEEP, a_max=KEEP, *args, **kwargs):
    """`numpy.clip`, also with one bound alone, as in JAX.

    >>> clip(np.array([-1.0, 2.0]), 0.0)
    array([0., 2.])
    """
    if (a_min is KEEP) is not (a_max is KEEP) and "min" not in kwargs and "max" not in kwargs:
        a_min, a_max = (None if bound is KEEP else bound for bound in (a_min, a_max))
    if a_min is KEEP and a_max is KEEP:
        return _clip(a, **kwargs)
    return _clip(a, a_min, a_max, *args, **kwargs)


@traced(np.piecewise)
def piecewise(x, condlist, funclist, *args, **kw):
    """`numpy.piecewise`: every function is applied to the whole of x."""
    x = operand(x)
    if isinstance(condlist, list | tuple) and condlist and np.ndim(condlist[0]) == 0 != x.ndim:
        condlist = [condlist]
    if type(condlist) is Tracer and condlist.shape == x.shape:
        condlist = [condlist]
    conditions = [ufuncs.truth(operand(c)) for c in condlist]
    functions = list(funclist)
    result = np.zeros((), x.dtype)[()]
    if len(functions) == len(conditions) + 1:
        result = _piece(functions.pop(), x, args, kw)
    elif len(functions) != len(conditions):
        n = len(conditions)
        raise ValueError(f"with {n} condition(s), either {n} or {n + 1} functions are expected")
    for condition, function in zip(conditions, functions, strict=True):
        result = where(condition, _piece(function, x, args, kw), result)
    return broadcast(result, x.shape)


def _piece(function, x, args, kw):
    value = function(x, *args, **kw) if callable(function) else operand(function)
    return convert(value, x.dtype)


# ---- positions where a condition holds


def known_mask(name, x):
    """The values of an array whose nonzero elements determine a shape; BooleanIndexError else."""
    if type(x) is not Tracer:
        return x
    if not x.is_known:
        raise BooleanIndexError(
            f"{name}: the shape of the result depends on values that do not exist while "
            f"{x.recording.title} is traced; give size=, or use where(condition, x, y)"
        )
    return np.asarray(x.value)


@traced(np.nonzero, extras=("size", "fill_value"))
def nonzero(a, *, size=None, fill_value=None):
    """`numpy.nonzero`. Under jit `size` gives the number of positions, `fill_value` the rest."""
    a = operand(a)
    if not np.ndim(a):
        raise ValueError("Calling nonzero on 0d arrays is not allowed. Use atleast_1d(scalar).")
    if size is None:
        return np.nonzero(known_mask("nonzero", a))
    flat = ufuncs.truth(ravel(a))
    order = Argsort(0, False)(e.logical_not(flat))
    n = flat.shape[0]
    take = Gather((0,), "clip")(order, np.minimum(np.arange(size), max(n - 1, 0))) if n else None
    valid = e.less(iota(size), broadcast(sum(flat), (size,)))
    fills = fill_value if isinstance(fill_value, tuple) else (fill_value or 0,) * a.ndim
    result, stride = [], n
    for m, fill in zip(a.shape, fills, strict=True):
        stride //= max(m, 1)
        place = ufuncs.remainder(ufuncs.floor_divide(take, stride), m) if n else np.zeros(size, int)
        result.append(e.select(valid, place, np.int64(fill)))
    return tuple(result)


@traced(np.flatnonzero, extras=("size", "fill_value"))
def flatnonzero(a, *, size=None, fill_value=None):
    """`numpy.flatnonzero`; `size` as in `nonzero`."""
    return nonzero(ravel(operand(a)), size=size, fill_value=fill_value)[0]


@traced(np.argwhere, extras=("size", "fill_value"))
def argwhere(a, *, size=None, fill_value=None):
    """`numpy.argwhere`; `size` as in `nonzero`."""
    a = operand(a)
    if not np.ndim(a):
        return np.argwhere(known_mask("argwhere", a))
    places = nonzero(a, size=size, fill_value=fill_value)
    return stack(places, -1)


@traced(np.extract, extras=("size", "fill_value"))
def extract(condition, arr, *, size=None, fill_value=0):
    """`numpy.extract` at a known condition; under jit `size` elements, then `fill_value`."""
    return compress(
        ravel(operand(condition)), ravel(operand(arr)), size=size, fill_value=fill_value
    )


@traced(np.compress, extras=("size", "fill_value"))
def compress(condition, a, axis=None, out=None, *, size=None, fill_value=0):
    """`numpy.compress` at a known condition; under jit `size` slices, then `fill_value`."""
    refuse_out("compress", out)
    condition = operand(condition)
    a, axis = along(operand(a), axis)
    if size is None:
        return take_static(a, np.flatnonzero(known_mask("compress", condition)), axis)
    n = condition.shape[0]
    if not n:
        return broadcast(a.dtype.type(fill_value), (*a.shape[:axis], size, *a.shape[axis + 1 :]))
    places = flatnonzero(condition, size=size, fill_value=n)
    chosen = take_static(a, ufuncs.minimum(places, n - 1), axis)
    shape = tuple([size if i == axis else 1 for i in range(a.ndim)])
    return where(reshape(places < n, shape), chosen, fill_value)
