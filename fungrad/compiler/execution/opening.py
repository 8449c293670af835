"""A program with open numbers for all that is not in its outline (see `program_key`)."""

from dataclasses import is_dataclass

import numpy as np

from fungrad.compiler.execution.program_key import PLAIN, UnnamedError, global_name
from fungrad.compiler.language.literals import LITERAL
from fungrad.core.open_numbers import OpenNumbers
from fungrad.core.primitive import Primitive
from fungrad.core.program import Equation, Literal, Program, Variable
from fungrad.core.types import ArrayType
from fungrad.optimize.inline import inline_calls


def opened(program, outline):
    """The open numbers of an outline, and the program with them in place of what they are now."""
    opening = _Opening(outline)
    return opening.numbers, opening.program(program)


class _Opening:
    """Goes through a program as `program_key` does: what is in the outline stays as it is."""

    def __init__(self, outline):
        self.numbers = OpenNumbers(LITERAL)
        self.integers = {n: self.numbers.integer(n) for n in outline.integers}
        scalars = [self.numbers.scalar(x) for x in outline.scalars]
        self.scalars = {Literal(x.value): Literal(x) for x in scalars}
        self.types, self.primitives, self.programs = {}, {}, {}

    def program(self, program):
        """The program with open numbers, and what is called inlined."""
        found = self.programs.get(program)
        if found is None:
            found = self.programs[program] = self._program(inline_calls(program))
        return found

    def _program(self, program):
        known = {v: Variable(self.type(v.type)) for v in program.inputs}

        def operand(v):
            return self.scalars.get(v, v) if type(v) is Literal else known[v]

        equations = []
        for e in program.equations:
            inputs = tuple([operand(v) for v in e.inputs])
            outputs = tuple([Variable(self.type(v.type)) for v in e.outputs])
            known.update(zip(e.outputs, outputs, strict=True))
            equations.append(Equation(self.primitive(e.primitive), inputs, outputs, e.source))
        inputs = tuple([known[v] for v in program.inputs])
        outputs = tuple([operand(v) for v in program.outputs])
        return Program(inputs, tuple(equations), outputs, program.name)

    def type(self, type):
        """A type of arrays or stacks with open sizes."""
        found = self.types.get(type)
        if found is None:
            if hasattr(type, "element"):
                found = type.__class__(self.type(type.element))
            else:
                shape = tuple([self.integers.get(n, n) for n in type.shape])
                found = ArrayType(shape, type.dtype)
            self.types[type] = found
        return found

    def primitive(self, primitive):
        """A primitive with open numbers among its parameters."""
        found = self.primitives.get(primitive)
        if found is None:
            found = self.primitives[primitive] = self._primitive(primitive)
        return found

    def _primitive(self, primitive):
        values = {name: getattr(primitive, name) for name in primitive.fields}
        try:
            changed = {name: self.value(x) for name, x in values.items()}
        except UnnamedError:  # a row of a table of the library
            return primitive
        return primitive.replace(**{n: x for n, x in changed.items() if x is not values[n]})

    def value(self, x):
        """A parameter of a primitive."""
        kind = type(x)
        if kind is int:
            return self.integers.get(x, x)
        if kind is tuple or kind is list:
            values = [self.value(each) for each in x]
            return x if all(a is b for a, b in zip(values, x, strict=True)) else kind(values)
        if isinstance(x, Program):
            return self.program(x)
        if isinstance(x, Primitive):
            return self.primitive(x)
        if kind is ArrayType or hasattr(x, "element"):
            return self.type(x)
        if kind in PLAIN or isinstance(x, np.dtype | np.generic):
            return x
        if isinstance(x, type):
            global_name(x)
            return x
        names = getattr(kind, "_fields", None) or getattr(kind, "__dataclass_fields__", None)
        if not names:
            raise UnnamedError(x)
        global_name(kind)
        values = [self.value(getattr(x, name)) for name in names]
        if all(a is getattr(x, name) for a, name in zip(values, names, strict=True)):
            return x
        return (
            kind(**dict(zip(names, values, strict=True))) if is_dataclass(kind) else kind(*values)
        )
