"""The place of the first largest or smallest element along an axis, in one pass.

Lines of neighbouring elements have the extrema of blocks in registers, one after another; lines that
lie next to each other advance together, so that memory is read in its order. Few long lines are
searched in parts that threads share, and a second kernel takes the first best part.
"""

from fungrad.compiler.language.builder import Builder
from fungrad.compiler.language.parts import PARTS, WORTH_WAKING
from fungrad.compiler.language.scalar import BOOL, INDEX, call, constant
from fungrad.compiler.order.lines import as_lines

_build = Builder()
_ZERO, _ONE = constant(0, INDEX), constant(1, INDEX)
_BLOCK = 256  # elements, whose extremum vectors find sooner than a search among them


def arg_extremum(build, primitive, inputs, outputs):
    """Write a search for the first largest or smallest element; the first nan wins."""
    view = as_lines(build.contiguous(inputs[0]), primitive.axis)
    before, n, after = view.shape
    target = build.output(outputs[0])
    places = type(target)(target.buffer, target.offset, (before, after), (after, 1))
    in_parts = before < PARTS <= n and before * n * after > 4 * WORTH_WAKING
    writer = build.kernel(f"{primitive.name}_kernel")
    search = _Search(writer, primitive.largest, view)
    if not in_parts:
        best = None if after == 1 else build.temporary(view.buffer.dtype, (before, after))
        _search_lines(search, best, places)
        build.call(writer)
        return
    best = build.temporary(view.buffer.dtype, (PARTS, before, after))
    found = build.temporary(INDEX, (PARTS, before, after))
    _search_parts(search, best, found)
    build.call(writer)
    combining = build.kernel("combining_kernel")
    _combine(combining, primitive.largest, best, found, places)
    build.call(combining)


def _search_lines(search, best, places):
    """Every line in one piece; threads share the lines."""
    writer = search.writer
    search.places = writer.array(places, is_written=True)
    search.best = None if best is None else writer.array(best, is_written=True)
    with writer.loop(writer.integer(search.before)) as i:
        search.line(i, _ZERO, search.n, (i,))
    writer.in_parts = search.before > 1


def _search_parts(search, best, found):
    """Every line in parts, of which each has a result of its own."""
    writer = search.writer
    search.best, search.places = (writer.array(v, is_written=True) for v in (best, found))
    with writer.loop(constant(PARTS, INDEX), "part") as part:
        first, last = (
            _build.call("index_divide", INDEX, search.n * number, constant(PARTS, INDEX))
            for number in (part, part + _ONE)
        )
        first = writer.let(first, "first")
        length = writer.let(last - first, "length")
        with writer.loop(writer.integer(search.before)) as i:
            search.line(i, first, length, (part, i))
    writer.in_parts = True


def _combine(writer, largest, best, found, places):
    """The place in the first part that has the extremum."""
    parts, before, after = best.shape
    best, found = writer.array(best), writer.array(found)
    y = writer.array(places, is_written=True)
    with writer.loop(writer.integer(before)) as i, writer.loop(writer.integer(after)) as k:
        value, place = best.load(_ZERO, i, k), found.load(_ZERO, i, k)
        for part in range(1, parts):
            part = constant(part, INDEX)
            other, its_place = best.load(part, i, k), found.load(part, i, k)
            is_better = writer.let(_is_better(largest, other, value), "better")
            value = writer.let(_build.select(is_better, other, value))
            place = writer.let(_build.select(is_better, its_place, place))
        y.store((i, k), place)


class _Search:
    """The search in the lines number i of a view of the axes (before, along, after)."""

    def __init__(self, writer, largest, view):
        self.writer, self.largest = writer, largest
        before, n, after = view.shape
        self.before, self.after = before, after
        self.n = writer.integer(n)
        self.x = writer.array(view)
        self.best = self.places = None

    def line(self, i, first, length, at):
        """The first extremum from an index on, of so many elements; `at` is where it goes."""
        if self.after == 1:
            self._neighbours(i, first, length, at)
        else:
            self._abreast(i, first, length, at)

    def _neighbours(self, i, first, length, at):
        """The extremum of each block, in a loop that vectorises, then its place in the best one."""
        writer, x = self.writer, self.x
        word, size = "maximum" if self.largest else "minimum", constant(_BLOCK, INDEX)
        best = writer.variable(x.load(i, first, _ZERO), "best")
        begin = writer.variable(first, "begin")
        blocks = _build.call("index_divide", INDEX, length + constant(_BLOCK - 1, INDEX), size)
        with writer.loop(writer.let(blocks, "blocks"), "block") as block:
            start = writer.let(first + block * size, "start")
            left = _build.call("minimum", INDEX, first + length - start, size)
            own = writer.variable(x.load(i, start, _ZERO), "own")
            with writer.loop(writer.let(left, "left")) as j:
                own.set(_combined(word, own.symbol, x.load(i, start + j, _ZERO)))
            value = own.value
            is_better = writer.let(_is_better(self.largest, value, best.value), "better")
            begin.set(_build.select(is_better, start, begin.symbol))
            best.set(_build.select(is_better, value, best.symbol))
        place = writer.variable(begin.value, "place")
        with writer.repeat():
            writer.leave(_is_extremal(x.load(i, place.value, _ZERO), best.symbol))
            place.set(place.symbol + _ONE)
        if self.best is not None:
            self.best.store((*at, _ZERO), best.symbol)
        self.places.store((*at, _ZERO), place.symbol)

    def _abreast(self, i, first, length, at):
        """All lines next to each other, element by element; what is best so far is in memory."""
        writer, x = self.writer, self.x
        after = writer.integer(self.after)
        with writer.loop(after) as k:
            self.best.store((*at, k), x.load(i, first, k))
            self.places.store((*at, k), first)
        with writer.loop(length - _ONE) as step:
            j = writer.let(first + step + _ONE, "j")
            with writer.loop(after) as k:
                value, best = x.load(i, j, k), self.best.load(*at, k)
                is_better = writer.let(_is_better(self.largest, value, best), "better")
                place = _build.select(is_better, j, self.places.load(*at, k))
                self.places.store((*at, k), place)
                self.best.store((*at, k), _build.select(is_better, value, best))


def _is_better(largest, value, best):
    """Whether a value further on goes before the best one so far; nan before all but nan."""
    if value.dtype.kind == "b":
        more, less = (value, best) if largest else (best, value)
        return call("logical_and", BOOL, more, call("logical_not", BOOL, less))
    if value.dtype.kind != "f":
        return call("greater" if largest else "less", BOOL, value, best)
    is_worse = call("less_equal" if largest else "greater_equal", BOOL, value, best)
    is_number = _build.equal(best, best)
    return call("logical_and", BOOL, call("logical_not", BOOL, is_worse), is_number)


def _combined(word, x, y):
    if x.dtype.kind != "b":
        return call(word, x.dtype, x, y)
    return call("logical_or" if word == "maximum" else "logical_and", BOOL, x, y)


def _is_extremal(value, best):
    """Whether a value is the extremum; nan only stands where the extremum is nan."""
    found = _build.equal(value, best)
    if value.dtype.kind != "f":
        return found
    return call("logical_or", BOOL, found, _build("isnan", value))
