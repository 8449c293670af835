"""A choice between programs."""

import numpy as np

from fungrad.control.programs import combines_rows, inlined, marks, present, recorded, spread
from fungrad.control.while_loop import borrowed, where_rows
from fungrad.core.cost import flops_of
from fungrad.core.errors import ShapeError
from fungrad.core.evaluation import evaluate
from fungrad.core.primitive import Routine
from fungrad.core.tracer import type_of_value
from fungrad.core.types import ArrayType
from fungrad.primitives.elementwise import Convert, equal
from fungrad.primitives.reductions import Any
from fungrad.transforms.batch import batch
from fungrad.transforms.interpret import zeros
from fungrad.transforms.jvp import jvp
from fungrad.transforms.linearize import Split, split
from fungrad.transforms.transpose import transpose


class Cond(Routine):
    """The outputs of one of the branches: operand 0 (int64) says which, the others go to it.

    An index outside the branches is moved to the nearest one.
    """

    branches: tuple
    has_many_outputs = True
    is_deferred = True
    may_name_axes = True
    may_fail = True

    def runs(self):
        """The branch that takes the most operations."""
        return ((max(self.branches, key=lambda branch: flops_of(branch)[0]), 1),)

    def infer(self, index, *types):
        for branch in self.branches:
            if branch.input_types != types:
                raise ShapeError(f"cond: operands {types} do not fit {branch.input_types}")
        return self.branches[0].output_types

    def evaluate(self, index, *values):
        chosen = min(max(int(index), 0), len(self.branches) - 1)
        return tuple(evaluate(self.branches[chosen], values))

    def jvp(self, inputs, tangents):
        index, *operands = inputs
        active = marks(tangents[1:])
        union = (False,) * len(self.branches[0].outputs)
        for branch in self.branches:
            _, out = jvp(branch, active)
            union = tuple([a or b for a, b in zip(union, out, strict=True)])
        programs = tuple([jvp(branch, active, union)[0] for branch in self.branches])
        results = Cond(programs)(index, *operands, *present(tangents[1:]))
        n = len(union)
        return results[:n], spread(results[n:], union)

    def split(self, known):
        """Residuals of all branches side by side; a branch fills those of the others with zeros."""
        if not known[0]:
            return None
        known = tuple(known[1:])
        count = len(self.branches[0].outputs)
        unknown = (False,) * count
        for branch in self.branches:
            marks_of = split(branch, known)[2]
            unknown = tuple([u or not k for u, k in zip(unknown, marks_of, strict=True)])
        halves = [split(branch, known, unknown) for branch in self.branches]
        kept = count - sum(unknown)
        made = [first.output_types[kept:] for first, _, _, _ in halves]
        slots = _shared_slots(made)
        firsts = tuple(
            [_filling(first, kept, slots, k) for k, (first, _, _, _) in enumerate(halves)]
        )
        inputs = sorted({i for *_, sources in halves for kind, i in sources if kind == "input"})
        residuals = [("input", 0), *(("input", 1 + i) for i in inputs)]
        residuals += [("output", kept + j) for j in range(len(slots))]
        seconds = tuple(
            [
                _reading(second, sources, inputs, self.branches[0], slots, k, kept)
                for k, (_, second, _, sources) in enumerate(halves)
            ]
        )
        known_outputs = tuple([not u for u in unknown])
        return Split(Cond(firsts), Cond(seconds), known_outputs, tuple(residuals))

    def transpose(self, cotangents, inputs, linear):
        index, *operands = inputs
        linear = tuple(linear[1:])
        given = marks(cotangents)
        programs = tuple([transpose(b, linear, given, True)[0] for b in self.branches])
        values = [x for x, is_linear in zip(operands, linear, strict=True) if not is_linear]
        pulled = iter(Cond(programs)(index, *values, *present(cotangents)))
        return (None, *[next(pulled) if is_linear else None for is_linear in linear])

    def batch(self, inputs, batched, axis):
        index, *operands = inputs
        is_ragged, marked = batched[0], tuple(batched[1:])
        union = (is_ragged,) * len(self.branches[0].outputs)
        for branch in self.branches:
            _, out = batch(branch, marked, axis)
            union = tuple([a or b for a, b in zip(union, out, strict=True)])
        programs = [batch(branch, marked, axis, union)[0] for branch in self.branches]
        if not is_ragged:
            return Cond(tuple(programs))(index, *operands), union
        return self._batch_ragged(programs, index, operands, marked, axis), union

    def _batch_ragged(self, programs, index, operands, marked, axis):
        """Each branch runs if some row takes it; rows that do not take it compute on the operands
        of one that does, where the branch is known to be safe, and throw the result away. In a
        branch with a collective over this axis they compute on their own: all rows are summed."""
        from fungrad.primitives.elementwise import maximum, minimum

        last = np.int64(len(programs) - 1)
        index = minimum(maximum(index, np.int64(0)), last)
        types = programs[0].output_types
        result = [zeros(t) for t in types]
        for k, program in enumerate(programs):
            takes = equal(index, np.int64(k))
            n = len(operands)
            lent = marked
            if combines_rows(self.branches[k], axis.name):
                lent = (False,) * n

            def chosen(*v, program=program, n=n, lent=lent):
                safe = borrowed(v[1 : 1 + n], lent, v[0], axis)
                return where_rows(v[0], inlined(program, safe), v[1 + n :])

            operand_types = [type_of_value(x) for x in operands]
            mask = ArrayType((axis.size,), np.bool_)
            body = recorded(chosen, [mask, *operand_types, *types], program.name)
            skip = recorded(lambda *v, n=n: v[1 + n :], [mask, *operand_types, *types], "skip")
            is_taken = Convert(np.dtype(np.int64))(Any((0,))(takes))
            result = Cond((skip, body))(is_taken, takes, *operands, *result)
        return list(result)

    def emit(self, build, inputs, outputs):
        build.cond(self, inputs, outputs)


def _shared_slots(made):
    """Residual slots that the branches share: for each its type and, per branch, which residual.

    Only one branch runs, so residual arrays of equal type of different branches take one slot. A
    stack has a slot of its own: rows of a batch that take different branches keep both stacks.
    """
    slots = []
    for k, types in enumerate(made):
        free = list(range(len(slots)))
        for number, t in enumerate(types):
            is_shared = isinstance(t, ArrayType)
            place = next((j for j in free if is_shared and slots[j][0] is t), None)
            if place is None:
                slots.append((t, {}))
                place = len(slots) - 1
            else:
                free.remove(place)
            slots[place][1][k] = number
    return slots


def _filling(first, kept, slots, k):
    """The first half of branch k with a value for every slot."""

    def padded(*v):
        results = inlined(first, v)
        made = [results[kept + users[k]] if k in users else zeros(t) for t, users in slots]
        return [*results[:kept], *made]

    return recorded(padded, list(first.input_types), first.name)


def _reading(second, sources, inputs, branch, slots, k, kept):
    """The second half of branch k, which takes the residuals of all branches."""
    input_types = [branch.input_types[i] for i in inputs]
    slot_types = [t for t, _ in slots]
    rest = second.input_types[len(sources) :]
    place = {users[k]: j for j, (_, users) in enumerate(slots) if k in users}

    def reordered(*v):
        n, m = len(inputs), len(inputs) + len(slots)
        own = []
        for kind, i in sources:
            own.append(v[inputs.index(i)] if kind == "input" else v[n + place[i - kept]])
        return inlined(second, [*own, *v[m:]])

    return recorded(reordered, [*input_types, *slot_types, *rest], second.name)
