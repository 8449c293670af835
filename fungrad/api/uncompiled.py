"""Branches and loops as plain Python, for `disable_jit`: bodies see values, prints print."""

import itertools

from fungrad.core import tree as trees
from fungrad.core.tracing import UNKNOWN, Tracer


def is_known(x):
    """Whether Python can look at a value."""
    return type(x) is not Tracer or x.is_known


def while_in_python(cond_fun, body_fun, val, progress=None):
    """The value where the condition ends to hold; UNKNOWN where Python cannot look at it."""
    turns = itertools.count()
    for _ in progress.turns(turns) if progress else turns:
        goes_on = cond_fun(val)
        if not is_known(goes_on):
            return UNKNOWN
        if not goes_on:
            return val
        val = body_fun(val)


def fori_in_python(lower, upper, number, body_fun, val, progress=None):
    """The value after the body has run for every `number(i)` between the bounds."""
    numbers = range(int(lower), int(upper))
    for i in progress.turns(numbers, len(numbers)) if progress else numbers:
        val = body_fun(number(i), val)
    return val


def scan_in_python(f, carry, xs, length, reverse, progress=None):
    """The last carry and the stacked outputs of a loop of one iteration or more."""
    from fungrad.numpy import asarray, stack

    xs = trees.map(asarray, xs)
    made = []
    order = reversed(range(length)) if reverse else range(length)
    for i in progress.turns(order, length) if progress else order:
        carry, y = f(carry, trees.map(lambda x, i=i: x[i], xs))
        made.append(y)
    if reverse:
        made.reverse()
    return carry, trees.map(lambda *rows: stack(rows), *made)
