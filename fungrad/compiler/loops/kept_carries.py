"""Carried arrays of which a loop keeps every value: they live where they are kept.

A derivative reads what each turn began with, so a loop that is split in two keeps its carries. What
turn k ends with is what turn k + 1 begins with: both are rows of one history, and a turn computes
from one row into the next. Nothing is copied, and a value that is kept as the beginning of one turn
and as the end of another stands in memory once.
"""

from fungrad.compiler.language.scalar import INDEX, constant
from fungrad.compiler.language.stack_layout import is_stack
from fungrad.compiler.language.statements import Point
from fungrad.compiler.language.views import Buffer, View, row_major, whole
from fungrad.core.record import record

_SHORT = 4096  # bytes of a row; longer ones are fetched ahead one by one


class KeptCarry:
    """A carried array in the rows of a history, or, where only its ends are kept, in those."""

    def __init__(self, loop, operand, variable, result, history):
        self.loop, self.entry, self.history = loop, loop.entry, history
        self.variable, self.result, self.type = variable, result, variable.type
        if history.before is None:
            self.buffer = self.entry.workspace(self.type.dtype, self.type.size, "carry")
            first = whole(self.buffer, self.type.shape)
            self.name = self.entry.unique("now")
            self.entry.write(Point(self.name, self.entry.pointer(self.buffer)))
        else:
            first = history.first
        loop.lowering.put(loop.lowering.representation(operand), self.type, first)

    def value(self, k):
        """The view of what turn k begins with."""
        if self.history.before is not None:
            return self.history.before.at(self.entry, k)
        part = Buffer("part", self.name, self.type.dtype, self.type.size, self.buffer)
        return whole(part, self.type.shape)

    def settle(self, body, k):
        """Let the body compute what turn k ends with in its row."""
        self.place = self.history.after.at(self.entry, k)
        body.settle(self.result, self.place, is_fresh=True)

    def gather(self, body, given):
        """Move the next value to its row if it is not there."""
        body.put(given, self.type, self.place)

    def update(self):
        """Let the next turn begin with the row of this one."""
        if self.history.before is None:
            self.entry.write(Point(self.name, self.place.buffer.name))

    def finish(self, loop, output):
        """Let the last value be an output of the loop."""
        last = self.history.last
        if last is None:
            last = self.value(None)
            for buffer in (self.history.after.buffer, last.buffer):
                buffer.use(self.entry.time)
        loop.lowering.put(last, self.type, loop.build.output(output))


@record
class History:
    """Where a loop keeps a carry: the rows that turns begin with, and those that they end with.

    `outputs` are those of the loop that stand in them. Where the ends are kept in memory that is
    given, there is no row for the first value, and `before`, `first` and `last` are None.
    """

    outputs: tuple
    after: object = None
    before: object = None
    first: View | None = None
    last: View | None = None


def histories(build, primitive, outputs, most_locals):
    """The history of each carry of a scan, None for one that has none.

    Gives memory to what the scan keeps where that is free to choose.
    """
    n, body = primitive.carry_count, primitive.body
    if primitive.length is None:
        return [None] * n
    kept = {}
    for v, output in zip(body.outputs[n:], outputs[n:], strict=True):
        kept.setdefault(v, output)
    records = _Records(build, primitive, outputs[n:])
    found, covered = [], set()
    variables = body.inputs[primitive.constant_count :][:n]
    for v, result in zip(variables, body.outputs[:n], strict=True):
        begun, ended = kept.get(v), kept.get(result)
        members = tuple([x for x in (begun, ended) if x is not None])
        is_array = v.type.shape and v.type.size > most_locals
        history = None
        if is_array and v is not result and members and covered.isdisjoint(members):
            if not any(map(build.lowering.is_placed, members)):
                history = History(members)
                records.add(v.type, begun, ended, history)
            elif ended is not None:
                history = History((ended,), Rows(build.output(ended)))
        if history is not None:
            covered.update(history.outputs)
        found.append(history)
    for v, output in kept.items():
        if output not in covered and not is_stack(v.type):
            records.add(v.type, output)
    records.allocate()
    return found


