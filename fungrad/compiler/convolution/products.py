"""Convolutions by BLAS: windows are gathered and multiplied, or products are added to windows.

The first way is for windows over an input without holes. Where the input is dilated, as in the
derivative of a convolution with strides, its elements are multiplied as they are and the products
scattered, so that no zeros are multiplied. Either way a loop over the labels in front (images)
keeps what scratch memory holds at a time in the cache.
"""

from contextlib import ExitStack
from math import prod

from fungrad.compiler.language.labelled import Labelled
from fungrad.compiler.moves.copy import add, contiguous, copy, fill
from fungrad.compiler.products.contraction import Product
from fungrad.primitives.contraction import Contract

#: As many bytes are held in scratch memory at a time, unless one image has more.
_BYTES_AT_A_TIME = 1 << 17

#: Windows of one image that are more than twice this are gathered in parts of this size: those of
#: a large image would take nine times its memory. From 2**17 on the size makes no difference.
_BYTES_OF_A_PART = 1 << 20


def _looped(work, labels):
    """The labels in front, outside of those that slide, while one turn has much to do.

    `labels` are those of all that is gathered or scattered. The innermost label of the left operand
    that does not slide, the channels, is not looped over.
    """
    n_bytes = work.dtype.itemsize * prod([work.sizes[i] for i in labels])
    order = work.x.by_stride
    still = [i for i in order if not work.slides(i)]
    looped = []
    for i in order:
        is_last = still[-1:] == [i] and i not in work.groups.batch
        if work.slides(i) or is_last or n_bytes <= _BYTES_AT_A_TIME:
            break
        looped.append(i)
        n_bytes //= work.sizes[i]
    return looped


def _placed(work, labels, looped):
    """Those labels over which no loop runs, in the order of the output."""
    return sorted([i for i in labels if i not in looped], key=work.primitive.out.index)


def _right(work, inner, columns):
    """The right operand, packed where BLAS cannot read it."""
    if work.y.is_matrix(inner, columns):
        return work.y
    front = [i for i in work.y.labels if i not in (*inner, *columns)]
    moved = work.y.ordered((*front, *columns, *inner))
    return Labelled(contiguous(work.entry, moved.view), moved.labels)


# ---- windows gathered


def write_gathered(work):
    """Write the loops, and in them the padding, the gathering and the products."""
    looped = _looped(work, work.primitive.contraction.left)
    step = _Gathering(work, looped)
    is_added = any(i not in work.primitive.out for i in (*looped, step.divided))
    target = step.target(is_added)
    y = _right(work, step.inner, step.columns)
    if is_added:
        fill(work.entry, work.zero, target.view)
    x = work.x.ordered(work.x.by_stride)
    scratch = step.scratch(x)
    with ExitStack() as stack:
        indices = work.loop(stack, looped)
        x, right, out = (v.fixed(work.entry, indices) for v in (x, y, target))
        sliding = work.sliding(x, work.windows)
        if scratch is not None:
            x = Labelled(sliding.surrounded(work.build, x.view, work.zero, scratch), x.labels)
        windows = work.windows_of(x, sliding, scratch is not None)
        step.multiply_parts(windows, right, out, is_added)
    if target is not work.target:
        copy(work.entry, target.ordered(work.primitive.out).view, work.target.view)


