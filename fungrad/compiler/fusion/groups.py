"""Groups of equations that become one kernel, and the order in which steps run.

A group has a domain, the index space of its loops. It holds values over the domain, reductions of
such values, and, phase after phase, what depends on these reductions: in a row-wise softmax the
loop over the rows holds a loop for the maxima (phase 0), one for the sums (phase 1) and one for
the quotients (phase 2). Reductions that are read in later phases all leave the same axes, the
*row* axes, which are the outer ones; values over the row axes alone are computed between phases.
"""

import math
from heapq import heappop, heappush

from fungrad.compiler.language.views import reading
from fungrad.core.primitive import Reduction
from fungrad.core.program import Literal
from fungrad.core.record import record

MOST_EQUATIONS = 120  # in one kernel: compile time grows faster than its size
_MOST_ROOTS = 24
_LARGE = 100_000  # elements: from here on one reduction to a scalar is work enough for two threads


@record(eq=False)
class Group:
    """Pointwise equations and reductions that one kernel computes, each in its phase.

    `row` are the axes that the reductions leave which later phases read; `over_rows` are the
    equations of which a value has the row axes only.
    """

    domain: tuple
    phases: dict = dict  # of each equation
    row: tuple | None = None
    over_rows: set = set
    at_index: set = set  # variables at the loop's own index
    inlined: dict = dict  # variables computed inside: the set of phases
    reads: dict = dict  # stored variables, in order
    elsewhere: set = set  # those that are read at another index

    @property
    def equations(self):
        """The equations whose values are stored or reduced."""
        return tuple(self.phases)

    @property
    def outputs(self):
        """The variables that the group makes."""
        return tuple([v for e in self.phases for v in e.outputs])

    @property
    def last_phase(self):
        """The number of the last phase."""
        return max(self.phases.values())


@record(eq=False)
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


def own_axes(shape):
    """The axes of a domain as its own values have them: None where there is one element."""
    return tuple([a if n != 1 else None for a, n in enumerate(shape)])


def long_axes(axes):
    """The axes without those of one element."""
    return tuple([a for a in axes if a is not None])


class Uses:
    """What an equation reads, and along which axes of its domain.

    `stored` maps stored variables to the set of axes along which they are read (None: elsewhere),
    `inlined` are the variables that are computed on the way.
    """

    def __init__(self, domain):
        self.own = own_axes(domain)
        self.domain = domain
        self.stored, self.inlined = {}, {}
        self.at_index, self.seen = set(), set()

    @property
    def elsewhere(self):
        """The stored variables that are read at another index than the loop's own."""
        return {v for v, found in self.stored.items() if any(not self._is_own(v, a) for a in found)}

    def _is_own(self, v, axes):
        return v.type.shape == self.domain and axes == self.own

    def follow(self, v, axes, maker, stored):
        """Note a read of `v`, and what is read to compute it, back to what is stored."""
        waiting = [(v, axes)]
        while waiting:
            v, axes = waiting.pop()
            if type(v) is Literal or (v, axes) in self.seen:
                continue
            self.seen.add((v, axes))
            if self._is_own(v, axes):
                self.at_index.add(v)
            if v in stored:
                self.stored.setdefault(v, set()).add(axes)
                continue
            self.inlined[v] = None
            equation = maker[v]
            for read in reversed(reading(equation).reads):
                waiting.append((equation.inputs[read.input], _composed(axes, read.axes)))


def _composed(axes, chosen):
    if axes is None or chosen is None:
        return None
    return tuple([None if k is None else axes[k] for k in chosen])


def uses_of(equation, maker, stored):
    """What a kernel of this equation reads and computes."""
    if isinstance(equation.primitive, Reduction):
        (v,) = equation.inputs
        uses = Uses(v.type.shape)
        uses.follow(v, uses.own, maker, stored)
        return uses
    uses = Uses(equation.outputs[0].type.shape)
    for read in reading(equation).reads:
        uses.follow(equation.inputs[read.input], _composed(uses.own, read.axes), maker, stored)
    return uses


def row_of(equation):
    """The axes that a reduction leaves, if they are the outer ones; else None."""
    shape, reduced = equation.inputs[0].type.shape, equation.primitive.axes
    kept = tuple([a for a, n in enumerate(shape) if n != 1 and a not in reduced])
    gone = [a for a in reduced if shape[a] != 1]
    return kept if gone and (not kept or max(kept) < min(gone)) else None


