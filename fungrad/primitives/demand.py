"""A value with a demand on values that are known at run time only: `Demand` raises otherwise."""

import builtins

import numpy as np

from fungrad.core.errors import DtypeError, LinearityError, ShapeError
from fungrad.core.primitive import Pointwise
from fungrad.primitives.indexing import with_batch


class Demand(Pointwise):
    """The first operand itself; an error of Python's class `error` where the second is not true.

    The condition has the operand's shape, or rank 0. In compiled code the check is part of the
    kernel that reads the value.
    """

    error: str
    message: str

    def infer(self, x, condition):
        if condition.dtype.kind != "b":
            raise DtypeError(f"demand: {condition} is not true or false")
        if condition.shape not in ((), x.shape):
            raise ShapeError(f"demand: {condition} does not fit {x}")
        return x

    def evaluate(self, x, condition):
        if not np.all(condition):
            error, message = self.failure()
            raise error(message)
        return x

    def jvp(self, inputs, tangents):
        return self(*inputs), tangents[0]

    def transpose(self, cotangents, inputs, linear):
        if linear[1]:
            raise LinearityError("demand has no derivative in its condition")
        return cotangents[0], None

    def batch(self, inputs, batched, axis):
        x, condition = with_batch(inputs, batched, axis)
        if condition.ndim == 1 < x.ndim:
            from fungrad.primitives.movement import Broadcast

            condition = Broadcast(tuple(x.shape), (0,))(condition)
        return self(x, condition), True

    def element(self, build, index, read, types, output):
        build.require(read(1, index if types[1].shape else ()), self)
        return read(0, index)

    def failure(self):
        """The class and the message of the error."""
        return getattr(builtins, self.error), self.message
