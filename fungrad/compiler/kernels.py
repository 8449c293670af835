"""From a group of equations to a kernel: a loop nest with hoisted scalars, loads and stores.

The text of a kernel holds no size above `index.LITERAL`: extents and strides are parameters, and
adjacent axes that every access walks through without a gap are one loop. Equal structure gives
equal text, and equal text is compiled once.
"""

from dataclasses import dataclass

import numpy as np

from fungrad.compiler.index import LITERAL, Affine, IndexBuilder
from fungrad.compiler.kernel_writer import KernelWriter
from fungrad.compiler.scalar import INDEX, Builder, Scalar, call, constant, topological_order
from fungrad.compiler.statements import Let, Loop, Return, Store, load
from fungrad.core.primitive import Reduction
from fungrad.core.program import Literal

_build = Builder()


@dataclass
class _Axis:
    """A loop: the axes of the domain that it walks through, and its extent."""

    members: tuple
    value: int
    symbol: Scalar = None
    extent: Scalar = None


@dataclass
class _Root:
    """What a kernel computes: a value to store, or to combine along axes."""

    equation: object
    value: Scalar
    view: object
    form: Affine = None  # where it is stored

    @property
    def reduction(self):
        primitive = self.equation.primitive
        return primitive if isinstance(primitive, Reduction) else None

    def reduces(self, axis):
        """Whether an axis of the domain is combined."""
        return self.reduction is not None and axis in self.reduction.axes


