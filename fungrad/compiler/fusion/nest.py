"""The loop nest of a group: loops, and the values computed in them as scalar expressions.

No size above `index.LITERAL` stands in an expression: extents and strides are parameters, and
adjacent axes that every access walks through without a gap are one loop. Equal structure gives
equal text, and equal text is compiled once.
"""

from fungrad.compiler.fusion.roots import Axis, Root
from fungrad.compiler.fusion.unrolled import (
    UnrolledBuilder,
    basis_element,
    something,
    unrolled_reduction,
    unrolled_roots,
)
from fungrad.compiler.fusion.uses import lands
from fungrad.compiler.language.index import Affine, IndexBuilder
from fungrad.compiler.language.kernel_writer import KernelWriter
from fungrad.compiler.language.literals import LITERAL
from fungrad.compiler.language.scalar import INDEX, call, constant
from fungrad.compiler.language.statements import load
from fungrad.core.primitive import Reduction
from fungrad.core.program import Literal
from fungrad.primitives.movement import ravel_index, unravel_index

_ROW = 64  # the largest place in a row, and length of one, that stands in the text


class LoopNest:
    """The loops of a group over a part of its domain, and what is computed in them.

    `part` is a (start, stop) pair per axis. After `finish`, the values of the `roots` and the
    `checks` are expressions that hold loads, loop indices and parameters of `writer`.
    """

    def __init__(self, group, lowering, part):
        self.group = group
        self.lowering = lowering
        self.part = part
        self.shape = tuple([stop - start for start, stop in part])
        self.writer = KernelWriter(_hint(group))
        self.build = UnrolledBuilder() if group.is_unrolled else IndexBuilder()
        self.symbols = [self.build.index(f"axis{k}", n) for k, n in enumerate(self.shape)]
        self.index = tuple(
            [
                symbol + self.build.constant(start, INDEX)
                for symbol, (start, _) in zip(self.symbols, part, strict=True)
            ]
        )
        self.elements = {}  # by phase, variable and index
        self.rows = {}  # the symbols of reductions that later phases read
        self.row_phases = {}  # of each symbol: the first phase that has it
        self.loads = {}  # (buffer, form) -> symbol
        self.sources = {}  # symbol -> (buffer, form, dtype)
        self.read_back = set()  # what a later phase reads from memory
        self.starts = {}  # of buffers with one pointer for all places: where that points to
        self.phase = 0
        self.roots = unrolled_roots(self) if group.is_unrolled else self._roots()

    def halves(self):
        """Two parts in which a comparison of an index has one result each, or None.

        So padding and concatenation become loops without a choice in them. What a reduction
        combines is in several parts only where that is the one loop, and no later phase waits for
        the result: rows are long loops each, and kernels for their ends take long to compile.
        """
        is_row = sum(n != 1 for n in self.group.domain) == 1 and not self.group.last_phase
        is_row = is_row and not self.group.is_unrolled
        for a, symbol in enumerate(self.symbols):
            if any((r.reduces(a) and not is_row) or r.is_landing for r in self.roots):
                continue
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

    def finish(self):
        """Choose the loops, and put loads and parameters into the expressions."""
        for root in self.roots:
            v = root.equation.outputs[0]
            if self.lowering.is_read_later(v) or v in self.read_back:
                root.view = self.lowering.output_view(v)
                root.form = self.build.position(root.at, root.view.strides)
                if self.group.is_unrolled:
                    self.starts.setdefault(root.view.buffer, root.view.offset)
        self._place_axes()
        for root in self.roots:
            root.value = self._final(root.value)
            if root.is_there is not None:
                root.is_there = self._final(root.is_there)
        self.checks = [(self._final(c), p) for c, p in self.build.checks.items()]

    def phases(self):
        """The numbers of the phases, up to the last one that has a root."""
        return range(max(root.phase for root in self.roots) + 1)

    def row_depth(self):
        """How many loops go over the rows; 0 where there is one phase."""
        if self.group.last_phase == 0:
            return 0
        return sum(axis.members[0] in self.group.row for axis in self.axes)

    # ---- elements

    def _roots(self):
        roots = []
        for phase in range(self.group.last_phase + 1):
            self.phase = phase
            self._compute_inlined()
            for equation, number in self.group.phases.items():
                if number == phase:
                    roots.append(self._root(equation))
        return roots

    def _compute_inlined(self):
        """Compute what the phase inlines, in the program's order: so that recursion stays flat."""
        schedule = self.lowering.schedule
        inlined = [
            v
            for v, phases in self.group.inlined.items()
            if self.phase in phases and v in self.group.at_index
        ]
        for v in sorted(inlined, key=lambda v: schedule.position[schedule.maker[v]]):
            if v.type.shape == self.group.domain:
                self.element(v, self.index)

    def _root(self, equation):
        if lands(equation):
            return self.landed(equation, self._own_index(equation.inputs[1].type.shape))
        v = equation.outputs[0]
        root = Root(equation, None, self.phase, equation in self.group.over_rows)
        if root.reduction is not None:
            root.value = self.element(equation.inputs[0], self.index)
            root.at = [i for a, i in enumerate(self.index) if a not in root.reduction.axes]
            root.goes_on = any(self.part[a][0] > 0 for a in root.reduction.axes)
            root.symbol = self.build.symbol(f"r{len(self.rows)}", v.type.dtype)
            self.rows[v] = root.symbol
            self.row_phases[root.symbol] = self.phase + 1
        else:
            root.at = self._row_index(v) if root.is_over_rows else self._own_index(v.type.shape)
            root.value = self.element(v, root.at)
        return root

    def landed(self, equation, index):
        """What an equation writes at an index of its updates, and where."""
        inputs = equation.inputs
        at, is_there = self.build.landing(
            equation, index, lambda i, at: self.element(inputs[i], tuple(at))
        )
        value = self.element(inputs[1], index)
        return Root(equation, value, self.phase, False, at, is_landing=True, is_there=is_there)

    def _own_index(self, shape):
        """The place of the loops as an index of an array with one element per turn."""
        if shape == self.group.domain:
            return self.index
        place = ravel_index(self.build, self.index, self.group.domain)
        return unravel_index(self.build, place, shape)

    def _row_index(self, v):
        """The index of a value over the rows."""
        rows = iter(self.group.row)
        zero = constant(0, INDEX)
        return tuple([zero if n == 1 else self.index[next(rows)] for n in v.type.shape])

    def element(self, v, index):
        """The scalar expression of one element of a variable."""
        if type(v) is Literal:
            return self.writer.scalar(self.lowering.literal(v))
        key = self.phase, v, index
        if key not in self.elements:
            self.elements[key] = self._element(v, index)
        return self.elements[key]

    def _element(self, v, index):
        if v in self.rows:
            return self.rows[v]
        maker = self.lowering.schedule.maker.get(v)
        if self.group.is_unrolled and getattr(maker and maker.primitive, "zeros_are_none", False):
            return basis_element(self, maker, index)
        number = self.group.phases.get(maker, self.phase + 1)
        is_own = number == self.phase or (number < self.phase and maker in self.group.over_rows)
        if v in self.lowering.schedule.stored and not is_own:
            return self._stored_element(v, index)
        if isinstance(maker.primitive, Reduction):
            return unrolled_reduction(self, maker, index)
        return self.build.element(
            maker, index, lambda i, at: self.element(maker.inputs[i], tuple(at))
        )

    def _stored_element(self, v, index):
        scalar = self.lowering.local_scalar(v, index)
        if scalar is not None:
            return self.writer.scalar(scalar)
        if v in self.group.outputs:  # of an earlier phase
            self.read_back.add(v)
            view = self.lowering.output_view(v)
        else:
            view = self.lowering.view(v)
        form = self.build.position(index, view.strides)
        if self.group.is_unrolled:
            self.starts.setdefault(view.buffer, view.offset)
        return self._load(view.buffer, form + Affine(view.offset, ()), v.type.dtype)

    def _load(self, buffer, form, dtype):
        key = buffer, form
        if key not in self.loads:
            symbol = self.build.symbol(f"load{len(self.loads)}", dtype)
            self.loads[key] = symbol
            self.sources[symbol] = (buffer, form, dtype)
        return self.loads[key]

    # ---- axes

    def _place_axes(self):
        """Choose the loops: axes of extent 1 vanish, gapless neighbours become one."""
        forms = [form for _, form, _ in self.sources.values()]
        forms += [r.form for r in self.roots if r.form is not None]
        pinned, self.linear = self._indices_in_values()
        forms += self.linear.values()
        axes = []
        for a, n in enumerate(self.shape):
            if n == 1:
                continue
            if axes and self._joins(axes[-1], a, n, forms, pinned):
                axes[-1] = Axis((*axes[-1].members, a), axes[-1].value * n)
            else:
                axes.append(Axis((a,), n))
        for number, axis in enumerate(axes):
            axis.extent = self.writer.integer(axis.value)
            axis.symbol = self.build.symbol(f"i{number}", INDEX)
        self.axes = axes
        self.final = {}
        for axis in axes:
            if len(axis.members) == 1:
                self.final[self.symbols[axis.members[0]]] = axis.symbol
        self.strides = self._domain_strides()
        self._combine_inside()

    def _combine_inside(self):
        """Let a short loop that reduces, around a long one that does not, stand inside of it.

        Written out there it combines in a register: y += a * x, for sixteen a, reads and writes y
        once. So a product of 16 x 128 takes 90 ns instead of 220.
        """
        if len(self.axes) != 2 or self.group.last_phase or self.group.is_unrolled:
            return
        outer, inner = self.axes
        reduced = [[r.reduces(axis.members[0]) for axis in self.axes] for r in self.roots]
        if any(each != [True, False] for each in reduced) or self.build.checks:
            return
        if outer.value <= LITERAL < inner.value:
            self.axes.reverse()

    def _indices_in_values(self):
        """Loop indices that stand alone in values or in places that are not linear; and what there
        is linear in several of them, as a position in all elements: such terms, with their forms.
        """
        pinned, linear, seen = set(), {}, set()
        forms = [f for _, f, _ in self.sources.values()]
        forms += [r.form for r in self.roots if r.form is not None]
        left = [a for f in forms for a, _ in f.terms if a.operands]
        left += [r.value for r in self.roots] + list(self.build.checks)
        left += [r.is_there for r in self.roots if r.is_there is not None]
        while left:
            node = left.pop()
            if node in seen:
                continue
            seen.add(node)
            if node in self.build.extents:
                pinned.add(node)
            elif self._is_linear(node):
                linear[node] = self.build.affine(node)
            else:
                left.extend(node.operands)
        return pinned, linear

    def _is_linear(self, node):
        if node.dtype != INDEX or node.op not in ("add", "subtract", "multiply"):
            return False
        terms = self.build.affine(node).terms
        return len(terms) > 1 and not any(self._is_atom(a) for a, _ in terms)

    def _joins(self, axis, a, n, forms, pinned):
        last, here = self.symbols[axis.members[-1]], self.symbols[a]
        if last in pinned or here in pinned or self._is_border(axis.members[-1], a):
            return False
        if any(r.reduces(axis.members[-1]) != r.reduces(a) for r in self.roots):
            return False
        return all(f.coefficients.get(last, 0) == f.coefficients.get(here, 0) * n for f in forms)

    def _is_border(self, last, a):
        """Whether the rows end between two axes."""
        if self.group.last_phase == 0:
            return False
        return (last in self.group.row) != (a in self.group.row)

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
        if node in self.linear:
            return ()
        if node in self.sources:
            return [a for a, _ in self.sources[node][1].terms if self._is_atom(a)]
        return node.operands

    def _is_atom(self, a):
        return a not in self.build.extents

    def _finished(self, node):
        if node in self.linear:
            form = self.linear[node]
            return self.place(form) + self.writer.integer(form.offset)
        if node in self.sources:
            buffer, form, dtype = self.sources[node]
            pointer, place = self.spot(buffer, form)
            return load(pointer, place, dtype)
        if node in self.build.sizes:
            return self.writer.integer(self.build.sizes[node])
        if not node.operands:
            return something(node)
        operands = tuple([self.final[x] for x in node.operands])
        return call(node.op, node.dtype, *operands, attribute=node.attribute)

    def spot(self, buffer, form, is_written=False):
        """The pointer and the index of a place in a buffer."""
        start = self.starts.get(buffer, form.offset)
        pointer = self.writer.pointer(buffer, start, is_written)
        return pointer, self.place(form) + self.integer(form.offset - start)

    def integer(self, value):
        """An integer in a place; where every element of a row has one of its own, in the text."""
        if self.group.is_unrolled and abs(value) <= _ROW:
            return constant(int(value), INDEX)
        return self.writer.integer(value)

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
                total = total + self._final(atom) * self.integer(c)
        return total

    def _stride(self, axis, value):
        known, expression = self.strides[axis.symbol]
        return expression if value == known else self.integer(value)


def _hint(group):
    """A short name that says what the kernel computes."""
    words = []
    for equation in group.equations:
        word = equation.primitive.name
        if word not in words:
            words.append(word)
    return "_".join(words[:3]) + "_kernel"
