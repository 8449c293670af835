"""Draws of reals by the inverse of their distribution function."""

import math

import numpy as np

from fungrad.core.errors import DtypeError
from fungrad.primitives import elementwise as e
from fungrad.random.arguments import drawn_shape, float_dtype, key_of, parameters
from fungrad.random.drawing import drawn
from fungrad.random.keys import split
from fungrad.random.uniform_numbers import between, scaled, unit


def normal(key, shape=(), dtype=None):
    """Reals of the standard normal distribution: sqrt(2) erfinv(u) of a uniform u in (-1, 1).

    Args:
        key: a key.
        shape: the shape of the result.
        dtype: a float or complex dtype, float64 by default. The parts of complex numbers have
            variance 1/2.

    Raises:
        DtypeError, ShapeError for a bad key or dtype.

    >>> from fungrad import random
    >>> random.normal(random.key(0), (2,), np.float32)
    array([1.622642 , 2.0252647], dtype=float32)
    """
    dtype = np.dtype(float if dtype is None else dtype)
    key, shape = key_of("normal", key), drawn_shape("normal", shape)
    if dtype.kind != "c":
        return standard_normal(key, shape=shape, dtype=_float_or_complex(dtype))
    part = np.dtype(f"f{dtype.itemsize // 2}")
    pair = [standard_normal(k, shape=shape, dtype=part) for k in split(key)]
    return e.make_complex(*[x / part.type(math.sqrt(2.0)) for x in pair])


def _float_or_complex(dtype):
    if dtype.kind != "f" or dtype.itemsize > 8:
        raise DtypeError(f"random.normal: dtype is to be a float or complex dtype, got {dtype}")
    return dtype


@drawn
def standard_normal(key, *, shape, dtype):
    """Reals of the standard normal distribution."""
    one = dtype.type(1)
    u = between(key, np.nextafter(-one, dtype.type(0)), one, shape=shape, dtype=dtype)
    return dtype.type(math.sqrt(2.0)) * e.erfinv(u)


def truncated_normal(key, lower, upper, shape=None, dtype=None):
    """Reals of the standard normal distribution between two bounds.

    Args:
        key: a key.
        lower, upper: the bounds, broadcast to the shape; the draw is differentiable in them.
        shape: the shape of the result, by default that of the bounds.
        dtype: a float dtype, float64 by default.

    Raises:
        DtypeError, ShapeError for a bad key or dtype, or bounds that do not broadcast.

    >>> from fungrad import random
    >>> random.truncated_normal(random.key(0), -2.0, 2.0, (2,), np.float32)
    array([1.455959 , 1.7147487], dtype=float32)
    """
    dtype = float_dtype("truncated_normal", dtype)
    shape, (lower, upper) = parameters("truncated_normal", shape, dtype, lower, upper)
    key = key_of("truncated_normal", key)
    return _truncated_normal(key, lower, upper, shape=shape, dtype=dtype)


@drawn
def _truncated_normal(key, lower, upper, *, shape, dtype):
    root = dtype.type(math.sqrt(2.0))
    u = between(key, e.erf(lower / root), e.erf(upper / root), shape=shape, dtype=dtype)
    inside = root * e.erfinv(u)
    low = e.nextafter(e.stop_gradient(lower), dtype.type(np.inf))
    high = e.nextafter(e.stop_gradient(upper), dtype.type(-np.inf))
    return e.minimum(e.maximum(inside, low), high)


def without_parameters(name, draw, key, shape, dtype):
    """What a draw that has no parameters gives, its arguments checked."""
    dtype = float_dtype(name, dtype)
    return draw(key_of(name, key), shape=drawn_shape(name, shape), dtype=dtype)


def exponential(key, shape=(), dtype=None):
    """Reals of the exponential distribution of mean 1: -log(1 - u).

    >>> from fungrad import random
    >>> random.exponential(random.key(0), (2,), np.float32)
    array([2.950128 , 3.8434246], dtype=float32)
    """
    return without_parameters("exponential", standard_exponential, key, shape, dtype)


