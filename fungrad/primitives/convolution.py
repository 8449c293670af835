"""Convolutions: contractions in which some axes slide."""

from functools import cached_property
from math import prod

import numpy as np

from fungrad.core.errors import DtypeError, LinearityError, ShapeError
from fungrad.core.primitive import Routine
from fungrad.primitives.contraction import Contract
from fungrad.primitives.windows import Window, covered, windows_of

#: Windows are gathered for as many bytes at a time as this, along an axis that does not slide.
_BYTES_AT_A_TIME = 1 << 25

_FEWEST_PLACES = 16  # of an image whose windows are multiplied by the kernel on their own


class Convolve(Routine):
    """The sum of products of the elements that meet: a contraction over labelled axes.

    Axis a of the operands and of the output stands under the label `left[a]`, `right[a]`,
    `out[a]`. The labels 0, 1, ... below `len(windows)` stand in all three, and slide: see Window.
    The others stand, as in a contraction, in two of the three or, for a batch or groups, in all
    three. `Convolve((1, 2, 0), (3, 2, 0), (1, 3, 0), (window,))` has channels 2 and 3. Its
    transposes are relabellings.

    A line that `keeps_inside` meets nothing beyond the ends of the left operand, else zeros: their
    products with a nan or infinity are nan. It has one window, of single steps.
    """

    left: tuple
    right: tuple
    out: tuple
    windows: tuple
    keeps_inside: bool = False

    @cached_property
    def contraction(self):
        """The contraction of the windows of the left operand, each with a place and an element.

        The labels of the elements are -1, -2, ... for the sliding labels 0, 1, ...
        """
        rank = len(self.windows)
        left = []
        for label in self.left:
            left += [label, -1 - label] if label < rank else [label]
        right = [-1 - label if label < rank else label for label in self.right]
        return Contract(tuple(left), tuple(right), self.out)

    def flops(self, inputs, outputs):
        """A multiplication and an addition per product, those with padding and holes among them."""
        x, y = inputs
        sizes = dict(zip((*self.left, *self.right), (*x.shape, *y.shape), strict=True))
        places = prod([w.size for w in self.windows])
        others = prod([n for label, n in sizes.items() if label >= len(self.windows)])
        widths = [
            n for label, n in zip(self.right, y.shape, strict=True) if label < len(self.windows)
        ]
        return (8 if x.dtype.kind == "c" else 2) * places * others * prod(widths)

    def infer(self, x, y):
        if x.dtype != y.dtype:
            raise DtypeError(f"convolve: dtypes {x.dtype} and {y.dtype} differ")
        if x.dtype.kind not in "iufc":
            raise DtypeError(f"convolve is not defined for dtype {x.dtype}")
        if x.ndim != len(self.left) or y.ndim != len(self.right):
            raise ShapeError(f"convolve: shapes {x.shape}, {y.shape} for {self.left}, {self.right}")
        for window in self.windows:
            window.require_legal("convolve")
        if self.keeps_inside and not self._has_single_steps:
            raise ShapeError(f"convolve: {self.windows} are not one window of single steps")
        sizes = {i: w.size for i, w in enumerate(self.windows)}
        for labels, shape in ((self.left, x.shape), (self.right, y.shape)):
            for label, n in zip(labels, shape, strict=True):
                if label >= len(self.windows) and sizes.setdefault(label, n) != n:
                    raise ShapeError(
                        f"convolve: axis {self.left.index(label)} of {x.shape} and axis "
                        f"{self.right.index(label)} of {y.shape} have one label, but differ"
                    )
        return x.with_shape(tuple([sizes[label] for label in self.out]))

    def evaluate(self, x, y):
        if self.keeps_inside and x.size and not np.isfinite(y).all():
            return self._evaluated_inside(x, y)
        axis = self._axis_of_parts(x)
        parts = 1 if axis is None else self._parts(x, y, axis)
        if parts == 1:
            return self._evaluated(x, y)
        label, total = self.left[axis], None
        along = self.out.index(label) if label in self.out else None
        pieces = []
        for part in np.array_split(np.arange(x.shape[axis]), parts):
            cut = slice(part[0], part[-1] + 1)
            x_part = x[(slice(None),) * axis + (cut,)]
            y_part = y
            if label in self.right:
                y_part = y[(slice(None),) * self.right.index(label) + (cut,)]
            piece = self._evaluated(x_part, y_part)
            if along is None:
                total = piece if total is None else total + piece
            else:
                pieces.append(piece)
        return total if along is None else np.concatenate(pieces, along)

    def _axis_of_parts(self, x):
        """The first axis of the left operand that does not slide."""
        return next((a for a, label in enumerate(self.left) if label >= len(self.windows)), None)

    def _parts(self, x, y, axis):
        """How many parts of the axis keep what is gathered at a time small."""
        elements = x.itemsize
        widths = dict(zip(self.right, y.shape, strict=True))
        for label, n in zip(self.left, x.shape, strict=True):
            is_sliding = label < len(self.windows)
            elements *= self.windows[label].size * widths[label] if is_sliding else n
        return max(1, min(x.shape[axis], -(-elements // _BYTES_AT_A_TIME)))

    def _evaluated(self, x, y):
        if self._is_line:
            return self._evaluated_line(x, y)
        widths = dict(zip(self.right, y.shape, strict=True))
        slides = [label < len(self.windows) for label in self.left]
        windows = [self.windows[i] if s else None for i, s in zip(self.left, slides, strict=True)]
        sizes = [widths[i] if s else None for i, s in zip(self.left, slides, strict=True)]
        gathered = windows_of(x, windows, sizes, 0)
        if self._has_images(gathered):
            return self._evaluated_images(gathered, y)
        return np.asarray(self.contraction.evaluate(gathered, y))[()]

    def _has_images(self, gathered):
        """Whether places lie next to each other in memory, enough of them for a product each."""
        if not self.windows or self.left[-1] >= len(self.windows):
            return False
        return prod([w.size for w in self.windows]) >= _FEWEST_PLACES

    def _evaluated_images(self, gathered, y):
        """One product per image, of the kernel with the windows: both are gathered in long runs."""
        labels, right = self.contraction.left, self.contraction.right
        groups, rank = self.contraction.groups, len(self.windows)
        front = (*groups.batch, *[i for i in groups.left if i >= rank])
        places = tuple([i for i in groups.left if i < rank])
        sizes = dict(zip((*labels, *right), (*gathered.shape, *y.shape), strict=True))

        def shape_of(*parts):
            return [prod([sizes[i] for i in part]) for part in parts]

        lead = [sizes[i] for i in front]
        order = (*front, *groups.contracted, *places)
        x = gathered.transpose([labels.index(i) for i in order])
        x = x.reshape(*lead, *shape_of(groups.contracted, places))
        order = (*groups.batch, *groups.right, *groups.contracted)
        y = y.transpose([right.index(i) for i in order])
        ones = [1] * (len(front) - len(groups.batch))
        batch = lead[: len(groups.batch)]
        y = y.reshape(*batch, *ones, *shape_of(groups.right, groups.contracted))
        made = (*front, *groups.right, *places)
        result = np.matmul(y, x).reshape([sizes[i] for i in made])
        return result.transpose([made.index(i) for i in self.out])

    @property
    def _is_line(self):
        """Whether one line slides over another by single steps."""
        if self.left != (0,) or self.right != (0,) or self.out != (0,):
            return False
        return self._has_single_steps and self.windows[0].size > 0

    @property
    def _has_single_steps(self):
        steps = [(w.left, abs(w.out), abs(w.right)) for w in self.windows]
        return steps == [(1, 1, 1)]

    def _evaluated_line(self, x, y):
        """By NumPy's convolution, of all elements that are met."""
        (w,) = self.windows
        if not len(y):
            return np.zeros(w.size, x.dtype)
        low, high = covered(w, len(y))
        whole = Window(high - low + 1, 1, 1, 1, low)
        line = windows_of(x, [whole], [1], 0)[:, 0]
        result = np.convolve(line, y[::-1] if w.right > 0 else y, "valid")
        return result if w.out > 0 else result[::-1]

    def _evaluated_inside(self, x, y):
        """By NumPy's convolution, which multiplies no padding, of one line after another."""
        label = max((*self.left, *self.right))
        if not label:
            return self._inside(x, y)
        groups = [tuple([i for i in t if i != label]) for t in (self.left, self.right, self.out)]
        alone = self.replace(left=groups[0], right=groups[1], out=groups[2])
        n = dict(zip((*self.left, *self.right), (*x.shape, *y.shape), strict=True))[label]
        pairs = zip(_lines(x, self.left, label, n), _lines(y, self.right, label, n), strict=True)
        made = [alone._evaluated_inside(*pair) for pair in pairs]
        if label in self.out:
            return np.stack(made, self.out.index(label))
        return np.sum(made, 0)

    def _inside(self, x, y):
        """Of one line."""
        (w,) = self.windows
        place = w.out * np.arange(w.size) + w.offset
        if w.right > 0:
            y, place = y[::-1], place + len(y) - 1
        sums = np.convolve(x, y)
        is_met = (place >= 0) & (place < len(sums))
        return np.where(is_met, sums[np.where(is_met, place, 0)], x.dtype.type(0))

    def jvp(self, inputs, tangents):
        (x, y), (dx, dy) = inputs, tangents
        tangent = None if dx is None else self(dx, y)
        if dy is not None:
            term = self(x, dy)
            tangent = term if tangent is None else tangent + term
        return self(x, y), tangent

    def transpose(self, cotangents, inputs, linear):
        if all(linear):
            raise LinearityError("a convolution is linear in one operand at a time")
        (x, y), (c,) = inputs, cotangents
        if linear[0]:
            sizes = dict(zip(self.left, x.shape, strict=True))
            windows = [w.from_output(sizes[i]) for i, w in enumerate(self.windows)]
            labels = {"left": self.out, "right": self.right, "out": self.left}
            return self.replace(**labels, windows=tuple(windows))(c, y), None
        sizes = dict(zip(self.right, y.shape, strict=True))
        windows = [w.from_kernel(sizes[i]) for i, w in enumerate(self.windows)]
        return None, self.replace(right=self.out, out=self.right, windows=tuple(windows))(x, c)

    def batch(self, inputs, batched, axis):
        new = max((*self.left, *self.right, -1)) + 1
        left = (new, *self.left) if batched[0] else self.left
        right = (new, *self.right) if batched[1] else self.right
        return self.replace(left=left, right=right, out=(new, *self.out))(*inputs), True

    def emit(self, build, inputs, outputs):
        build.convolve(self, inputs, outputs)


def _lines(x, labels, label, n):
    """The n parts of an operand along a label; the whole of one that does not have it."""
    return np.moveaxis(x, labels.index(label), 0) if label in labels else [x] * n
