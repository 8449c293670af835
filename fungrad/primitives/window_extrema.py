"""Extrema of windows: the largest or smallest element of each, and which one it is."""

from math import prod

import numpy as np

from fungrad.core.errors import DtypeError, LinearityError, ShapeError
from fungrad.core.primitive import Routine
from fungrad.core.types import ArrayType
from fungrad.primitives.elementwise import multiply, select
from fungrad.primitives.indexing import with_batch
from fungrad.primitives.reductions import highest, lowest
from fungrad.primitives.windows import Windowed, windows_of


class _WindowExtremum(Windowed):
    """The tangent of an extremum of a window is that of the first element which holds it."""

    @property
    def part_of(self):
        return WindowFind(self.windows, self.widths, self.combine == "maximum"), 0

    def jvp(self, inputs, tangents):
        y, element = self.part_of[0](*inputs)
        return y, WindowTake(self.windows, self.widths)(*tangents, element)

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError(f"{self.name} is not linear")

    def emit(self, build, inputs, outputs):
        build.reduce_windows(self, inputs, outputs)


class WindowMax(_WindowExtremum, Routine):
    """The largest element of each window; the lowest value of the dtype where there is none."""

    windows: tuple
    widths: tuple
    kinds = "biuf"
    combine = "maximum"
    name = "window_max"

    def identity(self, dtype):
        return lowest(dtype)

    def evaluate(self, x):
        return self.combined(np.maximum, x)


class WindowMin(_WindowExtremum, Routine):
    """The smallest element of each window; the highest value of the dtype where there is none."""

    windows: tuple
    widths: tuple
    kinds = "biuf"
    combine = "minimum"
    name = "window_min"

    def identity(self, dtype):
        return highest(dtype)

    def evaluate(self, x):
        return self.combined(np.minimum, x)


class WindowFind(Windowed, Routine):
    """The first largest (`largest`) or smallest element of each window, and which one it is.

    The second output is the element's number in the row-major order of a window, as the smallest
    integer that counts them. nan wins; of a window without elements the number is -1, and the
    first output is the lowest (highest) value of the dtype.
    """

    windows: tuple
    widths: tuple
    largest: bool
    kinds = "biuf"
    has_many_outputs = True

    @property
    def name(self):
        return "window_find_max" if self.largest else "window_find_min"

    def worst(self, dtype):
        """What stands for the extremum of no elements."""
        return (lowest if self.largest else highest)(dtype)

    def infer(self, x):
        y = Windowed.infer(self, x)
        return y, ArrayType(y.shape, _number_dtype(self.widths))

    def evaluate(self, x):
        is_inside = _flat_windows(self, np.ones(x.shape, bool), False)
        values = np.where(is_inside, _flat_windows(self, x, 0), self.worst(x.dtype))
        best = (np.max if self.largest else np.min)(values, -1, keepdims=True)
        is_best = is_inside & ((values == best) | (values != values))
        element = np.where(is_best.any(-1), np.argmax(is_best, -1), -1)
        return best[..., 0][()], element.astype(_number_dtype(self.widths))[()]

    def jvp(self, inputs, tangents):
        y, element = self(*inputs)
        return (y, element), (WindowTake(self.windows, self.widths)(*tangents, element), None)

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError(f"{self.name} is not linear")

    def batch(self, inputs, batched, axis):
        found, _ = Windowed.batch(self, inputs, batched, axis)
        return found, (True, True)

    def emit(self, build, inputs, outputs):
        build.find_in_windows(self, inputs, outputs)


class WindowTake(Windowed, Routine):
    """The element of each window that has a number, 0 where that is -1 (see WindowFind)."""

    windows: tuple
    widths: tuple
    kinds = "biufc"
    name = "window_take"

    def infer(self, x, element):
        y = Windowed.infer(self, x)
        _require_numbers(self, y.shape, element)
        return y

    def evaluate(self, x, element):
        is_there = element >= 0
        y = np.zeros(element.shape, x.dtype)
        y[is_there] = x.reshape(-1)[_places(self, x.shape, element)[is_there]]
        return y[()]

    def jvp(self, inputs, tangents):
        (x, element), t = inputs, tangents[0]
        return self(x, element), None if t is None else self(t, element)

    def transpose(self, cotangents, inputs, linear):
        if linear[1]:
            raise LinearityError(f"{self.name} is linear in its first operand only")
        return WindowPut(self.windows, self.widths, inputs[0].shape)(*cotangents, inputs[1]), None

    def batch(self, inputs, batched, axis):
        return Windowed.batch(self, with_batch(inputs, batched, axis), batched, axis)

    def emit(self, build, inputs, outputs):
        build.take_from_windows(self, inputs, outputs)


