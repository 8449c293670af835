"""A loop that ends when a condition says so."""

import numpy as np

from fungrad.control.batching import widened
from fungrad.control.covering import Turns, corresponding
from fungrad.control.programs import (
    combines_rows,
    marks,
    present,
    rearranged,
    recorded,
    returning_inputs,
    spread,
    used_inputs,
    without_invariants,
)
from fungrad.control.progress import counting
from fungrad.control.scan import Scan
from fungrad.control.stack import COUNT, Stack, StackType
from fungrad.core.errors import ShapeError
from fungrad.core.evaluation import evaluator
from fungrad.core.primitive import Routine
from fungrad.core.program import Program
from fungrad.core.running import run
from fungrad.core.tracer import type_of_value
from fungrad.optimize.common_subexpressions import share_common_subexpressions
from fungrad.primitives.elementwise import add, less, select
from fungrad.primitives.indexing import Gather
from fungrad.primitives.movement import Broadcast, Fill
from fungrad.primitives.reductions import Any, ArgExtremum, Max
from fungrad.transforms.batch import batch
from fungrad.transforms.interpret import zeros
from fungrad.transforms.jvp import jvp
from fungrad.transforms.linearize import Split, split


class While(Routine):
    """While `condition(*constants, *carry)`: `carry, *saved = body(*constants, *carry)`.

    Operands: constants of the condition, constants of the body, carry; outputs: the last carry.
    Where the loop `records`, further outputs are the number of iterations (int64) and one stack
    for each value that the body returns after the carry: what a backward pass reads.
    """

    condition: Program
    body: Program
    condition_constants: int
    body_constants: int
    records: bool = False
    progress: object = None
    has_many_outputs = True
    is_deferred = True
    may_name_axes = True
    may_fail = True

    @property
    def name(self):
        return "while"

    def runs(self):
        return (self.condition, None), (self.body, None)

    def parts(self, operands):
        """Operands as constants of the condition, constants of the body, and carry."""
        a = self.condition_constants
        b = a + self.body_constants
        return list(operands[:a]), list(operands[a:b]), list(operands[b:])

    @property
    def carry_count(self):
        """How many values the loop carries."""
        return len(self.body.inputs) - self.body_constants

    def infer(self, *types):
        first, second, carry = self.parts(types)
        if (*first, *carry) != self.condition.input_types:
            raise ShapeError(f"while: {(*first, *carry)} do not fit the condition")
        if (*second, *carry) != self.body.input_types:
            raise ShapeError(f"while: {(*second, *carry)} do not fit the body")
        if not self.records:
            return tuple(carry)
        saved = self.body.output_types[self.carry_count :]
        return (*carry, COUNT, *[StackType(t) for t in saved])

    def evaluate(self, *values):
        first, second, carry = self.parts(values)
        goes_on, step = evaluator(self.condition, False), evaluator(self.body, False)
        n, count = self.carry_count, 0
        saved = [[] for _ in self.body.outputs[n:]]
        with counting(self.progress) as turn:
            while goes_on(*first, *carry)[0]:
                result = step(*second, *carry)
                carry, count = result[:n], count + 1
                for elements, value in zip(saved, result[n:], strict=True):
                    elements.append(value)
                turn()
        if not self.records:
            return tuple(carry)
        types = self.body.output_types[n:]
        stacks = [Stack(tuple(e), StackType(t)) for e, t in zip(saved, types, strict=True)]
        return (*carry, np.int64(count), *stacks)

    # ---- comparison with other loops

    def turns(self, inputs):
        """The loop on operands, for comparison with another one."""
        first, second, carry = self.parts(inputs)
        a, n = len(first), len(carry)
        carried = [("carry", k) for k in range(n)]
        body = [("fixed", a + k) for k in range(len(second))] + carried
        condition = [("fixed", k) for k in range(a)] + carried
        programs = ((self.body, body), (self.condition, condition))
        return Turns((*first, *second), (), tuple(carry), programs)

    def covers(self, inputs, other, other_inputs):
        """For each output of another such loop the number of an equal one of this, or None."""
        if self.progress or other.progress or other.records > self.records:
            return None
        n = self.carry_count
        found = corresponding(self.turns(inputs), other.turns(other_inputs))
        if found is None or not other.records:
            return found
        carried = other.carry_count
        return (*found[:carried], n, *(k + 1 for k in found[carried:]))

    # ---- the calculus

    def jvp(self, inputs, tangents):
        """One loop carries values and tangents together; the condition reads the values."""
        first, second, carry = self.parts(inputs)
        _, dsecond, dcarry = self.parts(tangents)
        n, a = self.carry_count, self.body_constants
        rest = len(self.body.outputs) - n
        active = marks(dcarry)
        while True:
            in_active = (*marks(dsecond), *active)
            program, out_active = jvp(self.body, in_active, (*active, *(False,) * rest))
            if out_active[:n] == active:
                break
            active = tuple([x or y for x, y in zip(active, out_active[:n], strict=True)])
        types = self.body.input_types[a:]
        dcarry = [
            zeros(t) if is_active and d is None else d
            for d, is_active, t in zip(dcarry, active, types, strict=True)
        ]
        moving, dsecond = present(dcarry), present(dsecond)
        loop = While(
            self._condition_beside([t for t, k in zip(types, active, strict=True) if k]),
            self._interleaved(program, in_active, out_active),
            self.condition_constants,
            a + len(dsecond),
            self.records,
            self.progress,
        )
        results = loop(*first, *second, *dsecond, *carry, *moving)
        m = n + len(moving)
        y, dy = [*results[:n]], spread(results[n:m], active)
        if self.records:
            y += results[m : m + 1 + rest]
            dy = (*dy, None, *spread(results[m + 1 + rest :], out_active[n:]))
        return y, dy

    def _condition_beside(self, types):
        """The condition with further carried values that it does not read."""
        return rearranged(self.condition, (*range(len(self.condition.inputs)), *types))

    def _interleaved(self, program, in_active, out_active):
        """The jvp of the body with each tangent in the group of its value."""
        total, a, n = len(in_active), self.body_constants, self.carry_count
        d = total + sum(in_active[:a])
        inputs = (*range(a), *range(total, d), *range(a, total), *range(d, len(program.inputs)))
        count = len(out_active)
        d = count + sum(out_active[:n])
        outputs = (*range(n), *range(count, d), *range(n, count), *range(d, len(program.outputs)))
        return rearranged(program, inputs, outputs)

    def split(self, known):
        """A loop that saves what the second reads on stacks, and a scan over these stacks."""
        first, second, carry = self.parts(known)
        n = self.carry_count
        rest = (False,) * (len(self.body.outputs) - n)
        body = share_common_subexpressions(self.body)  # what is saved once is pushed once
        while True:
            forced = (*(not k for k in carry), *rest)
            halves = split(body, (*second, *carry), forced)
            still = [a and b for a, b in zip(carry, halves[2][:n], strict=True)]
            if still == carry:
                break
            carry = still
        reads = used_inputs(self.condition)
        if not all(k or not r for k, r in zip((*first, *carry), reads, strict=True)):
            return None
        return self._halves(*halves, first, second, carry)

    def _halves(self, body, unknown, known_outputs, sources, first, second, carry):
        a, n = self.body_constants, self.carry_count
        known = (*second, *carry)
        numbers = [i for i, k in enumerate(known) if k]
        carried = [i for kind, i in sources if kind == "input" and i >= a]
        body = returning_inputs(body, tuple([numbers.index(i) for i in carried]))
        loop, places = self._known_half(body, first, second, carry, sum(known_outputs))
        made = sum(kind == "output" for kind, _ in sources)
        residuals, is_constant = [("output", sum(carry))], []
        for kind, i in sources:
            if kind == "output":
                residuals.append(("output", places[i][0]))
                is_constant.append(places[i][1])
            elif i >= a:
                residuals.append(
                    ("output", places[sum(known_outputs) + made + carried.index(i)][0])
                )
                is_constant.append(False)
            else:
                residuals.append(("input", self.condition_constants + i))
                is_constant.append(True)
        r = len(is_constant)
        lost = [i for i, k in enumerate(first) if not k]
        places = {i: r + j for j, i in enumerate([i for i, k in enumerate(known) if not k])}
        order = (
            *[j for j in range(r) if is_constant[j]],
            *[places[i] for i in places if i < a],
            *[places[i] for i in places if i >= a],
            *[j for j in range(r) if not is_constant[j]],
        )
        constants = sum(is_constant) + sum(not k for k in second)
        inner = rearranged(unknown, order)
        lasting = sum(not k for k in carry)
        replay = Scan(inner, constants, lasting, None, False, self.progress)
        skip = len(lost)
        operands = (0, *[1 + j + (skip if j >= r else 0) for j in order])
        outputs = tuple(carry)
        if self.records:
            outputs = (*outputs, True, *known_outputs[n:])
        inputs = (*first, *second, *carry)
        return Split(loop, replay, outputs, tuple(residuals), operands, inputs)

    def _known_half(self, body, first, second, carry, start):
        """The first loop, and for each output of its body where it is and whether it is constant.

        What is the same in every iteration is computed once, before the loop.
        """
        kept = [i for i, k in enumerate((*first, *carry)) if k]
        condition = rearranged(self.condition, tuple(kept))
        a, b, n = sum(first), sum(second), sum(carry)
        outer, inner, moved = without_invariants(body, b, start)
        loop = While(condition, inner, a, b + len(outer.outputs), True, self.progress)
        places, place = {}, 0
        for i in range(len(body.outputs)):
            if i in moved:
                places[i] = (len(inner.outputs) + 1 + moved[i], True)
            else:
                places[i] = (place + (i >= n), False)  # the count stands after the carry
                place += 1
        if not moved:
            return loop, places

        def both(*v):
            values = run(outer, list(v[a : a + b]))
            return [*loop(*v[: a + b], *values, *v[a + b :]), *values]

        types = [*condition.input_types[:a], *body.input_types]
        return recorded(both, types, self.body.name), places

    def transpose(self, cotangents, inputs, linear):
        raise AssertionError("a while loop is split before it is transposed")

    # ---- batching

    def batch(self, inputs, batched, axis):
        first, second, carry = self.parts(inputs)
        b_first, b_second, b_carry = self.parts(batched)
        n = self.carry_count
        rest = (False,) * (len(self.body.outputs) - n)
        body = share_common_subexpressions(self.body)  # what is saved once is pushed once
        wide = tuple(b_carry)
        while True:
            condition, (is_ragged,) = batch(self.condition, (*b_first, *wide), axis)
            if is_ragged and not all(wide):
                wide = (True,) * n
                continue
            forced = (*wide, *((is_ragged,) * len(rest)))
            body, out_batched = batch(self.body, (*b_second, *wide), axis, forced)
            grown = tuple([a or b for a, b in zip(wide, out_batched[:n], strict=True)])
            if grown == wide:
                break
            wide = grown
        carry = widened(carry, b_carry, wide, axis)
        if is_ragged:
            return self._batch_ragged(condition, body, first, second, carry, b_second, axis)
        loop = self.replace(condition=condition, body=body)
        out = (*wide, False, *out_batched[n:]) if self.records else wide
        return loop(*first, *second, *carry), out

    def _batch_ragged(self, condition, body, first, second, carry, b_second, axis):
        """Rows end at different times: a row that has ended computes on the state of one that
        has not, where the body is known to be safe, and throws the result away. Where the body has
        a collective over this axis it computes on its own state: all rows are summed."""
        n, c, s = self.carry_count, len(first), len(second)
        has_collective = combines_rows(self.body, axis.name)
        rows = Fill((axis.size,))(np.int64(0))

        def goes_on(*v):
            (is_active,) = run(condition, [*v[:c], *v[c + s : c + s + n]])
            return [Any((0,))(is_active)]

        def step(*v):
            (is_active,) = run(condition, [*v[:c], *v[c + s : c + s + n]])
            constants, state, counts = v[c : c + s], v[c + s : c + s + n], v[c + s + n]
            operands = [*constants, *state]
            if not has_collective:
                operands = borrowed(operands, (*b_second, *(True,) * n), is_active, axis)
            result = run(body, operands)
            kept = where_rows(is_active, result[:n], state)
            one = select(is_active, np.int64(1), np.int64(0))
            return [*kept, add(counts, one), *result[n:]]

        types = [
            *map(type_of_value, first),
            *map(type_of_value, second),
            *map(type_of_value, carry),
            type_of_value(rows),
        ]
        program = recorded(goes_on, types, "condition")
        stepped = recorded(step, types, self.body.name)
        loop = While(program, stepped, c + s, c + s, self.records, self.progress)
        results = list(loop(*first, *second, *first, *second, *carry, rows))
        if not self.records:
            return results[:n], (True,) * n
        stacks = results[n + 2 :]
        return [*results[: n + 1], *stacks], (True,) * (n + 1 + len(stacks))

    @property
    def begins_with(self):
        """Which output begins as which operand, so that it may take over its memory."""
        return {
            i: self.condition_constants + self.body_constants + i for i in range(self.carry_count)
        }

    def emit(self, build, inputs, outputs):
        build.while_loop(self, inputs, outputs)


