"""Sorting."""

import numpy as np

from fungrad.core.errors import DtypeError, LinearityError, ShapeError
from fungrad.core.primitive import Routine
from fungrad.core.types import ArrayType
from fungrad.primitives.elementwise import aligned
from fungrad.primitives.indexing import Gather
from fungrad.primitives.movement import Broadcast, Iota


def require_axis(name, axis, x):
    """ShapeError unless the axis exists."""
    if not 0 <= axis < x.ndim:
        raise ShapeError(f"{name}: axis {axis} does not fit shape {x.shape}")


def gather_along(x, positions, axis):
    """Elements of `x` at positions along one axis, the other axes aligned."""
    shape = tuple(positions.shape)
    indices = [
        positions if a == axis else Iota(shape, np.dtype(np.int64), a)() for a in range(x.ndim)
    ]
    return Gather(tuple(range(x.ndim)), "clip")(x, *indices)


def comparisons(x, axis):
    """About how many comparisons it takes to sort along an axis."""
    return x.size * max(x.shape[axis] - 1, 0).bit_length()


class Sort(Routine):
    """The elements in ascending order along an axis, nan last."""

    axis: int

    def flops(self, inputs, outputs):
        return comparisons(outputs[0], self.axis)

    def infer(self, x):
        require_axis("sort", self.axis, x)
        return x

    def evaluate(self, x):
        return np.sort(x, self.axis)

    def jvp(self, inputs, tangents):
        (x,), (t,) = inputs, tangents
        order = Argsort(self.axis, False)(x)
        return gather_along(x, order, self.axis), gather_along(t, order, self.axis)

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError(f"{self.name} is not linear")

    def batch(self, inputs, batched, axis):
        return Sort(self.axis + 1)(*inputs), True

    def emit(self, build, inputs, outputs):
        build.sort(self, inputs, outputs)


class Argsort(Routine):
    """The positions (int64) that sort the elements along an axis; stable, nan last.

    With `descending`, the largest come first (nan before them), equal elements in their order.
    """

    axis: int
    descending: bool

    def flops(self, inputs, outputs):
        return comparisons(outputs[0], self.axis)

    def infer(self, x):
        require_axis("argsort", self.axis, x)
        return ArrayType(x.shape, np.int64)

    def evaluate(self, x):
        if not self.descending:
            return np.argsort(x, self.axis, kind="stable")
        flipped = np.argsort(np.flip(x, self.axis), self.axis, kind="stable")
        return x.shape[self.axis] - 1 - np.flip(flipped, self.axis)

    def jvp(self, inputs, tangents):
        return self(*inputs), None

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError(f"{self.name} is not linear")

    def batch(self, inputs, batched, axis):
        return Argsort(self.axis + 1, self.descending)(*inputs), True

    def emit(self, build, inputs, outputs):
        build.argsort(self, inputs, outputs)


class SortBy(Routine):
    """Elements in the order in which keys ascend along an axis, nan last; stable.

    It takes the keys and the elements, of one shape.
    """

    axis: int

    @property
    def name(self):
        return "sort_by"

    def flops(self, inputs, outputs):
        return comparisons(outputs[0], self.axis)

    def infer(self, keys, x):
        require_axis(self.name, self.axis, keys)
        if keys.shape != x.shape:
            raise ShapeError(
                f"{self.name}: keys of shape {keys.shape} for elements of shape {x.shape}"
            )
        return x

    def evaluate(self, keys, x):
        return np.take_along_axis(x, np.argsort(keys, self.axis, kind="stable"), self.axis)

    def jvp(self, inputs, tangents):
        t = tangents[1]
        return self(*inputs), None if t is None else self(inputs[0], t)

    def transpose(self, cotangents, inputs, linear):
        """Back to where the elements came from: in the order of their former positions."""
        if linear[0]:
            raise LinearityError(f"{self.name} is linear in its second operand only")
        came_from = Argsort(self.axis, False)(inputs[0])
        return None, SortBy(self.axis)(came_from, cotangents[0])

    def batch(self, inputs, batched, axis):
        return SortBy(self.axis + 1)(*aligned(inputs, batched, axis)), True

    def emit(self, build, inputs, outputs):
        build.sort_by(self, inputs, outputs)


