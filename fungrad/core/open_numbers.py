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

from itertools import count

import numpy as np

from fungrad.core.open_values import OPEN, OpenNumber, OpenScalar, converted
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
            value = function(*[x.value if type(x) in OPEN else x for x in operands])
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
            value = bool(function(*[x.value if type(x) in OPEN else x for x in operands]))
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
