"""Every product of two arrays: dot, matmul, tensordot, two-operand einsum."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fungrad.core.errors import DtypeError, LinearityError, ShapeError
from fungrad.core.primitive import Routine


@dataclass(frozen=True)
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

    def evaluate(self, x, y):
        if (self.left, self.right, self.out) == ((0, 1), (1, 2), (0, 2)):
            return x @ y
        g = self.groups
        sizes = dict(zip(self.left, x.shape, strict=True))
        sizes.update(zip(self.right, y.shape, strict=True))

        def arranged(v, labels, *parts):
            order = [labels.index(i) for part in parts for i in part]
            shape = [int(np.prod([sizes[i] for i in p], dtype=int)) for p in parts[1:]]
            return v.transpose(order).reshape([sizes[i] for i in g.batch] + shape)

        a = arranged(x, self.left, g.batch, g.left, g.contracted)
        b = arranged(y, self.right, g.batch, g.contracted, g.right)
        made = (*g.batch, *g.left, *g.right)
        result = np.matmul(a, b).reshape([sizes[i] for i in made])
        return result.transpose([made.index(i) for i in self.out])[()]

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