class Placing:
    """Finds the group of each equation: an existing one that it fits, or a new one.

    `allies` maps equations to earlier ones whose group they may join though they share no array.
    """

    def __init__(self, graph, maker, stored, allies):
        self.graph, self.maker, self.stored, self.allies = graph, maker, stored, allies
        self.at_index = {}  # the groups that read or make a variable at the index of their loop
        self.home = {}  # the group that makes a variable

    def place(self, equation):
        """Put the equation into a group."""
        uses = uses_of(equation, self.maker, self.stored)
        for group in self._candidates(equation, uses):
            if not self._may_join(group, uses):
                continue
            if self._join(equation, uses, group) or self._join_rows(equation, uses, group):
                return
        group = Group(uses.domain)
        self.graph.add(group, (), ())
        self._add(equation, uses, group, 0)

    def _candidates(self, equation, uses):
        """The groups that have to do with an equation, the latest first."""
        found = {self.home[v] for v in uses.stored if v in self.home}
        for v in uses.at_index:
            found.update(self.at_index.get(v, ()))
        ally = self.allies.get(equation)
        if ally is not None:
            found.update([self.home[v] for v in ally.outputs if v in self.home])
        return sorted(found, key=self.graph.number.get, reverse=True)

    def _may_join(self, group, uses):
        if len(group.phases) >= _MOST_ROOTS:
            return False
        if len(group.inlined.keys() | uses.inlined.keys()) > MOST_EQUATIONS:
            return False
        return self.graph.may_need(group, uses.stored.keys() - set(group.outputs))

    def _join(self, equation, uses, group):
        """Join a group of the same domain with which the equation shares an array, if it can."""
        if group.domain != uses.domain:
            return False
        is_ally = self.allies.get(equation) in group.phases
        if not is_ally and not {v for v in uses.at_index if v.type.shape} & group.at_index:
            return False
        phase = self._phase(uses, group)
        if phase is None:
            return False
        self._add(equation, uses, group, phase)
        return True

    def _phase(self, uses, group):
        """The phase in which an equation over the domain can run; None if it cannot."""
        phase, row = 0, group.row
        for made, number in group.phases.items():
            v = made.outputs[0]
            axes = uses.stored.get(v)
            if axes is None:
                continue
            if isinstance(made.primitive, Reduction) or made in group.over_rows:
                kept = row_of(made) if isinstance(made.primitive, Reduction) else group.row
                if kept is None or row not in (None, kept) or not _reads_rows(axes, kept):
                    return None
                if not kept and math.prod(group.domain) >= _LARGE:
                    return None
                row = kept
                phase = max(phase, number + (made not in group.over_rows))
            elif v in uses.elsewhere:
                return None
            else:
                phase = max(phase, number)
        group.row = row
        return phase

    def _join_rows(self, equation, uses, group):
        """Join as a value over the rows of a group, computed between phases, if it can."""
        if isinstance(equation.primitive, Reduction):
            return False
        phase, row = -1, group.row
        for made, number in group.phases.items():
            v = made.outputs[0]
            if v not in uses.stored:
                continue
            kept = row_of(made) if isinstance(made.primitive, Reduction) else None
            if made in group.over_rows:
                kept = group.row
            if kept is None or row not in (None, kept) or v in uses.elsewhere:
                return False
            if not kept and math.prod(group.domain) >= _LARGE:
                return False
            row = kept
            phase = max(phase, number + (made not in group.over_rows))
        shape = [n for n in uses.domain if n != 1]
        if phase < 0 or shape != [group.domain[a] for a in row]:
            return False
        group.row = row
        group.over_rows.add(equation)
        group.phases[equation] = phase
        self._note(equation, uses, group, phase)
        return True

    def _add(self, equation, uses, group, phase):
        group.phases[equation] = phase
        group.at_index |= uses.at_index
        if not isinstance(equation.primitive, Reduction):
            group.at_index.add(equation.outputs[0])
        for v in (*uses.at_index, *equation.outputs):
            if v in group.at_index and v.type.shape:
                self.at_index.setdefault(v, {})[group] = None
        self._note(equation, uses, group, phase)

    def _note(self, equation, uses, group, phase):
        for v in uses.inlined:
            group.inlined.setdefault(v, set()).add(phase)
        group.reads.update(dict.fromkeys(uses.stored))
        group.elsewhere |= uses.elsewhere
        self.home.update(dict.fromkeys(equation.outputs, group))
        self.graph.extend(group, uses.stored, equation.outputs)


def _reads_rows(found, row):
    """Whether all reads are along the row axes."""
    return all(axes is not None and long_axes(axes) == row for axes in found)


def new_allies(groups):
    """Pairs of groups of one domain of which the second reads what the first makes.

    If such a reader began with an equation that shares nothing with the first group, they are two;
    given as an ally, it finds the way into the first.
    """
    makers = {v: group for group in groups for v in group.outputs if v.type.shape}
    found = {}
    for group in groups:
        for v in group.reads:
            other = makers.get(v)
            if other is not None and other is not group and other.domain == group.domain:
                found.setdefault(group.equations[0], other.equations[0])
    return found


class StepGraph:
    """Steps and which of them need which; sets of steps are the bits of integers."""

    def __init__(self):
        self.steps = []
        self.groups = []
        self.number = {}
        self.needs = []  # directly
        self.before = []  # also through other steps
        self.needed = 0  # by some step
        self.made_in = {}

    def add(self, step, uses, outputs):
        """Append a step that reads `uses` and makes `outputs`."""
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
            self.needed |= new
            if self.needed >> number & 1:
                self._pass_on(number)
        self.made_in.update(dict.fromkeys(outputs, number))

    def _pass_on(self, number):
        """Let the steps that need a step need what it needs."""
        before = self.before[number]
        for later, needs in enumerate(self.before):
            if needs >> number & 1:
                self.before[later] = needs | before

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
