"""Convolutions: windows gathered into scratch memory and multiplied by BLAS, or direct loops.

A loop over the labels in front (images) keeps what is gathered at a time in the cache.
"""

from contextlib import ExitStack
from math import prod

from fungrad.compiler.contraction import Product
from fungrad.compiler.copy import contiguous, copy, fill
from fungrad.compiler.scalar import INDEX, call, constant
from fungrad.compiler.views import View
from fungrad.compiler.windows import Sliding
from fungrad.primitives.contraction import Contract

#: As many bytes of windows are gathered at a time, unless one image has more.
_BYTES_AT_A_TIME = 1 << 17


def convolve(build, primitive, inputs, outputs):
    """Write a convolution."""
    x, y = (build.view(v) for v in inputs)
    target = build.output(outputs[0])
    if not prod(target.shape):
        return
    if not prod(x.shape) * prod(y.shape):
        fill(build.entry, constant(0, target.buffer.dtype), target)
        return
    work = _Convolution(build, primitive, x, y, target)
    if work.is_direct:
        work.write_loops()
    else:
        work.write_products()


class _Labelled:
    """A view whose axes have labels."""

    def __init__(self, view, labels):
        self.view, self.labels = view, tuple(labels)
        self.strides = dict(zip(self.labels, view.strides, strict=True))

    def ordered(self, order):
        """The same with axes in another order."""
        axes, v = [self.labels.index(i) for i in order], self.view
        shape, strides = (tuple([s[a] for a in axes]) for s in (v.shape, v.strides))
        return _Labelled(View(v.buffer, v.offset, shape, strides), order)

    def fixed(self, entry, indices):
        """The part at an index of each label in `indices`, inside the loops over them."""
        position, rest, v = constant(0, INDEX), [], self.view
        for label, n, stride in zip(self.labels, v.shape, v.strides, strict=True):
            if label not in indices:
                rest.append((label, n, stride))
            elif n > 1:
                position = position + indices[label] * entry.integer(stride)
        labels, shape, strides = (tuple([r[k] for r in rest]) for k in range(3))
        buffer = v.buffer
        if not position.is_constant:
            buffer = entry.part(buffer, position, buffer.size)
        return _Labelled(View(buffer, v.offset, shape, strides), labels)


