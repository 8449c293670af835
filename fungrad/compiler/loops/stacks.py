"""Stacks: memory that grows while a loop runs, for what its backward pass reads.

The entry has an argument `stacks` with four words per stack: address, capacity in bytes, and how
many elements are in use (`top`). Its memory is kept from call to call. The value of a stack is a
triple of integers, so that branches and loops can pass it on: which stack, where it begins in it,
and how many elements it has. A stack of stacks holds such triples. Number -1 stands for zeros.
"""

from fungrad.compiler.language.builder import Builder
from fungrad.compiler.language.index import as_fault
from fungrad.compiler.language.kernel_writer import KernelWriter
from fungrad.compiler.language.scalar import INDEX, Scalar, constant
from fungrad.compiler.language.stack_layout import (
    STACK_TOP,
    STACK_WORDS,
    TRIPLE,
    Growth,
    is_stack,
    row_dtype,
    row_size,
)
from fungrad.compiler.language.statements import Call, If, Point, Return, load
from fungrad.compiler.language.views import Buffer, whole
from fungrad.compiler.moves.copy import fill
from fungrad.core.record import record

_build = Builder()


def _integer(value):
    return constant(value, INDEX)


@record(frozen=True)
class StackValue:
    """Which stack, where the first element is in it, how many there are."""

    number: Scalar
    base: Scalar
    count: Scalar

    @property
    def scalars(self):
        """The three integers."""
        return (self.number, self.base, self.count)

    @property
    def is_empty(self):
        """Whether it certainly stands for zeros."""
        return self.number.is_constant and self.number.attribute < 0

    @property
    def is_filled(self):
        """Whether it certainly has memory."""
        return self.number.is_constant and self.number.attribute >= 0


EMPTY = StackValue(_integer(-1), _integer(0), _integer(0))


class StackWriter:
    """A stack that one equation fills, each time that it runs, above what is in use already."""

    def __init__(self, build, type):
        self.entry, self.type = build.entry, type
        self.culprit = Growth(build.equation.primitive.name, type.element)
        self.source = build.equation.source
        entry = self.entry
        self.number = entry.new_stack()
        self.base = self._top()

    def _top(self):
        place = _integer(STACK_WORDS * self.number + STACK_TOP)
        return self.entry.load("stacks", place, INDEX)

    def set_top(self, top):
        """Declare elements below a place in use."""
        self.entry.store("stacks", _integer(STACK_WORDS * self.number + STACK_TOP), top)

    def reserve(self, count):
        """Make room for a number of elements above the base."""
        size = row_size(self.type) * row_dtype(self.type).itemsize
        nbytes = (self.base + count) * self.entry.integer(size)
        words = f"offset(stacks, {STACK_WORDS * self.number})"
        status = self.entry.fresh("status")
        self.entry.write(Call("reserve", [words, nbytes], status))
        failed = _build.not_equal(_build.symbol(status, INDEX), _integer(0))
        code = self.entry.error_sites([(self.culprit, self.source)])
        self.entry.write(If(failed, [Return(as_fault(count) + _integer(code))]))

    def row(self, k):
        """The memory of element k as a buffer; it stays in place until more room is made."""
        return row_memory(self.entry, self.value(k), k, self.type)

    def value(self, count):
        """The stack as a value, with its number of elements."""
        return StackValue(_integer(self.number), self.base, count)

    def write(self, k, given, lowering):
        """Write element k: a triple, scalars, or an array that is not there already."""
        row = self.row(k)
        if isinstance(given, StackValue):
            for place, scalar in enumerate(given.scalars):
                self.entry.store(row.name, _integer(place), scalar)
            return
        lowering.put(given, self.type.element, whole(row, self.type.element.shape))


def row_memory(entry, stack, k, type):
    """The memory of element k of a stack that is not empty."""
    words = stack.number * _integer(STACK_WORDS)
    name = entry.unique("row")
    place = (stack.base + k) * entry.integer(row_size(type))
    dtype = row_dtype(type)
    text = f"offset(memory(offset(stacks, {{}}), np.{dtype.name}), {{}})"
    entry.write(Point(name, text, (words, place)))
    return Buffer("part", name, dtype, row_size(type))


