"""The expressions of the language of generated functions, as LLVM instructions.

For the language as a whole see `kernel_language`.
"""

import ast

import numpy as np
from llvmlite import ir

from fungrad.compiler import pointer_code
from fungrad.compiler.llvm_scalar import emit_word, llvm_type
from fungrad.compiler.math import TABLES
from fungrad.compiler.scalar import result_dtype
from fungrad.compiler.words import VOCABULARY

_BOOL, INT, _FLOAT = np.dtype(bool), np.dtype(np.int64), np.dtype(np.float64)
_DTYPES = {
    name: np.dtype(name)
    for name in """bool int8 int16 int32 int64 uint8 uint16 uint32 uint64
        float32 float64 complex64 complex128""".split()
}
NUMBERS = {"inf": float("inf"), "nan": float("nan"), "OUT_OF_MEMORY": pointer_code.OUT_OF_MEMORY}
I64 = ir.IntType(64)
OPERATORS = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.FloorDiv: "floor_divide",
    ast.Mod: "remainder",
    ast.BitAnd: "bitwise_and",
    ast.BitOr: "bitwise_or",
    ast.BitXor: "bitwise_xor",
    ast.Lt: "less",
    ast.LtE: "less_equal",
    ast.Gt: "greater",
    ast.GtE: "greater_equal",
    ast.Eq: "equal",
    ast.NotEq: "not_equal",
    ast.And: "logical_and",
    ast.Or: "logical_or",
    ast.Not: "logical_not",
    ast.USub: "negative",
}
_WITH_NAME = {"table", "call_where"}


class OutsideError(Exception):
    """The source is outside the language of this translator."""


class Builder(ir.IRBuilder):
    """Lets LLVM contract a product and a sum to one instruction, where nothing else is said."""

    def fadd(self, x, y, name="", flags=("contract",)):
        return super().fadd(x, y, name, flags)

    def fsub(self, x, y, name="", flags=("contract",)):
        return super().fsub(x, y, name, flags)

    def fmul(self, x, y, name="", flags=("contract",)):
        return super().fmul(x, y, name, flags)

    def fdiv(self, x, y, name="", flags=("contract",)):
        return super().fdiv(x, y, name, flags)


class Value:
    """A number, with its dtype, or a pointer to elements of that dtype."""

    __slots__ = ("code", "dtype", "is_pointer")

    def __init__(self, code, dtype, is_pointer=False):
        self.code, self.dtype, self.is_pointer = code, dtype, is_pointer

    @property
    def kind(self):
        """What has to be the same wherever a name is assigned."""
        return self.dtype, self.is_pointer


