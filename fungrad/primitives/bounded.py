"""Integers that must lie in a range, checked where their values are known: as code runs."""

import numpy as np

from fungrad.core.errors import DtypeError, LinearityError
from fungrad.core.primitive import Pointwise


class Bounded(Pointwise):
    """Integers unchanged; ValueError, begun by `what`, where one is not in 0 to `size` - 1."""

    size: int
    what: str

    def infer(self, x):
        if x.dtype.kind not in "iu":
            raise DtypeError(f"{self.what}: integers are meant, got dtype {x.dtype}")
        return x

    def evaluate(self, x):
        outside = (x < 0) | (x >= self.size)
        if np.any(outside):
            place = tuple([int(i) for i in np.argwhere(outside)[0]])
            where = f" at {list(place)}" if place else ""
            raise ValueError(f"{self._wanted()}, got {np.asarray(x)[place]}{where}")
        return x

    def jvp(self, inputs, tangents):
        return self(*inputs), None

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError(f"{self} has no derivative: its input is an integer")

    def batch(self, inputs, batched, axis):
        return self(*inputs), True

    def element(self, build, index, read, types, output):
        x, truth = read(0, index), np.dtype(bool)
        low = build.call("greater_equal", truth, x, build.constant(0, output.dtype))
        high = build.call("less_equal", truth, x, build.constant(self._last(output), output.dtype))
        build.require(build.call("logical_and", truth, low, high), self)
        return x

    def _last(self, output):
        """The largest integer allowed, as far as the dtype reaches."""
        return min(self.size - 1, np.iinfo(output.dtype).max)

    def failure(self):
        return ValueError, f"{self._wanted()}, got another"

    def _wanted(self):
        return f"{self.what}: integers from 0 to {self.size - 1} are meant"
