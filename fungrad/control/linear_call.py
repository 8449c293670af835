"""A linear function with a transpose of the user's own."""

from fungrad.control.batching import widened
from fungrad.control.programs import OfProgram, marks, present, spread
from fungrad.core.errors import LinearityError
from fungrad.core.primitive import Routine
from fungrad.core.program import Program
from fungrad.core.running import run
from fungrad.transforms.batch import batch
from fungrad.transforms.interpret import zeros
from fungrad.transforms.jvp import jvp


class LinearCall(OfProgram, Routine):
    """What `program` computes of (residuals, x), linear in x; `transposed` is its transpose.

    Operands are `residual_count` residuals r, then x. `program` is (r, x) -> y and `transposed` is
    (r, y) -> x. The tangent in x is the function itself, that in r comes from the program.
    """

    program: Program
    transposed: Program
    residual_count: int

    name = "linear_call"

    def runs(self):
        return ((self.program, 1),)

    def jvp(self, inputs, tangents):
        n = self.residual_count
        if any(t is not None for t in tangents[:n]):
            program, active = jvp(self.program, marks(tangents))
            results = run(program, [*inputs, *present(tangents)])
            return self(*inputs), spread(results[len(active) :], active)
        types = self.transposed.output_types
        moving = [zeros(v) if t is None else t for v, t in zip(types, tangents[n:], strict=True)]
        return self(*inputs), self(*inputs[:n], *moving)

    def transpose(self, cotangents, inputs, linear):
        n = self.residual_count
        if any(linear[:n]):
            raise LinearityError("linear_call is linear in its linear arguments only")
        types = self.program.output_types
        seeds = [zeros(t) if c is None else c for c, t in zip(cotangents, types, strict=True)]
        back = LinearCall(self.transposed, self.program, n)(*inputs[:n], *seeds)
        marked = zip(back, linear[n:], strict=True)
        return (*[None] * n, *[c if is_linear else None for c, is_linear in marked])

    def batch(self, inputs, batched, axis):
        n = self.residual_count
        marked = (*batched[:n], *[True] * (len(inputs) - n))
        inputs = widened(inputs, batched, marked, axis)
        wide = (True,) * len(self.program.outputs)
        program, _ = batch(self.program, marked, axis, wide)
        marked = (*batched[:n], *wide)
        transposed, _ = batch(self.transposed, marked, axis, (True,) * (len(inputs) - n))
        return LinearCall(program, transposed, n)(*inputs), wide

    @property
    def inlined(self):
        """The program that the compiler puts in place of the call."""
        return self.program

    def emit(self, build, inputs, outputs):
        build.inline(self.program, inputs, outputs)
