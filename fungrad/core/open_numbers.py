"""Numbers that are left open while something is made that is to serve for many values of them.

A compiler that runs with the sizes of one program as open numbers does what it does for that
program. Whatever is computed with an open number is one too, and is written down; whatever is
decided by one (a comparison, a truth value) is decided by the value that it has now, and written
down as a *decision*. What needs the number itself, such as `range` or the text of a number, gets it,
and the decision that it is that one. So for other values for which every decision comes out the
same way, what was made is right as soon as its open numbers are computed from them.

    opened = OpenNumbers()
    n = opened.integer(128)
    2 * n if n > 100 else 0         an open number; the decision: n > 100
    opened.decisions                what `Recipe` looks at
"""

import operator
from itertools import count

import numpy as np

from fungrad.core.types import ArrayType

_serial = count()


class OpenNumbers:
    """The open numbers of one making, what was computed with them, and what was decided.

    `nodes` are pairs (function, operands), where operands are numbers of nodes; the function is None
    for what is given, which comes first, and for a constant, which is its operand. `decisions` maps
    the numbers of nodes to the truth values that they had. What is given is larger than `small`, and
    a size that is not becomes known as soon as it stands in a type.
    """

    def __init__(self, small=0):
        self.small = small
        self.nodes, self.values, self.decisions = [], [], {}
        self.literals, self.types = {}, {}
        self.hash = hash(("open numbers", next(_serial)))
        self.is_closed = False
        self.made = {}  # the open number of a node, where there is one
        self._numbers = {}  # of what was computed: the open number, or the node of a decision
        self._constants = {}

    def integer(self, value):
        """A new open integer; those that are given are all different."""
        return self._open(OpenNumber, self._node(None, None, value), value, True)

    def scalar(self, value):
        """A new open NumPy scalar, which is neither 0 nor 1 nor any other simple number."""
        return self._open(OpenScalar, self._node(None, None, value), value, True)

    def close(self):
        """End the making: what has been computed is forgotten, and nothing is decided any more."""
        self.is_closed = True
        for table in (self.nodes, self.values, self.decisions, self.literals, self.types):
            table.clear()
        for table in (self.made, self._numbers, self._constants):
            table.clear()

    def apply(self, function, *operands):
        """What a function of a module makes of operands that are open numbers, or plain ones."""
        numbers = tuple([self.number_of(x) for x in operands])
        key = function, numbers
        known = self._numbers.get(key)
        if known is None:
            value = function(*[x.value if type(x) in _OPEN else x for x in operands])
            known = self._numbers[key] = self._wrapped(function, numbers, value)
        return known

    def decide(self, function, *operands):
        """The truth value of a predicate, which is a decision."""
        if self.is_closed:
            raise RuntimeError("an open number has outlived the making that it belongs to")
        if len(operands) == 2:
            numbers = self.number_of(operands[0]), self.number_of(operands[1])
        else:
            numbers = tuple([self.number_of(x) for x in operands])
        key = function, numbers
        known = self._numbers.get(key)
        if known is None:
            value = bool(function(*[x.value if type(x) in _OPEN else x for x in operands]))
            known = self._numbers[key] = self._node(function, numbers, value)
            self.decisions[known] = value
        return self.values[known]

    def type(self, shape, dtype):
        """The array type of a shape with open numbers in it; equal ones are one object."""
        shape = tuple([self._size(n) for n in shape])
        known = self.types.get((shape, dtype))
        if known is None and all(type(n) is int for n in shape):
            return ArrayType(shape, dtype)
        if known is None:
            known = self.types[shape, dtype] = ArrayType.of(shape, dtype)
        return known

    def literal(self, value, dtype):
        """The open literal of an open number, of that dtype."""
        from fungrad.core.program import Literal

        if type(value) is OpenNumber or dtype not in (None, value.dtype):
            value = self.apply(converted, value, np.dtype(dtype or np.int64).str)
        known = self.literals.get(value.number)
        if known is None:
            known = self.literals[value.number] = Literal.of(value)
        return known

    def _size(self, n):
        is_small = type(n) is OpenNumber and not n.is_given and n <= self.small
        return n.known() if is_small else n

    def _wrapped(self, function, numbers, value):
        if isinstance(value, np.generic):
            return self._open(OpenScalar, self._node(function, numbers, value), value)
        if type(value) in (int, float):
            return self._open(OpenNumber, self._node(function, numbers, value), value)
        raise TypeError(f"{function} makes {value!r:.60} of an open number")

    def _open(self, kind, number, value, is_given=False):
        self.made[number] = kind(self, number, value, is_given)
        return self.made[number]

    def _node(self, function, numbers, value):
        self.nodes.append((function, numbers))
        self.values.append(value)
        return len(self.nodes) - 1

    def other_factor(self, factors, one):
        """What stands in a product beside one of its two factors."""
        number = factors[1] if factors[0] == one else factors[0]
        return self.made.get(number, self.values[number])

    def number_of(self, x):
        """The number of the node of an open number or a constant."""
        kind = type(x)
        if kind is OpenNumber or kind is OpenScalar:
            if x.of is not self:
                raise RuntimeError("open numbers of two makings meet")
            return x.number
        if kind is int:
            key = x
        else:
            key = kind, x.tobytes() if isinstance(x, np.generic) else repr(x)
        number = self._constants.get(key)
        if number is None:
            number = self._constants[key] = self._node(None, x, x)
        return number


