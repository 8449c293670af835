"""Convolutions by tiles in registers: of places and of what the right operand adds (features).

Each image is copied once, surrounded by zeros and with what is summed over (channels) in front, so
that neighbouring places lie next to each other; nothing else is gathered. Vectors are of features,
or of places where the output has these next to each other. Where the input is dilated, the places
fall into phases, each with the elements of the kernel that it meets: no zeros are multiplied.
Images, or bands of them, are shared between threads. Where each channel has a kernel of its own and
channels are neighbours, vectors are of channels.
"""

from contextlib import ExitStack
from itertools import product
from math import prod

from fungrad.compiler.convolution.lines import lines_of
from fungrad.compiler.convolution.reach import Reach
from fungrad.compiler.convolution.units import (
    Units,
    joined_step,
    moved,
    position,
    sliding_places,
)
from fungrad.compiler.language.labelled import Labelled
from fungrad.compiler.language.scalar import INDEX, constant
from fungrad.compiler.language.statements import Call
from fungrad.compiler.language.views import Buffer, row_major
from fungrad.compiler.moves.copy import contiguous, write_copy
from fungrad.compiler.products import tiles

_MOST_PHASES = 8
_FARTHEST = 4  # places of the input between neighbouring rows of a tile
#: Elements of the kernel that all images read again: where they do not fit into the cache, matrix
#: products of many images are faster.
_MOST_WEIGHTS = 1 << 19
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
        return None
    columns = prod([work.sizes[i] for i in groups.right])
    inner = prod([work.sizes[i] for i in groups.contracted])
    if columns * inner > _MOST_WEIGHTS:
        return None
    plan = Tiling(work, slides)
    if _is_plain_product(work, slides) and not plan.reads_lines:
        return None
    return plan if plan.is_good else None


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
        are_steps = all(p.step == p.distance == 1 for p in self.reach[self.row].phases)
        if are_steps and not self.channels:
            has_neighbours = work.target.strides[self.row] == 1 or work.sizes[self.row] == 1
            is_moved = not has_neighbours or self._step(work.target) is None
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


def write_tiles(work, plan):
    """Write the kernel, and before it the copies that it reads."""
    _Writing(work, plan).write()


