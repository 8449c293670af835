"""Which tiles in registers compute a convolution (see `tiles`), and where that is a good way."""

from itertools import product
from math import prod

from fungrad.compiler.convolution.lines import lines_of
from fungrad.compiler.convolution.reach import Reach
from fungrad.compiler.convolution.units import joined_step, sliding_places
from fungrad.compiler.products import tiles

_MOST_PHASES = 8
_FARTHEST = 4  # places of the input between neighbouring rows of a tile
#: Bytes of the kernel, which all images read again. Where they do not stay in the second cache,
#: images must have so many places that are multiplied by each, else products of many are faster.
_MOST_IN_CACHE, _LEAST_PLACES = 1 << 21, 40
_MOST_WEIGHTS = 1 << 24
_COST_OF_MOVING = 1.0  # an element from one memory to another, in vectors multiplied


def tiling(work):
    """How tiles compute a convolution, or None where another way is better."""
    groups, slides = work.groups, sliding_places(work)
    if slides is None:
        return None
    summed = [i for i in groups.contracted if i >= 0]
    if work.has_channels_apart and prod([work.sizes[i] for i in summed]) == 1:
        plan = Tiling(work, slides, list(groups.batch))
        if plan.is_good and plan.has_near_channels:
            return plan
    if work.is_direct:
        plan = Tiling(work, slides)
        return plan if plan.lines is not None else None
    if _are_weights_too_many(work, slides):
        return None
    plan = Tiling(work, slides)
    if _is_plain_product(work, slides) and not plan.reads_lines:
        return None
    return plan if plan.is_good else None


def _are_weights_too_many(work, slides):
    """Whether the kernel is so large that matrix products of many images are faster."""
    groups = work.groups
    weights = prod([work.sizes[i] for i in (*groups.right, *groups.contracted)])
    n_bytes = weights * work.dtype.itemsize
    are_few = prod([work.sizes[i] for i in slides]) < _LEAST_PLACES
    return n_bytes > (_MOST_IN_CACHE if are_few else _MOST_WEIGHTS)


def _is_plain_product(work, slides):
    """Whether kernels have one element, and BLAS can read the input where it stands, or nearly."""
    if any(work.sizes[-1 - i] != 1 or work.windows[i].left != 1 for i in slides):
        return False
    summed = [i for i in work.groups.contracted if i >= 0]
    is_last = joined_step(summed, work.x.sizes, work.x.strides) == 1
    return is_last or all(work.windows[i].out == 1 for i in slides)


class Tiling:
    """The labels of a convolution by their part in it, and the sizes of the tiles."""

    def __init__(self, work, slides, channels=()):
        """`channels` are the labels of a convolution of each channel with a kernel of its own."""
        self.work, sizes, groups = work, work.sizes, work.groups
        self.channels = channels
        by_stride = [i for i in work.x.by_stride if i in slides]
        wide = [i for i in by_stride if sizes[i] > 1] or by_stride
        self.row = wide[-1]
        self.outer = [i for i in by_stride if i != self.row]
        self.images = [*groups.batch, *[i for i in groups.left if i not in slides]]
        self.images = [i for i in self.images if i not in channels]
        self.summed = [i for i in groups.contracted if i >= 0]
        self.right = channels or list(groups.right)
        self.columns = prod([sizes[i] for i in self.right])
        self.reach = {i: Reach(work.windows[i], work.x.sizes[i], sizes[-1 - i]) for i in slides}
        self.phases = [
            dict(zip(slides, combination, strict=True))
            for combination in product(*[self.reach[i].phases for i in slides])
        ]
        self.writes_in_place = self._step(work.target) == 1
        self.inner = prod([sizes[i] for i in groups.contracted])
        self.is_across, self.tile, self.is_moved, self.lines = self._best_tile()

    def _best_tile(self):
        """Whether vectors are of places, the tile, and whether tiles write to other memory first.

        It is what takes the least time for a row. Last, how lines are the rows of tiles, or None.
        """
        work, most = self.work, self.reach[self.row].most
        moving = most * self.columns * _COST_OF_MOVING
        tile, cost = tiles.best_tile(work.dtype, most, self.columns)
        is_moved = not self.writes_in_place
        found = [(cost * self.inner + is_moved * moving, False, tile, is_moved, None)]
        if not self.channels and all(p.distance == 1 for p in self.reach[self.row].phases):
            has_neighbours = work.target.strides[self.row] == 1 or work.sizes[self.row] == 1
            is_moved = not has_neighbours or self._step(work.target) is None
            is_moved = is_moved or len(self.reach[self.row].phases) > 1
            tile, cost = tiles.best_tile(work.dtype, self.columns, most)
            found.append((cost * self.inner + is_moved * moving, True, tile, is_moved, None))
        if (by_lines := lines_of(self)) is not None:
            lines, cost = by_lines
            found.append((cost * self.inner, True, lines.tile, False, lines))
        return min(found, key=lambda each: each[0])[1:]

    @property
    def reads_lines(self):
        """Whether vectors of neighbouring places are read and written where they stand.

        Then products by kernels of one element need no copy of the image, as BLAS would make.
        """
        x, is_line = self.work.x, not self.outer and self.is_across and not self.is_moved
        is_joined = joined_step(self.summed, x.sizes, x.strides) is not None
        return is_line and is_joined and x.strides[self.row] == 1

    @property
    def step_of_columns(self):
        """The stride of the columns in the output, None where they cannot be joined."""
        return self._step(self.work.target)

    def _step(self, v):
        return joined_step(self.right, v.sizes, v.strides)

    @property
    def has_near_channels(self):
        """Whether channels are neighbours in the input and in the output."""
        x = self.work.x
        return self.writes_in_place and joined_step(self.channels, x.sizes, x.strides) == 1

    @property
    def is_good(self):
        """Whether tiles are well filled, and what they are made of is near at hand."""
        distances = {p[self.row].distance for p in self.phases}
        if len(self.phases) > _MOST_PHASES:
            return False
        if not self.channels and not all(1 <= d <= _FARTHEST for d in distances):
            return False
        sums = self.tile.rows * self.tile.vectors
        return sums >= 2 if self.is_across else sums >= 3 and self.columns >= 3

    def tables(self, surrounded, right):
        """Per phase: pairs of the distances of what is multiplied, in the image and the kernel.

        Along lines that are rows of tiles, these know the distances themselves.
        """
        found = []
        for phase in self.phases:
            pairs, summed = [], [i for i in phase if self.lines is None or i != self.lines.label]
            for elements in product(*[phase[i].reach.items() for i in summed]):
                pairs_of = list(zip(summed, elements, strict=True))
                of_image = sum(at * surrounded[i] for i, (_, at) in pairs_of)
                of_kernel = sum(k * right.strides[-1 - i] for i, (k, _) in pairs_of)
                pairs += [of_kernel, of_image] if self.is_across else [of_image, of_kernel]
            found.append(pairs)
        return found