def element(entry, stack, k, type):
    """The representation of element k of a stack."""
    if stack.is_empty:
        return _zeros(entry, type.element)
    if is_stack(type.element):
        return _inner(entry, stack, k, type)
    shape = type.element.shape
    if stack.is_filled:
        return whole(row_memory(entry, stack, k, type), shape)
    zeros = _zeros(entry, type.element)
    if isinstance(zeros, tuple):
        zeros = whole(entry.workspace(type.element.dtype, 1), ())
        fill(entry, constant(0, type.element.dtype), zeros)
    name = entry.unique("row")
    entry.write(Point(name, entry.pointer(zeros.buffer)))
    with entry.branch(_is_filled(stack)):
        row = row_memory(entry, stack, k, type)
        entry.write(Point(name, row.name))
    return whole(Buffer("part", name, type.element.dtype, type.element.size, zeros.buffer), shape)


def _is_filled(stack):
    return _build("greater_equal", stack.number, _integer(0))


def _zeros(entry, type):
    if is_stack(type):
        return EMPTY
    if not type.shape:
        return (constant(0, type.dtype),)
    view = whole(entry.workspace(type.dtype, type.size, "zeros"), type.shape)
    fill(entry, constant(0, type.dtype), view)
    return view


def _inner(entry, stack, k, type):
    if stack.is_filled:
        row = row_memory(entry, stack, k, type)
        return StackValue(*[entry.load(row.name, _integer(i), INDEX) for i in range(TRIPLE)])
    variables = [entry.variable(s, "inner") for s in EMPTY.scalars]
    with entry.branch(_is_filled(stack)):
        row = row_memory(entry, stack, k, type)
        for i, variable in enumerate(variables):
            variable.set(entry.load(row.name, _integer(i), INDEX))
    return StackValue(*[v.value for v in variables])


# ---- routines


def empty_stack(build, primitive, inputs, outputs):
    """A stack that stands for zeros: nothing happens."""
    build.lowering.represent(outputs[0], EMPTY)


def add_stacks(build, primitive, inputs, outputs):
    """Write the elementwise sum of two stacks of one length; an empty one is zero."""
    x, y = (build.lowering.representation(v) for v in inputs)
    total = _sum(build, x, y, outputs[0].type)
    build.lowering.represent(outputs[0], total)


def map_stack(build, primitive, inputs, outputs):
    """Write a linear program applied to every element; an empty stack stays one."""
    entry, x = build.entry, build.lowering.representation(inputs[0])
    if x.is_empty:
        build.lowering.represent(outputs[0], x)
        return
    stack = StackWriter(build, outputs[0].type)
    stack.reserve(x.count)
    stack.set_top(stack.base + x.count)
    with entry.loop(x.count) as k:
        row = element(entry, x, k, inputs[0].type)
        program = primitive.program
        inner = build.lowering.inner(program, [row], build.lowering.most_locals)
        (result,) = inner.run()
        stack.write(k, result, inner)
    made = stack.value(x.count)
    if not x.is_filled:
        number = _build.select(_is_filled(x), made.number, x.number)
        made = StackValue(entry.let(number, "number"), made.base, made.count)
    build.lowering.represent(outputs[0], made)


def _sum(build, x, y, type):
    if x.is_empty or y.is_empty:
        return y if x.is_empty else x
    if x.is_filled and y.is_filled:
        return _filled_sum(build, x, y, type)
    entry = build.entry
    variables = [entry.variable(s, "total") for s in y.scalars]
    with entry.branch(_is_filled(x)):
        both = If(_is_filled(y))
        entry.write(both)
        with entry.block(both.body):
            _set(variables, _filled_sum(build, x, y, type))
        with entry.block(both.otherwise):
            _set(variables, x)
    return StackValue(*[v.value for v in variables])


def _set(variables, stack):
    for variable, scalar in zip(variables, stack.scalars, strict=True):
        variable.set(scalar)


def _filled_sum(build, x, y, type):
    entry = build.entry
    total = StackWriter(build, type)
    total.reserve(x.count)
    total.set_top(total.base + x.count)
    if is_stack(type.element):
        with entry.loop(x.count) as k:
            rows = [element(entry, v, k, type) for v in (x, y)]
            total.write(k, _sum(build, *rows, type.element), build.lowering)
        return total.value(x.count)
    first = _integer(0)
    rows = [row_memory(entry, v, first, type) for v in (x, y)]
    _add(entry, *rows, total.row(first), x.count * entry.integer(row_size(type)))
    return total.value(x.count)


def _add(entry, x, y, z, count):
    writer = KernelWriter("add_stacks_kernel")
    p, q = writer.pointer(x), writer.pointer(y)
    r = writer.pointer(z, is_written=True)
    with writer.loop(writer.scalar(count)) as i:
        dtype = x.dtype
        value = _build.call("add", dtype, load(p, i, dtype), load(q, i, dtype))
        writer.store(r, i, value)
    entry.call(writer)
