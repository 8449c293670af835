"""Loops over the places of windows, and over the elements of each.

Where windows reach outside of an array, small images of it are copied into their surroundings one
after another, in memory that stays in the cache; others all at once.
"""

from contextlib import ExitStack, contextmanager
from math import prod

from fungrad.compiler.convolution.computed import windows
from fungrad.compiler.convolution.units import Units, moved
from fungrad.compiler.language import parts
from fungrad.compiler.language.kernel_writer import KernelArray
from fungrad.compiler.language.scalar import INDEX, call, constant
from fungrad.compiler.language.views import Buffer, View, row_major
from fungrad.compiler.moves.copy import write_copy
from fungrad.primitives.windows import met

_MOST_BYTES = 1 << 18  # of an image with its surroundings
_MOST_PHASES = 8
_WEIGHT = 3  # what an element of a window takes, in products of a convolution


class Walk:
    """The loops of a kernel over windows that slide over arrays of one shape.

    `arrays` are pairs of a view and the scalar that surrounds it, which may be a view of what is
    computed where windows stay inside; `elements` are the arrays of the
    windows, inside of the loops. `size` is how many elements all windows have. At most so many
    axes in `front` count images, if any number is given.
    """

    def __init__(self, build, writer, sliding, arrays, size, front=None):
        self.build, self.writer, self.sliding = build, writer, sliding
        self.arrays, self.size, self.elements = arrays, size, []
        self.front = _front(sliding) if front is None else front
        writer.in_parts = True
        outside = sliding.reaches_outside
        self.is_by_image = outside and _is_of_small_images(sliding, arrays, self.front)
        if self.is_by_image:
            self.pointers = [writer.pointer(v.buffer, v.offset) for v, _ in arrays]
            return
        for view, value in arrays:
            if outside:
                view = sliding.surrounded(build, view, value)
                self.elements.append(writer.array(sliding.view(view, True)))
            else:
                self.elements.append(windows(build, writer, sliding, view))

    @contextmanager
    def places(self, shape):
        """Loops over all places; yields the place along each axis."""
        with ExitStack() as stack:
            place = stack.enter_context(self.images())
            for n in shape[len(place) :]:
                place.append(stack.enter_context(self.writer.loop(self.writer.integer(n))))
            yield place

    @contextmanager
    def images(self):
        """The loop over images, if there is one; yields the places of the axes that it is over."""
        if not self.is_by_image:
            yield []
            return
        writer, shape = self.writer, self.sliding.shape[: self.front]
        units = Units(prod(shape), 1, self.size * _WEIGHT)
        with units.begin(writer) as part:
            frames = [
                _Frame(self.build, writer, units, part, self.sliding, self.front, *array)
                for array in self.arrays
            ]
            self.elements = [frame.windows for frame in frames]
            first, n = units.of_part(writer, part)
            with writer.loop(n, "image") as i:
                place, _ = units.decoded(writer, first + i, dict(enumerate(shape)))
                place = [place[a] for a in range(len(shape))]
                for frame, pointer in zip(frames, self.pointers, strict=True):
                    frame.copy(pointer, place)
                yield place

    @contextmanager
    def window(self):
        """Loops over the elements of a window; yields the steps.

        A step is the number of the element along an axis, None where nothing slides.
        """
        writer, steps = self.writer, []
        with ExitStack() as stack:
            for w, width in zip(self.sliding.windows, self.sliding.widths, strict=True):
                loop = writer.loop(writer.integer(width)) if w is not None else None
                steps.append(loop and stack.enter_context(loop))
            yield steps

    def index(self, place, steps):
        """The index of `elements` for a place and the steps of an element."""
        pairs = zip(place, steps, strict=True)
        return [i for pair in pairs for i in pair if i is not None]


def _front(sliding):
    """How many axes in front count images: nothing slides along them."""
    axes = enumerate(sliding.windows)
    return next((a for a, w in axes if w is not None), len(sliding.windows))


def _is_of_small_images(sliding, arrays, front):
    """Whether there are images, enough to be shared, which stay in the cache."""
    if prod(sliding.shape[:front]) < parts.PARTS:
        return False
    width = sum(v.buffer.dtype.itemsize for v, _ in arrays)
    return prod(sliding.covered_shape[front:]) * width <= _MOST_BYTES