class OrderStatistic(Routine):
    """The elements that stand at given ranks (int64) of each line along the last axis, nan last.

    It takes the lines and the ranks, which have the same axes but for the last, and returns as
    many elements as there are ranks.
    """

    @property
    def name(self):
        return "order_statistic"

    def flops(self, inputs, outputs):
        return inputs[0].size

    def infer(self, x, ranks):
        require_axis(self.name, 0, x)
        if x.shape[:-1] != ranks.shape[:-1] or ranks.ndim != x.ndim or ranks.dtype != np.int64:
            raise ShapeError(f"{self.name}: ranks of type {ranks} do not fit lines of type {x}")
        return ArrayType(ranks.shape, x.dtype)

    def evaluate(self, x, ranks):
        wanted = np.unique(ranks)
        if len(wanted) > _FEW_RANKS or x.dtype.kind == "c":
            return np.take_along_axis(np.sort(x, -1), ranks, -1)
        return np.take_along_axis(np.partition(x, wanted, -1) if wanted.size else x, ranks, -1)

    def jvp(self, inputs, tangents):
        (x, ranks), t = inputs, tangents[0]
        if t is None:
            return self(x, ranks), None
        axis = x.ndim - 1
        places = gather_along(Argsort(axis, False)(x), ranks, axis)
        return gather_along(x, places, axis), gather_along(t, places, axis)

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError(f"{self.name} is not linear")

    def batch(self, inputs, batched, axis):
        in_front = [
            x if b else Broadcast((axis.size, *x.shape), tuple(range(1, x.ndim + 1)))(x)
            for x, b in zip(inputs, batched, strict=True)
        ]
        return self(*in_front), True

    def emit(self, build, inputs, outputs):
        build.order_statistic(self, inputs, outputs)


#: From more ranks on all elements are sorted.
_FEW_RANKS = 16


class TopK(Routine):
    """The positions (int64) of the k largest elements along an axis, the largest first.

    nan counts as the largest; of equal elements the first one comes first.
    """

    axis: int
    k: int

    @property
    def name(self):
        return "top_k"

    def infer(self, x):
        require_axis(self.name, self.axis, x)
        if x.dtype.kind not in "biuf":
            raise DtypeError(f"{self.name} is not defined for dtype {x.dtype}")
        if not 1 <= self.k <= x.shape[self.axis]:
            raise ShapeError(
                f"{self.name}: k={self.k} for the size {x.shape[self.axis]} of axis {self.axis}"
            )
        return ArrayType((*x.shape[: self.axis], self.k, *x.shape[self.axis + 1 :]), np.int64)

    def evaluate(self, x):
        """Those above the kth largest, and as many of the first equal to it as are missing."""
        lines = np.moveaxis(x, self.axis, -1)
        n = lines.shape[-1]
        last = np.partition(lines, n - self.k, -1)[..., n - self.k, None]
        is_above, is_last = lines > last, lines == last
        if x.dtype.kind == "f":
            is_above |= np.isnan(lines) & ~np.isnan(last)
            is_last |= np.isnan(lines) & np.isnan(last)
        missing = self.k - np.count_nonzero(is_above, -1)[..., None]
        is_chosen = is_above | (is_last & (np.cumsum(is_last, -1) <= missing))
        places = np.nonzero(is_chosen)[-1].reshape(*lines.shape[:-1], self.k)
        order = Argsort(lines.ndim - 1, True).evaluate(np.take_along_axis(lines, places, -1))
        return np.moveaxis(np.take_along_axis(places, order, -1), -1, self.axis)

    def jvp(self, inputs, tangents):
        return self(*inputs), None

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError(f"{self.name} is not linear")

    def batch(self, inputs, batched, axis):
        return TopK(self.axis + 1, self.k)(*inputs), True

    def emit(self, build, inputs, outputs):
        build.top_k(self, inputs, outputs)
