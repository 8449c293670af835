"""The key of a program: what it is apart from its sizes, and these sizes.

Programs of equal outlines differ in integers and scalars only. Such as are small or simple, which may
decide what code looks like, stand in the outline itself; all others have numbers there, equal ones
the same number, and stand in lists beside it. Equal outlines with equal lists, in any process, mean
equal compiled programs.

An outline says all that optimisation and code generation look at: the primitives with their
parameters, the types, which values are the same variable, the literals by their bits. Lines of the
user's code are not in it. A program has none where it contains what only this process knows: a
primitive or a function that somebody else defined.
"""

import sys
from functools import lru_cache

import numpy as np

from fungrad.compiler.execution import environment
from fungrad.compiler.language.literals import LITERAL, is_simple
from fungrad.core.digest import blake2b
from fungrad.core.primitive import Primitive
from fungrad.core.program import Literal, Program
from fungrad.core.types import ArrayType

PLAIN = frozenset({float, complex, bool, str, bytes, type(None), type(Ellipsis)})


_NAME = "name in outlines"  # of a primitive without open numbers: found once
_LONG = 200  # of a name, which is that of a program inside: its digest does


class UnnamedError(Exception):
    """Something has no name that other processes know it by."""


class Outline:
    """A program apart from its sizes: `key`; and its `integers` and `scalars` that are not in it."""

    __slots__ = ("integers", "key", "scalars")

    def __init__(self, key, integers, scalars):
        self.key, self.integers, self.scalars = key, integers, scalars

    @property
    def exact(self):
        """The key of this one program."""
        scalars = [(x.dtype.str, x.tobytes()) for x in self.scalars]
        return _digest(repr((self.key, self.integers, scalars)))


def outline(program, *settings):
    """The outline of a program that is compiled with these settings (plain data), or None."""
    names = _Names()
    try:
        text = repr((environment.description(), settings, names.program(program)))
    except UnnamedError:
        return None
    return Outline(_digest(text), list(names.integers), [v.value for v in names.scalars])


def program_key(program, *settings):
    """The key of a program that is compiled with these settings (plain data), or None."""
    found = outline(program, *settings)
    return None if found is None else found.exact


def _digest(text):
    return blake2b(text.encode(), digest_size=16).hexdigest()


class _Names:
    """Names of programs and of what is in them, as nested tuples of plain data."""

    def __init__(self):
        self.primitives, self.types = {}, {}  # one that occurs often is looked at once
        self.integers, self.scalars = {}, {}  # what is not in the outline: its number there
        self.count = 0  # of places in the outline where such a number stands

    def program(self, program):
        """The structure of a program: variables are numbered in the order of their appearance."""
        numbers = {v: i for i, v in enumerate(program.inputs)}

        def operand(v):
            return self.literal(v) if type(v) is Literal else numbers[v]

        equations = []
        for equation in program.equations:
            inputs = tuple([operand(v) for v in equation.inputs])
            types = tuple([self.type(v.type) for v in equation.outputs])
            for v in equation.outputs:
                numbers[v] = len(numbers)
            equations.append((self.primitive(equation.primitive), inputs, types))
        inputs = tuple([self.type(v.type) for v in program.inputs])
        return inputs, tuple(equations), tuple([operand(v) for v in program.outputs])

    def literal(self, literal):
        """A literal: by its bits, if it is simple, else by its dtype and number."""
        value = literal.value
        if is_simple(value):
            return literal.type.dtype.str, value.tobytes()
        self.count += 1
        return literal.type.dtype.str, self.scalars.setdefault(literal, len(self.scalars))

    def integer(self, x):
        """An integer: itself, if it is small, else its number."""
        if -LITERAL <= x <= LITERAL:
            return x
        self.count += 1
        return "n", self.integers.setdefault(x, len(self.integers))

    def type(self, type):
        """A type of arrays or stacks."""
        known = self.types.get(type)
        if known is None:
            before = self.count
            if hasattr(type, "element"):
                known = repr(("stack", self.type(type.element)))
            else:
                known = repr((type.dtype.str, tuple([self.integer(n) for n in type.shape])))
            self.types[type] = known, self.count > before
            return known
        known, is_open = known
        self.count += is_open
        return known

    def primitive(self, primitive):
        """A primitive: its class and its parameters, or its place in a table of the library."""
        known = self.primitives.get(primitive)
        if known is None:
            known = primitive.__dict__.get(_NAME)
            if known is None:
                before = self.count
                known = self._primitive(primitive)
                if self.count == before:
                    text = repr(known)
                    known = text if len(text) < _LONG else _digest(text)
                    primitive.__dict__[_NAME] = known
            self.primitives[primitive] = known
        return known

    def _primitive(self, primitive):
        if hasattr(primitive, "inlined"):  # nothing else of it reaches the compiler
            return "inlined", self.program(primitive.inlined)
        try:
            fields = [self.value(getattr(primitive, name)) for name in primitive.fields]
        except UnnamedError:
            return "row", _row(primitive)
        return global_name(type(primitive)), tuple(fields)

    def value(self, x):
        """A parameter of a primitive."""
        kind = type(x)
        if kind is int:
            return self.integer(x)
        if kind is float or kind is complex:
            return kind.__name__, np.asarray(x).tobytes()
        if kind in PLAIN:
            return x
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
            return "type", self.type(x)
        if isinstance(x, type):
            return "class", global_name(x)
        names = getattr(kind, "_fields", None) or getattr(kind, "__dataclass_fields__", None)
        if names:
            parts = tuple([self.value(getattr(x, name)) for name in names])
            return "record", global_name(kind), parts
        raise UnnamedError(x)


def global_name(x):
    """The name of a class of this library, by which every process finds it."""
    module, name = x.__module__, x.__qualname__
    if not module.startswith("fungrad.") or getattr(sys.modules[module], name, None) is not x:
        raise UnnamedError(x)
    return f"{module}.{name}"


_ROWS = "fungrad.primitives.elementwise"  # where most of them are, under their names


@lru_cache(4096)
def _row(primitive):
    """The name of the variable of this library that holds a primitive with functions in it."""
    if getattr(sys.modules.get(_ROWS), primitive.name, None) is primitive:
        return f"{_ROWS}.{primitive.name}"
    for name, known in list(sys.modules.items()):
        if name.startswith("fungrad.primitives."):
            for variable, value in vars(known).items():
                if value is primitive:
                    return f"{name}.{variable}"
    raise UnnamedError(primitive)
