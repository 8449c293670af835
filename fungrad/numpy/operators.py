"""Python's operators on tracers.

The result is weak where NumPy's would be a Python number: both operands stand for Python numbers.
"""

from fungrad.core.tracing import Tracer, state
from fungrad.core.types import WEAK_DTYPES
from fungrad.numpy import ufuncs
from fungrad.numpy.arrays import array
from fungrad.numpy.products import matmul
from fungrad.numpy.writing import in_place

_BINARY = {
    "add": ufuncs.add,
    "sub": ufuncs.subtract,
    "mul": ufuncs.multiply,
    "truediv": ufuncs.divide,
    "floordiv": ufuncs.floor_divide,
    "mod": ufuncs.remainder,
    "pow": ufuncs.power,
    "and": ufuncs.bitwise_and,
    "or": ufuncs.bitwise_or,
    "xor": ufuncs.bitwise_xor,
    "lshift": ufuncs.left_shift,
    "rshift": ufuncs.right_shift,
    "matmul": matmul,
}
_COMPARISONS = {
    "eq": ufuncs.equal,
    "ne": ufuncs.not_equal,
    "lt": ufuncs.less,
    "le": ufuncs.less_equal,
    "gt": ufuncs.greater,
    "ge": ufuncs.greater_equal,
}
_UNARY = {
    "neg": ufuncs.negative,
    "pos": ufuncs.positive,
    "abs": ufuncs.absolute,
    "invert": ufuncs.bitwise_not,
}


def _binary_operator(function):
    short = getattr(function, "short", _no_short_way)

    def operator(self, other):
        kind = type(other)
        if kind is not Tracer and kind not in WEAK_DTYPES and not hasattr(other, "dtype"):
            other = _from_sequence(other)
            if other is NotImplemented:
                return other
        result = short(state.recording, self, other)
        if result is None:
            result = function(self, other)
        if self.weak and (other.weak if kind is Tracer else kind in WEAK_DTYPES):
            result.weak = True
        return result

    def reflected(self, other):
        kind = type(other)
        if kind not in WEAK_DTYPES and not hasattr(other, "dtype"):
            other = _from_sequence(other)
            if other is NotImplemented:
                return other
        result = short(state.recording, other, self)
        if result is None:
            result = function(other, self)
        if self.weak and kind in WEAK_DTYPES:
            result.weak = True
        return result

    return operator, reflected


def _no_short_way(recording, x, y):
    return None


def _from_sequence(other):
    if not isinstance(other, list | tuple):
        return NotImplemented

    return array(other)


def _comparison(function):
    short = getattr(function, "short", _no_short_way)

    def operator(self, other):
        kind = type(other)
        if kind is not Tracer and kind not in WEAK_DTYPES and not hasattr(other, "dtype"):
            other = _from_sequence(other)
            if other is NotImplemented:
                return other
        result = short(state.recording, self, other)
        return function(self, other) if result is None else result

    return operator


def _unary_operator(function):
    def operator(self):
        result = function(self)
        if self.weak:
            result.weak = True
        return result

    return operator


def install():
    """Attach Python's operators to the tracer class."""
    for name, function in _BINARY.items():
        operator, reflected = _binary_operator(function)
        setattr(Tracer, f"__{name}__", operator)
        setattr(Tracer, f"__r{name}__", reflected)
        setattr(Tracer, f"__i{name}__", in_place(operator))
    for name, function in _COMPARISONS.items():
        setattr(Tracer, f"__{name}__", _comparison(function))
    for name, function in _UNARY.items():
        setattr(Tracer, f"__{name}__", _unary_operator(function))
    Tracer.__hash__ = object.__hash__