class Expressions:
    """Writes the instructions of expressions.

    A translator adds `Name`, the value of a name, `functions`, which source may call, and `called`,
    the status of one of them.
    """

    # ---- expressions

    def handler(self, node):
        handler = getattr(type(self), type(node).__name__, None)
        if handler is None or not isinstance(node, ast.stmt | ast.expr):
            raise OutsideError(type(node).__name__)
        return handler.__get__(self)

    def value(self, node):
        """The value of an expression."""
        return self.handler(node)(node)

    def constant(self, value, dtype=None):
        """A literal; Python's numbers have the dtypes bool, int64 and float64."""
        dtype = dtype or {bool: _BOOL, int: INT, float: _FLOAT}.get(type(value))
        if dtype is None:
            raise OutsideError(f"the literal {value!r}")
        return Value(ir.Constant(llvm_type(dtype), value), dtype)

    def Constant(self, node):
        return self.constant(node.value)

    def integer(self, node):
        """The code of an int64."""
        value = self.value(node)
        if value.kind != (INT, False):
            raise OutsideError("an integer expected")
        return value.code

    def word(self, word, *operands, dtype=None, attribute=None):
        """A word applied to numbers."""
        if any(x.is_pointer for x in operands):
            raise OutsideError(f"{word} of a pointer")
        dtypes = [x.dtype for x in operands]
        compared = dtypes[1:] if word in ("select", "call_where") else dtypes
        if any(d != compared[0] for d in compared):
            raise OutsideError(f"{word} of {dtypes}")
        result = result_dtype(word, *dtypes) if dtype is None else dtype
        codes = [x.code for x in operands]
        return Value(emit_word(self.builder, word, result, attribute, dtypes, codes), result)

    def BinOp(self, node):
        operands = self.value(node.left), self.value(node.right)
        word = OPERATORS.get(type(node.op))
        if word is None or (word == "divide" and operands[0].dtype.kind not in "fc"):
            raise OutsideError(type(node.op).__name__)
        return self.word(word, *operands)

    def UnaryOp(self, node):
        if isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
            return self.constant(-node.operand.value)
        return self.word(OPERATORS[type(node.op)], self.value(node.operand))

    def Compare(self, node):
        if len(node.ops) != 1 or type(node.ops[0]) not in OPERATORS:
            raise OutsideError("a chain of comparisons")
        word = OPERATORS[type(node.ops[0])]
        return self.word(word, self.value(node.left), self.value(node.comparators[0]))

    def BoolOp(self, node):
        if any(isinstance(x, ast.Subscript | ast.Call) for v in node.values for x in ast.walk(v)):
            raise OutsideError("a condition whose parts may not be evaluated")
        first, *rest = [self.value(v) for v in node.values]
        for each in rest:
            first = self.word(OPERATORS[type(node.op)], first, each)
        return first

    def Attribute(self, node):
        if node.attr not in ("real", "imag"):
            raise OutsideError(node.attr)
        return self.word(node.attr, self.value(node.value))

    def Subscript(self, node):
        pointer, place = self.element(node)
        code = self.builder.load(place, typ=pointer_code.memory_type(pointer.dtype))
        if pointer.dtype.kind == "b":
            code = self.builder.icmp_unsigned("!=", code, code.type(0))
        return Value(code, pointer.dtype)

    def element(self, node):
        """The pointer that is indexed, and the address of the element."""
        pointer = self.value(node.value)
        if not pointer.is_pointer:
            raise OutsideError("an element of a number")
        kind = pointer_code.memory_type(pointer.dtype)
        index = self.integer(node.slice)
        return pointer, self.builder.gep(pointer.code, [index], inbounds=True, source_etype=kind)

    def Call(self, node):
        if not isinstance(node.func, ast.Name) or node.keywords:
            raise OutsideError("a method")
        name = node.func.id
        if name in _WITH_NAME:
            return self._word_with_name(name, node.args)
        if name == "integer_power" and isinstance(node.args[1], ast.Constant):
            x = self.value(node.args[0])
            return self.word(name, x, attribute=node.args[1].value)
        if name in pointer_code.FUNCTIONS:
            return self._pointer_function(name, node.args)
        operands = [self.value(x) for x in node.args]
        if name in self.functions:
            return self.called(name, operands)
        if name in _DTYPES:
            return self._converted(operands[0], _DTYPES[name])
        if name.startswith("bitcast_"):
            return self.word("bitcast", *operands, dtype=_DTYPES[name.removeprefix("bitcast_")])
        if name in ("min", "max"):
            name = f"{name}imum"
        if VOCABULARY.get(name) != len(operands):
            raise OutsideError(f"the function {name}")
        return self.word(name, *operands)

    def _converted(self, x, dtype):
        return x if x.kind == (dtype, False) else self.word("convert", x, dtype=dtype)

    def _word_with_name(self, word, arguments):
        name = arguments[0].value
        dtype = TABLES[name].dtype if word == "table" else None
        operands = [self.value(x) for x in arguments[1:]]
        return self.word(word, *operands, dtype=dtype, attribute=name)

    def _pointer_function(self, name, arguments):
        dtype = None
        if isinstance(arguments[-1], ast.Attribute):
            dtype = _DTYPES[arguments[-1].attr.removesuffix("_")]
            arguments = arguments[:-1]
        pointer, *rest = [self.value(x) for x in arguments]
        code = pointer_code.FUNCTIONS[name](
            self.builder, pointer.code, pointer.dtype, *[x.code for x in rest]
        )
        if name in pointer_code.STATUS:
            return Value(code, INT)
        if name in pointer_code.TRUTH:
            return Value(code, _BOOL)
        return Value(code, dtype or pointer.dtype, True)
