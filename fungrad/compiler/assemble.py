"""The text of a program's entry and kernels, and the interface that a call has to serve."""

from dataclasses import dataclass

import numpy as np

from fungrad.compiler.arguments import Array, Pointer, Result, Scalar
from fungrad.compiler.entry import STACK_WORDS, Entry, parameter_dtypes
from fungrad.compiler.fuse import MOST_LOCALS
from fungrad.compiler.lower import Lowering
from fungrad.compiler.memory import place_buffers
from fungrad.compiler.scalar import INDEX, Builder, constant
from fungrad.compiler.source import print_function
from fungrad.compiler.statements import Point, load
from fungrad.compiler.views import Buffer, whole
from fungrad.core.program import Literal, variable_names

_build = Builder()


@dataclass(frozen=True, eq=False)
class KernelText:
    """A kernel as it is compiled (`source`) and as it is shown (`shown`)."""

    name: str
    function: str
    source: str
    shown: str
    arguments: tuple


@dataclass(frozen=True, eq=False)
class Assembly:
    """Everything that is known of a compiled program before machine code exists.

    `outputs` says, per output of the program, where it comes from: ("input", i), ("literal",
    value), ("array", type), ("result", number) or ("copy", number of another output).
    """

    program: object
    source: str
    shown: str
    arguments: tuple
    kernels: tuple
    sizes: np.ndarray
    workspace: int  # bytes
    stacks: int  # words
    outputs: tuple
    errors: tuple
    is_tiny: bool


def assemble(program):
    """The assembly of an optimised program."""
    is_tiny = has_only_small_values(program)
    entry = Entry()
    names = variable_names(program)
    parameters = _Parameters(entry)
    inputs = [parameters.input(v, names[v]) for v in program.inputs]
    outputs, made = _plan_outputs(program)
    destinations = {v: parameters.output(v, i) for v, i in made.items() if v.type.shape}
    lowering = Lowering(entry, program, inputs, MOST_LOCALS if is_tiny else 0)
    for v, view in destinations.items():
        lowering.settle(v, view)
    lowering.run()
    for v, number in made.items():
        given = lowering.representation(v)
        if not v.type.shape:
            entry.store(parameters.result(v, number), constant(0, INDEX), given[0])
        else:
            lowering.put(given, v.type, destinations[v])
    workspace = place_buffers(entry)
    parameters.add("sizes", Array(np.int64))
    parameters.add("workspace", Array(np.uint8))
    if entry.stack_count:
        parameters.add("stacks", Array(np.int64))
    body = [*entry.preamble, *_workspace_pointers(entry), *entry.body]
    source, shown = print_function("entry", parameters.names, body)
    return Assembly(
        program,
        source,
        shown,
        tuple(parameters.arguments),
        tuple(_kernel_texts(entry)),
        np.array(entry.sizes, np.int64),
        workspace,
        entry.stack_count * STACK_WORDS,
        tuple(outputs),
        tuple(entry.errors),
        is_tiny,
    )


class _Parameters:
    """The parameters of an entry: names, and how each is passed."""

    def __init__(self, entry):
        self.entry = entry
        self.names = []
        self.arguments = []

    def add(self, name, argument):
        self.names.append(name)
        self.arguments.append(argument)

    def input(self, v, name):
        """The representation of an input of the program."""
        name = self.entry.unique(name)
        if not v.type.shape:
            self.add(name, Scalar(v.type.dtype))
            return (_build.symbol(name, v.type.dtype),)
        return self._array(v, name, "argument")

    def output(self, v, number):
        """The memory of an output of the program."""
        return self._array(v, self.entry.unique(f"out{number}"), "output")

    def _array(self, v, name, kind):
        self.add(name, Array(v.type.dtype))
        return whole(Buffer(kind, name, v.type.dtype, v.type.size), v.type.shape)

    def result(self, v, number):
        """The name of the pointer through which a scalar output is returned."""
        name = self.entry.unique(f"out{number}")
        self.add(name, Result(v.type.dtype))
        return name


def has_only_small_values(program):
    """Whether every value of the program is small enough to be local variables."""
    values = [*program.inputs, *(v for e in program.equations for v in e.outputs)]
    return all(getattr(v.type, "size", MOST_LOCALS + 1) <= MOST_LOCALS for v in values)


def _plan_outputs(program):
    """Where each output comes from, and the variables that the entry makes, by output number."""
    outputs, made, results = [], {}, 0
    for number, v in enumerate(program.outputs):
        if type(v) is Literal:
            outputs.append(("literal", v.value))
        elif v in program.inputs:
            outputs.append(("input", program.inputs.index(v)))
        elif v in made:
            outputs.append(("copy", made[v]))
        else:
            made[v] = number
            outputs.append(("array", v.type) if v.type.shape else ("result", results))
            results += not v.type.shape
    return outputs, made


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
    for (source, _), (name, shown, writer) in entry.kernels.items():
        arguments = [
            Pointer(dtype) if kind == "pointer" else Scalar(dtype)
            for kind, dtype in parameter_dtypes(writer)
        ]
        yield KernelText(name, writer.hint, source, shown, tuple(arguments))
