"""Keys of the generator threefry2x32: plain arrays of two uint32 words.

The same key gives the same numbers, eager and compiled, on every machine. A key is used once;
`split` and `fold_in` make new ones of it.
"""

import numpy as np

from fungrad.core.errors import DtypeError
from fungrad.core.tracing import Tracer
from fungrad.numpy.arrays import operand, shape_of, stacked
from fungrad.numpy.promotion import convert
from fungrad.numpy.shapes import moveaxis
from fungrad.primitives import elementwise as e
from fungrad.primitives.movement import Iota, Reshape, Slice
from fungrad.primitives.random_bits import BLOCK, WORD, threefry2x32
from fungrad.random.arguments import key_of, words_of

_HALF = BLOCK.type(32)
_IMPLEMENTATION = "threefry2x32"


def key(seed, *, impl=None):
    """The key of a seed: a uint32 array of shape (2,), the upper and the lower half of 64 bits.

    `PRNGKey` is the same function. The numbers drawn with a key are those of JAX for the same
    seed (with 64-bit integers enabled there, for seeds that need more than 32 bits).

    Args:
        seed: an integer; several keys come from `vmap(key)` or `split`.
        impl: the generator, None or "threefry2x32".

    Raises:
        DtypeError (a TypeError) for a seed that is not one integer; ValueError for another `impl`.

    >>> from fungrad import random
    >>> random.key(7)
    array([0, 7], dtype=uint32)
    >>> random.uniform(random.key(7), (2,), np.float32)
    array([0.6740899, 0.9746169], dtype=float32)
    """
    _require_implementation(impl)
    if isinstance(seed, int) and not isinstance(seed, bool):
        return np.array([seed >> 32 & 0xFFFFFFFF, seed & 0xFFFFFFFF], WORD)
    seed = operand(seed)
    if seed.dtype.kind not in "iu" or seed.shape:
        raise DtypeError(
            f"random.key: a seed is one integer, got an array of shape {tuple(seed.shape)} and "
            f"dtype {seed.dtype}; keys for an array of integers come from vmap(random.key)"
        )
    return unpacked(convert(convert(seed, np.dtype(np.int64)), BLOCK))


PRNGKey = key


def _require_implementation(impl):
    if impl not in (None, _IMPLEMENTATION):
        raise ValueError(
            f"random.key: the generator is {_IMPLEMENTATION!r}, impl={impl!r} is not available"
        )


def packed(key):
    """The key as one uint64, the first word in its upper half."""
    if type(key) is not Tracer:
        return BLOCK.type(int(key[0]) << 32 | int(key[1]))
    wide = convert(key, BLOCK)
    first, second = (Reshape(())(Slice((i,), (i + 1,), (1,))(wide)) for i in (0, 1))
    return e.bitwise_or(e.left_shift(first, _HALF), second)


def unpacked(blocks):
    """Keys of shape (..., 2) from packed ones of shape (...)."""
    if type(blocks) is Tracer:
        pair = [convert(e.right_shift(blocks, _HALF), WORD), convert(blocks, WORD)]
        return moveaxis(stacked(pair), 0, -1)
    words = np.empty((*np.shape(blocks), 2), WORD)
    words[..., 0] = blocks >> _HALF
    words[..., 1] = blocks & BLOCK.type(0xFFFFFFFF)
    return words


def counters(shape):
    """The position of every element in row-major order, as uint64."""
    size = 1
    for n in shape:
        size *= n
    return Reshape(shape)(Iota((size,), BLOCK, 0)())


def blocks(key, shape):
    """A block of 64 random bits for every element of a shape."""
    return threefry2x32(packed(key), counters(shape))


def split(key, num=2):
    """New keys of a key: an array of shape (num, 2), or (*num, 2) where num is a tuple.

    Args:
        key: a key, as `key(seed)` makes it.
        num: how many, or the shape of an array of keys.

    Raises:
        DtypeError, ShapeError where `key` is not one key.

    >>> from fungrad import random
    >>> first, second = random.split(random.key(0))
    >>> first
    array([1797259609, 2579123966], dtype=uint32)
    """
    return unpacked(blocks(key_of("split", key), shape_of(num)))


def fold_in(key, data):
    """The key of a key and an integer, such as the number of a step: shape (2,).

    Args:
        key: a key.
        data: an integer, of which the lower 32 bits count.

    Raises:
        DtypeError for data that is not one integer; DtypeError, ShapeError for a bad key.

    >>> from fungrad import random
    >>> random.fold_in(random.key(0), 1)
    array([ 928981903, 3453687069], dtype=uint32)
    """
    key = key_of("fold_in", key)
    if isinstance(data, int):
        counter = BLOCK.type(data & 0xFFFFFFFF)
    else:
        data = operand(data)
        if data.dtype.kind not in "iu" or data.shape:
            raise DtypeError(
                f"random.fold_in: data is one integer, got an array of shape {tuple(data.shape)} "
                f"and dtype {data.dtype}; fold in several with vmap"
            )
        counter = convert(convert(data, WORD), BLOCK)
    return unpacked(threefry2x32(packed(key), counter))


def key_data(keys):
    """The words of keys: the keys themselves, which are plain arrays here.

    >>> from fungrad import random
    >>> random.key_data(random.key(3))
    array([0, 3], dtype=uint32)
    """
    return words_of("key_data", keys)


def wrap_key_data(key_bits_array, *, impl=None):
    """Keys from their words: the array itself, of dtype uint32 and shape (..., 2).

    >>> from fungrad import random
    >>> random.wrap_key_data(np.array([0, 3], np.uint32))
    array([0, 3], dtype=uint32)
    """
    _require_implementation(impl)
    return words_of("wrap_key_data", key_bits_array)


def clone(key):
    """The same keys again, where the same numbers are wanted twice on purpose.

    >>> from fungrad import random
    >>> random.clone(random.key(3))
    array([0, 3], dtype=uint32)
    """
    key = words_of("clone", key)
    return key if type(key) is Tracer else key.copy()


def key_impl(keys):
    """The name of the generator of keys: always "threefry2x32".

    >>> from fungrad import random
    >>> random.key_impl(random.key(3))
    'threefry2x32'
    """
    words_of("key_impl", keys)
    return _IMPLEMENTATION