class _Convolution:
    """One convolution: labels, sizes, and the memory of operands and output."""

    def __init__(self, build, primitive, x, y, target):
        self.build, self.entry = build, build.entry
        self.primitive, self.contraction = primitive, primitive.contraction
        self.x = _Labelled(x, primitive.left)
        self.y = _Labelled(y, self.contraction.right)
        self.target = _Labelled(target, primitive.out)
        self.dtype = target.buffer.dtype
        self.sizes = {}  # of what slides: the output's
        for labelled in (self.x, self.y, self.target):
            self.sizes.update(zip(labelled.labels, labelled.view.shape, strict=True))
        self.looped = []

    @property
    def _rank(self):
        return len(self.primitive.windows)

    @property
    def is_direct(self):
        """Whether loops are better: BLAS does not know the dtype, or has too little to do."""
        groups = self.contraction.groups
        rows = prod([self.sizes[i] for i in groups.right])
        inner = prod([self.sizes[i] for i in groups.contracted if i >= 0])
        return self.dtype.kind not in "fc" or rows == inner == 1

    def _sliding(self, x):
        """How windows slide over (a part of) the left operand."""
        windows = [self.primitive.windows[i] if i < self._rank else None for i in x.labels]
        widths = [self.sizes[-1 - i] if i < self._rank else 1 for i in x.labels]
        return Sliding(x.view.shape, windows, widths)

    def _windows(self, x, sliding, is_surrounded):
        """The windows of the left operand, or of the scratch memory that holds it."""
        pairs = [(i, -1 - i) if i < self._rank else (i,) for i in x.labels]
        labels = [i for pair in pairs for i in pair]
        return _Labelled(sliding.view(x.view, is_surrounded), labels)

    def _by_stride(self, labels, labelled):
        """The labels in the order of their strides, largest first."""
        return sorted(labels, key=lambda i: -abs(labelled.strides[i]))

    def _by_place(self, labels):
        """Those labels that no loop runs over, in the order of the output."""
        return sorted([i for i in labels if i not in self.looped], key=self.primitive.out.index)

    # ---- products

    def write_products(self):
        """Write the loops, and in them the padding, the gathering and the products."""
        groups, zero = self.contraction.groups, constant(0, self.dtype)
        self.looped = self._loops()
        self.rows, self.columns = self._by_place(groups.left), self._by_place(groups.right)
        contracted = self._by_stride(groups.contracted, self.y)
        self.inner = [i for i in contracted if i not in self.looped]
        target, y = self._target(), self._right()
        is_added = any(i not in self.primitive.out for i in self.looped)
        if is_added:
            fill(self.entry, zero, target.view)
        x = self.x.ordered(self._by_stride(self.x.labels, self.x))
        scratch = self._scratch(x, zero)
        with ExitStack() as stack:
            indices = {
                i: stack.enter_context(self.entry.loop(self.entry.integer(self.sizes[i])))
                for i in self.looped
            }
            x, right, out = (v.fixed(self.entry, indices) for v in (x, y, target))
            sliding = self._sliding(x)
            if scratch is not None:
                x = _Labelled(sliding.surrounded(self.build, x.view, zero, scratch), x.labels)
            windows = self._windows(x, sliding, scratch is not None)
            self._write_product(windows, right, out, is_added)
        if target is not self.target:
            copy(self.entry, target.ordered(self.primitive.out).view, self.target.view)

    def _loops(self):
        """The labels in front, outside of those that slide, while one turn has much to do.

        The innermost label that does not slide, the channels, is not looped over.
        """
        n_bytes = self.dtype.itemsize * prod([self.sizes[i] for i in self.contraction.left])
        order = self._by_stride(self.x.labels, self.x)
        still = [i for i in order if i >= self._rank]
        looped = []
        for i in order:
            is_last = still[-1:] == [i] and i not in self.contraction.groups.batch
            if i < self._rank or is_last or n_bytes <= _BYTES_AT_A_TIME:
                break
            looped.append(i)
            n_bytes //= self.sizes[i]
        return looped

    def _scratch(self, x, zero):
        """Memory for what windows cover, full of zeros; None where they reach nothing outside."""
        sliding = self._sliding(x.fixed(self.entry, dict.fromkeys(self.looped, constant(0, INDEX))))
        if not sliding.reaches_outside:
            return None
        scratch = self.build.temporary(self.dtype, sliding.covered_shape)
        fill(self.entry, zero, scratch)
        return scratch

    def _target(self):
        """The memory that products are written to: the output's, or memory of another order."""
        if self._is_matrix(self.target, self.rows, self.columns):
            return self.target
        front = [i for i in self.primitive.out if i not in (*self.rows, *self.columns)]
        order = (*front, *self.columns, *self.rows)
        shape = tuple([self.sizes[i] for i in order])
        return _Labelled(self.build.temporary(self.dtype, shape), order)

    def _right(self):
        """The right operand, packed where BLAS cannot read it."""
        if self._is_matrix(self.y, self.inner, self.columns):
            return self.y
        front = [i for i in self.y.labels if i not in (*self.inner, *self.columns)]
        moved = self.y.ordered((*front, *self.columns, *self.inner))
        return _Labelled(contiguous(self.entry, moved.view), moved.labels)

    def _is_matrix(self, labelled, rows, columns):
        """Whether BLAS sees the view as a matrix with these labels along rows and columns."""
        strides, steps = labelled.strides, []
        for labels in (rows, columns):
            wide = [i for i in labels if self.sizes[i] != 1]
            for i, j in zip(wide, wide[1:], strict=False):
                if strides[i] != strides[j] * self.sizes[j]:
                    return False
            steps.append(strides[wide[-1]] if wide else 1)
        return 1 in steps and min(steps) > 0

    def _write_product(self, windows, right, out, is_added):
        """Write the product of one turn of the loops, with windows gathered where they must be."""
        batch = [i for i in windows.labels if i not in (*self.rows, *self.inner)]

        def product(order, gathers):
            view = windows.ordered(order).view
            left = _Labelled(contiguous(self.entry, view) if gathers else view, order)
            left = left.ordered((*batch, *self.rows, *self.inner))
            contraction = Contract(left.labels, right.labels, out.labels)
            return Product(self.build, contraction, left.view, right.view, out.view, is_added)

        found = product((*batch, *self.rows, *self.inner), False)
        if not found.reads_left:
            by_rows = self._benefit(windows, self.rows) >= self._benefit(windows, self.inner)
            ends = (*self.inner, *self.rows) if by_rows else (*self.rows, *self.inner)
            found = product((*batch, *ends), True)
        found.write()

    def _benefit(self, windows, labels):
        """How much is gathered in one go with these labels in the innermost loops."""
        wide = [i for i in labels if self.sizes[i] != 1]
        if not wide:
            return 0
        return self.sizes[wide[-1]] / (1 if abs(windows.strides[wide[-1]]) == 1 else 4)

    # ---- direct loops

    def write_loops(self):
        """Write loops over the output, and inside them over all that is summed."""
        x, sliding = self.x, self._sliding(self.x)
        outside = sliding.reaches_outside
        if outside:
            zero = constant(0, self.dtype)
            x = _Labelled(sliding.surrounded(self.build, x.view, zero), x.labels)
        writer = self.build.kernel("convolve_kernel")
        windows = self._windows(x, sliding, outside)
        arrays = [(writer.array(v.view), v.labels) for v in (windows, self.y)]
        out = writer.array(self.target.view, is_written=True)
        word = "fast_add" if self.dtype.kind == "f" else "add"
        with ExitStack() as stack:
            at = {
                i: stack.enter_context(writer.loop(writer.integer(self.sizes[i])))
                for i in self.primitive.out
            }
            total = writer.variable(constant(0, self.dtype), "total")
            with ExitStack() as inner:
                for i in self.contraction.groups.contracted:
                    at[i] = inner.enter_context(writer.loop(writer.integer(self.sizes[i])))
                x, y = (array.load(*[at[i] for i in labels]) for array, labels in arrays)
                total.set(call(word, self.dtype, total.symbol, x * y))
            out.store([at[i] for i in self.primitive.out], total.symbol)
        self.build.call(writer)
