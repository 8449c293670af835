"""Branches and loops as plain Python, for `disable_jit`: bodies see values, prints print."""

import numpy as np

from fungrad.core import tree as trees
from fungrad.core.tracing import UNKNOWN, Tracer


def is_known(x):
    """Whether Python can look at a value."""
    return type(x) is not Tracer or x.is_known


def while_in_python(cond_fun, body_fun, val):
    """The value where the condition ends to hold; UNKNOWN where Python cannot look at it."""
    while True:
        goes_on = cond_fun(val)
        if not is_known(goes_on):
            return UNKNOWN
        if not goes_on:
            return val
        val = body_fun(val)


def fori_in_python(lower, upper, body_fun, val):
    """The value after the body has run for every number between the bounds."""
    for i in range(int(lower), int(upper)):
        val = body_fun(np.int64(i), val)
    return val


def scan_in_python(f, carry, xs, length, reverse):
    """The last carry and the stacked outputs of a loop of one iteration or more."""
    from fungrad.numpy import asarray, stack

    xs = trees.map(asarray, xs)
    made = []
    for i in reversed(range(length)) if reverse else range(length):
        carry, y = f(carry, trees.map(lambda x, i=i: x[i], xs))
        made.append(y)
    if reverse:
        made.reverse()
    return carry, trees.map(lambda *rows: stack(rows), *made)
