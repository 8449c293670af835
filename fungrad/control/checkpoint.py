"""Functions whose intermediate values are computed again in the backward pass."""

from fungrad.control.programs import OfProgram, marks, present, spread
from fungrad.core.primitive import Routine
from fungrad.core.program import Program, live
from fungrad.transforms.batch import batch
from fungrad.transforms.jvp import jvp
from fungrad.transforms.linearize import Split, partition, recompute
from fungrad.transforms.transpose import transpose


class Checkpoint(OfProgram, Routine):
    """The outputs of a program; of its values only those that `policy` accepts are residuals.

    `policy(primitive)` says whether the outputs of an equation are saved; None saves nothing.
    """

    program: Program
    policy: object = None

    def jvp(self, inputs, tangents):
        program, out_active = jvp(self.program, marks(tangents))
        results = Checkpoint(program, self.policy)(*inputs, *present(tangents))
        n = len(self.program.outputs)
        return results[:n], spread(results[n:], out_active)

    def split(self, known):
        """The first half saves what the policy accepts; the second computes the rest again."""
        program = self.program
        unknown_inputs = [v for v, k in zip(program.inputs, known, strict=True) if not k]
        first, second, replaced, _ = partition(program.equations, set(unknown_inputs))
        depends = set(unknown_inputs) | {v for e in second for v in e.outputs}
        outputs = [replaced.get(v, v) for v in program.outputs]
        known_outputs = tuple([v not in depends for v in outputs])
        kept = [v for v, k in zip(outputs, known_outputs, strict=True) if k]
        rest = [v for v, k in zip(outputs, known_outputs, strict=True) if not k]
        saved = {
            v
            for e in first
            if self.policy is not None and self.policy(e.equation.primitive)
            for v in e.outputs
        }
        residuals, completed = recompute(first, second, saved, rest, set(unknown_inputs))
        places = {v: i for i, v in enumerate(program.inputs)}
        made = [v for v in residuals if v not in places]
        known_inputs = tuple([v for v, k in zip(program.inputs, known, strict=True) if k])
        equations = tuple([e.equation for e in first])
        forward = Program(known_inputs, equations, (*kept, *made), program.name)
        again = Program((*residuals, *unknown_inputs), tuple(completed), tuple(rest), program.name)
        sources = tuple(
            [
                ("input", places[v]) if v in places else ("output", len(kept) + made.index(v))
                for v in residuals
            ]
        )
        return Split(Checkpoint(live(forward)), Checkpoint(again), known_outputs, sources)

    def transpose(self, cotangents, inputs, linear):
        program, found = transpose(self.program, tuple(linear), marks(cotangents))
        values = [x for x, is_linear in zip(inputs, linear, strict=True) if not is_linear]
        pulled = Checkpoint(program)(*values, *present(cotangents))
        pulled = iter(spread(pulled, found))
        return tuple([next(pulled) if is_linear else None for is_linear in linear])

    def batch(self, inputs, batched, axis):
        program, out_batched = batch(self.program, tuple(batched), axis)
        return Checkpoint(program, self.policy)(*inputs), out_batched

    def emit(self, build, inputs, outputs):
        build.checkpoint(self, inputs, outputs)
