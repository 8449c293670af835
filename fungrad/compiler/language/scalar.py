"""Scalar expressions: what one element of a kernel is computed from, free of any code generator.

A `Scalar` is a node of a directed acyclic graph. Nodes are hash-consed: equal expressions are one
object, so a shared subexpression is computed once and `is` is equality. Words mean what the NumPy
function (or, where NumPy has none, the `jax.lax` function) of that name means, for one element.
"""

from typing import ClassVar
from weakref import WeakValueDictionary

import numpy as np

from fungrad.compiler.language.words import PREDICATES, VOCABULARY
from fungrad.core.record import record

BOOL = np.dtype(bool)
INDEX = np.dtype(np.int64)


def real_dtype(dtype):
    """The dtype of the real part: float64 for complex128, the same dtype for a real one."""
    return np.dtype(f"f{dtype.itemsize // 2}") if dtype.kind == "c" else dtype


def result_dtype(word, *dtypes):
    """The dtype of a word applied to operands of these dtypes."""
    if word in PREDICATES:
        return BOOL
    if word in ("select", "call_where"):
        return dtypes[1]
    if word in ("real", "imag", "absolute"):
        return real_dtype(dtypes[0])
    if word == "make_complex":
        return np.dtype(f"c{dtypes[0].itemsize * 2}")
    return dtypes[0]


@record(frozen=True)
class Loop:
    """The attribute of a loop: `following` are the states after a step, as expressions of the
    symbols `index`, which counts from 0, and `states`.
    """

    index: object
    states: tuple
    following: tuple

    def __str__(self):
        return ", ".join(map(repr, self.following))


class Scalar:
    """A scalar expression: `op` applied to `operands`, giving a value of `dtype`.

    The leaves have the ops `constant` (the attribute is its value, a Python number) and `symbol`
    (the attribute is a name: a local variable, a loop index, a loaded element).
    """

    __slots__ = ("__weakref__", "attribute", "dtype", "op", "operands")
    _interned: ClassVar = WeakValueDictionary()

    def __new__(cls, op, dtype, operands=(), attribute=None):
        # repr tells 0.0 from -0.0 and finds nan equal to itself
        key = op, dtype, operands, repr(attribute) if op == "constant" else attribute
        self = cls._interned.get(key)
        if self is None:
            self = object.__new__(cls)
            self.op, self.dtype, self.operands, self.attribute = op, dtype, operands, attribute
            self = cls._interned.setdefault(key, self)
        return self

    def __reduce__(self):
        return Scalar, (self.op, self.dtype, self.operands, self.attribute)

    @property
    def is_constant(self):
        """Whether this is a constant, whose value is the attribute."""
        return self.op == "constant"

    def __add__(self, other):
        return operate("add", self, other)

    def __radd__(self, other):
        return operate("add", other, self)

    def __sub__(self, other):
        return operate("subtract", self, other)

    def __rsub__(self, other):
        return operate("subtract", other, self)

    def __mul__(self, other):
        return operate("multiply", self, other)

    def __rmul__(self, other):
        return operate("multiply", other, self)

    def __truediv__(self, other):
        return operate("divide", self, other)

    def __rtruediv__(self, other):
        return operate("divide", other, self)

    def __floordiv__(self, other):
        return operate("floor_divide", self, other)

    def __mod__(self, other):
        return operate("remainder", self, other)

    def __and__(self, other):
        return operate("bitwise_and", self, other)

    def __or__(self, other):
        return operate("bitwise_or", self, other)

    def __xor__(self, other):
        return operate("bitwise_xor", self, other)

    def __lshift__(self, other):
        return operate("left_shift", self, other)

    def __rshift__(self, other):
        return operate("right_shift", self, other)

    def __lt__(self, other):
        return operate("less", self, other)

    def __le__(self, other):
        return operate("less_equal", self, other)

    def __gt__(self, other):
        return operate("greater", self, other)

    def __ge__(self, other):
        return operate("greater_equal", self, other)

    def __neg__(self):
        return call("negative", self.dtype, self)

    def __invert__(self):
        return call("bitwise_not", self.dtype, self)

    def __abs__(self):
        return call("absolute", real_dtype(self.dtype), self)

    def __bool__(self):
        raise TypeError(
            f"a scalar expression has no truth value while a kernel is built: {self!r}; "
            "use build.select(condition, x, y), and build.equal(x, y) to compare"
        )

    def __repr__(self):
        if self.op == "symbol":
            return self.attribute
        if self.is_constant:
            return repr(self.attribute)
        attribute = "" if self.attribute is None else f"[{self.attribute}]"
        target = f"[{self.dtype}]" if self.op in ("convert", "bitcast") else attribute
        return f"{self.op}{target}({', '.join(map(repr, self.operands))})"


def constant(value, dtype):
    """A constant, rounded to the dtype."""
    return Scalar("constant", dtype, (), np.asarray(value).astype(dtype).item())


