"""The arguments of generated functions: what kernels and entries take, free of Numba and LLVM."""

import numpy as np

from fungrad.core.record import record


class Argument:
    """One argument of a generated function; equal arguments are passed in the same way."""

    __slots__ = ()


@record(frozen=True, repr=False)
class Scalar(Argument):
    """A number, passed by value. An entry takes a Python number or a NumPy scalar for it."""

    dtype: np.dtype

    def __post_init__(self):
        object.__setattr__(self, "dtype", np.dtype(self.dtype))

    def __repr__(self):
        return f"Scalar({self.dtype.name})"


@record(frozen=True, repr=False)
class Pointer(Argument):
    """The address of elements. Unless `aliased`, no other argument reaches what is written here."""

    dtype: np.dtype
    aliased: bool = False

    def __post_init__(self):
        object.__setattr__(self, "dtype", np.dtype(self.dtype))

    def __repr__(self):
        return f"Pointer({self.dtype.name}{', aliased' if self.aliased else ''})"


@record(frozen=True, repr=False)
class Array(Argument):
    """A C-contiguous ndarray that an entry takes from Python; its source sees the data pointer.

    The caller has checked dtype, layout and sizes. Two arrays may share memory.
    """

    dtype: np.dtype

    def __post_init__(self):
        object.__setattr__(self, "dtype", np.dtype(self.dtype))

    def __repr__(self):
        return f"Array({self.dtype.name})"


@record(frozen=True, repr=False)
class Result(Argument):
    """A NumPy scalar that an entry returns; its source stores the value through a pointer."""

    dtype: np.dtype

    def __post_init__(self):
        object.__setattr__(self, "dtype", np.dtype(self.dtype))

    def __repr__(self):
        return f"Result({self.dtype.name})"


#: How LLVM holds an element of each dtype in memory.
LLVM_TYPES = {
    "bool": "i8",
    **{f"{sign}int{bits}": f"i{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
    "float32": "float",
    "float64": "double",
    "complex64": "{float, float}",
    "complex128": "{double, double}",
}


def parameters(argument, name):
    """The (LLVM type, LLVM name) pairs that carry an argument; a complex number travels as two."""
    if isinstance(argument, Scalar):
        if argument.dtype.kind == "c":
            part = "float" if argument.dtype.itemsize == 8 else "double"
            return [(part, f"%{name}.real"), (part, f"%{name}.imag")]
        return [(LLVM_TYPES[argument.dtype.name], f"%{name}")]
    if isinstance(argument, Pointer) and not argument.aliased:
        return [("ptr noalias", f"%{name}")]
    return [("ptr", f"%{name}")]
