"""Primitives whose value is a formula of other primitives, but whose derivative is their own."""

from functools import lru_cache

from fungrad.core.evaluation import evaluate
from fungrad.core.tracing import trace
from fungrad.core.types import type_of


class Composed:
    """What they share: `formula` is the value, as tuple of outputs, in terms of primitives."""

    def program(self, types):
        """The formula as a program."""
        return _traced(self, types)

    def evaluate(self, *values):
        outputs = evaluate(self.program(tuple([type_of(x) for x in values])), values)
        return tuple(outputs) if self.has_many_outputs else outputs[0]

    def emit(self, build, inputs, outputs):
        build.inline(self.program(tuple([v.type for v in inputs])), inputs, outputs)


@lru_cache(maxsize=2000)
def _traced(primitive, types):
    program, _ = trace(primitive.formula, types, f"formula of {primitive.name}")
    return program
