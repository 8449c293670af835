"""Reductions: elements combined along axes."""

import numpy as np

from fungrad.core.errors import DtypeError, LinearityError, ShapeError
from fungrad.core.primitive import Reduction, Routine
from fungrad.core.types import ArrayType


def reduced_shape(name, shape, axes):
    """The shape without the axes; ShapeError when one does not exist."""
    if any(not 0 <= a < len(shape) for a in axes) or len(set(axes)) != len(axes):
        raise ShapeError(f"{name}: axes {axes} do not fit shape {shape}")
    return tuple([n for a, n in enumerate(shape) if a not in axes])


def expand(y, shape, axes):
    """A reduced value repeated along the axes that were reduced."""
    from fungrad.primitives.movement import Broadcast

    kept = tuple([a for a in range(len(shape)) if a not in axes])
    return Broadcast(tuple(shape), kept)(y)


class _Along:
    """What all reductions share: the type, and the batch axis in front."""

    def infer(self, x):
        if x.dtype.kind not in self.kinds:
            raise DtypeError(f"{self.name} is not defined for dtype {x.dtype}")
        return x.with_shape(reduced_shape(self.name, x.shape, self.axes))

    def batch(self, inputs, batched, axis):
        return type(self)(tuple([a + 1 for a in self.axes]))(*inputs), True


class Sum(_Along, Reduction):
    """The sum along axes, in the dtype of the input."""

    axes: tuple
    makes_new = True
    combine = "add"
    kinds = "iufc"

    def evaluate(self, x):
        if x.dtype.kind in "fc":
            return np.add.reduce(x, self.axes)
        return np.add.reduce(x, axis=self.axes, dtype=x.dtype)

    def expression(self, x):
        return f"add_reduce({{0}}, {self.axes})" if x.dtype.kind in "fc" else None

    def identity(self, dtype):
        return dtype.type(0)

    def jvp(self, inputs, tangents):
        return self(*inputs), self(*tangents)

    def transpose(self, cotangents, inputs, linear):
        return (expand(cotangents[0], inputs[0].shape, self.axes),)


class Prod(_Along, Reduction):
    """The product along axes, in the dtype of the input."""

    axes: tuple
    makes_new = True
    combine = "multiply"
    kinds = "iufc"

    def evaluate(self, x):
        return np.multiply.reduce(x, axis=self.axes, dtype=x.dtype)

    def expression(self, x):
        return f"multiply_reduce({{0}}, {self.axes})" if x.dtype.kind in "fc" else None

    def identity(self, dtype):
        return dtype.type(1)

    def jvp(self, inputs, tangents):
        """Each tangent times the product of the others, exact where elements are 0."""
        from fungrad.primitives.cumulative import CumProd
        from fungrad.primitives.movement import Reshape, Transpose

        (x,), (t,) = inputs, tangents
        kept = tuple([a for a in range(x.ndim) if a not in self.axes])
        order = (*kept, *self.axes)
        flat = (*(x.shape[a] for a in kept), int(np.prod([x.shape[a] for a in self.axes])))
        x, t = (Reshape(flat)(Transpose(order)(v)) for v in (x, t))
        last = len(flat) - 1
        before = shifted(CumProd(last, False)(x), last, 1)
        after = shifted(CumProd(last, True)(x), last, -1)
        return self(*inputs), Sum((last,))(t * before * after)

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError(f"{self.name} is not linear")


def shifted(x, axis, by, fill=1):
    """`x` moved by one place along an axis, with `fill` at the free end."""
    from fungrad.primitives.joining import Pad
    from fungrad.primitives.movement import Slice

    n = x.shape[axis]
    if not n:
        return x
    starts, stops = [0] * x.ndim, list(x.shape)
    low, high, none = [0] * x.ndim, [0] * x.ndim, (0,) * x.ndim
    if by > 0:
        stops[axis], low[axis] = n - 1, 1
    else:
        starts[axis], high[axis] = 1, 1
    part = Slice(tuple(starts), tuple(stops), (1,) * x.ndim)(x)
    return Pad(tuple(low), tuple(high), none)(part, x.dtype.type(fill))


