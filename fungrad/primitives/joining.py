"""Primitives that put arrays beside each other, or a border around one."""

from functools import lru_cache

import numpy as np

from fungrad.core.errors import DtypeError, ShapeError
from fungrad.core.primitive import Pointwise
from fungrad.primitives.movement import (
    Broadcast,
    Fill,
    Slice,
    clamp,
)
from fungrad.primitives.reductions import Sum


class Pad(Pointwise):
    """The input surrounded by a scalar: `low` before, `high` after, `interior` between elements."""

    low: tuple
    high: tuple
    interior: tuple
    computes = False

    def infer(self, x, value):
        if len(self.low) != x.ndim:
            raise ShapeError(f"pad: {len(self.low)} widths do not fit shape {x.shape}")
        if value.shape:
            raise ShapeError(f"pad: the value is a scalar, not of shape {value.shape}")
        if x.dtype != value.dtype:
            raise DtypeError(f"pad: dtypes {x.dtype} and {value.dtype} differ")
        for a, b, s in zip(self.low, self.high, self.interior, strict=True):
            if min(a, b, s) < 0:
                raise ShapeError(f"pad: negative padding {(a, b, s)}")
        return x.with_shape(self._outside(x.shape))

    def evaluate(self, x, value):
        outside, inside = self._places(x.shape)
        result = np.zeros(outside, x.dtype)
        if any(value.tobytes()):  # -0.0 among them
            result.fill(value)
        result[inside] = x
        return result

    def evaluation(self, x, value):
        outside, inside = self._places(x.shape)
        zeros, dtype, nothing = np.zeros, x.dtype, bytes(x.dtype.itemsize)

        def pad(x, value):
            result = zeros(outside, dtype)
            if value or value.tobytes() != nothing:  # -0.0 among them
                result.fill(value)
            result[inside] = x
            return result

        return pad

    @lru_cache(maxsize=4096)
    def _places(self, shape):
        """The shape of the result, and the slices of it in which an input of a shape stands."""
        return self._outside(shape), self._inside(shape)

    def _outside(self, shape):
        """The shape of the result."""
        widths = zip(shape, self.low, self.high, self.interior, strict=True)
        return tuple([a + b + n + max(n - 1, 0) * s for n, a, b, s in widths])

    def _inside(self, shape):
        """The slices of the result in which the input stands."""
        place = []
        for n, a, s in zip(shape, self.low, self.interior, strict=True):
            place.append(slice(a, a + (n and 1 + (n - 1) * (s + 1)), s + 1))
        return tuple(place)

    def jvp(self, inputs, tangents):
        x, value = inputs
        dx, dvalue = tangents
        dx = Fill(tuple(x.shape))(x.dtype.type(0)) if dx is None else dx
        return self(*inputs), self(dx, x.dtype.type(0) if dvalue is None else dvalue)

    def transpose(self, cotangents, inputs, linear):
        (c,) = cotangents
        x, _ = inputs
        place = self._inside(x.shape)
        starts, stops, steps = (
            tuple([getattr(s, name) for s in place]) for name in ("start", "stop", "step")
        )
        inner = Slice(starts, stops, steps)(c)
        dvalue = None
        if linear[1]:
            axes = tuple(range(c.ndim))
            dvalue = Sum(axes)(c) - Sum(axes)(inner)
        return inner if linear[0] else None, dvalue

    def batch(self, inputs, batched, axis):
        x, value = inputs
        if not batched[0]:
            x = Broadcast((axis.size, *x.shape), tuple(range(1, x.ndim + 1)))(x)
        wider = Pad((0, *self.low), (0, *self.high), (0, *self.interior))
        if not batched[1]:
            return wider(x, value), True
        zero = x.dtype.type(0)
        inside = Fill(tuple(x.shape))(np.True_)
        padded = wider(x, zero)
        mask = wider(inside, np.False_)
        from fungrad.primitives.elementwise import select

        return select(mask, padded, Broadcast(padded.shape, (0,))(value)), True

    def element(self, build, index, read, types, output):
        int64 = np.dtype(np.int64)
        inside, source = None, []
        for i, n, a, s in zip(index, types[0].shape, self.low, self.interior, strict=True):
            offset = i - build.constant(a, int64)
            step = build.constant(s + 1, int64)
            position = build.call("floor_divide", int64, offset, step) if s else offset
            tests = []
            tests.append(
                build.call("greater_equal", np.dtype(bool), offset, build.constant(0, int64))
            )
            tests.append(build.call("less", np.dtype(bool), position, build.constant(n, int64)))
            if s:
                rest = build.call("remainder", int64, offset, step)
                tests.append(build.call("equal", np.dtype(bool), rest, build.constant(0, int64)))
            for test in tests:
                inside = (
                    test
                    if inside is None
                    else build.call("logical_and", np.dtype(bool), inside, test)
                )
            source.append(clamp(build, position, n))
        if inside is None:
            return read(0, ())
        if 0 in types[0].shape:
            return read(1, ())
        return build.select(inside, read(0, tuple(source)), read(1, ()))


