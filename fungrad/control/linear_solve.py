"""The solution of linear equations by a solver of the user's own."""

from fungrad.control.batching import widened
from fungrad.control.programs import marks, present, spread
from fungrad.core.errors import LinearityError
from fungrad.core.evaluation import evaluate
from fungrad.core.primitive import Routine
from fungrad.core.program import Program
from fungrad.core.running import run
from fungrad.primitives.elementwise import negative
from fungrad.transforms.batch import batch
from fungrad.transforms.interpret import zeros
from fungrad.transforms.jvp import jvp
from fungrad.transforms.transpose import transpose


class LinearSolve(Routine):
    """x with A x = b, and what the solver returns besides.

    Operands are `count` values c on which A depends, then b. `matvec` is (c, x) -> A x, `solve` is
    (c, b) -> (x, rest), `transposed` is (c, b) -> x for the transpose of A, or None. Derivatives
    follow from the equation, whatever the solvers do: dx = A^-1 (db - dA x).
    """

    matvec: Program
    solve: Program
    transposed: Program
    count: int
    has_many_outputs = True
    is_deferred = True
    may_name_axes = True

    name = "linear_solve"

    @property
    def _size(self):
        """The number of arrays that x consists of."""
        return len(self.matvec.outputs)

    def infer(self, *types):
        return self.solve.output_types

    def evaluate(self, *values):
        return tuple(evaluate(self.solve, values))

    def runs(self):
        return ((self.solve, 1),)

    def jvp(self, inputs, tangents):
        constants, of_constants = inputs[: self.count], tangents[: self.count]
        results = self(*inputs)
        x = results[: self._size]
        right = list(tangents[self.count :])
        active = marks(of_constants)
        if any(active):
            program, moved = jvp(self.matvec, (*active, *[False] * self._size))
            found = run(program, [*constants, *x, *present(of_constants)])
            change = spread(found[self._size :], moved)
            right = [_difference(t, d) for t, d in zip(right, change, strict=True)]
        rest = (None,) * (len(results) - self._size)
        if all(t is None for t in right):
            return results, (*right, *rest)
        types = self.matvec.output_types
        right = [zeros(t) if r is None else r for r, t in zip(right, types, strict=True)]
        return results, (*self(*constants, *right)[: self._size], *rest)

    def transpose(self, cotangents, inputs, linear):
        if any(linear[: self.count]):
            raise LinearityError("linear_solve is linear in the right-hand side only")
        if self.transposed is None:
            raise LinearityError(
                "custom_linear_solve: reverse mode needs transpose_solve=, or symmetric=True"
            )
        is_linear = (*[False] * self.count, *[True] * self._size)
        vecmat, _ = transpose(self.matvec, is_linear, (True,) * self._size, True)
        pairs = zip(cotangents, self.matvec.output_types, strict=False)
        right = [zeros(t) if c is None else c for c, t in pairs]
        back = LinearSolve(vecmat, self.transposed, self.solve, self.count)
        found = back(*inputs[: self.count], *right)[: self._size]
        wanted = linear[self.count :]
        pairs = zip(found, wanted, strict=True)
        return (*[None] * self.count, *[c if is_wanted else None for c, is_wanted in pairs])

    def batch(self, inputs, batched, axis):
        wide = (*batched[: self.count], *[True] * self._size)
        inputs = widened(inputs, batched, wide, axis)
        programs = [
            None if p is None else batch(p, wide, axis, (True,) * len(p.outputs))[0]
            for p in (self.matvec, self.solve, self.transposed)
        ]
        results = LinearSolve(*programs, self.count)(*inputs)
        return results, (True,) * len(results)

    @property
    def inlined(self):
        """The program that the compiler puts in place of the call."""
        return self.solve

    def emit(self, build, inputs, outputs):
        build.inline(self.solve, inputs, outputs)


def _difference(t, change):
    """A tangent less another one; None is no tangent."""
    if change is None:
        return t
    return negative(change) if t is None else t - change
