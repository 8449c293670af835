"""NumPy's index expressions, read once: a block by slices, then elements of it by index arrays."""

from functools import cached_property

import numpy as np

from fungrad.core.errors import OutOfBoundsError, ShapeError, UnknownValueError
from fungrad.core.record import record
from fungrad.core.tracing import Tracer
from fungrad.numpy.arrays import array
from fungrad.numpy.dispatch import has_tracer
from fungrad.numpy.masked import mask_error
from fungrad.numpy.promotion import broadcast_to, common_shape, convert
from fungrad.primitives import elementwise as e
from fungrad.primitives.indexing import Gather, Scatter, is_within
from fungrad.primitives.movement import Reshape, Reverse, Slice, Transpose

INT64 = np.dtype(np.int64)
_KINDS = (
    "only integers, slices (`:`), ellipsis (`...`), numpy.newaxis (`None`) and integer or boolean "
    "arrays are valid indices"
)


@record
class Plan:
    """How an index reads an array: Slice, Reverse, Reshape to `block`, Gather, Transpose.

    `axes` are the axes of the block at which the index arrays `indices` stand; `order` moves the
    axes of what was gathered to their places (None: they are there). `shown` are the axes of the
    array itself, where these are others (None: they are the same). `is_view` where NumPy's
    result shares memory with the array.
    """

    shape: tuple
    starts: tuple
    stops: tuple
    steps: tuple
    reversed: tuple
    block: tuple
    axes: tuple
    indices: list
    order: tuple | None
    mode: str
    is_view: bool
    shown: tuple | None

    @cached_property
    def sliced(self):
        """The shape after the slices, before axes of single elements are dropped."""
        return tuple(
            [-(-(b - a) // s) for a, b, s in zip(self.starts, self.stops, self.steps, strict=True)]
        )

    @cached_property
    def is_whole(self):
        """Whether the slices select everything in order."""
        return self.sliced == self.shape and not self.reversed

    @cached_property
    def gathered(self):
        """The shape of what is gathered: the index arrays' shape, then the other axes."""
        rest = [n for a, n in enumerate(self.block) if a not in self.axes]
        return (*np.shape(self.indices[0]), *rest)

    @cached_property
    def result(self):
        """The shape of the indexed array."""
        if not self.axes:
            return self.block
        shape = self.gathered
        return shape if self.order is None else tuple([shape[a] for a in self.order])

    @cached_property
    def movements(self):
        """The primitives that read the block, one after another."""
        found = []
        if not self.is_whole and self.sliced != self.shape:
            found.append(Slice(self.starts, self.stops, self.steps))
        if self.reversed:
            found.append(Reverse(self.reversed))
        if self.block != self.sliced:
            found.append(Reshape(self.block))
        return found

    def read_block(self, x):
        """The block of `x`."""
        for movement in self.movements:
            x = movement(x)
        return x

    def read(self, x):
        """The indexed elements of `x`."""
        x = self.read_block(x)
        if self.axes:
            x = Gather(self.axes, self.mode, self.shown)(x, *self.indices)
            x = x if self.order is None else Transpose(self.order)(x)
        return x

    def arranged(self, values):
        """Values of the shape of the result, with the axes of the index arrays in front."""
        if self.order is None:
            return values
        back = [0] * len(self.order)
        for place, a in enumerate(self.order):
            back[a] = place
        return Transpose(tuple(back))(values)

    def scatter(self, block, values, combine):
        """The block with values (of the shape of the result) combined into it."""
        scatter = Scatter(self.axes, combine, self.mode, self.shown)
        return scatter(block, self.arranged(values), *self.indices)


def plan(shape, index, mode="raise"):
    """The plan of `x[index]` for an array of the shape.

    With another mode than "raise", integers and index arrays may lie outside.
    Raises IndexError, OutOfBoundsError, BooleanIndexError.
    """
    if mode != "raise":
        return _Reader(shape, "clip" if mode == "promise_in_bounds" else mode).read(index)
    key = _static_key(index)
    if key is None:
        return _Reader(shape, mode).read(index)
    try:
        return _plans[shape, key]
    except KeyError:
        if len(_plans) >= _MOST_PLANS:
            _plans.clear()
        result = _plans[shape, key] = _Reader(shape, mode).read(index)
        return result


_plans: dict = {}  # of basic indices without run-time values
_MOST_PLANS = 4096
_STATIC = frozenset({int, type(None), type(Ellipsis)})


def _static_key(index):
    """What identifies a basic index: integers, slices, None, Ellipsis; None for other indices."""
    if type(index) is slice:
        key = (index.start, index.stop, index.step)
        return (key,) if _STATIC.issuperset(map(type, key)) else None
    parts = []
    for i in index if type(index) is tuple else (index,):
        if type(i) is slice:
            i = (i.start, i.stop, i.step)
            if not (type(i[0]) in _STATIC and type(i[1]) in _STATIC and type(i[2]) in _STATIC):
                return None
        elif type(i) not in _STATIC:
            return None
        parts.append(i)
    return tuple(parts)


class _Reader:
    """Reads the items of an index one after another."""

    def __init__(self, shape, mode):
        self.shape = shape
        self.mode = mode
        self.axis = 0  # of the array, at which the next item stands
        self.starts, self.stops, self.steps = [0] * len(shape), list(shape), [1] * len(shape)
        self.reversed = []
        self.block = []
        self.axes, self.own, self.indices = [], [], []  # in the block, in the array
        self.advanced = []  # (number of the item, block axes before it), of integers and arrays
        self.is_view = True
        self.has_array = False
        self.outside = None  # an index out of range, its axis and size: an error if it is read

    def read(self, index):
        items = self.expand(index)
        for number, item in enumerate(items):
            self.item(number, item)
        self.block += self.shape[self.axis :]
        indices, order = self.placed()
        return Plan(
            self.shape,
            tuple(self.starts),
            tuple(self.stops),
            tuple(self.steps),
            tuple(self.reversed),
            tuple(self.block),
            tuple(self.axes),
            indices,
            order,
            self.gather_mode(),
            self.is_view,
            None if self.own == self.axes else tuple(self.own),
        )

    def expand(self, index):
        """The items, with the ellipsis written out and sequences as arrays."""
        items = [as_item(i) for i in (index if isinstance(index, tuple) else (index,))]
        used, ellipses = 0, 0
        for i in items:
            if i is Ellipsis:
                ellipses += 1
            elif type(i) is np.ndarray and i.dtype.kind == "b":
                used += i.ndim
            elif i is not None:
                used += 1
        if ellipses > 1:
            raise IndexError("an index can only have a single ellipsis ('...')")
        rank = len(self.shape)
        if used > rank:
            raise IndexError(
                f"too many indices for array: array is {rank}-dimensional, but {used} were indexed"
            )
        if not ellipses:
            return items
        place = next(n for n, i in enumerate(items) if i is Ellipsis)
        return [*items[:place], Ellipsis, *[slice(None)] * (rank - used), *items[place + 1 :]]

    def item(self, number, item):
        if item is Ellipsis:
            return
        if item is None:
            self.block.append(1)
        elif type(item) is slice:
            self.slice(item)
        elif type(item) is int:
            self.integer(number, item)
        elif type(item) is np.ndarray and item.dtype.kind == "b":
            self.mask(number, item)
        else:
            self.array(number, item)

    def slice(self, item):
        a, n = self.axis, self.shape[self.axis]
        start, stop, step = static_slice(item, n)
        size = len(range(start, stop, step))
        if step < 0:
            self.reversed.append(a)
            start, step = start + (size - 1) * step if size else 0, -step
        if not size:
            start = stop = 0
        else:
            stop = start + (size - 1) * step + 1
        self.starts[a], self.stops[a] = start, stop
        self.steps[a] = step if size > 1 else 1
        self.block.append(size)
        self.axis += 1

    def integer(self, number, i):
        a, n = self.axis, self.shape[self.axis]
        if not -n <= i < n:
            if self.mode != "raise":
                self.array(number, np.array(i))
                return
            raise_out_of_bounds(i, a, n)
        i += n if i < 0 else 0
        self.starts[a], self.stops[a] = i, i + 1
        self.advanced.append((number, len(self.block)))
        self.axis += 1

    def mask(self, number, mask):
        if not mask.ndim:
            self.block.append(1)
            self.advanced.append((number, len(self.block) - 1))
            self.axes.append(len(self.block) - 1)
            self.own.append(len(self.block) - 1)
            self.indices.append(np.zeros(int(mask), np.int64))
            self.has_array, self.is_view = True, False
            return
        for offset, (n, m) in enumerate(zip(self.shape[self.axis :], mask.shape, strict=False)):
            if n != m:
                raise IndexError(
                    f"boolean index did not match indexed array along axis {self.axis + offset}; "
                    f"size of axis is {n} but size of corresponding boolean axis is {m}"
                )
        for line in np.nonzero(mask):
            self.array(number, line)

    def array(self, number, i):
        a, n = self.axis, self.shape[self.axis]
        if type(i) is Tracer:
            i = convert(i, INT64)
            if self.mode == "clip":
                i = e.select(e.less(i, np.int64(0)), e.add(i, np.int64(n)), i)
        elif self.mode in ("raise", "clip"):
            i = np.asarray(i, np.int64)
            if not is_within(i, n):
                outside = (i < -n) | (i >= n)
                if self.mode == "raise" and self.outside is None and outside.any():
                    self.outside = int(i[outside].flat[0]), a, n
                i = np.where(i < 0, i + n, i)
        if np.ndim(i):
            self.has_array, self.is_view = True, False
        self.advanced.append((number, len(self.block)))
        self.axes.append(len(self.block))
        self.own.append(a)
        self.indices.append(i)
        self.block.append(n)
        self.axis += 1

    def gather_mode(self):
        if self.mode == "raise" and not any(type(i) is Tracer for i in self.indices):
            return "clip"  # within bounds, as was seen above
        return "drop" if self.mode == "fill" else self.mode

    def placed(self):
        """The index arrays in their common shape, and the order that puts their axes in place."""
        if not self.axes:
            return [], None
        try:
            shape = common_shape("index arrays", *self.indices)
        except ShapeError as error:
            raise IndexError(f"shape mismatch: {error}") from None
        if self.outside is not None and 0 not in shape:
            raise_out_of_bounds(*self.outside)
        indices = [
            broadcast_to(i, shape) if type(i) is Tracer else np.array(np.broadcast_to(i, shape))[()]
            for i in self.indices
        ]
        numbers = [number for number, _ in self.advanced]
        is_together = numbers == sorted(numbers) and numbers[-1] - numbers[0] < len(set(numbers))
        front = len(shape)
        place = 0
        if is_together and front:
            first = self.advanced[0][1]
            place = sum(1 for a in range(first) if a not in self.axes)
        if not place:
            return indices, None
        rest = len(self.block) - len(self.axes)
        order = (
            *range(front, front + place),
            *range(front),
            *range(front + place, front + rest),
        )
        return indices, order


def as_item(i):
    """An item of an index: int, slice, None, Ellipsis, index array, or traced index."""
    if type(i) is int or type(i) is slice or i is None or i is Ellipsis:
        return i
    if type(i) is not Tracer:
        if isinstance(i, bool | np.bool_):
            return np.array(i)
        if isinstance(i, np.integer):
            return int(i)
        if not has_tracer([i]):
            return _array_item(i)
        i = array(i)
    if i.dtype.kind == "b":
        if not i.is_known:
            raise mask_error(i)
        return np.asarray(i.value)
    if i.dtype.kind not in "iu":
        raise IndexError(_KINDS)
    return i


def _array_item(i):
    if not isinstance(i, np.ndarray | list | tuple):
        try:
            return i.__index__()
        except AttributeError:
            pass
    array = np.asarray(i)
    if not array.size and not isinstance(i, np.ndarray):
        array = array.astype(np.int64)
    if array.dtype.kind not in "iub":
        raise IndexError(_KINDS)
    return int(array) if not array.ndim and array.dtype.kind != "b" else array


def static_slice(item, size):
    """start, stop and step of a slice whose bounds are known; UnknownValueError otherwise."""
    for bound in (item.start, item.stop, item.step):
        if type(bound) is Tracer and not bound.is_known:
            raise UnknownValueError(
                f"a slice bound of type {bound.type} does not exist while "
                f"{bound.recording.title} is traced, so the size of the slice is not known; use "
                "lax.dynamic_slice_in_dim(x, start, size), or an index array such as "
                "x[start + fungrad.numpy.arange(size)]"
            )
    return item.indices(size)


def raise_out_of_bounds(index, axis, size):
    """OutOfBoundsError for a static index."""
    raise OutOfBoundsError(
        f"index {index} is out of bounds for axis {axis} with size {size}; "
        'x.at[index].get(mode="clip") or mode="fill" opt out'
    )
