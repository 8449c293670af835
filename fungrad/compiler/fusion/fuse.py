"""Fusion: which equations share a loop nest, and in which order everything runs.

A value is *stored* when it gets memory of its own or local variables; all else is computed where
it is read. Stored are: inputs and outputs of the program, scalars, what routines read and write,
results of reductions, and what would be expensive to compute twice.

Stored values that one loop nest can compute together form a group (see `groups`).
"""

from fungrad.compiler.fusion.groups import (
    MOST_EQUATIONS,
    Placing,
    Single,
    StepGraph,
    new_allies,
)
from fungrad.compiler.fusion.rows import join_rows
from fungrad.compiler.fusion.uses import Uses, filling, has_room_for_parts, lands, long_axes
from fungrad.compiler.language.views import reading, source_of
from fungrad.core.primitive import Pointwise, Reduction
from fungrad.core.program import Literal, Variable, derived
from fungrad.core.record import record

#: The largest array that becomes local variables, one per element.
MOST_LOCALS = 16

_EXPENSIVE = 20  # one elementary function; see views.cost_of
_WORTH_STORING = 8  # what is computed again for every repetition of a broadcast value
_MOST_ROUNDS = 5  # of grouping, each with what the one before has found out
_MOST_UNROLLED = 64  # elements of a reduction that is written out
_SHORT = 2000  # elements that are not worth two threads, whatever they cost
_MOST_LEAVES = 4  # arrays that are read again where a shared value is computed twice


@record(frozen=True, eq=False)
class Schedule:
    """The steps of a program in their order, and the variables that are stored."""

    steps: tuple
    stored: frozenset
    maker: dict
    position: dict  # of each equation in the program


@derived
def fuse(program, most_locals):
    """The schedule of a program; arrays of up to `most_locals` elements become local variables."""
    return _Fusion(program, most_locals).schedule()


@derived
def fitting_locals(program, is_in_loop=True):
    """The largest arrays of a program that become local variables.

    Every element is a statement, so it is less than `MOST_LOCALS` where that makes too many. In a
    loop scalars save a call per turn; outside, they save a small kernel that has to be compiled.
    """
    sizes = [getattr(v.type, "size", 0) for e in program.equations for v in e.outputs]
    candidates, most_statements = ((MOST_LOCALS, 9, 4, 1), 1000) if is_in_loop else ((4, 1), 60)
    for most in candidates:
        if sum(n for n in sizes if n <= most) <= most_statements:
            return most
    return 0