class _Gathering:
    """One turn of the loops: which labels its matrices have along rows, columns, and the sum."""

    def __init__(self, work, looped):
        self.work, self.looped = work, looped
        self.rows = _placed(work, work.groups.left, looped)
        self.columns = _placed(work, work.groups.right, looped)
        self.inner = [
            i for i in work.y.by_stride if i in work.groups.contracted and i not in looped
        ]
        self.divided, self.part = self._division()

    def _division(self):
        """A label along which the windows are gathered in parts, and how much of it at a time."""
        work = self.work
        labels = [i for i in work.primitive.contraction.left if i not in self.looped]
        n_bytes = work.dtype.itemsize * prod([work.sizes[i] for i in labels])
        slides = [i for i in work.x.by_stride if work.slides(i)]
        if not slides or n_bytes <= 2 * _BYTES_OF_A_PART:
            return work.primitive.out[0], None
        label = max(slides[0], -1 - slides[0], key=lambda i: work.sizes[i])
        size = work.sizes[label]
        part = max(1, size * _BYTES_OF_A_PART // n_bytes)
        return label, -(-size // -(-size // part))

    def target(self, is_added):
        """The memory that products are written to: the output's, or memory of another order.

        Where products are added up, it has the longer side of the matrix first: BLAS took 18 us
        for 144 x 32 and 37 us for 32 x 144, of inner size 196 in single precision.
        """
        work = self.work
        size_of_rows, size_of_columns = (
            prod([work.sizes[i] for i in labels]) for labels in (self.rows, self.columns)
        )
        turns = is_added and size_of_rows > size_of_columns
        if work.target.is_matrix(self.rows, self.columns) and not turns:
            return work.target
        front = [i for i in work.primitive.out if i not in (*self.rows, *self.columns)]
        ends = (*self.rows, *self.columns) if turns else (*self.columns, *self.rows)
        order = (*front, *ends)
        shape = tuple([work.sizes[i] for i in order])
        return Labelled(work.build.temporary(work.dtype, shape), order)

    def scratch(self, x):
        """Memory for what windows cover, full of zeros; None where they reach nothing outside."""
        work = self.work
        sliding = work.sliding(x.without(self.looped), work.windows)
        if not sliding.reaches_outside:
            return None
        memory = work.build.temporary(work.dtype, sliding.covered_shape)
        fill(work.entry, work.zero, memory)
        return memory

    def multiply_parts(self, windows, right, out, is_added):
        """Write the product of windows, or a loop over its parts."""
        if self.part is None:
            self.multiply(windows, right, out, is_added)
            return
        entry, label, part = self.work.entry, self.divided, self.part
        views, size = (windows, right, out), self.work.sizes[label]

        def write(start, count):
            parts = [v.part(entry, label, start, count) for v in views]
            self.multiply(*parts, is_added)

        with entry.loop(entry.integer(size // part)) as i:
            write(i * entry.integer(part), part)
        if size % part:
            write(entry.integer(size - size % part), size % part)

    def multiply(self, windows, right, out, is_added):
        """Write the product, with windows gathered where they must be."""
        batch = [i for i in windows.labels if i not in (*self.rows, *self.inner)]

        def product(order, gathers):
            view = windows.ordered(order).view
            left = Labelled(contiguous(self.work.entry, view) if gathers else view, order)
            left = left.ordered((*batch, *self.rows, *self.inner))
            contraction = Contract(left.labels, right.labels, out.labels)
            views = left.view, right.view, out.view
            return Product(self.work.build, contraction, *views, is_added)

        found = product((*batch, *self.rows, *self.inner), False)
        if not found.reads_left:
            by_rows = _benefit(windows, self.rows) >= _benefit(windows, self.inner)
            ends = (*self.inner, *self.rows) if by_rows else (*self.rows, *self.inner)
            found = product((*batch, *ends), True)
        found.write()


def _benefit(windows, labels):
    """How much is gathered in one go with these labels in the innermost loops."""
    wide = [i for i in labels if windows.sizes[i] != 1]
    if not wide:
        return 0
    return windows.sizes[wide[-1]] / (1 if abs(windows.strides[wide[-1]]) == 1 else 4)


# ---- products scattered


def write_scattered(work):
    """Write the products of elements and kernels, and their sums by the windows of the output."""
    groups, sizes = work.groups, work.x.sizes
    inverse = [w.from_output(sizes[i]) for i, w in enumerate(work.windows)]
    products = [i for i in (*work.x.labels, *work.y.labels) if i not in groups.contracted or i < 0]
    looped = [i for i in _looped(work, set(products)) if i in work.primitive.out]
    inner = [i for i in work.y.by_stride if i in groups.contracted and i >= 0]
    columns = [i for i in work.y.by_stride if i in groups.right or i < 0]
    y = _right(work, inner, columns)
    fill(work.entry, work.zero, work.target.view)
    with ExitStack() as stack:
        indices = work.loop(stack, looped)
        x, right, out = (v.fixed(work.entry, indices) for v in (work.x, y, work.target))
        rows = [i for i in x.labels if i in groups.left]
        batch = [i for i in x.labels if i in groups.batch]
        ends = (*rows, *columns) if out.by_stride[-1] in groups.right else (*columns, *rows)
        made = _made(work, (*batch, *ends), x, right)
        sliding = work.sliding(out, inverse)
        outside, sums = sliding.reaches_outside, out
        if outside:
            memory = work.build.temporary(work.dtype, sliding.covered_shape)
            fill(work.entry, work.zero, memory)
            sums = Labelled(memory, out.labels)
        windows = work.windows_of(sums, sliding, outside)
        add(work.entry, made.view, windows.ordered(made.labels).view)
        if outside:
            sliding.take_back(work.build, sums.view, out.view)


def _made(work, order, x, y):
    """The products of all elements with all kernels, in scratch memory."""
    sizes = {**x.sizes, **y.sizes}
    memory = work.build.temporary(work.dtype, tuple([sizes[i] for i in order]))
    contraction = Contract(x.labels, y.labels, order)
    Product(work.build, contraction, x.view, y.view, memory).write()
    return Labelled(memory, order)
