"""Branches, and programs that run once where they stand."""

from fungrad.compiler.language.builder import Builder
from fungrad.compiler.language.scalar import INDEX, constant
from fungrad.compiler.language.stack_layout import is_stack
from fungrad.compiler.language.views import View
from fungrad.compiler.loops.stacks import EMPTY, StackValue

_build = Builder()


def inline(build, program, inputs, outputs):
    """Write the statements of a program where it is called."""
    lowering = build.lowering
    given = [lowering.representation(v) for v in inputs]
    places = _places(build, outputs)
    inner = lowering.inner(program, given, lowering.most_locals)
    _settle(inner, outputs, places)
    for output, result in zip(outputs, inner.run(), strict=True):
        if output in places:
            inner.put(result, output.type, places[output])
        else:
            lowering.represent(output, result)


def _places(build, outputs):
    """The memory of those outputs that are larger than local variables."""
    most = build.lowering.most_locals
    return {
        v: build.output(v)
        for v in outputs
        if not is_stack(v.type) and v.type.shape and v.type.size > most
    }


def _settle(inner, outputs, places):
    """Let the inner program compute its results where they have to be."""
    for v, output in zip(inner.program.outputs, outputs, strict=True):
        is_made = v in inner.homes.made_in and v not in inner.destinations
        if output in places and is_made:
            inner.settle(v, places[output])


def cond(build, primitive, inputs, outputs):
    """Write a choice between branches by an integer, which is moved to the nearest branch."""
    index = build.scalar(inputs[0])
    _Choice(build, primitive.branches, inputs[1:], outputs).write(index)


class _Choice:
    def __init__(self, build, branches, operands, outputs):
        self.build, self.entry, self.lowering = build, build.entry, build.lowering
        self.branches, self.outputs = branches, outputs
        self.given = [self.lowering.representation(v) for v in operands]
        self.places = _places(build, outputs)
        self.variables = {v: self._variables(v) for v in outputs if v not in self.places}

    def _variables(self, v):
        if is_stack(v.type):
            return [self.entry.variable(s, "stack") for s in EMPTY.scalars]
        zero = constant(0, v.type.dtype)
        return [self.entry.variable(zero, "chosen") for _ in range(v.type.size)]

    def write(self, index):
        """Write the branches; let what they set be the outputs."""
        self._branch(index, 0)
        for v, variables in self.variables.items():
            scalars = tuple([x.value for x in variables])
            self.lowering.represent(v, StackValue(*scalars) if is_stack(v.type) else scalars)

    def _branch(self, index, number):
        if number == len(self.branches) - 1:
            self._run(self.branches[number])
            return
        taken = _build("less_equal", index, constant(number, INDEX))
        with self.entry.branch(taken) as statement:
            self._run(self.branches[number])
        with self.entry.block(statement.otherwise):
            self._branch(index, number + 1)

    def _run(self, program):
        inner = self.lowering.inner(program, self.given, self.lowering.most_locals)
        _settle(inner, self.outputs, self.places)
        for output, result in zip(self.outputs, inner.run(), strict=True):
            if output in self.places:
                inner.put(result, output.type, self.places[output])
                continue
            if isinstance(result, View):
                result = inner.elements(result, output.type.shape)
            scalars = result.scalars if isinstance(result, StackValue) else result
            for variable, scalar in zip(self.variables[output], scalars, strict=True):
                variable.set(scalar)
