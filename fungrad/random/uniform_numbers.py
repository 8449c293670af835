"""Draws in which every value is as likely as any other: bits, reals, integers, coins."""

import numpy as np

from fungrad.core.errors import DtypeError
from fungrad.core.types import is_python_number
from fungrad.numpy.arrays import operand
from fungrad.numpy.promotion import broadcast_to, convert, shape_of
from fungrad.primitives import elementwise as e
from fungrad.primitives.movement import Fill
from fungrad.random.arguments import (
    drawn_shape,
    float_dtype,
    int_dtype,
    key_of,
    known,
    real_parameter,
    require_probability,
    size_of,
)
from fungrad.random.drawing import drawn
from fungrad.random.keys import blocks, split

F64 = np.dtype(np.float64)
_UNSIGNED = {size: np.dtype(f"u{size}") for size in (1, 2, 4, 8)}


def bits(key, shape=(), dtype=None):
    """Random bits: every element is a random unsigned integer of all its width.

    Args:
        key: a key.
        shape: the shape of the result.
        dtype: an unsigned dtype, uint64 by default.

    Raises:
        DtypeError for a dtype that is not unsigned; DtypeError, ShapeError for a bad key.

    >>> from fungrad import random
    >>> random.bits(random.key(0), (2,), np.uint32)
    array([4070199207, 4202968722], dtype=uint32)
    """
    dtype = np.dtype(np.uint64 if dtype is None else dtype)
    if dtype.kind != "u":
        raise DtypeError(f"random.bits: dtype is to be an unsigned integer dtype, got {dtype}")
    return unsigned(key_of("bits", key), shape=drawn_shape("bits", shape), dtype=dtype)


@drawn
def unsigned(key, *, shape, dtype):
    """Random unsigned integers of a dtype."""
    return _unsigned_of(blocks(key, shape), dtype)


def _unsigned_of(found, dtype):
    """An unsigned integer from each block of bits."""
    if dtype.itemsize == 8:
        return found
    upper = e.right_shift(found, found.dtype.type(32))
    words = e.bitwise_xor(convert(upper, np.dtype(np.uint32)), convert(found, np.dtype(np.uint32)))
    return convert(words, dtype)


def uniform(key, shape=(), dtype=None, minval=0.0, maxval=1.0):
    """Reals from [minval, maxval), every representable step of 2**-52 (float32: 2**-23) as likely.

    Args:
        key: a key.
        shape: the shape of the result.
        dtype: a float dtype, float64 by default.
        minval, maxval: bounds, broadcast to the shape; the draw is differentiable in them.

    Raises:
        DtypeError, ShapeError for a bad key, dtype, or bounds that do not broadcast.

    >>> from fungrad import random
    >>> random.uniform(random.key(0), (2,), np.float32)
    array([0.947667 , 0.9785799], dtype=float32)
    """
    dtype = float_dtype("uniform", dtype)
    low, high = (real_parameter("uniform", x, dtype) for x in (minval, maxval))
    shape = drawn_shape("uniform", shape, low, high)
    key = key_of("uniform", key)
    if is_python_number(minval) and is_python_number(maxval) and (minval, maxval) == (0, 1):
        return unit(key, shape=shape, dtype=dtype)
    return between(key, low, high, shape=shape, dtype=dtype)


@drawn
def unit(key, *, shape, dtype):
    """Reals from [0, 1)."""
    return unit_of(blocks(key, shape), dtype)


def unit_of(found, dtype):
    """A real from [0, 1) from each block: the fraction of a number from [1, 2) of random bits."""
    word = _UNSIGNED[dtype.itemsize].type
    mantissa = np.finfo(dtype).nmant
    words = _unsigned_of(found, np.dtype(word))
    fraction = e.right_shift(words, word(8 * dtype.itemsize - mantissa))
    if dtype.itemsize == 2:  # compiled code holds half precision in float32
        return e.multiply(convert(fraction, dtype), dtype.type(2.0**-mantissa))
    one = np.ones((), dtype).view(word)[()]
    return e.subtract(e.Bitcast(dtype)(e.bitwise_or(fraction, one)), dtype.type(1))


@drawn
def between(key, low, high, *, shape, dtype):
    """Reals from [low, high)."""
    low, high = (x if not shape_of(x) else broadcast_to(x, shape) for x in (low, high))
    return scaled(unit(key, shape=shape, dtype=dtype), low, high)


def scaled(u, low, high):
    """Reals from [low, high) for those from [0, 1)."""
    return e.maximum(low, u * (high - low) + low)


