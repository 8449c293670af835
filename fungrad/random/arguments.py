"""What draws are asked for: keys, shapes, dtypes and parameters, checked."""

import math

import numpy as np

from fungrad.core.errors import DtypeError, ShapeError
from fungrad.core.thread_state import hiding_recording
from fungrad.core.tracing import Tracer
from fungrad.core.types import is_python_number
from fungrad.numpy.arrays import asarray, operand
from fungrad.numpy.arrays import shape_of as shape_argument
from fungrad.numpy.promotion import broadcast_to, common_shape, convert, shape_of
from fungrad.primitives.random_bits import WORD


def key_of(name, key):
    """The key as two uint32 words; DtypeError or ShapeError for anything else.

    Where the values of a trace are hidden (under jit) a key from outside becomes traced, so that
    the draw is part of the program and no array of its constants.
    """
    key = words_of(name, key)
    if key.shape != (2,):
        raise ShapeError(
            f"random.{name} takes one key, an array of shape (2,); got the shape {key.shape}; draw "
            f"from several keys with vmap(random.{name})"
        )
    return asarray(key) if type(key) is not Tracer and hiding_recording() is not None else key


def words_of(name, keys):
    """An array whose last axis holds the two uint32 words of a key."""
    is_array = hasattr(keys, "dtype") and hasattr(keys, "shape")
    if not is_array or keys.dtype != WORD:
        given = f"dtype {keys.dtype}" if is_array else f"{keys!r:.60}"
        raise DtypeError(
            f"random.{name}: a key is an array of two uint32 words, as fungrad.random.key(0) makes "
            f"it; got {given}"
        )
    if not keys.shape or keys.shape[-1] != 2:
        raise ShapeError(f"random.{name}: a key has the shape (2,), got {tuple(keys.shape)}")
    return keys if type(keys) is Tracer else np.asarray(keys)


def float_dtype(name, dtype):
    """The dtype of a real draw: float64 for None."""
    dtype = np.dtype(float if dtype is None else dtype)
    if dtype.kind != "f" or dtype.itemsize > 8:
        raise DtypeError(f"random.{name}: dtype is to be a float dtype, got {dtype}")
    return dtype


def int_dtype(name, dtype):
    """The dtype of a draw of integers: int64 for None."""
    dtype = np.dtype(int if dtype is None else dtype)
    if dtype.kind not in "iu":
        raise DtypeError(f"random.{name}: dtype is to be an integer dtype, got {dtype}")
    return dtype


def parameters(name, shape, dtype, *values):
    """The shape of a draw and its real parameters in its dtype, each of that shape or rank 0.

    Without a shape it is the one to which the parameters broadcast.
    """
    values = [real_parameter(name, x, dtype) for x in values]
    shape = drawn_shape(name, shape, *values)
    return shape, [x if not shape_of(x) else broadcast_to(x, shape) for x in values]


def real_parameter(name, x, dtype):
    """A parameter as an operand of a float dtype."""
    x = x if is_python_number(x) else operand(x)
    found = complex if type(x) is complex else None if is_python_number(x) else x.dtype
    if found is not None and np.dtype(found).kind not in "biuf":
        raise DtypeError(f"random.{name}: parameters are real numbers, got dtype {np.dtype(found)}")
    return convert(x, dtype)


def drawn_shape(name, shape, *values):
    """The shape argument as a tuple, to which the parameters must broadcast."""
    if shape is None:
        return common_shape(name, *values) if any(map(shape_of, values)) else ()
    shape = shape_argument(shape)
    if any(n < 0 for n in shape):
        raise ValueError(f"random.{name}: negative dimensions are not allowed, got shape {shape}")
    for x in values:
        require_fit(name, shape, shape_of(x))
    return shape


def require_fit(name, shape, own):
    """ShapeError unless a parameter's shape broadcasts to the shape of the draw."""
    lead = len(shape) - len(own)
    if lead < 0 or any(n not in (1, m) for n, m in zip(own, shape[lead:], strict=True)):
        raise ShapeError(
            f"random.{name}: a parameter of shape {tuple(own)} does not broadcast to "
            f"shape={tuple(shape)}"
        )


def known(x):
    """The value of an operand, or None where it does not exist while tracing."""
    if type(x) is Tracer:
        return x.value if x.is_known else None
    return x


def require_probability(name, p):
    """ValueError where a known probability is outside of [0, 1], or nan."""
    value = known(p)
    if value is None:
        return
    inside = (value >= 0) & (value <= 1)
    if not np.all(inside):
        wrong = np.ravel(value)[np.argmin(np.ravel(inside))]
        raise ValueError(f"random.{name}: a probability is between 0 and 1, got p = {wrong}")


def require_not_negative(name, parameter, x):
    """ValueError where a known parameter is negative or nan."""
    value = known(x)
    if value is None or np.all(value >= 0):
        return
    wrong = np.ravel(value)[np.argmin(np.ravel(value >= 0))]
    raise ValueError(f"random.{name}: {parameter} must not be negative, got {wrong}")


def size_of(shape):
    """The number of elements of a shape."""
    return math.prod(shape)
