"""Who may be written: arrays made inside a trace; and what a write does to their views.

A traced value never changes; a write makes the tracer denote a new value. NumPy's views would see
it, so a view that is used afterwards raises, as does a write through a view. The cost falls on
writes and on making views; an operation on a view that was lost raises as a leaked tracer does.
"""

from weakref import ref

import numpy as np

from fungrad.core.errors import DtypeError, ShapeError, ViewWriteError
from fungrad.core.tracer import is_same
from fungrad.core.tracing import Tracer, state
from fungrad.numpy.promotion import convert

COPY = "copy"  # the origin of a copy of an argument: the argument's slot, but writeable


class View:
    """The origin of a tracer that shares memory with `base` in NumPy: `base[index]`."""

    __slots__ = ("base", "index")

    def __init__(self, base, index):
        self.base = base
        self.index = index


class Revoked:
    """Stands in for the recording of a tracer that must not be used any more."""

    is_open = False

    def __init__(self, recording, reason):
        self.recording = recording
        self.reason = reason
        self.title = recording.title

    def require_open(self, tracer):
        """Raise ViewWriteError."""
        raise ViewWriteError(self.reason)

    def __getattr__(self, name):
        raise ViewWriteError(self.reason)


class Awaiting(Revoked):
    """Between `view += value` and `base[index] = view`: the halves of `base[index] += value`."""

    def __init__(self, recording, view):
        super().__init__(
            recording,
            f"an in-place operator wrote through a view of an array of shape {view.base.shape}; "
            "write y[index] += value on the array itself, or copy the view first",
        )
        self.view = view

    def completed_by(self, base, index, value):
        """Whether `base[index] = value` is the second half."""
        return value.recording is self and base is self.view.base and _same(index, self.view.index)


def _same(index, other):
    if index is other:
        return True
    if isinstance(index, tuple) and isinstance(other, tuple):
        return len(index) == len(other) and all(map(_same, index, other))
    if isinstance(index, slice) and isinstance(other, slice):
        return all(
            map(
                _same,
                (index.start, index.stop, index.step),
                (other.start, other.stop, other.step),
            )
        )
    return type(index) is int and type(other) is int and index == other


def is_argument(x):
    """Whether the tracer denotes an input of its trace, or a value captured from outside."""
    if x.origin is COPY:
        return False
    recording = x.recording
    return x.id < len(recording.input_types) or (
        bool(recording.captured) and x.id in recording.captured.values()
    )


def copied(x):
    """A copy of a traced value, made in the innermost trace, so that it may be written.

    It costs nothing, since values never change.
    """
    recording = x.recording if state.recording is None else state.recording
    result = Tracer(recording, recording.id_of(x), x.weak)
    result.origin = COPY
    return result


def as_view(result, base, index=None):
    """`result`, marked as a view of `base` as in NumPy (both may be plain arrays)."""
    if type(result) is not Tracer or type(base) is not Tracer:
        return result
    if is_same(result, base):
        result = Tracer(base.recording, base.id, base.weak)
    origin = base.origin
    if type(origin) is View:
        base, index = origin.base, None
    result.origin = View(base, index)
    if base.recording is state.recording and not is_argument(base):
        views = base.views
        if views is None:
            base.views = [ref(result)]
        else:
            if len(views) >= 16 and not len(views) & (len(views) - 1):
                views[:] = [v for v in views if v() is not None]
            views.append(ref(result))
    return result


def require_writeable(y):
    """Raise ViewWriteError unless the tracer denotes an array made in the innermost trace."""
    recording = y.recording
    if recording is not state.recording:
        recording.require_open(y)
        raise ViewWriteError(
            f"an array of {recording.title} is written inside {state.recording.title}, which may "
            "not change values from outside; copy it first: y = y.copy()"
        )
    if type(y.origin) is View:
        raise ViewWriteError(
            f"a view of a traced array of shape {y.origin.base.shape} is written; write the array "
            "itself, as in y[0, 1] = v instead of row = y[0]; row[1] = v, or copy the view first"
        )
    if is_argument(y):
        raise ViewWriteError(
            f"an argument of {recording.title} (or an array from outside), of shape {y.shape}, is "
            "written; copy it first, y = y.copy(), or make a changed copy: "
            "y = y.at[index].set(value)"
        )


def overwrite(y, value):
    """Let the tracer `y` denote another value of its type, traced or not; its views are lost."""
    recording = y.recording
    is_traced = type(value) is Tracer
    slot = recording.id_of(value) if is_traced else recording.capture(np.array(value))
    for view in y.views or ():
        view = view()
        if view is not None:
            view.recording = Revoked(
                view.recording,
                f"a view of a traced array of shape {y.shape} is used after the array was "
                "written; take the view again after the write, or copy it before",
            )
    y.views, y.origin, y.id = None, COPY, slot  # the value may be an argument, but `y` is none


def require_cast(name, source, target):
    """DtypeError where a result cannot be written into an array of the target dtype."""
    if not np.can_cast(source, target, "same_kind"):
        raise DtypeError(
            f"{name}: a result of dtype {source} is not written into an array of dtype {target}: "
            f"write y = {name}(...), or start from an array of dtype {source}"
        )


def in_place(function):
    """The operator `y = function(y, other)` that writes in place where `y` was made in the trace.

    Scalars and arguments of the trace are not written: the result is a new value.
    """

    def operator(self, other):
        result = function(self, other)
        if result is NotImplemented or not self.shape:
            return result
        view = self.origin if type(self.origin) is View else None
        target = view.base if view else self
        if target.recording is not state.recording or is_argument(target):
            return result
        result = fitted(result, self)
        if view is None:
            overwrite(self, result)
            return self
        awaiting = Awaiting(self.recording, view)
        result.recording = target.recording = awaiting
        return result

    return operator


def fitted(result, target):
    """The result of an in-place operator in the dtype of its target."""
    if result.shape != target.shape:
        raise ShapeError(
            f"an in-place operator on shape {target.shape} has a result of shape {result.shape}"
        )
    if not np.can_cast(result.dtype, target.dtype, "same_kind"):
        raise DtypeError(
            f"an in-place operator on dtype {target.dtype} has a result of dtype {result.dtype}; "
            "write y = y + x, or start from an array of that dtype"
        )
    result = convert(result, target.dtype)
    return Tracer(result.recording, result.id) if result is target else result
