"""Reverse mode: linearize, then transpose."""

from fungrad.core.program import Program, derived
from fungrad.core.record import record
from fungrad.core.running import run
from fungrad.transforms.linearize import linearize
from fungrad.transforms.transpose import transpose


@record(frozen=True)
class Reverse:
    """The two halves of a reverse derivative.

    `forward` is x -> (y, residuals); `backward` is (residuals, ct_y) -> ct_x, where only outputs
    with `given` have a cotangent and only inputs with `has_cotangent` get one. For `slots` see
    `Linearized`.
    """

    forward: Program
    backward: Program
    slots: tuple | None
    residual_count: int
    given: tuple
    has_cotangent: tuple

    def pull_back(self, residuals, cotangents, run=run):
        """The cotangents of the inputs, None where there is none, from those of the outputs."""
        given = cotangents
        if not all(self.given):
            given = [c for c, g in zip(cotangents, self.given, strict=True) if g]
        pulled = run(self.backward, [*residuals, *given])
        if len(pulled) == len(self.has_cotangent):
            return pulled
        pulled = iter(pulled)
        return [next(pulled) if has else None for has in self.has_cotangent]


@derived
def vjp(program, active, wanted):
    """x -> (y, residuals) and (residuals, ct_y) -> ct_x.

    `active` marks the inputs to differentiate, `wanted` the outputs that may have a cotangent.
    """
    halves = linearize(program, active)
    linear = (False,) * halves.residual_count + (True,) * sum(active)
    given = tuple([a and w for a, w in zip(halves.out_active, wanted, strict=True)])
    among = tuple([w for a, w in zip(halves.out_active, wanted, strict=True) if a])
    backward, found = transpose(halves.linear, linear, among)
    marks = iter(found)
    has_cotangent = tuple([a and next(marks) for a in active])
    return Reverse(
        halves.forward, backward, halves.slots, halves.residual_count, given, has_cotangent
    )