class _Frame:
    """Memory of a part for an image with its surroundings, and the windows over it.

    Where windows are several steps apart along the last axis, its places lie in phases, so that
    what neighbouring windows have for one of their elements lies next to each other.
    """

    def __init__(self, build, writer, units, part, sliding, front, view, value):
        self.writer, self.sliding, self.front, self.view = writer, sliding, front, view
        self.phases, shape = _phases(sliding), sliding.covered_shape[self.front :]
        if self.phases is not None:
            shape = (*shape[:-1], self.phases.step * self.phases.count)
        size, dtype = prod(shape), view.buffer.dtype
        self.memory = units.memory(build, writer, part, dtype, size)
        with writer.loop(writer.integer(size)) as i:
            writer.store(self.memory, i, value)
        buffer = Buffer("part", self.memory, dtype, size)
        images = sliding.shape[: self.front]
        self.whole = View(buffer, 0, (*images, *shape), (*[0] * self.front, *row_major(shape)))
        windows = sliding.view(self.whole, True)
        if self.phases is None:
            self.windows = _array(writer, self.memory, windows)
        else:
            self.windows = PhasedArray(writer, self.memory, windows, self.phases)

    def copy(self, pointer, place):
        """Copy the image at a place into its surroundings."""
        writer, front = self.writer, self.front
        source, target = self.sliding.common(self.view, self.whole)
        if not prod(source.shape):
            return
        start = constant(0, INDEX)
        for i, stride in zip(place, self.view.strides, strict=False):
            start = start + i * writer.integer(stride)
        pairs = [(source, target)] if self.phases is None else self.phases.pairs(source, target)
        for source, target in pairs:
            at = start + writer.integer(source.offset - self.view.offset)
            given = moved(writer, pointer, at, "image"), source.strides[front:]
            inside = moved(writer, self.memory, writer.integer(target.offset), "inside")
            taken = inside, target.strides[front:]
            write_copy(writer, self.view.buffer.dtype, source.shape[front:], given, taken)


class Phases:
    """The places along the last axis by their remainder, windows being several steps apart.

    Place m has phase (m + shift) % step, and is number (m + shift) // step there; the first one
    that an element of the array takes has phase 0.
    """

    def __init__(self, sliding):
        self.window = w = sliding.windows[-1]
        self.low, high = sliding.ranges[-1]
        _, _, where = met(w, (self.low, high), sliding.shape[-1])
        self.step, self.first = w.out, where.start
        self.shift = -self.first % self.step
        self.count = -(-(high - self.low + 1 + self.shift) // self.step)

    def pairs(self, source, target):
        """Views of elements and of their places: where all phases have one, and of the rest."""
        *front, n = source.shape
        full, rest = divmod(n, self.step)
        *outer, near = source.strides
        *inner, _ = target.strides
        begin = target.offset - self.first + (self.first + self.shift) // self.step
        found = []
        if full:
            shape = (*front, full, self.step)
            elements = View(source.buffer, source.offset, shape, (*outer, self.step * near, near))
            places = View(target.buffer, begin, shape, (*inner, 1, self.count))
            found.append((elements, places))
        if rest:
            shape, offset = (*front, rest), source.offset + full * self.step * near
            elements = View(source.buffer, offset, shape, source.strides)
            places = View(target.buffer, begin + full, shape, (*inner, self.count))
            found.append((elements, places))
        return found


def _phases(sliding):
    """How the last axis lies in phases, or None where neighbouring windows are one step apart."""
    w = sliding.windows[-1]
    if w is None or w.left != 1 or not 1 < w.out <= _MOST_PHASES:
        return None
    return Phases(sliding)


def _array(writer, pointer, view):
    """Access to the elements of a view of the memory that a pointer points to."""
    if view.offset:
        pointer = moved(writer, pointer, writer.integer(view.offset), "begin")
    return KernelArray(writer, pointer, view)


class PhasedArray:
    """The windows over an image whose last axis is in phases, indexed as if it were not."""

    def __init__(self, writer, pointer, view, phases):
        self.writer, self.phases = writer, phases
        begin = phases.window.offset - phases.low
        self.begin = begin + phases.shift
        shape = (*view.shape[:-2], phases.step, phases.count)
        strides = (*view.strides[:-2], phases.count, 1)
        self.array = _array(writer, pointer, View(view.buffer, view.offset - begin, shape, strides))

    def load(self, *index):
        """The element as it is now."""
        *front, p, k = index
        writer, window = self.writer, self.phases.window
        m = k * writer.integer(window.right) + writer.integer(self.begin)
        step = writer.integer(self.phases.step)
        phase, number = (call(w, INDEX, m, step) for w in ("index_remainder", "index_divide"))
        return self.array.load(*front, phase, p + number)
