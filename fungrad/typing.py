"""The names of `jax.typing`, for annotations."""

import numpy as np
from numpy.typing import DTypeLike

from fungrad.machine import Array

#: What functions take where they take an array.
ArrayLike = Array | np.ndarray | np.generic | bool | int | float | complex

__all__ = ["ArrayLike", "DTypeLike"]
