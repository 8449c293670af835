"""Convolutions by tiles in registers: of places and of what the right operand adds (features).

Each image is copied once, surrounded by zeros and with what is summed over (channels) in front, so
that neighbouring places lie next to each other; nothing else is gathered. Vectors are of features,
or of places where the output has these next to each other. Where the input is dilated, the places
fall into phases, each with the elements of the kernel that it meets: no zeros are multiplied.
Images, or bands of them, are shared between threads.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from math import prod

from fungrad.compiler import parts, tiles
from fungrad.compiler.copy import contiguous, write_copy
from fungrad.compiler.labelled import Labelled
from fungrad.compiler.scalar import INDEX, call, constant
from fungrad.compiler.statements import Call, Point
from fungrad.compiler.views import Buffer, View, row_major, whole

_MOST_PHASES = 8
_FARTHEST = 4  # places of the input between neighbouring rows of a tile
#: Elements of the kernel that all images read again: where they do not fit into the cache, matrix
#: products of many images are faster.
_MOST_WEIGHTS = 1 << 19
_AT_A_TIME = 32  # products that take as long as one operation of other kernels
_COST_OF_MOVING = 1.0  # an element from one memory to another, in vectors multiplied


@dataclass
class Phase:
    """The places start, start + step, ... of a label, `count` of them, and what they meet.

    Place q of them meets element k of the kernel at place reach[k] + q * distance of the image with
    its surroundings.
    """

    start: int
    step: int
    count: int
    distance: int
    reach: dict


class Reach:
    """Along one label: the phases, and how the image lies in its surroundings."""

    def __init__(self, window, n, width):
        w, self.n = window, n
        found = []
        for start in range(min(w.left, w.size)):
            meets = {}
            for k in range(width):
                place = w.out * start + w.right * k + w.offset
                if place % w.left == 0:
                    meets[k] = place // w.left
            found.append((start, -(-(w.size - start) // w.left), meets))
        ends = [
            m + w.out * q for _, count, meets in found for m in meets.values() for q in (0, count - 1)
        ]
        self.low, high = min(ends, default=0), max(ends, default=0)
        self.size = high - self.low + 1
        self.is_inside = self.low >= 0 and high < n
        self.phases = [
            Phase(start, w.left, count, w.out, {k: m - self.low for k, m in meets.items()})
            for start, count, meets in found
        ]
        self.most = max((p.count for p in self.phases), default=0)

    @property
    def common(self):
        """The part of the image that is covered: first element, how many, where in the whole."""
        first, last = max(0, self.low), min(self.n - 1, self.low + self.size - 1)
        return first, max(0, last - first + 1), first - self.low


def tiling(work):
    """How tiles compute a convolution, or None where another way is better."""
    groups = work.groups
    slides = [i for i in groups.left if work.slides(i)]
    if work.dtype.name not in ("float32", "float64") or not slides:
        return None
    if any(i >= 0 and work.slides(i) for i in (*groups.batch, *groups.contracted)):
        return None
    columns = prod([work.sizes[i] for i in groups.right])
    inner = prod([work.sizes[i] for i in groups.contracted])
    if columns < 3 or columns * inner > _MOST_WEIGHTS:
        return None
    plan = Tiling(work, slides)
    return plan if plan.is_good else None


class Tiling:
    """The labels of a convolution by their part in it, and the sizes of the tiles."""

    def __init__(self, work, slides):
        self.work, sizes, groups = work, work.sizes, work.groups
        by_stride = [i for i in work.x.by_stride if i in slides]
        wide = [i for i in by_stride if sizes[i] > 1] or by_stride
        self.row = wide[-1]
        self.outer = [i for i in by_stride if i != self.row]
        self.images = [*groups.batch, *[i for i in groups.left if i not in slides]]
        self.summed = [i for i in groups.contracted if i >= 0]
        self.right = list(groups.right)
        self.columns = prod([sizes[i] for i in self.right])
        self.reach = {
            i: Reach(work.windows[i], work.x.sizes[i], sizes[-1 - i]) for i in slides
        }
        self.phases = [
            dict(zip(slides, combination, strict=True))
            for combination in product(*[self.reach[i].phases for i in slides])
        ]
        self.writes_in_place = self.step(self.right, work.target) == 1
        self.is_across, self.tile = self._best_tile()

    def _best_tile(self):
        """Whether vectors are of places, and the tile: what takes the least time for a row."""
        work, most = self.work, self.reach[self.row].most
        inner = prod([work.sizes[i] for i in work.groups.contracted])
        tile, cost = tiles.best_tile(work.dtype, most, self.columns)
        of_columns = cost * inner
        if not self.writes_in_place:
            of_columns += most * self.columns * _COST_OF_MOVING
        has_neighbours = work.target.strides[self.row] == 1 or work.sizes[self.row] == 1
        are_steps = all(p.step == p.distance == 1 for p in self.reach[self.row].phases)
        if has_neighbours and are_steps and self.step(self.right, work.target) is not None:
            across, cost = tiles.best_tile(work.dtype, self.columns, most)
            if cost * inner < of_columns:
                return True, across
        return False, tile

    def step(self, labels, v):
        """The stride of labels as one, or None."""
        wide = [i for i in labels if v.sizes[i] != 1]
        for i, j in zip(wide, wide[1:], strict=False):
            if v.strides[i] != v.strides[j] * v.sizes[j]:
                return None
        return v.strides[wide[-1]] if wide else 1

    @property
    def is_good(self):
        """Whether tiles are well filled, and what they are made of is near at hand."""
        distances = {p[self.row].distance for p in self.phases}
        if len(self.phases) > _MOST_PHASES or not distances <= set(range(1, _FARTHEST + 1)):
            return False
        return self.tile.rows * self.tile.vectors >= 3

    def tables(self, surrounded, right):
        """Per phase: pairs of the distances of what is multiplied, in the image and the kernel."""
        found = []
        for phase in self.phases:
            pairs = []
            for elements in product(*[p.reach.items() for p in phase.values()]):
                of_image = sum(
                    at * surrounded[i] for i, (_, at) in zip(phase, elements, strict=True)
                )
                of_kernel = sum(
                    k * right.strides[-1 - i] for i, (k, _) in zip(phase, elements, strict=True)
                )
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
        self.covered = [plan.reach[i].size for i in (*plan.outer, plan.row)]
        summed = [work.sizes[i] for i in plan.summed]
        self.surrounded_shape = (*summed, *self.covered)
        names = (*plan.summed, *plan.outer, plan.row)
        self.is_copied = not self._reads_in_place()
        if self.is_copied:
            self.strides = dict(zip(names, row_major(self.surrounded_shape), strict=True))
        else:
            self.strides = work.x.strides
        self.writes_in_place = plan.is_across or plan.writes_in_place
        self.count = prod([work.sizes[i] for i in plan.images])
        self.places = prod([work.sizes[i] for i in (*plan.outer, plan.row)])
        inner = prod([work.sizes[i] for i in work.groups.contracted])
        self.operations = self.count * self.places * plan.columns * inner // _AT_A_TIME
        self.parts = parts.PARTS if self.operations > parts.WORTH_WAKING else 1
        self.bands = self._bands()

    # ---- operands

    def _arranged_right(self):
        """The right operand with its columns next to each other."""
        work, plan = self.work, self.plan
        if plan.step(plan.right, work.y) == 1 and plan.step(plan.summed, work.y) is not None:
            return work.y
        batch = [i for i in work.y.labels if i in work.groups.batch]
        elements = [i for i in work.y.labels if i < 0]
        moved = work.y.ordered((*batch, *plan.summed, *elements, *plan.right))
        return Labelled(contiguous(self.entry, moved.view), moved.labels)

    def _reads_in_place(self):
        """Whether tiles can read the image where it stands."""
        plan, x = self.plan, self.work.x
        if not all(plan.reach[i].is_inside for i in (*plan.outer, plan.row)):
            return False
        return x.strides[plan.row] == 1 and plan.step(plan.summed, x) is not None

    def _bands(self):
        """Into how many bands each image is divided, so that all threads have something to do."""
        plan = self.plan
        if self.count >= self.parts or not plan.outer:
            return 1
        least = min(p[plan.outer[0]].count for p in plan.phases)
        return max(1, min(least, -(-self.parts // self.count)))

    # ---- the kernel

    def write(self):
        """Write everything."""
        work, plan = self.work, self.plan
        size = prod(self.surrounded_shape)
        writer = self.writer = self.build.kernel("convolve_kernel")
        x_pointer = writer.pointer(work.x.view.buffer, work.x.view.offset)
        self.w_pointer = writer.pointer(self.right.view.buffer, self.right.view.offset)
        target = work.target.view
        self.y_pointer = writer.pointer(target.buffer, target.offset, is_written=True)
        images = spare = None
        if self.is_copied:
            memory = self.build.temporary(self.dtype, (self.parts * size,))
            images = writer.pointer(memory.buffer, 0, is_written=True)
        if not self.writes_in_place:
            memory = self.build.temporary(self.dtype, (self.parts * self.places * plan.columns,))
            spare = writer.pointer(memory.buffer, 0, is_written=True)
        self.table_pointers = self._table_pointers()
        writer.in_parts = True
        writer.integers.append((parts.WORK, self.operations))
        with writer.loop(writer.parameter(self.parts), "part") as part:
            if self.is_copied:
                images = self._moved(images, part * writer.integer(size), "image")
                with writer.loop(writer.integer(size)) as i:
                    writer.store(images, i, work.zero)
            if spare is not None:
                spare = self._moved(spare, part * writer.integer(self.places * plan.columns), "made")
            units = self.count * self.bands
            first, last = (
                self._share(part + constant(k, INDEX), units, self.parts) for k in (0, 1)
            )
            with writer.loop(last - first, "unit") as unit:
                self._unit(first + unit, x_pointer, images, spare)
        self.build.call(writer)

    def _share(self, part, n, count):
        """Where a part of n things begins."""
        share = call("index_divide", INDEX, part * self._integer(n), self._integer(count))
        return self.writer.let(share, "first")

    def _integer(self, value):
        return self.writer.integer(value)

    def _moved(self, pointer, position, name):
        """The name of a pointer further on."""
        name = self.writer.fresh(name)
        self.writer.write(Point(name, f"offset({pointer}, {{}})", (position,)))
        return name

    def _table_pointers(self):
        """Per phase the pointer to its table, and the number of pairs; they are among the sizes."""
        entry, plan = self.entry, self.plan
        tables = plan.tables(self.strides, self.right)
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

    def _unit(self, unit, x, images, spare):
        """One image, or a band of it."""
        writer, work, plan = self.writer, self.work, self.plan
        bands = self._integer(self.bands)
        image = call("index_divide", INDEX, unit, bands)
        band = writer.let(call("index_remainder", INDEX, unit, bands), "band")
        image = writer.let(image, "at")
        index = {}
        for i in reversed(plan.images):
            n = self._integer(work.sizes[i])
            index[i] = writer.let(call("index_remainder", INDEX, image, n), "at")
            image = writer.let(call("index_divide", INDEX, image, n), "at")
        x = self._moved(x, self._position(index, work.x), "x_part")
        w = self._moved(self.w_pointer, self._position(index, self.right), "w_part")
        y = self._moved(self.y_pointer, self._position(index, work.target), "y_part")
        if self.is_copied:
            source = self._surround(x, images)
        else:
            first = sum(plan.reach[i].low * self.strides[i] for i in (*plan.outer, plan.row))
            source = self._moved(x, self._integer(first), "x_part")
        made = y if spare is None else spare
        for phase, table in zip(plan.phases, self.table_pointers, strict=True):
            self._phase(phase, table, source, w, made, band)
        if spare is not None:
            self._write_out(spare, y, band)

    def _position(self, index, v):
        """The place of the first element at an index of some labels."""
        position = constant(0, INDEX)
        for i, at in index.items():
            if i in v.strides and v.sizes[i] > 1:
                position = position + at * self._integer(v.strides[i])
        return position

    def _surround(self, x, images):
        """Copy the image into its surroundings."""
        work, plan, shape, far, source, target = self.work, self.plan, [], [], 0, 0
        near = []
        for i in (*plan.summed, *plan.outer, plan.row):
            count, first, at = work.x.sizes[i], 0, 0
            if i in plan.reach:
                first, count, at = plan.reach[i].common
            source += first * work.x.strides[i]
            target += at * self.strides[i]
            shape.append(count)
            near.append(work.x.strides[i])
            far.append(self.strides[i])
        if prod(shape):
            start = self._moved(x, self._integer(source), "x_part")
            inside = self._moved(images, self._integer(target), "inside")
            write_copy(self.writer, self.dtype, shape, (start, near), (inside, far))
        return images

    def _made_strides(self):
        """The strides of what is made in the memory of a part: places, then columns."""
        work, plan = self.work, self.plan
        if self.writes_in_place:
            return work.target.strides
        order = (*plan.outer, plan.row)
        steps = row_major((*[work.sizes[i] for i in order], self.plan.columns))
        return dict(zip(order, steps, strict=False))

    def _phase(self, phase, table, source, w, made, band):
        """All tiles of a phase: panels of columns, outside of rows, so that they stay near."""
        plan, writer, tile = self.plan, self.writer, self.plan.tile
        strides, row = self._made_strides(), phase[plan.row]
        columns = row.count if plan.is_across else plan.columns
        width = tile.length * tile.vectors
        full, rest = divmod(columns, width)
        panels = [(width, full, 0)] if full else []
        panels += [(rest, 1, full * width)] if rest else []
        for size, count, start in panels:
            with writer.loop(self._integer(count), "panel") as panel, ExitStack() as stack:
                column = panel * self._integer(width) + self._integer(start)
                column = writer.let(column, "column")
                from_image = constant(0, INDEX)
                to_made = column + self._integer(row.start * strides[plan.row])
                for i in plan.outer:
                    p = phase[i]
                    first, n = constant(0, INDEX), self._integer(p.count)
                    if i == plan.outer[0] and self.bands > 1:
                        first, end = (
                            self._share(band + constant(k, INDEX), p.count, self.bands)
                            for k in (0, 1)
                        )
                        n = end - first
                    q = first + stack.enter_context(writer.loop(n, "row"))
                    from_image = from_image + q * self._integer(p.distance * self.strides[i])
                    to_made = to_made + (
                        q * self._integer(p.step * strides[i])
                        + self._integer(p.start * strides[i])
                    )
                source_part = self._moved(source, from_image, "line")
                made_part = self._moved(made, to_made, "made")
                self._row(row, table, (size, column), source_part, made_part, w)

    def _row(self, row, table, panel, source, made, w):
        """The tiles of a row of places, in one panel of columns."""
        writer, plan, tile = self.writer, self.plan, self.plan.tile
        size, column = panel
        lanes = size - (-(-size // tile.length) - 1) * tile.length
        n1, n0 = prod([self.work.sizes[i] for i in plan.summed]), table[1]
        steps = [self._step_summed(v) for v in (self.strides, self.right.strides)]
        if plan.is_across:
            w, source = source, w
            steps.reverse()
            rows, distance, step = plan.columns, 1, plan.step(plan.right, self.work.target)
        else:
            rows, distance = row.count, row.distance
            step = self._made_strides()[plan.row] * row.step
        b, done = self._moved(w, column, "panel"), 0
        for n_rows, count in tiles.split(rows, tile.rows):
            shape = tile._replace(rows=n_rows, vectors=-(-size // tile.length))
            name = tiles.name_of(self.dtype, shape, "t", distance)
            with writer.loop(self._integer(count), "tile") as number:
                q = number * self._integer(n_rows) + self._integer(done)
                a = self._moved(source, q * self._integer(distance), "a")
                y = self._moved(made, q * self._integer(step), "y")
                numbers = map(self._integer, (n1, n0, *steps, step, lanes))
                n1_, n0_, a1, b1, step_, lanes_ = numbers
                writer.write(Call(name, [n1_, n0_, a, a1, b, b1, table[0], y, step_, lanes_]))
            done += n_rows * count

    def _step_summed(self, strides):
        wide = [i for i in self.plan.summed if self.work.sizes[i] != 1]
        return strides[wide[-1]] if wide else 0

    def _write_out(self, spare, y, band):
        """Copy what was made for an image, or the band, to the output."""
        work, plan = self.work, self.plan
        labels = (*plan.outer, plan.row, *plan.right)
        shape = [work.sizes[i] for i in labels]
        near, far = list(row_major(shape)), [work.target.strides[i] for i in labels]
        if self.bands == 1:
            write_copy(self.writer, self.dtype, shape, (spare, near), (y, far))
            return
        for p in plan.reach[plan.outer[0]].phases:
            first, end = (
                self._share(band + constant(k, INDEX), p.count, self.bands) for k in (0, 1)
            )
            with self.writer.loop(end - first, "row") as q:
                place = (first + q) * self._integer(p.step) + self._integer(p.start)
                source, target = (
                    self._moved(pointer, place * self._integer(steps[0]), "line")
                    for pointer, steps in ((spare, near), (y, far))
                )
                write_copy(self.writer, self.dtype, shape[1:], (source, near[1:]), (target, far[1:]))
