"""Random bits: the counter-based generator threefry2x32 as a function of a key and a counter."""

import math

import numpy as np

from fungrad.core.errors import DtypeError, LinearityError
from fungrad.core.primitive import Pointwise
from fungrad.core.types import ArrayType
from fungrad.primitives.elementwise import aligned, common_shape

WORD = np.dtype(np.uint32)
BLOCK = np.dtype(np.uint64)

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA  # so that the third word of the key schedule is never 0 for a zero key
_GROUPS = 5  # of four rounds each
_CHUNK = 1 << 15  # blocks that are hashed at a time: their words stay in the cache
_FEW = 8  # blocks that Python's own integers hash sooner than 120 calls of NumPy
_MASK = 0xFFFFFFFF


class Threefry2x32(Pointwise):
    """The block of random bits that belongs to a key and a counter, each of two 32-bit words.

    Two words are packed into a uint64, the first one in its upper half. Twenty rounds.
    Source: J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy
    as 1, 2, 3", SC11 (2011).
    """

    def flops(self, inputs, outputs):
        """Twenty rounds of an addition, a rotation (three operations) and an exclusive or."""
        return 100 * outputs[0].size

    def infer(self, key, counter):
        if key.dtype != BLOCK or counter.dtype != BLOCK:
            raise DtypeError(
                f"{self.name}: key and counter are of dtype uint64, got {key.dtype} and "
                f"{counter.dtype}"
            )
        return ArrayType(common_shape(self.name, (key, counter)), BLOCK)

    def evaluate(self, key, counter):
        shape = np.shape(counter) or np.shape(key)
        key, counter = np.reshape(key, -1), np.reshape(counter, -1)
        size = math.prod(shape)
        result = np.empty(size, BLOCK)
        if size <= _FEW:
            keys, counters = (x.tolist() * (size // max(x.size, 1)) for x in (key, counter))
            result[:] = [_block_of_integers(k, c) for k, c in zip(keys, counters, strict=True)]
            return result.reshape(shape)[()]
        for start in range(0, size, _CHUNK):
            part = slice(start, start + _CHUNK)
            result[part] = _blocks(
                key[part] if key.size > 1 else key, counter[part] if counter.size > 1 else counter
            )
        return result.reshape(shape)[()]

    def jvp(self, inputs, tangents):
        return self(*inputs), None

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError(f"{self.name} is not linear")

    def batch(self, inputs, batched, axis):
        return self(*aligned(inputs, batched, axis)), True

    def element(self, build, index, read, types, output):
        key, counter = (read(i, index if t.shape else ()) for i, t in enumerate(types))
        return rounds(build, key, counter)


def rounds(build, key, counter):
    """The block as a scalar expression of the key and the counter."""
    k0, k1 = build.cast(key >> 32, WORD), build.cast(key, WORD)
    x0, x1 = build.cast(counter >> 32, WORD), build.cast(counter, WORD)
    schedule = (k0, k1, k0 ^ k1 ^ _PARITY)
    x0, x1 = x0 + k0, x1 + k1
    for group in range(_GROUPS):
        for rotation in _ROTATIONS[group % 2]:
            x0 = x0 + x1
            x1 = (x1 << rotation | x1 >> (32 - rotation)) ^ x0
        x0 = x0 + schedule[(group + 1) % 3]
        x1 = x1 + (schedule[(group + 2) % 3] + (group + 1))
    return build.cast(x0, BLOCK) << 32 | build.cast(x1, BLOCK)


def _block_of_integers(key, counter):
    """The block of two Python integers."""
    k0, k1 = key >> 32, key & _MASK
    schedule = (k0, k1, k0 ^ k1 ^ _PARITY)
    x0, x1 = (counter >> 32) + k0 & _MASK, counter + k1 & _MASK
    for group in range(_GROUPS):
        for rotation in _ROTATIONS[group % 2]:
            x0 = x0 + x1 & _MASK
            x1 = (x1 << rotation & _MASK | x1 >> 32 - rotation) ^ x0
        x0 = x0 + schedule[(group + 1) % 3] & _MASK
        x1 = x1 + schedule[(group + 2) % 3] + group + 1 & _MASK
    return x0 << 32 | x1


def _words(blocks):
    """The upper and the lower words."""
    return (blocks >> np.uint64(32)).astype(WORD), blocks.astype(WORD)


def _blocks(key, counter):
    """The blocks of arrays of keys and counters, computed in place."""
    (k0, k1), (x0, x1) = _words(key), _words(counter)
    schedule = (k0, k1, k0 ^ k1 ^ WORD.type(_PARITY))
    x0, x1 = x0 + k0, x1 + k1
    rotated = np.empty_like(x1)
    for group in range(_GROUPS):
        for rotation in _ROTATIONS[group % 2]:
            np.add(x0, x1, out=x0)
            np.left_shift(x1, WORD.type(rotation), out=rotated)
            np.right_shift(x1, WORD.type(32 - rotation), out=x1)
            np.bitwise_or(x1, rotated, out=x1)
            np.bitwise_xor(x1, x0, out=x1)
        x0 += schedule[(group + 1) % 3]
        x1 += schedule[(group + 2) % 3] + WORD.type(group + 1)
    return x0.astype(BLOCK) << BLOCK.type(32) | x1


threefry2x32 = Threefry2x32()
