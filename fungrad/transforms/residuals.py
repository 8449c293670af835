"""Which values of a loop's body to keep for its second half, and which to compute again: a cut.

What is kept goes to memory in every step and comes back. What is computed again, by arithmetic that
fuses with its readers, does not; it needs other values in turn, at best few. The cheapest choice is
a smallest cut (maximal flow) between what a step begins with and what the second half reads.
"""

from collections import deque
from math import inf

from fungrad.core.primitive import Pointwise
from fungrad.core.program import Literal
from fungrad.core.types import ArrayType

#: Loops that keep less in all leave it in the cache.
_CACHE = 1 << 20
#: Additions, vectorised, in the time of writing a byte and reading it again: there, and in memory.
_IN_CACHE, _IN_MEMORY = 3 / 8, 2
#: Equations that are looked at; a flow through more of them takes too long.
_MOST = 2000


def cheapest_to_keep(known, wanted, saved, needed, kinds, steps, cost):
    """The known values to keep, given those that would be kept (`saved`) if memory were free.

    `known` are the equations of the first half, `wanted` what the second half reads, `needed` what
    the first half computes in any case. `kinds` says of the inputs whether they are "fixed",
    change as a "carry", or are "rows", which change but are at hand for the second half. An element
    of what an equation makes costs `cost(equation)`, an addition being 1.
    """
    carry = [v for v, kind in kinds.items() if kind == "carry"]
    outputs = [v for k in known for v in k.outputs]
    if any(not isinstance(v.type, ArrayType) for v in (*outputs, *carry)):
        return saved  # a stack, as a loop of unknown length returns it, has no size
    if len(known) > _MOST:
        return saved
    per_byte = _IN_MEMORY if sum(map(_bytes, saved)) * steps > _CACHE else _IN_CACHE
    maker = {v: k for k in known for v in k.outputs}
    moving, constant = _moving(known, kinds), _constant(known)
    cut = _Cut()
    waiting, seen = [v for v in wanted if type(v) is not Literal], set()
    for v in waiting:
        cut.connect(_after(v), _SINK, inf)
    while waiting:
        v = waiting.pop()
        if v in seen:
            continue
        seen.add(v)
        is_moving = v in moving or v in maker and maker[v].residual
        price = per_byte * _bytes(v) if is_moving else 0
        cut.connect(_before(v), _after(v), inf if v in constant else price)
        if not _may_be_repeated(maker.get(v)):
            cut.connect(_SOURCE, _before(v), inf)
            continue
        equation = maker[v].equation
        if v in needed and v not in constant:
            cut.connect(_SOURCE, _before(v), cost(equation) * v.type.size)
        for u in equation.inputs:
            if type(u) is not Literal:
                cut.connect(_after(u), _before(v), inf)
                waiting.append(u)
    beyond = cut.beyond()
    return {v for v in seen if v in maker and _after(v) in beyond and _before(v) not in beyond}


def _bytes(v):
    return v.type.size * v.type.dtype.itemsize


def _moving(known, kinds):
    """What changes from step to step and is not at hand later."""
    changing = {v for v, kind in kinds.items() if kind != "fixed"}
    for k in known:
        if any(type(v) is not Literal and v in changing for v in k.equation.inputs):
            changing.update(k.outputs)
    return {v for v in changing if kinds.get(v) != "rows"}


def _constant(known):
    """What depends on nothing, and fuses: it is no residual."""
    found = set()
    for k in known:
        inputs = [v for v in k.equation.inputs if type(v) is not Literal]
        if _may_be_repeated(k) and found.issuperset(inputs):
            found.update(k.outputs)
    return found


def _may_be_repeated(made):
    """Whether the arithmetic fuses with its readers; what may fail has to fail in time."""
    if made is None or made.residual:
        return False
    primitive = made.equation.primitive
    return isinstance(primitive, Pointwise) and not getattr(primitive, "may_fail", False)


# ---- the flow


_SOURCE, _SINK = "source", "sink"


def _before(v):
    return v, 0


def _after(v):
    return v, 1


class _Cut:
    """A network, of whose smallest cuts the one nearest to the sink is found (Dinic's method)."""

    def __init__(self):
        self.to, self.room, self.edges = [], [], {}

    def connect(self, a, b, capacity):
        """An edge, and the one back that takes flow off it."""
        for x, y, room in ((a, b, capacity), (b, a, 0)):
            self.edges.setdefault(x, []).append(len(self.to))
            self.to.append(y)
            self.room.append(room)

    def beyond(self):
        """The nodes from which the sink can be reached when the flow is maximal."""
        while (level := self._levels())[1]:
            self._fill(level[0])
        found, waiting = {_SINK}, [_SINK]
        while waiting:
            for i in self.edges.get(waiting.pop(), ()):
                if self.room[i ^ 1] > 0 and self.to[i] not in found:
                    found.add(self.to[i])
                    waiting.append(self.to[i])
        return found

    def _levels(self):
        """The distance of each node from the source, and whether the sink has one."""
        level, waiting = {_SOURCE: 0}, deque([_SOURCE])
        while waiting:
            x = waiting.popleft()
            for i in self.edges.get(x, ()):
                if self.room[i] > 0 and self.to[i] not in level:
                    level[self.to[i]] = level[x] + 1
                    waiting.append(self.to[i])
        return level, _SINK in level

    def _fill(self, level):
        """Send flow along shortest ways until none is left."""
        rest = {x: list(edges) for x, edges in self.edges.items()}
        way = []
        while True:
            x = self.to[way[-1]] if way else _SOURCE
            if x == _SINK:
                least = min(self.room[i] for i in way)
                for i in way:
                    self.room[i] -= least
                    self.room[i ^ 1] += least
                first = next(n for n, i in enumerate(way) if self.room[i] <= 0)
                del way[first:]
                continue
            ways = rest.get(x, [])
            while ways and not self._leads_on(ways[-1], x, level):
                ways.pop()
            if ways:
                way.append(ways[-1])
            elif way:
                rest[self.to[way.pop() ^ 1]].pop()
            else:
                return

    def _leads_on(self, i, x, level):
        return self.room[i] > 0 and level.get(self.to[i], 0) == level[x] + 1
