"""Programs with inputs and outputs in another order, and other small surgery on inner programs."""

from fungrad.core.program import Variable, derived, subprograms
from fungrad.core.tracing import Recording
from fungrad.primitives.collectives import Collective


@derived
def rearranged(program, inputs, outputs=None):
    """The program with inputs and outputs in another order.

    `inputs` and `outputs` hold positions; a type among the inputs adds an input nobody reads.
    """
    new = tuple([program.inputs[i] if type(i) is int else Variable(i) for i in inputs])
    kept = program.outputs if outputs is None else tuple([program.outputs[k] for k in outputs])
    return program.replace(inputs=new, outputs=kept)


@derived
def returning_inputs(program, positions):
    """The program with some of its inputs as further outputs."""
    extra = tuple([program.inputs[i] for i in positions])
    return program.replace(outputs=(*program.outputs, *extra))


@derived
def used_inputs(program):
    """Which inputs of the program some equation or output reads."""
    used = {v for e in program.equations for v in e.inputs}
    used.update(program.outputs)
    return tuple([v in used for v in program.inputs])


@derived
def combines_rows(program, label):
    """Whether the program, or one inside it, reduces over the batch axis of that name."""
    return any(
        (isinstance(e.primitive, Collective) and e.primitive.label == label)
        or any(combines_rows(inner, label) for _, inner in subprograms(e.primitive))
        for e in program.equations
    )


def recorded(function, types, name):
    """The program of a function on tracers; it must not capture anything."""
    recording = Recording(f"body of {name}", hides_values=True, takes_constants=True)
    with recording:
        outputs = function(*[recording.add_input(t) for t in types])
        program = recording.finish(outputs, name)
    if recording.captures:
        raise AssertionError(f"a loop body captured {recording.captures}")
    return program


def marks(values):
    """Which entries are not None."""
    return tuple([v is not None for v in values])


def present(values):
    """The entries that are not None."""
    return [v for v in values if v is not None]


def chosen(values, wanted):
    """The entries that are marked."""
    return [v for v, w in zip(values, wanted, strict=True) if w]


def spread(values, wanted):
    """Values in the places that are marked, None in the others."""
    values = iter(values)
    return tuple([next(values) if w else None for w in wanted])
