"""Windows that slide along an axis, and sums over them."""

from math import prod
from typing import NamedTuple

import numpy as np

from fungrad.core.errors import DtypeError, ShapeError
from fungrad.core.primitive import Routine


class Window(NamedTuple):
    """Which elements of an input, a kernel and an output meet along one axis.

    Element i of the input, k of the kernel and p of the output (0 <= p < size) meet where
    `left * i == out * p + right * k + offset`. So `out` is the stride, `right` the dilation of the
    kernel, `left` that of the input, and -offset the padding in front; any of `out` and `right`
    may be negative. The relation is the same seen from each of the three: transposing an
    operation on windows exchanges their places, and no padding has to be worked out.
    """

    size: int
    left: int
    out: int
    right: int
    offset: int

    def from_output(self, n):
        """The relation with input (of size n) and output exchanged."""
        sign = -1 if self.out < 0 else 1
        return Window(n, sign * self.out, sign * self.left, -sign * self.right, -sign * self.offset)

    def from_kernel(self, n):
        """The relation with kernel (of size n) and output exchanged."""
        return Window(n, self.left, self.right, self.out, self.offset)

    def require_legal(self, name):
        """ShapeError where the relation has a size below 0 or a coefficient that moves nothing."""
        if self.size < 0 or self.left < 1 or not self.out or not self.right:
            raise ShapeError(f"{name}: {self} is no window")


def covered(window, width):
    """The first and the last place, in steps of the dilated input, that a kernel of a width meets.

    The window has a size above 0, and so has the kernel.
    """
    p, k = window.out * (window.size - 1), window.right * (width - 1)
    return window.offset + min(0, p) + min(0, k), window.offset + max(0, p) + max(0, k)


def windows_of(x, windows, widths, fill):
    """A view of `x` in which axis a is replaced by the two axes (place, element of the kernel).

    `windows` has a Window for each axis that slides, else None. Where no element of `x` is met,
    the view has `fill`.
    """
    if any(w is not None and not w.size * widths[a] for a, w in enumerate(windows)):
        return np.zeros(_pairs([w and w.size for w in windows], widths, x.shape), x.dtype)
    ranges = [None if w is None else covered(w, widths[a]) for a, w in enumerate(windows)]
    shape = [n if r is None else r[1] - r[0] + 1 for n, r in zip(x.shape, ranges, strict=True)]
    inside, source = [], []
    for n, w, r in zip(x.shape, windows, ranges, strict=True):
        first, count, target = (0, n, slice(None)) if w is None else met(w, r, n)
        source.append(slice(first, first + count))
        inside.append(target)
    if all(
        n == m and (w is None or w.left == 1 and not r[0])
        for n, m, w, r in zip(x.shape, shape, windows, ranges, strict=True)
    ):
        padded = x
    else:
        padded = np.full(shape, fill, x.dtype)
        padded[tuple(inside)] = x[tuple(source)]
    return _strided(padded, windows, widths, ranges)


def met(window, covered_range, n):
    """The elements of an input of size n inside the covered places: first, count, and where.

    The last is the slice of the covered places in which they stand.
    """
    low, high = covered_range
    first = max(0, -(-low // window.left))
    count = max(0, min(n - 1, high // window.left) - first + 1)
    start = window.left * first - low
    stop = start + (count and (count - 1) * window.left + 1)
    return first, count, slice(start, stop, window.left)


def _pairs(sizes, widths, shape):
    """The shape of `windows_of`."""
    result = []
    for a, n in enumerate(shape):
        result += [n] if sizes[a] is None else [sizes[a], widths[a]]
    return result


def _strided(padded, windows, widths, ranges):
    """The windows as a view of an array that holds all covered places."""
    place, strides = [slice(None)] * padded.ndim, []
    for a, (w, stride) in enumerate(zip(windows, padded.strides, strict=True)):
        if w is None:
            strides.append(stride)
        else:
            place[a] = slice(w.offset - ranges[a][0], None)
            strides += [w.out * stride, w.right * stride]
    shape = _pairs([w and w.size for w in windows], widths, padded.shape)
    return np.lib.stride_tricks.as_strided(padded[tuple(place)], shape, strides, writeable=False)


def _is_apart(window, width, n):
    """Whether windows over n elements lie side by side, and all of them inside."""
    if window.left != 1 or min(window.out, window.right) < 1 or not window.size:
        return False
    low, high = covered(window, width)
    return low >= 0 and high < n and window.right * (width - 1) < window.out


class Windowed:
    """What operations on windows share: type, batching; `windows` and `widths` are fields.

    Both have an entry per axis; where nothing slides they are None and 1.
    """

    def infer(self, x):
        if x.dtype.kind not in self.kinds:
            raise DtypeError(f"{self.name} is not defined for dtype {x.dtype}")
        if len(self.windows) != x.ndim or len(self.widths) != x.ndim:
            raise ShapeError(f"{self.name}: windows {self.windows} do not fit shape {x.shape}")
        for window, width in zip(self.windows, self.widths, strict=True):
            if width < 1:
                raise ShapeError(f"{self.name}: a window has the width {width}")
            if window is not None:
                window.require_legal(self.name)
        pairs = zip(self.windows, x.shape, strict=True)
        return x.with_shape(tuple([n if w is None else w.size for w, n in pairs]))

    def flops(self, inputs, outputs):
        """One operation per element of every window."""
        return outputs[0].size * prod(self.widths)

    def batch(self, inputs, batched, axis):
        return self.replace(windows=(None, *self.windows), widths=(1, *self.widths))(*inputs), True

    def reads_in_order(self, x, *rest):
        """The operands that compiled code computes where it reads them: what windows slide over,
        if each element is in one window at most, and nothing outside is met.
        """
        triples = zip(self.windows, self.widths, x.shape, strict=True)
        return (0,) if all(w is None or _is_apart(w, k, n) for w, k, n in triples) else ()

    def combined(self, ufunc, x):
        """The windows reduced along one axis after another, by as many operations as elements."""
        for a, (window, width) in enumerate(zip(self.windows, self.widths, strict=True)):
            if window is None:
                continue
            alone = [window if b == a else None for b in range(x.ndim)]
            widths = [width if b == a else None for b in range(x.ndim)]
            parts = np.moveaxis(windows_of(x, alone, widths, self.identity(x.dtype)), a + 1, 0)
            total = parts[0].copy()
            for part in parts[1:]:
                ufunc(total, part, out=total)
            x = total
        return np.array(x)[()]


class WindowSum(Windowed, Routine):
    """The sum of the elements of each window."""

    windows: tuple
    widths: tuple
    kinds = "iufc"
    combine = "add"
    name = "window_sum"

    def identity(self, dtype):
        return dtype.type(0)

    def evaluate(self, x):
        return self.combined(np.add, x)

    def jvp(self, inputs, tangents):
        return self(*inputs), self(*tangents)

    def transpose(self, cotangents, inputs, linear):
        pairs = zip(self.windows, inputs[0].shape, strict=True)
        windows = tuple([None if w is None else w.from_output(n) for w, n in pairs])
        return (self.replace(windows=windows)(*cotangents),)

    def emit(self, build, inputs, outputs):
        build.reduce_windows(self, inputs, outputs)
