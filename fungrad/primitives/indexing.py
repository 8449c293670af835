"""Reading and writing by index: gather and scatter, static and dynamic slices.

Bounds modes: "raise" (NumPy's: negative indices count from the end, others raise IndexError),
"clip" (moved to the nearest element), "drop" (a gather reads 0, a scatter writes nothing) and
"wrap" (modulo the size).
"""

import math

import numpy as np

from fungrad.core.errors import DtypeError, LinearityError, OutOfBoundsError, ShapeError
from fungrad.core.primitive import Pointwise, Routine
from fungrad.core.record import record
from fungrad.primitives.movement import Broadcast, Fill, Iota, Transpose, clamp

INT64, FLOAT64 = np.dtype(np.int64), np.dtype(np.float64)
_FEW_INDICES = 32  # which Python compares sooner than NumPy
MODES = ("raise", "clip", "drop", "wrap")


@record(frozen=True)
class OutOfBounds:
    """The culprit where an index lies outside: what `failure` says names axis and size."""

    axis: int
    size: int

    def failure(self, index):
        """The class and message of the error for an index."""
        return OutOfBoundsError, (
            f"index {index} is out of bounds for axis {self.axis} with size {self.size}; "
            'x.at[index].get(mode="clip") or mode="drop" opt out'
        )


def culprit(primitive, number, shape):
    """Who is at fault where index array `number` of a gather or scatter lies outside."""
    axes = primitive.axes if primitive.shown is None else primitive.shown
    return OutOfBounds(axes[number], shape[primitive.axes[number]])


def is_within(i, size):
    """Whether every index of an int64 array lies in [0, size)."""
    if i.size <= _FEW_INDICES:
        known = i.ravel().tolist()
        return not known or (min(known) >= 0 and max(known) < size)
    return np.count_nonzero(i.view(np.uint64) < size) == i.size  # one comparison, unsigned


def resolve(primitive, indices, shape):
    """Index arrays within bounds, and where they were valid (None: everywhere)."""
    resolved, valid, mode = [], None, primitive.mode
    for number, (index, a) in enumerate(zip(indices, primitive.axes, strict=True)):
        n = shape[a]
        index = np.asarray(index)
        if mode == "wrap":
            resolved.append(index % n if n else index)
            continue
        if mode == "clip":
            resolved.append(np.minimum(np.maximum(index, 0), max(n - 1, 0)))
            continue
        inside = (index >= -n) & (index < n)
        if mode == "raise":
            if not inside.all():
                bad = index[~inside].flat[0] if index.ndim else index
                error, message = culprit(primitive, number, shape).failure(bad)
                raise error(message)
        else:
            valid = inside if valid is None else valid & inside
        resolved.append(np.where(inside, np.where(index < 0, index + n, index), 0))
    return resolved, valid


def index_element(build, index, size, mode):
    """The scalar index within bounds and whether it was valid (None: always), in scalar code."""
    truth, n, zero = np.dtype(bool), build.constant(size, INT64), build.constant(0, INT64)
    index = build.cast(index, INT64)
    if mode == "wrap":
        return build.call("remainder", INT64, index, n), None
    if mode == "clip":
        return clamp(build, index, size), None
    is_negative = build.call("less", truth, index, zero)
    index = build.select(is_negative, index + n, index)
    low = build.call("greater_equal", truth, index, zero)
    valid = build.call("logical_and", truth, low, build.call("less", truth, index, n))
    return build.select(valid, index, zero), valid


def place_elements(primitive, build, indices, shape):
    """Scalar indices within bounds by axis, and whether all were valid (None: always).

    `indices` are the scalars of the index arrays at one place, as they are given.
    """
    places, valid = {}, None
    for number, (index, a) in enumerate(zip(indices, primitive.axes, strict=True)):
        places[a], is_valid = index_element(build, index, shape[a], primitive.mode)
        if is_valid is not None and primitive.mode == "raise":
            build.require(is_valid, culprit(primitive, number, shape), index)
        elif is_valid is not None:
            both = (np.dtype(bool), valid, is_valid)
            valid = is_valid if valid is None else build.call("logical_and", *both)
    return places, valid


