"""Forward mode."""

from fungrad.core.program import derived, live
from fungrad.transforms.interpret import (
    Environment,
    as_tuples,
    finish,
    record,
    transform_recording,
    zeros,
)


@derived
def jvp(program, active, forced=None):
    """(x, dx) -> (y, dy), and which outputs have a tangent.

    `active[i]` says whether input i has a tangent; only those are among the inputs dx, and only
    outputs that have a tangent are among the outputs dy: those marked in `forced` always do.
    """
    result, _, out_active = record_jvp(program, active, forced)
    return live(result), out_active


@derived
def stopping_equations(program, active):
    """The equations that a tangent reaches and none leaves: rounding, comparisons, argmax."""
    stops = []
    record_jvp(program, active, stops=stops)
    return tuple(stops)


def record_jvp(program, active, forced=None, stops=None):
    """As `jvp`, with the slots of the new program that hold the values of the old variables.

    Equations that a tangent reaches and none leaves are appended to `stops`.
    """
    recording = transform_recording("jvp", program)
    primals, tangents = Environment(), Environment()
    with recording:
        primals.write(program.inputs, [recording.add_input(v.type) for v in program.inputs])
        for v, is_active in zip(program.inputs, active, strict=True):
            if is_active:
                tangents[v] = recording.add_input(v.type)
        for equation in program.equations:
            primitive, recording.source = equation.primitive, equation.source
            inputs = [primals.read(v) for v in equation.inputs]
            moving = [tangents.get(v) for v in equation.inputs]
            if all(t is None for t in moving):
                outputs = record(recording, primitive, inputs)
            else:
                outputs, dy = as_tuples(primitive, *primitive.jvp(inputs, moving))
                if stops is not None and all(t is None for t in dy):
                    stops.append(equation)
                tangents.update(
                    {v: t for v, t in zip(equation.outputs, dy, strict=True) if t is not None}
                )
            primals.write(equation.outputs, outputs)
        y = [primals.read(v) for v in program.outputs]
        dy = [tangents.get(v) for v in program.outputs]
        for k, v in enumerate(program.outputs):
            if forced is not None and forced[k] and dy[k] is None:
                dy[k] = zeros(v.type)
        result = finish(recording, [*y, *(t for t in dy if t is not None)], program)
        where = {v: recording.id_of(x) for v, x in primals.items()}
    return result, where, tuple([t is not None for t in dy])
