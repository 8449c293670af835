"""Loops as native loops: the inner program's statements stand in the entry, inside the loop.

What a loop carries lives in local variables if it is small. A larger array is updated in place if
the body allows it (see `homes`), else it has two buffers that change roles after every turn.
"""

from fungrad.compiler.fusion.fuse import fitting_locals, fuse
from fungrad.compiler.fusion.homes import Homes
from fungrad.compiler.language.builder import Builder
from fungrad.compiler.language.scalar import BOOL, INDEX, call, constant
from fungrad.compiler.language.stack_layout import is_stack
from fungrad.compiler.language.statements import Point
from fungrad.compiler.language.views import Buffer, View, whole
from fungrad.compiler.loops.kept_carries import KeptCarry, Rows, histories
from fungrad.compiler.loops.loop_constants import laid_out
from fungrad.compiler.loops.stacks import StackValue, StackWriter, element
from fungrad.core.cost import bytes_moved, flops_of
from fungrad.core.record import record

_build = Builder()


class _LocalCarry:
    """A carried value in variables: one per element of a small array, three for a stack."""

    def __init__(self, loop, given, names):
        self.is_stack = isinstance(given, StackValue)
        scalars = given.scalars if self.is_stack else given
        self.variables = [loop.entry.variable(s, "carry") for s in scalars]

    def value(self, k=None):
        """The representation of what is carried now."""
        scalars = tuple([v.value for v in self.variables])
        return StackValue(*scalars) if self.is_stack else scalars

    def settle(self, body, k):
        """Local variables need no place to be computed in."""

    def gather(self, body, given):
        """Prepare the next value, which may be read from variables that change."""
        if isinstance(given, View):
            given = body.elements(given, given.shape)
        self.next = given.scalars if self.is_stack else given

    def update(self):
        """Take the next value."""
        for variable, scalar in zip(self.variables, self.next, strict=True):
            variable.set(scalar)

    def finish(self, loop, output):
        """Let the last value be an output of the loop."""
        loop.lowering.represent(output, self.value())


class _ArrayCarry:
    """A carried array: in the memory of the loop's output, or in two buffers by turns."""

    def __init__(self, loop, operand, variable, result, output):
        self.loop, self.entry = loop, loop.entry
        self.variable, self.result, self.type = variable, result, variable.type
        self.is_in_place = result is variable or loop.homes.may_replace(variable, result)
        if self.is_in_place:
            self.current = loop.build.begin(output, operand)
            return
        size = self.type.size
        self.buffers = [self.entry.workspace(self.type.dtype, size, "carry") for _ in range(2)]
        first = whole(self.buffers[0], self.type.shape)
        loop.lowering.put(loop.lowering.representation(operand), self.type, first)
        self.names = [self.entry.unique(name) for name in ("now", "after")]
        for name, buffer in zip(self.names, self.buffers, strict=True):
            self.entry.write(Point(name, self.entry.pointer(buffer)))
        self.current, self.following = (
            whole(Buffer("part", name, self.type.dtype, size, buffer), self.type.shape)
            for name, buffer in zip(self.names, self.buffers, strict=True)
        )

    def value(self, k):
        """The view of what is carried now."""
        return self.current

    def settle(self, body, k):
        """Let the body compute the next value where it has to be."""
        place = self.current if self.is_in_place else self.following
        if self.result is not self.variable:
            body.settle(self.result, place, self.variable)

    def gather(self, body, given):
        """Move the next value to its place if it is not there."""
        if self.result is not self.variable:
            body.put(given, self.type, self.current if self.is_in_place else self.following)

    def update(self):
        """Exchange the two buffers."""
        if not self.is_in_place:
            now, after = self.names
            spare = self.entry.fresh("spare")
            for name, text in ((spare, now), (now, after), (after, spare)):
                self.entry.write(Point(name, text))

    def finish(self, loop, output):
        """Let the last value be an output of the loop."""
        if not self.is_in_place:
            loop.lowering.put(self.current, self.type, loop.build.output(output))
            for buffer in self.buffers:
                buffer.use(self.entry.time)


