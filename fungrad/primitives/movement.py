"""Movements: primitives that put elements elsewhere and compute nothing."""

from functools import cached_property

import numpy as np

from fungrad.core.errors import ShapeError
from fungrad.core.primitive import Pointwise
from fungrad.core.types import ArrayType
from fungrad.primitives.reductions import Sum


def front(x, axis, target):
    """`x` with one axis moved to another place."""
    order = [i for i in range(x.ndim) if i != axis]
    order.insert(target, axis)
    return x if order == list(range(x.ndim)) else Transpose(tuple(order))(x)


def ravel_index(build, index, shape):
    """The position of an index in row-major order, as a scalar expression."""
    position = build.constant(0, np.int64)
    for i, n in zip(index, shape, strict=True):
        position = position * build.constant(n, np.int64) + i
    return position


def unravel_index(build, position, shape):
    """The index at a row-major position, as scalar expressions."""
    index = []
    for n in reversed(shape[1:]):
        size = build.constant(n, np.int64)
        index.append(build.call("remainder", np.dtype(np.int64), position, size))
        position = build.call("floor_divide", np.dtype(np.int64), position, size)
    return (position, *reversed(index)) if shape else ()


class Reshape(Pointwise):
    """The same elements in row-major order under another shape."""

    shape: tuple
    is_free = True

    def infer(self, x):
        result = x.with_shape(self.shape)
        if result.size != x.size:
            raise ShapeError(f"reshape: {x.shape} has {x.size} elements, {self.shape} does not")
        return result

    def evaluate(self, x):
        return x.reshape(self.shape) if self.shape else x.reshape(())[()]

    def expression(self, x):
        if self.shape:
            return f"{{0}}.reshape({self.shape})"
        return f"{{0}}[{', '.join('0' * x.ndim)}]" if x.ndim else "{0}"

    def jvp(self, inputs, tangents):
        return self(*inputs), self(*tangents)

    def transpose(self, cotangents, inputs, linear):
        return (Reshape(inputs[0].shape)(cotangents[0]),)

    def batch(self, inputs, batched, axis):
        return Reshape((axis.size, *self.shape))(*inputs), True

    def element(self, build, index, read, types, output):
        source, target = types[0].shape, self.shape
        if [n for n in source if n != 1] == [n for n in target if n != 1]:
            wide = iter([i for i, n in zip(index, target, strict=True) if n != 1])
            zero = build.constant(0, np.int64)
            return read(0, tuple([next(wide) if n != 1 else zero for n in source]))
        return read(0, unravel_index(build, ravel_index(build, index, target), source))


