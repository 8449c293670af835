"""From a program to the statements of an entry: every step of its schedule in turn.

A value of the program is represented by a view of a buffer, by local variables (scalars, and small
arrays inside loops, one variable per element), or not at all: then it is computed where it is read.
"""

import numpy as np

from fungrad.compiler.fusion.accumulators import combined
from fungrad.compiler.fusion.fuse import fuse
from fungrad.compiler.fusion.groups import Group
from fungrad.compiler.fusion.homes import Homes
from fungrad.compiler.fusion.joins import Joins
from fungrad.compiler.fusion.kernels import kernels_of
from fungrad.compiler.fusion.uses import filling, lands
from fungrad.compiler.language.builder import Builder
from fungrad.compiler.language.index import IndexBuilder
from fungrad.compiler.language.scalar import INDEX, call, constant
from fungrad.compiler.language.stack_layout import is_stack
from fungrad.compiler.language.statements import Let
from fungrad.compiler.language.views import View, row_major, source_of, whole
from fungrad.compiler.moves.copy import contiguous, copy, fill
from fungrad.compiler.routines import RoutineBuilder
from fungrad.core.primitive import Reduction
from fungrad.core.program import Literal, variable_names

_build = Builder()


class Lowering:
    """Writes the statements of a program into an entry.

    `inputs` are the representations of the program's inputs: a View, a tuple of scalars, one per
    element, or a stack. Arrays of up to `most_locals` elements become local variables.
    """

    def __init__(self, entry, program, inputs, most_locals):
        self.entry = entry
        self.program = program
        self.most_locals = most_locals
        self.schedule = fuse(program, most_locals)
        self.homes = Homes(program, self.schedule)
        self.joins = Joins(self.homes, self.schedule, lambda v: not self._has_local_size(v))
        self.destinations = {}
        self.fresh = set()
        self.postponed = []  # equations that the next step computes together with its own
        self.names = variable_names(program)
        self.views = {}
        self.locals = {}
        self.stacks = {}
        self.kept = {}  # of what loops keep: the `Rows` that it stands in
        for v, given in zip(program.inputs, inputs, strict=True):
            self.represent(v, given)

    def inner(self, program, inputs, most_locals):
        """The lowering of a program that stands inside a statement of this one."""
        return Lowering(self.entry, program, inputs, most_locals)

    def represent(self, v, given):
        """Let a representation stand for a variable."""
        if isinstance(given, View):
            self.views[v] = given
        else:
            (self.locals if isinstance(given, tuple) else self.stacks)[v] = given

    def settle(self, output, view, occupant=None, is_fresh=False):
        """Let an output be written to a place, and what it is made from where that is possible.

        `occupant` is an input of the program that lives in the place at first; if the place
        `is_fresh`, nothing has ever lived there. Nothing happens for an output that is an input.
        """
        if is_fresh:
            self.fresh.add(output)
        if output not in self.homes.made_in:
            return
        for v in self.homes.chain(output, occupant):
            self.destinations[v] = view
        source = self.homes.unshaped(v)
        if occupant is None and source is not None and not self._has_local_size(source):
            if view.is_contiguous:
                shape = source.type.shape
                self.settle(source, View(view.buffer, view.offset, shape, row_major(shape)))

    def run(self):
        """Write all statements; return the representations of the outputs."""
        first, start = self.entry.stack_count, self.entry.mark()
        self._run()
        if not any(is_stack(v.type) for v in self.program.outputs):
            self.entry.restore_stacks(first, start)
        return [self.representation(v) for v in self.program.outputs]

    def _run(self):
        for v in self.program.inputs:
            if v in self.views and self._has_local_size(v):
                self._let(v, self.elements(self.views[v], v.type.shape))
        for step in self.schedule.steps:
            if isinstance(step, Group):
                self._group(step)
            elif step.is_local:
                self._locals(step.equation)
            else:
                self._routine(step.equation)

    def _has_local_size(self, v):
        return not v.type.shape or v.type.size <= self.most_locals

    def representation(self, v):
        """What stands for a variable or literal: a tuple of scalars, a view, or a stack."""
        if type(v) is Literal:
            return (self.literal(v),)
        for known in (self.locals, self.views, self.stacks):
            if v in known:
                return known[v]
        return self.operand_view(v)

    def elements(self, view, shape):
        """The elements of a view as scalars, loaded now."""
        positions = [_position(view, i) for i in np.ndindex(*shape)]
        return [self.entry.load_element(view, self.entry.integer(p)) for p in positions]

    # ---- what kernels ask for

    def literal(self, v):
        """The scalar of a literal."""
        return self.entry.constant(v.value)

    def is_read_later(self, v):
        """Whether a step after the one that makes the value reads it, or the program returns it."""
        return self.homes.last_use.get(v, -1) > self.homes.made_in[v]

    def remark(self, v):
        """The equation that makes a variable, as the program prints it, for who reads the source."""
        if not self.entry.has_remarks:
            return ""
        equation = self.schedule.maker[v]
        operands = " ".join([self.names.get(u) or repr(u) for u in equation.inputs])
        return f"{self.names[v]}: {v.type} = {equation.primitive} {operands}"

    def local_scalar(self, v, index):
        """The scalar that an element is, where it is one and the index is known; or None."""
        if v not in self.locals or not all(i.is_constant for i in index):
            return None
        position = sum(i.attribute * s for i, s in zip(index, row_major(v.type.shape), strict=True))
        return self.locals[v][position]

    def view(self, v):
        """The memory of a stored value; local variables are written out to get some."""
        if v not in self.views:
            self.views[v] = self.written_out(self.representation(v), v.type)
        return self.views[v]

    def written_out(self, scalars, type, view=None):
        """The view of a small array whose elements are scalars."""
        if view is None:
            view = whole(self.entry.workspace(type.dtype, type.size), type.shape)
        for number, index in enumerate(np.ndindex(*type.shape)):
            position = self.entry.integer(_position(view, index))
            self.entry.store_element(view, position, scalars[number])
        return view

    def put(self, given, type, view):
        """Write a representation to a place, unless it is there already."""
        if isinstance(given, tuple):
            self.written_out(given, type, view)
        elif given != view:
            copy(self.entry, given, view)

    def output_view(self, v):
        """The memory that a value is to be written to."""
        if v not in self.views:
            view = self.destinations.get(v) or self.joins.view(v, self._view_of_joined)
            self.views[v] = view or self._taken_over(v) or self._new_view(v)
        return self.views[v]

    def is_placed(self, v):
        """Whether the memory that a value is to be written to has been given."""
        return v in self.views or v in self.destinations or v in self.joins.places

    def _view_of_joined(self, v):
        """The memory of an array before it is made, or None where something else may live there."""
        if v in self.destinations and v not in self.fresh:
            return None
        return self.output_view(v)

    def _new_view(self, v):
        buffer = self.entry.workspace(v.type.dtype, v.type.size, self.names[v])
        return whole(buffer, v.type.shape)

    def _taken_over(self, v):
        """The memory of an operand in the workspace that dies where the value is made."""
        operand = self.homes.predecessor(v)
        view = self.views.get(operand)
        if view is None or operand in self.homes.inputs or view.buffer.kind != "workspace":
            return None
        is_whole = view.is_contiguous and view.buffer.size == v.type.size  # not rows of a history
        return view if is_whole and view.shape == v.type.shape else None

    # ---- steps

    def _group(self, group):
        for equation in filter(lands, group.equations):
            self._begin(equation)
        for writer in kernels_of(group, self):
            self.entry.call(writer, source=group.equations[0].source)
        for v in group.outputs:
            if v in self.views and not v.type.shape:
                self._let(v, self.elements(self.views[v], ()))

    def _begin(self, equation):
        """Let the memory that an equation adds to hold what it begins with."""
        (v,) = equation.outputs
        target, begin = self.output_view(v), equation.inputs[0]
        scalar = None if self._is_stored(begin) else filling(begin, self.schedule.maker)
        if scalar is not None:
            fill(self.entry, self.representation(scalar)[0], target)
            return
        source = self.operand_view(begin)
        if source != target:
            copy(self.entry, source, target)

    def _locals(self, equation):
        """Scalar statements, one per element of the output."""
        primitive = equation.primitive
        elements = _Elements(self, equation)
        (v,) = equation.outputs
        if isinstance(primitive, Reduction):
            values = elements.reduced()
        else:
            values = [elements.own(at) for at in _indices(v.type.shape)]
        elements.write_checks()
        self._let(v, values, self.remark(v))

    def _let(self, v, scalars, remark=""):
        """Names for the elements of a value that are expressions."""
        named = []
        for number, scalar in enumerate(scalars):
            if scalar.operands:
                suffix = f"_{number}" if v.type.shape else ""
                name = self.entry.unique(self.names[v] + suffix)
                self.entry.write(Let(name, scalar, remark))
                scalar = _build.symbol(name, scalar.dtype)
                remark = ""
            named.append(scalar)
        self.locals[v] = tuple(named)

    def _routine(self, equation):
        RoutineBuilder(self, equation).run()
        for v in equation.outputs:
            if v in self.views and not v.type.shape:
                self._let(v, self.elements(self.views[v], ()))

    def operand_view(self, v):
        """The view of an operand of a routine, also through movements."""
        if type(v) is Literal:
            return self.written_out((self.literal(v),), v.type)
        if v in self.schedule.stored:
            return self.view(v)
        source, offset, strides = source_of(v, self._is_stored, self.schedule.maker)
        base = self.view(source)
        if not base.is_contiguous:
            base = contiguous(self.entry, base)
        return View(base.buffer, base.offset + offset, v.type.shape, strides)

    def _is_stored(self, v):
        return v in self.schedule.stored or type(v) is Literal


