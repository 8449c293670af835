"""Gamma draws and what is made of them, differentiable in their parameters.

The derivative of a draw is that of the quantile function at a fixed probability, whatever the
method of drawing (implicit reparameterisation; M. Figurnov, S. Mohamed, A. Mnih, 2018).
"""

import numpy as np

from fungrad.core.errors import ShapeError
from fungrad.core.types import is_python_number
from fungrad.numpy.arrays import operand
from fungrad.numpy.promotion import convert
from fungrad.numpy.reductions import max as maximum_of
from fungrad.numpy.reductions import sum as sum_of
from fungrad.numpy.ufuncs import sqrt
from fungrad.primitives import elementwise as e
from fungrad.primitives.gamma_draws import RandomGamma
from fungrad.primitives.random_bits import threefry2x32
from fungrad.random.arguments import (
    drawn_shape,
    float_dtype,
    key_of,
    parameters,
    real_parameter,
    require_not_negative,
)
from fungrad.random.drawing import drawn
from fungrad.random.keys import counters, packed, split
from fungrad.random.real_numbers import standard_normal

F64 = np.dtype(np.float64)


@drawn
def gamma_draw(key, a, *, shape, dtype, log_space):
    """Gamma variates, or their logarithms, in double precision and then the dtype."""
    keys = threefry2x32(packed(key), counters(shape))
    return convert(RandomGamma(log_space)(keys, a), dtype)


def _gamma(name, key, a, shape, dtype, log_space):
    dtype = float_dtype(name, dtype)
    shape, (a,) = parameters(name, shape, F64, a)
    require_not_negative(name, "the shape parameter a", a)
    return gamma_draw(key_of(name, key), a, shape=shape, dtype=dtype, log_space=log_space)


def gamma(key, a, shape=None, dtype=None):
    """Reals of the gamma distribution of shape parameter a and scale 1.

    Args:
        key: a key.
        a: the shape parameter, not negative; the draw is differentiable in it.
        shape: the shape of the result, by default that of a, which must broadcast to it.
        dtype: a float dtype, float64 by default.

    Raises:
        ValueError for a known negative or nan parameter; DtypeError, ShapeError.

    >>> from fungrad import grad, random
    >>> random.gamma(random.key(0), 2.5, (3,))
    array([1.53272282, 5.03231644, 4.39186001])
    >>> round(grad(random.gamma, 1)(random.key(0), 2.5), 6)
    np.float64(0.827471)
    """
    return _gamma("gamma", key, a, shape, dtype, False)


def loggamma(key, a, shape=None, dtype=None):
    """Logarithms of gamma draws: finite for small `a` too, where the draws themselves are 0.

    The arguments and errors are those of `gamma`.

    >>> from fungrad import random
    >>> random.loggamma(random.key(0), 1e-3, (2,))
    array([  -31.57240303, -2516.97802482])
    """
    return _gamma("loggamma", key, a, shape, dtype, True)


def chisquare(key, df, shape=None, dtype=None):
    """Reals of the chi-squared distribution of df degrees of freedom: 2 gamma(df / 2).

    The draw is differentiable in df; arguments and errors are as in `gamma`.

    >>> from fungrad import random
    >>> random.chisquare(random.key(0), 3.0, (2,))
    array([1.44052669, 6.99592341])
    """
    dtype = float_dtype("chisquare", dtype)
    shape, (df,) = parameters("chisquare", shape, F64, df)
    require_not_negative("chisquare", "df", df)
    key = key_of("chisquare", key)
    return 2 * gamma_draw(key, df / 2, shape=shape, dtype=dtype, log_space=False)


def beta(key, a, b, shape=None, dtype=None):
    """Reals of the beta distribution, between 0 and 1.

    Args:
        key: a key.
        a, b: the parameters, positive; the draw is differentiable in them.
        shape: the shape of the result, by default that to which a and b broadcast.
        dtype: a float dtype, float64 by default.

    Raises:
        ValueError for known negative or nan parameters; DtypeError, ShapeError.

    >>> from fungrad import random
    >>> random.beta(random.key(0), 2.0, 3.0, (2,))
    array([0.78162249, 0.51775632])
    """
    dtype = float_dtype("beta", dtype)
    shape, (a, b) = parameters("beta", shape, F64, a, b)
    require_not_negative("beta", "a", a)
    require_not_negative("beta", "b", b)
    logs = [
        gamma_draw(k, x, shape=shape, dtype=F64, log_space=True)
        for k, x in zip(split(key_of("beta", key)), (a, b), strict=True)
    ]
    return convert(e.logistic(e.subtract(*logs)), dtype)