class Broadcast(Pointwise):
    """The input repeated: its axis i is axis `axes[i]` of the output; axes of size 1 stretch."""

    shape: tuple
    axes: tuple
    is_free = True

    def infer(self, x):
        if len(self.axes) != x.ndim or any(
            n not in (1, self.shape[a]) for n, a in zip(x.shape, self.axes, strict=False)
        ):
            raise ShapeError(f"broadcast: {x.shape} does not fit {self.shape} at axes {self.axes}")
        return x.with_shape(self.shape)

    def evaluate(self, x):
        x = np.asarray(x)
        if not x.ndim:
            result = np.ndarray(self.shape, x.dtype, x, 0, (0,) * len(self.shape))
            result.setflags(write=False)
            return result
        if not x.flags.c_contiguous:
            expanded = np.moveaxis(
                x[(...,) + (None,) * (len(self.shape) - x.ndim)], range(x.ndim), self.axes
            )
            return np.broadcast_to(expanded, self.shape)
        strides = [0] * len(self.shape)
        for a, n, stride in zip(self.axes, x.shape, x.strides, strict=True):
            strides[a] = stride if n != 1 else 0
        result = np.ndarray(self.shape, x.dtype, x, 0, strides)
        result.setflags(write=False)
        return result

    def evaluation(self, x):
        shape, strides, size = self.shape, [0] * len(self.shape), x.dtype.itemsize
        for a, n in zip(reversed(self.axes), reversed(x.shape), strict=True):
            strides[a] = size if n != 1 else 0
            size *= n

        def broadcast(v):
            if type(v) is not ndarray or not v.flags.c_contiguous:
                return self.evaluate(v)
            result = ndarray(shape, v.dtype, v, 0, strides)
            result.setflags(write=False)
            return result

        ndarray = np.ndarray
        return broadcast

    def unrepeated(self, x):
        """As `x`, but with the axes that NumPy stretches in an operation with a whole array."""
        rank = len(self.shape)
        if not x.ndim or self.axes == tuple(range(rank - x.ndim, rank)):
            return "{0}"
        shape = [1] * rank
        for a, n in zip(self.axes, x.shape, strict=True):
            shape[a] = n
        return f"{{0}}.reshape({tuple(shape)})" if self.axes == tuple(sorted(self.axes)) else None

    def jvp(self, inputs, tangents):
        return self(*inputs), self(*tangents)

    def transpose(self, cotangents, inputs, linear):
        shape = inputs[0].shape
        kept = {a for a, n in zip(self.axes, shape, strict=True) if n == self.shape[a]}
        summed = tuple([a for a in range(len(self.shape)) if a not in kept])
        c = Sum(summed)(cotangents[0]) if summed else cotangents[0]
        order = [a for a in self.axes if a in kept]
        if order != sorted(order):
            ranks = sorted(order)
            c = Transpose(tuple([ranks.index(a) for a in order]))(c)
        return (Reshape(shape)(c) if np.shape(c) != shape else c,)

    def batch(self, inputs, batched, axis):
        return Broadcast((axis.size, *self.shape), (0, *(a + 1 for a in self.axes)))(*inputs), True

    def element(self, build, index, read, types, output):
        zero = build.constant(0, np.int64)
        shape = types[0].shape
        return read(
            0, tuple([index[a] if n != 1 else zero for a, n in zip(self.axes, shape, strict=True)])
        )


class Fill(Pointwise):
    """An array of one scalar; recorded in a trace, so that it can be written to."""

    shape: tuple
    is_free = True
    is_creation = True
    makes_new = True

    def infer(self, x):
        if x.shape:
            raise ShapeError(f"fill: the value is a scalar, not of shape {x.shape}")
        return x.with_shape(self.shape)

    def evaluate(self, x):
        if not self.shape:
            return x
        result = np.empty(self.shape, x.dtype)  # a third of the time of numpy.full
        result.fill(x)
        return result

    def jvp(self, inputs, tangents):
        return self(*inputs), self(*tangents)

    def transpose(self, cotangents, inputs, linear):
        c = cotangents[0]
        return (Sum(tuple(range(c.ndim)))(c) if np.ndim(c) else c,)

    def batch(self, inputs, batched, axis):
        return Broadcast((axis.size, *self.shape), (0,))(*inputs), True

    def element(self, build, index, read, types, output):
        return read(0, ())


class Iota(Pointwise):
    """0, 1, 2, ... along one axis of an array."""

    shape: tuple
    dtype: np.dtype
    axis: int
    is_free = True
    is_creation = True

    def infer(self):
        return ArrayType(self.shape, self.dtype)

    def evaluate(self):
        line = np.arange(self.shape[self.axis], dtype=self.dtype)
        ones = [1] * len(self.shape)
        ones[self.axis] = -1
        return np.broadcast_to(line.reshape(ones), self.shape)

    def jvp(self, inputs, tangents):
        return self(), None

    def transpose(self, cotangents, inputs, linear):
        return ()

    def batch(self, inputs, batched, axis):
        return self(), False

    def element(self, build, index, read, types, output):
        return build.cast(index[self.axis], output.dtype)