class _Writing:
    def __init__(self, work, plan):
        self.work, self.plan, self.entry = work, plan, work.entry
        self.build, self.dtype = work.build, work.dtype
        self.right = self._arranged_right()
        self.positions = (*plan.outer, plan.row)
        self.names = (*plan.summed, *self.positions, *plan.channels)
        self.surrounded_shape = [
            plan.reach[i].size if i in plan.reach else work.sizes[i] for i in self.names
        ]
        self.is_copied = not self._reads_in_place()
        if self.is_copied:
            self.strides = dict(zip(self.names, row_major(self.surrounded_shape), strict=True))
        else:
            self.strides = work.x.strides
        self.made, self.step = work.target.strides, plan.step_of_columns
        if plan.is_moved:
            ends = ([*plan.right], self.positions)
            self.made_order = [i for end in (ends if plan.is_across else ends[::-1]) for i in end]
            made = row_major([work.sizes[i] for i in self.made_order])
            self.made = dict(zip(self.made_order, made, strict=True))
            self.step = joined_step(plan.right, work.sizes, self.made)
        count = prod([work.sizes[i] for i in plan.images])
        places = prod([work.sizes[i] for i in self.positions])
        lines = min([self._lines(p) for p in plan.phases])
        self.units = Units(count, lines, count * places * plan.columns * plan.inner)
        self.writer = self.build.kernel("convolve_kernel")

    @property
    def _width(self):
        """The columns of a panel."""
        return self.plan.tile.length * self.plan.tile.vectors

    def _lines(self, phase):
        """How many lines of a phase, or tiles of lines, or panels of one, bands may divide."""
        plan = self.plan
        if not plan.outer:
            is_divided = plan.is_across and not plan.is_moved
            return phase[plan.row].count // self._width if is_divided else 1
        if plan.lines is not None and plan.lines.label == plan.outer[0]:
            return plan.lines.count(phase)
        return phase[plan.outer[0]].count

    # ---- operands

    def _arranged_right(self):
        """The right operand with its columns next to each other."""
        work, plan, y = self.work, self.plan, self.work.y
        steps = [joined_step(i, y.sizes, y.strides) for i in (plan.right, plan.summed)]
        if steps[0] == 1 and steps[1] is not None:
            return y
        batch = [i for i in y.labels if i in work.groups.batch and i not in plan.channels]
        elements = [i for i in y.labels if i < 0]
        moved_to = y.ordered((*batch, *plan.summed, *elements, *plan.right))
        return Labelled(contiguous(self.entry, moved_to.view), moved_to.labels)

    def _reads_in_place(self):
        """Whether tiles can read the image where it stands."""
        plan, x = self.plan, self.work.x
        if not all(plan.reach[i].is_inside for i in self.positions):
            return False
        is_joined = joined_step(plan.summed, x.sizes, x.strides) is not None
        if plan.channels:
            return True
        return x.strides[plan.row] == 1 and is_joined

    def _table_pointers(self):
        """Per phase the pointer to its table, and the number of pairs; they are among the sizes."""
        entry = self.entry
        tables = self.plan.tables(self.strides, self.right)
        first = len(entry.sizes)
        for pairs in tables:
            for value in pairs:
                entry.slot(value)
        buffer = Buffer("argument", "sizes", INDEX, len(entry.sizes))
        found = []
        for pairs in tables:
            found.append((self.writer.pointer(buffer, first), len(pairs) // 2))
            first += len(pairs)
        return found

    # ---- the kernel

    def write(self):
        """Write everything."""
        work, plan, writer, units = self.work, self.plan, self.writer, self.units
        pointers = [
            writer.pointer(v.view.buffer, v.view.offset, v is work.target)
            for v in (work.x, self.right, work.target)
        ]
        tables = self._table_pointers()
        places = prod([work.sizes[i] for i in self.positions])
        with units.begin(writer) as part:
            images = spare = None
            if self.is_copied:
                size = prod(self.surrounded_shape)
                images = units.memory(self.build, writer, part, self.dtype, size)
                with writer.loop(writer.integer(size)) as i:
                    writer.store(images, i, work.zero)
            if plan.is_moved:
                size = places * plan.columns
                spare = units.memory(self.build, writer, part, self.dtype, size)
            first, count = units.of_part(writer, part)
            with writer.loop(count, "unit") as unit:
                sizes = {i: work.sizes[i] for i in plan.images}
                index, band = units.decoded(writer, first + unit, sizes)
                x, w, y = (
                    moved(writer, pointer, position(writer, index, v), "image")
                    for pointer, v in zip(pointers, (work.x, self.right, work.target), strict=True)
                )
                source = self._source(x, images)
                made = spare if plan.is_moved else y
                for phase, table in zip(plan.phases, tables, strict=True):
                    self._phase(phase, table, source, w, made, band)
                if plan.is_moved:
                    self._write_out(spare, y, band)
        self.build.call(writer)

    def _source(self, x, images):
        """The image as tiles read it: copied into its surroundings, or where it stands."""
        work, plan, shape = self.work, self.plan, []
        if not self.is_copied:
            first = sum(plan.reach[i].low * self.strides[i] for i in self.positions)
            return moved(self.writer, x, self.writer.integer(first), "image")
        source = target = 0
        labels = self.names
        for i in labels:
            first, count, at = 0, work.x.sizes[i], 0
            if i in plan.reach:
                first, count, at = plan.reach[i].common
            source += first * work.x.strides[i]
            target += at * self.strides[i]
            shape.append(count)
        if prod(shape):
            near, far = ([v[i] for i in labels] for v in (work.x.strides, self.strides))
            start = moved(self.writer, x, self.writer.integer(source), "image")
            inside = moved(self.writer, images, self.writer.integer(target), "inside")
            write_copy(self.writer, self.dtype, shape, (start, near), (inside, far))
        return images

    def _phase(self, phase, table, source, w, made, band):
        """All tiles of a phase: panels of columns, outside of rows, so that they stay near."""
        plan, writer, tile, row = self.plan, self.writer, self.plan.tile, phase[self.plan.row]
        integer = writer.integer
        columns = row.count if plan.is_across else plan.columns
        width = self._width
        full, rest = divmod(columns, width)
        panels = [(width, full, 0)] if full else []
        panels += [(rest, 1, full * width)] if rest else []
        for size, count, start in panels:
            begin, n_panels = constant(0, INDEX), integer(count)
            if not plan.outer:
                begin, n_panels = self.units.lines_of_band(writer, band, count)
            with writer.loop(n_panels, "panel") as panel, ExitStack() as stack:
                panel = begin + panel
                column = writer.let(panel * integer(width) + integer(start), "column")
                from_image = constant(0, INDEX)
                to_made = column + integer(row.start * self.made[plan.row])
                for i in plan.outer if plan.lines is None else plan.outer[:-1]:
                    p, first, n = phase[i], constant(0, INDEX), integer(phase[i].count)
                    if i == plan.outer[0]:
                        first, n = self.units.lines_of_band(writer, band, p.count)
                    q = first + stack.enter_context(writer.loop(n, "row"))
                    from_image = from_image + q * integer(p.distance * self.strides[i])
                    to_made = to_made + q * integer(p.step * self.made[i])
                    to_made = to_made + integer(p.start * self.made[i])
                if plan.channels:
                    from_image = from_image + column
                source_part = moved(writer, source, from_image, "line")
                made_part = moved(writer, made, to_made, "made")
                if plan.lines is not None:
                    source_part = moved(writer, source_part, column, "part")
                    pointers = source_part, w, made_part
                    plan.lines.write(self, phase, table, size, pointers, band)
                    continue
                self._row(row, table, (size, column), source_part, made_part, w)

    def _row(self, row, table, panel, source, made, w):
        """The tiles of a row of places, in one panel of columns."""
        writer, work, plan, tile = self.writer, self.work, self.plan, self.plan.tile
        size, column = panel
        lanes = size - (-(-size // tile.length) - 1) * tile.length
        n1, n0 = prod([work.sizes[i] for i in plan.summed]), table[1]
        steps = self.steps_summed
        if plan.is_across:
            w, source = source, w
            rows, distance, step = plan.columns, 1, self.step
        else:
            steps = steps[::-1]
            rows, distance, step = row.count, row.distance, self.made[plan.row] * row.step
        between = distance * self.strides[plan.row] if plan.channels else distance
        b, done = moved(writer, w, column, "panel"), 0
        for n_rows, count in tiles.split(rows, tile.rows):
            shape = tile._replace(rows=n_rows, vectors=-(-size // tile.length))
            name = tiles.name_of(self.dtype, shape, "t", "v" if plan.channels else distance)
            with writer.loop(writer.integer(count), "tile") as number:
                q = number * writer.integer(n_rows) + writer.integer(done)
                a = moved(writer, source, q * writer.integer(between), "a")
                y = moved(writer, made, q * writer.integer(step), "y")
                n1_, n0_, a1, b1, row_, last = map(writer.integer, (n1, n0, *steps, step, lanes))
                arguments = [n1_, n0_, a, a1, b, b1, table[0], y, row_, last]
                if plan.channels:
                    arguments.append(writer.integer(between))
                writer.write(Call(name, arguments))
            done += n_rows * count

    @property
    def steps_summed(self):
        """The strides of what is summed over, in the kernel and in the image."""
        return [self._step_summed(v) for v in (self.right.strides, self.strides)]

    def _step_summed(self, strides):
        wide = [i for i in self.plan.summed if self.work.sizes[i] != 1]
        return strides[wide[-1]] if wide else 0

    def _write_out(self, spare, y, band):
        """Copy what was made for an image, or the band, to the output."""
        work, plan, writer = self.work, self.plan, self.writer
        labels = list(self.made_order)
        if self.units.bands > 1:
            labels.remove(plan.outer[0])
        shape = [work.sizes[i] for i in labels]
        pairs = (spare, self.made), (y, work.target.strides)
        steps = [[strides[i] for i in labels] for _, strides in pairs]
        if self.units.bands == 1:
            write_copy(writer, self.dtype, shape, (spare, steps[0]), (y, steps[1]))
            return
        for p in plan.reach[plan.outer[0]].phases:
            first, n = self.units.lines_of_band(writer, band, p.count)
            with writer.loop(n, "row") as q:
                place = (first + q) * writer.integer(p.step) + writer.integer(p.start)
                lines = [
                    moved(writer, pointer, place * writer.integer(strides[plan.outer[0]]), "line")
                    for pointer, strides in pairs
                ]
                write_copy(writer, self.dtype, shape, *zip(lines, steps, strict=True))