def converted(value, dtype):
    """A number as a NumPy scalar of a dtype, given by its name."""
    return np.asarray(value).astype(dtype)[()]


def _computed(function, identity=None, absorbing=None):
    """The methods of an operator: of (open, any) and (any, open)."""

    def forward(self, other):
        if identity is not None and type(other) is int and other == identity:
            return self
        if absorbing is not None and type(other) is int and other == absorbing:
            return other
        return _arithmetic(function, self, other)

    def backward(self, other):
        if function in (operator.add, operator.mul):
            return forward(self, other)
        return _arithmetic(function, other, self)

    return forward, backward


def _arithmetic(function, x, y):
    owner, other = (x, y) if type(x) is OpenNumber else (y, x)
    if type(other) not in _NUMBERS:
        if not isinstance(other, np.integer):
            return NotImplemented
        x, y = [int(z) if z is other else z for z in (x, y)]
    elif type(other) is float and other in _INFINITE and function in _SIGNED:
        sign = (owner > 0) - (owner < 0)
        return function(sign, other) if owner is x else function(other, sign)
    simple = _simplified(function, x, y) if x is owner else None
    return owner.of.apply(function, x, y) if simple is None else simple


def _simplified(function, x, y):
    """A number that says the same without x - x, x // x, x * y // y and the like, or None.

    So 1 and 0 come out as themselves where they do, and are found in tables.
    """
    if function is operator.sub:
        return 0 if x is y else None
    if function not in (operator.floordiv, operator.mod):
        return None
    node, operands = x.of.nodes[x.number]
    is_multiple = x is y or node is operator.mul and x.of.number_of(y) in operands
    if not is_multiple or y == 0:
        return None
    if function is operator.mod:
        return 0
    return 1 if x is y else x.of.other_factor(operands, x.of.number_of(y))


#: What says no more than the sign of a number, where the other one is infinite.
_SIGNED = (operator.add, operator.sub, operator.mul)
_INFINITE = (float("inf"), float("-inf"))


def _compared(function):
    def compare(self, other):
        if other is self:
            return function(0, 0)
        if type(other) is OpenNumber:
            if self.is_given and other.is_given and function in (operator.eq, operator.ne):
                return function is operator.ne  # given ones are all different
        elif type(other) is float and other in _INFINITE:
            return function(self.value, other)  # no integer is infinite
        elif type(other) not in _NUMBERS:
            if not isinstance(other, np.integer):
                return NotImplemented
            other = int(other)
        return self.of.decide(function, self, other)

    return compare


class OpenNumber:
    """An integer or float that is left open: `value` is what it is now; see the module."""

    __slots__ = ("is_given", "number", "of", "value")
    __array_ufunc__ = None  # NumPy leaves arithmetic with its scalars to this class

    def __init__(self, of, number, value, is_given=False):
        self.of, self.number, self.value, self.is_given = of, number, value, is_given

    __add__, __radd__ = _computed(operator.add, 0)
    __sub__, __rsub__ = _computed(operator.sub, 0)
    __mul__, __rmul__ = _computed(operator.mul, 1, 0)
    __floordiv__, __rfloordiv__ = _computed(operator.floordiv, 1)
    __truediv__, __rtruediv__ = _computed(operator.truediv)
    __mod__, __rmod__ = _computed(operator.mod)
    __pow__, __rpow__ = _computed(operator.pow)
    __lshift__, __rlshift__ = _computed(operator.lshift)
    __rshift__, __rrshift__ = _computed(operator.rshift)
    __and__, __rand__ = _computed(operator.and_)
    __or__, __ror__ = _computed(operator.or_)

    __eq__, __ne__ = _compared(operator.eq), _compared(operator.ne)
    __lt__, __le__ = _compared(operator.lt), _compared(operator.le)
    __gt__, __ge__ = _compared(operator.gt), _compared(operator.ge)

    def __neg__(self):
        return self.of.apply(operator.neg, self)

    def __pos__(self):
        return self

    def __abs__(self):
        return self.of.apply(operator.abs, self)

    def __divmod__(self, other):
        return self // other, self % other

    def __rdivmod__(self, other):
        return other // self, other % self

    def __bool__(self):
        return self.of.decide(operator.ne, self, 0)

    def __hash__(self):
        """The same for all, so that who finds one in a table, or does not, has compared it.

        Small ones, which may be looked for among plain integers, are known where they are hashed.
        """
        of = self.of
        is_large = self.is_given or of.is_closed or of.decide(exceeds, self, of.small)
        return of.hash if is_large else hash(self.known())

    def bit_length(self):
        """The number of bits, as of an int."""
        return self.of.apply(bit_length, self)

    def known(self):
        """The number itself, and the decision that it is this one."""
        if not self.of.decide(operator.eq, self, self.value):
            raise RuntimeError("an open number does not equal itself")
        return self.value

    def __index__(self):
        return operator.index(self.known())

    def __int__(self):
        return int(self.known())

    def __float__(self):
        return float(self.known())

    def __repr__(self):
        return repr(self.known())

    def __format__(self, form):
        return format(self.known(), form)


