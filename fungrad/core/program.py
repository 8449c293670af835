"""Programs: inputs, equations, outputs. Closed, immutable, typed, printable."""

from dataclasses import dataclass, field, replace
from functools import wraps

import numpy as np

from fungrad.core.errors import ProgramError
from fungrad.core.types import ArrayType, short_name


class Variable:
    """A name for a value of a known type; equal only to itself."""

    __slots__ = ("type",)

    def __init__(self, type):
        self.type = type

    def __repr__(self):
        return f"<{self.type}>"


class Literal:
    """A scalar that stands in an equation itself: `value` is a NumPy scalar. Interned by bits."""

    __slots__ = ("type", "value")
    _interned: dict = {}
    _most = 100_000

    def __new__(cls, value, dtype=None):
        if dtype is None and isinstance(value, np.generic):
            short = (type(value), value.tobytes())  # hashing a dtype takes longer than the rest
            self = cls._interned.get(short)
            if self is None:
                self = cls._interned[short] = cls._intern(value)
            return self
        if hasattr(value, "of"):  # an open number
            return value.of.literal(value, dtype)
        return cls._intern(np.asarray(value, dtype)[()])

    @classmethod
    def _intern(cls, value):
        key = (value.dtype, value.tobytes())
        self = cls._interned.get(key)
        if self is None:
            self = cls.of(value)
            if len(cls._interned) >= cls._most:
                cls._interned.clear()
            cls._interned[key] = self
        return self

    @classmethod
    def of(cls, value):
        """A literal that is not interned: for who has a table of their own."""
        self = object.__new__(cls)
        self.value = value
        self.type = ArrayType((), value.dtype)
        return self

    def __reduce__(self):
        return Literal, (self.value,)

    def __repr__(self):
        return repr(self.value.item())


@dataclass(frozen=True, eq=False, slots=True)
class Equation:
    """`outputs = primitive(*inputs)`; `source` is the user's line that wrote it, if known."""

    primitive: object
    inputs: tuple
    outputs: tuple
    source: str | None = None


@dataclass(frozen=True, eq=False)
class Program:
    """A closed function on arrays as a list of equations.

    Every input of an equation is a `Literal`, an input of the program or an output of an earlier
    equation. Programs that come out of a trace are interned by structure, so that equal programs
    are one object, and what is derived from one (`derived`) is derived once.
    """

    inputs: tuple
    equations: tuple
    outputs: tuple
    name: str = "f"
    derived: dict = field(default_factory=dict, repr=False)

    @property
    def input_types(self):
        """The types of the inputs, in order."""
        return tuple(v.type for v in self.inputs)

    @property
    def output_types(self):
        """The types of the outputs, in order."""
        return tuple(v.type for v in self.outputs)

    def replace(self, **changes):
        """A program with some parts exchanged, and nothing derived yet."""
        return replace(self, **changes, derived={})

    def __repr__(self):
        return format_program(self)


def derived(function):
    """Decorate `function(program, *static)` so that its result is computed once per program."""

    @wraps(function)
    def remembered(program, *static):
        key = (function, *static)
        result = program.derived.get(key)
        if result is None:
            result = program.derived[key] = function(program, *static)
        return result

    return remembered


def subprograms(primitive):
    """The programs among the fields of a primitive, as (field name, program) pairs."""
    known = primitive.__dict__.get(_SUBPROGRAMS)
    if known is None:
        known = primitive.__dict__[_SUBPROGRAMS] = _programs_in(primitive)
    return known


_SUBPROGRAMS = "programs among the fields"  # found once: every pass asks for every equation


def _programs_in(primitive):
    found = []
    for name in primitive.fields:
        value = getattr(primitive, name)
        if isinstance(value, Program):
            found.append((name, value))
        elif isinstance(value, tuple):
            found += [(f"{name}[{i}]", v) for i, v in enumerate(value) if isinstance(v, Program)]
    return found


@derived
def has_effects(program):
    """Whether some equation does more than compute its outputs, such as print."""
    return any(map(acts, program.equations))


def acts(equation):
    """Whether the equation, or one of a program inside it, does more than compute its outputs."""
    primitive = equation.primitive
    return primitive.has_effects or any(has_effects(p) for _, p in subprograms(primitive))


