"""A loop of known length, or over the elements of a stack, that carries values along."""

from functools import cached_property

import numpy as np

from fungrad.control.batching import widened
from fungrad.control.covering import Turns, corresponding
from fungrad.control.lifting import cost_of, lifted
from fungrad.control.parting import parted
from fungrad.control.programs import (
    chosen,
    marks,
    present,
    rearranged,
    recorded,
    returning_inputs,
    spread,
    without_invariants,
)
from fungrad.control.stack import COUNT, Stack, StackType, element_type, stacked_type
from fungrad.core.errors import ShapeError
from fungrad.core.evaluation import evaluator
from fungrad.core.primitive import Routine
from fungrad.core.program import Program
from fungrad.core.running import run
from fungrad.core.tracer import type_of_value
from fungrad.core.types import ArrayType
from fungrad.optimize.common_subexpressions import share_common_subexpressions
from fungrad.primitives.elementwise import add
from fungrad.primitives.movement import front
from fungrad.transforms.batch import batch
from fungrad.transforms.interpret import zeros
from fungrad.transforms.jvp import jvp
from fungrad.transforms.linearize import Split, split
from fungrad.transforms.transpose import transpose


class Scan(Routine):
    """`carry, y = body(*constants, *carry, *x)` for each x; the last carry, and all y stacked.

    Operands: constants, carry, xs; outputs: carry, ys. The xs and ys are arrays whose first axis
    has the size `length`. Where `length` is None they are stacks, and the number of iterations is
    one more operand in front.
    """

    body: Program
    constant_count: int
    carry_count: int
    length: int | None
    reverse: bool
    progress: object = None
    has_many_outputs = True
    is_deferred = True
    may_name_axes = True

    def runs(self):
        return ((self.body, self.length),)

    # ---- the layout of the operands

    def parts(self, operands):
        """Operands as the number of iterations (or an empty list), constants, carry and xs."""
        first = 1 if self.length is None else 0
        a = first + self.constant_count
        b = a + self.carry_count
        return (
            list(operands[:first]),
            list(operands[first:a]),
            list(operands[a:b]),
            list(operands[b:]),
        )

    def inner(self, operands):
        """Per-operand entries as entries of the inputs of the body."""
        _, constants, carry, xs = self.parts(operands)
        return (*constants, *carry, *xs)

    def rows_of(self, operands):
        """The last of the operands: those that the loop reads row by row."""
        return self.parts(operands)[3]

    def infer(self, *types):
        _, constants, carry, xs = self.parts(types)
        for t in xs:
            if isinstance(t, ArrayType) and t.shape[:1] != (self.length,):
                raise ShapeError(f"scan of length {self.length} over {t}")
        elements = [element_type(t) for t in xs]
        if (*constants, *carry, *elements) != self.body.input_types:
            raise ShapeError(
                f"scan: operands {(*constants, *carry, *elements)} do not fit the body, which "
                f"takes {self.body.input_types}"
            )
        n = self.carry_count
        ys = [stacked_type(t, self.length) for t in self.body.output_types[n:]]
        return (*carry, *ys)

    def evaluate(self, *values):
        count, constants, carry, xs = self.parts(values)
        length = int(count[0]) if count else self.length
        step, n = evaluator(self.body, False), self.carry_count
        rows = [x.rows(length) if isinstance(x, Stack) else x for x in xs]
        types = self.body.output_types[n:]
        columns = [[] for _ in types]
        order = reversed(range(length)) if self.reverse else range(length)
        for i in self.progress.turns(order, length) if self.progress else order:
            result = step(*constants, *carry, *[r[i] for r in rows])
            carry = result[:n]
            for column, value in zip(columns, result[n:], strict=True):
                column.append(value)
        if self.reverse:
            columns = [column[::-1] for column in columns]
        return (*carry, *[self._stacked(c, t) for c, t in zip(columns, types, strict=True)])

    def _stacked(self, elements, type):
        stacked = stacked_type(type, self.length)
        if isinstance(stacked, StackType):
            return Stack(tuple(elements), stacked)
        if not elements:
            return np.empty((0, *type.shape), type.dtype)
        return np.stack(elements).astype(type.dtype, copy=False)

    # ---- comparison with other loops

    def turns(self, inputs):
        """The loop on operands, for comparison with another one."""
        _, constants, carry, xs = self.parts(inputs)
        kinds = (("fixed", constants), ("carry", carry), ("rows", xs))
        names = [(kind, k) for kind, values in kinds for k in range(len(values))]
        return Turns(tuple(constants), tuple(xs), tuple(carry), ((self.body, names),))

    def covers(self, inputs, other, other_inputs):
        """For each output of another such loop the number of an equal one of this, or None."""
        count, other_count = self.parts(inputs)[0], other.parts(other_inputs)[0]
        is_alike = self.length == other.length and self.reverse == other.reverse
        if self.progress or other.progress or not is_alike or count != other_count:
            return None
        return corresponding(self.turns(inputs), other.turns(other_inputs))

    # ---- the calculus

    def jvp(self, inputs, tangents):
        """One loop carries values and tangents together."""
        count, constants, carry, xs = self.parts(inputs)
        _, dconstants, dcarry, dxs = self.parts(tangents)
        n = self.carry_count
        ys = len(self.body.outputs) - n
        active = marks(dcarry)
        while True:
            in_active = (*marks(dconstants), *active, *marks(dxs))
            program, out_active = jvp(self.body, in_active, (*active, *(False,) * ys))
            if out_active[:n] == active:
                break
            active = tuple([a or b for a, b in zip(active, out_active[:n], strict=True)])
        dcarry = [
            zeros(t) if t_is_needed and d is None else d
            for d, t_is_needed, t in zip(dcarry, active, self._carry_types(), strict=True)
        ]
        program = self._interleaved(program, in_active, out_active)
        moving = [present(d) for d in (dconstants, dcarry, dxs)]
        loop = Scan(
            program,
            len(constants) + len(moving[0]),
            n + len(moving[1]),
            self.length,
            self.reverse,
            self.progress,
        )
        operands = (*count, *constants, *moving[0], *carry, *moving[1], *xs, *moving[2])
        results = list(loop(*operands))
        m = n + sum(active)
        y = (*results[:n], *results[m : m + ys])
        dy = (*results[n:m], *results[m + ys :])
        return y, spread(dy, out_active)

    def _carry_types(self):
        a = self.constant_count
        return self.body.input_types[a : a + self.carry_count]

    def _interleaved(self, program, in_active, out_active):
        """The jvp of the body with each tangent in the group of its value."""
        total, a, b = len(in_active), self.constant_count, self.constant_count + self.carry_count
        moved = iter(range(total, total + sum(in_active)))
        tangent = [next(moved) if is_active else None for is_active in in_active]
        inputs = []
        for start, stop in ((0, a), (a, b), (b, total)):
            inputs += [*range(start, stop), *present(tangent[start:stop])]
        count, n = len(out_active), self.carry_count
        moved = iter(range(count, count + sum(out_active)))
        tangent = [next(moved) if is_active else None for is_active in out_active]
        outputs = [*range(n), *present(tangent[:n]), *range(n, count), *present(tangent[n:])]
        return rearranged(program, tuple(inputs), tuple(outputs))

    def split(self, known):
        """Two loops: the first saves what the second reads, except constants and the xs."""
        count_known, constants, carry, xs = self.parts(known)
        if not all(count_known):
            return None
        n = self.carry_count
        ys = (False,) * (len(self.body.outputs) - n)
        kinds = ("fixed",) * len(constants) + ("carry",) * n + ("rows",) * len(xs)
        body = share_common_subexpressions(self.body)  # what is saved once is stacked once
        while True:
            inner = (*constants, *carry, *xs)
            forced = (*(not k for k in carry), *ys)
            first, second, known_outputs, sources = split(
                body, inner, forced, (kinds, self.length or 1, cost_of)
            )
            still = [a and b for a, b in zip(carry, known_outputs[:n], strict=True)]
            if still == carry:
                break
            carry = still
        return self._halves(first, second, known_outputs, sources, inner, bool(count_known))

    def _halves(self, first, second, known_outputs, sources, known, has_count):
        n, a = self.carry_count, self.constant_count
        b = a + n
        offset = 1 if has_count else 0
        known_carry = sum(known_outputs[:n])
        carried = [i for kind, i in sources if kind == "input" and a <= i < b]
        numbers = [i for i, k in enumerate(known) if k]
        first = returning_inputs(first, tuple([numbers.index(i) for i in carried]))
        known_loop, places = self._known_half(first, known, known_carry, sum(known_outputs))
        made = sum(kind == "output" for kind, _ in sources)
        residuals, groups = [], []
        for kind, i in sources:
            if kind == "output":
                residuals.append(("output", places[i][0]))
                groups.append(places[i][1])
            elif a <= i < b:
                place = sum(known_outputs) + made + carried.index(i)
                residuals.append(("output", places[place][0]))
                groups.append("x")
            else:
                residuals.append(("input", offset + i))
                groups.append("constant" if i < a else "x")
        return self._second_half(
            known_loop, second, known_outputs, residuals, groups, known, has_count
        )

    def _known_half(self, first, known, carry_count, start):
        """The first loop, and for each output of its body where it is and which kind of operand.

        Residuals that are the same in every iteration are computed once, before the loop.
        """
        count = sum(known[: self.constant_count])
        outer, inner, moved = without_invariants(first, count, start)
        loop = self.replace(
            body=inner, constant_count=count + len(outer.outputs), carry_count=carry_count
        )
        places, stacked = {}, 0
        for i in range(len(first.outputs)):
            if i in moved:
                places[i] = (len(inner.outputs) + moved[i], "constant")
            else:
                places[i] = (stacked, "x")
                stacked += 1
        if not moved:
            return loop, places
        first_carry = self.carry_count + self.constant_count
        elements = [t for t, k in zip(self.body.input_types, known, strict=True) if k]
        rest = sum(known[:first_carry])
        types = [*elements[:rest], *(stacked_type(t, self.length) for t in elements[rest:])]

        def both(*v):
            n = self.length is None
            values = run(outer, list(v[n : n + count]))
            return [*loop(*v[: n + count], *values, *v[n + count :]), *values]

        if self.length is None:
            types = [COUNT, *types]
        return recorded(both, types, self.body.name), places

    def _second_half(self, known_loop, second, known_outputs, residuals, groups, known, has_count):
        """The residuals go to the constants and to the xs of the second loop."""
        n, a = self.carry_count, self.constant_count
        r = len(groups)
        unknown = [i for i, k in enumerate(known) if not k]
        place = {i: r + j for j, i in enumerate(unknown)}
        fixed = [j for j, g in enumerate(groups) if g == "constant"]
        moving = [j for j, g in enumerate(groups) if g == "x"]
        constants = [place[i] for i in unknown if i < a]
        carry = [place[i] for i in unknown if a <= i < a + n]
        xs = [place[i] for i in unknown if i >= a + n]
        order = (*fixed, *constants, *carry, *moving, *xs)
        body = rearranged(second, order)
        loop = self.replace(
            body=body, constant_count=len(fixed) + len(constants), carry_count=len(carry)
        )
        if has_count:
            residuals = [("input", 0), *residuals]
            order, known = (0, *(1 + j for j in order)), (True, *known)
        return Split(known_loop, loop, known_outputs, tuple(residuals), order, tuple(known))

    def transpose(self, cotangents, inputs, linear):
        """The loop backwards; cotangents of constants are summed in the carry."""
        count, constants, carry, xs = self.parts(inputs)
        _, linear_constants, linear_carry, linear_xs = self.parts(linear)
        n = self.carry_count
        ct_carry = [
            zeros(t) if c is None else c
            for c, t in zip(cotangents[:n], self._carry_types(), strict=True)
        ]
        ct_ys = list(cotangents[n:])
        given = ((True,) * n) + marks(ct_ys)
        # A carry that starts from a known value is linear all the same, and that value is zero:
        # what is not linear was split off.
        inner = (*linear_constants, *((True,) * n), *linear_xs)
        program, _ = transpose(self.body, inner, given, True)
        fixed = [
            c for c, is_linear in zip(constants, linear_constants, strict=True) if not is_linear
        ]
        known_xs = [x for x, is_linear in zip(xs, linear_xs, strict=True) if not is_linear]
        sums = chosen(self.body.input_types[: self.constant_count], linear_constants)
        f, s, x = len(fixed), len(sums), len(known_xs)

        def step(*v):
            kept, totals = v[:f], v[f : f + s]
            moving, rows, seeds = v[f + s : f + s + n], v[f + s + n :][:x], v[f + s + n + x :]
            pulled = run(program, [*kept, *rows, *moving, *seeds])
            added = [add(t, p) for t, p in zip(totals, pulled[:s], strict=True)]
            return [*added, *pulled[s:]]

        given_ys = present(ct_ys)
        types = [v.type for v in program.inputs]
        fixed_types, row_types = types[:f], types[f : f + x]
        carry_types, seed_types = types[f + x : f + x + n], types[f + x + n :]
        body = recorded(
            step, [*fixed_types, *sums, *carry_types, *row_types, *seed_types], self.body.name
        )
        loop = Scan(
            body, f, s + n, self.length, not self.reverse, self.progress and self.progress.backward
        )
        operands = (*count, *fixed, *[zeros(t) for t in sums], *ct_carry, *known_xs, *given_ys)
        pulled = spread(loop(*operands), inner)
        wanted = (*linear_constants, *linear_carry, *linear_xs)
        result = [c if w else None for c, w in zip(pulled, wanted, strict=True)]
        return (*(None for _ in count), *result)

    # ---- batching

    def batch(self, inputs, batched, axis):
        count, constants, carry, xs = self.parts(inputs)
        count_batched, batched_constants, batched_carry, batched_xs = self.parts(batched)
        if any(count_batched):
            return self._batch_ragged(inputs, batched, axis)
        program, wide, out_batched = self._batched_body(
            batched_constants, batched_carry, batched_xs, axis
        )
        carry = widened(carry, batched_carry, wide, axis)
        xs = [_moved(x, 1, 0) if b else x for x, b in zip(xs, batched_xs, strict=True)]
        loop = self.replace(body=program)
        results = list(loop(*count, *constants, *carry, *xs))
        n = self.carry_count
        results[n:] = [
            _moved(y, 1, 0) if b else y for y, b in zip(results[n:], out_batched[n:], strict=True)
        ]
        return results, out_batched

    def _batched_body(self, constants, carry, xs, axis):
        """The batched body, which of the carry is batched, and which outputs are."""
        n = self.carry_count
        ys = (False,) * (len(self.body.outputs) - n)
        wide = tuple(carry)
        while True:
            marked = (*constants, *wide, *xs)
            program, out_batched = batch(self.body, marked, axis, (*wide, *ys))
            if out_batched[:n] == wide:
                return program, wide, out_batched
            wide = tuple([a or b for a, b in zip(wide, out_batched[:n], strict=True)])

    def _batch_ragged(self, inputs, batched, axis):
        """Stacks of different heights: every row runs as long as the highest, and stays put after.

        Row b takes part in iteration i while i < count[b]; its stack elements above are rubbish
        that a batched `while` loop pushed to keep the heights equal.
        """
        from fungrad.control.while_loop import masked_scan

        return masked_scan(self, inputs, batched, axis)

    @cached_property
    def lifted(self):
        """A program that computes the same with less inside of the loop, or None (see `lifting`)."""
        return None if self.length is None else lifted(self)

    parted = parted

    @property
    def begins_with(self):
        """Which output begins as which operand, so that it may take over its memory."""
        return {i: (self.length is None) + self.constant_count + i for i in range(self.carry_count)}

    def emit(self, build, inputs, outputs):
        build.scan(self, inputs, outputs)


def _moved(x, axis, target):
    """An array with one axis moved; a stack has its batch axis in the elements already."""
    return x if isinstance(type_of_value(x), StackType) else front(x, axis, target)
