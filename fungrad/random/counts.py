"""Draws of counts: Poisson, binomial, multinomial, geometric."""

import numpy as np

from fungrad.api.loops import scan
from fungrad.core.errors import DtypeError
from fungrad.core.types import is_python_number
from fungrad.numpy.arrays import stacked
from fungrad.numpy.dispatch import has_tracer
from fungrad.numpy.promotion import broadcast_to, convert, shape_of
from fungrad.numpy.running_totals import cumsum
from fungrad.numpy.selection import clip, where
from fungrad.numpy.shapes import flip, moveaxis
from fungrad.primitives import elementwise as e
from fungrad.primitives.count_draws import RandomBinomial, RandomPoisson
from fungrad.primitives.random_bits import threefry2x32
from fungrad.random.arguments import (
    drawn_shape,
    float_dtype,
    int_dtype,
    key_of,
    known,
    parameters,
    real_parameter,
    require_not_negative,
    require_probability,
)
from fungrad.random.drawing import drawn
from fungrad.random.keys import counters, packed, split
from fungrad.random.uniform_numbers import unit

F64 = np.dtype(np.float64)


def poisson(key, lam, shape=None, dtype=None):
    """Integers of the Poisson distribution.

    Args:
        key: a key.
        lam: the rate, not negative.
        shape: the shape of the result, by default that of lam, which must broadcast to it.
        dtype: an integer dtype, int64 by default.

    Raises:
        ValueError for a known rate that is negative, nan or too large for the dtype (elsewhere a
        negative or nan rate gives -1); DtypeError, ShapeError.

    >>> from fungrad import random
    >>> random.poisson(random.key(0), 4.0, (5,))
    array([8, 1, 5, 5, 5])
    """
    dtype = int_dtype("poisson", dtype)
    shape, (lam,) = parameters("poisson", shape, F64, lam)
    require_not_negative("poisson", "the rate lam", lam)
    _require_room(known(lam), np.iinfo(dtype).max)
    return _poisson(key_of("poisson", key), lam, shape=shape, dtype=dtype)


def _require_room(rate, largest):
    """ValueError where counts of a known rate, ten standard deviations up, exceed the dtype."""
    if rate is not None and np.any(rate + 10 * np.sqrt(rate) > largest):
        raise ValueError(
            f"random.poisson: the rate lam = {np.max(rate)} is too large: counts must not exceed "
            f"{largest}; choose a wider dtype"
        )


@drawn
def _poisson(key, lam, *, shape, dtype):
    return convert(RandomPoisson()(threefry2x32(packed(key), counters(shape)), lam), dtype)


def binomial(key, n, p, shape=None, dtype=None):
    """Counts of the binomial distribution, as real numbers as in JAX.

    Args:
        key: a key.
        n: how many trials, not negative.
        p: the probability of success.
        shape: the shape of the result, by default that to which n and p broadcast.
        dtype: a float dtype, float64 by default.

    Raises:
        ValueError for a known n below 0 or p outside of [0, 1] (elsewhere the result is then nan);
        DtypeError, ShapeError.

    >>> from fungrad import random
    >>> random.binomial(random.key(0), 10, 0.3, (5,))
    array([6., 1., 4., 4., 4.])
    """
    dtype = float_dtype("binomial", dtype)
    shape, (n, p) = parameters("binomial", shape, F64, n, p)
    require_not_negative("binomial", "the number of trials n", n)
    require_probability("binomial", p)
    return _binomial(key_of("binomial", key), n, p, shape=shape, dtype=dtype)


@drawn
def _binomial(key, n, p, *, shape, dtype):
    return convert(RandomBinomial()(threefry2x32(packed(key), counters(shape)), n, p), dtype)


def multinomial(key, n, p, *, shape=None, dtype=None):
    """Counts of n trials with several outcomes, as real numbers as in JAX.

    Args:
        key: a key.
        n: how many trials: a number, or an array that broadcasts to the shape of p without its
            last axis.
        p: the probabilities of the outcomes, along the last axis; they are scaled to sum to 1.
        shape: the shape of the result, by default that of p, which must broadcast to it.
        dtype: a float or integer dtype, float64 by default.

    Raises:
        ValueError for a known n below 0 or a negative p; DtypeError, ShapeError.

    >>> from fungrad import random
    >>> random.multinomial(random.key(0), 10, np.array([0.2, 0.3, 0.5]))
    array([1., 3., 6.])
    """
    dtype = np.dtype(float if dtype is None else dtype)
    if dtype.kind not in "iuf":
        raise DtypeError(f"random.multinomial: dtype is to be a real dtype, got {dtype}")
    n, p = (real_parameter("multinomial", x, F64) for x in (n, p))
    shape = tuple(p.shape) if shape is None else drawn_shape("multinomial", shape, p)
    n, p = broadcast_to(n, drawn_shape("multinomial", shape[:-1], n)), broadcast_to(p, shape)
    require_not_negative("multinomial", "the number of trials n", n)
    require_not_negative("multinomial", "the probability p", p)
    key = key_of("multinomial", key)
    p = moveaxis(p, -1, 0)
    rest = flip(cumsum(flip(p, 0), 0), 0)
    ratios = clip(p / where(rest == 0, 1.0, rest), 0.0, 1.0)
    keys = split(key, p.shape[0])

    def draw(left, ratio_and_key):
        ratio, key = ratio_and_key
        count = _binomial(key, left, ratio, shape=shape[:-1], dtype=F64)
        return left - count, count

    if has_tracer((key, ratios, n)):
        counts = scan(draw, n, (ratios, keys))[1]
    else:
        found = []
        for ratio_and_key in zip(ratios, keys, strict=True):
            n, count = draw(n, ratio_and_key)
            found.append(count)
        counts = stacked(found)
    return convert(moveaxis(counts, 0, -1), dtype)


def geometric(key, p, shape=None, dtype=None):
    """How many trials of probability p it takes to the first success: 1, 2, ...

    Args:
        key: a key.
        p: the probability of success.
        shape: the shape of the result, by default that of p, which must broadcast to it.
        dtype: an integer dtype, int64 by default.

    Raises:
        ValueError for a known p outside of (0, 1]; DtypeError, ShapeError.

    >>> from fungrad import random
    >>> random.geometric(random.key(0), 0.3, (5,))
    array([3, 5, 1, 2, 2])
    """
    dtype = int_dtype("geometric", dtype)
    kind = np.float32 if getattr(p, "dtype", None) == np.float32 else np.float64
    kind = np.dtype(np.float64 if is_python_number(p) else kind)
    shape, (p,) = parameters("geometric", shape, kind, p)
    require_probability("geometric", p)
    value = known(p)
    if value is not None and np.any(value == 0):
        raise ValueError("random.geometric: with probability p = 0 there is never a success")
    return _geometric(key_of("geometric", key), p, shape=shape, dtype=dtype)


@drawn
def _geometric(key, p, *, shape, dtype):
    u = unit(key, shape=shape, dtype=p.dtype)
    one = p.dtype.type(1)
    u = e.select(e.equal(u, p.dtype.type(0)), one, u)
    p = broadcast_to(p, shape) if shape_of(p) else p
    with np.errstate(divide="ignore"):
        return convert(e.floor(e.log(u) / e.log1p(e.negative(p))) + one, dtype)
