"""How partial results are combined, and the memory of those that parts of a loop nest make."""

import math

from fungrad.compiler.fusion.accumulators import combined
from fungrad.compiler.fusion.cut import PART
from fungrad.compiler.language.builder import Builder
from fungrad.compiler.language.kernel_writer import KernelWriter
from fungrad.compiler.language.parts import PARTS
from fungrad.compiler.language.scalar import INDEX, constant
from fungrad.compiler.language.views import View, row_major

_build = Builder()

_APART = 128  # bytes: lines of the cache come in pairs


class Partial:
    """The memory of the partial results of a root: one array per part.

    Its shape is that of what the nest makes of the result: a nest over some of the domain makes
    some of it. What lands anywhere, or has a root per element, has parts of the shape of all.
    Parts that threads write again and again share no line of the cache: the gradient of 9! minors
    by 9 sums took longer on two threads than on one.
    """

    def __init__(self, nest, root, dtype, is_local):
        self.root, self.dtype = root, dtype
        self.shape = tuple([n for a, n in enumerate(nest.shape) if not root.reduces(a)])
        self.is_whole = root.is_landing or nest.group.is_unrolled
        if self.is_whole:
            self.shape = root.view.shape
        self.strides = row_major(self.shape)
        self.size = math.prod(self.shape)
        unit = 1 if is_local else _APART // dtype.itemsize
        self.distance = -(-self.size // unit) * unit
        self.buffer = nest.lowering.entry.workspace(dtype, PARTS * self.distance, "partial")

    def place(self, nest, root):
        """Where a root's element of a part's result stands, inside the nest."""
        form = nest.build.position(root.at, self.strides)
        start = nest.integer(form.offset) if self.is_whole else constant(0, INDEX)
        return self._first(nest.writer) + nest.place(form) + start

    def _first(self, writer):
        return PART * writer.integer(self.distance)

    def clear(self, writer, pointer):
        """Fill a part with what adds nothing to any number, not even to -0.0."""
        nothing = constant(-0.0 if self.dtype.kind in "fc" else 0, self.dtype)
        with writer.loop(writer.integer(self.size)) as i:
            writer.store(pointer, self._first(writer) + i, nothing)


def combining(nest, partials):
    """The writer of a kernel that combines the partial results."""
    writer = KernelWriter("combining_kernel")
    for partial in partials:
        _combine(writer, nest, partial)
    return writer


def _combine(writer, nest, partial):
    root = partial.root
    start = root.view.offset + (0 if partial.is_whole else root.form.offset)
    made = View(root.view.buffer, start, partial.shape, root.view.strides)
    source, target = writer.pointer(partial.buffer), writer.array(made, is_written=True)
    remark = nest.lowering.remark(root.equation.outputs[0])
    strides = [writer.integer(s) for s in partial.strides]
    distance = writer.integer(partial.distance)

    def along(index):
        if len(index) < len(partial.shape):
            with writer.loop(writer.integer(partial.shape[len(index)])) as i:
                along((*index, i))
            return
        place = constant(0, INDEX)
        for i, stride in zip(index, strides, strict=True):
            place = place + i * stride
        total = None
        if root.goes_on or root.is_landing:
            before = writer.load(target.pointer, target.position(index), root.value.dtype)
            total = _build.cast(before, partial.dtype)
        for part in range(PARTS):
            here = constant(part, INDEX) * distance + place
            value = writer.load(source, here, partial.dtype)
            total = value if total is None else combined(root, total, value)
        value = _build.cast(total, root.value.dtype)
        writer.store(target.pointer, target.position(index), value, remark)

    along(())
