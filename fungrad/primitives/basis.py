"""The standard basis: what Jacobians push through a function, and identity matrices."""

from functools import lru_cache
from math import prod

import numpy as np

from fungrad.core.primitive import Pointwise
from fungrad.core.types import ArrayType
from fungrad.primitives.movement import ravel_index

_SMALL = 1024  # elements


class Basis(Pointwise):
    """Vectors `start`, `start + 1`, ... of the standard basis of `count` numbers, as columns.

    Element (i, j) is 1 where i = start + j, else 0; j stands for the axes of `shape`, flattened.
    `Basis(n, 0, (n,), dtype)` is an identity matrix.
    """

    count: int
    start: int
    shape: tuple
    dtype: np.dtype
    is_free = True
    is_creation = True
    zeros_are_none = True  # what is multiplied by one is left out where that is possible

    @property
    def is_whole(self):
        """Whether there are as many vectors as there are numbers."""
        return self.count == prod(self.shape)

    def infer(self):
        return ArrayType((self.count, *self.shape), self.dtype)

    def evaluate(self):
        return (_kept if self.count * prod(self.shape) <= _SMALL else _made)(self)

    def jvp(self, inputs, tangents):
        return self(), None

    def transpose(self, cotangents, inputs, linear):
        return ()

    def batch(self, inputs, batched, axis):
        return self(), False

    def element(self, build, index, read, types, output):
        int64 = np.dtype(np.int64)
        row, *inner = index
        column = ravel_index(build, inner, self.shape) + build.constant(self.start, int64)
        return build.cast(build.call("equal", np.dtype(bool), row, column), output.dtype)


def _made(basis):
    size = prod(basis.shape)
    result = np.zeros((basis.count, size), basis.dtype)
    result[np.arange(basis.start, basis.start + size), np.arange(size)] = 1
    return result.reshape((basis.count, *basis.shape))


@lru_cache(maxsize=64)
def _kept(basis):
    result = _made(basis)
    result.flags.writeable = False
    return result