class LoopNest:
    """The kernel of a group over a part of its domain: `write()` returns its `KernelWriter`.

    `part` is a (start, stop) pair per axis.
    """

    def __init__(self, group, lowering, part):
        self.group = group
        self.lowering = lowering
        self.part = part
        self.shape = tuple([stop - start for start, stop in part])
        self.writer = KernelWriter(_hint(group))
        self.build = IndexBuilder()
        self.symbols = [self.build.index(f"axis{k}", n) for k, n in enumerate(self.shape)]
        self.index = tuple(
            [
                symbol + self.build.constant(start, INDEX)
                for symbol, (start, _) in zip(self.symbols, part, strict=True)
            ]
        )
        self.made = {
            e.outputs[0] for e in group.equations if not isinstance(e.primitive, Reduction)
        }
        self.elements = {}
        self.loads = {}  # (buffer, form) -> symbol
        self.sources = {}  # symbol -> (buffer, form, dtype)

        self.roots = self._roots()

    def halves(self):
        """Two parts in which a comparison of an index has one result each, or None.

        So padding and concatenation become loops without a choice in them.
        """
        if any(r.reduction is not None for r in self.roots):
            return None
        for a, symbol in enumerate(self.symbols):
            breaks = self.build.breaks.get(symbol)
            if breaks and self.shape[a] > LITERAL:
                start, stop = self.part[a]
                middle = start + min(breaks)
                before, after = self.part[:a], self.part[a + 1 :]
                return [
                    (*before, (start, middle), *after),
                    (*before, (middle, stop), *after),
                ]
        return None

    def write(self):
        """Build the whole kernel."""
        roots = self.roots
        self._place_axes(roots)
        values = [self._final(r.value) for r in roots]
        checks = [(self._final(c), p) for c, p in self.build.checks.items()]
        _Nest(self, roots, values, checks).write()
        return self.writer

    # ---- elements

    def _roots(self):
        position = self.lowering.schedule.position
        maker = self.lowering.schedule.maker
        at_index = [v for v in self.group.inlined & self.group.at_index]
        for v in sorted(at_index, key=lambda v: position[maker[v]]):
            if v.type.shape == self.group.domain:
                self.element(v, self.index)
        roots = []
        for equation in self.group.equations:
            v = equation.outputs[0]
            view = self.lowering.output_view(v)
            if isinstance(equation.primitive, Reduction):
                value = self.element(equation.inputs[0], self.index)
                kept = [i for a, i in enumerate(self.index) if a not in equation.primitive.axes]
                root = _Root(equation, value, view)
            else:
                kept = self.index
                root = _Root(equation, self.element(v, self.index), view)
            root.form = self.build.position(kept, view.strides)
            roots.append(root)
        return roots

    def element(self, v, index):
        """The scalar expression of one element of a variable."""
        if type(v) is Literal:
            return self.writer.scalar(self.lowering.literal(v))
        key = v, index
        if key not in self.elements:
            self.elements[key] = self._element(v, index)
        return self.elements[key]

    def _element(self, v, index):
        is_own = v in self.made and index == self.index
        if v in self.lowering.schedule.stored and not is_own:
            scalar = self.lowering.local_scalar(v, index)
            if scalar is not None:
                return self.writer.scalar(scalar)
            view = self.lowering.view(v)
            form = self.build.position(index, view.strides)
            return self._load(view.buffer, form + Affine(view.offset, ()), v.type.dtype)
        equation = self.lowering.schedule.maker[v]
        return self.build.element(
            equation, index, lambda i, at: self.element(equation.inputs[i], tuple(at))
        )

    def _load(self, buffer, form, dtype):
        key = buffer, form
        if key not in self.loads:
            symbol = self.build.symbol(f"load{len(self.loads)}", dtype)
            self.loads[key] = symbol
            self.sources[symbol] = (buffer, form, dtype)
        return self.loads[key]

    # ---- axes

    def _place_axes(self, roots):
        """Choose the loops: axes of extent 1 vanish, gapless neighbours become one."""
        forms = [form for _, form, _ in self.sources.values()] + [r.form for r in roots]
        pinned = self._pinned(roots)
        axes = []
        for a, n in enumerate(self.shape):
            if n == 1:
                continue
            if axes and self._joins(axes[-1], a, n, forms, pinned, roots):
                axes[-1] = _Axis((*axes[-1].members, a), axes[-1].value * n)
            else:
                axes.append(_Axis((a,), n))
        for number, axis in enumerate(axes):
            axis.extent = self.writer.integer(axis.value)
            axis.symbol = self.build.symbol(f"i{number}", INDEX)
        self.axes = axes
        self.final = {}
        for axis in axes:
            if len(axis.members) == 1:
                self.final[self.symbols[axis.members[0]]] = axis.symbol
        self.strides = self._domain_strides()

    def _pinned(self, roots):
        """Loop indices that stand in values or in places that are not linear."""
        atoms = [a for _, f, _ in self.sources.values() for a, _ in f.terms if a.operands]
        atoms += [r.value for r in roots] + list(self.build.checks)
        return {x for x in topological_order(atoms) if x in self.build.extents}

    def _joins(self, axis, a, n, forms, pinned, roots):
        last, here = self.symbols[axis.members[-1]], self.symbols[a]
        if last in pinned or here in pinned:
            return False
        if any(r.reduces(axis.members[-1]) != r.reduces(a) for r in roots):
            return False
        return all(f.coefficients.get(last, 0) == f.coefficients.get(here, 0) * n for f in forms)

    def _domain_strides(self):
        """The product of the extents inside each loop, as (value, expression)."""
        strides, value, expression = {}, 1, constant(1, INDEX)
        for axis in reversed(self.axes):
            strides[axis.symbol] = value, expression
            value, expression = value * axis.value, axis.extent * expression
        return strides

    # ---- expressions with loads and parameters in place

    def _final(self, root):
        """The expression with loads in place of their symbols, sizes in place of theirs."""
        stack = [root]
        while stack:
            node = stack[-1]
            if node in self.final:
                stack.pop()
                continue
            missing = [x for x in self._operands(node) if x not in self.final]
            if missing:
                stack.extend(missing)
                continue
            stack.pop()
            self.final[node] = self._finished(node)
        return self.final[root]

    def _operands(self, node):
        if node in self.sources:
            return [a for a, _ in self.sources[node][1].terms if self._is_atom(a)]
        return node.operands

    def _is_atom(self, a):
        return a not in self.build.extents

    def _finished(self, node):
        if node in self.sources:
            buffer, form, dtype = self.sources[node]
            pointer = self.writer.pointer(buffer, form.offset)
            return load(pointer, self.place(form), dtype)
        if node in self.build.sizes:
            return self.writer.integer(self.build.sizes[node])
        if not node.operands:
            return node
        operands = tuple([self.final[x] for x in node.operands])
        return call(node.op, node.dtype, *operands, attribute=node.attribute)

    def place(self, form):
        """The index, without its offset, of a linear form over the domain."""
        coefficients = form.coefficients
        total = constant(0, INDEX)
        for axis in self.axes:
            c = coefficients.pop(self.symbols[axis.members[-1]], 0)
            if c:
                total = total + axis.symbol * self._stride(axis, c)
        for atom, c in coefficients.items():
            if self._is_atom(atom):
                total = total + self.final[atom] * self.writer.integer(c)
        return total

    def _stride(self, axis, value):
        known, expression = self.strides[axis.symbol]
        return expression if value == known else self.writer.integer(value)


_MOST_PARTS = 12


def nests(group, lowering):
    """The loop nests that make up the kernel calls of a group: one, or one per part."""
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


