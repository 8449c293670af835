"""The names of `jax.dlpack`: arrays of other libraries, without a copy."""

import numpy as np

__all__ = ["from_dlpack", "is_supported_dtype"]


def from_dlpack(external_array, device=None, copy=None):
    """A NumPy array on the memory of another library's array.

    >>> x = np.arange(3.0)
    >>> np.shares_memory(from_dlpack(x), x)
    True
    """
    return np.from_dlpack(external_array, copy=copy)


def is_supported_dtype(dtype):
    """Whether arrays of a dtype can be exchanged: numbers of NumPy's own.

    >>> is_supported_dtype(np.float32), is_supported_dtype("U3")
    (True, False)
    """
    return np.dtype(dtype).kind in "biufc"
