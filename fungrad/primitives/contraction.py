"""Every product of two arrays: dot, matmul, tensordot, two-operand einsum."""

from functools import cached_property
from math import prod

import numpy as np

from fungrad.core.errors import DtypeError, LinearityError, ShapeError
from fungrad.core.primitive import Routine
from fungrad.core.record import record


@record(frozen=True)
class Groups:
    """The labels of a contraction by the operands in which they stand."""

    batch: tuple  # left, right and out
    left: tuple  # left and out
    right: tuple  # right and out
    contracted: tuple  # left and right


class Contract(Routine):
    """The sum over the labels missing in `out` of left times right, each axis under its label.

    `Contract((0, 1), (1, 2), (0, 2))` is the matrix product. A label stands at most once in each
    operand and in at least two of `left`, `right`, `out`.
    """

    left: tuple
    right: tuple
    out: tuple

    @cached_property
    def groups(self):
        """The labels as batch, left-only, right-only and contracted ones, in operand order."""
        right, out = set(self.right), set(self.out)
        return Groups(
            tuple([i for i in self.left if i in right and i in out]),
            tuple([i for i in self.left if i not in right]),
            tuple([i for i in self.right if i not in set(self.left)]),
            tuple([i for i in self.left if i in right and i not in out]),
        )

    def flops(self, inputs, outputs):
        """A multiplication and an addition per product; four and four of complex numbers."""
        x, y = inputs
        sizes = dict(zip((*self.left, *self.right), (*x.shape, *y.shape), strict=True))
        return (8 if x.dtype.kind == "c" else 2) * prod(sizes.values())

    def infer(self, x, y):
        if x.dtype != y.dtype:
            raise DtypeError(f"contract: dtypes {x.dtype} and {y.dtype} differ")
        if x.ndim != len(self.left) or y.ndim != len(self.right):
            raise ShapeError(f"contract: shapes {x.shape}, {y.shape} for {self.left}, {self.right}")
        sizes = dict(zip(self.left, x.shape, strict=True))
        for axis, (label, n) in enumerate(zip(self.right, y.shape, strict=True)):
            if sizes.setdefault(label, n) != n:
                other = self.left.index(label)
                raise ShapeError(
                    f"contract: axis {other} of {x.shape} has size {sizes[label]}, "
                    f"axis {axis} of {y.shape} has size {n}"
                )
        return x.with_shape(tuple([sizes[i] for i in self.out]))

    @cached_property
    def orders(self):
        """The axes of both operands as batch, own, contracted (contracted, own), and of the output.

        An order of None leaves the axes as they are.
        """
        g = self.groups
        made = (*g.batch, *g.left, *g.right)
        orders = (
            [self.left.index(i) for i in (*g.batch, *g.left, *g.contracted)],
            [self.right.index(i) for i in (*g.batch, *g.contracted, *g.right)],
            [made.index(i) for i in self.out],
        )
        return tuple([None if o == sorted(o) else tuple(o) for o in orders])

    @cached_property
    def is_matrix_product(self):
        """Whether at most one axis of each kind but no batch is there: a product of BLAS."""
        g = self.groups
        return not g.batch and len(g.contracted) == 1 and len(g.left) <= 1 and len(g.right) <= 1

    @property
    def makes_new(self):
        """Whether `evaluate` returns an array of its own, not a view of one."""
        return self.orders[2] is None

    @cached_property
    def is_scaling(self):
        """Whether an operand is a scalar, and the axes of the other stay as they are."""
        return self.out in (self.left, self.right) and not (self.left and self.right)

    def evaluate(self, x, y):
        if self.is_scaling:
            return x * y
        left, right, out = self.orders
        x = x if left is None else x.transpose(left)
        y = y if right is None else y.transpose(right)
        if self.is_matrix_product:
            result = x.dot(y)
            return result if out is None else result.transpose(out)
        g = self.groups
        if not g.batch and not g.left and not g.right:
            return x.reshape(-1).dot(y.reshape(-1))
        if not g.batch and not g.contracted:
            result = x.reshape(x.shape + (1,) * y.ndim) * y
        else:
            nb, nl, nc, nr = len(g.batch), len(g.left), len(g.contracted), len(g.right)
            batch, rows, inner = x.shape[:nb], x.shape[nb : nb + nl], x.shape[nb + nl :]
            columns = y.shape[nb + nc :]
            if nl != 1 or nc != 1:
                x = x.reshape(*batch, prod(rows), prod(inner))
            if nr != 1 or nc != 1:
                y = y.reshape(*batch, prod(inner), prod(columns))
            result = np.matmul(x, y).reshape(batch + rows + columns)
        return result if out is None else result.transpose(out)

    def expression(self, x, y):
        if self.is_scaling:
            return "{0} * {1}"
        left, right, out = self.orders
        if not self.is_matrix_product:
            return "{0}.reshape(-1, 1) * {1}" if self == _OUTER else None
        product = f"{'{0}.T' if left else '{0}'}.dot({'{1}.T' if right else '{1}'})"
        return f"{product}.T" if out else product

    def jvp(self, inputs, tangents):
        (x, y), (dx, dy) = inputs, tangents
        tangent = None if dx is None else self(dx, y)
        if dy is not None:
            term = self(x, dy)
            tangent = term if tangent is None else tangent + term
        return self(x, y), tangent

    def transpose(self, cotangents, inputs, linear):
        if all(linear):
            raise LinearityError("a product is linear in one operand at a time")
        (x, y), (c,) = inputs, cotangents
        if linear[0]:
            return Contract(self.out, self.right, self.left)(c, y), None
        return None, Contract(self.left, self.out, self.right)(x, c)

    def batch(self, inputs, batched, axis):
        new = max((*self.left, *self.right, -1)) + 1
        left = (new, *self.left) if batched[0] else self.left
        right = (new, *self.right) if batched[1] else self.right
        return Contract(left, right, (new, *self.out))(*inputs), True

    def emit(self, build, inputs, outputs):
        build.contract(self, inputs, outputs)


_OUTER = Contract((0,), (1,), (0, 1))
