"""Views whose axes have labels."""

from functools import cached_property

from fungrad.compiler.language.scalar import INDEX, constant
from fungrad.compiler.language.views import View


class Labelled:
    """A view and a label for each of its axes."""

    def __init__(self, view, labels):
        self.view, self.labels = view, tuple(labels)

    @cached_property
    def strides(self):
        """The stride of each label."""
        return dict(zip(self.labels, self.view.strides, strict=True))

    @cached_property
    def sizes(self):
        """The size of each label."""
        return dict(zip(self.labels, self.view.shape, strict=True))

    @property
    def by_stride(self):
        """The labels in the order of their strides, largest first."""
        return sorted(self.labels, key=lambda i: -abs(self.strides[i]))

    def ordered(self, order):
        """The same with axes in another order."""
        shape, strides = (tuple([s[i] for i in order]) for s in (self.sizes, self.strides))
        return Labelled(View(self.view.buffer, self.view.offset, shape, strides), order)

    def without(self, labels):
        """The part at index 0 of some labels."""
        return self.ordered([i for i in self.labels if i not in labels])

    def fixed(self, entry, indices):
        """The part at an index of each label in `indices`, inside the loops over them."""
        position = constant(0, INDEX)
        for label, stride in self.strides.items():
            if label in indices and self.sizes[label] > 1:
                position = position + indices[label] * entry.integer(stride)
        part = self.without(indices)
        if position.is_constant:
            return part
        buffer = entry.part(self.view.buffer, position, self.view.buffer.size)
        view = View(buffer, self.view.offset, part.view.shape, part.view.strides)
        return Labelled(view, part.labels)

    def part(self, entry, label, start, size):
        """`size` places of a label from a start on, a scalar of the entry; itself without it."""
        if label not in self.labels:
            return self
        sizes = self.sizes | {label: size}
        shape = tuple([sizes[i] for i in self.labels])
        view = self.view
        buffer = entry.part(
            view.buffer, start * entry.integer(self.strides[label]), view.buffer.size
        )
        return Labelled(View(buffer, view.offset, shape, view.strides), self.labels)

    def is_matrix(self, rows, columns):
        """Whether BLAS sees a matrix with some labels along its rows and others along columns."""
        steps = []
        for labels in (rows, columns):
            wide = [i for i in labels if self.sizes[i] != 1]
            for i, j in zip(wide, wide[1:], strict=False):
                if self.strides[i] != self.strides[j] * self.sizes[j]:
                    return False
            steps.append(self.strides[wide[-1]] if wide else 1)
        return 1 in steps and min(steps) > 0