class _Fusion:
    def __init__(self, program, most_locals):
        self.program = program
        self.most_locals = most_locals
        self.maker = {v: e for e in program.equations for v in e.outputs}
        self.position = {e: i for i, e in enumerate(program.equations)}
        self.stored = set(program.inputs)
        self.local = {v for v in program.inputs if self.has_local_size(v)}
        self.costs = {}
        self.closures = {}
        self.seen = set()  # what some equation reads
        self.far = {}  # whether one reads it at another index than its own
        self.landing = set()  # the equations whose updates are computed where they are written

    def schedule(self):
        for equation in self.program.equations:
            self._decide_local(equation)
        self.stored.update(v for v in self.program.outputs if type(v) is Variable)
        for equation in self.program.equations:
            self._store_operands(equation)
        allies = {}
        for _ in range(_MOST_ROUNDS):
            graph, shared, found = self._grouped(allies)
            if not shared and found.keys() <= allies.keys():
                break
            self.stored |= shared
            allies = found | allies
            self.costs.clear()
        else:
            graph, _, _ = self._grouped(allies)
        self.stored -= join_rows(graph, self.maker, self.stored, set(self.program.outputs))
        return Schedule(tuple(graph.ordered()), frozenset(self.stored), self.maker, self.position)

    def has_local_size(self, v):
        """Whether the value is a scalar, or an array to be exploded into scalars."""
        size = getattr(v.type, "size", None)  # a stack has none
        return size is not None and (not v.type.shape or size <= self.most_locals)

    def is_stored(self, v):
        return v in self.stored or type(v) is Literal

    # ---- what is stored

    def _decide_local(self, equation):
        """Scalars and exploded arrays are local variables; routines and reductions are stored."""
        small = all(map(self.has_local_size, equation.outputs))
        if isinstance(equation.primitive, Pointwise):
            if small:
                self.local.update(equation.outputs)
                self.stored.update(equation.outputs)
            return
        self.stored.update(equation.outputs)
        if small and isinstance(equation.primitive, Reduction) and self.is_unrolled(equation):
            self.local.update(equation.outputs)

    def is_unrolled(self, equation):
        """Whether a reduction of few scalars is written out as scalar statements."""
        (operand,) = equation.inputs
        if operand.type.size > _MOST_UNROLLED or not self.most_locals:
            return False
        uses = Uses(())
        uses.follow(operand, None, self.maker, self.stored)
        return uses.stored.keys() <= self.local

    def _store_operands(self, equation):
        """Store those operands that this equation should not compute while it reads them."""
        primitive = equation.primitive
        if isinstance(primitive, Reduction):
            self._limit_size(equation)
            return
        if self._lands(equation):
            self.landing.add(equation)
            self._store_begin(equation)
            self._limit_size(equation)
            return
        if not isinstance(primitive, Pointwise):
            in_order = self._read_in_order(equation)
            for number, v in enumerate(equation.inputs):
                if self.is_stored(v) or (number in in_order and self.cost(v) < _EXPENSIVE):
                    continue
                if source_of(v, self.is_stored, self.maker) is None:
                    self.stored.add(v)
            return
        for read in reading(equation).reads:
            v = equation.inputs[read.input]
            if not self.is_stored(v) and self._is_worth_storing(equation, v, read):
                self.stored.add(v)
            if read.is_guarded and self.cost(v) >= _EXPENSIVE:
                self.stored.add(equation.outputs[0])  # so that its loop is split at the guards
        self._limit_size(equation)

    def _read_in_order(self, equation):
        """The numbers of the operands that a routine can compute where it reads them.

        What an output begins with is better made in its memory, unless it is a constant.
        """
        primitive = equation.primitive
        if not hasattr(primitive, "reads_in_order"):
            return ()
        found = primitive.reads_in_order(*[v.type for v in equation.inputs])
        begins = getattr(primitive, "begins_with", {}).values()
        may_fail = getattr(primitive, "may_fail", False)
        return [n for n in found if self._may_wait(equation.inputs[n], n in begins, may_fail)]

    def _may_wait(self, v, is_beginning, may_fail):
        """Whether an operand that is not stored can be computed by a routine that reads it.

        Not what is read across rows, for which loops have tiles.
        """
        uses = Uses(v.type.shape)
        uses.follow(v, uses.own, self.maker, self.stored)
        if is_beginning and uses.stored:
            return False
        made_by = [self.maker[u].primitive for u in uses.inlined if u in self.maker]
        if not may_fail and any(getattr(p, "may_fail", False) for p in made_by):
            return False
        found = [long_axes(axes) for each in uses.stored.values() for axes in each if axes]
        return all(axes == tuple(sorted(axes)) for axes in found)

    def _lands(self, equation):
        """Whether the updates that an equation writes are computed by a loop nest, and cheaply.

        What is expensive is worth two threads, if it is much; each may have all that is written to.
        """
        if not lands(equation) or not equation.primitive.lands_rows:
            return False
        if self._read_in_order(equation):
            return False  # a routine computes its updates
        _, updates, *indices = equation.inputs
        if not self._is_computed(updates):
            return False
        if any(not self.is_stored(i) and self.cost(i) >= _EXPENSIVE for i in indices):
            return False
        if self._own_cost(updates) < _EXPENSIVE or has_room_for_parts(equation):
            return True
        return updates.type.size <= _SHORT

    def _is_computed(self, v):
        """Whether a loop nest computes a value, rather than find it in memory."""
        made = self.maker.get(v)
        if v in self.stored:
            is_kernel = made is not None and isinstance(made.primitive, Pointwise | Reduction)
            return is_kernel and v not in self.local
        return made is not None and source_of(v, self.is_stored, self.maker) is None

    def _own_cost(self, v):
        """What an element of a value costs, also of a stored one."""
        made = self.maker[v]
        own = reading(made).cost if isinstance(made.primitive, Pointwise) else 1
        return own + sum(self.cost(u) for u in made.inputs if type(u) is Variable)

    def _store_begin(self, equation):
        """Store what the output begins as, unless that is a view, or one scalar again and again."""
        begin = equation.inputs[0]
        if self.is_stored(begin) or filling(begin, self.maker) is not None:
            return
        if source_of(begin, self.is_stored, self.maker) is None:
            self.stored.add(begin)

    def _is_worth_storing(self, equation, v, read):
        """Whether computing `v` where this read is would cost more than a look into memory."""
        cost = self.cost(v)
        far = self.far.get(v, False)
        self.far[v] = far or not read.is_identity
        if v in self.seen and self.far[v] and cost >= _EXPENSIVE:
            return True  # it is read at two places
        self.seen.add(v)
        if read.is_identity:
            return False
        if read.is_dynamic:
            return read.repeats and cost > 0
        if not read.is_affine:
            return source_of(equation.outputs[0], self.is_stored, self.maker) is None
        return read.repeats and cost >= _WORTH_STORING

    def _limit_size(self, equation):
        """Store the largest operand of a kernel that would become too large."""
        inner = [v for v in equation.inputs if type(v) is Variable and v not in self.stored]
        closure = {equation.outputs[0]}.union(*[self.closures[v] for v in inner])
        if len(closure) > MOST_EQUATIONS:
            self.stored.update(inner)
            closure = {equation.outputs[0]}
        self.closures[equation.outputs[0]] = closure

    def cost(self, v):
        """What an element of `v` costs where it is computed from what is stored."""
        if self.is_stored(v):
            return 0
        if v not in self.costs:
            equation = self.maker[v]
            found = reading(equation)
            inner = sum(self.cost(equation.inputs[r.input]) for r in found.reads)
            self.costs[v] = min(found.cost + inner, 10_000)
        return self.costs[v]

    # ---- groups

    def _grouped(self, allies):
        """The steps, values to be stored since two loops share them, and new allies."""
        graph = StepGraph()
        placing = Placing(graph, self.maker, self.stored, allies)
        for equation in self.program.equations:
            if equation.outputs and not set(equation.outputs) & self.stored:
                continue
            is_local = bool(equation.outputs) and set(equation.outputs) <= self.local
            is_alone = not isinstance(equation.primitive, Pointwise | Reduction)
            if is_local or (is_alone and equation not in self.landing):
                step = self._single(equation, is_local)
                graph.add(step, step.reads, equation.outputs)
            else:
                placing.place(equation)
        return graph, self._shared(graph), new_allies(graph.groups)

    def _single(self, equation, is_local):
        begins = getattr(equation.primitive, "begins_with", {}).values()
        reads, elsewhere = {}, set()
        for number, v in enumerate(equation.inputs):
            uses = Uses(())
            uses.follow(v, None, self.maker, self.stored)
            reads.update(dict.fromkeys(uses.stored))
            if number not in begins or v not in self.stored:
                elsewhere.update(uses.stored)
        return Single(equation, is_local, reads, elsewhere)

    def _shared(self, graph):
        """Values that several loops compute, although that is expensive: the last of each."""
        loops = {}
        for group in graph.groups:
            for v, phases in group.inlined.items():
                loops.setdefault(v, set()).update((group, phase) for phase in phases)
        shared = {v for v, found in loops.items() if len(found) > 1 and self._is_costly(v)}
        return shared - self._inside(shared, loops)

    def _is_costly(self, v):
        if self.cost(v) >= _EXPENSIVE:
            return True
        uses = Uses(())
        uses.follow(v, None, self.maker, self.stored)
        return sum(u.type.size >= v.type.size for u in uses.stored) >= _MOST_LEAVES

    def _inside(self, shared, loops):
        """Those that are read only for another shared value of the same loops."""
        inner = set()
        for v in shared:
            for u in self.maker[v].inputs:
                if u in shared and loops[u] <= loops[v]:
                    inner.add(u)
        return inner
