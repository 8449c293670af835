"""Draws from what there is: permutations, choices, categories."""

import math

import numpy as np

from fungrad.core.errors import DtypeError, ShapeError
from fungrad.lax.order import top_k
from fungrad.numpy.arrays import operand, shape_of
from fungrad.numpy.creation import full, zeros
from fungrad.numpy.dispatch import normalize_axis
from fungrad.numpy.promotion import broadcast_to, convert, promote_to_float
from fungrad.numpy.reductions import argmax
from fungrad.numpy.reductions import max as max_of
from fungrad.numpy.running_totals import cumsum
from fungrad.numpy.shapes import expand_dims, moveaxis, reshape
from fungrad.numpy.sorting import searchsorted
from fungrad.numpy.taking import take
from fungrad.numpy.ufuncs import log
from fungrad.primitives import elementwise as e
from fungrad.primitives.movement import Iota
from fungrad.primitives.ordering import SortBy, TopK, gather_along
from fungrad.primitives.random_bits import WORD, threefry2x32
from fungrad.random.arguments import drawn_shape, key_of, known, require_fit, size_of
from fungrad.random.drawing import drawn
from fungrad.random.keys import counters, packed, split
from fungrad.random.real_numbers import gumbel_of, positive_of, standard_gumbel
from fungrad.random.uniform_numbers import randint, unit, unit_of, unsigned

INT64 = np.dtype(np.int64)


def permutation(key, x, axis=0, independent=False):
    """The elements of an array in random order along an axis, or those of range(x) for an int x.

    Args:
        key: a key.
        x: an array, or an integer known while tracing.
        axis: the axis along which the order changes.
        independent: whether each line along the axis gets an order of its own.

    Raises:
        DtypeError for an x of rank 0 that is no integer; AxisError; a bad key as everywhere.

    >>> from fungrad import random
    >>> random.permutation(random.key(0), 5)
    array([0, 1, 4, 3, 2])
    """
    key, x = key_of("permutation", key), operand(x)
    if not np.ndim(x):
        if x.dtype.kind not in "iu":
            raise DtypeError(
                f"random.permutation: x is an integer or has an axis, got rank 0 of {x.dtype}"
            )
        normalize_axis(axis, 1)
        return shuffled(key, shape=(int(x),), axis=0)
    axis = normalize_axis(axis, x.ndim)
    if not independent:
        n = x.shape[axis]
        rounds = _rounds(size_of(x.shape) if x.ndim == 1 else n)
        order = _order(key, shape=(n,), axis=0, rounds=rounds)
        return take(x, order, axis, mode="clip")  # all are inside: nothing is to be checked
    return _reordered(key, x, shape=tuple(x.shape), axis=axis)


def shuffled(key, *, shape, axis):
    """The positions along an axis in random order."""
    return _order(key, shape=shape, axis=axis, rounds=_rounds(size_of(shape)))


def _rounds(size):
    """How many sorts by random 32-bit numbers leave no visible trace of equal ones: as in JAX."""
    return math.ceil(3 * math.log(max(1, size)) / math.log(2**32 - 1))


@drawn
def _order(key, *, shape, axis, rounds):
    """The positions along an axis after some rounds."""
    places = Iota(shape, WORD, axis)()
    return convert(_sorted_at_random(key, places, axis, rounds), INT64)


def _first_of_order(key, n, draws, rounds):
    """The first of n positions after some rounds; of few it suffices to sort them in the last."""
    if not rounds or draws > n // 2:
        return _order(key, shape=(n,), axis=0, rounds=rounds)[:draws]
    return _first_few(key, shape=(n,), draws=draws, rounds=rounds)


@drawn
def _first_few(key, *, shape, draws, rounds):
    """The elements before the last round that have its smallest keys, of equal ones the first."""
    order = _sorted_at_random(key, Iota(shape, WORD, 0)(), 0, rounds - 1)
    for _ in range(rounds - 1):
        key = split(key)[0]
    keys = unsigned(split(key)[1], shape=shape, dtype=WORD)
    places = TopK(0, draws)(e.bitwise_not(keys))
    if rounds == 1:
        return places
    return convert(gather_along(order, places, 0), INT64)


