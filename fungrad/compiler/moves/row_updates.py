"""Long rows written by number: each part of the loops has a range of the rows that are written.

A part goes through all numbers in their order and writes what falls into its range. So threads
share a scatter without waiting for each other, and what adds up is added in the order of the
updates, whatever their number. Updates and operand are computed where they are read, if that is
cheap: a row that is written for the first time is combined with the operand's as it is computed,
and those that no update has written come last. So the gradient of `x[rows]` reads the cotangents
and writes the result, once.
"""

from contextlib import ExitStack, contextmanager

import numpy as np

from fungrad.compiler.language.elements import Elements
from fungrad.compiler.language.index import IndexBuilder, as_fault
from fungrad.compiler.language.parts import PARTS
from fungrad.compiler.language.scalar import BOOL, INDEX, call, constant, topological_order
from fungrad.compiler.language.statements import Return
from fungrad.primitives.indexing import culprit, index_element

_FLAG = np.dtype(np.int8)


def scatter_rows(build, primitive, inputs, outputs):
    """Write a scatter along the first axis."""
    _RowUpdates(build, primitive, inputs, outputs[0]).write()


class _RowUpdates:
    def __init__(self, build, primitive, inputs, output):
        self.primitive, self.build = primitive, build
        self.operand, self.updates, self.number = inputs
        self.shape = output.type.shape
        self.front = self.number.type.shape
        self.is_new = build.is_computed_where_read(self.operand)
        target = build.output(output) if self.is_new else build.begin(output, self.operand)
        self.writer = build.kernel("scatter_kernel")
        self.target = self.writer.array(target, is_written=True)
        self.index = IndexBuilder()
        self.elements = Elements(build.lowering, self.writer, self.index)

    def write(self):
        """Write the kernel, and its call."""
        writer, zero = self.writer, constant(0, INDEX)
        self.failed = writer.variable(zero, "failed")
        rows = writer.integer(self.shape[0])
        if self.is_new:
            flags = self.build.temporary(_FLAG, self.shape[:1])
            self.flags = writer.array(flags, is_written=True)
        with writer.loop(constant(PARTS, INDEX), "part") as part:
            self.start, self.stop = [
                writer.let(self.index.call("index_divide", INDEX, rows * p, constant(PARTS, INDEX)))
                for p in (part, part + constant(1, INDEX))
            ]
            if self.is_new:
                with writer.loop(self.stop - self.start) as i:
                    self.flags.store((self.start + i,), constant(0, _FLAG))
            with ExitStack() as loops:
                self._update([self._loop(n, loops) for n in self.front])
            if self.is_new:
                self._write_others()
        writer.write(Return(self.failed.symbol))
        writer.in_parts = True
        self.build.call(writer)

    def _loop(self, n, loops):
        i = loops.enter_context(self.writer.loop(self.writer.integer(n)))
        if not i.is_constant:
            self.index.extents[i] = n
        return i

    def _update(self, at):
        """Write the rows of the updates at an index, if they fall into the part."""
        writer, primitive = self.writer, self.primitive
        self._require_all(lambda: self.elements.element(self.number, tuple(at)))
        number = self.elements.element(self.number, tuple(at))
        number = writer.let(writer.resolved(number, self.index), "number")
        place, valid = index_element(self.index, number, self.shape[0], primitive.mode)
        place = writer.let(writer.resolved(place, self.index), "place")
        own = call("logical_and", BOOL, self.start <= place, place < self.stop)
        if valid is not None:
            valid = writer.let(writer.resolved(valid, self.index), "valid")
            own = call("logical_and", BOOL, valid, own)
        if primitive.mode == "raise":
            fault = as_fault(self.index.cast(number, INDEX))
            fault = self.index.select(valid, constant(0, INDEX), fault)
            self._check(fault, culprit(primitive, 0, self.shape))
        self._require_row(at)
        with writer.branch(own):
            is_first = None
            if self.is_new:
                is_first = writer.let(self._is_unwritten(place), "is_first")
                self.flags.store((place,), constant(1, _FLAG))
            with self._row() as rest:
                value = self._element(self.updates, (*at, *rest))
                if primitive.combine != "set":
                    before = self._before((place, *rest), is_first)
                    value = call(primitive.combine, value.dtype, before, value)
                self.target.store((place, *rest), value)

    def _before(self, index, is_first):
        """What an element is before an update: where that is the first one, the operand's."""
        before = self.target.load(*index)
        if is_first is None:
            return before
        return self.index.select(is_first, self._element(self.operand, index), before)

    def _element(self, v, index):
        return self.writer.resolved(self.elements.element(v, index), self.index)

    @contextmanager
    def _row(self):
        """Loops over a row."""
        with ExitStack() as loops:
            yield [self._loop(n, loops) for n in self.shape[1:]]

    # ---- what has to hold

    def _check(self, fault, culprit):
        self.writer.errors.append(culprit)
        code = constant(len(self.writer.errors), INDEX)
        is_fine = self.index.equal(fault, constant(0, INDEX))
        self.failed.set(self.index.select(is_fine, self.failed.symbol, fault + code))

    def _require_all(self, compute):
        """Check what has to hold for an element that is computed here."""
        known = set(self.index.checks)
        compute()
        for fault, culprit in self.index.checks.items():
            if fault not in known:
                self._check(self.writer.resolved(fault, self.index), culprit)

    def _require_row(self, at):
        """Check what has to hold for the updates of a row: every part does, so that all agree."""
        trial = IndexBuilder()
        rest = [trial.index(f"along{k}", n) for k, n in enumerate(self.shape[1:])]
        elements = Elements(self.build.lowering, self.writer, trial)
        elements.element(self.updates, (*at, *rest))
        along = {i for i in rest if not i.is_constant}
        if any(along.intersection(topological_order([fault])) for fault in trial.checks):
            with self._row() as rest:
                self._require_all(lambda: self.elements.element(self.updates, (*at, *rest)))
            return
        for fault, culprit in trial.checks.items():
            self._check(self.writer.resolved(fault, trial), culprit)

    def _write_others(self):
        """The operand's rows, where no update has been written."""
        writer = self.writer
        with writer.loop(self.stop - self.start) as i:
            place = writer.let(self.start + i, "place")
            with writer.branch(self._is_unwritten(place)), self._row() as rest:
                index = (place, *rest)
                self.target.store(index, self._element(self.operand, index))

    def _is_unwritten(self, place):
        return self.index.equal(self.flags.load(place), constant(0, _FLAG))
