"""A jitted function as one equation."""

from fungrad.control.programs import marks, present, spread
from fungrad.core.evaluation import evaluate
from fungrad.core.primitive import Routine
from fungrad.core.program import Program
from fungrad.transforms.batch import batch
from fungrad.transforms.jvp import jvp
from fungrad.transforms.linearize import Split, split
from fungrad.transforms.transpose import transpose


class Settings:
    """What `disable_jit` switches: whether calls are compiled."""

    is_compiled = True


settings = Settings()


class Call(Routine):
    """The outputs of a program; compiled when it is called, one equation when it is traced."""

    program: Program
    has_many_outputs = True
    is_deferred = True
    may_name_axes = True

    def infer(self, *types):
        return self.program.output_types

    def evaluate(self, *values):
        if not settings.is_compiled:
            return tuple(evaluate(self.program, values))
        from fungrad.compiler.runtime import compile_program

        return tuple(compile_program(self.program)(*values))

    def jvp(self, inputs, tangents):
        program, out_active = jvp(self.program, marks(tangents))
        results = Call(program)(*inputs, *present(tangents))
        n = len(self.program.outputs)
        return results[:n], spread(results[n:], out_active)

    def split(self, known):
        first, second, known_outputs, residuals = split(self.program, known)
        return Split(Call(first), Call(second), known_outputs, residuals)

    def transpose(self, cotangents, inputs, linear):
        program, found = transpose(self.program, tuple(linear), marks(cotangents))
        values = [x for x, is_linear in zip(inputs, linear, strict=True) if not is_linear]
        pulled = iter(spread(Call(program)(*values, *present(cotangents)), found))
        return tuple([next(pulled) if is_linear else None for is_linear in linear])

    def batch(self, inputs, batched, axis):
        program, out_batched = batch(self.program, tuple(batched), axis)
        return Call(program)(*inputs), out_batched

    @property
    def inlined(self):
        """The program that the compiler puts in place of the call."""
        return self.program

    def emit(self, build, inputs, outputs):
        build.call(self, inputs, outputs)