@drawn
def _reordered(key, x, *, shape, axis):
    """The elements along an axis, each line in a random order of its own."""
    return _sorted_at_random(key, x, axis, _rounds(size_of(shape)))


def _sorted_at_random(key, x, axis, rounds):
    """Elements sorted again and again by random 32-bit numbers."""
    for _ in range(rounds):
        key, subkey = split(key)
        x = SortBy(axis)(unsigned(subkey, shape=tuple(x.shape), dtype=WORD), x)
    return x


def choice(key, a, shape=(), replace=True, p=None, axis=0, mode=None):
    """Elements drawn from an array along an axis, or from range(a) for an int a.

    Args:
        key: a key.
        a: an array, or an integer known while tracing.
        shape: the shape that takes the place of the axis.
        replace: whether an element can be drawn more than once.
        p: the probability of each element, of shape (n,); all are as likely by default.
        axis: the axis of `a` from which is drawn.
        mode: how Gumbel noise is drawn where `p` is given without replacement; see `gumbel`.

    Raises:
        ValueError where there is nothing to draw from, or less than is to be drawn without
        replacement, or where a known p has a negative or nan element; ShapeError for a p of
        another shape; DtypeError, AxisError.

    >>> from fungrad import random
    >>> random.choice(random.key(0), np.array([10, 20, 30]), (4,), p=np.array([0.2, 0.3, 0.5]))
    array([30, 30, 10, 20])
    """
    key, a = key_of("choice", key), operand(a)
    shape = drawn_shape("choice", shape)
    if np.ndim(a):
        axis = normalize_axis(axis, a.ndim)
        n = a.shape[axis]
    else:
        if a.dtype.kind not in "iu":
            raise DtypeError(
                f"random.choice: a is an integer or has an axis, got rank 0 of {a.dtype}"
            )
        n = int(a)
    draws = size_of(shape)
    if not draws:
        return _replaced_axis(zeros((0,), a.dtype), a, shape, axis)
    _require_enough(n, draws, replace)
    if p is None and not replace and np.ndim(a):
        rounds = _rounds(size_of(a.shape) if a.ndim == 1 else n)
        index = _first_of_order(key, n, draws, rounds)
    elif p is None and not replace:
        index = _first_of_order(key, n, draws, _rounds(n))
    elif p is None:
        index = randint(key, shape, 0, n)
    else:
        index = _weighted(key, _weights(p, n), shape, replace, mode)
    found = take(a, index, axis, mode="clip") if np.ndim(a) else index
    return _replaced_axis(found, a, shape, axis)


def _replaced_axis(found, a, shape, axis):
    """The draws with `shape` in place of the axis."""
    if not np.ndim(a):
        return reshape(found, shape)
    return reshape(found, (*a.shape[:axis], *shape, *a.shape[axis + 1 :]))


def _require_enough(n, draws, replace):
    if n <= 0:
        raise ValueError("random.choice: there is nothing to draw from: a must be greater than 0")
    if not replace and draws > n:
        raise ValueError(
            f"random.choice: cannot draw {draws} elements from {n} without replacement "
            "(replace=False)"
        )


def _weights(p, n):
    """Probabilities as real numbers."""
    (p,) = promote_to_float(operand(p))
    if tuple(p.shape) != (n,):
        raise ShapeError(
            f"random.choice: p has one probability per element, that is shape ({n},); got "
            f"{tuple(p.shape)}"
        )
    value = known(p)
    if value is not None and not np.all(value >= 0):
        raise ValueError("random.choice: the probabilities p must not be negative or nan")
    return p


def _weighted(key, p, shape, replace, mode):
    if not replace:
        noise = standard_gumbel(key, shape=tuple(p.shape), dtype=p.dtype, mode=mode or "low")
        return top_k(noise + log(p), size_of(shape))[1]
    total = cumsum(p)
    r = total[-1] * (1 - unit(key, shape=shape, dtype=p.dtype))
    return searchsorted(total, r)


