"""Reductions over the batch axis of an enclosing `vmap(..., axis_name=)`, on pytrees."""

from fungrad.core import tree
from fungrad.core.errors import UnknownAxisNameError
from fungrad.core.tracing import state
from fungrad.numpy.creation import operand
from fungrad.numpy.shapes import moveaxis, reshape
from fungrad.primitives.collectives import AllGather, AxisIndex, Combine
from fungrad.primitives.reductions import Max, Min, Sum


def axis_size(axis_name):
    """The size of a named batch axis; UnknownAxisNameError when no enclosing vmap has it."""
    recording = state.recording
    while recording is not None:
        axis = getattr(recording, "axis", None)
        if axis is not None and axis.name == axis_name:
            return axis.size
        recording = recording.parent
    raise UnknownAxisNameError(
        f"no enclosing vmap has axis_name={axis_name!r}; write vmap(f, axis_name={axis_name!r})"
    )


def _names(axis_name):
    return tuple(axis_name) if isinstance(axis_name, tuple | list) else (axis_name,)


def _combined(function, x, axis_name):
    for name in _names(axis_name):
        axis_size(name)
        x = tree.map(lambda leaf, name=name: Combine(function, name)(operand(leaf)), x)
    return x


def psum(x, axis_name):
    """The sum over a named batch axis (or several), of every array in a pytree."""
    return _combined(Sum, x, axis_name)


def pmean(x, axis_name):
    """The mean over a named batch axis (or several), of every array in a pytree."""
    count = 1
    for name in _names(axis_name):
        count *= axis_size(name)
    return tree.map(lambda leaf: leaf / count, psum(x, axis_name))


def pmax(x, axis_name):
    """The maximum over a named batch axis (or several), of every array in a pytree."""
    return _combined(Max, x, axis_name)


def pmin(x, axis_name):
    """The minimum over a named batch axis (or several), of every array in a pytree."""
    return _combined(Min, x, axis_name)


def all_gather(x, axis_name, *, axis=0, tiled=False):
    """The values of all elements of a named batch axis, along a new axis; `tiled` joins them."""
    size = axis_size(axis_name)

    def gathered(leaf):
        y = moveaxis(AllGather(axis_name, size)(operand(leaf)), 0, axis)
        if not tiled:
            return y
        at = axis % (y.ndim - 1)
        return reshape(y, (*y.shape[:at], -1, *y.shape[at + 2 :]))

    return tree.map(gathered, x)


def axis_index(axis_name):
    """The position along a named batch axis, int64."""
    axis_size(axis_name)
    return AxisIndex(axis_name)()
