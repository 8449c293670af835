"""Pointers in generated source: arithmetic, reinterpretation, and stacks that grow.

A pointer is Numba's `CPointer`: `p[i]` is a bare load or store, without bounds and without
wrap-around. Importing this module imports Numba.

A stack is two int64 words (address, capacity in bytes), both 0 at first, wherever the caller keeps
them; its memory comes from malloc and is given back by `release`.
"""

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.errors import TypingError
from numba.extending import intrinsic

OUT_OF_MEMORY = -1

__all__ = [
    "OUT_OF_MEMORY",
    "check",
    "is_null",
    "memory",
    "offset",
    "release",
    "reserve",
    "view",
]

_BYTES = ir.IntType(8).as_pointer()
_WORD = ir.IntType(64)
_SMALLEST_STACK = 4096


@intrinsic
def offset(typing_context, pointer, n):
    """The pointer n elements further."""

    def generate(context, builder, signature, values):
        return builder.gep(values[0], [values[1]])

    return pointer(pointer, types.int64), generate


@intrinsic
def view(typing_context, pointer, byte_offset, dtype):
    """The pointer `byte_offset` bytes further, as a pointer to elements of `dtype`."""
    result = types.CPointer(_element(dtype))

    def generate(context, builder, signature, values):
        moved = builder.gep(builder.bitcast(values[0], _BYTES), [values[1]])
        return builder.bitcast(moved, context.get_value_type(result))

    return result(pointer, types.int64, dtype), generate


@intrinsic
def is_null(typing_context, pointer):
    """Whether the pointer points nowhere."""

    def generate(context, builder, signature, values):
        return cgutils.is_null(builder, values[0])

    return types.boolean(pointer), generate


@intrinsic
def check(typing_context, status):
    """Returns from the calling function with the status, unless it is 0.

    One statement instead of three; Numba's time grows faster than the number of its blocks.
    """

    def generate(context, builder, signature, values):
        is_fine = builder.icmp_signed("==", values[0], _WORD(0))
        with builder.if_then(builder.not_(is_fine), likely=False):
            context.call_conv.return_value(builder, values[0])
        return context.get_dummy_value()

    return types.none(types.int64), generate


@intrinsic
def memory(typing_context, stack, dtype):
    """The memory of a stack, as a pointer to elements of `dtype`; `reserve` may move it."""
    result = types.CPointer(_element(dtype))

    def generate(context, builder, signature, values):
        return builder.inttoptr(builder.load(values[0]), context.get_value_type(result))

    return result(stack, dtype), generate


@intrinsic
def reserve(typing_context, stack, n_bytes):
    """Makes room for n bytes in a stack, keeping its contents: 0, or OUT_OF_MEMORY."""

    def generate(context, builder, signature, values):
        stack, n_bytes = values
        capacity_at = builder.gep(stack, [_WORD(1)])
        capacity = builder.load(capacity_at)
        status = cgutils.alloca_once_value(builder, _WORD(0))
        with builder.if_then(builder.icmp_signed(">", n_bytes, capacity), likely=False):
            grown = _maximum(builder, n_bytes, builder.shl(capacity, _WORD(1)))
            grown = _maximum(builder, grown, _WORD(_SMALLEST_STACK))
            old = builder.inttoptr(builder.load(stack), _BYTES)
            new = builder.call(_libc(builder, "realloc", _BYTES, [_BYTES, _WORD]), [old, grown])
            with builder.if_else(cgutils.is_null(builder, new)) as (failed, succeeded):
                with failed:
                    builder.store(_WORD(OUT_OF_MEMORY), status)
                with succeeded:
                    builder.store(builder.ptrtoint(new, _WORD), stack)
                    builder.store(grown, capacity_at)
        return builder.load(status)

    return types.int64(stack, types.int64), generate


@intrinsic
def release(typing_context, stack):
    """Gives the memory of a stack back and leaves it empty: 0."""

    def generate(context, builder, signature, values):
        (stack,) = values
        old = builder.inttoptr(builder.load(stack), _BYTES)
        builder.call(_libc(builder, "free", ir.VoidType(), [_BYTES]), [old])
        builder.store(_WORD(0), stack)
        builder.store(_WORD(0), builder.gep(stack, [_WORD(1)]))
        return _WORD(0)

    return types.int64(stack), generate


def _maximum(builder, x, y):
    return builder.select(builder.icmp_signed(">", x, y), x, y)


def _libc(builder, name, result, operands):
    return cgutils.get_or_insert_function(builder.module, ir.FunctionType(result, operands), name)


def _element(dtype):
    """The Numba type that a dtype given in source (`np.float32`) stands for."""
    if not isinstance(dtype, types.DTypeSpec):
        raise TypingError(f"a dtype such as np.float32 expected, got {dtype}")
    return dtype.dtype
