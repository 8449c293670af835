"""How the gradient of a recorded program is computed: planned once per program, run per call."""

from fungrad.api.zeros import zeros_like
from fungrad.core.evaluation import reader, slots
from fungrad.core.program_table import recorded_places
from fungrad.transforms.vjp import vjp


class Gradient:
    """The derivative of a program's first output in its first inputs, two ways.

    `halves` are programs to record in an enclosing trace, where they are differentiated again.
    With `is_direct`, where all values are known, `pull(values)` takes the slots of the recording: the outputs, then
    the cotangents that are not zero. It runs the backward half with the cotangent 1 put in, and
    optimised: nobody looks at it but NumPy.
    """

    def __init__(self, program, count):
        inputs = program.inputs
        active = tuple([i < count and v.type.is_differentiable for i, v in enumerate(inputs)])
        wanted = tuple([k == 0 for k in range(len(program.outputs))])
        self.halves = vjp(program, active, wanted)
        self.seed = program.outputs[0].type.dtype.type(1)
        self.types = [v.type for v in inputs[:count]]
        self.is_complete = all(self.halves.has_cotangent[:count])
        self.pull, self.count = None, len(program.outputs)
        outputs = [slots(program).get(v) for v in program.outputs]
        known = self.halves.slots is not None and None not in outputs
        self.is_direct = known and any(self.halves.given)
        if self.is_direct:
            places = recorded_places(program) or range(len(slots(program)))
            self._residuals = [places[s] for s in self.halves.slots]
            self._outputs = [places[s] for s in outputs]

    def prepare(self):
        """Make `pull`, which gradients that are recorded in an enclosing trace have no need of."""
        from fungrad.optimize.passes import tidied  # compiled programs from disk need no passes
        from fungrad.optimize.rewrite import with_literals

        backward = with_literals(self.halves.backward, {len(self._residuals): self.seed})
        self.pull = reader(tidied(backward), self._residuals, self._outputs)

    def complete(self, pulled):
        """The cotangents of all traced leaves, zeros among them."""
        if self.is_complete:
            return pulled
        pulled = iter(pulled)
        return [
            next(pulled) if has else zeros_like(t)
            for has, t in zip(self.halves.has_cotangent, self.types, strict=False)
        ]
