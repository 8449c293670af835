"""Sums over images as products of vectors along rows: gradients of kernels, channels first.

Where neither operand has features next to each other, but both have places, vectors are of these: a
tile of features by features is added up lane by lane, and the lanes are added at the end. Nothing
is transposed.
"""

from contextlib import ExitStack
from itertools import product

from fungrad.compiler.convolution.units import joined_step, moved
from fungrad.compiler.language.scalar import INDEX, call, constant
from fungrad.compiler.language.statements import Call
from fungrad.compiler.products import tiles

_MOST_BYTES = 1 << 19  # of the sums of a part, lane by lane: they stay in the cache
_COST_OF_SHIFTED = 1.0  # reading a vector next to the one before, in vectors multiplied
_COST_OF_READING = 1.9  # reading a vector of another feature, which comes from farther away
_COST_OF_TURNING = 1.0  # an element that lies across, which the other way copies


def dots_of(plan):
    """How products of vectors along rows compute the sums of a plan; None where that is slower."""
    if not has_rows(plan):
        return None
    found = Dots(plan)
    if plan.n_sums * found.length * plan.work.dtype.itemsize > _MOST_BYTES:
        return None
    _, cost = tiles.best_tile(plan.work.dtype, plan.rows, plan.columns)
    if plan.is_merged:
        cost /= plan.work.sizes[plan.row]
    turned = plan.columns + (plan.n_features if plan.n_features > 1 else 0)
    other = plan.n_places * cost + _COST_OF_TURNING * turned
    return found if found.cost < other else None


def has_rows(plan):
    """Whether both operands have neighbours along a row, and features that are one axis each."""
    x, y = plan.work.x, plan.work.y
    is_near = y.strides[-1 - plan.row] == x.strides[plan.row] == 1
    is_near = is_near and plan.work.windows[plan.row].right >= 1
    steps = [joined_step(i, v.sizes, v.strides) for i, v in ((plan.features, x), (plan.right, y))]
    return not plan.has_columns_apart and is_near and None not in steps


