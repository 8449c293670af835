"""Draws with parameters that are functions of uniform, normal or exponential ones."""

import math

import numpy as np

from fungrad.api.custom_jvp import custom_jvp
from fungrad.numpy.promotion import broadcast_to
from fungrad.numpy.reductions import sum as sum_of
from fungrad.primitives import elementwise as e
from fungrad.primitives.special import erfcx
from fungrad.random.arguments import (
    drawn_shape,
    float_dtype,
    key_of,
    parameters,
    require_not_negative,
)
from fungrad.random.drawing import drawn
from fungrad.random.keys import split
from fungrad.random.real_numbers import standard_exponential, standard_normal, without_parameters
from fungrad.random.uniform_numbers import rademacher, unit


def lognormal(key, sigma=1.0, shape=None, dtype=None):
    """Reals whose logarithm is normal, of mean 0 and standard deviation sigma.

    Args:
        key: a key.
        sigma: the standard deviation; the draw is differentiable in it.
        shape: the shape of the result, by default that of sigma, which must broadcast to it.
        dtype: a float dtype, float64 by default.

    Raises:
        DtypeError, ShapeError for a bad key, dtype or parameter.

    >>> from fungrad import random
    >>> random.lognormal(random.key(0), 0.5, (2,))
    array([0.90219818, 0.67544544])
    """
    dtype = float_dtype("lognormal", dtype)
    shape, (sigma,) = parameters("lognormal", shape, dtype, sigma)
    return e.exp(standard_normal(key_of("lognormal", key), shape=shape, dtype=dtype) * sigma)


def maxwell(key, shape=(), dtype=None):
    """Reals of the Maxwell distribution of scale 1: lengths of normal vectors of three elements.

    >>> from fungrad import random
    >>> random.maxwell(random.key(0), (2,))
    array([1.98906991, 0.42460738])
    """
    return without_parameters("maxwell", _maxwell, key, shape, dtype)


@drawn
def _maxwell(key, *, shape, dtype):
    return e.sqrt(sum_of(e.square(standard_normal(key, shape=(*shape, 3), dtype=dtype)), -1))


def double_sided_maxwell(key, loc, scale, shape=(), dtype=None):
    """Reals of loc + scale s m with a Maxwell variate m and a random sign s.

    The result has the shape (*shape, *p), where p is the shape to which loc and scale broadcast.

    >>> from fungrad import random
    >>> random.double_sided_maxwell(random.key(0), 1.0, 2.0, (2,))
    array([ 4.96922408, -3.9564148 ])
    """
    dtype = float_dtype("double_sided_maxwell", dtype)
    own, (loc, scale) = parameters("double_sided_maxwell", None, dtype, loc, scale)
    shape = (*drawn_shape("double_sided_maxwell", shape), *own)
    first, second = split(key_of("double_sided_maxwell", key))
    signed = rademacher(second, shape, dtype) * maxwell(first, shape, dtype)
    loc, scale = (broadcast_to(x, shape) for x in (loc, scale))
    return signed * scale + loc


def pareto(key, b, shape=None, dtype=None):
    """Reals of the Pareto distribution of shape parameter b: exp(x / b) of an exponential x.

    Arguments and errors are those of `lognormal`.

    >>> from fungrad import random
    >>> random.pareto(random.key(0), 3.0, (2,))
    array([1.19804395, 1.08463233])
    """
    dtype = float_dtype("pareto", dtype)
    shape, (b,) = parameters("pareto", shape, dtype, b)
    return e.exp(standard_exponential(key_of("pareto", key), shape=shape, dtype=dtype) / b)


def rayleigh(key, scale, shape=None, dtype=None):
    """Reals of the Rayleigh distribution: scale sqrt(-2 log(u)).

    Arguments are those of `lognormal`; ValueError for a known negative or nan scale.

    >>> from fungrad import random
    >>> random.rayleigh(random.key(0), 2.0, (2,))
    array([2.63997102, 3.49983995])
    """
    dtype = float_dtype("rayleigh", dtype)
    shape, (scale,) = parameters("rayleigh", shape, dtype, scale)
    require_not_negative("rayleigh", "scale", scale)
    u = _positive(key_of("rayleigh", key), shape=shape, dtype=dtype)
    return scale * e.sqrt(dtype.type(-2) * e.log(u))


@drawn
def _positive(key, *, shape, dtype):
    """Uniform reals in which 0 has become the smallest positive one."""
    return e.maximum(unit(key, shape=shape, dtype=dtype), np.finfo(dtype).tiny)


