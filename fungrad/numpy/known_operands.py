"""The short way of elementwise functions in eager code: operands whose values are known.

Most of what an eager derivative costs is Python between two calls of NumPy. Where the operands are
values of the innermost recording, of one dtype, and need no conversion, the value is computed and
the equation appended at once; everything else returns None, and goes the way of all primitives.
"""

import numpy as np

from fungrad.core.program import Literal
from fungrad.core.thread_state import examinations
from fungrad.core.tracing import Tracer
from fungrad.numpy.promotion import scalar

ndarray, new = np.ndarray, object.__new__


def scalar_types(kinds):
    """The types of NumPy's scalars of these kinds: what they are is known without their dtype."""
    return frozenset([np.dtype(c).type for c in "efdFDbhilqBHILQ" if np.dtype(c).kind in kinds])


def short_unary(primitive, kinds):
    """A function of (recording, x): the tracer of `primitive(x)`, or None."""
    scalars, evaluate = scalar_types(kinds), primitive.evaluate

    def recorded(recording, x):
        if examinations or x.recording is not recording:
            return None
        values, slot = recording.values, x.id
        value = values[slot]
        if type(value) not in scalars and (
            type(value) is not ndarray or value.dtype.kind not in kinds
        ):
            return None
        value = evaluate(value)
        recording.entries.append((primitive, (slot,)))  # as `Recording.append`, without its call
        recording.firsts.append(len(values))
        tracer = new(Tracer)
        tracer.recording, tracer.id, tracer.weak = recording, len(values), False
        tracer.origin = tracer.views = None
        values.append(value)
        return tracer

    return recorded


def short_binary(primitive, kinds, recall):
    """A function of (recording, x, y): the tracer of `primitive(x, y)`, or None.

    Python numbers are taken in the dtype of the other operand, as NumPy does. `recall` is that of
    the rule for operands of different shapes, see `fungrad.numpy.remembered`.
    """
    scalars, evaluate = scalar_types(kinds), primitive.evaluate
    number_kinds = {int: kinds, float: kinds.replace("i", "").replace("u", "")}

    def recorded(recording, x, y):
        i = j = None
        if examinations:  # which want the user's line
            return None
        if type(x) is Tracer:
            if x.recording is not recording:
                return None
            i = x.id
            values = recording.values
            a = values[i]
            if type(y) is Tracer:
                if y.recording is not recording:
                    return None
                j = y.id
                b = values[j]
            else:
                b = y
        elif type(y) is Tracer and y.recording is recording:
            j = y.id
            values = recording.values
            a, b = x, values[j]
        else:
            return None
        kind, other = type(a), type(b)
        if kind is other:
            if kind not in scalars:
                if kind is not ndarray:
                    return None
                dtype, shape = a.dtype, a.shape
                if dtype is not b.dtype or dtype.kind not in kinds:
                    return None
                if shape != b.shape:
                    if i is None or j is None or not recording.is_evaluated:
                        return None
                    key = (shape, dtype.num, x.weak), (b.shape, dtype.num, y.weak)
                    return recall(recording, key, (i, j))
        elif other in number_kinds:
            if not _takes(a, number_kinds[other], scalars):
                return None
            j, b = number_operand(recording, a, b)
        elif kind in number_kinds:
            if not _takes(b, number_kinds[kind], scalars):
                return None
            i, a = number_operand(recording, b, a)
        elif not (
            (kind in scalars and other is ndarray and b.dtype.type is kind)
            or (other in scalars and kind is ndarray and a.dtype.type is other)
        ):
            return None
        if i is None or j is None:
            if recording.hides_values:  # also those of plain arrays, so the result is not known
                return None
            i = recording.id_of(x) if i is None else i
            j = recording.id_of(y) if j is None else j
        value = evaluate(a, b)
        recording.entries.append((primitive, (i, j)))  # as `Recording.append`, without its call
        recording.firsts.append(len(values))
        tracer = new(Tracer)
        tracer.recording, tracer.id, tracer.weak = recording, len(values), False
        tracer.origin = tracer.views = None
        values.append(value)
        return tracer

    return recorded


def _takes(value, kinds, scalars):
    """Whether a value is known and a number can be taken in its dtype."""
    if type(value) is not ndarray and type(value) not in scalars:
        return False
    return value.dtype.kind in kinds


_without_axes: dict = {}  # by literal


def number_operand(recording, other, number):
    """The slot or literal that stands for a Python number beside a value, and its own value.

    Beside an array it is an array without axes, which NumPy takes sooner than a scalar.
    """
    dtype = other.dtype
    x = scalar(dtype, number)
    if type(x) is Literal:
        if type(other) is not ndarray:
            return x, x.value
        value = _without_axes.get(x)
        if value is None:
            value = _without_axes[x] = np.asarray(x.value)
        return x, value
    if recording.hides_values:
        return Literal(x), x
    return recording.capture_number(x, (dtype, number or repr(number))), x