def where_rows(is_active, new, old):
    """Rows of `new` where active, of `old` elsewhere; of two stacks one has no elements."""
    return [_where_rows(is_active, x, y) for x, y in zip(new, old, strict=True)]


def _where_rows(is_active, x, y):
    kind = type_of_value(x)
    if isinstance(kind, StackType):
        return kind.add(x, y)
    return select(Broadcast(kind.shape, (0,))(is_active) if kind.ndim > 1 else is_active, x, y)


def borrowed(values, batched, is_active, axis):
    """Batched values whose inactive rows are replaced by the first active row.

    Stacks stay as they are: inactive rows of theirs were computed on borrowed values already.
    """
    if not axis.size:
        return values
    donor = ArgExtremum(0, True)(is_active)
    result = []
    for x, is_batched in zip(values, batched, strict=True):
        if is_batched and not isinstance(type_of_value(x), StackType):
            row = Gather((0,), "clip")(x, donor)
            wide = Broadcast(tuple(x.shape), tuple(range(1, x.ndim)))(row)
            (x,) = where_rows(is_active, [x], [wide])
        result.append(x)
    return result


def masked_scan(scan, inputs, batched, axis):
    """A scan over stacks whose rows have different heights; see `Scan._batch_ragged`."""
    (counts,), constants, carry, xs = scan.parts(inputs)
    _, b_constants, b_carry, b_xs = scan.parts(batched)
    n, s = scan.carry_count, scan.constant_count
    wide = (True,) * n
    carry = widened(carry, b_carry, wide, axis)
    ys = (True,) * (len(scan.body.outputs) - n)
    body, _ = batch(scan.body, (*b_constants, *wide, *b_xs), axis, (*wide, *ys))
    total = Max((0,))(counts) if axis.size else np.int64(0)
    start = total - 1 if scan.reverse else np.int64(0)

    def step(*v):
        heights, fixed = v[0], v[1 : 1 + s]
        number, state, rows = v[1 + s], v[2 + s : 2 + s + n], v[2 + s + n :]
        is_active = less(number, heights)
        result = run(body, [*fixed, *state, *rows])
        kept = where_rows(is_active, result[:n], state)
        made = where_rows(is_active, result[n:], [zeros(type_of_value(y)) for y in result[n:]])
        return [number + (-1 if scan.reverse else 1), *kept, *made]

    types = [v.type for v in body.inputs]
    program = recorded(step, [type_of_value(counts), *types[:s], COUNT, *types[s:]], scan.body.name)
    loop = Scan(program, s + 1, n + 1, None, scan.reverse, scan.progress)
    results = loop(total, counts, *constants, start, *carry, *xs)
    return results[1:], (True,) * (n + len(ys))
