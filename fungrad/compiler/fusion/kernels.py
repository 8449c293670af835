"""From a group of equations to kernels: loops with hoisted scalars, loads, stores, accumulators.

Every value stands as far out as it can. A reduction along the innermost loops accumulates in a
local variable, along outer ones in the memory of its result. Where a later phase reads reductions,
the loops over the rows hold one nest of inner loops per phase.
"""

from fungrad.compiler.fusion.accumulators import accumulator_dtype, combined, identity_of
from fungrad.compiler.fusion.combining import Partial, combining
from fungrad.compiler.fusion.cut import Cut, axis_to_cut, has_independent_turns, operations
from fungrad.compiler.fusion.guards import guard
from fungrad.compiler.fusion.loop_tiles import tiles_of
from fungrad.compiler.fusion.nest import LoopNest
from fungrad.compiler.fusion.row_blocks import blocks_of
from fungrad.compiler.fusion.standing import Standing
from fungrad.compiler.language import parts
from fungrad.compiler.language.builder import Builder
from fungrad.compiler.language.index import Affine
from fungrad.compiler.language.scalar import INDEX, constant
from fungrad.compiler.language.statements import Let, Loop, Return, Store, load

_build = Builder()

_MOST_PARTS = 12


def kernels_of(group, lowering):
    """The writers of the kernels of a group: one, or one per part of its domain."""
    for nest in _parts(group, lowering):
        nest.finish()
        writer = _NestWriter(nest)
        if not writer.is_idle():
            writer.write()
            yield nest.writer
            if writer.partials:
                yield combining(nest, writer.all_partials())


def _parts(group, lowering):
    waiting = [tuple([(0, n) for n in group.domain])]
    done = []
    while waiting:
        nest = LoopNest(group, lowering, waiting.pop())
        halves = nest.halves() if len(waiting) + len(done) < _MOST_PARTS else None
        if halves is None:
            done.append(nest)
        else:
            waiting += reversed(halves)
    return done


