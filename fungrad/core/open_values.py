"""The numbers that are left open, and the functions of them that recipes name.

They compute as integers and NumPy scalars do; what is computed or decided is written down by the
`OpenNumbers` that they belong to.
"""

import operator

import numpy as np


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
    """An integer or float that is left open: `value` is what it is now; see `open_numbers`."""

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
    """A NumPy scalar that is left open, as the value of a literal; see `open_numbers`."""

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

OPEN = frozenset({OpenNumber, OpenScalar})
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
