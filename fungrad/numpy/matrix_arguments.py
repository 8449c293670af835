"""What `numpy.linalg`'s functions ask of their arguments, with NumPy's errors."""

import numpy as np

from fungrad.numpy.arrays import operand
from fungrad.numpy.promotion import as_quotient, convert, promote

LinAlgError = np.linalg.LinAlgError


def inexact(x):
    """An operand with real or complex elements."""
    x = operand(x)
    return convert(x, as_quotient(x.dtype))


def matrices(a):
    """An operand with at least two axes, in single or double precision."""
    a = inexact(a)
    require_precision(a)
    if a.ndim < 2:
        raise LinAlgError(
            f"{a.ndim}-dimensional array given. Array must be at least two-dimensional"
        )
    return a


def require_precision(*operands):
    """NumPy's error for half precision."""
    for x in operands:
        if x.dtype.itemsize < 4:
            raise TypeError(f"array type {x.dtype} is unsupported in linalg")


def square_matrices(a):
    """An operand of square matrices."""
    a = matrices(a)
    if a.shape[-1] != a.shape[-2]:
        raise LinAlgError(f"Last 2 dimensions of the array must be square, not {a.shape}")
    return a


def promoted(*operands):
    """Operands in their common dtype, a real or complex one."""
    operands = promote(*[inexact(x) for x in operands])
    require_precision(*operands)
    return operands
