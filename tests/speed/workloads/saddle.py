"""A saddle point by minimisation over a maximisation (GradBench's saddle).

The outer derivative goes through the whole inner loop. The mode says how the outer derivative is
taken, then how the inner one is: f is forward, r is reverse.
"""

import numpy

from tests.speed.argmin import argmin, masked_scan

SIZES = (("ff",), ("fr",), ("rf",), ("rr",))
TINY = SIZES
SMALL_LOOP = SIZES
ANSWER = 8.246324826140356e-06


def inputs(mode):
    return (numpy.ones(2),)


def by_mode(library, letter):
    """The gradient, in forward or in reverse mode."""
    return library.jacfwd if letter == "f" else library.grad


def height(p, q):
    """The function with the saddle, of two points."""
    return (p * p).sum() - (q * q).sum()


def argmax(library, f, mode, start, loop=None):
    """Where the minimiser finds the largest value of a function."""
    down = lambda q: -f(q)  # noqa: E731
    return argmin(library, down, by_mode(library, mode)(down), start, loop)


def largest(library, mode, start, loop=None):
    """The largest height over q, as a function of p."""

    def over_q(p):
        return height(p, argmax(library, lambda q: height(p, q), mode, start, loop))

    return over_q


def primal(library, mode):
    return lambda start: largest(library, mode[1], start)(start)


def derivative(library, mode, loop=None):
    def saddle(start):
        f = largest(library, mode[1], start, loop)
        p = argmin(library, f, by_mode(library, mode[0])(f), start)
        q = argmax(library, lambda q: height(p, q), mode[0], start)
        return p, q

    return saddle


def jax_derivative(jax, mode):
    return derivative(jax, mode, masked_scan(jax, 192) if mode[0] == "r" else None)


def expected(size, start):
    return numpy.full(2, ANSWER), numpy.full(2, ANSWER)
