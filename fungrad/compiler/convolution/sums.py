"""Convolutions with few places, each a long sum, by tiles in registers: gradients of kernels.

Both operands lie with what is not summed (features) next to each other, and a tile of features by
features is added up over all elements of an image; no matrix of windows is gathered. Where the
places along the last axis are neighbours, they count as more features. Parts of the images have
sums of their own, which are added up at the end in the order of the parts.
"""

from contextlib import ExitStack
from math import prod

from fungrad.compiler.convolution.units import (
    Units,
    joined_step,
    moved,
    position,
)
from fungrad.compiler.language import parts
from fungrad.compiler.language.scalar import INDEX, call, constant
from fungrad.compiler.language.statements import Call
from fungrad.compiler.language.views import row_major, whole
from fungrad.compiler.moves.copy import copy, write_copy
from fungrad.compiler.products import tiles

_SHARE_OF_ADDING = 20  # the sums of all parts are at most that share of the products


def write_sums(work, plan):
    """Write the kernel of all products, and what adds up the sums of the parts."""
    _Writing(work, plan).write()


class _Writing:
    def __init__(self, work, plan):
        self.work, self.plan, self.build, self.dtype = work, plan, work.build, work.dtype
        self.positions = (*plan.outer, plan.row)
        self.x_is_copied, self.x_strides = self._left()
        self.y_is_copied, self.y_strides = self._right()
        made = (*plan.batch, *self.positions, *plan.features, *plan.right)
        self.order = made
        self.shape = tuple([work.sizes[i] for i in made])
        self.lanes = plan.columns if plan.is_along_row else 1  # to be added up at the end
        self.made = dict(zip(made, row_major(self.shape), strict=True))
        self.size = prod(self.shape)
        if plan.dots is not None:
            self.lanes = plan.dots.length
            self.made = {i: self.lanes * step for i, step in self.made.items()}
            self.size *= self.lanes
        self.units = self._units()

    def _left(self):
        """Whether the left operand is copied, and the strides with which it is read."""
        work, plan, x = self.work, self.plan, self.work.x
        step, is_inside = x.strides[plan.row], plan.is_inside and not plan.is_picked
        has_phases = plan.dots is not None and plan.dots.phases > 1
        is_inside = is_inside and not has_phases
        if is_inside and (plan.channels or plan.dots is not None):
            return False, x.strides
        is_near = joined_step(plan.features, x.sizes, x.strides) == 1
        if is_inside and is_near and (step == plan.n_features or not plan.is_merged):
            return False, x.strides
        labels = self._labels_of_left
        if plan.is_picked:
            self.x_shape = [work.sizes[-1 - i if i in plan.covered else i] for i in labels]
            return True, dict(zip(labels, row_major(self.x_shape), strict=True))
        self.x_shape = [
            plan.covered[i][1] - plan.covered[i][0] + 1 if i in plan.covered else work.sizes[i]
            for i in labels
        ]
        if has_phases:
            self.x_shape[-1] = plan.dots.phases * plan.dots.most
        return True, dict(zip(labels, row_major(self.x_shape), strict=True))

    @property
    def _labels_of_left(self):
        if self.plan.dots is not None:
            return (*self.plan.features, *self.positions)
        return (*self.positions, *self.plan.features, *self.plan.channels)

    def _right(self):
        """Whether the right operand is copied, and the strides with which it is read."""
        work, plan, y = self.work, self.plan, self.work.y
        if plan.dots is not None or joined_step(plan.right, y.sizes, y.strides) == 1:
            return False, y.strides
        labels = (*[-1 - i for i in self.positions], *plan.right)
        self.y_shape = [work.sizes[i] for i in labels]
        return True, dict(zip(labels, row_major(self.y_shape), strict=True))

    def _units(self):
        """The division of the work; as many parts as their sums are worth."""
        work, plan = self.work, self.plan
        count = prod([work.sizes[i] for i in plan.images])
        summed = [-1 - i for i in self.positions if -1 - i not in plan.right]
        size = self.size if plan.dots is None else self.size // self.lanes
        products = count * prod([work.sizes[i] for i in summed]) * size
        n_parts = parts.PARTS
        while n_parts > 1 and n_parts * size * plan.tile.length * _SHARE_OF_ADDING > products:
            n_parts //= 2
        lines = work.sizes[-1 - plan.outer[0]] if plan.outer else 1
        return Units(count, lines, products, n_parts)

    # ---- the kernel

    def write(self):
        """Write everything."""
        work, plan, units = self.work, self.plan, self.units
        writer = self.writer = self.build.kernel("convolve_kernel")
        x, y = (writer.pointer(v.view.buffer, v.view.offset) for v in (work.x, work.y))
        sums = self.build.temporary(self.dtype, (units.parts * self.size,))
        memory = writer.pointer(sums.buffer, 0, is_written=True)
        with units.begin(writer) as part:
            made = moved(writer, memory, part * writer.integer(self.size), "sums")
            self._fill(made, self.size)
            images = matrices = None
            if self.x_is_copied:
                size = prod(self.x_shape)
                images = units.memory(self.build, writer, part, self.dtype, size)
                self._fill(images, size)
            if self.y_is_copied:
                size = prod(self.y_shape)
                matrices = units.memory(self.build, writer, part, self.dtype, size)
            first, count = units.of_part(writer, part)
            with writer.loop(count, "unit") as unit, ExitStack() as stack:
                sizes = {i: work.sizes[i] for i in plan.images}
                index, band = units.decoded(writer, first + unit, sizes)
                to_made = constant(0, INDEX)
                for i in plan.batch:
                    at = stack.enter_context(writer.loop(writer.integer(work.sizes[i])))
                    index[i] = at
                    to_made = to_made + at * writer.integer(self.made[i])
                self._image(index, band, (x, y), images, matrices, (made, to_made))
        self.build.call(writer)
        self._add_up(sums)

    def _fill(self, pointer, size):
        writer = self.writer
        with writer.loop(writer.integer(size)) as i:
            writer.store(pointer, i, self.work.zero)

    def _image(self, index, band, operands, images, matrices, made):
        """All products of one image, or a band of it."""
        writer, work, plan = self.writer, self.work, self.plan
        x, y = (
            moved(writer, pointer, position(writer, index, v), "image")
            for pointer, v in zip(operands, (work.x, work.y), strict=True)
        )
        x, y = self._source(x, images), self._columns(y, matrices)
        first, n1 = constant(0, INDEX), constant(1, INDEX)
        if plan.outer:
            last = plan.outer[-1]
            n1 = writer.integer(work.sizes[-1 - last])
        with ExitStack() as stack:
            at_x = at_y = constant(0, INDEX)
            for i in plan.outer[:-1]:
                first, n = constant(0, INDEX), writer.integer(work.sizes[-1 - i])
                if i == plan.outer[0]:
                    first, n = self.units.lines_of_band(writer, band, work.sizes[-1 - i])
                k = first + stack.enter_context(writer.loop(n, "element"))
                at_x = at_x + k * writer.integer(self.step_of_element(i))
                at_y = at_y + k * writer.integer(self.y_strides[-1 - i])
            if len(plan.outer) == 1:
                (i,) = plan.outer
                first, n1 = self.units.lines_of_band(writer, band, work.sizes[-1 - i])
                at_x = at_x + first * writer.integer(self.step_of_element(i))
                at_y = at_y + first * writer.integer(self.y_strides[-1 - i])
            at_made = made[1]
            places = self.positions[:-1] if plan.is_merged else self.positions
            if plan.dots is not None:
                places = plan.dots.places
            for i in places:
                p = stack.enter_context(writer.loop(writer.integer(work.sizes[i]), "place"))
                at_x = at_x + p * writer.integer(work.windows[i].out * self.x_strides[i])
                at_made = at_made + p * writer.integer(self.made[i])
            lines = [
                moved(writer, pointer, at, "line")
                for pointer, at in ((x, at_x), (y, at_y), (made[0], at_made))
            ]
            if plan.dots is not None:
                plan.dots.write(self, lines, n1)
            else:
                self._tiles(lines, n1)

    def _source(self, x, images):
        """The left operand as tiles read it, from the first element of the first place on."""
        writer, work, plan = self.writer, self.work, self.plan
        start = sum(
            (work.windows[i].offset - (plan.covered[i][0] if self.x_is_copied else 0))
            * self.x_strides[i]
            for i in self.positions
            if i != plan.row or plan.dots is None or plan.dots.phases == 1
        )
        if plan.is_picked:
            self._pick(x, images)
            return images
        if self.x_is_copied:
            self._surround(x, images)
            x = images
        return moved(writer, x, writer.integer(start), "image")

    def step_of_element(self, label):
        """The stride, in the left operand as it is read, of elements of the kernel along a label."""
        step = self.x_strides[label]
        return step if self.plan.is_picked else self.work.windows[label].right * step

    def _pick(self, x, images):
        """Copy what is met of an image."""
        work, labels, start = self.work, self._labels_of_left, 0
        near = {i: work.x.strides[i] for i in labels}
        for i in self.positions:
            start += work.windows[i].offset * near[i]
            near[i] *= work.windows[i].right
        source = moved(self.writer, x, self.writer.integer(start), "image"), list(near.values())
        target = images, [self.x_strides[i] for i in labels]
        write_copy(self.writer, self.dtype, self.x_shape, source, target)

    def _surround(self, x, images):
        writer, work, plan, shape, source, target = self.writer, self.work, self.plan, [], 0, 0
        labels = self._labels_of_left
        for i in labels:
            first, count = 0, work.x.sizes[i]
            if i in plan.covered:
                low, high = plan.covered[i]
                first = max(0, low)
                count = max(0, min(work.x.sizes[i] - 1, high) - first + 1)
                target += (first - low) * self.x_strides[i]
            source += first * work.x.strides[i]
            shape.append(count)
        if not prod(shape):
            return
        near, far = ([v[i] for i in labels] for v in (work.x.strides, self.x_strides))
        pieces = [(shape[-1], 0, 1, 0)]
        if plan.dots is not None and plan.dots.phases > 1:
            low = plan.covered[plan.row][0]
            source -= max(0, low) * work.x.strides[plan.row]
            target -= max(0, -low) * self.x_strides[plan.row]
            pieces = plan.dots.pieces_of_row(work.x.sizes[plan.row])
        for count, first, step, to in pieces:
            start = moved(writer, x, writer.integer(source + first * near[-1]), "image")
            inside = moved(writer, images, writer.integer(target + to), "inside")
            given = start, [*near[:-1], near[-1] * step]
            write_copy(writer, self.dtype, [*shape[:-1], count], given, (inside, far))

    def _columns(self, y, matrices):
        """The right operand as tiles read it."""
        if not self.y_is_copied:
            return y
        labels = (*[-1 - i for i in self.positions], *self.plan.right)
        near, far = ([v[i] for i in labels] for v in (self.work.y.strides, self.y_strides))
        write_copy(self.writer, self.dtype, self.y_shape, (y, near), (matrices, far))
        return matrices

    def _tiles(self, lines, n1):
        """All tiles of the sums of one place, or of places that are neighbours."""
        writer, work, plan, tile = self.writer, self.work, self.plan, self.plan.tile
        x, y, made = lines
        integer, width = writer.integer, tile.length * tile.vectors
        a1 = b1 = 0
        if plan.outer:
            last = plan.outer[-1]
            a1, b1 = self.step_of_element(last), self.y_strides[-1 - last]
        row = plan.row
        a0, b0 = self.step_of_element(row), self.y_strides[-1 - row]
        n0, step = integer(work.sizes[-1 - row]), plan.columns
        between = work.windows[row].out * self.x_strides[row] if plan.has_columns_apart else 1
        if plan.is_along_row:  # the elements of a row are columns here, and are not summed
            n1, n0, a1, a0, b1, b0 = constant(1, INDEX), n1, 0, a1, 0, b1
        full, rest = divmod(plan.columns, width)
        panels = [(width, full, 0)] if full else []
        panels += [(rest, 1, full * width)] if rest else []
        for size, count, start in panels:
            with writer.loop(integer(count), "panel") as panel:
                column = writer.let(panel * integer(width) + integer(start), "column")
                b, done = moved(writer, y, column, "panel"), 0
                lanes = size - (-(-size // tile.length) - 1) * tile.length
                for n_rows, times in tiles.split(plan.rows, tile.rows):
                    shape = tile._replace(rows=n_rows, vectors=-(-size // tile.length))
                    name = tiles.name_of(
                        self.dtype, shape, "s", "v" if plan.has_columns_apart else 1
                    )
                    with writer.loop(integer(times), "tile") as number:
                        q = number * integer(n_rows) + integer(done)
                        at = q * integer(between) + column if plan.has_columns_apart else q
                        a = moved(writer, x, at, "a")
                        z = moved(writer, made, q * integer(step) + column, "y")
                        a1_, a0_, b1_, b0_, row_, last_ = map(
                            integer, (a1, a0, b1, b0, step, lanes)
                        )
                        arguments = [n1, n0, a, a1_, a0_, b, b1_, b0_, z, row_, last_]
                        arguments.append(constant(1, INDEX))
                        if plan.has_columns_apart:
                            arguments.append(integer(between))
                        writer.write(Call(name, arguments))
                    done += n_rows * times

    def _add_up(self, sums):
        """Write the sums of all parts, and of the elements of rows, to the output."""
        work, count = self.work, self.lanes
        order = [i for i in self.order if i in work.primitive.out]
        target, size = work.target.ordered(order).view, self.size // count
        made = target
        if not target.is_contiguous:
            made = self.build.temporary(self.dtype, target.shape)
        if self.units.parts == count == 1 and made is not target:
            copy(work.entry, whole(sums.buffer, target.shape), target)
            return
        writer = self.build.kernel("add_kernel")
        x = writer.array(whole(sums.buffer, (self.units.parts, size, count)))
        y = writer.array(whole(made.buffer, (size,)), is_written=True)
        y.pointer = writer.pointer(made.buffer, made.offset, is_written=True)
        with writer.loop(writer.integer(size)) as i:
            total = writer.variable(work.zero, "total") if count > 1 else None
            with writer.loop(writer.integer(count)) as j:
                part = x.load(constant(0, INDEX), i, j)
                for number in range(1, self.units.parts):
                    part = part + x.load(constant(number, INDEX), i, j)
                if total is not None:
                    total.set(call("fast_add", self.dtype, total.symbol, part))
            y.store((i,), part if total is None else total.symbol)
        self.build.call(writer)
        if made is not target:
            copy(work.entry, made, target)