class _Extremum(_Along):
    """The jvp of max and min: the tangents of the tied elements, averaged."""

    kinds = "biuf"

    def infer(self, x):
        result = _Along.infer(self, x)
        if any(x.shape[a] == 0 for a in self.axes):
            raise ShapeError(f"{self.name} of shape {x.shape} along axes {self.axes} is empty")
        return result

    def jvp(self, inputs, tangents):
        from fungrad.primitives.elementwise import Convert, equal, multiply, select

        (x,), (t,) = inputs, tangents
        y = self(x)
        is_extremal = equal(x, expand(y, x.shape, self.axes))
        ties = Sum(self.axes)(Convert(x.dtype)(is_extremal))
        share = select(is_extremal, expand(1 / ties, x.shape, self.axes), x.dtype.type(0))
        return y, Sum(self.axes)(multiply(t, share))

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError(f"{self.name} is not linear")


class Max(_Extremum, Reduction):
    """The largest element along axes; nan where there is one."""

    axes: tuple
    makes_new = True
    combine = "maximum"

    def evaluate(self, x):
        return np.maximum.reduce(x, axis=self.axes)

    def expression(self, x):
        return f"maximum_reduce({{0}}, {self.axes})"

    def identity(self, dtype):
        return lowest(dtype)


class Min(_Extremum, Reduction):
    """The smallest element along axes; nan where there is one."""

    axes: tuple
    makes_new = True
    combine = "minimum"

    def evaluate(self, x):
        return np.minimum.reduce(x, axis=self.axes)

    def expression(self, x):
        return f"minimum_reduce({{0}}, {self.axes})"

    def identity(self, dtype):
        return highest(dtype)


def lowest(dtype):
    """The smallest value of a dtype: -inf, the smallest integer, False."""
    if dtype.kind == "f":
        return dtype.type(-np.inf)
    return dtype.type(np.iinfo(dtype).min if dtype.kind in "iu" else False)


def highest(dtype):
    """The largest value of a dtype: inf, the largest integer, True."""
    if dtype.kind == "f":
        return dtype.type(np.inf)
    return dtype.type(np.iinfo(dtype).max if dtype.kind in "iu" else True)


class _Truth(_Along):
    """Truth values have no derivative."""

    def jvp(self, inputs, tangents):
        return self(*inputs), None

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError(f"{self.name} is not linear")


class Any(_Truth, Reduction):
    """Whether some element along axes is true."""

    axes: tuple
    combine = "logical_or"
    kinds = "b"

    def evaluate(self, x):
        return np.logical_or.reduce(x, axis=self.axes)

    def identity(self, dtype):
        return np.False_


class All(_Truth, Reduction):
    """Whether all elements along axes are true."""

    axes: tuple
    combine = "logical_and"
    kinds = "b"

    def evaluate(self, x):
        return np.logical_and.reduce(x, axis=self.axes)

    def identity(self, dtype):
        return np.True_


class ArgExtremum(Routine):
    """The first position of the largest (`largest`) or smallest element along an axis, int64."""

    axis: int
    largest: bool

    @property
    def name(self):
        return "argmax" if self.largest else "argmin"

    def infer(self, x):
        if x.dtype.kind not in "biuf":
            raise DtypeError(f"{self.name} is not defined for dtype {x.dtype}")
        shape = reduced_shape(self.name, x.shape, (self.axis,))
        if x.shape[self.axis] == 0:
            raise ShapeError(f"{self.name} of shape {x.shape} along axis {self.axis} is empty")
        return ArrayType(shape, np.int64)

    def evaluate(self, x):
        return (np.argmax if self.largest else np.argmin)(x, axis=self.axis)

    def jvp(self, inputs, tangents):
        return self(*inputs), None

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError(f"{self.name} is not linear")

    def batch(self, inputs, batched, axis):
        return ArgExtremum(self.axis + 1, self.largest)(*inputs), True

    def emit(self, build, inputs, outputs):
        build.arg_extremum(self, inputs, outputs)
