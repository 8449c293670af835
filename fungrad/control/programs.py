"""Programs with inputs and outputs in another order, and other small surgery on inner programs."""

from dataclasses import replace

from fungrad.core.evaluation import evaluate
from fungrad.core.program import Program, Variable, acts, derived, live, subprograms
from fungrad.core.tracing import Recording, state
from fungrad.primitives.collectives import Collective


class OfProgram:
    """What primitives share that compute what their `program` computes."""

    has_many_outputs = True
    is_deferred = True
    may_name_axes = True

    def infer(self, *types):
        """The types of the program's outputs."""
        return self.program.output_types

    def evaluate(self, *values):
        """The program's outputs, by NumPy."""
        return tuple(evaluate(self.program, values))


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


def without_invariants(program, count, start):
    """What a loop body computes anew each time although only its constants matter.

    Constants are the first `count` inputs; only outputs from `start` on are looked at. Returns a
    program from the constants to such values, the body without them, which takes them as further
    constants, and their positions among the outputs. What may fail stays: the loop may not run.
    """
    variant = set(program.inputs[count:])
    fixed = []
    for e in program.equations:
        p = e.primitive
        is_bound = hasattr(p, "failure") or hasattr(p, "may_fail") or acts(e)
        if variant.isdisjoint(e.inputs) and not is_bound:
            fixed.append(e)
        else:
            variant.update(e.outputs)
    made = {v for e in fixed for v in e.outputs}
    moved = [k for k, v in enumerate(program.outputs) if k >= start and v in made]
    values = tuple(dict.fromkeys([program.outputs[k] for k in moved]))
    constants = program.inputs[:count]
    outer = live(Program(constants, tuple(fixed), values, program.name))
    given = {v: Variable(v.type) for v in values}
    equations = [
        replace(e, inputs=tuple([given.get(v, v) for v in e.inputs])) for e in program.equations
    ]
    outputs = [given.get(v, v) for k, v in enumerate(program.outputs) if k not in moved]
    inputs = (*constants, *given.values(), *program.inputs[count:])
    inner = live(Program(inputs, tuple(equations), tuple(outputs), program.name))
    return outer, inner, {k: values.index(program.outputs[k]) for k in moved}


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


def inlined(program, inputs):
    """The outputs of a program, recorded even where no input is traced."""
    return state.recording.inline_outputs(program, inputs)[0]


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
