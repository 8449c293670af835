"""NumPy's scalar types as functions of traced values too: `float32(x)` converts `x`, as in JAX.

Each is a subclass of NumPy's type and stands for it everywhere: as a dtype, in `isinstance`, in
comparisons and as a key. What it makes of plain values is of NumPy's own type.
"""

import numpy as np

from fungrad.numpy.arrays import array
from fungrad.numpy.dispatch import has_tracer

NAMES = """bool_ int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64
    complex128 bool byte ubyte short ushort intc uintc int_ uint long ulong intp uintp half single
    double csingle cdouble""".split()


class _ScalarType(type):
    def __call__(cls, *args, **kwargs):
        own = cls.__mro__[1]
        return array(args[0], own) if has_tracer(args) else own(*args, **kwargs)

    def __instancecheck__(cls, x):
        return isinstance(x, cls.__mro__[1])

    def __subclasscheck__(cls, kind):
        return issubclass(kind, cls.__mro__[1])

    def __eq__(cls, other):
        return True if other is cls else cls.__mro__[1] == other

    def __hash__(cls):
        return hash(cls.__mro__[1])


_made = {
    own: _ScalarType(own.__name__, (own,), {"__module__": "fungrad.numpy", "__doc__": own.__doc__})
    for own in dict.fromkeys([getattr(np, name) for name in NAMES])
}
globals().update({name: _made[getattr(np, name)] for name in NAMES})

__all__ = NAMES  # noqa: PLE0605
