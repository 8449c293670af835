"""Calls of Python from compiled code: through an address that the entry is given.

A callback takes the address of a table with the addresses of operands and results, and returns 0,
or 1 where the Python function has raised. ctypes takes the lock of the interpreter meanwhile.
"""

import ctypes

import numpy as np

from fungrad.compiler.language.scalar import INDEX, constant
from fungrad.core.cost import nbytes

_SIGNATURE = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)


def callback(build, primitive, inputs, outputs):
    """Write the call of a primitive that has a method `call(operands, results)`."""
    entry = build.entry
    views = [*[build.contiguous(v) for v in inputs], *[build.output(v) for v in outputs]]
    types = [v.type for v in inputs], [v.type for v in outputs]
    number = entry.new_callback(native(primitive, *types))
    pointers = [entry.pointer(view.buffer, view.offset) for view in views]
    build.call_checked("invoke", ["callbacks", constant(number, INDEX), *pointers])


def native(primitive, operands, results):
    """The C function that calls a primitive on values of the given types."""

    def run(table):
        addresses = (ctypes.c_int64 * (len(operands) + len(results))).from_address(table)
        arrays = [_array(a, t) for a, t in zip(addresses, [*operands, *results], strict=True)]
        return primitive.call(arrays[: len(operands)], arrays[len(operands) :])

    return _SIGNATURE(run)


def address(function):
    """The address of a C function."""
    return ctypes.cast(function, ctypes.c_void_p).value


def _array(place, type):
    """The array at an address."""
    if not type.size:
        return np.empty(type.shape, type.dtype)
    memory = (ctypes.c_char * nbytes(type)).from_address(place)
    return np.frombuffer(memory, type.dtype, type.size).reshape(type.shape)
