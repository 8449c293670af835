"""The names of `jax.dtypes` that programs use; dtypes are NumPy's.

>>> issubdtype(np.float32, np.floating), canonicalize_dtype(float)
(True, dtype('float64'))
"""

import numpy as np

from fungrad.api.zeros import float0
from fungrad.numpy import issubdtype, result_type


class extended(np.generic):  # noqa: N801
    """Scalars that NumPy does not have; no array of fungrad has any."""


class prng_key(extended):  # noqa: N801
    """What a typed key of JAX is made of; keys here are arrays of two uint32 numbers.

    >>> issubdtype(np.uint32, prng_key)
    False
    """


def canonicalize_dtype(dtype, allow_extended_dtype=False):
    """The dtype that an array of `dtype` has: that very one, since none is made narrower.

    >>> canonicalize_dtype("int64")
    dtype('int64')
    """
    return np.dtype(dtype)


__all__ = ["canonicalize_dtype", "extended", "float0", "issubdtype", "prng_key", "result_type"]
