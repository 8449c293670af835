"""The text of a program's entry and kernels, and the interface that a call has to serve."""

from functools import cached_property

import numpy as np

from fungrad.compiler.entry import Entry, parameter_dtypes
from fungrad.compiler.execution.forms import form_of
from fungrad.compiler.execution.interface import Interface, argument_from_data
from fungrad.compiler.execution.plan import Given, Made
from fungrad.compiler.fusion.fuse import MOST_LOCALS, fitting_locals
from fungrad.compiler.language.arguments import Array, Pointer, Result, Scalar
from fungrad.compiler.language.builder import Builder
from fungrad.compiler.language.scalar import INDEX, constant
from fungrad.compiler.language.source import Text
from fungrad.compiler.language.stack_layout import STACK_WORDS, is_stack, stack_depth
from fungrad.compiler.language.statements import Point, load
from fungrad.compiler.language.views import Buffer, whole
from fungrad.compiler.loops.callbacks import address
from fungrad.compiler.loops.late_choices import branch_on_late_choices
from fungrad.compiler.loops.stacks import StackValue
from fungrad.compiler.loops.strong_products import check_at_once
from fungrad.compiler.lower import Lowering
from fungrad.core.program import Literal, variable_names
from fungrad.core.record import record
from fungrad.optimize.accumulate import accumulate_products
from fungrad.optimize.scaled_windows import scale_windows

_build = Builder()


@record(frozen=True, eq=False)
class KernelText:
    """A kernel before it is compiled."""

    name: str
    function: str
    text: Text
    arguments: tuple
    in_parts: bool  # whether threads may share the turns of the outermost loop

    @property
    def source(self):
        """What is compiled."""
        return self.text.plain


@record(frozen=True, eq=False)
class Assembly:
    """Everything that is known of a compiled program before machine code exists.

    `errors` are pairs (primitive, line of the user's code or None), in the order of the status
    codes 1, 2, ...; `callbacks` the C functions that call Python. `form` is that of the interface,
    in which numbers may be open.
    """

    program: object
    entry: Text
    kernels: tuple
    errors: tuple
    callbacks: tuple
    form: tuple
    meters: tuple

    @cached_property
    def interface(self):
        """What a call has to serve."""
        addresses = [address(f) for f in self.callbacks]
        return Interface.from_form(self.form, self.meters, addresses)

    @property
    def arguments(self):
        """The arguments of the entry."""
        return tuple(map(argument_from_data, self.form[0]))

    @property
    def source(self):
        """The source of the entry, as it is compiled."""
        return self.entry.plain

    @property
    def workspace(self):
        """The bytes of scratch memory that a call needs."""
        return self.interface.workspace

    @property
    def text(self):
        """The generated source, one function after another, with the equations as remarks."""
        return "\n\n".join([*(k.text.shown for k in self.kernels), self.entry.shown])


def assemble(program, donated=(), has_remarks=True):
    """The assembly of an optimised program; it may overwrite the `donated` inputs, by number."""
    program = scale_windows(accumulate_products(program))
    is_tiny = has_only_small_values(program)
    entry = Entry(has_remarks)
    names = variable_names(program)
    parameters = _Parameters(entry)
    inputs = [parameters.input(i, v.type, names[v]) for i, v in enumerate(program.inputs)]
    outputs, made = _plan_outputs(program)
    most_locals = MOST_LOCALS if is_tiny else fitting_locals(program, False)
    lowering = Lowering(entry, program, inputs, most_locals)
    gifts = _gifts(lowering, outputs, donated)
    destinations = {}
    for number, v in made:
        if not is_stack(v.type) and v.type.shape:
            given = gifts.get(v)
            place = parameters.output(v, number) if given is None else lowering.views[given]
            destinations[v] = place
            lowering.settle(v, place, given, is_fresh=given is None)
    lowering.run()
    for number, v in made:
        given = lowering.representation(v)
        if is_stack(v.type):
            for scalar in given.scalars:
                parameters.result(scalar, number)
        elif not v.type.shape:
            parameters.result(given[0], number)
        else:
            lowering.put(given, v.type, destinations[v])
    entry.close_lifetimes()
    for name, dtype, is_there in (
        ("sizes", np.int64, True),
        ("workspace", np.uint8, True),
        ("counters", np.int64, entry.meters),
        ("callbacks", np.int64, entry.callbacks),
    ):
        if is_there:
            parameters.add(name, Array(dtype), name)
    if entry.stack_count:
        parameters.add("stacks", Array(np.int64), None)
    for kind, what in outputs:
        if kind == "gift":
            parameters.origins[what] = Given(program.inputs[what].type.shape, is_written=True)
    body = [*entry.preamble, *_workspace_pointers(entry), *entry.body]
    body = branch_on_late_choices(check_at_once(body, entry.unique))
    text = Text("entry", parameters.names, body)
    form = form_of(
        parameters.arguments,
        parameters.origins,
        outputs,
        entry.sizes,
        [(b.slot, b.nbytes, b.first, b.last) for b in entry.buffers if b.first is not None],
        entry.stack_count * STACK_WORDS,
        is_tiny and not entry.has_long_loops,
        parameters.stack_inputs,
        entry.note_slot,
    )
    errors, callbacks, meters = map(tuple, (entry.errors, entry.callbacks, entry.meters))
    kernels = tuple(_kernel_texts(entry))
    return Assembly(program, text, kernels, errors, callbacks, form, meters)