def reader_counts(program):
    """How often each variable is read, by equations and as an output of the program."""
    counts = {}
    for v in (*(v for e in program.equations for v in e.inputs), *program.outputs):
        counts[v] = counts.get(v, 0) + 1
    return counts


def live(program):
    """The program without the equations that no output needs and that have no effect.

    Equations of primitives that know how are narrowed to the outputs that are needed.
    """
    needed = set(program.outputs)
    kept, is_changed = [], False
    for equation in reversed(program.equations):
        if needed.intersection(equation.outputs) or acts(equation):
            narrowed = _narrowed(equation, needed)
            is_changed |= narrowed is not equation
            kept.append(narrowed)
            needed.update(equation.inputs)
    if len(kept) == len(program.equations) and not is_changed:
        return program
    return program.replace(equations=tuple(reversed(kept)))


def _narrowed(equation, needed):
    """The equation without outputs that nobody reads, where its primitive can do without them."""
    primitive = equation.primitive
    if not hasattr(primitive, "narrowed") or needed.issuperset(equation.outputs):
        return equation
    primitive = primitive.narrowed(tuple([v in needed for v in equation.outputs]))
    return replace(
        equation,
        primitive=primitive,
        outputs=tuple([v for v in equation.outputs if v in needed]),
    )


def check(program):
    """Raise ProgramError unless the program is legal: defined before use, and typed."""
    defined = set(program.inputs)
    if len(defined) != len(program.inputs):
        raise ProgramError("an input occurs twice", program)
    for number, equation in enumerate(program.equations):
        where = f"equation {number} ({equation.primitive})"
        for v in equation.inputs:
            if isinstance(v, Variable) and v not in defined:
                raise ProgramError(f"{where} reads a variable that is not defined yet", program)
        inferred = infer_outputs(equation.primitive, [v.type for v in equation.inputs])
        declared = tuple(v.type for v in equation.outputs)
        if inferred != declared:
            raise ProgramError(f"{where} declares {declared} but computes {inferred}", program)
        for v in equation.outputs:
            if v in defined:
                raise ProgramError(f"{where} defines a variable twice", program)
            defined.add(v)
        for _, inner in subprograms(equation.primitive):
            check(inner)
    for v in program.outputs:
        if isinstance(v, Variable) and v not in defined:
            raise ProgramError("an output is not defined", program)
    return program


def infer_outputs(primitive, types):
    """The output types of a primitive as a tuple, however many there are."""
    inferred = primitive.infer(*types)
    return tuple(inferred) if primitive.has_many_outputs else (inferred,)


# ---- the printed form


def variable_names(program):
    """A short name for each variable of the program: a, b, ..., z, aa, ab, ..."""
    names = {}
    for v in (*program.inputs, *(v for e in program.equations for v in e.outputs)):
        names.setdefault(v, _letters(len(names)))
    return names


def _letters(number):
    letters = ""
    number += 1
    while number:
        number, digit = divmod(number - 1, 26)
        letters = chr(ord("a") + digit) + letters
    return letters


def format_program(program, indent="", note=None):
    """The program as text: one line per equation, inner programs indented below theirs.

    What `note(equation)` returns stands behind the equations, in a column.
    """
    lines = [(indent + line, None if e is None else note and note(e)) for line, e in rows(program)]
    width = min(max(len(line) for line, _ in lines), 80)
    return "\n".join([f"{line:{width}}  # {n}" if n else line for line, n in lines])


def rows(program):
    """The lines of the printed program, each with its equation, or None."""
    names = variable_names(program)

    def named(v):
        return names.get(v) or _format_literal(v)

    arguments = ", ".join(f"{names[v]}: {v.type}" for v in program.inputs)
    yield f"{program.name}({arguments}) {{", None
    for equation in program.equations:
        outputs = ", ".join(f"{names[v]}: {v.type}" for v in equation.outputs)
        operands = " ".join(named(v) for v in equation.inputs)
        yield f"  {outputs} = {equation.primitive} {operands}".rstrip(), equation
        for label, inner in subprograms(equation.primitive):
            yield f"    {label}:", None
            yield from (("    " + line, e) for line, e in rows(inner))
    yield f"  return {', '.join(named(v) for v in program.outputs)}".rstrip(), None
    yield "}", None


def _format_literal(literal):
    text = repr(literal)
    return text if literal.type.dtype.kind in "bfc" else f"{text}:{short_name(literal.type.dtype)}"
