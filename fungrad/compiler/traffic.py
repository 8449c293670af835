"""What compiled code reads and writes, from the schedule alone."""

from fungrad.compiler.fusion.fuse import MOST_LOCALS, fitting_locals, fuse
from fungrad.compiler.fusion.groups import Group
from fungrad.core.cost import nbytes, total_bytes


def memory_traffic(program, is_in_loop=False):
    """The bytes that the kernels and routines of an optimised program read and write.

    What a kernel computes while it reads counts nothing, nor do local variables, apart from small
    arguments that are loaded into them and results that are stored from them. A loop that
    decides at run time how often it turns counts one turn.
    """
    most_locals = _locals_of(program, is_in_loop)
    schedule = fuse(program, most_locals)
    total = 0
    if not is_in_loop:
        borders = [*program.inputs, *program.outputs]
        total = total_bytes([v for v in borders if getattr(v.type, "size", 0) <= most_locals])
    for step in schedule.steps:
        if isinstance(step, Group):
            total += total_bytes(step.reads) + _written(step, schedule)
        elif not step.is_local:
            inner = step.equation.primitive.runs()
            if inner:
                turns = [(p, 1 if times is None else times) for p, times in inner]
                total += sum(memory_traffic(p, True) * times for p, times in turns)
            else:
                total += total_bytes(step.reads) + total_bytes(step.outputs)
    return total


def kernels(program):
    """The groups of equations that become one kernel each, and the single routines, in order."""
    return fuse(program, _locals_of(program, False)).steps


def _locals_of(program, is_in_loop):
    from fungrad.compiler.assemble import has_only_small_values

    if not is_in_loop and has_only_small_values(program):
        return MOST_LOCALS
    return fitting_locals(program, is_in_loop)


def _written(group, schedule):
    return sum(nbytes(v.type) for v in group.outputs if v in schedule.stored)