def index_shape(name, x, axes, indices, mode):
    """The common shape of the index arrays; an error when they differ or do not fit `x`."""
    require_whole(name, indices)
    if any(not 0 <= a < x.ndim for a in axes):
        raise ShapeError(f"{name}: axes {axes} do not fit shape {x.shape}")
    shapes = {i.shape for i in indices}
    if len(shapes) > 1 or len(indices) != len(axes):
        raise ShapeError(f"{name}: index arrays have shapes {sorted(shapes)} for axes {axes}")
    shape = shapes.pop() if shapes else ()
    if mode != "drop" and 0 not in shape and any(x.shape[a] == 0 for a in axes):
        raise OutOfBoundsError(f"{name}: every index is out of bounds for axes {axes} of {x.shape}")
    return shape


def require_whole(name, indices):
    """DtypeError unless the indices are integers."""
    for i in indices:
        if i.dtype.kind not in "iu":
            raise DtypeError(f"{name}: an index has dtype {i.dtype}, not an integer dtype")


def rest_shape(shape, axes):
    """The shape without the indexed axes."""
    return tuple([n for a, n in enumerate(shape) if a not in axes])


def place(shape, axes, indices):
    """The NumPy index that selects `indices` along `axes` and everything along the others."""
    where = [slice(None)] * len(shape)
    for a, i in zip(axes, indices, strict=True):
        where[a] = i
    return tuple(where)


class Gather(Pointwise):
    """`x[i0, i1, ...]` along `axes`: shape of the index arrays, then the axes not indexed.

    `shown` are the axes as errors call them, where they are others: those of the user's array.
    """

    axes: tuple
    mode: str
    shown: object = None
    computes = False
    may_fail = True

    def infer(self, x, *indices):
        front = index_shape("gather", x, self.axes, indices, self.mode)
        return x.with_shape(front + rest_shape(x.shape, self.axes))

    def evaluate(self, x, *indices):
        if self.axes == (0,) and self.mode == "clip" and x.shape[0] and x.flags.c_contiguous:
            return x.take(indices[0], 0, mode="clip")
        indices, valid = resolve(self, indices, x.shape)
        rank = np.ndim(indices[0])
        order = (*self.axes, *(a for a in range(x.ndim) if a not in self.axes))
        if valid is None:
            return x.transpose(order)[tuple(indices)]
        if any(x.shape[a] == 0 for a in self.axes):
            return np.zeros(np.shape(indices[0]) + rest_shape(x.shape, self.axes), x.dtype)
        result = x.transpose(order)[tuple(indices)]
        wide = np.reshape(valid, np.shape(valid) + (1,) * (result.ndim - rank))
        return np.where(wide, result, np.zeros((), x.dtype))

    def jvp(self, inputs, tangents):
        x, *indices = inputs
        return self(x, *indices), None if tangents[0] is None else self(tangents[0], *indices)

    def transpose(self, cotangents, inputs, linear):
        (c,) = cotangents
        x, *indices = inputs
        zeros = Fill(x.shape)(x.dtype.type(0))
        scatter = Scatter(self.axes, "add", self.mode)
        return (scatter(zeros, c, *indices), *(None for _ in indices))

    def batch(self, inputs, batched, axis):
        x, *indices = inputs
        if not any(batched[1:]):
            axes = tuple([a + 1 for a in self.axes])
            rank = indices[0].ndim if np.ndim(indices[0]) else 0
            y = Gather(axes, self.mode, self.shown or self.axes)(x, *indices)
            order = (rank, *(a for a in range(y.ndim) if a != rank))
            return (Transpose(order)(y) if rank else y), True
        indices = with_batch(indices, batched[1:], axis)
        if not batched[0]:
            return self(x, *indices), True
        row = Iota(tuple(indices[0].shape), INT64, 0)()
        axes = (0, *(a + 1 for a in self.axes))
        shown = (0, *(self.shown or self.axes))
        return Gather(axes, self.mode, shown)(x, row, *indices), True

    def element(self, build, index, read, types, output):
        x, *indices = types
        rank = indices[0].ndim
        rest = iter(index[rank:])
        given = [read(number + 1, index[:rank]) for number in range(len(indices))]
        places, valid = place_elements(self, build, given, x.shape)
        value = read(0, tuple([places[a] if a in places else next(rest) for a in range(x.ndim)]))
        if valid is None:
            return value
        return build.select(valid, value, build.constant(0, output.dtype))