def call(word, dtype, *operands, attribute=None):
    """The word applied to operands, simplified where that is exact."""
    if VOCABULARY.get(word) != len(operands):
        raise _wrong_word(word, operands)
    simple = _simplified(word, dtype, operands)
    return Scalar(word, dtype, operands, attribute) if simple is None else simple


def topological_order(roots):
    """Every node that the roots need, operands before their users, in a deterministic order."""
    order, done = [], set()
    stack = list(reversed(roots))
    while stack:
        node = stack[-1]
        missing = [x for x in node.operands if x not in done]
        if node in done or not missing:
            stack.pop()
            if node not in done:
                done.add(node)
                order.append(node)
        else:
            stack.extend(reversed(missing))
    return order


def substitute(roots, replace):
    """The roots rebuilt from the leaves: each node becomes `replace(node, operands)`.

    `operands` are the node's operands after their replacement.
    """
    new = {}
    for node in topological_order(roots):
        new[node] = replace(node, tuple(new[x] for x in node.operands))
    return [new[root] for root in roots]


def lift(value, dtype):
    """An operand as a scalar: a Python number is a constant of the dtype."""
    return value if isinstance(value, Scalar) else constant(value, dtype)


def same_dtype(x, y):
    """Two operands as scalars, of which one may be a Python number; TypeError where dtypes differ."""
    dtype = x.dtype if isinstance(x, Scalar) else y.dtype
    x, y = lift(x, dtype), lift(y, dtype)
    if x.dtype != y.dtype:
        raise TypeError(
            f"scalar operands of one dtype are needed, {x!r} is {x.dtype} and {y!r} is {y.dtype}; "
            "convert one with build.cast"
        )
    return x, y


def operate(word, x, y):
    """A word of two operands, of which one may be a Python number."""
    x, y = same_dtype(x, y)
    return call(word, result_dtype(word, x.dtype, y.dtype), x, y)


def _wrong_word(word, operands):
    if word not in VOCABULARY:
        return ValueError(f"{word!r} is no word of scalar expressions; see words.VOCABULARY")
    return TypeError(f"{word} takes {VOCABULARY[word]} operands, {len(operands)} were given")


_FOLDED = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "index_divide": np.floor_divide,
    "index_remainder": np.remainder,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "equal": np.equal,
    "not_equal": np.not_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
}


def _simplified(word, dtype, operands):
    """An equal expression that is simpler, or None. Floating-point results never change."""
    if word == "select":
        return _simplified_select(*operands)
    if word == "convert":
        return _simplified_convert(dtype, *operands)
    if word == "bitcast" and operands[0].dtype == dtype:
        return operands[0]
    if len(operands) == 2 and operands[0].dtype.kind == "b":
        return _simplified_logic(word, *operands)
    if len(operands) == 2 and operands[0].dtype == INDEX:
        return _simplified_index(word, dtype, *operands)
    return None


def _simplified_select(condition, x, y):
    if x is y:
        return x
    if condition.is_constant:
        return x if condition.attribute else y
    return None


def _simplified_convert(dtype, x):
    if x.dtype == dtype:
        return x
    if x.is_constant and x.dtype.kind in "biu" and dtype.kind != "c":
        return constant(np.asarray(x.attribute, x.dtype), dtype)
    return None


def _simplified_logic(word, x, y):
    """and, or of booleans with a constant operand."""
    if word in ("logical_and", "bitwise_and"):
        absorbing = False
    elif word in ("logical_or", "bitwise_or"):
        absorbing = True
    else:
        return None
    for a, b in ((x, y), (y, x)):
        if a.is_constant:
            return a if a.attribute == absorbing else b
    return x if x is y else None


def _simplified_index(word, dtype, x, y):
    """Arithmetic of int64, which wraps around, so that every ring identity is exact."""
    if x.is_constant and y.is_constant and word in _FOLDED:
        a, b = np.array([x.attribute]), np.array([y.attribute])
        return constant(_FOLDED[word](a, b)[0], dtype)
    if word == "add":
        return _simplified_sum(x, y)
    if word == "subtract":
        if x is y:
            return constant(0, dtype)
        return x if _is(y, 0) else None
    if word == "multiply":
        if _is(x, 0) or _is(y, 0):
            return constant(0, dtype)
        return x if _is(y, 1) else y if _is(x, 1) else None
    if word in ("floor_divide", "index_divide") and _is(y, 1):
        return x
    if word in ("remainder", "index_remainder") and _is(y, 1):
        return constant(0, dtype)
    return None


def _simplified_sum(x, y):
    if _is(x, 0):
        return y
    if _is(y, 0):
        return x
    if x.is_constant:
        return y + x  # the constant last, so that constants meet
    if y.is_constant and x.op == "add" and x.operands[1].is_constant:
        return x.operands[0] + (x.operands[1] + y)
    return None


def _is(x, value):
    return x.is_constant and x.attribute == value
