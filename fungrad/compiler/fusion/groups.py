"""Groups of equations that become one kernel, and the order in which steps run.

A group has a domain, the index space of its loops. It holds values over the domain, reductions of
such values, and, phase after phase, what depends on these reductions: in a row-wise softmax the
loop over the rows holds a loop for the maxima (phase 0), one for the sums (phase 1) and one for
the quotients (phase 2). Reductions that are read in later phases all leave the same axes, the
*row* axes, which are the outer ones; values over the row axes alone are computed between phases.
"""

import math
from heapq import heappop, heappush

from fungrad.compiler.fusion.uses import FLAT, lands, long_axes, uses_of
from fungrad.core.primitive import Reduction
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
    is_unrolled: bool = False  # the domain are rows, of which every element is a scalar
    work: int = 0  # the operations in all rows, if it is unrolled

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


def _refines(fine, coarse):
    """Whether axes of one shape are joined in another one, which has no others."""
    axes = iter([n for n in fine if n != 1])
    for n in [n for n in coarse if n != 1]:
        size = 1
        while size != n:
            extent = next(axes, None)
            if extent is None or n % (size * extent):
                return False
            size = size * extent
    return next(axes, None) is None


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
            fitting = self._fitting(equation, uses, group)
            if self._join(equation, fitting, group) or self._join_rows(equation, uses, group):
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

    def _fitting(self, equation, uses, group):
        """What is read in the loops of a group, where these can be over all of the domain."""
        is_over_all = not isinstance(equation.primitive, Reduction) and group.domain != uses.domain
        if is_over_all and group.last_phase == 0 and _refines(group.domain, uses.domain):
            return uses_of(equation, self.maker, self.stored, group.domain)
        return uses

    def _may_join(self, group, uses):
        if len(group.phases) >= _MOST_ROOTS:
            return False
        if len(group.inlined.keys() | uses.inlined.keys()) > MOST_EQUATIONS:
            return False
        made = set(group.outputs)
        if uses.begins.keys() & made:
            return False
        return self.graph.may_need(group, (uses.stored.keys() | uses.begins.keys()) - made)

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
            elif v in uses.elsewhere or lands(made):
                return None
            else:
                phase = max(phase, number)
        group.row = row
        return phase

    def _join_rows(self, equation, uses, group):
        """Join as a value over the rows of a group, computed between phases, if it can."""
        if isinstance(equation.primitive, Reduction) or lands(equation):
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
        if not isinstance(equation.primitive, Reduction) and not lands(equation):
            group.at_index.add(equation.outputs[0])
        for v in (*uses.at_index, *equation.outputs):
            if v in group.at_index and v.type.shape:
                self.at_index.setdefault(v, {})[group] = None
        self._note(equation, uses, group, phase)

    def _note(self, equation, uses, group, phase):
        for v in uses.inlined:
            group.inlined.setdefault(v, set()).add(phase)
        group.reads.update(dict.fromkeys(uses.stored) | uses.begins)
        group.elsewhere |= uses.elsewhere
        self.home.update(dict.fromkeys(equation.outputs, group))
        self.graph.extend(group, uses.stored.keys() | uses.begins.keys(), equation.outputs)


def _reads_rows(found, row):
    """Whether all reads are along the row axes."""
    return all(axes not in (None, FLAT) and long_axes(axes) == row for axes in found)


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

    def join(self, members):
        """Let some steps be one, if none of them needs another one through a step outside."""
        before = self._closed(members) & ~members
        if any(self.before[n] & members for n in _bits(before)):
            return False
        for later, needs in enumerate(self.before):
            if members >> later & 1:
                self.before[later] = needs | before
            elif needs & members:
                self.before[later] = needs | members | before
        return True

    def steps_of(self, members):
        """The steps of a set."""
        return [self.steps[n] for n in _bits(members)]

    def replace(self, steps, step):
        """Put one step in the place of several that `join` has found to be one."""
        numbers = [self.number[s] for s in steps]
        first, *others = numbers
        members = sum(1 << n for n in numbers)
        needs = 0
        for n in numbers:
            needs |= self.needs[n]
        self.needs[first] = needs & ~members
        for n, needs in enumerate(self.needs):
            if n != first and needs & members:
                self.needs[n] = needs & ~members | 1 << first
        for n in others:
            self.steps[n], self.needs[n] = None, 0
        self.steps[first] = step
        self.number[step] = first
        self.groups = [g for g in self.groups if g not in steps] + [step]

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
        return [step for step in order if step is not None]


def _bits(number):
    while number:
        low = number & -number
        yield low.bit_length() - 1
        number ^= low
