"""How the derivatives of a recorded program are computed: planned once per program, run per call.

A plan has the two halves of a derivative as programs, to record in an enclosing trace, where they
are differentiated again. Where all values are known it takes what it needs from the slots of the
recording, and the half that is linear is optimised: nobody looks at it but NumPy.
"""

from fungrad.api.zeros import zeros_like
from fungrad.core.evaluation import evaluator, may_share, reader, slots
from fungrad.core.program import derived
from fungrad.core.program_table import recorded_places
from fungrad.core.record import record
from fungrad.transforms.linearize import linearize
from fungrad.transforms.vjp import vjp


@record
class Places:
    """Where a recording of a program keeps its outputs, and the residuals of a derivative.

    `is_shared` says whether outputs may share memory with other values, `is_kept` whether they may
    be residuals, `shared` which residuals may share memory with the arguments.
    """

    outputs: list
    residuals: list
    is_shared: bool
    is_kept: bool
    shared: list


def places_of(program, halves):
    """The places of what a derivative needs, or None where some of it has to be computed."""
    numbers = slots(program)
    outputs = [numbers.get(v) for v in program.outputs]
    if halves.slots is None or None in outputs:
        return None
    places, variables = recorded_places(program) or range(len(numbers)), list(numbers)
    kept = [variables[s] for s in halves.slots]
    return Places(
        [places[s] for s in outputs],
        [places[s] for s in halves.slots],
        bool(may_share(program, program.outputs)),
        not set(outputs).isdisjoint(halves.slots),
        may_share(program, kept),
    )


class Gradient:
    """The derivative of a program's first output in its first inputs.

    With `is_direct`, where all values are known, `pull(values)` takes the slots of the recording to
    the outputs and the cotangents that are not zero. It runs the backward half with the cotangent 1
    put in. It is None until it is prepared.
    """

    def __init__(self, program, count):
        wanted = tuple([k == 0 for k in range(len(program.outputs))])
        self.halves = vjp(program, active(program, count), wanted)
        self.seed = program.outputs[0].type.dtype.type(1)
        self.types = program.input_types[:count]
        self.has = self.halves.has_cotangent[:count]
        self.is_complete = all(self.has)
        self.pull = None
        self.places = places_of(program, self.halves)
        self.is_direct = self.places is not None and any(self.halves.given)

    def prepare(self):
        """Make `pull`, which gradients that are recorded in an enclosing trace have no need of."""
        from fungrad.optimize.rewrite import with_literals

        places = self.places
        backward = with_literals(self.halves.backward, {len(places.residuals): self.seed})
        backward = _tidied(backward)
        self.pull = reader(backward, places.residuals, places.outputs)
        self.is_shared = places.is_shared or bool(may_share(backward, backward.outputs))

    def complete(self, pulled):
        """The cotangents of all traced leaves, zeros among them."""
        return pulled if self.is_complete else _with_zeros(pulled, self.has, self.types)


class Tangents:
    """The tangents of a program's outputs along tangents of its first inputs, as `active` marks.

    With `is_direct`, where all values are known, `push(values, tangents)` takes the slots of the
    recording to the outputs and the tangents that are not zero.
    """

    def __init__(self, program, active):
        rest = len(program.inputs) - len(active)
        self.halves = linearize(program, active + (False,) * rest)
        self.active, self.types = active + (False,) * rest, program.output_types
        self.has = self.halves.out_active
        self.is_complete = all(self.has)
        places = places_of(program, self.halves)
        self.is_direct = places is not None
        if self.is_direct:
            linear = _tidied(self.halves.linear)
            self.push = reader(linear, places.residuals, places.outputs)
            self.is_shared = places.is_shared or bool(may_share(linear, linear.outputs))

    def complete(self, pushed):
        """The tangents of all outputs, zeros among them."""
        return pushed if self.is_complete else _with_zeros(pushed, self.has, self.types)


tangents = derived(Tangents)


def _with_zeros(found, has, types):
    """What was found in the places that have something, zeros in the others."""
    found = iter(found)
    return [next(found) if h else zeros_like(t) for h, t in zip(has, types, strict=True)]


@record
class Linear:
    """The halves of a derivative, the places of what they need, and the types at both ends."""

    halves: object
    places: object
    in_types: tuple
    out_types: tuple

    @classmethod
    def of(cls, program, halves, count):
        return cls(
            halves, places_of(program, halves), program.input_types[:count], program.output_types
        )


@derived
def forward(program, count):
    """The derivative in the first inputs by forward mode."""
    return Linear.of(program, linearize(program, active(program, count)), count)


@derived
def reverse(program, count, wanted=None):
    """The derivative in the first inputs of the outputs marked in `wanted`, by reverse mode.

    By default these are all that have one.
    """
    if wanted is None:
        wanted = tuple([v.type.is_differentiable for v in program.outputs])
    return Linear.of(program, vjp(program, active(program, count), wanted), count)


def active(program, count):
    """Marks for the inputs of a program: the first `count` are differentiated."""
    inputs = program.inputs
    return tuple([i < count and v.type.is_differentiable for i, v in enumerate(inputs)])


@derived
def linear_evaluator(program):
    """A function that evaluates a program nobody looks at but NumPy, and whether what it returns
    may share memory with other values."""
    program = _tidied(program)
    return evaluator(program, False), bool(may_share(program, program.outputs))


def _tidied(program):
    from fungrad.optimize.passes import tidied  # compiled programs from disk need no passes

    return tidied(program)
