"""What counts as an array, and `array` and `asarray`, which make one of everything."""

import numpy as np

from fungrad.core.tracer import is_same
from fungrad.core.tracing import Tracer, state
from fungrad.core.types import is_python_number
from fungrad.numpy.dispatch import has_tracer, traced
from fungrad.numpy.promotion import convert
from fungrad.numpy.writing import copied
from fungrad.primitives.joining import Concatenate
from fungrad.primitives.movement import Reshape


def operand(x):
    """An array-like argument as a primitive takes it: a tracer, an array or a NumPy scalar."""
    if type(x) is Tracer or type(x) is np.ndarray:
        return x
    if isinstance(x, list | tuple):
        return array(x) if has_tracer(x) else np.asarray(x)
    return np.asarray(x)[()]


def number_or_operand(x):
    """A Python number as it is, since its dtype is weak; anything else as an operand."""
    return x if is_python_number(x) else operand(x)


def constant(x):
    """A plain array as a traced value that may be written to; `x` must not change afterwards."""
    recording = state.recording
    x = np.asarray(x)
    if x.dtype.kind not in "biufc":
        return x
    value = x[()] if not x.ndim else x
    return copied(Tracer(recording, recording.capture(value)))


def shape_of(shape):
    """A shape argument as a tuple of ints."""
    if isinstance(shape, list | tuple):
        return tuple([whole(n) for n in shape])
    if isinstance(shape, np.ndarray) and shape.ndim:
        return tuple(shape.tolist())
    return (whole(shape),)


def whole(n):
    """A count or position as an int; TypeError unless it is an integer."""
    try:
        return n.__index__()
    except AttributeError:
        raise TypeError(
            f"expected a sequence of integers or a single integer, got {type(n).__name__} {n!r}"
        ) from None


@traced(np.array, creates=True)
def array(object, dtype=None, *, copy=True, order=None, subok=False, ndmin=0, ndmax=0, like=None):
    """`numpy.array`; lists may contain traced values."""
    if type(object) is Tracer:
        result = object if dtype is None else convert(object, np.dtype(dtype))
        result = copied(result) if copy and is_same(result, object) else result
    elif has_tracer([object]):
        result = _from_sequence(object, dtype)
    else:
        return constant(np.array(object, dtype, order=order, ndmin=ndmin))
    if result.ndim < ndmin:
        result = Reshape((1,) * (ndmin - result.ndim) + result.shape)(result)
    return result


def _from_sequence(sequence, dtype):
    """A nested list with traced values in it as one array."""
    parts = [
        _from_sequence(x, None) if isinstance(x, list | tuple) else x for x in sequence
    ]
    if dtype is None:  # Python numbers have their own dtypes here, as in numpy.array
        dtype = np.result_type(*[operand(x).dtype for x in parts])
    parts = [convert(x, np.dtype(dtype)) for x in parts]
    shapes = {tuple(np.shape(x)) for x in parts}
    if len(shapes) > 1:
        raise ValueError(
            "setting an array element with a sequence: the elements have shapes "
            f"{', '.join(map(str, sorted(shapes)))}"
        )
    return stacked(parts)


def stacked(parts):
    """Operands of one shape and dtype along a new first axis."""
    shape = (1, *np.shape(parts[0]))
    return Concatenate(0)(*[Reshape(shape)(x) for x in parts])


@traced(np.asarray, np.asanyarray, np.ascontiguousarray, creates=True)
def asarray(a, dtype=None, order=None, *, device=None, copy=None, like=None):
    """`numpy.asarray`; a traced value stays as it is, and an array becomes traced."""
    if type(a) is Tracer:
        if copy:
            return array(a, dtype)
        return a if dtype is None else convert(a, np.dtype(dtype))
    if isinstance(a, np.ndarray | np.generic) and not copy:
        value = np.asarray(a, dtype)[()]
        if value.dtype.kind in "biufc":
            return Tracer(state.recording, state.recording.capture(value))
    return array(a, dtype)