class _Nest:
    """Writes the loops around final expressions, each as far out as it can stand."""

    def __init__(self, nest, roots, values, checks):
        self.nest, self.writer, self.axes = nest, nest.writer, nest.axes
        self.roots, self.values, self.checks = roots, values, checks
        self.places = [nest.place(r.form) for r in roots]
        self.pointers = [
            self.writer.pointer(r.view.buffer, r.view.offset + r.form.offset, is_written=True)
            for r in roots
        ]
        self.depth = {}
        order = topological_order([*values, *self.places, *[c for c, _ in checks]])
        level = {axis.symbol: number + 1 for number, axis in enumerate(self.axes)}
        for node in order:
            inner = [self.depth[x] for x in node.operands]
            self.depth[node] = level.get(node, max(inner, default=0))
        self.order = order
        self.named = self._named_nodes()
        self.accumulators = {}

    def _named_nodes(self):
        """What gets a name: what an inner loop reads, the values of equations, and what is read
        through a pointer that is also written, before that happens."""
        named = {}
        for node in self.order:
            if node.op == "load" and node.attribute in self.pointers:
                named[node] = ""
            for x in node.operands:
                if self.depth[x] < self.depth[node] and x.operands:
                    named.setdefault(x, "")
        for (v, index), element in self.nest.elements.items():
            final = self.nest.final.get(element)
            if index == self.nest.index and final is not None and final.operands:
                if v in self.nest.lowering.schedule.maker and final.op != "load":
                    named[final] = named.get(final) or self.nest.lowering.remark(v)
        return named

    def write(self):
        for number, root in enumerate(self.roots):
            if self._suffix(root) is not None and self._outer_reduced(root):
                self._write_identity(number, root)
        if self.checks:
            self.failed = self.writer.variable(constant(0, INDEX), "failed")
        self._level(0)
        if self.checks:
            self.writer.write(Return(self.failed.symbol))

    def _level(self, depth):
        for node in self.order:
            if self.depth[node] == depth and node in self.named:
                self.writer.write(Let(self.writer.fresh("t"), node, self.named[node]))
        if depth == len(self.axes):
            self._innermost()
            return
        starting = [n for n, r in enumerate(self.roots) if self._suffix(r) == depth]
        for n in starting:
            self._start(n)
        axis = self.axes[depth]
        loop = Loop(axis.symbol.attribute, axis.extent)
        self.writer.write(loop)
        with self.writer.block(loop.body):
            self._level(depth + 1)
        for n in starting:
            self._finish(n)

    def _innermost(self):
        for condition, primitive in self.checks:
            self.writer.errors.append(primitive)
            code = constant(len(self.writer.errors), INDEX)
            self.failed.set(_build.select(condition, self.failed.symbol, code))
        for n, root in enumerate(self.roots):
            if n in self.accumulators:
                variable = self.accumulators[n]
                value = _build.cast(self.values[n], variable.dtype)
                variable.set(combined(root.reduction, variable.symbol, value))
            elif root.reduction is not None and self._suffix(root) is not None:
                self._combine_stored(n, self.values[n])
            else:
                self._store(n, self.values[n])

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
        identity = constant(root.reduction.identity(root.value.dtype), dtype)
        self.accumulators[n] = self.writer.variable(identity, "total")

    def _finish(self, n):
        root, variable = self.roots[n], self.accumulators[n]
        value = _build.cast(variable.symbol, root.value.dtype)
        if self._outer_reduced(root):
            self._combine_stored(n, value)
        else:
            self._store(n, value)

    def _combine_stored(self, n, value):
        root = self.roots[n]
        before = load(self.pointers[n], self.places[n], value.dtype)
        self._store(n, combined(root.reduction, before, value))

    def _store(self, n, value):
        remark = self.nest.lowering.remark(self.roots[n].equation.outputs[0])
        self.writer.write(Store(self.pointers[n], self.places[n], value, remark))

    def _write_identity(self, n, root):
        """Fill what a reduction accumulates into, before the loops."""
        loops = [axis for axis in self.axes if not root.reduces(axis.members[0])]
        body = self.writer.body
        for axis in loops:
            body.append(Loop(axis.symbol.attribute, axis.extent))
            body = body[-1].body
        identity = constant(root.reduction.identity(root.value.dtype), root.value.dtype)
        body.append(Store(self.pointers[n], self.places[n], identity))


def combined(reduction, x, y):
    """Two partial results of a reduction combined; sums may be reordered."""
    word = "fast_add" if reduction.combine == "add" and x.dtype.kind != "c" else reduction.combine
    return call(word, x.dtype, x, y)


def accumulator_dtype(reduction, dtype):
    """float64 for sums of float32, else the dtype itself."""
    if reduction.combine == "add" and dtype == np.float32:
        return np.dtype(np.float64)
    return dtype


def _hint(group):
    """A short name that says what the kernel computes last."""
    words = []
    for equation in group.equations:
        word = equation.primitive.name
        if word not in words:
            words.append(word)
    return "_".join(words[:3]) + "_kernel"
