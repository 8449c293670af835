"""Convolutions: which way of computing one is best, and direct loops.

The other ways are by tiles in registers (`tiles`, `sums`) and by BLAS
(`products`).
"""

from contextlib import ExitStack
from math import prod

from fungrad.compiler.convolution.ends import mend_ends
from fungrad.compiler.convolution.flat import flattened
from fungrad.compiler.convolution.products import write_gathered, write_scattered
from fungrad.compiler.convolution.sliding import Sliding
from fungrad.compiler.convolution.summing import summing
from fungrad.compiler.convolution.sums import write_sums
from fungrad.compiler.convolution.tiles import write_tiles
from fungrad.compiler.convolution.tiling import tiling
from fungrad.compiler.convolution.walks import Walk
from fungrad.compiler.language.labelled import Labelled
from fungrad.compiler.language.scalar import INDEX, call, constant
from fungrad.compiler.moves.copy import fill

_FEW = 32  # products that one element of the output may be made of in registers
_PIECE = 1024  # elements of a row of the output to which products are added at a time


def convolve(build, primitive, inputs, outputs):
    """Write a convolution."""
    x, y = (build.view(v) for v in inputs)
    target = build.output(outputs[0])
    if not prod(target.shape):
        return
    if not prod(x.shape) * prod(y.shape):
        fill(build.entry, constant(0, target.buffer.dtype), target)
        return
    work = Convolution(build, *flattened(primitive, x, y, target))
    _write(work)
    if work.may_spread:
        mend_ends(work)


def _write(work):
    if (plan := summing(work)) is not None:
        write_sums(work, plan)
    elif (plan := tiling(work)) is not None:
        write_tiles(work, plan)
    elif work.is_direct:
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
    def may_spread(self):
        """Whether a nan of the right operand may spread beyond the ends, where it takes no part."""
        if not self.primitive.keeps_inside or self.dtype.kind not in "fc":
            return False
        return self.sliding(self.x, self.windows).reaches_outside

    @property
    def has_channels_apart(self):
        """Whether there are several channels, each with one kernel of its own."""
        channels = prod([self.sizes[i] for i in self.groups.batch])
        return channels > 1 and prod([self.sizes[i] for i in self.groups.right]) == 1

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
    writer = work.build.kernel("convolve_kernel")
    loops = _Loops(writer, work)
    summed = prod([work.sizes[i] for i in work.groups.contracted])
    is_long = summed > _FEW and loops.row is not None and work.sizes[loops.row] > _FEW
    with loops.walk.images() as place:
        at = dict(zip(loops.front, place, strict=False))
        (loops.write_rows if is_long else loops.write_elements)(at)
    work.build.call(writer)


class _Loops:
    """Direct loops, in one of two orders, inside of those over images `front` (see `Walk`)."""

    def __init__(self, writer, work):
        self.writer, self.work = writer, work
        self.front = [i for i in work.x.labels if not work.slides(i) and i in work.primitive.out]
        x = work.x.ordered((*self.front, *[i for i in work.x.labels if i not in self.front]))
        summed = prod([work.sizes[i] for i in work.groups.contracted])
        self.walk = Walk(
            work.build,
            writer,
            work.sliding(x, work.windows),
            [(x.view, work.zero)],
            prod(work.target.view.shape) * summed,
            len(self.front),
        )
        pairs = [(i, -1 - i) if work.slides(i) else (i,) for i in x.labels]
        self.labels = [i for pair in pairs for i in pair]
        self.y = writer.array(work.y.view)
        self.target = writer.array(work.target.view, is_written=True)
        self.word = "fast_add" if work.dtype.kind == "f" else "add"
        wide = [i for i in work.primitive.out if work.sizes[i] > 1]
        self.row = wide[-1] if wide else None

    def _extent(self, label):
        return self.writer.integer(self.work.sizes[label])

    def _over(self, stack, labels):
        """Loops over some labels: the index of each."""
        return {i: stack.enter_context(self.writer.loop(self._extent(i))) for i in labels}

    def _product(self, at):
        x = self.walk.elements[0].load(*[at[i] for i in self.labels])
        return x * self.y.load(*[at[i] for i in self.work.y.labels])

    def write_elements(self, at):
        """One element of the output after another: few products, or a long sum for few elements."""
        work, writer = self.work, self.writer
        with ExitStack() as stack:
            at = at | self._over(stack, [i for i in work.primitive.out if i not in at])
            total = writer.variable(work.zero, "total")
            with ExitStack() as inner:
                here = at | self._over(inner, work.groups.contracted)
                total.set(call(self.word, work.dtype, total.symbol, self._product(here)))
            self.target.store([at[i] for i in work.primitive.out], total.symbol)

    def write_rows(self, at):
        """Pieces of rows of the output that stay in the cache, to which products are added."""
        work, writer = self.work, self.writer
        row, outer = self.row, [i for i in work.primitive.out if i not in (self.row, *at)]
        length = constant(_PIECE, INDEX)
        count = writer.integer(-(-work.sizes[row] // _PIECE))
        with ExitStack() as stack:
            at = at | self._over(stack, outer)
            start = stack.enter_context(writer.loop(count)) * length
            left = call("minimum", INDEX, length, self._extent(row) - start)
            left = writer.let(left, "length")
            with writer.loop(left) as i:
                here = at | {row: start + i}
                self.target.store([here[j] for j in work.primitive.out], work.zero)
            with ExitStack() as inner:
                here = at | self._over(inner, work.groups.contracted)
                here[row] = start + inner.enter_context(writer.loop(left))
                place = [here[j] for j in work.primitive.out]
                self.target.store(place, self.target.load(*place) + self._product(here))
