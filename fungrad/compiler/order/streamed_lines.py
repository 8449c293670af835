"""Running combinations whose results the caches do not hold: made in tiles, written past the caches.

Sums and products along the last axis advance by eight lines (see `running_blocks`), and a second
one may follow on the same lines, whose operand is computed from what the first one has made of
them. Lines that lie next to each other advance together, row after row.
"""

from math import prod

from fungrad.compiler.language import streaming
from fungrad.compiler.language.builder import Builder
from fungrad.compiler.language.parts import PARTS, WORK
from fungrad.compiler.language.scalar import INDEX, constant
from fungrad.compiler.language.statements import Call
from fungrad.compiler.language.views import row_major
from fungrad.compiler.order import running_blocks
from fungrad.compiler.order.lines import AtHand, Computed, operand
from fungrad.compiler.order.running_blocks import LINES

_build = Builder()
_ZERO, _ONE = constant(0, INDEX), constant(1, INDEX)

_COLUMNS = 64  # of a tile of lines, and at least of a line
_GAP = 16  # elements between lines at hand: a page apart, they share a few places of the cache
_SHORTEST = 512  # bytes of a row
_PIECE = 2**16  # bytes of a row that one thread writes at least: shorter ones come slowly
_ROWS = 16  # of a tile of computed operands


def are_lines(primitives, shape, dtype):
    """Whether results of (before, along, after) an axis are made by eight lines."""
    before, n, after = shape
    return (
        after == 1
        and all(running_blocks.is_known(getattr(p, "combine", ""), dtype) for p in primitives)
        and before >= PARTS * LINES
        and n >= _COLUMNS
        and prod(shape) * dtype.itemsize >= streaming.STREAMED
    )


def are_columns(primitive, shape, dtype):
    """Whether results of (before, along, after) an axis are made in pieces of rows."""
    return (
        running_blocks.is_known(getattr(primitive, "combine", ""), dtype)
        and shape[2] * dtype.itemsize >= _SHORTEST
        and prod(shape) * dtype.itemsize >= streaming.STREAMED
    )


class _Tiled:
    """What writes a result in tiles."""

    def __init__(self, build, writer, target):
        self.build, self.writer, self.shape = build, writer, target.shape
        self.dtype = target.buffer.dtype
        self.output = writer.array(target, is_written=True)
        writer.integers.append((WORK, prod(target.shape)))
        writer.in_parts = True

    def tile(self, *shape):
        """Scratch memory of each part, whose sizes stand in the text."""
        view = self.build.temporary(self.dtype, (PARTS, *shape))
        tile = self.writer.array(view, is_written=True)
        tile.strides = [constant(n, INDEX) for n in row_major(view.shape)]
        return tile

    def in_parts(self, pieces, write):
        """The loops over all pieces; `write(part, piece)` writes what is done for one."""
        writer, count = self.writer, constant(PARTS, INDEX)
        with writer.loop(count, "part") as part:
            start, stop = (
                writer.let(_build.call("index_divide", INDEX, pieces * p, count), "piece")
                for p in (part, part + _ONE)
            )
            with writer.loop(stop - start) as piece:
                write(part, start + piece)
            writer.write(Call(f"settle_{self.dtype.name}", [self.output.pointer]))

    def stream(self, rows, columns, source, row, target, target_row):
        """Write the call that puts rows of a tile where they belong."""
        given = [rows, columns, source, row, target, target_row]
        self.writer.write(Call(f"stream_{self.dtype.name}", given))


def _least(x, y):
    return _build.call("minimum", INDEX, x, y)


# ---- along the last axis


def write_lines(build, writer, equations, target):
    """Combine along the last axis: one running combination, or two that follow each other."""
    _Lines(build, writer, target).write(*equations)