class _Parameters:
    """The parameters of an entry: names, and how each is passed."""

    def __init__(self, entry):
        self.entry = entry
        self.names = []
        self.arguments = []
        self.origins = []
        self.stack_inputs = {}

    def add(self, name, argument, origin):
        """Append a parameter."""
        self.names.append(name)
        self.arguments.append(argument)
        self.origins.append(origin)

    def input(self, number, type, name):
        """The representation of an input of the program."""
        if is_stack(type):
            return self._stack(number, type, name)
        name = self.entry.unique(name)
        if not type.shape:
            self.add(name, Scalar(type.dtype), Given())
            return (_build.symbol(name, type.dtype),)
        return self._array(type, name, "argument", Given(type.shape))

    def _stack(self, number, type, name):
        """A stack from outside: which one, and the number of its elements."""
        scalars = []
        for part in ("number", "count"):
            self.add(self.entry.unique(f"{name}_{part}"), Scalar(INDEX), Given())
            scalars.append(_build.symbol(self.names[-1], INDEX))
        numbers = [self.entry.new_stack() for _ in range(stack_depth(type))]
        self.stack_inputs[number] = numbers[0]
        return StackValue(scalars[0], constant(0, INDEX), scalars[1])

    def output(self, v, number):
        """The memory of an output of the program."""
        name = self.entry.unique(f"out{number}")
        return self._array(v.type, name, "output", Made(v.type.shape))

    def _array(self, type, name, kind, origin):
        self.add(name, Array(type.dtype), origin)
        return whole(Buffer(kind, name, type.dtype, type.size), type.shape)

    def result(self, scalar, number):
        """Return a scalar."""
        name = self.entry.unique(f"out{number}")
        self.add(name, Result(scalar.dtype), None)
        self.entry.store(name, constant(0, INDEX), scalar)


def has_only_small_values(program):
    """Whether every value of the program is small enough to be local variables."""
    values = [*program.inputs, *(v for e in program.equations for v in e.outputs)]
    return all(getattr(v.type, "size", MOST_LOCALS + 1) <= MOST_LOCALS for v in values)


def _plan_outputs(program):
    """Where each output comes from, and which output the entry makes for which variable.

    Scalars are always made: each one is a result of its own.
    """
    outputs, made, first, results = [], [], {}, 0
    for number, v in enumerate(program.outputs):
        if type(v) is Literal:
            outputs.append(("literal", v.value))
        elif is_stack(v.type):
            outputs.append(("stack", results))
            made.append((number, v))
            results += 3
        elif not v.type.shape:
            outputs.append(("result", results))
            made.append((number, v))
            results += 1
        elif v in program.inputs:
            outputs.append(("input", program.inputs.index(v)))
        elif v in first:
            outputs.append(("copy", first[v]))
        else:
            outputs.append(("array", v.type))
            made.append((number, v))
            first[v] = number
    return outputs, made


def _gifts(lowering, outputs, donated):
    """Which output may overwrite which donated input; notes it in `outputs`, and the parameter."""
    program, gifts = lowering.program, {}
    free = {program.inputs[i]: i for i in donated}
    for number, (kind, _) in enumerate(outputs):
        v = program.outputs[number]
        if kind != "array":
            continue
        for given, i in free.items():
            if lowering.homes.may_replace(given, v):
                gifts[v] = given
                outputs[number] = ("gift", i)
                del free[given]
                break
    return gifts


def _workspace_pointers(entry):
    """A name for the place of each buffer in the workspace."""
    pointers = []
    for buffer in entry.buffers:
        if buffer.first is not None:
            slot = load("sizes", constant(buffer.slot, INDEX), INDEX)
            text = f"view(workspace, {{}}, np.{buffer.dtype.name})"
            pointers.append(Point(buffer.name, text, (slot,)))
    return pointers


def _kernel_texts(entry):
    for name, text, writer in entry.kernels.values():
        arguments = [
            Scalar(dtype) if kind == "scalar" else Pointer(dtype, aliased=kind == "aliased")
            for kind, dtype in parameter_dtypes(writer)
        ]
        yield KernelText(name, writer.hint, text, tuple(arguments), writer.in_parts)
