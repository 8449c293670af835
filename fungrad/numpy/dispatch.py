"""One table: what each NumPy function becomes on traced values."""

import difflib
from functools import update_wrapper

import numpy as np

from fungrad.core.thread_state import recordings, state
from fungrad.core.tracing import Tracer
from fungrad.numpy.promotion import broadcast_to, convert
from fungrad.numpy.remembered import remembered
from fungrad.numpy.writing import overwrite, require_cast, require_writeable

TRACED: dict = {}  # NumPy function or ufunc -> its form on traced values
watch = None  # function of (function, args, kwargs): calls NumPy and looks at the result


_SEQUENCES = (list, tuple)  # written out, `list | tuple` would be made anew for each question
_ABSENT = object()  # in the place of an argument that is not given


def has_tracer(values):
    """Whether a traced value is among the values, or in a list or tuple among them."""
    for x in values:
        if type(x) is Tracer or (isinstance(x, _SEQUENCES) and has_tracer(x)):
            return True
    return False


def with_out(rule, args, kwargs):
    """The result of a rule, written to the keyword `out` where that is given."""
    out = kwargs.get("out")
    if out is None:
        return rule(*args, **kwargs)
    rest = {k: v for k, v in kwargs.items() if k != "out"}
    return delivered(getattr(rule, "__name__", "a function"), out, rule(*args, **rest))


def _sorted(a, *settings):
    """`numpy.sort` of an array."""
    if settings:
        return np.sort(a, *settings)
    a = a.copy()
    a.sort()
    return a


#: What NumPy's functions call that do no more than call a method of their first argument.
_METHODS = {np.sort: _sorted} | {
    getattr(np, name): getattr(np.ndarray, name)
    for name in """all any argmax argmin argpartition argsort choose cumprod cumsum diagonal max mean
        min nonzero prod ravel repeat round searchsorted squeeze std sum swapaxes take trace
        transpose var""".split()
}


def traced(*functions, creates=False, extras=(), ignored=()):
    """Decorate the form of a NumPy function on traced values; plain values go to NumPy's own.

    `creates`: inside a trace the result is traced although no argument is. `extras`: keywords that
    NumPy does not have, with which the decorated form is called on plain values too. `ignored`:
    keywords of JAX that say how to compute, not what; they have no effect.
    """
    function = functions[0]
    method = _METHODS.get(function)

    def decorate(rule):
        rule = remembered(rule)
        of_one = rule.of_one
        for f in functions:
            TRACED[f] = rule

        def apply(x=_ABSENT, /, *rest, **kwargs):
            if type(x) is Tracer:
                if not kwargs:
                    return rule(x, *rest) if rest else of_one(x)
                if not (ignored or "out" in kwargs or "where" in kwargs):
                    return rule(x, *rest, **kwargs)
            elif not (recordings or kwargs or watch or x is _ABSENT):  # most calls outside traces
                if method is not None and type(x) is np.ndarray:
                    return method(x, *rest)
                return function(x, *rest)
            return general(() if x is _ABSENT else (x, *rest), kwargs)

        def general(args, kwargs):
            if kwargs:
                if ignored:
                    kwargs = {k: v for k, v in kwargs.items() if k not in ignored}
                if kwargs.get("where", ...) is None:  # JAX's default; to NumPy None is False
                    kwargs = {k: v for k, v in kwargs.items() if k != "where"}
            if state.recording is None:
                if not (extras and kwargs):
                    if watch is not None:
                        return watch(function, args, kwargs)
                    return function(*args, **kwargs)
                is_traced = False
            else:
                is_traced = creates or has_tracer(args) or has_tracer(kwargs.values())
            if is_traced or any(k in kwargs for k in extras):
                return with_out(rule, args, kwargs)
            return function(*args, **kwargs)

        update_wrapper(apply, rule)
        apply.__name__ = apply.__qualname__ = function.__name__
        if not rule.__doc__:
            apply.__doc__ = f"`numpy.{function.__name__}`, differentiable on traced values."
        return apply

    return decorate


def delivered(name, out, result):
    """A result for the user: itself, or the `out` array, made in the trace, that it is written to.

    Raises TypeError for a plain array, ViewWriteError, ShapeError, DtypeError.
    """
    out = out[0] if type(out) is tuple and len(out) == 1 else out
    if out is None or out is Ellipsis:
        return result
    if type(out) is not Tracer:
        refuse_out(name, out)
    require_writeable(out)
    require_cast(name, result.dtype, out.dtype)
    overwrite(out, convert(broadcast_to(result, tuple(out.shape)), out.dtype))
    return out


def refuse_out(name, out):
    """TypeError where an `out` array is given: a traced result is a new value."""
    if out is not None and not (type(out) is tuple and all(o is None for o in out)):
        raise TypeError(
            f"{name}: out= is not supported on traced values; write y[...] = {name}(...) on an "
            "array made inside the trace"
        )


def nearest_names(name, names):
    """The names that look like `name`."""
    return difflib.get_close_matches(name, names, 3, cutoff=0.7)


def normalize_axis(axis, ndim):
    """A non-negative axis; numpy.exceptions.AxisError where there is none."""
    try:
        axis = axis.__index__()
    except AttributeError:
        raise TypeError(f"an axis is an integer, not {type(axis).__name__}") from None
    if not -ndim <= axis < ndim:
        raise np.exceptions.AxisError(axis, ndim)
    return axis + ndim if axis < 0 else axis


_ALL_AXES = [tuple(range(ndim)) for ndim in range(65)]  # NumPy has no more than 64


def normalize_axes(axis, ndim):
    """Non-negative axes as a tuple: all for None; ValueError where one occurs twice."""
    if axis is None:
        return _ALL_AXES[ndim]
    if not isinstance(axis, tuple | list):
        return (normalize_axis(axis, ndim),)
    axes = tuple([normalize_axis(a, ndim) for a in axis])
    if len(set(axes)) != len(axes):
        raise ValueError("duplicate value in 'axis'")
    return axes