def dirichlet(key, alpha, shape=None, dtype=None):
    """Points of the simplex: probabilities of the Dirichlet distribution.

    Args:
        key: a key.
        alpha: positive concentrations, of shape (..., n); the draw is differentiable in them.
        shape: the shape of the result without its last axis, by default that of alpha without its.
        dtype: a float dtype, float64 by default.

    Returns:
        An array of shape (*shape, n) that sums to 1 along its last axis.

    Raises:
        ShapeError for an alpha of rank 0; ValueError for known negative or nan concentrations;
        DtypeError.

    >>> from fungrad import random
    >>> random.dirichlet(random.key(0), np.array([1.0, 2.0, 3.0]))
    array([0.00324925, 0.45614239, 0.54060836])
    """
    dtype = float_dtype("dirichlet", dtype)
    alpha = real_parameter("dirichlet", alpha, F64)
    if not np.ndim(alpha):
        raise ShapeError("random.dirichlet: alpha has an axis of concentrations, got rank 0")
    lead = alpha.shape[:-1] if shape is None else drawn_shape("dirichlet", shape)
    shape, (alpha,) = parameters("dirichlet", (*lead, alpha.shape[-1]), F64, alpha)
    require_not_negative("dirichlet", "alpha", alpha)
    key = key_of("dirichlet", key)
    logs = gamma_draw(key, alpha, shape=shape, dtype=F64, log_space=True)
    if not shape[-1]:
        return convert(logs, dtype)
    weights = e.exp(logs - e.stop_gradient(maximum_of(logs, -1, keepdims=True)))
    return convert(weights / sum_of(weights, -1, keepdims=True), dtype)


def t(key, df, shape=None, dtype=None):
    """Reals of Student's t distribution of df degrees of freedom.

    The draw is differentiable in df; arguments and errors are as in `gamma`.

    >>> from fungrad import random
    >>> random.t(random.key(0), 3.0, (2,))
    array([ 5.45172024, -0.56391582])
    """
    dtype = float_dtype("t", dtype)
    shape, (df,) = parameters("t", shape, F64, df)
    require_not_negative("t", "df", df)
    first, second = split(key_of("t", key))
    half = df / 2
    g = gamma_draw(second, half, shape=shape, dtype=F64, log_space=False)
    return convert(standard_normal(first, shape=shape, dtype=F64) * sqrt(half / g), dtype)


def f(key, dfnum, dfden, shape=None, dtype=None):
    """Reals of the F distribution of dfnum and dfden degrees of freedom.

    The draw is differentiable in both; arguments and errors are as in `beta`.

    >>> from fungrad import random
    >>> random.f(random.key(0), 3.0, 5.0, (2,))
    array([0.07761113, 0.54073762])
    """
    dtype = float_dtype("f", dtype)
    shape, (dfnum, dfden) = parameters("f", shape, F64, dfnum, dfden)
    require_not_negative("f", "dfnum", dfnum)
    require_not_negative("f", "dfden", dfden)
    second, first = split(key_of("f", key))
    above, below = (
        gamma_draw(k, df / 2, shape=shape, dtype=F64, log_space=False) / df
        for k, df in ((first, dfnum), (second, dfden))
    )
    return convert(above / below, dtype)


def generalized_normal(key, p, shape=(), dtype=None):
    """Reals of density proportional to exp(-|x|**p): a signed gamma(1 / p)**(1 / p).

    >>> from fungrad import random
    >>> random.generalized_normal(random.key(0), 3.0, (2,))
    array([ 0.20799932, -0.82754274])
    """
    from fungrad.random.uniform_numbers import rademacher

    dtype = float_dtype("generalized_normal", dtype)
    shape = drawn_shape("generalized_normal", shape)
    first, second = split(key_of("generalized_normal", key))
    p = p if is_python_number(p) else operand(p)
    size = gamma(first, 1 / p, shape, F64) ** (1 / p)
    return convert(rademacher(second, shape, F64) * size, dtype)


def ball(key, d, p=2, shape=(), dtype=None):
    """Points spread evenly in the unit ball of the p-norm in d dimensions: shape (*shape, d).

    Source: F. Barthe, O. Guedon, S. Mendelson, A. Naor, "A probabilistic approach to the geometry
    of the l_p^n ball", Annals of Probability 33 (2005).

    >>> from fungrad import random
    >>> random.ball(random.key(0), 2)
    array([-0.4631227 , -0.67629753])
    """
    from fungrad.random.real_numbers import exponential

    dtype = float_dtype("ball", dtype)
    shape = drawn_shape("ball", shape)
    first, second = split(key_of("ball", key))
    point = generalized_normal(first, p, (*shape, d.__index__()), F64)
    total = sum_of(abs(point) ** p, -1) + exponential(second, shape, F64)
    return convert(point / (total ** (1 / p))[..., None], dtype)
