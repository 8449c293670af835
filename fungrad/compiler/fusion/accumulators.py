"""What reductions accumulate into: where they begin, how two partial results become one."""

import numpy as np

from fungrad.compiler.language.scalar import call, constant


def identity_of(root, dtype=None):
    """The value that a reduction begins with, in its own dtype or in that of an accumulator."""
    own = root.value.dtype
    return constant(root.reduction.identity(own), dtype or own)


def combined(reduction, x, y):
    """Two partial results of a reduction combined; sums may be reordered."""
    word = "fast_add" if reduction.combine == "add" and x.dtype.kind != "c" else reduction.combine
    return call(word, x.dtype, x, y)


def accumulator_dtype(reduction, dtype):
    """float64 for sums of float32, else the dtype itself."""
    if reduction.combine == "add" and dtype == np.float32:
        return np.dtype(np.float64)
    return dtype


def folded(reduction, elements):
    """The expression of some elements combined, without the identity."""
    total = elements[0]
    for x in elements[1:]:
        total = combined(reduction, total, x)
    return total


def combined_elements(reduction, elements, dtype):
    """The expression of elements combined one after another.

    A sum is added to 0, as in NumPy: that of negative zeros is 0.
    """
    identity = constant(reduction.identity(dtype), dtype)
    if not elements:
        return identity
    total = folded(reduction, elements)
    is_sum = reduction.combine == "add" and dtype.kind in "fc"
    return call("add", dtype, total, identity) if is_sum else total
