"""Blocks at run-time positions, moved inside the array as JAX moves them."""

import numpy as np

from fungrad.core.errors import DtypeError, ShapeError
from fungrad.core.primitive import Pointwise, Routine
from fungrad.primitives.indexing import INT64, Gather, Scatter, require_whole, with_batch
from fungrad.primitives.movement import Broadcast, Fill, Iota, clamp


class DynamicSlice(Pointwise):
    """A block of the given sizes from run-time starts, moved inside the array (as JAX clamps)."""

    sizes: tuple
    computes = False

    def infer(self, x, *starts):
        require_whole("dynamic_slice", starts)
        if not len(starts) == len(self.sizes) == x.ndim or any(
            s > n for s, n in zip(self.sizes, x.shape, strict=True)
        ):
            raise ShapeError(f"dynamic_slice: sizes {self.sizes} do not fit shape {x.shape}")
        return x.with_shape(self.sizes)

    def evaluate(self, x, *starts):
        return x[clamped_block(x.shape, self.sizes, starts)]

    def jvp(self, inputs, tangents):
        x, *starts = inputs
        return self(*inputs), None if tangents[0] is None else self(tangents[0], *starts)

    def transpose(self, cotangents, inputs, linear):
        x, *starts = inputs
        zeros = Fill(x.shape)(x.dtype.type(0))
        return (DynamicUpdate()(zeros, cotangents[0], *starts), *(None for _ in starts))

    def batch(self, inputs, batched, axis):
        x, *starts = inputs
        if batched[0] and not any(batched[1:]):
            return DynamicSlice((axis.size, *self.sizes))(x, np.int64(0), *starts), True
        shape = tuple(x.shape)[1:] if batched[0] else tuple(x.shape)
        indices = block_indices(shape, self.sizes, starts, batched[1:], axis)
        if batched[0]:
            row = Iota((axis.size, *self.sizes), INT64, 0)()
            return Gather(tuple(range(x.ndim)), "clip")(x, row, *indices), True
        return Gather(tuple(range(x.ndim)), "clip")(x, *indices), True

    def element(self, build, index, read, types, output):
        source = []
        for a, (i, n, s) in enumerate(zip(index, types[0].shape, self.sizes, strict=True)):
            start = build.cast(read(a + 1, ()), INT64)
            source.append(clamp(build, start, n - s + 1) + i)
        return read(0, tuple(source))


class DynamicUpdate(Routine):
    """`x` with a block overwritten at run-time starts, moved inside the array (as JAX clamps)."""

    computes = False

    @property
    def name(self):
        return "dynamic_update"

    def infer(self, x, update, *starts):
        fits = len(starts) == x.ndim == update.ndim and all(
            s <= n for s, n in zip(update.shape, x.shape, strict=True)
        )
        require_whole(self.name, starts)
        if update.dtype != x.dtype:
            raise DtypeError(f"{self.name}: update {update} does not fit {x}")
        if not fits:
            raise ShapeError(f"{self.name}: update {update} does not fit {x}")
        return x

    def evaluate(self, x, update, *starts):
        result = np.array(x)
        result[clamped_block(x.shape, np.shape(update), starts)] = update
        return result

    def jvp(self, inputs, tangents):
        x, update, *starts = inputs
        dx, du = tangents[:2]
        y = self(*inputs)
        if dx is None and du is None:
            return y, None
        dx = Fill(tuple(x.shape))(x.dtype.type(0)) if dx is None else dx
        du = Fill(tuple(update.shape))(x.dtype.type(0)) if du is None else du
        return y, self(dx, du, *starts)

    def transpose(self, cotangents, inputs, linear):
        (c,) = cotangents
        _, update, *starts = inputs
        dx = du = None
        if linear[0]:
            dx = self(c, Fill(tuple(update.shape))(c.dtype.type(0)), *starts)
        if linear[1]:
            du = DynamicSlice(tuple(update.shape))(c, *starts)
        return (dx, du, *(None for _ in starts))

    def batch(self, inputs, batched, axis):
        (x, update), starts = with_batch(inputs[:2], batched[:2], axis), inputs[2:]
        if not any(batched[2:]):
            return self(x, update, np.int64(0), *starts), True
        shape = tuple(x.shape)[1:]
        indices = block_indices(shape, tuple(update.shape)[1:], starts, batched[2:], axis)
        row = Iota(tuple(update.shape), INT64, 0)()
        scatter = Scatter(tuple(range(x.ndim)), "set", "clip")
        return scatter(x, update, row, *indices), True

    @property
    def begins_with(self):
        """Which output begins as which operand, so that it may take over its memory."""
        return {0: 0}

    def emit(self, build, inputs, outputs):
        build.dynamic_update(self, inputs, outputs)


def clamped_block(shape, sizes, starts):
    """The slices of a block of given sizes, its starts moved so that it lies inside the shape."""
    place = []
    for n, size, start in zip(shape, sizes, starts, strict=True):
        start = min(max(int(start), 0), n - size)
        place.append(slice(start, start + size))
    return tuple(place)


def block_indices(shape, sizes, starts, batched, axis):
    """Index arrays of shape (batch, *sizes) of a block at batched starts."""
    from fungrad.primitives.elementwise import Convert, maximum, minimum

    wide = (axis.size, *sizes)
    indices = []
    for a, (n, size, start) in enumerate(zip(shape, sizes, starts, strict=True)):
        start = start if start.dtype == INT64 else Convert(INT64)(start)
        start = minimum(maximum(start, np.int64(0)), np.int64(n - size))
        if batched[a]:
            start = Broadcast(wide, (0,))(start)
        indices.append(Iota(wide, INT64, a + 1)() + start)
    return indices