def with_batch(arrays, batched, axis):
    """Arrays that all have the batch axis in front."""
    return [
        a if b else Broadcast((axis.size, *np.shape(a)), tuple(range(1, np.ndim(a) + 1)))(a)
        for a, b in zip(arrays, batched, strict=True)
    ]


_LONG_ROW = 64  # elements, beside which the numbers of the rows are few
_MANY_ELEMENTS = 100_000  # of the updates: work for two threads
_COMBINE = {
    "add": np.add,
    "multiply": np.multiply,
    "minimum": np.minimum,
    "maximum": np.maximum,
}


class Scatter(Routine):
    """`x` with updates written at `x[i0, i1, ...]` along `axes`, in index order.

    `combine` is "set" (the last write wins), "add", "multiply", "minimum" or "maximum".
    The updates have the shape of the index arrays, then the axes of `x` not indexed.
    """

    axes: tuple
    combine: str
    mode: str
    shown: object = None
    may_fail = True

    def flops(self, inputs, outputs):
        return 0 if self.combine == "set" else inputs[1].size

    def infer(self, x, updates, *indices):
        front = index_shape("scatter", x, self.axes, indices, self.mode)
        expected = front + rest_shape(x.shape, self.axes)
        if updates.shape != expected or updates.dtype != x.dtype:
            raise ShapeError(f"scatter: updates are {updates}, {x.with_shape(expected)} fits")
        return x

    def evaluate(self, x, updates, *indices):
        if self.combine == "add" and x.ndim == 1 and x.dtype is FLOAT64:
            (i,) = indices
            if i.dtype == INT64 and is_within(i, x.size) and not np.count_nonzero(x):
                return np.bincount(i.ravel(), updates.ravel(), x.size)  # as `numpy.add.at`
        indices, valid = resolve(self, indices, x.shape)
        result = np.array(x)
        if not x.size and any(x.shape[a] == 0 for a in self.axes):
            return result
        target = result
        if self.axes != (0,):
            order = (*self.axes, *(a for a in range(x.ndim) if a not in self.axes))
            target = result.transpose(order)
        updates = np.asarray(updates)
        if valid is not None:
            indices = [i[valid] for i in indices]
            updates = updates[valid]
        where = indices[0] if len(indices) == 1 else tuple(indices)  # one array: NumPy is faster
        if self.combine == "set":
            target[where] = updates
        else:
            _COMBINE[self.combine].at(target, where, updates)
        return result

    def jvp(self, inputs, tangents):
        x, updates, *indices = inputs
        dx, du = tangents[:2]
        y = self(x, updates, *indices)
        if dx is None and du is None:
            return y, None
        dx = Fill(tuple(x.shape))(x.dtype.type(0)) if dx is None else dx
        du = Fill(np.shape(updates))(x.dtype.type(0)) if du is None else du
        if self.combine in ("set", "add"):
            return y, self(dx, du, *indices)
        if self.combine == "multiply":
            return y, self._product_tangent(x, updates, dx, du, indices)
        return y, self._extremum_tangent(x, updates, y, dx, du, indices)

    def _product_tangent(self, x, updates, dx, du, indices):
        """Each tangent times the other factors of its place; exact where updates are 0.

        The second derivative in two updates of one place, one of which is 0, is taken for 0.
        """
        from fungrad.primitives.elementwise import Convert, equal, select

        gather, add = Gather(self.axes, self.mode), Scatter(self.axes, "add", self.mode)
        zero, one = x.dtype.type(0), x.dtype.type(1)
        is_zero = equal(updates, zero)
        factors = select(is_zero, one, updates)
        others = gather(self(x, factors, *indices), *indices) / factors
        own = Convert(x.dtype)(is_zero)
        zeros = gather(add(Fill(tuple(x.shape))(zero), own, *indices), *indices)
        others = select(equal(zeros, own), others, zero)
        return add(self(dx, updates, *indices), du * others, *indices)

    def _extremum_tangent(self, x, updates, y, dx, du, indices):
        """The tangents of the elements that equal the extremum, averaged over the ties."""
        from fungrad.primitives.elementwise import Convert, equal

        gather, add = Gather(self.axes, self.mode), Scatter(self.axes, "add", self.mode)
        convert = Convert(y.dtype)
        stays = convert(equal(x, y))
        wins = convert(equal(updates, gather(y, *indices)))
        ties = add(stays, wins, *indices)
        return add(dx * stays, du * wins, *indices) / ties

    def transpose(self, cotangents, inputs, linear):
        (c,) = cotangents
        _, updates, *indices = inputs
        if self.combine == "multiply" and not linear[1]:
            return (self(c, updates, *indices), None, *(None for _ in indices))
        if self.combine not in ("set", "add"):
            raise LinearityError(f"scatter with combine={self.combine!r} is not linear")
        gather = Gather(self.axes, "drop" if self.mode == "drop" else self.mode)
        dx = c
        if self.combine == "set":
            zeros = Fill(np.shape(updates))(c.dtype.type(0))
            dx = self(c, zeros, *indices) if linear[0] else None
            du = self._read_winners(c, updates, indices) if linear[1] else None
        else:
            du = gather(c, *indices) if linear[1] else None
        return (dx if linear[0] else None, du, *(None for _ in indices))

    def _read_winners(self, c, updates, indices):
        """The cotangents of the updates; where several write one place, only the last gets it."""
        from fungrad.primitives.elementwise import equal, select

        gather = Gather(self.axes, self.mode)
        read = gather(c, *indices)
        front = np.shape(indices[0])
        if int(np.prod(front)) <= 1:
            return read
        flat = _running_number(front)
        rest = rest_shape(c.shape, self.axes)
        wide = Broadcast(front + rest, tuple(range(len(front))))(flat)
        last = Scatter(self.axes, "maximum", self.mode)(
            Fill(tuple(c.shape))(np.int64(-1)), wide, *indices
        )
        return select(equal(gather(last, *indices), wide), read, c.dtype.type(0))

    def batch(self, inputs, batched, axis):
        x, updates, *indices = with_batch(inputs, batched, axis)
        row = Iota(tuple(indices[0].shape), INT64, 0)()
        axes = (0, *(a + 1 for a in self.axes))
        shown = (0, *(self.shown or self.axes))
        return Scatter(axes, self.combine, self.mode, shown)(x, updates, row, *indices), True

    @property
    def begins_with(self):
        """Which output begins as which operand, so that it may take over its memory."""
        return {0: 0}

    def reads_in_order(self, x, updates, *indices):
        """The operands that compiled code reads once, element by element, so that they need no
        memory: where long rows are written by number.
        """
        is_by_rows = self.axes == (0,) and math.prod(x.shape[1:]) >= _LONG_ROW
        return (0, 1) if is_by_rows and updates.size >= _MANY_ELEMENTS else ()

    def emit(self, build, inputs, outputs):
        is_by_rows = self.reads_in_order(*[v.type for v in inputs])
        (build.scatter_rows if is_by_rows else build.scatter)(self, inputs, outputs)

    @property
    def lands_rows(self):
        """Whether an update writes what lies together: the axes not indexed are the last ones."""
        return self.axes == tuple(range(len(self.axes)))

    def landing(self, build, index, read, types):
        """Where the update at `index` goes, and whether it goes anywhere (None: always).

        Kernels that compute the updates write them there (see `Pointwise.element`).
        """
        x, _, *indices = types
        rank = indices[0].ndim
        rest = iter(index[rank:])
        given = [read(number + 2, index[:rank]) for number in range(len(indices))]
        places, valid = place_elements(self, build, given, x.shape)
        return tuple([places[a] if a in places else next(rest) for a in range(x.ndim)]), valid


def _running_number(shape):
    """0, 1, 2, ... in row-major order of a shape."""
    from fungrad.primitives.movement import Reshape

    size = int(np.prod(shape))
    return Reshape(shape)(Iota((size,), INT64, 0)())
