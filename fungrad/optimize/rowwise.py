"""What is made row by row: along which axes of its inputs an axis of an output runs.

Where the output is wanted at some places of an axis only, the inputs are wanted at the same places
of theirs, and the same primitive, resized, makes the one from the others.
"""

from math import prod

from fungrad.core.primitive import Reduction
from fungrad.primitives import elementwise as e
from fungrad.primitives import movement as m
from fungrad.primitives.contraction import Contract
from fungrad.primitives.joining import Concatenate, Pad


def axes_of_inputs(equation, axis):
    """Per input, its axis along which that axis of the output runs, or None: it has none.

    None instead of the tuple, where places of the output mix places of an input.
    """
    rule = _AXES.get(type(equation.primitive)) or _axes_of_kind(equation.primitive)
    return None if rule is None else rule(equation.primitive, axis, equation)


def resized(primitive, axis, size):
    """The primitive that makes an output of another size along a rowwise axis."""
    if isinstance(primitive, m.Broadcast | m.Fill | m.Reshape):
        return primitive.replace(shape=_with(primitive.shape, axis, size))
    if isinstance(primitive, m.Slice):
        return primitive.replace(stops=_with(primitive.stops, axis, size))
    return primitive


def _with(shape, axis, size):
    return (*shape[:axis], size, *shape[axis + 1 :])


def _axes_of_kind(primitive):
    return _reduction if isinstance(primitive, Reduction) else None


def _elementwise(primitive, axis, equation):
    return tuple([axis if v.type.shape else None for v in equation.inputs])


def _reduction(primitive, axis, equation):
    (x,) = equation.inputs
    kept = [a for a in range(x.type.ndim) if a not in primitive.axes]
    return (kept[axis],)


def _contract(primitive, axis, equation):
    label = primitive.out[axis]
    operands = (primitive.left, primitive.right)
    return tuple([o.index(label) if label in o else None for o in operands])


def _transpose(primitive, axis, equation):
    return (primitive.order[axis],)


def _broadcast(primitive, axis, equation):
    (x,) = equation.inputs
    for a, to in enumerate(primitive.axes):
        if to == axis and x.type.shape[a] == primitive.shape[axis]:
            return (a,)
    return (None,)


def _fill(primitive, axis, equation):
    return (None,)


def _reshape(primitive, axis, equation):
    """The axis of the same size with as many elements before it."""
    source, target = equation.inputs[0].type.shape, primitive.shape
    before, size = prod(target[:axis]), target[axis]
    found = [a for a, n in enumerate(source) if n == size and prod(source[:a]) == before]
    return (found[0],) if found and size > 1 else None


def _slice(primitive, axis, equation):
    x = equation.inputs[0].type
    return (axis,) if equation.outputs[0].type.shape[axis] == x.shape[axis] else None


def _reverse(primitive, axis, equation):
    return None if axis in primitive.axes else (axis,)


def _concatenate(primitive, axis, equation):
    return None if axis == primitive.axis else (axis,) * len(equation.inputs)


def _pad(primitive, axis, equation):
    around = primitive.low[axis], primitive.high[axis], primitive.interior[axis]
    return None if any(around) else (axis, None)


_AXES = {
    e.Elementwise: _elementwise,
    e.Convert: _elementwise,
    e.IntegerPower: _elementwise,
    Contract: _contract,
    m.Transpose: _transpose,
    m.Broadcast: _broadcast,
    m.Fill: _fill,
    m.Reshape: _reshape,
    m.Slice: _slice,
    m.Reverse: _reverse,
    Concatenate: _concatenate,
    Pad: _pad,
}
