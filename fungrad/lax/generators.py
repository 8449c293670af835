"""Random bits of `jax.lax`: from a state, and from no state at all. `fungrad.random` has draws."""

import enum
import math

import numpy as np

from fungrad.api.callbacks import io_callback
from fungrad.api.inspecting import ShapeDtypeStruct
from fungrad.core.errors import DtypeError, ShapeError
from fungrad.numpy.arrays import operand
from fungrad.numpy.joining import concatenate, stack
from fungrad.numpy.promotion import convert
from fungrad.primitives.movement import Iota
from fungrad.primitives.random_bits import Threefry2x32

_WIDE, _WORD = np.dtype(np.uint64), np.dtype(np.uint32)
_HALF, _MASK = np.uint64(32), np.uint64(0xFFFFFFFF)


class RandomAlgorithm(enum.IntEnum):
    """Generators of `rng_bit_generator`; threefry2x32 serves all of them.

    >>> RandomAlgorithm.RNG_THREE_FRY.value
    1
    """

    RNG_DEFAULT = 0
    RNG_THREE_FRY = 1
    RNG_PHILOX = 2


def rng_bit_generator(
    key, shape, dtype=np.uint32, algorithm=RandomAlgorithm.RNG_DEFAULT, *, out_sharding=None
):
    """(the next state, random bits): for vectors the bits of JAX's RNG_THREE_FRY.

    Args:
        key: the state, two words of uint64 or four of uint32: a key, and a counter.
        shape: the shape of the bits.
        dtype: uint8, uint16, uint32 or uint64.
        algorithm: accepted as in JAX; the generator is threefry2x32.

    Raises:
        ShapeError, DtypeError for another kind of state, DtypeError for another kind of bits.

    >>> state, bits = rng_bit_generator(np.array([1, 2, 3, 4], np.uint32), (2,))
    >>> bits
    array([1576285164, 2249660814], dtype=uint32)
    """
    state, dtype = operand(key), np.dtype(dtype)
    if state.dtype not in (_WIDE, _WORD):
        raise DtypeError(f"rng_bit_generator: a state is of uint32 or uint64, not {state.dtype}")
    words = 2 if state.dtype == _WIDE else 4
    if state.shape != (words,):
        raise ShapeError(
            f"rng_bit_generator: a state of {state.dtype} has the shape ({words},), not "
            f"{state.shape}"
        )
    if dtype.kind != "u":
        raise DtypeError(f"rng_bit_generator: bits are of unsigned integers, not {dtype}")
    size = math.prod(shape)
    count = size if dtype == _WIDE else -(-size // 2)
    if state.dtype == _WORD:
        wide = convert(state, _WIDE)
        seed, counter = wide[0] | wide[1] << _HALF, wide[2] | wide[3] << _HALF
    else:
        seed, counter = state[0], state[1]
    bits = _turned(Threefry2x32()(_turned(seed), _turned(counter + Iota((count,), _WIDE, 0)())))
    following = stack([seed, counter + np.uint64(count)])
    if state.dtype == _WORD:
        following = stack([following & _MASK, following >> _HALF], 1).reshape(4)
        following = convert(following, _WORD)
    if dtype != _WIDE:
        halves = concatenate([(bits & _MASK)[:, None], (bits >> _HALF)[:, None]], 1)
        bits = convert(convert(halves.reshape(-1)[:size], _WORD), dtype)
    return following, bits.reshape(shape)


def _turned(x):
    """Words of 64 bits with their halves exchanged: threefry2x32 has the first word in front."""
    return x << _HALF | x >> _HALF


def rng_uniform(a, b, shape):
    """Numbers between `a` and `b` that differ from call to call, compiled or not; no key, no seed.

    Of the dtype of `a` and `b`: integers below `b`, or floats. `random.uniform` is for draws that
    can be repeated.

    >>> x = rng_uniform(2.0, 3.0, (4,))
    >>> x.shape, bool((x >= 2).all() and (x < 3).all())
    ((4,), True)
    """
    a, b = operand(a), operand(b)
    if a.dtype != b.dtype or a.shape or b.shape:
        raise DtypeError(f"rng_uniform: a and b are scalars of one dtype, not {a!r:.40}, {b!r:.40}")
    dtype = a.dtype

    def draw(low, high):
        if dtype.kind in "iu":
            return np.random.default_rng().integers(low, high, shape, dtype)
        return (low + (high - low) * np.random.default_rng().random(shape)).astype(dtype)

    return io_callback(draw, ShapeDtypeStruct(shape, dtype), a, b)
