"""Scalar expressions printed as Numba source, one statement per operation.

The source calls words by the names of `fungrad.compiler.llvm.intrinsics.NAMES`, which must be its
globals. It is to be compiled with `fastmath={"contract"}` and `error_model="numpy"`.
"""

import math
from functools import cache

from fungrad.compiler.language.scalar import topological_order
from fungrad.compiler.language.words import VOCABULARY

_OPERATORS = {
    "add": "{} + {}",
    "subtract": "{} - {}",
    "multiply": "{} * {}",
    "divide": "{} / {}",
    "negative": "-{}",
    "less": "{} < {}",
    "less_equal": "{} <= {}",
    "greater": "{} > {}",
    "greater_equal": "{} >= {}",
    "equal": "{} == {}",
    "not_equal": "{} != {}",
}
#: The dtypes on which Numba's operators mean what the words mean; small integers would widen.
_WITH_OPERATORS = {"float32", "float64", "int64"}

#: Dtypes whose literals need no conversion.
_LITERALS = {"bool", "int64", "float64"}


class NumbaPrinter:
    """Prints scalar expressions as statements in static single assignment form.

    `lines` are the statements so far, `names` the names of the expressions that have one: an
    expression is printed once, also over several calls. A printer for an inner scope is made with
    `NumbaPrinter(dict(outer.names), ...)`.

    >>> from fungrad.compiler.language.builder import Builder
    >>> build = Builder()
    >>> x, y = build.symbol("x", float), build.symbol("y", float)
    >>> printer = NumbaPrinter()
    >>> printer.assign("z", build("exp", x * y) + x * y)
    >>> print("\\n".join(printer.lines))
    t0 = x * y
    t1 = exp(t0)
    z = t1 + t0
    """

    def __init__(self, names=None, prefix="t", lines=None):
        self.names = {} if names is None else names
        self.prefix = prefix
        self.lines = [] if lines is None else lines
        self._count = 0

    def value(self, scalar):
        """The name or literal of an expression, after printing the statements it needs."""
        for node in topological_order([scalar]):
            if node.operands and node not in self.names:
                self._assign_node(self._fresh_name(), node)
        return self._reference(scalar)

    def assign(self, name, scalar):
        """Prints statements that end in `name = ...`; `name` stands for the expression from now."""
        if scalar.operands and scalar not in self.names:
            for operand in scalar.operands:
                self.value(operand)
            self._assign_node(name, scalar)
        else:
            self.lines.append(f"{name} = {self._reference(scalar)}")

    def _assign_node(self, name, node):
        operands = [self._reference(x) for x in node.operands]
        self.lines.append(f"{name} = {expression(node, operands)}")
        self.names[node] = name

    def _fresh_name(self):
        name = f"{self.prefix}{self._count}"
        self._count += 1
        return name

    def _reference(self, node):
        if node in self.names:
            return self.names[node]
        return node.attribute if node.op == "symbol" else literal(node)


def is_operator(node):
    """Whether an operation is one that Python has a sign for."""
    return node.op in _OPERATORS


@cache
def _name(dtype):
    """The name of a dtype, which NumPy puts together anew each time."""
    return dtype.name


def expression(node, operands):
    """The source of one operation on operands that are names or literals."""
    word, dtype = node.op, _name(node.operands[0].dtype)
    if word in _OPERATORS and dtype in _WITH_OPERATORS:
        return _OPERATORS[word].format(*operands)
    if word == "convert":
        return f"{_name(node.dtype)}({operands[0]})"
    if word == "bitcast":
        return f"bitcast_{node.dtype.name}({operands[0]})"
    if word == "integer_power":
        return f"integer_power({operands[0]}, {node.attribute})"
    if word in ("table", "call_where"):
        return f"{word}({node.attribute!r}, {', '.join(operands)})"
    assert word in VOCABULARY, word
    return f"{word}({', '.join(operands)})"


def literal(node):
    """The source of a constant of exactly its dtype."""
    dtype, value = node.dtype, node.attribute
    if dtype.kind == "c":
        part = "" if dtype.itemsize == 16 else "float32"
        return f"make_complex({part}({_number(value.real)}), {part}({_number(value.imag)}))"
    source = _number(value)
    return source if _name(dtype) in _LITERALS else f"{_name(dtype)}({source})"


def _number(value):
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    return repr(value)
