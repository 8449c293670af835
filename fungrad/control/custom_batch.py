"""Functions with a rule of the user's own for `vmap`."""

from fungrad.control.programs import OfProgram, marks, present, spread
from fungrad.core.primitive import Routine
from fungrad.core.program import Program
from fungrad.core.running import run
from fungrad.transforms.jvp import jvp
from fungrad.transforms.transpose import transpose


class CustomVmap(OfProgram, Routine):
    """What `program` computes; over a batch axis what `rule(axis_size, batched, inputs)` does.

    The rule returns the outputs and which of them have the axis. Derivatives are those of the
    program; a derivative of the batched function is that of the rule.
    """

    program: Program
    rule: object
    label: str

    name = "custom_vmap"

    def jvp(self, inputs, tangents):
        program, out_active = jvp(self.program, marks(tangents))
        results = run(program, [*inputs, *present(tangents)])
        return self(*inputs), spread(results[len(out_active) :], out_active)

    def transpose(self, cotangents, inputs, linear):
        program, found = transpose(self.program, tuple(linear), marks(cotangents))
        values = [x for x, is_linear in zip(inputs, linear, strict=True) if not is_linear]
        pulled = iter(spread(run(program, [*values, *present(cotangents)]), found))
        return tuple([next(pulled) if is_linear else None for is_linear in linear])

    def batch(self, inputs, batched, axis):
        return self.rule(axis.size, tuple(batched), inputs)

    @property
    def inlined(self):
        """The program that the compiler puts in place of the call."""
        return self.program

    def emit(self, build, inputs, outputs):
        build.inline(self.program, inputs, outputs)
