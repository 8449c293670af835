"""Sums over images as products of vectors along rows: gradients of kernels, channels first.

Where neither operand has features next to each other, but both have places, vectors are of these: a
tile of features by features is added up lane by lane, and the lanes are added at the end. Nothing
is transposed.
"""

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
    work, sizes = plan.work, plan.work.sizes
    x, y, window = work.x, work.y, work.windows[plan.row]
    is_near = y.strides[-1 - plan.row] == x.strides[plan.row] == 1
    is_near = is_near and (plan.is_picked or window.right == 1)
    steps = [joined_step(i, v.sizes, v.strides) for i, v in ((plan.features, x), (plan.right, y))]
    if plan.has_columns_apart or not is_near or None in steps:
        return None
    found, n = Dots(plan), sizes[-1 - plan.row]
    if plan.n_sums * found.length * work.dtype.itemsize > _MOST_BYTES:
        return None
    lanes = n if found.is_whole else -(-n // found.length) * found.length
    own = plan.n_places * found.cost * lanes / (n * found.length)
    _, cost = tiles.best_tile(work.dtype, plan.rows, plan.columns)
    if plan.is_merged:
        cost /= sizes[plan.row]
    turned = plan.columns + (plan.n_features if plan.n_features > 1 else 0)
    return found if own < plan.n_places * cost + _COST_OF_TURNING * turned else None


class Dots:
    """The tiles: rows are elements of the kernel along a row, or features; columns features."""

    def __init__(self, plan):
        self.plan, sizes = plan, plan.work.sizes
        from fungrad.compiler.llvm.machine import vectors

        n_bytes, self.registers = vectors()
        self.length = n_bytes // plan.work.dtype.itemsize
        along = self._best(sizes[plan.row], plan.columns, _COST_OF_SHIFTED)
        across = self._best(plan.n_features, plan.columns, _COST_OF_READING)
        costs = along[0] * plan.n_features, across[0] * sizes[plan.row]
        self.is_along = costs[0] <= costs[1]
        self.cost = min(costs) / sizes[plan.row]
        _, self.rows, self.columns = along if self.is_along else across

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
    def is_whole(self):
        """Whether all lines of an image lie behind each other in both operands, without gaps."""
        plan, work = self.plan, self.plan.work
        if not plan.outer or not plan.is_inside:
            return False
        last, n = plan.outer[-1], work.sizes[-1 - plan.row]
        step = work.windows[last].right * work.x.strides[last]
        return work.y.strides[-1 - last] == n and (plan.is_picked or step == n)

    def write(self, writing, lines, n1):
        """Write the tiles of the sums of one place, or of places that are neighbours."""
        writer, work, plan = writing.writer, writing.work, self.plan
        x, y, made = lines
        integer, row = writer.integer, plan.row
        a1 = b1 = 0
        if plan.outer:
            last = plan.outer[-1]
            a1 = writing.step_of_element(last)
            b1 = writing.y_strides[-1 - last]
        n0 = integer(work.sizes[-1 - row])
        if self.is_whole:
            n1, n0 = constant(1, INDEX), n1 * n0
        length = constant(self.length, INDEX)
        turns = call("index_divide", INDEX, n0 + constant(self.length - 1, INDEX), length)
        turns = writer.let(turns, "turns")
        lanes = writer.let(n0 - (turns - constant(1, INDEX)) * length, "lanes")
        of_feature = joined_step(plan.features, work.sizes, writing.x_strides)
        of_place = work.windows[row].out * writing.x_strides[row]
        between, other = (of_place, of_feature) if self.is_along else (of_feature, of_place)
        to_place, to_feature = writing.made[row], plan.columns * self.length
        to_row, to_other = (to_place, to_feature) if self.is_along else (to_feature, to_place)
        count = work.sizes[row] if self.is_along else plan.n_features
        others = plan.n_features if self.is_along else work.sizes[row]
        of_right = joined_step(plan.right, work.sizes, writing.y_strides)
        with writer.loop(integer(others), "other") as k:
            pairs = product(_pieces(count, self.rows), _pieces(plan.columns, self.columns))
            for (i, i_times, i_first), (j, j_times, j_first) in pairs:
                with (
                    writer.loop(integer(i_times), "tile") as p,
                    writer.loop(integer(j_times), "tile") as q,
                ):
                    p = p * integer(i) + integer(i_first)
                    q = q * integer(j) + integer(j_first)
                    a = moved(writer, x, k * integer(other) + p * integer(between), "a")
                    b = moved(writer, y, q * integer(of_right), "b")
                    place = k * integer(to_other) + p * integer(to_row) + q * length
                    z = moved(writer, made, place, "y")
                    name = tiles.name_of(work.dtype, tiles.Tile(self.length, i, j), "d", 1)
                    a1_, b1_, row_, step_a, step_b = map(
                        integer, (a1, b1, to_row, between, of_right)
                    )
                    arguments = [n1, turns, a, a1_, b, b1_, z, row_, lanes, step_a, step_b]
                    writer.write(Call(name, arguments))


def _pieces(n, most):
    """What `n` is split into: (size, how many of that size, the first one's place)."""
    found, first = [], 0
    for size, times in tiles.split(n, most):
        found.append((size, times, first))
        first += size * times
    return found
