"""The expressions of the language of generated functions, as LLVM instructions.

For the language as a whole see `kernel_language`.
"""

import ast

import numpy as np
from llvmlite import ir

from fungrad.compiler.language.scalar import result_dtype
from fungrad.compiler.language.words import VOCABULARY
from fungrad.compiler.llvm import pointer_code
from fungrad.compiler.llvm.scalar import emit_word, llvm_type
from fungrad.compiler.math import constant_table

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
        if word in ("select", "call_where"):
            operands = [operands[0], *self._promoted(operands[1:])]
        else:
            operands = self._promoted(operands)
        dtypes = [x.dtype for x in operands]
        result = result_dtype(word, *dtypes) if dtype is None else dtype
        codes = [x.code for x in operands]
        return Value(emit_word(self.builder, word, result, attribute, dtypes, codes), result)

    def _promoted(self, operands):
        """Numbers in the dtype that NumPy promotes them to."""
        dtype = operands[0].dtype
        for x in operands[1:]:
            dtype = dtype if x.dtype == dtype else np.result_type(dtype, x.dtype)
        return [self.converted(x, dtype) for x in operands]

    def converted(self, x, dtype):
        """A number in another dtype."""
        if x.is_pointer:
            raise OutsideError("a pointer where a number is wanted")
        return x if x.dtype == dtype else self.word("convert", x, dtype=dtype)

    def BinOp(self, node):
        return self.operation(node.op, self.value(node.left), self.value(node.right))

    def operation(self, operator, x, y):
        """An arithmetic operator applied to two numbers; a quotient of integers is a float."""
        word = OPERATORS.get(type(operator))
        if word is None:
            raise OutsideError(type(operator).__name__)
        if (
            word == "divide"
            and not x.is_pointer
            and x.dtype.kind in "biu"
            and y.dtype.kind in "biu"
        ):
            x = self.converted(x, _FLOAT)
        return self.word(word, x, y)

    def UnaryOp(self, node):
        if isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
            return self.constant(-node.operand.value)
        return self.word(OPERATORS[type(node.op)], self.value(node.operand))

    def Compare(self, node):
        values = [self.value(x) for x in (node.left, *node.comparators)]
        result = None
        for operator, x, y in zip(node.ops, values[:-1], values[1:], strict=True):
            if type(operator) not in OPERATORS:
                raise OutsideError(type(operator).__name__)
            holds = self.word(OPERATORS[type(operator)], x, y)
            result = holds if result is None else self.word("logical_and", result, holds)
        return result

    def BoolOp(self, node):
        first, *rest = node.values
        result = self.condition(first)
        for each in rest:
            result = self._either(isinstance(node.op, ast.Or), result, each)
        return result

    def _either(self, is_or, known, node):
        """`known or node`, or `known and node`; no branch where `node` may be evaluated anyway."""
        if not any(isinstance(x, ast.Subscript | ast.Call) for x in ast.walk(node)):
            return self.word("logical_or" if is_or else "logical_and", known, self.condition(node))
        decided = self.constant(is_or)
        if is_or:
            return self._branched(known, lambda: decided, lambda: self.condition(node))
        return self._branched(known, lambda: self.condition(node), lambda: decided)

    def IfExp(self, node):
        condition = self.condition(node.test)
        return self._branched(
            condition, lambda: self.value(node.body), lambda: self.value(node.orelse)
        )

    def condition(self, node):
        """A truth value: a number is true where it is not 0."""
        return self.converted(self.value(node), _BOOL)

    def _branched(self, condition, *choices):
        """The value of the first choice where the condition holds, else of the second."""
        append = self.builder.append_basic_block
        first, second, done = append("first"), append("second"), append("chosen")
        self.builder.cbranch(condition.code, first, second)
        found = []
        for start, choice in zip((first, second), choices, strict=True):
            self.builder.position_at_end(start)
            value = choice()
            found.append((value, self.builder.block))
            self.builder.branch(done)
        self.builder.position_at_end(done)
        (x, _), (y, _) = found
        if x.kind != y.kind:
            raise OutsideError("a choice between two types")
        result = self.builder.phi(x.code.type)
        for value, block in found:
            result.add_incoming(value.code, block)
        return Value(result, *x.kind)

    def Attribute(self, node):
        if node.attr not in ("real", "imag"):
            raise OutsideError(node.attr)
        return self.word(node.attr, self.value(node.value))

    def Subscript(self, node):
        return self.load(*self.element(node))

    def load(self, pointer, place):
        """The element of a pointer at an address."""
        code = self.builder.load(place, typ=pointer_code.memory_type(pointer.dtype))
        if pointer.dtype.kind == "b":
            code = self.builder.icmp_unsigned("!=", code, code.type(0))
        return Value(code, pointer.dtype)

    def store(self, pointer, place, value):
        """Write an element of a pointer at an address."""
        code = self.converted(value, pointer.dtype).code
        if pointer.dtype.kind == "b":
            code = self.builder.zext(code, ir.IntType(8))
        self.builder.store(code, place)

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
            return self.converted(operands[0], _DTYPES[name])
        if name.startswith("bitcast_"):
            return self.word("bitcast", *operands, dtype=_DTYPES[name.removeprefix("bitcast_")])
        if name in ("min", "max"):
            name = f"{name}imum"
        if VOCABULARY.get(name) != len(operands):
            raise OutsideError(f"the function {name}")
        return self.word(name, *operands)

    def _word_with_name(self, word, arguments):
        name = arguments[0].value
        dtype = constant_table(name).dtype if word == "table" else None
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
