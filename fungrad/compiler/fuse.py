"""Fusion: which equations share a loop nest, and in which order everything runs.

A value is *stored* when it gets memory of its own or local variables; all else is computed where
it is read. Stored are: inputs and outputs of the program, scalars, what routines read and write,
results of reductions, and what would be expensive to compute twice.

A *group* is a set of stored pointwise values and reductions over one domain: it becomes one
kernel. A group may hold a value and a reader of it at the same index, and siblings that read a
common array at the same index; no group may need, through other steps, what it makes itself.
"""

from dataclasses import dataclass, field
from heapq import heappop, heappush

from fungrad.compiler.views import reading, source_of
from fungrad.core.primitive import Pointwise, Reduction
from fungrad.core.program import Literal, Variable, derived

#: The largest array that becomes local variables, one per element.
MOST_LOCALS = 16

_EXPENSIVE = 20  # one elementary function; see views.cost_of
_WORTH_STORING = 8  # what is computed again for every repetition of a broadcast value
_MOST_EQUATIONS = 120  # in one kernel: compile time grows faster than its size
_MOST_ROOTS = 12
_MOST_STATEMENTS = 800  # of scalars in a loop body
_MOST_UNROLLED = 64  # elements of a reduction that is written out
_MOST_LEAVES = 4  # arrays that are read again where a shared value is computed twice


@dataclass(eq=False)
class Group:
    """Pointwise equations and reductions that one loop nest over `domain` computes."""

    domain: tuple
    equations: list = field(default_factory=list)
    at_index: set = field(default_factory=set)  # variables at the loop's own index
    inlined: set = field(default_factory=set)  # variables computed inside, at any index
    reads: dict = field(default_factory=dict)  # stored variables, in order
    elsewhere: set = field(default_factory=set)  # those that are read at another index

    @property
    def outputs(self):
        """The variables that the group stores."""
        return tuple([v for e in self.equations for v in e.outputs])


@dataclass(eq=False)
class Single:
    """One equation by itself: a routine, or scalar statements."""

    equation: object
    is_local: bool  # its output becomes local variables
    reads: dict  # stored variables, in order
    elsewhere: set  # those that the routine does not begin with

    @property
    def outputs(self):
        """The variables that the equation makes."""
        return self.equation.outputs


@dataclass(frozen=True, eq=False)
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
def fitting_locals(program):
    """The largest arrays of a loop body that become local variables.

    Every element is a statement, so it is less than `MOST_LOCALS` where that makes too many.
    """
    sizes = [getattr(v.type, "size", 0) for e in program.equations for v in e.outputs]
    for most in (MOST_LOCALS, 9, 4, 1):
        if sum(n for n in sizes if n <= most) <= _MOST_STATEMENTS:
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

    def schedule(self):
        for equation in self.program.equations:
            self._decide_local(equation)
        self.stored.update(v for v in self.program.outputs if type(v) is Variable)
        for equation in self.program.equations:
            self._store_operands(equation)
        for _ in range(4):
            steps, shared = self._grouped()
            if not shared:
                break
            self.stored |= shared
            self.costs.clear()
        return Schedule(tuple(steps), frozenset(self.stored), self.maker, self.position)

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
        uses = _Uses()
        self._follow(operand, True, uses)
        return uses.stored.keys() <= self.local

    def _store_operands(self, equation):
        """Store those operands that this equation should not compute while it reads them."""
        primitive = equation.primitive
        if isinstance(primitive, Reduction):
            self._limit_size(equation)
            return
        if not isinstance(primitive, Pointwise):
            for v in equation.inputs:
                if not self.is_stored(v) and source_of(v, self.is_stored, self.maker) is None:
                    self.stored.add(v)
            return
        for read in reading(equation).reads:
            v = equation.inputs[read.input]
            if not self.is_stored(v) and self._is_worth_storing(equation, v, read):
                self.stored.add(v)
            if read.is_guarded and self.cost(v) >= _EXPENSIVE:
                self.stored.add(equation.outputs[0])  # so that its loop is split at the guards
        self._limit_size(equation)

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
        if len(closure) > _MOST_EQUATIONS:
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

    def _grouped(self):
        """The steps in order, and the values that should be stored since two groups share them."""
        graph = _Graph()
        for equation in self.program.equations:
            if equation.outputs and not set(equation.outputs) & self.stored:
                continue
            is_local = bool(equation.outputs) and set(equation.outputs) <= self.local
            is_alone = not isinstance(equation.primitive, Pointwise | Reduction)
            if is_local or is_alone:
                uses = _Uses()
                begins = getattr(equation.primitive, "begins_with", {}).values()
                for number, v in enumerate(equation.inputs):
                    self._follow(v, number in begins and v in self.stored, uses)
                step = Single(equation, is_local, uses.stored, uses.elsewhere)
                graph.add(step, uses.stored, equation.outputs)
            else:
                self._place(equation, graph)
        return graph.ordered(), self._shared(graph)

    def _uses_of(self, equation):
        """What a kernel of this equation reads and computes."""
        uses = _Uses()
        if isinstance(equation.primitive, Reduction):
            self._follow(equation.inputs[0], True, uses)
            return uses
        for read in reading(equation).reads:
            self._follow(equation.inputs[read.input], read.is_identity, uses)
        return uses

    def _follow(self, v, at_index, uses):
        stack = [(v, at_index)]
        while stack:
            v, at_index = stack.pop()
            if type(v) is Literal or (v, at_index) in uses.seen:
                continue
            uses.seen.add((v, at_index))
            if at_index:
                uses.at_index.add(v)
            if v in self.stored:
                uses.stored[v] = None
                if not at_index:
                    uses.elsewhere.add(v)
                continue
            uses.inlined.add(v)
            equation = self.maker[v]
            for read in reversed(reading(equation).reads):
                inner = equation.inputs[read.input]
                stack.append((inner, at_index and read.is_identity))

    def _place(self, equation, graph):
        """Put the equation into a group that it fits, or a new one."""
        uses = self._uses_of(equation)
        operand = equation.inputs[0] if isinstance(equation.primitive, Reduction) else None
        domain = (operand or equation.outputs[0]).type.shape
        for group in reversed(graph.groups):
            if self._fits(equation, domain, uses, group, graph):
                break
        else:
            group = Group(domain)
            graph.add(group, (), ())
        group.equations.append(equation)
        group.at_index |= uses.at_index
        group.inlined |= uses.inlined
        group.reads.update(uses.stored)
        group.elsewhere |= uses.elsewhere
        if operand is None:
            group.at_index.add(equation.outputs[0])
        graph.extend(group, uses.stored, equation.outputs)

    def _fits(self, equation, domain, uses, group, graph):
        if group.domain != domain or len(group.equations) >= _MOST_ROOTS:
            return False
        arrays = {v for v in uses.at_index if v.type.shape}
        made = {v for e in group.equations for v in e.outputs}
        if not arrays & group.at_index or made & uses.elsewhere:
            return False
        if len(group.inlined | uses.inlined) > _MOST_EQUATIONS:
            return False
        sums = {e.outputs[0] for e in group.equations if isinstance(e.primitive, Reduction)}
        return not sums & uses.stored.keys() and graph.may_need(group, uses.stored.keys() - made)

    def _shared(self, graph):
        """Values that several groups compute, although that is expensive: the last of each."""
        groups = {}
        for group in graph.groups:
            for v in group.inlined:
                groups.setdefault(v, set()).add(group)
        shared = {v for v, g in groups.items() if len(g) > 1 and self._is_costly(v)}
        return shared - self._inside(shared, groups)

    def _is_costly(self, v):
        if self.cost(v) >= _EXPENSIVE:
            return True
        uses = _Uses()
        self._follow(v, False, uses)
        return sum(u.type.size >= v.type.size for u in uses.stored) >= _MOST_LEAVES

    def _inside(self, shared, groups):
        """Those that are read only for another shared value of the same groups."""
        inner = set()
        for v in shared:
            for u in self.maker[v].inputs:
                if u in shared and groups[u] <= groups[v]:
                    inner.add(u)
        return inner