class Transpose(Pointwise):
    """Axes in another order: axis i of the output is axis `order[i]` of the input."""

    order: tuple
    is_free = True

    def infer(self, x):
        if sorted(self.order) != list(range(x.ndim)):
            raise ShapeError(f"transpose: {self.order} does not order the axes of {x.shape}")
        return x.with_shape(tuple([x.shape[a] for a in self.order]))

    def evaluate(self, x):
        return x.transpose(self.order)

    def expression(self, x):
        return "{0}.T" if self.order == (1, 0) else f"{{0}}.transpose({self.order})"

    def jvp(self, inputs, tangents):
        return self(*inputs), self(*tangents)

    def transpose(self, cotangents, inputs, linear):
        back = [0] * len(self.order)
        for i, a in enumerate(self.order):
            back[a] = i
        return (Transpose(tuple(back))(cotangents[0]),)

    def batch(self, inputs, batched, axis):
        return Transpose((0, *(a + 1 for a in self.order)))(*inputs), True

    def element(self, build, index, read, types, output):
        source = [None] * len(index)
        for i, a in zip(index, self.order, strict=True):
            source[a] = i
        return read(0, tuple(source))


class Slice(Pointwise):
    """Elements `starts[i], starts[i] + steps[i], ...` below `stops[i]` along every axis i."""

    starts: tuple
    stops: tuple
    steps: tuple
    is_free = True

    def infer(self, x):
        if len(self.starts) != x.ndim:
            raise ShapeError(f"slice: {len(self.starts)} ranges do not fit shape {x.shape}")
        shape = []
        for n, a, b, s in zip(x.shape, self.starts, self.stops, self.steps, strict=True):
            if not 0 <= a <= b <= n or s < 1:
                raise ShapeError(f"slice: [{a}:{b}:{s}] does not fit an axis of size {n}")
            shape.append(-(-(b - a) // s))
        return x.with_shape(tuple(shape))

    @cached_property
    def index(self):
        """The index of NumPy that reads the elements."""
        return tuple(map(slice, self.starts, self.stops, self.steps))

    def evaluate(self, x):
        return x[self.index]

    def expression(self, x):
        if any([type(n) is not int for n in (*self.starts, *self.stops)]):
            return None
        ranges = zip(self.starts, self.stops, self.steps, strict=True)
        return f"{{0}}[{', '.join([f'{a}:{b}:{s}' for a, b, s in ranges])}]" if x.ndim else "{0}"

    def jvp(self, inputs, tangents):
        return self(*inputs), self(*tangents)

    def transpose(self, cotangents, inputs, linear):
        from fungrad.primitives.joining import Pad

        (c,) = cotangents
        interior = tuple([s - 1 for s in self.steps])
        covered = [n and 1 + (n - 1) * s for n, s in zip(c.shape, self.steps, strict=True)]
        high = [n - a - m for n, a, m in zip(inputs[0].shape, self.starts, covered, strict=True)]
        return (Pad(self.starts, tuple(high), interior)(c, c.dtype.type(0)),)

    def batch(self, inputs, batched, axis):
        wider = Slice((0, *self.starts), (axis.size, *self.stops), (1, *self.steps))
        return wider(*inputs), True

    def element(self, build, index, read, types, output):
        moved = []
        for i, a, s in zip(index, self.starts, self.steps, strict=True):
            moved.append(i * build.constant(s, np.int64) + build.constant(a, np.int64))
        return read(0, tuple(moved))


class Reverse(Pointwise):
    """Elements in reverse order along some axes."""

    axes: tuple
    is_free = True

    def infer(self, x):
        if any(not 0 <= a < x.ndim for a in self.axes):
            raise ShapeError(f"reverse: axes {self.axes} do not fit shape {x.shape}")
        return x

    def evaluate(self, x):
        return np.flip(x, self.axes)

    def jvp(self, inputs, tangents):
        return self(*inputs), self(*tangents)

    def transpose(self, cotangents, inputs, linear):
        return (self(*cotangents),)

    def batch(self, inputs, batched, axis):
        return Reverse(tuple([a + 1 for a in self.axes]))(*inputs), True

    def element(self, build, index, read, types, output):
        moved = list(index)
        for a in self.axes:
            moved[a] = build.constant(output.shape[a] - 1, np.int64) - index[a]
        return read(0, tuple(moved))


def clamp(build, position, size):
    """The position moved into [0, size)."""
    int64 = np.dtype(np.int64)
    low = build.call("maximum", int64, position, build.constant(0, int64))
    return build.call("minimum", int64, low, build.constant(size - 1, int64))
