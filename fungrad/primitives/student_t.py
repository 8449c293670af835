"""Student's distribution function and its inverse: rows of the table of elementwise primitives."""

import math

from fungrad.primitives.beta_integrals import betainc_aa, betainc_bb
from fungrad.primitives.elementwise import (
    absolute,
    exp,
    less,
    log1p,
    select,
    sign,
    sqrt,
    strong_divide,
    strong_multiply,
)
from fungrad.primitives.special import digamma_step, library, of_formula, poch, row


def _half(df):
    return df.dtype.type(0.5)


def _density(df, t):
    """The density of Student's distribution; 0 where the square overflows."""
    peak = poch(0.5 * df, _half(df)) / sqrt(math.pi * df)
    return peak * exp(-0.5 * (df + 1) * log1p(t * t / df))


def _score(df, t):
    """The derivative of the logarithm of the density in df."""
    ratio = t * t / df
    change = log1p(ratio) - (df + 1) / df * (ratio / (1 + ratio)) + 1 / df
    return 0.5 * (digamma_step(0.5 * df, _half(df)) - change)


def _bend_in_df(df, t):
    """The second derivative of stdtr in df; that of betainc is taken from the side of its zero."""
    half, square, density = _half(df), t * t, _density(df, t)
    is_near = less(square, df)
    total = square + df
    near = -betainc_bb(half, 0.5 * df, select(is_near, square / total, half))
    far = betainc_aa(0.5 * df, half, select(is_near, half, df / total))
    of_beta = digamma_step(0.5 * df, half) - log1p(square / df)
    bend = 0.5 * select(is_near, near, far) + absolute(t) * density / df * of_beta
    return -0.25 * sign(t) * bend - 0.5 * t * density / df * (_score(df, t) - 1 / df)


# the derivative of stdtr in df
stdtr_df = row(
    "stdtr_df",
    of_formula("stdtr_df"),
    lambda t, df, x, y: strong_multiply(t, _bend_in_df(df, x)),
    lambda t, df, x, y: strong_multiply(t, _density(df, x) * _score(df, x)),
)
stdtr = library(
    "stdtr",
    lambda t, df, x, y: strong_multiply(t, stdtr_df(df, x)),
    lambda t, df, x, y: strong_multiply(t, _density(df, x)),
)
stdtrit = library(
    "stdtrit",
    lambda t, df, p, y: strong_multiply(t, -strong_divide(stdtr_df(df, y), _density(df, y))),
    lambda t, df, p, y: strong_divide(t, _density(df, y)),
)
