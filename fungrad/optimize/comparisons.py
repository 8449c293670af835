"""Comparisons of square roots with numbers, without the roots: `sqrt(x) <= 2` is `x <= 4`.

The number is not the square: it is the last (or first) x whose rounded root passes, so that the
answer is the same for every x. A root takes 20 cycles, and every solver asks for that of a norm.
"""

import numpy as np

from fungrad.core.program import Literal
from fungrad.optimize.facts import is_never_negative
from fungrad.primitives import elementwise as e

_SWAPPED = {
    e.less: e.greater,
    e.greater: e.less,
    e.less_equal: e.greater_equal,
    e.greater_equal: e.less_equal,
}


def compared_root(equation, inputs, result):
    """The comparison of what a root is taken of, or None.

    A negative number has no root, and compares false: it has to be known that there is none.
    """
    comparison, (x, bound) = equation.primitive, inputs
    if type(x) is Literal:
        comparison, x, bound = _SWAPPED[comparison], bound, x
    made = result.made_by.get(x)
    if made is None or made.primitive is not e.sqrt or type(bound) is not Literal:
        return None
    (square,) = made.inputs
    limit = _limit(bound.value, comparison in (e.less, e.greater_equal))
    if limit is None or not is_never_negative(square, result):
        return None
    return result.add(comparison, [square, Literal(limit)], equation.source)


@np.errstate(over="ignore", under="ignore")
def _limit(bound, is_first):
    """The first number whose root is at least `bound`, or the last whose root is at most that."""
    if bound.itemsize < 4 or not 0 < bound < np.inf:
        return None
    limit = min(bound * bound, np.finfo(bound.dtype).max)
    end = bound.dtype.type(np.inf)
    while np.sqrt(limit) < bound and limit < end:
        limit = np.nextafter(limit, end)
    while np.sqrt(np.nextafter(limit, -end)) >= bound:
        limit = np.nextafter(limit, -end)
    if is_first:
        return limit  # inf, where no finite number has so large a root
    while np.sqrt(np.nextafter(limit, end)) <= bound:
        limit = np.nextafter(limit, end)
    return limit if np.sqrt(limit) <= bound else np.nextafter(limit, -end)
