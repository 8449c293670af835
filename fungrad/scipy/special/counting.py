"""Factorials, binomial coefficients, Bernoulli numbers."""

from fungrad.core.tracing import Tracer
from fungrad.numpy import ufuncs
from fungrad.numpy.gamma_functions import binom, gamma
from fungrad.numpy.special_operands import special_operands, where


def factorial(n, exact=False):
    """n! as gamma(n + 1), and 0 for n < 0; differentiable.

    With `exact`, Python's integers, for whole plain numbers.

    >>> factorial(5), factorial(20, exact=True)
    (np.float64(120.0), 2432902008176640000)
    """
    if exact:
        return _exactly("factorial", n)
    (n,) = special_operands("factorial", n)
    is_negative = n < 0
    return where(is_negative, 0.0, gamma(where(is_negative, 0.0, n) + 1))


def comb(N, k, exact=False, repetition=False):
    """The number of ways to choose k of N things; 0 outside of 0 <= k <= N; differentiable.

    With `repetition`, things may be chosen again. With `exact`, Python's integers, for whole plain
    numbers.

    >>> comb(5, 2), comb(5, 2, exact=True, repetition=True)
    (np.float64(10.0), 15)
    """
    if repetition:
        if exact:
            return _exactly("comb", N, k, repetition=True)
        N, k = special_operands("comb", N, k)
        return comb(N + k - 1, k)
    if exact:
        return _exactly("comb", N, k)
    N, k = special_operands("comb", N, k)
    is_inside = ufuncs.logical_and(ufuncs.logical_and(k <= N, N >= 0), k >= 0)
    return where(is_inside, binom(where(is_inside, N, 1.0), where(is_inside, k, 0.0)), 0.0)


def bernoulli(n):
    """The Bernoulli numbers B0 to Bn.

    >>> bernoulli(2)
    array([ 1.        , -0.5       ,  0.16666667])
    """
    from scipy import special

    return special.bernoulli(n)


def _exactly(name, *operands, **keywords):
    """SciPy's function with exact integers."""
    from scipy import special

    if any(type(x) is Tracer for x in operands):
        raise TypeError(f"{name}: exact=True needs plain integers, not traced values")
    return getattr(special, name)(*operands, exact=True, **keywords)
