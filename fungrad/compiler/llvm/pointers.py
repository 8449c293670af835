"""The functions on pointers as Numba intrinsics, for source that goes through Numba's front end.

A pointer is Numba's `CPointer`: `p[i]` is a bare load or store, without bounds and without
wrap-around. What the functions do is in `pointer_code`. Importing this module imports Numba.
"""

from llvmlite import ir
from numba.core import types
from numba.core.errors import TypingError
from numba.extending import intrinsic
from numba.np.numpy_support import as_dtype

from fungrad.compiler.llvm.pointer_code import FUNCTIONS, OUT_OF_MEMORY, STATUS, TRUTH

__all__ = [
    "OUT_OF_MEMORY",
    "fetch",
    "invoke",
    "is_null",
    "memory",
    "offset",
    "release",
    "report",
    "reserve",
    "view",
]


def _typed(name, result, pointer, *operands):
    """The signature and the code generator of a function on pointers."""

    def generate(context, builder, signature, values):
        count = len(values) - isinstance(signature.args[-1], types.DTypeSpec)
        dtype = as_dtype(pointer.dtype)
        code = FUNCTIONS[name](builder, values[0], dtype, *values[1:count])
        if name in STATUS | TRUTH:
            return code
        word = builder.ptrtoint(code, ir.IntType(64))  # Numba wants pointers that know their type
        return builder.inttoptr(word, context.get_value_type(result))

    return result(pointer, *operands), generate


@intrinsic
def offset(typing_context, pointer, n):
    """The pointer n elements further."""
    return _typed("offset", pointer, pointer, types.int64)


@intrinsic
def view(typing_context, pointer, byte_offset, dtype):
    """The pointer `byte_offset` bytes further, as a pointer to elements of `dtype`."""
    return _typed("view", types.CPointer(_element(dtype)), pointer, types.int64, dtype)


@intrinsic
def is_null(typing_context, pointer):
    """Whether the pointer points nowhere."""
    return _typed("is_null", types.boolean, pointer)


@intrinsic
def memory(typing_context, stack, dtype):
    """The memory of a stack, as a pointer to elements of `dtype`; `reserve` may move it."""
    return _typed("memory", types.CPointer(_element(dtype)), stack, dtype)


@intrinsic
def reserve(typing_context, stack, n_bytes):
    """Makes room for n bytes in a stack, keeping its contents: 0, or OUT_OF_MEMORY."""
    return _typed("reserve", types.int64, stack, types.int64)


@intrinsic
def release(typing_context, stack):
    """Gives the memory of a stack back and leaves it empty: 0."""
    return _typed("release", types.int64, stack)


@intrinsic
def report(typing_context, counters, index, value):
    """Writes a counter that another thread reads, and no optimisation moves away: 0."""
    return _typed("report", types.int64, counters, types.int64, types.int64)


@intrinsic
def fetch(typing_context, pointer, index):
    """Lets an element come into the cache before it is read: 0."""
    return _typed("fetch", types.int64, pointer, types.int64)


@intrinsic
def invoke(typing_context, callbacks, index, *pointers):
    """Calls the callback of a number on pointers: its status."""
    signature, _ = _typed("invoke", types.int64, callbacks, types.int64, *pointers[0])

    def generate(context, builder, signature, values):
        callbacks, index, pointers = values
        pointers = [builder.extract_value(pointers, k) for k in range(len(signature.args[2]))]
        dtype = as_dtype(signature.args[0].dtype)
        return FUNCTIONS["invoke"](builder, callbacks, dtype, index, *pointers)

    return types.int64(callbacks, types.int64, types.StarArgTuple(pointers[0])), generate


def _element(dtype):
    """The Numba type that a dtype given in source (`np.float32`) stands for."""
    if not isinstance(dtype, types.DTypeSpec):
        raise TypingError(f"a dtype such as np.float32 expected, got {dtype}")
    return dtype.dtype