@record
class _Saved:
    """An output of the body of which a loop keeps every value."""

    variable: object
    output: object
    rows: Rows | None = None  # on top of each other
    stack: StackWriter | None = None
    place: View | None = None  # the row, where the body computes the value in it
    is_carried: bool = False  # what is carried stands in the rows

    def row(self, entry, k):
        """The memory of row k."""
        if self.stack is not None:
            return whole(self.stack.row(k), self.variable.type.shape)
        return self.rows.at(entry, k)


def work_of(program):
    """Roughly the nanoseconds that one turn of a program takes; at least 1."""
    return 1 + flops_of(program)[0] // 2 + bytes_moved(program) // 16


class _Loop:
    """What all loops share: the body, what it carries, what is kept of every turn."""

    def __init__(self, build, body):
        self.build, self.entry, self.lowering = build, build.entry, build.lowering
        self.body = body
        self.most_locals = fitting_locals(body)
        self.work = work_of(body)
        self.homes = Homes(body, fuse(body, self.most_locals))

    def represent(self, v):
        """The representation of an operand, as memory if it has gaps or is computed."""
        return self.lowering.representation(v)

    def start(self, operands, variables, outputs, found=()):
        """Give every carried value its place, which its history has; it starts as the operand."""
        self.carries, self.outputs = [], outputs
        results = self.body.outputs[: len(variables)]
        found = found or [None] * len(variables)
        for each in zip(operands, variables, results, outputs, found, strict=True):
            self.carries.append(self._carry(*each))

    def _carry(self, operand, v, result, output, history):
        if history is not None:
            return KeptCarry(self, operand, v, result, history)
        given = self.represent(operand)
        if not is_stack(v.type) and v.type.shape and v.type.size > self.most_locals:
            return _ArrayCarry(self, operand, v, result, output)
        if isinstance(given, View):
            given = self.lowering.elements(given, v.type.shape)
        return _LocalCarry(self, given, v)

    def turn(self, constants, carried, rows, saved, k):
        """Write the body for one turn; `k` is the number of the row that `saved` values get."""
        body = self.lowering.inner(self.body, [*constants, *carried, *rows], self.most_locals)
        for carry in self.carries:
            carry.settle(body, k)
        for kept in saved:
            if self._is_array(kept.variable) and kept.variable not in body.destinations:
                body.settle(kept.variable, kept.row(self.entry, k))
                kept.place = body.destinations.get(kept.variable)
        given = body.run()
        n = len(self.carries)
        for kept, value in zip(saved, given[n:], strict=True):
            if not kept.is_carried:
                self._save(body, kept, value, k)
        for carry, value in zip(self.carries, given, strict=False):
            carry.gather(body, value)
        for carry in self.carries:
            carry.update()

    def _is_array(self, v):
        is_made = v in self.homes.made_in and not is_stack(v.type)
        return is_made and v.type.shape and v.type.size > self.most_locals

    def _save(self, body, kept, value, k):
        if is_stack(kept.variable.type):
            kept.stack.write(k, value, body)
            return
        if kept.place is None or value != kept.place:
            body.put(value, kept.variable.type, kept.row(self.entry, k))

    def finish(self):
        """Let the last carried values be the outputs."""
        for carry, output in zip(self.carries, self.outputs, strict=True):
            carry.finish(self, output)


