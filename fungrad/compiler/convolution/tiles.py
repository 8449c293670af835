"""Convolutions by tiles in registers: of places and of what the right operand adds (features).

Each image is copied once, surrounded by zeros and with what is summed over (channels) in front, so
that neighbouring places lie next to each other; nothing else is gathered. Vectors are of features,
or of places where the output has these next to each other. Where the input is dilated, the places
fall into phases, each with the elements of the kernel that it meets: no zeros are multiplied.
Images, or bands of them, are shared between threads. Where each channel has a kernel of its own and
channels are neighbours, vectors are of channels.
"""

from contextlib import ExitStack
from functools import partial, reduce
from math import prod

from fungrad.compiler.convolution.units import (
    Units,
    joined_step,
    moved,
    position,
)
from fungrad.compiler.language.labelled import Labelled
from fungrad.compiler.language.scalar import INDEX, call, constant
from fungrad.compiler.language.statements import Call
from fungrad.compiler.language.views import Buffer, row_major
from fungrad.compiler.moves.copy import contiguous, write_copy
from fungrad.compiler.products import tiles


def _ends(places, at):
    """The first of some places, and the end of them, seen from the place `at`."""
    return min(places, default=0) - at, max(places, default=0) - at + 1


_smaller, _larger = (partial(call, word, INDEX) for word in ("minimum", "maximum"))


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
            sizes = [self._size_made(i) for i in self.made_order]
            self.made = dict(zip(self.made_order, row_major(sizes), strict=True))
            self.step = joined_step(plan.right, work.sizes, self.made)
        count = prod([work.sizes[i] for i in plan.images])
        places = prod([work.sizes[i] for i in self.positions])
        lines = min([self._lines(p) for p in plan.phases])
        self.units = Units(count, lines, count * places * plan.columns * plan.inner)
        self.writer = self.build.kernel("convolve_kernel")

    def _size_made(self, label):
        """The size of a label in what is made; the places of phases along a row lie by phase."""
        plan = self.plan
        if label == plan.row and plan.is_across and plan.is_moved:
            return len(plan.reach[label].phases) * plan.reach[label].most
        return self.work.sizes[label]

    @property
    def _width(self):
        """The columns of a panel."""
        return self.plan.tile.length * self.plan.tile.vectors

    def _lines(self, phase):
        """How many lines of a phase, or tiles of lines, or panels of one, bands may divide."""
        plan = self.plan
        if not plan.outer:
            is_divided = plan.is_across and not plan.is_moved and not self.is_copied
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
        with units.begin(writer) as part:
            images = spare = None
            if self.is_copied:
                size = prod(self.surrounded_shape)
                images = units.memory(self.build, writer, part, self.dtype, size)
                with writer.loop(writer.integer(size)) as i:
                    writer.store(images, i, work.zero)
            if plan.is_moved:
                size = prod([self._size_made(i) for i in self.made_order])
                spare = units.memory(self.build, writer, part, self.dtype, size)
            first, count = units.of_part(writer, part)
            with writer.loop(count, "unit") as unit:
                sizes = {i: work.sizes[i] for i in plan.images}
                index, band = units.decoded(writer, first + unit, sizes)
                x, w, y = (
                    moved(writer, pointer, position(writer, index, v), "image")
                    for pointer, v in zip(pointers, (work.x, self.right, work.target), strict=True)
                )
                source = self._source(x, images, band)
                made = spare if plan.is_moved else y
                for phase, table in zip(plan.phases, tables, strict=True):
                    self._phase(phase, table, source, w, made, band)
                if plan.is_moved:
                    self._write_out(spare, y, band)
        self.build.call(writer)

    def _source(self, x, images, band):
        """The image as tiles read it: copied into its surroundings, or where it stands.

        Of an image in bands, the lines that the band meets are copied.
        """
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
            start = moved(self.writer, x, self.writer.integer(source), "image")
            inside = moved(self.writer, images, self.writer.integer(target), "inside")
            sizes = dict(zip(labels, shape, strict=True))
            if self.units.bands > 1:
                self._copy_lines(sizes, start, inside, band)
            else:
                self._copy(sizes, start, inside)
        return images

    def _copy(self, sizes, start, inside):
        """Copy part of an image: so many places of each label."""
        near, far = ([v[i] for i in sizes] for v in (self.work.x.strides, self.strides))
        shape = list(sizes.values())
        write_copy(self.writer, self.dtype, shape, (start, near), (inside, far))

    def _copy_lines(self, sizes, start, inside, band):
        """Copy those lines of an image that the places of a band meet."""
        writer, label = self.writer, self.plan.outer[0]
        reach, zero = self.plan.reach[label], constant(0, INDEX)
        _, count, at = reach.common
        begins, ends = [], []
        for p in reach.phases:
            first, stop = self._places_of_band(band, label, p)
            near, far = first, stop - constant(1, INDEX)
            if p.distance < 0:
                near, far = far, near
            step, low, high = map(writer.integer, (p.distance, *_ends(p.reach.values(), at)))
            begins.append(near * step + low)
            ends.append(far * step + high)
        begin = writer.let(reduce(_smaller, begins, writer.integer(count)), "begin")
        begin = writer.let(_larger(begin, zero), "begin")
        end = _smaller(reduce(_larger, ends), writer.integer(count))
        rest = {i: n for i, n in sizes.items() if i != label}
        with writer.loop(_larger(end - begin, zero), "line") as line:
            lines = [
                moved(writer, pointer, (begin + line) * writer.integer(strides[label]), "line")
                for pointer, strides in ((start, self.work.x.strides), (inside, self.strides))
            ]
            self._copy(rest, *lines)

    def _places_of_band(self, band, label, p):
        """Where the places of a phase begin and end that belong to a band."""
        lines, writer = self.plan.lines, self.writer
        if lines is None or lines.label != label:
            first, n = self.units.lines_of_band(writer, band, p.count)
            return first, first + n
        first, n = self.units.lines_of_band(writer, band, lines.count({label: p}))
        rows = lines.rows({label: p})
        begin = _smaller(first * writer.integer(rows), writer.integer(p.count - rows))
        return begin, _smaller((first + n) * writer.integer(rows), writer.integer(p.count))

    def _phase(self, phase, table, source, w, made, band):
        """All tiles of a phase: panels of columns, outside of rows, so that they stay near."""
        plan, writer, row = self.plan, self.writer, phase[self.plan.row]
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
                step = plan.reach[plan.row].most if plan.is_across else self.made[plan.row]
                to_made = column + integer(row.start * step)
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
        labels = [i for i in self.made_order if i != plan.row]
        if self.units.bands > 1:
            labels.remove(plan.outer[0])
        shape = [work.sizes[i] for i in labels]
        pairs = (spare, self.made), (y, work.target.strides)
        steps = [[strides[i] for i in labels] for _, strides in pairs]
        for p in [None] if self.units.bands == 1 else plan.reach[plan.outer[0]].phases:
            with ExitStack() as stack:
                lines = spare, y
                if p is not None:
                    first, n = self.units.lines_of_band(writer, band, p.count)
                    q = stack.enter_context(writer.loop(n, "row"))
                    place = (first + q) * writer.integer(p.step) + writer.integer(p.start)
                    lines = [
                        moved(
                            writer, pointer, place * writer.integer(strides[plan.outer[0]]), "line"
                        )
                        for pointer, strides in pairs
                    ]
                for places, near, begin in self._places_of_row():
                    ends = [
                        (
                            moved(writer, line, writer.integer(at), "part") if at else line,
                            [*far, *step],
                        )
                        for line, at, far, step in zip(lines, begin, steps, near, strict=True)
                    ]
                    write_copy(writer, self.dtype, [*shape, *places], *ends)

    def _places_of_row(self):
        """The places of a row as axes: (sizes, strides, begin), the last two as made and in the output.

        Of phases, places where all have one are two axes; what is left is another row.
        """
        plan, n = self.plan, self.work.sizes[self.plan.row]
        strides = self.made[plan.row], self.work.target.strides[plan.row]
        phases, most = len(plan.reach[plan.row].phases), plan.reach[plan.row].most
        if not plan.is_across or phases == 1:
            return [((n,), [(step,) for step in strides], (0, 0))]
        full, rest = divmod(n, phases)
        _, far = strides
        found = [((full, phases), [(1, most), (phases * far, far)], (0, 0))]
        if rest:
            found.append(((rest,), [(most,), (far,)], (full, full * phases * far)))
        return found