@drawn
def standard_exponential(key, *, shape, dtype):
    """Reals of the exponential distribution of mean 1."""
    return e.negative(e.log1p(e.negative(unit(key, shape=shape, dtype=dtype))))


def gumbel(key, shape=(), dtype=None, mode="low"):
    """Reals of the standard Gumbel distribution: -log(-log(u)).

    Args:
        key: a key.
        shape: the shape of the result.
        dtype: a float dtype, float64 by default.
        mode: "low", or "high" for large values in finer steps, from two draws.

    Raises:
        ValueError for another mode; DtypeError, ShapeError for a bad key or dtype.

    >>> from fungrad import random
    >>> random.gumbel(random.key(0), (2,), np.float32)
    array([2.9233725, 3.8326178], dtype=float32)
    """
    dtype = float_dtype("gumbel", dtype)
    shape = drawn_shape("gumbel", shape)
    mode = "low" if mode is None else mode
    if mode not in ("low", "high"):
        raise ValueError(f"random.gumbel: mode is 'low' or 'high', got {mode!r}")
    return standard_gumbel(key_of("gumbel", key), shape=shape, dtype=dtype, mode=mode)


@drawn
def standard_gumbel(key, *, shape, dtype, mode):
    """Reals of the standard Gumbel distribution."""
    info = np.finfo(dtype)
    tiny = info.tiny
    if mode == "low":
        return gumbel_of(positive_of(unit(key, shape=shape, dtype=dtype)))
    both = unit(key, shape=(2, *shape), dtype=dtype)
    coarse, fine = both[0], both[1]
    step = dtype.type(2.0**-info.nmant)
    u = e.select(e.greater_equal(coarse, dtype.type(0.5)), coarse, coarse + step * fine + tiny)
    return e.negative(e.log(e.negative(e.log1p(e.negative(u)))))


def positive_of(u):
    """The reals from [0, 1) moved into (0, 1), for logarithms."""
    return scaled(u, np.finfo(u.dtype).tiny, u.dtype.type(1))


def gumbel_of(u):
    """A real of the Gumbel distribution for each real from (0, 1)."""
    return e.negative(e.log(e.negative(e.log(u))))


def laplace(key, shape=(), dtype=None):
    """Reals of the standard Laplace distribution: sign(u) log(1 - |u|) of a uniform u in (-1, 1).

    >>> from fungrad import random
    >>> random.laplace(random.key(0), (2,), np.float32)
    array([-2.2569816, -3.1502788], dtype=float32)
    """
    return without_parameters("laplace", _laplace, key, shape, dtype)


@drawn
def _laplace(key, *, shape, dtype):
    low = dtype.type(-1) + np.finfo(dtype).epsneg
    u = between(key, low, dtype.type(1), shape=shape, dtype=dtype)
    return e.sign(u) * e.log1p(e.negative(e.absolute(u)))


def logistic(key, shape=(), dtype=None):
    """Reals of the standard logistic distribution: log(u / (1 - u)).

    >>> from fungrad import random
    >>> random.logistic(random.key(0), (2,), np.float32)
    array([2.896376 , 3.8217716], dtype=float32)
    """
    return without_parameters("logistic", _logistic, key, shape, dtype)


@drawn
def _logistic(key, *, shape, dtype):
    u = between(key, np.finfo(dtype).tiny, dtype.type(1), shape=shape, dtype=dtype)
    return e.log(u) - e.log1p(e.negative(u))


def cauchy(key, shape=(), dtype=None):
    """Reals of the standard Cauchy distribution: tan(pi (u - 1/2)).

    >>> from fungrad import random
    >>> random.cauchy(random.key(0), (2,), np.float32)
    array([ 6.0274944, 14.837895 ], dtype=float32)
    """
    return without_parameters("cauchy", _cauchy, key, shape, dtype)


@drawn
def _cauchy(key, *, shape, dtype):
    u = between(key, np.finfo(dtype).eps, dtype.type(1), shape=shape, dtype=dtype)
    return e.tan(dtype.type(math.pi) * (u - dtype.type(0.5)))