class OpenScalar:
    """A NumPy scalar that is left open, as the value of a literal; see the module."""

    __slots__ = ("is_given", "number", "of", "value")

    def __init__(self, of, number, value, is_given=False):
        self.of, self.number, self.value, self.is_given = of, number, value, is_given

    def __array_ufunc__(self, function, method, *operands, **options):
        if method != "__call__" or options or function.nout != 1:
            return NotImplemented
        values = [x.value if type(x) is OpenScalar else x for x in operands]
        if isinstance(function(*values), np.bool_):
            return self.of.decide(function, *operands)
        return self.of.apply(function, *operands)

    dtype = property(lambda self: self.value.dtype)
    shape, ndim, size = (), 0, 1
    real = property(lambda self: self.of.apply(real_part, self))
    imag = property(lambda self: self.of.apply(imaginary_part, self))

    def astype(self, dtype):
        """The scalar of another dtype."""
        return self.of.apply(converted, self, np.dtype(dtype).str)

    def known(self):
        """The scalar itself, and the decision that it has these bits."""
        self.of.decide(has_bits, self, self.value.dtype.str, self.value.tobytes())
        return self.value

    def __getattr__(self, name):
        return getattr(self.known(), name)  # tobytes, item, view, ...

    def __array__(self, *args, **kwargs):
        return np.asarray(self.known(), *args, **kwargs)

    def __bool__(self):
        return bool(self.known())

    def __float__(self):
        return float(self.known())

    def __int__(self):
        return int(self.known())

    def __complex__(self):
        return complex(self.known())

    def __repr__(self):
        return repr(self.known())

    def __neg__(self):
        return np.negative(self)

    def __abs__(self):
        return np.absolute(self)

    def __eq__(self, other):
        return np.equal(self, other)

    def __ne__(self, other):
        return np.not_equal(self, other)

    __hash__ = None


def _of_ufuncs(function):
    return lambda x, y: function(x, y), lambda x, y: function(y, x)


for _name in "add subtract multiply true_divide floor_divide remainder power".split():
    _python = {"subtract": "sub", "multiply": "mul", "true_divide": "truediv"}
    _python |= {"floor_divide": "floordiv", "remainder": "mod", "power": "pow"}
    _forward, _backward = _of_ufuncs(getattr(np, _name))
    setattr(OpenScalar, f"__{_python.get(_name, _name)}__", _forward)
    setattr(OpenScalar, f"__r{_python.get(_name, _name)}__", _backward)
for _name in "less less_equal greater greater_equal".split():
    _python = "".join([word[0] for word in _name.split("_")]) + "t" * ("_" not in _name)
    setattr(OpenScalar, f"__{_python}__", _of_ufuncs(getattr(np, _name))[0])

_OPEN = frozenset({OpenNumber, OpenScalar})
_NUMBERS = frozenset({OpenNumber, int, float, bool})


def exceeds(x, bound):
    """Whether a number is further from 0 than a bound."""
    return abs(x) > bound


def bit_length(n):
    """The number of bits of an int."""
    return n.bit_length()


def real_part(x):
    """The real part of a NumPy scalar."""
    return x.real


def imaginary_part(x):
    """The imaginary part of a NumPy scalar."""
    return x.imag


def has_bits(x, dtype, bits):
    """Whether a NumPy scalar is of a dtype and has these bits."""
    return x.dtype.str == dtype and x.tobytes() == bits
