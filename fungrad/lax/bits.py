"""Functions of the bits of numbers, under the names of `jax.lax`."""

from functools import partial

import numpy as np

from fungrad.api.custom_jvp import custom_jvp
from fungrad.core.errors import DtypeError, ShapeError
from fungrad.lax.elementwise import population_count
from fungrad.numpy import ufuncs
from fungrad.numpy.creation import operand
from fungrad.numpy.promotion import align, convert, promote
from fungrad.numpy.selection import where
from fungrad.primitives.elementwise import Bitcast


def _bits_dtype(dtype):
    """The unsigned integers of the same width."""
    return np.dtype(f"u{dtype.itemsize}")


def _integers(name, *values):
    """Operands of one integer dtype."""
    values = align(name, promote(*[operand(v) for v in values]))
    if values[0].dtype.kind not in "iu":
        raise DtypeError(f"{name} is not defined for dtype {values[0].dtype}")
    return values


def shift_right_logical(x, y):
    """x shifted right by y places, with zeros from the left whatever the sign is.

    >>> shift_right_logical(np.int8(-1), np.int8(4))
    np.int8(15)
    """
    x, y = _integers("shift_right_logical", x, y)
    bits = _bits_dtype(x.dtype)
    return convert(ufuncs.right_shift(convert(x, bits), convert(y, bits)), x.dtype)


def clz(x):
    """The number of zeros among the bits before the first one, in the dtype of x.

    >>> clz(np.array([0, 1, -1], np.int32))
    array([32, 31,  0], dtype=int32)
    """
    (x,) = _integers("clz", x)
    width = 8 * x.dtype.itemsize
    bits = convert(x, _bits_dtype(x.dtype))
    shift = 1
    while shift < width:
        bits = ufuncs.bitwise_or(bits, ufuncs.right_shift(bits, bits.dtype.type(shift)))
        shift *= 2
    return convert(bits.dtype.type(width) - population_count(bits), x.dtype)


def mulhi(x, y):
    """The upper half of the product of two integers, which has twice as many bits.

    >>> mulhi(np.int32(2**20), np.int32(-(2**20)))
    np.int32(-256)
    """
    x, y = _integers("mulhi", x, y)
    dtype, width = x.dtype, 8 * x.dtype.itemsize
    if width < 64:
        wide = np.dtype(f"{dtype.kind}{2 * dtype.itemsize}")
        product = convert(x, wide) * convert(y, wide)
        return convert(ufuncs.right_shift(product, wide.type(width)), dtype)
    unsigned = np.dtype(np.uint64)
    a, b = convert(x, unsigned), convert(y, unsigned)
    half, low = unsigned.type(32), unsigned.type(2**32 - 1)
    (a0, a1), (b0, b1) = [(v & low, ufuncs.right_shift(v, half)) for v in (a, b)]
    middle = a1 * b0 + ufuncs.right_shift(a0 * b0, half)
    carry = a0 * b1 + (middle & low)
    high = a1 * b1 + ufuncs.right_shift(middle, half) + ufuncs.right_shift(carry, half)
    if dtype.kind == "i":
        zero = unsigned.type(0)
        high = high - where(x < 0, b, zero) - where(y < 0, a, zero)
    return convert(high, dtype)


def bitcast_convert_type(operand, new_dtype):
    """The bits of an array as numbers of another dtype.

    Where one element becomes several narrower ones (the first one has the lowest bits), they stand
    along a new last axis; where several become one, the last axis goes.

    >>> bitcast_convert_type(np.float32(1.0), np.uint32)
    np.uint32(1065353216)
    >>> bitcast_convert_type(np.uint32(0x01020304), np.uint8)
    array([4, 3, 2, 1], dtype=uint8)
    """
    x, new = _operand(operand), np.dtype(new_dtype)
    if "c" in (x.dtype.kind, new.kind) or "b" in (x.dtype.kind, new.kind):
        raise DtypeError(f"bitcast_convert_type is not defined from {x.dtype} to {new}")
    if x.dtype == new:
        return x
    bits = x if x.dtype.kind in "iu" else Bitcast(_bits_dtype(x.dtype))(x)
    bits = convert(bits, _bits_dtype(x.dtype))
    ratio = x.dtype.itemsize / new.itemsize
    target = _bits_dtype(new)
    if ratio > 1:
        places = np.arange(int(ratio), dtype=bits.dtype) * bits.dtype.type(8 * new.itemsize)
        bits = convert(ufuncs.right_shift(bits[..., None], places), target)
    elif ratio < 1:
        bits = _joined_bits(bits, int(1 / ratio), target)
    bits = bits if new.kind == "u" else convert(bits, np.dtype(f"i{new.itemsize}"))
    return Bitcast(new)(bits) if new.kind == "f" else bits


