"""Convolutions: which way of computing one is best, and direct loops.

The other ways, by BLAS, are in `convolution_products`.
"""

from contextlib import ExitStack
from math import prod

from fungrad.compiler.convolution_products import write_gathered, write_scattered
from fungrad.compiler.copy import fill
from fungrad.compiler.labelled import Labelled
from fungrad.compiler.scalar import call, constant
from fungrad.compiler.windows import Sliding


def convolve(build, primitive, inputs, outputs):
    """Write a convolution."""
    x, y = (build.view(v) for v in inputs)
    target = build.output(outputs[0])
    if not prod(target.shape):
        return
    if not prod(x.shape) * prod(y.shape):
        fill(build.entry, constant(0, target.buffer.dtype), target)
        return
    work = Convolution(build, primitive, x, y, target)
    if work.is_direct:
        _write_loops(work)
    elif work.is_dilated:
        write_scattered(work)
    else:
        write_gathered(work)


class Convolution:
    """One convolution: its labels and sizes, and the memory of operands and output.

    The label i of an axis that slides stands for the place, and -1 - i for the element of the
    kernel.
    """

    def __init__(self, build, primitive, x, y, target):
        self.build, self.entry = build, build.entry
        self.primitive, self.groups = primitive, primitive.contraction.groups
        self.windows = primitive.windows
        self.x = Labelled(x, primitive.left)
        self.y = Labelled(y, primitive.contraction.right)
        self.target = Labelled(target, primitive.out)
        self.sizes = {**self.x.sizes, **self.y.sizes, **self.target.sizes}
        self.dtype = target.buffer.dtype
        self.zero = constant(0, self.dtype)

    @property
    def is_direct(self):
        """Whether loops are better: BLAS does not know the dtype, or has too little to do."""
        rows = prod([self.sizes[i] for i in self.groups.right])
        inner = prod([self.sizes[i] for i in self.groups.contracted if i >= 0])
        return self.dtype.kind not in "fc" or rows == inner == 1

    @property
    def is_dilated(self):
        """Whether zeros inside the input are more than what strides leave out."""
        return prod([w.left for w in self.windows]) > prod([abs(w.out) for w in self.windows])

    def slides(self, label):
        """Whether an axis of the operands is one along which windows slide."""
        return label < len(self.windows)

    def sliding(self, x, windows):
        """How windows, one per label that slides, slide over a view."""
        mine = [windows[i] if self.slides(i) else None for i in x.labels]
        widths = [self.sizes[-1 - i] if self.slides(i) else 1 for i in x.labels]
        return Sliding(x.view.shape, mine, widths)

    def windows_of(self, x, sliding, is_surrounded):
        """The windows over a view, or over the memory in which it is surrounded by others."""
        pairs = [(i, -1 - i) if self.slides(i) else (i,) for i in x.labels]
        view = sliding.view(x.view, is_surrounded)
        return Labelled(view, [i for pair in pairs for i in pair])

    def loop(self, stack, labels):
        """Loops of the entry over some labels: the index of each."""
        return {
            i: stack.enter_context(self.entry.loop(self.entry.integer(self.sizes[i])))
            for i in labels
        }


def _write_loops(work):
    """Write loops over the output, and inside them over all that is summed."""
    x, sliding = work.x, work.sliding(work.x, work.windows)
    outside = sliding.reaches_outside
    if outside:
        x = Labelled(sliding.surrounded(work.build, x.view, work.zero), x.labels)
    writer = work.build.kernel("convolve_kernel")
    windows = work.windows_of(x, sliding, outside)
    arrays = [(writer.array(v.view), v.labels) for v in (windows, work.y)]
    out = writer.array(work.target.view, is_written=True)
    word = "fast_add" if work.dtype.kind == "f" else "add"
    with ExitStack() as stack:
        at = {
            i: stack.enter_context(writer.loop(writer.integer(work.sizes[i])))
            for i in work.primitive.out
        }
        total = writer.variable(work.zero, "total")
        with ExitStack() as inner:
            for i in work.groups.contracted:
                at[i] = inner.enter_context(writer.loop(writer.integer(work.sizes[i])))
            x, y = (array.load(*[at[i] for i in labels]) for array, labels in arrays)
            total.set(call(word, work.dtype, total.symbol, x * y))
        out.store([at[i] for i in work.primitive.out], total.symbol)
    work.build.call(writer)