def randint(key, shape, minval, maxval, dtype=None):
    """Integers from [minval, maxval).

    The numbers are JAX's, whose method favours some values where the range is no power of two, by
    less than range / 2**64 (dtypes of up to 32 bits: range / 2**32).

    Args:
        key: a key.
        shape: the shape of the result.
        minval, maxval: bounds, broadcast to the shape; a `maxval` beyond the dtype's largest value
            includes that value.
        dtype: an integer dtype, int64 by default.

    Raises:
        ValueError for an empty range where the bounds are known (elsewhere the result is then
        `minval`); DtypeError, ShapeError for a bad key, dtype, or bounds that do not broadcast.

    >>> from fungrad import random
    >>> random.randint(random.key(0), (4,), 0, 10)
    array([5, 1, 5, 7])
    """
    dtype = int_dtype("randint", dtype)
    low, high = (_integer(x) for x in (minval, maxval))
    shape = drawn_shape("randint", shape, low, high)
    _require_range(low, high, size_of(shape))
    key = key_of("randint", key)
    sampled = dtype if dtype.itemsize >= 4 else np.dtype(np.int32)
    info = np.iinfo(dtype)
    if sampled is not dtype:
        low = _clipped(low, info.min, info.max)
        high = _clipped(high, info.min, info.max + 1)
    is_beyond = e.greater(high, _within(high.dtype, np.iinfo(sampled).max))
    low, high = _clipped_to(low, sampled), _clipped_to(high, sampled)
    span = _known_span(low, high, is_beyond)
    if span and span & (span - 1) == 0:
        mask = _UNSIGNED[sampled.itemsize].type(span - 1)
        found = _bits_above(key, low, mask, shape=shape, dtype=sampled)
    elif span and span > 2 ** (4 * sampled.itemsize):
        word = _UNSIGNED[sampled.itemsize].type
        found = _one_of_many(key, low, word(span), shape=shape, dtype=sampled)
    elif span and span <= _FEW:
        found = _one_of_few(key, low, *_weights(span, sampled), shape=shape, dtype=sampled)
    else:
        found = _randint(key, low, high, is_beyond, shape=shape, dtype=sampled)
    return convert(found, dtype)


def _integer(x):
    """A bound as an operand of an integer dtype: real numbers are cut off as in JAX."""
    if isinstance(x, int) and not -(2**63) <= x < 2**64:
        raise ValueError(f"random.randint: the bound {x} does not fit into 64 bits")
    x = operand(x)
    if x.dtype.kind not in "biuf":
        raise DtypeError(f"random.randint: bounds are integers, got dtype {x.dtype}")
    return x if x.dtype.kind in "iu" else convert(x, np.dtype(np.int64))


def _require_range(low, high, size):
    low, high = known(low), known(high)
    if low is not None and high is not None and size and np.any(low >= high):
        wrong = np.argmax(np.ravel(low >= high))
        low, high = (np.ravel(x)[wrong] for x in np.broadcast_arrays(low, high))
        raise ValueError(
            f"random.randint: the range is empty: minval = {low} must be less than maxval = {high}"
        )


def _within(dtype, value):
    """A Python integer moved into the range of a dtype."""
    info = np.iinfo(dtype)
    return dtype.type(min(max(value, info.min), info.max))


def _clipped(x, low, high):
    return e.minimum(e.maximum(x, _within(x.dtype, low)), _within(x.dtype, high))


def _clipped_to(x, dtype):
    """An integer operand in another dtype, its values moved into the dtype's range."""
    info = np.iinfo(dtype)
    return convert(_clipped(x, info.min, info.max), dtype)


def _known_span(low, high, is_beyond):
    """How many integers there are between two known numbers; None for others."""
    values = [known(x) for x in (low, high, is_beyond)]
    if any(x is None or np.ndim(x) for x in values):
        return None
    return max(int(values[1]) - int(values[0]) + int(values[2]), 0)


@drawn
def _bits_above(key, low, mask, *, shape, dtype):
    """`low` plus the lowest bits of random numbers: what `_randint` comes to for 2**n integers."""
    words = unsigned(split(key)[1], shape=shape, dtype=mask.dtype)
    with np.errstate(over="ignore"):
        return e.add(low, convert(e.bitwise_and(words, mask), dtype))


#: Of so many integers `_one_of_few` draws exactly.
_FEW = 2**30
#: Up to so many integers a sum of weighted words is below 2**50, and a real number.
_REAL = 2**16