class Dots:
    """The tiles: columns are features, rows features too or elements of the kernel.

    These lie along a row, or in a column of it: the `label`, which is None for features. The labels
    of elements that the others are looped over are `places`. Where neighbouring elements are steps
    apart, an image is copied so that what is met by one element of the kernel lies in a phase.
    """

    def __init__(self, plan):
        from fungrad.compiler.llvm.machine import vectors

        self.plan, work, row = plan, plan.work, plan.row
        n_bytes, self.registers = vectors()
        self.length = n_bytes // work.dtype.itemsize
        window, n = work.windows[row], work.sizes[-1 - row]
        self.phases = 1 if plan.is_picked else window.right
        choices = [(None, plan.n_features, _COST_OF_READING)]
        if plan.outer:
            choices.append((plan.outer[-1], work.sizes[plan.outer[-1]], _COST_OF_READING))
        if self.phases == 1:
            choices.append((row, work.sizes[row], _COST_OF_SHIFTED))
        total, found = plan.n_places * plan.n_features, []
        for label, count, reading in choices:
            cost, rows, columns = self._best(count, plan.columns, reading)
            key = len(found)
            found.append((cost * total / count, key, label, rows, columns))
        cost, _, self.label, self.rows, self.columns = min(found)
        lanes = n if self.is_whole else -(-n // self.length) * self.length
        self.cost = cost * lanes / (n * self.length)  # per element, in vectors multiplied

    def _best(self, rows, columns, reading):
        """The cost of all rows and columns in vectors multiplied, and the most of a tile."""
        found = []
        for n in range(1, min(rows, self.registers) + 1):
            most = min(columns, (self.registers - 2) // (n + 1))
            if most:
                pairs = product(tiles.split(rows, n), tiles.split(columns, most))
                cost = sum(
                    p * q * (max(i * j, 4) + reading * i + _COST_OF_READING * j)
                    for (i, p), (j, q) in pairs
                )
                found.append((cost, n, most))
        return min(found)

    @property
    def places(self):
        """The labels of elements of the kernel over which loops run outside of `write`."""
        return [i for i in self.plan.outer if i != self.label]

    @property
    def is_whole(self):
        """Whether all lines of an image lie behind each other in both operands, without gaps."""
        plan, work = self.plan, self.plan.work
        if not plan.outer or not plan.is_inside:
            return False
        last, n = plan.outer[-1], work.sizes[-1 - plan.row]
        step = work.windows[last].right * work.x.strides[last]
        is_line = plan.is_picked or step == n and self.phases == 1
        return work.y.strides[-1 - last] == n and is_line

    @property
    def most(self):
        """The places of a phase of the left operand along a row."""
        low, high = self.plan.covered[self.plan.row]
        return -(-(high - low + 1) // self.phases)

    def offset(self, k):
        """Where, along a row of the left operand as it is copied, element k of the kernel begins."""
        window = self.plan.work.windows[self.plan.row]
        at = window.offset + window.out * k - self.plan.covered[self.plan.row][0]
        return at % self.phases * self.most + at // self.phases

    def pieces_of_row(self, n):
        """What a row of n elements is copied as: (how many, first, how far apart, where) each."""
        low, high = self.plan.covered[self.plan.row]
        first, last, found = max(0, low), min(n - 1, high), []
        for begin in range(first, min(first + self.phases, last + 1)):
            at = begin - low
            to = at % self.phases * self.most + at // self.phases
            found.append(((last - begin) // self.phases + 1, begin, self.phases, to))
        return found

    def write(self, writing, lines, n1):
        """Write the tiles of the sums of one place, or of places that are neighbours."""
        writer, work, plan = writing.writer, writing.work, self.plan
        x, y, made = lines
        n0, length = writer.integer(work.sizes[-1 - plan.row]), constant(self.length, INDEX)
        if self.is_whole:
            n1, n0 = constant(1, INDEX), n1 * n0
        turns = call("index_divide", INDEX, n0 + constant(self.length - 1, INDEX), length)
        turns = writer.let(turns, "turns")
        lanes = writer.let(n0 - (turns - constant(1, INDEX)) * length, "lanes")
        for begin, to in self._elements_of_row(writing):
            with ExitStack() as stack:
                at, place = constant(begin, INDEX), constant(to, INDEX)
                for n, step, step_made in self._looped(writing):
                    k = stack.enter_context(writer.loop(writer.integer(n), "other"))
                    at = at + k * writer.integer(step)
                    place = place + k * writer.integer(step_made)
                source, sums = moved(writer, x, at, "part"), moved(writer, made, place, "part")
                self._write_tiles(writing, (source, y, sums), (n1, turns, lanes))

    def _elements_of_row(self, writing):
        """(where it begins, where its sums are) of each element along a row, where these have phases."""
        row = self.plan.row
        if self.phases == 1:
            return [(0, 0)]
        places = range(self.plan.work.sizes[row])
        return [(self.offset(k), k * writing.made[row]) for k in places]

    def _looped(self, writing):
        """Loops over what rows and columns are not of: (extent, steps in the image and the sums)."""
        plan, work, row = self.plan, self.plan.work, self.plan.row
        found = []
        if self.label is not None:
            step = joined_step(plan.features, work.sizes, writing.x_strides)
            found.append((plan.n_features, step, plan.columns * self.length))
        if self.label != row and self.phases == 1:
            found.append((work.sizes[row], self._step(writing, row), writing.made[row]))
        return found

    def _step(self, writing, label):
        """How far apart elements of the kernel along a label begin in the left operand."""
        return self.plan.work.windows[label].out * writing.x_strides[label]

    def _write_tiles(self, writing, pointers, extents):
        """Write all tiles of rows and columns."""
        writer, work, plan, label = writing.writer, writing.work, self.plan, self.label
        (x, y, made), (n1, turns, lanes) = pointers, extents
        integer, length, a1, b1 = writer.integer, self.length, 0, 0
        if plan.outer:
            last = plan.outer[-1]
            a1, b1 = writing.step_of_element(last), writing.y_strides[-1 - last]
        if label is None:
            count, to_row = plan.n_features, plan.columns * length
            between = joined_step(plan.features, work.sizes, writing.x_strides)
        else:
            count, to_row = work.sizes[label], writing.made[label]
            between = self._step(writing, label)
        of_right = joined_step(plan.right, work.sizes, writing.y_strides)
        pairs = product(_pieces(count, self.rows), _pieces(plan.columns, self.columns))
        for (i, i_times, i_first), (j, j_times, j_first) in pairs:
            with (
                writer.loop(integer(i_times), "tile") as p,
                writer.loop(integer(j_times), "tile") as q,
            ):
                p = p * integer(i) + integer(i_first)
                q = q * integer(j) + integer(j_first)
                a = moved(writer, x, p * integer(between), "a")
                b = moved(writer, y, q * integer(of_right), "b")
                z = moved(writer, made, p * integer(to_row) + q * integer(length), "y")
                name = tiles.name_of(work.dtype, tiles.Tile(length, i, j), "d", 1)
                a1_, b1_, row_, step_a, step_b = map(integer, (a1, b1, to_row, between, of_right))
                arguments = [n1, turns, a, a1_, b, b1_, z, row_, lanes, step_a, step_b]
                writer.write(Call(name, arguments))


def _pieces(n, most):
    """What `n` is split into: (size, how many of that size, the first one's place)."""
    found, first = [], 0
    for size, times in tiles.split(n, most):
        found.append((size, times, first))
        first += size * times
    return found
