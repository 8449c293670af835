"""Which tiles compute a convolution of few places, each a long sum (see `sums`)."""

from math import prod

from fungrad.compiler.convolution.dots import Dots, dots_of, has_rows
from fungrad.compiler.convolution.units import joined_step, sliding_places
from fungrad.compiler.products import tiles
from fungrad.primitives.windows import covered


def summing(work):
    """How tiles compute a convolution of few places, or None where another way is better."""
    groups, slides = work.groups, sliding_places(work)
    if slides is None:
        return None
    if any(work.windows[i].left != 1 for i in slides):
        return None
    places, elements = (
        prod([work.sizes[k] for k in i]) for i in (slides, [-1 - i for i in slides])
    )
    if elements <= places:
        return None
    features = [i for i in groups.left if i not in slides]
    if prod([work.sizes[i] for i in (*features, *groups.right)]) == 1:
        if work.has_channels_apart:
            plan = Summing(work, slides, channels=list(groups.batch))
            if plan.has_near_channels:
                return plan
        plan = Summing(work, slides, is_along_row=True)
        if plan.has_near_lanes:
            return plan
        plan = Summing(work, slides)
        if has_rows(plan):
            plan.dots = Dots(plan)
            return plan
    if work.is_direct:
        return None
    plan = Summing(work, slides)
    plan.dots = dots_of(plan)
    return plan if plan.dots is not None or plan.is_good else None


class Summing:
    """The labels of a convolution by their part in it, and the size of the tiles."""

    def __init__(self, work, slides, channels=(), is_along_row=False):
        """`channels` are the labels of a convolution of each channel with a kernel of its own.

        With `is_along_row`, vectors are of the elements of a row, whose sums are added up at the
        end: where nothing else lies next to each other.
        """
        self.channels, self.is_along_row = channels, is_along_row
        self.work, sizes, groups = work, work.sizes, work.groups
        by_stride = [i for i in work.x.by_stride if i in slides]
        wide = [i for i in by_stride if sizes[-1 - i] > 1] or by_stride
        self.row = wide[-1]
        self.outer = [i for i in by_stride if i != self.row]
        self.batch = [i for i in groups.batch if i not in channels]
        self.images = [i for i in groups.contracted if i >= 0]
        self.features = [i for i in groups.left if i not in slides]
        self.right = channels or ([-1 - self.row] if is_along_row else list(groups.right))
        self.n_features = prod([sizes[i] for i in self.features])
        self.columns = prod([sizes[i] for i in self.right])
        self.covered = {i: covered(work.windows[i], sizes[-1 - i]) for i in slides}
        self.has_columns_apart = bool(channels) or is_along_row
        self.is_merged = self.has_columns_apart or work.windows[self.row].out == 1
        self.rows = self.n_features * (sizes[self.row] if self.is_merged else 1)
        self.tile, _ = tiles.best_tile(work.dtype, self.rows, self.columns)
        self.dots = None  # how vectors along rows do better, if they do

    @property
    def is_inside(self):
        """Whether nothing is met outside of the left operand."""
        x = self.work.x
        return all(low >= 0 and high < x.sizes[i] for i, (low, high) in self.covered.items())

    @property
    def n_places(self):
        """How many places windows have: elements of the kernel, where this is its gradient."""
        return prod([self.work.sizes[i] for i in (*self.outer, self.row)])

    @property
    def is_picked(self):
        """Whether each element of the left operand is met once at most, and not all of them are."""
        is_apart = any(self.work.windows[i].right > 1 for i in (*self.outer, self.row))
        return self.n_places == 1 and self.is_inside and is_apart

    @property
    def n_sums(self):
        """How many sums there are, of one element of the batch."""
        return self.n_places * self.n_features * self.columns

    @property
    def has_near_channels(self):
        """Whether channels are neighbours in both operands."""
        operands = self.work.x, self.work.y
        return all(joined_step(self.channels, v.sizes, v.strides) == 1 for v in operands)

    @property
    def has_near_lanes(self):
        """Whether the elements of a row are neighbours in both operands, and fill vectors."""
        x, y, window = self.work.x, self.work.y, self.work.windows[self.row]
        is_near = window.right == y.strides[-1 - self.row] == x.strides[self.row] == 1
        return is_near and 2 * self.columns >= self.tile.length

    @property
    def is_good(self):
        """Whether tiles are well filled."""
        return self.tile.rows * self.tile.vectors >= 3