_operand = operand


def _joined_bits(bits, count, target):
    """The numbers whose parts, the lowest first, stand along the last axis."""
    if not bits.ndim or bits.shape[-1] != count:
        raise ShapeError(
            f"bitcast_convert_type: the last axis must have {count} parts of a {target}, the shape "
            f"is {bits.shape}"
        )
    result = target.type(0)
    for i in range(count):
        part = convert(bits[..., i], target)
        result = result | ufuncs.left_shift(part, target.type(8 * bits.dtype.itemsize * i))
    return result


@partial(custom_jvp, nondiff_argnums=(1, 2))
def _reduced(x, exponent_bits, mantissa_bits):
    mantissa, exponent = np.finfo(x.dtype).nmant, 8 * x.dtype.itemsize - 1 - np.finfo(x.dtype).nmant
    y, bits = x, _bits_dtype(x.dtype)
    if mantissa_bits < mantissa:
        word, drop = Bitcast(bits)(x), bits.type(mantissa - mantissa_bits)
        last = ufuncs.right_shift(word, drop) & bits.type(1)
        half = bits.type((1 << (mantissa - mantissa_bits - 1)) - 1)
        word = ufuncs.left_shift(ufuncs.right_shift(word + half + last, drop), drop)
        y = where(ufuncs.isnan(x), x, Bitcast(x.dtype)(word))
    if exponent_bits < exponent:
        most = 2 ** (exponent_bits - 1)  # the exponent from which on numbers are infinite
        size, zero = ufuncs.absolute(y), x.dtype.type(0)
        y = where(size >= x.dtype.type(2.0**most), ufuncs.copysign(x.dtype.type(np.inf), y), y)
        y = where(size < x.dtype.type(2.0 ** (2 - most)), ufuncs.copysign(zero, y), y)
    return y


@_reduced.defjvp
def _reduced_jvp(exponent_bits, mantissa_bits, primals, tangents):
    return _reduced(*primals, exponent_bits, mantissa_bits), tangents[0]


def reduce_precision(operand, exponent_bits, mantissa_bits):
    """The nearest numbers with that many bits, ties to even; too large ones become infinite.

    Numbers too small to be normal with so few bits become 0. The tangent is that of the operand.

    >>> reduce_precision(np.array([1.2345, 70000.0, 1e-6]), exponent_bits=5, mantissa_bits=10)
    array([1.234375,      inf, 0.      ])
    """
    x = _operand(operand)
    if x.dtype not in (np.float32, np.float64):
        raise DtypeError(f"reduce_precision is not defined for dtype {x.dtype}")
    if exponent_bits < 1 or mantissa_bits < 0:
        raise ValueError(
            f"reduce_precision: exponent_bits is at least 1 and mantissa_bits at least 0, got "
            f"{exponent_bits} and {mantissa_bits}"
        )
    return _reduced(x, int(exponent_bits), int(mantissa_bits))


def reduce_xor(operand, axes):
    """The exclusive or of integers or booleans along axes.

    >>> reduce_xor(np.array([[6, 3], [5, 3]]), (0,))
    array([3, 0])
    """
    from fungrad.lax.arrays import reduce

    x = _operand(operand)
    if x.dtype.kind not in "biu":
        raise DtypeError(f"reduce_xor is not defined for dtype {x.dtype}")
    return reduce(x, x.dtype.type(0), ufuncs.bitwise_xor, axes)
