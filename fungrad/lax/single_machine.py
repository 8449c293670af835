"""Names of `jax.lax` that choose between devices or compilers: on one CPU they choose nothing."""

import enum
from functools import wraps

import numpy as np

from fungrad.core import tree
from fungrad.numpy.creation import operand

DotDimensionNumbers = tuple
PrecisionLike = object


class Precision(enum.Enum):
    """How precisely products are computed: always in the dtype of the operands.

    >>> Precision.HIGHEST.name
    'HIGHEST'
    """

    DEFAULT = 0
    HIGH = 1
    HIGHEST = 2


def optimization_barrier(operand, /):
    """The same values: compiled programs compute what was written, in any order.

    >>> optimization_barrier(1.5)
    np.float64(1.5)
    """
    return tree.map(stage, operand)


def stage(x, /):
    """The value as NumPy has it: an array, a NumPy scalar, or what is traced.

    >>> stage([1, 2]), stage(3.0)
    (array([1, 2]), np.float64(3.0))
    """
    return operand(np.asarray(x) if isinstance(x, list | tuple) else x)


def with_sharding_constraint(x, shardings):
    """The same value: there is one device.

    >>> with_sharding_constraint(1.5, None)
    1.5
    """
    return x


def platform_dependent(*args, default=None, **per_platform):
    """The function for the platform "cpu", or the default one, called with the arguments.

    >>> platform_dependent(2.0, cpu=lambda x: x + 1, tpu=lambda x: x)
    3.0
    """
    chosen = per_platform.get("cpu", default)
    if chosen is None:
        raise ValueError(
            "platform_dependent: no function for the platform 'cpu' and no default, got "
            f"{sorted(per_platform)}"
        )
    return chosen(*args)


def composite(decomposition, name, version=0):
    """The function, under a name that other compilers may know.

    >>> double = composite(lambda x, *, by: x * by, "test.double")
    >>> double(3.0, by=2)
    6.0
    """

    @wraps(decomposition)
    def call(*args, **kwargs):
        return decomposition(*args, **kwargs)

    call.__name__ = call.__qualname__ = str(name)
    return call


def shape_as_value(shape):
    """A shape as a vector of integers.

    >>> shape_as_value((2, 3))
    array([2, 3])
    """
    return np.array([int(n) for n in shape], np.int64)