class WindowPut(Windowed, Routine):
    """An array of zeros, to which the value of each window is added at the element with a number.

    The windows slide over that array, of the given shape; where the number is -1 nothing is added.
    """

    windows: tuple
    widths: tuple
    shape: tuple
    kinds = "biufc"
    name = "window_put"

    @property
    def scaled(self):
        """The primitive that multiplies what is made, too."""
        return ScaledPut(self.windows, self.widths, self.shape)

    def infer(self, y, element):
        x = y.with_shape(self.shape)
        if Windowed.infer(self, x).shape != y.shape:
            raise ShapeError(
                f"{self.name}: values of shape {y.shape} for {self.windows} over {self.shape}"
            )
        _require_numbers(self, y.shape, element)
        return x

    def evaluate(self, y, element):
        is_there = element >= 0
        x = np.zeros(prod(self.shape), y.dtype)
        np.add.at(x, _places(self, self.shape, element)[is_there], y[is_there])
        return x.reshape(self.shape)[()]

    def jvp(self, inputs, tangents):
        (y, element), t = inputs, tangents[0]
        return self(y, element), None if t is None else self(t, element)

    def transpose(self, cotangents, inputs, linear):
        if linear[1]:
            raise LinearityError(f"{self.name} is linear in its first operand only")
        return WindowTake(self.windows, self.widths)(*cotangents, inputs[1]), None

    def batch(self, inputs, batched, axis):
        y, element = with_batch(inputs, batched, axis)
        windows, widths = (None, *self.windows), (1, *self.widths)
        return WindowPut(windows, widths, (axis.size, *self.shape))(y, element), True

    def reads_in_order(self, y, element):
        """No operand: several elements of the output read one of the values."""
        return ()

    def emit(self, build, inputs, outputs):
        build.put_into_windows(self, inputs, outputs)


class ScaledPut(Windowed, Routine):
    """`WindowPut(windows, widths, shape)(y, element) * factor`, in one loop.

    A factor of truth values is a mask: where it is false there are zeros, whatever is put there.
    Programs get it when they are compiled: what functions below a maximum of windows multiply
    cotangents by is computed where these are put.
    """

    windows: tuple
    widths: tuple
    shape: tuple
    kinds = "biufc"
    name = "scaled_put"

    @property
    def put(self):
        """What puts the values, alone."""
        return WindowPut(self.windows, self.widths, self.shape)

    def infer(self, y, element, factor):
        x = self.put.infer(y, element)
        if factor.shape != x.shape or factor.dtype not in (x.dtype, bool):
            raise ShapeError(f"{self.name}: a factor {factor} for an array {x}")
        return x

    def evaluate(self, y, element, factor):
        x = self.put.evaluate(y, element)
        if factor.dtype == bool:
            return np.where(factor, x, x.dtype.type(0))[()]
        return np.multiply(x, factor)[()]

    def jvp(self, inputs, tangents):
        (y, element, factor), (dy, _, dfactor) = inputs, tangents
        tangent = None if dy is None else self(dy, element, factor)
        if dfactor is not None:
            term = self(y, element, dfactor)
            tangent = term if tangent is None else tangent + term
        return self(*inputs), tangent

    def transpose(self, cotangents, inputs, linear):
        if linear[1] or all(linear[::2]):
            raise LinearityError(f"{self.name} is linear in its values or its factor, not in both")
        (y, element, factor), (c,) = inputs, cotangents
        if linear[0]:
            is_mask = factor.dtype == bool
            c = select(factor, c, c.dtype.type(0)) if is_mask else multiply(c, factor)
            return *self.put.transpose((c,), (y, element), linear[:2]), None
        return None, None, self(y, element, c)

    def batch(self, inputs, batched, axis):
        y, element, factor = with_batch(inputs, batched, axis)
        windows, widths = (None, *self.windows), (1, *self.widths)
        return ScaledPut(windows, widths, (axis.size, *self.shape))(y, element, factor), True

    def reads_in_order(self, y, element, factor):
        """The factor."""
        return (2,)

    def emit(self, build, inputs, outputs):
        build.put_into_windows(self, inputs, outputs)


def _number_dtype(widths):
    """The smallest of two integers that counts the elements of a window."""
    return np.dtype(np.int8 if prod(widths) <= 128 else np.int32)


def _require_numbers(primitive, shape, element):
    """ShapeError or DtypeError unless there is a number for each window."""
    if element.shape != shape:
        raise ShapeError(f"{primitive.name}: numbers of shape {element.shape} for {shape} windows")
    if element.dtype != _number_dtype(primitive.widths):
        raise DtypeError(
            f"{primitive.name}: numbers of dtype {element.dtype} for {primitive.widths} elements"
        )


def _flat_windows(primitive, x, fill):
    """The windows over `x` with their elements along one axis at the end."""
    pairs = zip(primitive.windows, primitive.widths, strict=True)
    widths = [None if w is None else n for w, n in pairs]
    view, places, elements, at = windows_of(x, primitive.windows, widths, fill), [], [], 0
    for w in primitive.windows:
        places.append(at)
        at += 1
        if w is not None:
            elements.append(at)
            at += 1
    view = view.transpose((*places, *elements))
    return view.reshape(*view.shape[: len(places)], prod(view.shape[len(places) :]))


def _places(primitive, shape, element):
    """The place in row-major order, in the whole array, of the element with a number."""
    numbers = np.unravel_index(np.maximum(element, 0), primitive.widths)
    place = np.zeros(np.shape(element), np.int64)
    for a, (n, window) in enumerate(zip(shape, primitive.windows, strict=True)):
        i = np.arange(np.shape(element)[a]).reshape(-1, *[1] * (len(shape) - a - 1))
        if window is not None:
            i = (window.out * i + window.right * numbers[a] + window.offset) // window.left
        place = place * n + i
    return place