class _Uses:
    """What a kernel reads: `stored` of it `elsewhere` than at the loop's index; `inlined`."""

    def __init__(self):
        self.stored = {}  # in the order in which they are met
        self.at_index, self.elsewhere = set(), set()
        self.inlined, self.seen = set(), set()


class _Graph:
    """Steps and which of them need which; sets of steps are the bits of integers."""

    def __init__(self):
        self.steps = []
        self.groups = []
        self.number = {}
        self.needs = []  # directly
        self.before = []  # also through other steps
        self.made_in = {}

    def add(self, step, uses, outputs):
        self.number[step] = len(self.steps)
        self.steps.append(step)
        self.needs.append(0)
        self.before.append(0)
        if isinstance(step, Group):
            self.groups.append(step)
        self.extend(step, uses, outputs)

    def extend(self, step, uses, outputs):
        """Let the step need more, and make more."""
        number = self.number[step]
        direct = self._steps_of(uses) & ~(1 << number)
        self.needs[number] |= direct
        new = self._closed(direct) & ~self.before[number]
        if new:
            self.before[number] |= new
            for later in range(len(self.steps)):
                if self.before[later] >> number & 1:
                    self.before[later] |= self.before[number]
        self.made_in.update(dict.fromkeys(outputs, number))

    def may_need(self, step, uses):
        """Whether no step that makes one of `uses` needs the step itself."""
        number = self.number[step]
        return not any(
            self.before[n] >> number & 1 for n in _bits(self._steps_of(uses) & ~(1 << number))
        )

    def _steps_of(self, uses):
        found = 0
        for v in uses:
            if v in self.made_in:
                found |= 1 << self.made_in[v]
        return found

    def _closed(self, steps):
        result = steps
        for n in _bits(steps):
            result |= self.before[n]
        return result

    def ordered(self):
        """The steps, each after those that it needs, otherwise as they were added."""
        readers = [[] for _ in self.steps]
        missing = [needs.bit_count() for needs in self.needs]
        for number, needs in enumerate(self.needs):
            for n in _bits(needs):
                readers[n].append(number)
        ready = [number for number, count in enumerate(missing) if not count]
        order = []
        while ready:
            number = heappop(ready)
            order.append(self.steps[number])
            for reader in readers[number]:
                missing[reader] -= 1
                if not missing[reader]:
                    heappush(ready, reader)
        assert len(order) == len(self.steps), "groups need each other"
        return order


def _bits(number):
    while number:
        low = number & -number
        yield low.bit_length() - 1
        number ^= low