def triangular(key, left, mode, right, shape=None, dtype=None):
    """Reals between left and right whose density rises to `mode` and falls from there.

    Args:
        key: a key.
        left, mode, right: where the density begins, peaks and ends; the draw is differentiable
            in them.
        shape: the shape of the result, by default that to which the parameters broadcast.
        dtype: a float dtype, float64 by default.

    Raises:
        DtypeError, ShapeError for a bad key, dtype or parameter.

    >>> from fungrad import random
    >>> random.triangular(random.key(0), 0.0, 1.0, 3.0, (2,))
    array([1.13204461, 0.80553483])
    """
    dtype = float_dtype("triangular", dtype)
    shape, (left, mode, right) = parameters("triangular", shape, dtype, left, mode, right)
    key = key_of("triangular", key)
    return _triangular(key, left, mode, right, shape=shape, dtype=dtype)


@drawn
def _triangular(key, left, mode, right, *, shape, dtype):
    left, mode, right = (broadcast_to(x, shape) for x in (left, mode, right))
    width = right - left
    u = unit(key, shape=shape, dtype=dtype)
    rising = left + e.sqrt(u * width * (mode - left))
    falling = right - e.sqrt((dtype.type(1) - u) * width * (right - mode))
    return e.select(e.less(u, (mode - left) / width), rising, falling)


def wald(key, mean, shape=None, dtype=None):
    """Reals of the Wald (inverse Gaussian) distribution of scale 1.

    Arguments and errors are those of `rayleigh`, with the mean as parameter. The derivative in it is
    that of the quantile function (the choice of a root has none). Source: J. R. Michael,
    W. R. Schucany, R. W. Haas, "Generating random variates using transformations with multiple
    roots", The American Statistician 30 (1976).

    >>> from fungrad import random
    >>> random.wald(random.key(0), 2.0, (2,))
    array([0.22327945, 3.90085525])
    """
    dtype = float_dtype("wald", dtype)
    shape, (mean,) = parameters("wald", shape, dtype, mean)
    require_not_negative("wald", "mean", mean)
    return _wald(key_of("wald", key), mean, shape=shape, dtype=dtype)


@drawn
def _wald(key, mean, *, shape, dtype):
    mean = broadcast_to(mean, shape)
    first, second = split(key)
    y = e.square(standard_normal(first, shape=shape, dtype=dtype))
    z = unit(second, shape=shape, dtype=dtype)
    square = mean * mean
    root = e.sqrt(dtype.type(4) * mean * y + square * (y * y))
    half = dtype.type(0.5)
    x = mean + half * square * y - half * mean * root
    x = e.select(e.less_equal(z, mean / (mean + x)), x, square / x)
    return _wald_quantile(e.stop_gradient(x), mean)


@custom_jvp
def _wald_quantile(x, mean):
    """A Wald draw as the quantile of a mean at a fixed probability."""
    return x


@_wald_quantile.defjvp
def _wald_tangent(inputs, tangents):
    """-dF/dmean / p = 2 x**1.5 / mean**2 Phi(b) / phi(b), at b = -(x / mean + 1) / sqrt(x)."""
    x, mean = _wald_quantile(*inputs), inputs[1]
    b = (x / mean + x.dtype.type(1)) / e.sqrt(x)
    ratio = x.dtype.type(math.sqrt(math.pi / 2)) * erfcx(b * x.dtype.type(math.sqrt(0.5)))
    return x, x.dtype.type(2) * x * e.sqrt(x) / (mean * mean) * ratio * tangents[1]


def weibull_min(key, scale, concentration, shape=(), dtype=None):
    """Reals of the Weibull distribution: scale x**(1 / concentration) of an exponential x.

    Args:
        key: a key.
        scale, concentration: the parameters, which broadcast to the shape; the draw is
            differentiable in them.
        shape: the shape of the result.
        dtype: a float dtype, float64 by default.

    Raises:
        DtypeError, ShapeError for a bad key, dtype or parameter.

    >>> from fungrad import random
    >>> random.weibull_min(random.key(0), 2.0, 1.5, (2,))
    array([1.32963939, 0.78035921])
    """
    dtype = float_dtype("weibull_min", dtype)
    shape, (scale, concentration) = parameters("weibull_min", shape, dtype, scale, concentration)
    x = standard_exponential(key_of("weibull_min", key), shape=shape, dtype=dtype)
    return e.power(x, dtype.type(1) / concentration) * scale