class Concatenate(Pointwise):
    """The inputs one after another along an axis."""

    axis: int
    computes = False

    def infer(self, *types):
        for number, t in enumerate(types):
            if t.dtype != types[0].dtype:
                raise DtypeError(
                    f"concatenate: operand {number} is {t}, operand 0 is {types[0]}; the dtypes "
                    "differ"
                )
            if not 0 <= self.axis < t.ndim:
                raise ShapeError(
                    f"concatenate: operand {number} is {t}, which has no axis {self.axis}"
                )
        rest = [t.shape[: self.axis] + t.shape[self.axis + 1 :] for t in types]
        for number, (shape, t) in enumerate(zip(rest, types, strict=True)):
            if shape != rest[0]:
                raise ShapeError(
                    f"concatenate: operand {number} is {t}, operand 0 is {types[0]}; they must "
                    f"agree except along axis {self.axis}"
                )
        total = sum(t.shape[self.axis] for t in types)
        shape = list(types[0].shape)
        shape[self.axis] = total
        return types[0].with_shape(tuple(shape))

    def evaluate(self, *values):
        return np.concatenate(values, self.axis)

    def regions(self, *inputs):
        """Where the elements of each input begin among the result's, or None where they do not
        stand in one piece."""
        if any(n != 1 for n in inputs[0].shape[: self.axis]):
            return None
        return np.cumsum([0, *[x.size for x in inputs[:-1]]]).tolist()

    def jvp(self, inputs, tangents):
        filled = [
            Fill(tuple(x.shape))(x.dtype.type(0)) if t is None else t
            for x, t in zip(inputs, tangents, strict=True)
        ]
        return self(*inputs), self(*filled)

    def transpose(self, cotangents, inputs, linear):
        (c,) = cotangents
        result, position = [], 0
        for x, is_linear in zip(inputs, linear, strict=True):
            starts, stops = [0] * c.ndim, list(c.shape)
            starts[self.axis], stops[self.axis] = position, position + x.shape[self.axis]
            position = stops[self.axis]
            part = Slice(tuple(starts), tuple(stops), (1,) * c.ndim)
            result.append(part(c) if is_linear else None)
        return tuple(result)

    def batch(self, inputs, batched, axis):
        wide = []
        for x, is_batched in zip(inputs, batched, strict=True):
            if not is_batched:
                x = Broadcast((axis.size, *x.shape), tuple(range(1, x.ndim + 1)))(x)
            wide.append(x)
        return Concatenate(self.axis + 1)(*wide), True

    def element(self, build, index, read, types, output):
        int64 = np.dtype(np.int64)
        result, start = None, 0
        for number, t in enumerate(types):
            n = t.shape[self.axis]
            if n:
                moved = list(index)
                moved[self.axis] = clamp(build, index[self.axis] - build.constant(start, int64), n)
                value = read(number, tuple(moved))
                is_later = build.call(
                    "greater_equal",
                    np.dtype(bool),
                    index[self.axis],
                    build.constant(start, int64),
                )
                result = value if result is None else build.select(is_later, value, result)
            start += n
        return build.constant(0, output.dtype) if result is None else result
