"""Arguments of special functions: SciPy's dtypes, NumPy's broadcasting."""

import numpy as np

from fungrad.core.thread_state import state
from fungrad.numpy import selection
from fungrad.numpy.arrays import number_or_operand
from fungrad.numpy.promotion import align, convert, result_dtype

_FLOAT32, _FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


def special_dtype(dtype):
    """The dtype in which SciPy computes: float32 where that holds every value, else float64."""
    if dtype.kind == "c":
        return dtype
    small = 4 if dtype.kind == "f" else 2
    return _FLOAT32 if dtype.itemsize <= small else _FLOAT64


def special_operands(name, *operands):
    """Operands of one dtype, that of `special_dtype`, and of one shape; scalars stay scalars."""
    operands = [number_or_operand(x) for x in operands]
    dtype = special_dtype(result_dtype(*operands))
    return align(name, [convert(x, dtype) for x in operands])


def apply(primitive, *operands):
    """An elementwise primitive of floating-point numbers on array-like operands."""
    if state.recording is None and _are_alike(operands):
        return primitive.evaluate(*operands)
    return primitive(*special_operands(primitive.word, *operands))


def _are_alike(operands):
    """Whether there is nothing to convert: arrays in double precision, of one shape."""
    shape = getattr(operands[0], "shape", ())
    for x in operands:
        if type(x) is not np.ndarray or x.dtype is not _FLOAT64 or x.shape != shape:
            return False
    return bool(shape)


def where(condition, x, y):
    """`numpy.where`, but a NumPy scalar where all operands are scalars."""
    result = selection.where(condition, x, y)
    return result[()] if type(result) is np.ndarray else result