class _Records:
    """Memory for what a loop keeps: what a turn writes stands side by side.

    Many arrays of short rows, each written to and read from at a place of its own, are more than
    the processor fetches ahead: where 49 rows of 14 numbers did not stay in the cache, a turn of
    the backward loop took up to three times as long. Arrays that anything but a loop over their
    rows reads stay in one piece.
    """

    def __init__(self, build, primitive, outputs):
        self.lowering, self.primitive = build.lowering, primitive
        self.walked = _walked(build.lowering.program, outputs)
        self.groups = {}

    def add(self, type, begun, ended=None, history=None):
        """Ask for the rows that turns begin with, those they end with, or both as one history."""
        members = [v for v in (begun, ended) if v is not None]
        is_short = type.size * type.dtype.itemsize < _SHORT and self.walked.issuperset(members)
        if history is None and (not is_short or self.lowering.is_placed(begun)):
            return
        key = type.dtype if is_short else members[0]
        self.groups.setdefault(key, []).append((type, begun, ended, history))

    def allocate(self):
        """Give everything its memory."""
        for members in self.groups.values():
            self._allocate(members)

    def _allocate(self, members):
        members.sort(key=lambda member: bool(member[0].shape))  # numbers have places that we know
        width = sum(type.size for type, *_ in members)
        count = self.primitive.length + any(history is not None for *_, history in members)
        _, begun, ended, _ = members[0]
        name = self.lowering.names[begun if ended is None else ended]
        buffer = self.lowering.entry.workspace(members[0][0].dtype, count * width, name)
        record = _Record(buffer, width)
        place = 0
        for type, begun, ended, history in members:
            self._place(_Column(record, place, type), begun, ended, history)
            place += type.size

    def _place(self, column, begun, ended, history):
        n, reverse = self.primitive.length, self.primitive.reverse
        before, after = [column.rows(i, n) for i in ((1, 0) if reverse else (0, 1))]
        if history is None:
            before = column.rows(0, n)
        else:
            first, last = [column.row(i) for i in ((n, 0) if reverse else (0, n))]
            history.before, history.after, history.first, history.last = before, after, first, last
        for v, rows in ((begun, before), (ended, after)):
            if v is not None:
                self.lowering.represent(v, rows.view)
                self.lowering.kept[v] = rows


@record(eq=False)
class _Record:
    """What a turn keeps, `width` elements, in a buffer of such records."""

    buffer: Buffer
    width: int
    symbol: object = None

    def position(self, entry, number):
        """Where a record begins: one product for all that stands in it."""
        if self.symbol is None:
            self.symbol = entry.integer(self.width)
        return number * self.symbol


@record(eq=False)
class _Column:
    """The elements of one type, from a place on in each record."""

    record: _Record
    place: int
    type: object
    symbol: object = None

    def rows(self, start, count):
        """As many rows, from that in record `start` on."""
        row = self.row(start)
        shape, strides = (count, *row.shape), (self.record.width, *row.strides)
        return Rows(View(row.buffer, row.offset, shape, strides), self, start)

    def row(self, number):
        """The view of one row."""
        shape = self.type.shape
        place = self.place + number * self.record.width
        return View(self.record.buffer, place, shape, row_major(shape))

    def position(self, entry, number):
        """Where a row begins."""
        if self.symbol is None:
            is_known = not self.type.shape  # so have all in front of it
            self.symbol = constant(self.place, INDEX) if is_known else entry.integer(self.place)
        return self.record.position(entry, number) + self.symbol


@record(eq=False)
class Rows:
    """The rows of a view, which perhaps stand in records from number `start` on."""

    view: View
    column: _Column | None = None
    start: int = 0

    @property
    def buffer(self):
        """The memory that the rows are in."""
        return self.view.buffer

    def at(self, entry, k):
        """The view of row k, k being known at run time."""
        view = self.view
        if self.column is None:
            place = k * entry.integer(view.strides[0]) + entry.integer(view.offset)
        else:
            place = self.column.position(entry, k + constant(self.start, INDEX))
        part = entry.part(view.buffer, place, view.buffer.size, "row")
        return View(part, 0, view.shape[1:], view.strides[1:])


def _walked(program, outputs):
    """Those outputs of a loop that nothing but loops over their rows reads."""
    others = set(program.outputs)
    for e in program.equations:
        rows = e.primitive.rows_of(e.inputs) if hasattr(e.primitive, "rows_of") else ()
        others.update(e.inputs[: len(e.inputs) - len(rows)])
    return {v for v in outputs if v not in others}
