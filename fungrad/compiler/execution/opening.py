"""A program with open numbers for all that is not in its outline (see `program_key`).

program, its outline -> opened -> passes and code generation -> recipe_of -> Recipe
"""

from dataclasses import is_dataclass

import numpy as np

from fungrad.compiler.execution.program_key import PLAIN, UnnamedError, global_name
from fungrad.compiler.execution.recipe import PLACE, Recipe, function_of
from fungrad.compiler.language.literals import LITERAL
from fungrad.core.open_numbers import OpenNumbers
from fungrad.core.open_values import OpenNumber
from fungrad.core.primitive import Primitive
from fungrad.core.program import Equation, Literal, Program, Variable
from fungrad.core.types import ArrayType
from fungrad.optimize.inline import inline_calls

_CONSTANTS = (bool, int, float, complex, str, bytes, type(None))  # plain data as they are


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


def recipe_of(opened, count, form):
    """The recipe of a form in which some numbers are open; `count` of these were given."""
    needed = _needed(opened, [*_open_in(form), *opened.decisions])
    constants = [i for i in needed if opened.nodes[i][0] is None and i >= count]
    computed = [i for i in needed if opened.nodes[i][0] is not None]
    places = {n: i for i, n in enumerate([*range(count), *constants, *computed])}
    steps = []
    for i in computed:
        function, operands = opened.nodes[i]
        numbers = tuple([places[n] for n in operands])
        steps.append((_name(function), numbers, opened.decisions.get(i)))
    values = tuple([_as_data(opened.values[i]) for i in constants])
    return Recipe(count, values, tuple(steps), _with_places(form, places))


def _with_places(form, places):
    if type(form) is OpenNumber:
        return PLACE, places[form.number]
    return tuple([_with_places(x, places) for x in form]) if type(form) is tuple else form


def _open_in(form):
    """The numbers of the nodes of the open numbers in a form."""
    if type(form) is OpenNumber:
        return [form.number]
    return [i for x in form for i in _open_in(x)] if type(form) is tuple else []


def _needed(opened, numbers):
    """The nodes that some nodes are computed from, and these themselves, in their order."""
    needed, waiting = set(), list(numbers)
    while waiting:
        number = waiting.pop()
        if number not in needed:
            needed.add(number)
            function, operands = opened.nodes[number]
            if function is not None:
                waiting += operands
    return sorted(needed)


def _as_data(constant):
    """A constant as data that means the same when it is read from disk."""
    if isinstance(constant, np.generic) or (isinstance(constant, np.ndarray) and not constant.ndim):
        return "scalar", constant.dtype.str, constant.tobytes()
    if type(constant) not in _CONSTANTS:
        raise TypeError(f"{constant!r:.60} of type {type(constant).__name__} is not plain data")
    return constant


def _name(function):
    """The name by which every process finds a function."""
    module = "numpy" if isinstance(function, np.ufunc) else function.__module__
    name = f"{module}:{function.__name__}"
    if function_of(name) is not function:
        raise TypeError(f"{function} has no name by which it is found")
    return name
