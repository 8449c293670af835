"""Forms: what the interfaces of compiled programs are made from, as they are written on disk."""

from fungrad.compiler.execution.plan import Given, Made
from fungrad.core.open_values import OpenNumber


def form_of(
    arguments, origins, outputs, sizes, buffers, stacks, is_short, stack_inputs, note_slot=None
):
    """What an interface is made from: tuples of plain data, in which numbers may be open.

    `origins` are those of `plan`, or "sizes", "workspace", "counters", "callbacks". `sizes` has a
    slot per buffer, which `buffers` say as (slot, bytes, first use, last use).
    """
    return (
        tuple(map(argument_as_data, arguments)),
        tuple(map(_origin_as_data, origins)),
        tuple([(kind, _OUTPUTS.get(kind, int)(what)) for kind, what in outputs]),
        tuple([0 if n is None else _plain(n) for n in sizes]),
        tuple([(slot, _plain(nbytes), first, last) for slot, nbytes, first, last in buffers]),
        stacks,
        bool(is_short),
        tuple(stack_inputs.items()),
        note_slot,
    )


def _plain(number):
    return number if type(number) is OpenNumber else int(number)


#: How what an output comes from is written where it is no number; `interface` reads it.
_OUTPUTS = {
    "literal": lambda value: (value.dtype.str, value.tobytes()),
    "array": lambda type: (type.dtype.str, type.shape),
}


def argument_as_data(argument):
    """An argument of a generated function as plain data."""
    return type(argument).__name__, argument.dtype.str, getattr(argument, "aliased", False)


def _origin_as_data(origin):
    if isinstance(origin, Given):
        return "given", origin.shape, origin.is_written
    return ("made", origin.shape) if isinstance(origin, Made) else origin
