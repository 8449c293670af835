"""The key of a program: equal keys, in any process, mean equal compiled programs.

It says all that optimisation and code generation look at: the primitives with their parameters, the
types, which values are the same variable, the literals by their bits. Lines of the user's code are
not in it. A program has no key where it contains what only this process knows: a primitive or a
function that somebody else defined.
"""

import sys
from functools import lru_cache
from hashlib import blake2b

import numpy as np

from fungrad.compiler.execution import environment
from fungrad.core.primitive import Primitive
from fungrad.core.program import Literal, Program
from fungrad.core.types import ArrayType

_PLAIN = frozenset({int, bool, str, bytes, type(None), type(Ellipsis)})


class UnnamedError(Exception):
    """Something has no name that other processes know it by."""


def program_key(program, *settings):
    """The key of a program that is compiled with these settings (plain data), or None."""
    try:
        text = repr((environment.description(), settings, _Names().program(program)))
    except UnnamedError:
        return None
    return blake2b(text.encode(), digest_size=16).hexdigest()


class _Names:
    """Names of programs and of what is in them, as nested tuples of plain data."""

    def __init__(self):
        self.primitives = {}  # one that occurs often is looked at once

    def program(self, program):
        """The structure of a program: variables are numbered in the order of their appearance."""
        numbers = {v: i for i, v in enumerate(program.inputs)}

        def operand(v):
            return self.literal(v) if type(v) is Literal else numbers[v]

        equations = []
        for equation in program.equations:
            inputs = tuple([operand(v) for v in equation.inputs])
            types = tuple([_type(v.type) for v in equation.outputs])
            for v in equation.outputs:
                numbers[v] = len(numbers)
            equations.append((self.primitive(equation.primitive), inputs, types))
        inputs = tuple([_type(v.type) for v in program.inputs])
        return inputs, tuple(equations), tuple([operand(v) for v in program.outputs])

    def literal(self, literal):
        """A literal by its bits."""
        return literal.type.dtype.str, literal.value.tobytes()

    def primitive(self, primitive):
        """A primitive: its class and its parameters, or its place in a table of the library."""
        known = self.primitives.get(primitive)
        if known is None:
            known = self.primitives[primitive] = self._primitive(primitive)
        return known

    def _primitive(self, primitive):
        if hasattr(primitive, "inlined"):  # nothing else of it reaches the compiler
            return "inlined", self.program(primitive.inlined)
        try:
            fields = [self.value(getattr(primitive, name)) for name in primitive.fields]
        except UnnamedError:
            return "row", _row(primitive)
        return _global_name(type(primitive)), tuple(fields)

    def value(self, x):
        """A parameter of a primitive."""
        kind = type(x)
        if kind in _PLAIN:
            return x
        if kind is float or kind is complex:
            return kind.__name__, np.asarray(x).tobytes()
        if kind is tuple or kind is list:
            return kind.__name__, *[self.value(each) for each in x]
        if isinstance(x, np.dtype):
            return "dtype", x.str
        if isinstance(x, np.generic):
            return "number", x.dtype.str, x.tobytes()
        if isinstance(x, Program):
            return "program", self.program(x)
        if isinstance(x, Primitive):
            return "primitive", self.primitive(x)
        if kind is ArrayType or hasattr(x, "element"):
            return "type", _type(x)
        if isinstance(x, type):
            return "class", _global_name(x)
        names = getattr(kind, "_fields", None) or getattr(kind, "__dataclass_fields__", None)
        if names:
            parts = tuple([self.value(getattr(x, name)) for name in names])
            return "record", _global_name(kind), parts
        raise UnnamedError(x)


def _type(type):
    if hasattr(type, "element"):
        return "stack", _type(type.element)
    return type.dtype.str, type.shape


def _global_name(x):
    """The name of a class of this library, by which every process finds it."""
    module, name = x.__module__, x.__qualname__
    if not module.startswith("fungrad.") or getattr(sys.modules[module], name, None) is not x:
        raise UnnamedError(x)
    return f"{module}.{name}"


@lru_cache(4096)
def _row(primitive):
    """The name of the variable of this library that holds a primitive with functions in it."""
    module = type(primitive).__module__.rpartition(".")[0]
    for name, known in list(sys.modules.items()):
        if name.startswith("fungrad.primitives") and name.startswith(module):
            for variable, value in vars(known).items():
                if value is primitive:
                    return f"{name}.{variable}"
    raise UnnamedError(primitive)