def categorical(key, logits, axis=-1, shape=None, replace=True, mode=None):
    """Indices drawn with probabilities softmax(logits) along an axis.

    Args:
        key: a key.
        logits: logarithms of probabilities, up to a constant per line.
        axis: the axis of the categories.
        shape: the shape of the result; it ends with that of the logits without the axis (or one
            that it broadcasts to), and is that by default.
        replace: False: the leading axes of `shape` are draws without replacement.
        mode: how Gumbel noise is drawn; see `gumbel`.

    Raises:
        ValueError for more draws without replacement than categories; DtypeError, ShapeError.

    >>> from fungrad import random
    >>> random.categorical(random.key(0), np.log([0.1, 0.2, 0.7]), shape=(6,))
    array([2, 2, 2, 1, 1, 2])
    """
    key, logits = key_of("categorical", key), operand(logits)
    (logits,) = promote_to_float(logits)
    if logits.dtype.kind != "f":
        raise DtypeError(f"random.categorical: logits are real numbers, got {logits.dtype}")
    axis = normalize_axis(axis, logits.ndim)
    rest = (*logits.shape[:axis], *logits.shape[axis + 1 :])
    shape = rest if shape is None else shape_of(shape)
    require_fit("categorical", shape, rest)
    lead = shape[: len(shape) - len(rest)]
    n, mode = logits.shape[axis], mode or "low"
    if not replace:
        return _without_replacement(key, logits, axis, lead, rest, mode)
    inner = list(shape[len(lead) :])
    inner.insert(axis, n)
    if mode == "low" and 0 < n <= _FEW:
        place = len(lead) + axis
        return _of_few(key, logits, shape=(*lead, *inner), axis=place)
    noise = standard_gumbel(key, shape=(*lead, *inner), dtype=logits.dtype, mode=mode)
    total = noise + expand_dims(logits, tuple(range(len(lead))))
    return argmax(total, axis=axis - logits.ndim)


#: So many categories are compared one after another, in one loop over the draws.
_FEW = 8


@drawn
def _of_few(key, logits, *, shape, axis):
    """The category of each draw: along an axis, the place of the largest sum of logit and noise.

    Where all draws share their logits these are turned to rates once: the noise is -log(E) of an
    exponential variate E, and the sum l - log(E) the larger, the smaller E / e**l. In single
    precision the sums are rounded so much that JAX's own have to be compared.
    """
    positions, lead = counters(shape), len(shape) - logits.ndim
    is_shared = logits.ndim == 1 and logits.dtype == np.float64
    terms = _waiting_times(logits) if is_shared else logits

    def score(i):
        found = threefry2x32(packed(key), _element(positions, i, axis))
        u = positive_of(unit_of(found, logits.dtype))
        term = broadcast_to(_element(terms, i, axis - lead), u.shape)
        return e.log(u) * term if is_shared else gumbel_of(u) + term

    largest = score(0)
    place = zeros(largest.shape, INT64)
    for i in range(1, shape[axis]):
        each = score(i)
        is_first_nan = e.logical_and(e.isnan(each), e.logical_not(e.isnan(largest)))
        is_larger = e.logical_or(e.greater(each, largest), is_first_nan)
        place = e.select(is_larger, full(place.shape, i, INT64), place)
        largest = e.select(is_larger, each, largest)
    return place


def _waiting_times(logits):
    """e**-l for logits l, times a factor so that none of the finite ones is below 1."""
    finite = e.select(e.isfinite(logits), logits, full(logits.shape, -np.inf))
    largest = max_of(finite)
    with np.errstate(over="ignore", invalid="ignore"):
        return e.exp(e.select(e.isfinite(largest), largest, np.float64(0.0)) - logits)


def _element(x, i, axis):
    """The elements at a position of an axis."""
    return x[(slice(None),) * axis + (i,)]


def _without_replacement(key, logits, axis, lead, rest, mode):
    draws, n = math.prod(lead), logits.shape[axis]
    if draws > n:
        raise ValueError(
            f"random.categorical: cannot draw {draws} of {n} categories without replacement"
        )
    noise = standard_gumbel(key, shape=tuple(logits.shape), dtype=logits.dtype, mode=mode)
    found = top_k(moveaxis(logits + noise, axis, -1), draws)[1]
    return reshape(moveaxis(found, -1, 0), (*lead, *rest))
