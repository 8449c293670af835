"""Loops in segments, of which reverse mode keeps only the first carry: checkpoint= of scan."""

import math
import operator

import numpy as np

from fungrad.api.checkpointing import checkpoint
from fungrad.core import tree as trees


def segment_size(wanted, n, title):
    """The size of a segment of a loop of n turns: "sqrt", or a number of turns."""
    if wanted == "sqrt" and isinstance(wanted, str):
        return max(math.isqrt(max(n - 1, 0)) + 1, 1)
    if isinstance(wanted, str | bool | np.bool_) or not hasattr(wanted, "__index__"):
        raise ValueError(
            f"{title}: checkpoint must be None, 'sqrt' or a number of iterations, it is {wanted!r}"
        )
    if operator.index(wanted) < 1:
        raise ValueError(f"{title}: checkpoint must be positive, it is {wanted}")
    return operator.index(wanted)


def scan_in_segments(scan, carry, xs, n, size, reverse):
    """The result of `scan(carry, xs, length)`, segment by segment, each one checkpointed.

    The backward pass has the carry at the beginning of every segment and computes the values
    inside again, one segment at a time: n / size + size turns are in memory, not n.
    """
    from fungrad.numpy import concatenate, reshape

    whole, rest = n - n % size, n % size
    inner = checkpoint(lambda carry, rows: scan(carry, rows, size))
    last = checkpoint(lambda carry, rows: scan(carry, rows, rest))

    def segments(carry):
        blocks = trees.map(lambda x: reshape(x[:whole], (whole // size, size, *x.shape[1:])), xs)
        carry, ys = scan(carry, blocks, whole // size, inner)
        return carry, trees.map(lambda y: reshape(y, (whole, *y.shape[2:])), ys)

    def remainder(carry):
        return last(carry, trees.map(lambda x: x[whole:], xs))

    if not rest:
        return segments(carry)
    if not whole:
        return remainder(carry)
    if reverse:
        carry, after = remainder(carry)
        carry, before = segments(carry)
    else:
        carry, before = segments(carry)
        carry, after = remainder(carry)
    return carry, trees.map(lambda a, b: concatenate([a, b]), before, after)