class _NestWriter:
    """Writes the statements of one loop nest."""

    def __init__(self, nest):
        self.nest, self.writer, self.axes, self.roots = nest, nest.writer, nest.axes, nest.roots
        self.places, self.pointers = {}, {}
        for number, root in enumerate(self.roots):
            if root.view is not None:
                form = root.form + Affine(root.view.offset, ())
                pointer, place = nest.spot(root.view.buffer, form, is_written=True)
                self.places[number], self.pointers[number] = place, pointer
        self.phases, self.border = nest.phases(), nest.row_depth()
        self.accumulators = {}
        self.cut, self.partials = None, {}
        self.tiles, self.blocks = tiles_of(nest, self.writer), blocks_of(nest, self.writer)
        self.spots = {} if self.blocks is None else self.blocks.spots
        self.is_copy = self.tiles is not None and self.tiles.is_copy()
        if self.tiles is not None and not self.is_copy:
            self._use_tiles()
        standing = Standing(nest, self.places, self.spots, set(self.pointers.values()), self.tiles)
        self.depth, self.since, self.named = standing.depth, standing.since, standing.named
        self.order, self.orders, self.checks = standing.order, standing.orders, standing.checks

    def _use_tiles(self):
        """Let what is read across rows be read from tiles, and large results be made in some."""
        self.tiles.read_packed()
        for number, root in enumerate(self.roots):
            place = self.tiles.streamed(root, self.pointers[number]) if root.view else None
            if place is not None:
                self.pointers[number], self.places[number] = place

    def is_idle(self):
        """Whether everything that would be written stands there already."""
        return not self.nest.checks and all(map(self._is_there, range(len(self.roots))))

    def _is_there(self, n):
        root = self.roots[n]
        value, reduction = root.value, root.reduction
        if reduction is not None:
            is_nothing = value.is_constant and value.attribute == reduction.identity(value.dtype)
            return root.goes_on and is_nothing
        is_read_here = value.op == "load" and value.attribute == self.pointers.get(n)
        return is_read_here and value.operands == (self.places[n],) and not root.is_landing

    def _name(self, nodes, depth, since=None):
        """Write names for the expressions that stand at a depth."""
        for node in nodes:
            is_here = self.depth[node] == depth and since in (None, self.since[node])
            if is_here and node in self.named:
                self.writer.write(Let(self.writer.fresh("t"), node, self.named[node]))

    # ---- loops

    def write(self):
        """Write all statements of the kernel."""
        if self.is_copy:
            self.tiles.write_copy(self.pointers[0])
            return
        number = self._number_to_cut()
        if any(depth == 0 for _, depth in self.checks):
            number = None
        if self.nest.checks:
            self.failed = self.writer.variable(constant(0, INDEX), "failed")
        if number is not None:
            self._write_parts(self.axes[number])
        else:
            if self.blocks is not None:
                self.blocks.begin(is_in_parts=False)
            self._write()
        if self.nest.checks:
            self.writer.write(Return(self.failed.symbol))
        outside = any(depth == 0 for _, depth in self.checks)
        is_shared = not outside and self.blocks is None and has_independent_turns(self.nest)
        self.writer.in_parts = number is not None or is_shared
        if is_shared and self.tiles is not None:  # the text does not say how large tiles are
            self.writer.integers.append((parts.WORK, operations(self.axes, self.order)))

    def _number_to_cut(self):
        if self.blocks is None:
            return axis_to_cut(self.nest, self.order)
        return self.blocks.number_to_cut(self.order)

    def _write_parts(self, axis):
        self.cut = Cut(self.writer, axis)
        self._make_partials(axis.members[0])
        with self.writer.block(self.cut.loop_over_parts()):
            if self.blocks is not None:
                self.blocks.begin(is_in_parts=True)
            for partial in self.all_partials():
                if partial.root.is_landing:
                    partial.clear(self.writer, self.writer.pointer(partial.buffer))
            self._write()

    def all_partials(self):
        """The partial results, each once."""
        return list(dict.fromkeys(self.partials.values()))

    def _make_partials(self, axis):
        """Let each part of the loops write results of its own of what is combined along an axis."""
        whole = {}  # by view: partial results that several roots are elements of
        for n, root in enumerate(self.roots):
            if n not in self.pointers or not (root.reduces(axis) or root.is_landing):
                continue
            is_local = not root.is_landing and not self._outer_reduced(root)
            dtype = root.value.dtype
            dtype = accumulator_dtype(root.reduction, dtype) if is_local else dtype
            partial = whole.get(root.view) or Partial(self.nest, root, dtype, is_local)
            if partial.is_whole:
                whole[root.view] = partial
            self.partials[n] = partial
            if not self.nest.group.is_unrolled:  # where one pointer is that of several roots
                self.writer.forget_pointer(self.pointers[n])
            self.pointers[n] = self.writer.pointer(partial.buffer, is_written=True)
            self.places[n] = partial.place(self.nest, root)

    def _write(self):
        self.accumulating = [
            (number, root)
            for number, root in enumerate(self.roots)
            if self._suffix(root) is not None and self._outer_reduced(root)
        ]
        is_split = self.cut is not None or self.border or len(self.axes) < 2
        self.begins_inside = not is_split and not any(
            self._reduced(root)[0] for _, root in self.accumulating
        )
        if not self.begins_inside:
            self._write_identities(0)
        self._rows(0)

    def _rows(self, depth):
        """The loops over the rows; inside, one phase after another."""
        if depth < self.border:
            self._name(self.order, depth)
            self._around(depth, list(self.accumulated(depth)), lambda: self._rows(depth + 1))
            return
        for phase in self.phases:
            self._name(self.order, depth, since=phase)
            self._check(phase, depth)
            for n, root in enumerate(self.roots):
                if root.phase == phase and root.is_over_rows:
                    self._keep(n, root.value)
            if any(r.phase == phase and not r.is_over_rows for r in self.roots):
                self._columns(phase, depth)

    def _columns(self, phase, depth):
        """The inner loops of one phase."""
        if depth > self.border:
            self._name(self.orders[phase], depth)
            self._check(phase, depth)
        if depth == 1 and self.begins_inside:
            self._write_identities(1)
        if depth == len(self.axes):
            self._innermost(phase)
            return
        starting = [n for n in self.accumulated(depth) if self.roots[n].phase == phase]
        condition = self._guard(phase, depth)
        if self.tiles is not None and depth == self.tiles.depth:
            with self.tiles.loops():
                self._around(depth, starting, lambda: self._columns(phase, depth + 1))
            return
        if condition is None:
            self._around(depth, starting, lambda: self._columns(phase, depth + 1))
            return
        with self.writer.branch(condition):
            self._around(depth, starting, lambda: self._columns(phase, depth + 1))

    def _guard(self, phase, depth):
        """Where the loops from a depth on add something to sums; None if that is not worth asking.

        Each sum goes on around these loops, so that it is there where they are left out.
        """
        roots = [r for r in self.roots if r.phase == phase and not r.is_over_rows]
        are_sums = all(r.reduction is not None and r.reduction.combine == "add" for r in roots)
        if not depth or self.nest.checks or not are_sums:
            return None
        if not all(any(self._reduced(r)[:depth]) for r in roots):
            return None
        return guard([r.value for r in roots], lambda mask: self.depth[mask] == depth)

    def accumulated(self, depth):
        """The reductions along all loops from a depth on."""
        return [n for n, r in enumerate(self.roots) if self._suffix(r) == depth]

    def _around(self, depth, accumulated, write_body):
        """A loop, with accumulators around it."""
        for n in accumulated:
            self._start(n)
        if self.blocks is not None and depth == len(self.axes) - 1:
            self.blocks.write(self.cut, write_body, self._land)
        else:
            loop = self._loop(self.axes[depth])
            self.writer.write(loop)
            with self.writer.block(loop.body):
                write_body()
        for n in accumulated:
            self._finish(n)

    def _loop(self, axis):
        """The loop along an axis, or along its part or tile."""
        if self.cut is not None and axis is self.cut.axis:
            return self.cut.loop()
        if self.tiles is not None and axis.symbol in self.tiles.within:
            return self.tiles.loop(axis)
        return Loop(axis.symbol.attribute, axis.extent)

    def _innermost(self, phase):
        for n, root in enumerate(self.roots):
            if root.phase != phase or root.is_over_rows:
                continue
            if n in self.spots:
                self._store(n, root.value, self.spots[n])
            elif n in self.accumulators:
                variable = self.accumulators[n]
                value = _build.cast(root.value, variable.dtype)
                variable.set(combined(root.reduction, variable.symbol, value))
            elif root.is_landing:
                self._land(n, root.value)
            elif root.reduction is None:
                self._keep(n, root.value)
            elif self._suffix(root) is not None:
                self._combine_stored(n, root.value)
            elif self._is_in_parts(root):
                before = self._stored(n) if self._goes_on(n) else identity_of(root)
                self._deliver(n, combined(root.reduction, before, root.value))
            else:
                self._deliver(n, root.value)

    def _check(self, phase, depth):
        for fault, culprit in self.checks.get((phase, depth), ()):
            self.writer.errors.append(culprit)
            code = constant(len(self.writer.errors), INDEX)
            nothing = constant(0, INDEX)
            status = _build.select(_build.equal(fault, nothing), nothing, fault + code)
            # The largest, not the last: a maximum does not keep LLVM from computing several turns.
            self.failed.set(_build.call("maximum", INDEX, self.failed.symbol, status))

    def _land(self, n, value):
        """Combine an update with what stands where it goes."""
        root = self.roots[n]
        if n not in self.pointers:
            return
        write = self._store if root.combine == "set" else self._combine_stored
        if root.is_there is None:
            write(n, value)
            return
        with self.writer.branch(root.is_there):
            write(n, value)

    # ---- reductions

    def _reduced(self, root):
        return [root.reduces(axis.members[0]) for axis in self.axes]

    def _suffix(self, root):
        """The number of loops outside the innermost reduced ones; None for no reduced loop."""
        reduced = self._reduced(root)
        if not any(reduced):
            return None
        depth = len(reduced)
        while depth and reduced[depth - 1]:
            depth -= 1
        return depth

    def _outer_reduced(self, root):
        """Whether loops are reduced that are not the innermost ones."""
        return any(self._reduced(root)[: self._suffix(root)])

    def _start(self, n):
        root = self.roots[n]
        dtype = accumulator_dtype(root.reduction, root.value.dtype)
        is_stored = self._goes_on(n) and not self._outer_reduced(root)
        first = _build.cast(self._stored(n), dtype) if is_stored else identity_of(root, dtype)
        self.accumulators[n] = self.writer.variable(first, "total")

    def _finish(self, n):
        root, variable = self.roots[n], self.accumulators.pop(n)
        if n in self.partials and not self._outer_reduced(root):
            self._keep(n, variable.symbol)  # with the digits of an accumulator
            return
        value = _build.cast(variable.symbol, root.value.dtype)
        if self._outer_reduced(root):
            self._combine_stored(n, value)
        else:
            self._deliver(n, value)

    def _deliver(self, n, value):
        """Give the result of a reduction to later phases and to memory."""
        root = self.roots[n]
        if root.symbol in self.depth:
            remark = self.nest.lowering.remark(root.equation.outputs[0])
            self.writer.write(Let(root.symbol.attribute, value, remark))
            value = root.symbol
        self._keep(n, value)

    def _keep(self, n, value):
        """Store a value unless only this kernel reads it."""
        if n in self.pointers:
            self._store(n, value)

    def _is_in_parts(self, root):
        """Whether this nest combines some of what the reduction is of."""
        reduced = [a for a in range(len(self.nest.shape)) if root.reduces(a)]
        return any(self.nest.shape[a] < self.nest.group.domain[a] for a in reduced)

    def _goes_on(self, n):
        """Whether a reduction begins with what earlier parts of the domain have made of it."""
        return self.roots[n].goes_on and n not in self.partials

    def _stored(self, n):
        return load(self.pointers[n], self.places[n], self.roots[n].value.dtype)

    def _combine_stored(self, n, value):
        self._store(n, combined(self.roots[n], self._stored(n), value))

    def _store(self, n, value, spot=None):
        pointer, place = spot or (self.pointers[n], self.places[n])
        remark = self.nest.lowering.remark(self.roots[n].equation.outputs[0])
        self.writer.write(Store(pointer, place, value, remark))

    def _write_identities(self, depth):
        """Fill what reductions accumulate into, before the loops from a depth on.

        Inside of the outermost loop, if that is not combined: then its turns are independent.
        """
        for number, root in self.accumulating:
            if not self._goes_on(number):
                self._write_identity(number, root, self.axes[depth:])

    def _write_identity(self, n, root, axes):
        statement = Store(self.pointers[n], self.places[n], identity_of(root))
        for axis in reversed(axes):
            if not root.reduces(axis.members[0]):
                loop = self._loop(axis)
                loop.body.append(statement)
                statement = loop
        self.writer.write(statement)