def scan(build, primitive, inputs, outputs):
    """Write a loop over rows, of a length known now or over the elements of stacks."""
    count, constants, carry, xs = primitive.parts(inputs)
    loop = _Loop(build, primitive.body)
    entry, n, a = build.entry, primitive.carry_count, primitive.constant_count
    length = build.scalar(count[0]) if count else entry.integer(primitive.length)
    given = [
        laid_out(build, primitive.body, inner, loop.represent(v), primitive.length)
        for inner, v in zip(primitive.body.inputs[:a], constants, strict=True)
    ]
    rows = [_rows(build, v) for v in xs]
    found = histories(build, primitive, outputs, loop.most_locals)
    loop.start(carry, primitive.body.inputs[a : a + n], outputs[:n], found)
    carried = {v for history in found if history for v in history.outputs}
    saved = []
    for v, output in zip(primitive.body.outputs[n:], outputs[n:], strict=True):
        saved.append(_kept(build, v, output, length))
        saved[-1].is_carried = output in carried
    meter = _meter(entry, primitive.progress, primitive.length)
    with entry.loop(length, work=loop.work) as turn:
        k = length - constant(1, INDEX) - turn if primitive.reverse else turn
        if k.operands:
            k = entry.let(k, "k")
        values = [c.value(k) for c in loop.carries]
        here = [_row(entry, x, v.type, k) for x, v in zip(rows, xs, strict=True)]
        loop.turn(given, values, here, saved, k)
        if meter is not None:
            meter(turn + constant(1, INDEX))
    loop.finish()
    for kept in saved:
        if kept.stack is not None:
            build.lowering.represent(kept.output, kept.stack.value(length))


def _meter(entry, progress, length):
    return None if progress is None else entry.new_meter(progress, length)


def _rows(build, v):
    """The operand that a scan walks along."""
    if is_stack(v.type):
        return build.lowering.representation(v)
    return build.lowering.kept.get(v) or Rows(build.view(v))


def _row(entry, x, type, k):
    if is_stack(type):
        return element(entry, x, k, type)
    row = x.at(entry, k)
    if row.shape:
        return row
    return (entry.load_element(row, constant(0, INDEX)),)


def _kept(build, v, output, length):
    """Where a scan keeps the values of an output of its body."""
    if not is_stack(output.type):
        view = build.output(output)
        return _Saved(v, output, build.lowering.kept.get(output) or Rows(view))
    stack = StackWriter(build, output.type)
    stack.reserve(length)
    stack.set_top(stack.base + length)
    return _Saved(v, output, stack=stack)


def while_loop(build, primitive, inputs, outputs):
    """Write a loop that ends when its condition says so; what it saves goes on stacks."""
    first, second, carry = primitive.parts(inputs)
    loop = _Loop(build, primitive.body)
    entry, n, b = build.entry, primitive.carry_count, primitive.body_constants
    conditions = [loop.represent(v) for v in first]
    given = [loop.represent(v) for v in second]
    loop.start(carry, primitive.body.inputs[b:], outputs[:n])
    saved = [
        _Saved(v, output, stack=StackWriter(build, output.type))
        for v, output in zip(primitive.body.outputs[n:], outputs[n + 1 :], strict=False)
    ]
    meter = _meter(entry, primitive.progress, None)
    counts = primitive.records or meter is not None
    count = entry.variable(constant(0, INDEX), "count") if counts else None
    with entry.repeat(loop.work + work_of(primitive.condition)):
        carried = [c.value(None) for c in loop.carries]
        inner = primitive.condition
        condition = build.lowering.inner(inner, [*conditions, *carried], fitting_locals(inner))
        ((goes_on,),) = condition.run()
        entry.leave(call("logical_not", BOOL, goes_on))
        k = count.value if counts else None
        if primitive.records:
            for kept in saved:
                kept.stack.reserve(k + constant(1, INDEX))
                kept.stack.set_top(kept.stack.base + k + constant(1, INDEX))
        loop.turn(given, carried, [], saved, k)
        if counts:
            count.set(k + constant(1, INDEX))
        if meter is not None:
            meter(k + constant(1, INDEX))
    loop.finish()
    if primitive.records:
        total = count.value
        build.lowering.represent(outputs[n], (total,))
        for kept in saved:
            build.lowering.represent(kept.output, kept.stack.value(total))