def _weights(span, dtype):
    """A span, a uint64 or if small a float64, and what words of two numbers weigh modulo it.

    The weight 1 of the lowest word is left out.
    """
    weights = [_UNSIGNED[4].type(2 ** (32 * i) % span) for i in range(dtype.itemsize // 2)]
    return (F64 if span <= _REAL else _UNSIGNED[8]).type(span), *weights[:0:-1]


@drawn
def _one_of_few(key, low, span, *weights, shape, dtype):
    """What `_randint` draws, by one remainder: that of the sum of all words times their weights.

    No product or sum of `_randint` exceeds a word where the square of the span does not. A quotient
    of reals is below 2**34, and exact: the half keeps it 2**-17 away from integers.
    """
    words = [word for k in split(key) for word in _words(blocks(k, shape), dtype)]
    *upper, total = [convert(word, _UNSIGNED[8]) for word in words]
    for word, weight in zip(upper, weights, strict=True):
        total = e.add(total, e.multiply(word, convert(weight, _UNSIGNED[8])))
    if span.dtype != F64:
        return e.add(low, convert(_below(_reduced(total, span), span), dtype))
    total = convert(total, F64)
    quotient = e.floor((total + 0.5) * (1.0 / span))
    return e.add(low, convert(total - quotient * span, dtype))


def _words(found, dtype):
    """The 32-bit words of a random number of a dtype, from a block of bits, upper ones first."""
    if dtype.itemsize < 8:
        return [_unsigned_of(found, _UNSIGNED[4])]
    return [convert(x, _UNSIGNED[4]) for x in (e.right_shift(found, found.dtype.type(32)), found)]


@drawn
def _one_of_many(key, low, span, *, shape, dtype):
    """What `_randint` draws for a known span, where the factor has overflown to 0."""
    lower = unsigned(split(key)[1], shape=shape, dtype=span.dtype)
    with np.errstate(over="ignore"):
        return e.add(low, convert(_below(_reduced(lower, span), span), dtype))


@drawn
def _randint(key, low, high, is_beyond, *, shape, dtype):
    """Two random numbers make one of twice the width, taken modulo the size of the range."""
    low, high, is_beyond = (
        x if not shape_of(x) else broadcast_to(x, shape) for x in (low, high, is_beyond)
    )
    word = _UNSIGNED[dtype.itemsize]
    one = word.type(1)
    upper, lower = (unsigned(k, shape=shape, dtype=word) for k in split(key))
    has_values = e.less(low, high)
    with np.errstate(over="ignore"):
        span = e.select(has_values, convert(e.subtract(high, low), word), one)
        span = e.select(e.logical_and(is_beyond, has_values), e.add(span, one), span)
        # a span of 2**n is 0 here, and any number is below it
        is_whole = e.equal(span, word.type(0))
        safe = e.select(is_whole, one, span)
        half = e.remainder(word.type(1 << 4 * dtype.itemsize), safe)
        factor = e.remainder(e.multiply(half, half), safe)
        high = e.multiply(_remainder(upper, safe), factor)
        offset = _remainder(e.add(high, _remainder(lower, safe)), safe)
        return e.add(low, convert(e.select(is_whole, lower, offset), dtype))


def _remainder(x, divisor):
    """x modulo any divisor."""
    for _ in range(2 if x.dtype.itemsize == 8 else 1):
        x = _reduced(x, divisor)
    return _below(x, divisor)


def _reduced(x, divisor):
    """What is left of x by a quotient that is not too large: below divisor + 2**15.

    Computed by products, which processors vectorise: they do not divide integers. A smaller word, or
    what has been reduced once, is left below twice the divisor.
    """
    inverse = F64.type(1 - 2.0**-50) / convert(divisor, F64)
    quotient = convert(e.multiply(convert(x, F64), inverse), x.dtype)
    return e.subtract(x, e.multiply(quotient, divisor))


def _below(x, divisor):
    """x, which is below twice the divisor, modulo the divisor."""
    return e.select(e.less(x, divisor), x, e.subtract(x, divisor))


def bernoulli(key, p=0.5, shape=None, mode="low"):
    """Coins: True with probability p.

    Args:
        key: a key.
        p: the probability, a real number or an array of them.
        shape: the shape of the result, by default that of p, which must broadcast to it.
        mode: "low", or "high" for probabilities that need more digits than one draw has.

    Raises:
        ValueError for a probability outside of [0, 1] where it is known, or another mode;
        DtypeError, ShapeError for a bad key, a p that is not real or does not broadcast.

    >>> from fungrad import random
    >>> random.bernoulli(random.key(0), 0.3, (4,))
    array([False,  True, False, False])
    """
    if mode not in ("low", "high"):
        raise ValueError(f"random.bernoulli: mode is 'low' or 'high', got {mode!r}")
    p = operand(p)
    if p.dtype.kind != "f":
        raise DtypeError(f"random.bernoulli: p is to have a float dtype, got {p.dtype}")
    shape = drawn_shape("bernoulli", shape, p)
    require_probability("bernoulli", p)
    return _bernoulli(key_of("bernoulli", key), p, shape=shape, mode=mode)


@drawn
def _bernoulli(key, p, *, shape, mode):
    p = broadcast_to(p, shape) if shape_of(p) else p
    if mode == "low":
        return e.less(unit(key, shape=shape, dtype=p.dtype), p)
    both = unit(key, shape=(2, *shape), dtype=p.dtype)
    fine = both[1] * p.dtype.type(2.0 ** -np.finfo(p.dtype).nmant)
    return e.less(fine, e.subtract(p, both[0]))


def rademacher(key, shape=(), dtype=None):
    """Signs: -1 and 1, each with probability 1/2.

    Args:
        key: a key.
        shape: the shape of the result.
        dtype: any dtype of numbers, int64 by default.

    Raises:
        DtypeError, ShapeError for a bad key.

    >>> from fungrad import random
    >>> random.rademacher(random.key(0), (4,))
    array([ 1,  1, -1, -1])
    """
    dtype = np.dtype(int if dtype is None else dtype)
    shape = drawn_shape("rademacher", shape)
    is_head = _bernoulli(key_of("rademacher", key), np.float64(0.5), shape=shape, mode="low")
    return e.select(is_head, *[Fill(shape)(dtype.type(x)) for x in (1, -1)])
