"""Tracers: the values that a function sees while it is traced."""

from fungrad.core.errors import UnknownValueError
from fungrad.core.origins import describe_slot
from fungrad.core.types import type_of


class _Absent:
    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return self.name


UNKNOWN = _Absent("UNKNOWN")  # the value does not exist while tracing
DEFERRED = _Absent("DEFERRED")  # the value is computed when somebody asks for it


class Tracer:
    """A value inside a trace: a slot of a recording. Array behaviour comes from `fungrad.numpy`."""

    __slots__ = ("__weakref__", "id", "origin", "recording", "views", "weak")

    def __init__(self, recording, id, weak=False):
        self.recording = recording
        self.id = id
        self.weak = weak
        self.origin = None
        self.views = None

    @property
    def type(self):
        """The array type of the traced value."""
        return self.recording.type_of(self.id)

    @property
    def shape(self):
        """The shape, a tuple of ints."""
        recording = self.recording
        value = recording.values[self.id]
        if value is UNKNOWN or value is DEFERRED:
            return recording.types[self.id].shape
        return value.shape

    @property
    def dtype(self):
        """The NumPy dtype."""
        recording = self.recording
        value = recording.values[self.id]
        if value is UNKNOWN or value is DEFERRED:
            return recording.types[self.id].dtype
        return value.dtype

    @property
    def ndim(self):
        """The number of axes."""
        recording = self.recording
        value = recording.values[self.id]
        if value is UNKNOWN or value is DEFERRED:
            return recording.types[self.id].ndim
        return value.ndim

    @property
    def size(self):
        """The number of elements."""
        return self.type.size

    @property
    def is_known(self):
        """Whether the value exists while tracing (eager transforms) or not (jit, vmap)."""
        recording = self.recording
        recording.is_questioned = True
        return recording.values[self.id] is not UNKNOWN

    @property
    def value(self):
        """The NumPy value; raises UnknownValueError where it does not exist."""
        recording = self.recording
        value = recording.values[self.id]
        if value is DEFERRED:
            return recording.force(self.id)
        if value is UNKNOWN:
            recording.require_open(self)
            raise UnknownValueError(
                f"a value is needed that does not exist while {recording.title} is traced: "
                f"{describe_slot(recording, self.id)} is known only when the program runs; what "
                "decides sizes and settings is a static argument (static_argnums), or closed over"
            )
        return value


def is_same(x, y):
    """Whether two tracers denote one slot of one recording."""
    return x.recording is y.recording and x.id == y.id


def type_of_value(x):
    """The type of a tracer or a plain value."""
    return x.type if type(x) is Tracer else type_of(x)
