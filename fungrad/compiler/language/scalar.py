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
        return _operate("add", self, other)

    def __radd__(self, other):
        return _operate("add", other, self)

    def __sub__(self, other):
        return _operate("subtract", self, other)

    def __rsub__(self, other):
        return _operate("subtract", other, self)

    def __mul__(self, other):
        return _operate("multiply", self, other)

    def __rmul__(self, other):
        return _operate("multiply", other, self)

    def __truediv__(self, other):
        return _operate("divide", self, other)

    def __rtruediv__(self, other):
        return _operate("divide", other, self)

    def __floordiv__(self, other):
        return _operate("floor_divide", self, other)

    def __mod__(self, other):
        return _operate("remainder", self, other)

    def __and__(self, other):
        return _operate("bitwise_and", self, other)

    def __or__(self, other):
        return _operate("bitwise_or", self, other)

    def __xor__(self, other):
        return _operate("bitwise_xor", self, other)

    def __lshift__(self, other):
        return _operate("left_shift", self, other)

    def __rshift__(self, other):
        return _operate("right_shift", self, other)

    def __lt__(self, other):
        return _operate("less", self, other)

    def __le__(self, other):
        return _operate("less_equal", self, other)

    def __gt__(self, other):
        return _operate("greater", self, other)

    def __ge__(self, other):
        return _operate("greater_equal", self, other)

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


class Builder:
    """Makes scalar expressions. Called with a word, it infers the dtype of the result.

    >>> build = Builder()
    >>> x = build.symbol("x", float)
    >>> build("sqrt", x * x + 1.0)
    sqrt(add(multiply(x, x), 1.0))
    """

    def __call__(self, word, *operands):
        """The word applied to operands, its dtype that of `result_dtype`."""
        dtype = result_dtype(word, *[x.dtype for x in operands])
        return call(word, dtype, *operands)

    def call(self, word, dtype, *operands, attribute=None):
        """The word applied to operands, of the given dtype."""
        return call(word, np.dtype(dtype), *operands, attribute=attribute)

    def constant(self, value, dtype):
        """A constant, rounded to the dtype."""
        return constant(value, np.dtype(dtype))

    def symbol(self, name, dtype):
        """A named value that the surrounding code provides."""
        return Scalar("symbol", np.dtype(dtype), (), name)

    def select(self, condition, x, y):
        """x if condition else y, without a branch; one of them may be a Python number."""
        x, y = _same_dtype(x, y)
        return call("select", x.dtype, condition, x, y)

    def cast(self, x, dtype):
        """The value converted to the dtype as NumPy's `astype` does."""
        return call("convert", np.dtype(dtype), x)

    def bitcast(self, x, dtype):
        """The value whose bits are those of x."""
        return call("bitcast", np.dtype(dtype), x)

    def fma(self, x, y, z):
        """x * y + z rounded once; any but one may be Python numbers."""
        dtype = next(v.dtype for v in (x, y, z) if isinstance(v, Scalar))
        return call("fma", dtype, *[_lift(v, dtype) for v in (x, y, z)])

    def equal(self, x, y):
        """Whether x == y."""
        return _operate("equal", x, y)

    def not_equal(self, x, y):
        """Whether x != y."""
        return _operate("not_equal", x, y)

    def integer_power(self, x, exponent):
        """x to the power of a Python int."""
        return call("integer_power", x.dtype, x, attribute=int(exponent))

    def call_where(self, condition, function, x):
        """The named function of x where the condition holds, which is to be rare, else x."""
        return call("call_where", x.dtype, condition, x, attribute=function)

    def loop(self, name, count, step, *initial, needed=None):
        """The first state after `count` > 0 steps: `states = step(index, *states)`.

        Loops inside of each other need different names. Where the condition `needed` does not
        hold, the result does not matter, and there is one step.
        """
        count = _lift(count, INDEX)
        if needed is not None:
            count = self.select(needed, count, 1)
        index = self.symbol(f"{name}_index", INDEX)
        states = [self.symbol(f"{name}{i}", x.dtype) for i, x in enumerate(initial)]
        following = step(index, *states)
        body = Loop(index, tuple(states), tuple(following))
        return Scalar("loop", initial[0].dtype, (count, *initial), body)

    def table(self, name, index, dtype=np.float64):
        """The entry of a table (see `fungrad.compiler.math.constant_table`) at an int64 index."""
        return call("table", np.dtype(dtype), index, attribute=name)


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


def _lift(value, dtype):
    return value if isinstance(value, Scalar) else constant(value, dtype)


def _same_dtype(x, y):
    dtype = x.dtype if isinstance(x, Scalar) else y.dtype
    x, y = _lift(x, dtype), _lift(y, dtype)
    if x.dtype != y.dtype:
        raise TypeError(
            f"scalar operands of one dtype are needed, {x!r} is {x.dtype} and {y!r} is {y.dtype}; "
            "convert one with build.cast"
        )
    return x, y


def _operate(word, x, y):
    x, y = _same_dtype(x, y)
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
