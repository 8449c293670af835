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