class _Elements:
    """The elements of one equation's outputs as scalars of the entry."""

    def __init__(self, lowering, equation):
        self.lowering, self.equation = lowering, equation
        self.entry = lowering.entry
        self.build = IndexBuilder()
        self.known = {}

    def own(self, index):
        """An element of the equation's output."""
        inputs = self.equation.inputs
        element = self.build.element(
            self.equation, index, lambda i, at: self.element(inputs[i], tuple(at))
        )
        return self.entry.resolved(element, self.build)

    def element(self, v, index):
        """An element of a variable, loaded or computed."""
        key = v, index if type(v) is not Literal else ()
        if key not in self.known:
            self.known[key] = self._element(v, index)
        return self.known[key]

    def _element(self, v, index):
        lowering = self.lowering
        if type(v) is Literal:
            return lowering.literal(v)
        if v in lowering.schedule.stored:
            scalar = lowering.local_scalar(v, index)
            if scalar is not None:
                return scalar
            view = lowering.view(v)
            form = self.build.position(index, view.strides)
            place = self.build.expression(form) + self.build.constant(view.offset, INDEX)
            return self.entry.load_element(view, self.entry.resolved(place, self.build))
        equation = lowering.schedule.maker[v]
        return self.build.element(
            equation, index, lambda i, at: self.element(equation.inputs[i], tuple(at))
        )

    def reduced(self):
        """The elements of a reduction of few elements, combined one after another.

        A sum is added to 0, as in NumPy: that of negative zeros is 0.
        """
        (v,) = self.equation.inputs
        reduction = self.equation.primitive
        kept = [a for a in range(v.type.ndim) if a not in reduction.axes]
        dtype = v.type.dtype
        identity = constant(reduction.identity(dtype), dtype)
        totals = {}
        for index in _indices(v.type.shape):
            at = tuple([index[a] for a in kept])
            x = self.element(v, index)
            totals[at] = combined(reduction, totals[at], x) if at in totals else x
        if reduction.combine == "add" and dtype.kind in "fc":
            totals = {at: call("add", dtype, x, identity) for at, x in totals.items()}
        shape = tuple([v.type.shape[a] for a in kept])
        return [totals.get(at, identity) for at in _indices(shape)]

    def write_checks(self):
        """Return an error code where a condition that a primitive requires does not hold."""
        for fault, culprit in self.build.checks.items():
            code = self.entry.error_sites([(culprit, self.equation.source)])
            self.entry.fail_with(self.entry.resolved(fault, self.build), code)


def _position(view, index):
    """The place of an element in the buffer of a view."""
    return sum([i * s for i, s in zip(index, view.strides, strict=True)], view.offset)


def _indices(shape):
    """Every index of a shape as constants, in row-major order."""
    return [_constants(at) for at in np.ndindex(*shape)]


def _constants(at):
    return tuple([constant(i, INDEX) for i in at])
