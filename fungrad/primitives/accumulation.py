"""A product of two arrays added to a third one, which BLAS does in one go."""

import numpy as np

from fungrad.core.errors import DtypeError, LinearityError, ShapeError
from fungrad.core.primitive import Routine
from fungrad.primitives.contraction import Contract
from fungrad.primitives.movement import Broadcast


class AddProduct(Routine):
    """`total + Contract(left, right, out)(x, y)`, or minus it, in the memory of `total`.

    Programs get it when they are compiled, in place of a sum that nothing else would be part of.
    """

    left: tuple
    right: tuple
    out: tuple
    is_subtracted: bool = False

    @property
    def name(self):
        return "add_product"

    @property
    def product(self):
        """The contraction alone."""
        return Contract(self.left, self.right, self.out)

    @property
    def begins_with(self):
        """Which output begins as which operand, so that it may take over its memory."""
        return {0: 0}

    def flops(self, inputs, outputs):
        """Those of the product: the last addition is one more term."""
        return self.product.flops(inputs[1:], outputs)

    def infer(self, total, x, y):
        t = self.product.infer(x, y)
        if t.shape != total.shape:
            raise ShapeError(f"add_product: a product of shape {t.shape} is added to {total}")
        if t.dtype != total.dtype or t.dtype.kind not in "fc":
            raise DtypeError(f"add_product: a product of {t.dtype} is added to {total.dtype}")
        return total

    def evaluate(self, total, x, y):
        p = self.product.evaluate(x, y)
        return np.subtract(total, p)[()] if self.is_subtracted else np.add(total, p)[()]

    def _alone(self, x, y):
        p = self.product(x, y)
        return -p if self.is_subtracted else p

    def jvp(self, inputs, tangents):
        _, x, y = inputs
        tangent, dx, dy = tangents
        for u, v in ((dx, y), (x, dy)):
            if u is not None and v is not None:
                tangent = self._alone(u, v) if tangent is None else self(tangent, u, v)
        return self(*inputs), tangent

    def transpose(self, cotangents, inputs, linear):
        if linear[1] and linear[2]:
            raise LinearityError("a product is linear in one operand at a time")
        (c,) = cotangents
        d = -c if self.is_subtracted and any(linear[1:]) else c
        x, y = (
            self.product.transpose((d,), inputs[1:], linear[1:]) if any(linear[1:]) else (None,) * 2
        )
        return c if linear[0] else None, x, y

    def batch(self, inputs, batched, axis):
        total, x, y = inputs
        if not any(batched[1:]):
            return total + Broadcast(total.shape, tuple(range(1, total.ndim)))(
                self._alone(x, y)
            ), True
        if not batched[0]:
            total = Broadcast((axis.size, *total.shape), tuple(range(1, total.ndim + 1)))(total)
        new = max((*self.left, *self.right, -1)) + 1
        left = (new, *self.left) if batched[1] else self.left
        right = (new, *self.right) if batched[2] else self.right
        return AddProduct(left, right, (new, *self.out), self.is_subtracted)(total, x, y), True

    def emit(self, build, inputs, outputs):
        build.add_product(self, inputs, outputs)