class _Lines(_Tiled):
    def write(self, first, second=None):
        build, writer, axis = self.build, self.writer, first.primitive.axis
        x, kept = operand(build, writer, first.inputs[0], axis), None
        self.made, self.given = self.tile(LINES + 1, _COLUMNS), None
        if second is not None:
            kept = build.temporary(self.dtype, (PARTS, LINES, self.shape[1] + _GAP))
            kept = writer.array(kept, is_written=True)
        before = writer.integer(self.shape[0])

        def write_piece(part, piece):
            lines = constant(LINES, INDEX)
            line = writer.let(_least(piece * lines, before - lines), "line")
            self._advance(first.primitive, part, line, x, kept)
            if second is None:
                return
            at_hand = AtHand(kept, part, {})
            of_line = first.outputs[0], at_hand
            y = Computed(build, writer, second.inputs[0], axis, of_line)
            self._advance(second.primitive, part, line, y)

        self.in_parts(writer.parameter(-(-self.shape[0] // LINES)), write_piece)

    def _advance(self, primitive, part, line, x, kept=None):
        """Go along the lines; keep them, or put them where they belong."""
        writer, most, made = self.writer, constant(_COLUMNS, INDEX), self.made
        n, lines = writer.integer(self.shape[1]), constant(LINES, INDEX)
        state = made.at(part, lines, _ZERO)
        with writer.loop(lines) as i:
            identity = constant(primitive.identity(self.dtype), self.dtype)
            made.store((part, lines, i), identity)
        chunks = writer.parameter(-(-self.shape[1] // _COLUMNS))
        with writer.loop(chunks, "chunk") as chunk:
            chunk = chunks - _ONE - chunk if primitive.reverse else chunk
            first = writer.let(chunk * most, "first")
            count = writer.let(_least(n - first, most), "count")
            source = self._source(x, part, line, first, count)
            row = most if kept is None else kept.strides[1]
            to = made.at(part, _ZERO, _ZERO) if kept is None else kept.at(part, _ZERO, first)
            run = running_blocks.name_of(primitive, self.dtype)
            writer.write(Call(run, [count, *source, state, to, row]))
            if kept is None:
                target = self.output.at(line, first, _ZERO)
                self.stream(lines, count, to, most, target, self.output.strides[0])

    def _source(self, x, part, line, first, count):
        """Where a chunk of the operand stands, and how far apart its lines are."""
        if not isinstance(x, Computed):
            return x.at(line, first, _ZERO), x.strides[0]
        self.given = self.given or self.tile(LINES, _COLUMNS)
        with self.writer.loop(constant(LINES, INDEX)) as i:
            of = line + i
            if x.of_line is not None:
                x.of_line[1].numbers[of] = i
            with self.writer.loop(count) as j:
                self.given.store((part, i, j), x.load(of, first + j, _ZERO))
        return self.given.at(part, _ZERO, _ZERO), constant(_COLUMNS, INDEX)


# ---- along other axes


def write_columns(build, writer, equation, target):
    """Combine along an axis with others behind it, row after row."""
    _Columns(build, writer, target).write(equation.primitive, equation.inputs[0])


class _Columns(_Tiled):
    def write(self, primitive, x):
        writer, line = self.writer, streaming.LINE // self.dtype.itemsize
        before, n, after = self.shape
        across = max(after * self.dtype.itemsize // _PIECE, 1)
        width = -(-after // (across * line)) * line  # pieces are whole lines of the cache
        across = -(-after // width)
        self.across, self.width = writer.parameter(across), writer.integer(width)
        self.n, self.after = writer.integer(n), writer.integer(after)
        state = self.build.temporary(self.dtype, (PARTS, width))
        self.state = writer.array(state, is_written=True)
        self.x = operand(self.build, writer, x, primitive.axis)
        if isinstance(self.x, Computed):
            given = self.build.temporary(self.dtype, (PARTS, _ROWS, width))
            self.given = writer.array(given, is_written=True)
        write_piece = lambda part, piece: self._piece(primitive, part, piece)
        self.in_parts(writer.parameter(before * across), write_piece)

    def _piece(self, primitive, part, piece):
        writer = self.writer
        i = writer.let(_build.call("index_divide", INDEX, piece, self.across), "i")
        first = writer.let((piece - i * self.across) * self.width, "first")
        length = writer.let(_least(self.after - first, self.width), "length")
        identity = constant(primitive.identity(self.dtype), self.dtype)
        with writer.loop(length) as k:
            self.state.store((part, k), identity)
        if not isinstance(self.x, Computed):
            source = self.x.at(i, _ZERO, first), self.x.strides[1]
            self._run(primitive, part, (i, _ZERO, first), (self.n, length), source)
            return
        most, chunks = constant(_ROWS, INDEX), writer.parameter(-(-self.shape[1] // _ROWS))
        with writer.loop(chunks, "chunk") as chunk:
            chunk = chunks - _ONE - chunk if primitive.reverse else chunk
            done = writer.let(chunk * most, "done")
            rows = writer.let(_least(self.n - done, most), "rows")
            with writer.loop(rows) as j, writer.loop(length) as k:
                self.given.store((part, j, k), self.x.load(i, done + j, first + k))
            source = self.given.at(part, _ZERO, _ZERO), self.given.strides[1]
            self._run(primitive, part, (i, done, first), (rows, length), source)

    def _run(self, primitive, part, index, size, source):
        run = running_blocks.name_of(primitive, self.dtype, is_down=True)
        to = self.state.at(part, _ZERO), self.output.at(*index), self.output.strides[1]
        self.writer.write(Call(run, [*size, *source, *to]))
