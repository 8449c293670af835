"""Batching: one program over a whole axis of inputs."""

from typing import NamedTuple

from fungrad.core.program import derived
from fungrad.core.types import ArrayType
from fungrad.primitives.collectives import Collective
from fungrad.primitives.movement import Broadcast
from fungrad.transforms.interpret import (
    Environment,
    as_tuples,
    finish,
    record,
    transform_recording,
)


class BatchAxis(NamedTuple):
    """The batch axis of a `vmap`: its size, and its name for collectives such as psum."""

    size: int
    name: object = None


@derived
def batch(program, batched, axis, forced=None):
    """The program over a batch axis in front of the inputs marked in `batched`.

    Returns the program and which outputs have the axis; those marked in `forced` always do.
    """
    recording = transform_recording("vmap", program)
    values, wide = Environment(), set()
    with recording:
        for v, is_batched in zip(program.inputs, batched, strict=True):
            shape = (axis.size, *v.type.shape) if is_batched else v.type.shape
            values[v] = recording.add_input(v.type.with_shape(shape))
            if is_batched:
                wide.add(v)
        for e in program.equations:
            recording.source = e.source
            inputs = [values.read(v) for v in e.inputs]
            marks = [v in wide for v in e.inputs]
            outputs, has_axis = batch_equation(recording, e.primitive, inputs, marks, axis)
            values.write(e.outputs, outputs)
            wide.update([v for v, is_wide in zip(e.outputs, has_axis, strict=True) if is_wide])
        outputs, out_batched = [], []
        for k, v in enumerate(program.outputs):
            value, is_wide = values.read(v), v in wide
            if forced is not None and forced[k] and not is_wide:
                (value,) = record(recording, broadcast(v.type, axis.size), (value,))
                is_wide = True
            outputs.append(value)
            out_batched.append(is_wide)
        result = finish(recording, outputs, program)
    return result, tuple(out_batched)


def broadcast(type, size):
    """The primitive that puts a batch axis in front of a value of a type."""
    if not isinstance(type, ArrayType):
        return type.broadcast(size)
    return Broadcast((size, *type.shape), tuple(range(1, type.ndim + 1)))


def batch_equation(recording, primitive, inputs, batched, axis):
    """The outputs of one equation over the batch axis, and which of them have it."""
    if isinstance(primitive, Collective) and primitive.label == axis.name:
        return as_tuples(primitive, *primitive.collapse(inputs, batched, axis))
    names_axis = axis.name is not None and getattr(primitive, "may_name_axes", False)
    if not any(batched) and not names_axis:
        outputs = record(recording, primitive, inputs)
        return outputs, (False,) * len(outputs)
    return as_tuples(primitive, *primitive.batch(inputs, batched, axis))
