"""Loop nests over the same rows joined to one, in which every element of a row is a scalar.

What `vmap` makes of a function of small vectors is many loop nests: each joins, reverses or sums
the vectors of a row that another one has made. In one loop over the rows these are expressions of
scalars, so nothing of a row has to be stored but what others read.
"""

import math

from fungrad.compiler.fusion.groups import Group
from fungrad.compiler.fusion.unrolled import ends_rows
from fungrad.compiler.fusion.uses import domain_of, has_room_for_parts, lands, uses_of
from fungrad.compiler.language.parts import WORTH_WAKING
from fungrad.compiler.language.views import reading
from fungrad.core.primitive import Reduction
from fungrad.core.program import Literal
from fungrad.core.record import record

_WIDEST = 36  # elements of a row of one array
_FEWEST = 64  # rows: a block of them (see `row_blocks`)
_MOST_SCALARS = 1500  # in one loop
_SHORT = 4 * WORTH_WAKING  # scalars in all rows that one thread computes as fast as two


@record(eq=False)
class _Rows:
    """Groups that become one, their numbers as bits, what they make, and how many scalars."""

    rows: tuple
    groups: list
    members: int
    made: set
    ends: set  # of these, what is there only after the last row
    far: set  # what is read at other rows than its own
    scalars: int


def join_rows(graph, maker, stored, outputs):
    """Let groups over rows of few elements become one where one reads what another one makes.

    Returns the variables that need no memory any more; `outputs` are those of the program.
    """
    found = []
    for step in graph.ordered():
        group = _as_group(step, maker, stored)
        own = None if group is None else _rows_of(group)
        if own is not None:
            _place(group, graph.number[step], own, graph, found, maker, stored)
    for rows in found:
        if len(rows.groups) > 1:
            graph.replace(graph.steps_of(rows.members), _joined(rows))
    return _without_inner(graph, outputs)


def _without_inner(graph, outputs):
    """Let unrolled groups only make what others read; what they made besides."""
    readers, inner = {}, set()
    for step in graph.ordered():
        for v in step.reads:
            readers.setdefault(v, []).append(step)
    for group in graph.groups:
        if not group.is_unrolled:
            continue
        own = set(group.outputs) - outputs
        own = {v for v in own if all(step is group for step in readers.get(v, ()))}
        group.phases = {e: 0 for e in group.phases if e.outputs[0] not in own}
        group.inlined.update({v: {0} for v in own})
        group.reads = {v: None for v in group.reads if v not in own}
        inner |= own
    return inner


def _as_group(step, maker, stored):
    """The step as a group; None for a routine that could not be in one."""
    if isinstance(step, Group):
        return step
    equation = step.equation
    if step.is_local or not lands(equation) or not equation.primitive.lands_rows:
        return None
    uses = uses_of(equation, maker, stored)
    group = Group(uses.domain, phases={equation: 0}, reads=dict.fromkeys(uses.stored))
    group.reads.update(uses.begins)
    group.inlined.update({v: {0} for v in uses.inlined})
    return group


def _place(group, number, own, graph, found, maker, stored):
    """Join the rows that a group reads, as many as can be one with it."""
    reads, scalars = _read_rows(group, maker, stored, len(own))
    ends = {e.outputs[0] for e in group.equations if ends_rows(e, len(own))}
    if ends & reads.keys():
        return
    far = {v for v, rows in reads.items() if rows < len(own)}
    joined = _Rows(own, [group], 1 << number, set(group.outputs), ends, far, scalars)
    for rows in reversed(found):
        read = reads.keys() & rows.made
        if not read or rows.rows != own or any(reads[v] < len(own) for v in read):
            continue
        if read & rows.ends or not _fit(rows, joined):
            continue
        if graph.join(rows.members | joined.members):
            joined.members |= rows.members
            joined.made |= rows.made
            joined.ends |= rows.ends
            joined.far |= rows.far
            joined.groups = rows.groups + joined.groups
            joined.scalars += rows.scalars
            found.remove(rows)
    found.append(joined)


def _fit(rows, others):
    """Whether two loops may be one: that is not too large, and threads may share it."""
    scalars = rows.scalars + others.scalars
    work = math.prod(rows.rows) * scalars
    landing = [e for g in rows.groups + others.groups for e in g.equations if lands(e)]
    is_shared = all(has_room_for_parts(e, work) for e in landing)
    return scalars <= _MOST_SCALARS and (is_shared or work <= _SHORT)


def _rows_of(group):
    """The leading axes of a group's domain below which there are few elements; None if none are."""
    rank = len(group.domain)
    while rank > 1 and math.prod(group.domain[rank - 1 :]) <= _WIDEST:
        rank -= 1
    own = group.domain[:rank]
    if math.prod(own) < _FEWEST or not all(_has_rows(e, own) for e in group.equations):
        return None
    return own


def _has_rows(equation, own):
    rank, domain = len(own), domain_of(equation)
    if domain[:rank] != own or math.prod(domain[rank:]) > _WIDEST:
        return False
    reduced = [a for a in equation.primitive.axes if a < rank] if _is_reduction(equation) else []
    return not reduced or len(reduced) == rank


def _is_reduction(equation):
    return isinstance(equation.primitive, Reduction)


def _read_rows(group, maker, stored, rank):
    """How many leading axes of the domain stored variables are read along, and the scalars of a
    row that are computed."""
    reads, seen, scalars = {}, {}, 0
    waiting = []
    for equation in group.equations:
        scalars += math.prod(domain_of(equation)[rank:])
        waiting += _inner_reads(equation, len(group.domain))
    while waiting:
        v, rows = waiting.pop()
        if type(v) is Literal:
            continue
        if v in stored:
            reads[v] = min(rows, reads.get(v, rows))
            continue
        if seen.get(v, rows + 1) <= rows:
            continue
        if v not in seen:
            scalars += min(v.type.size, math.prod(v.type.shape[rank:]))
        seen[v] = rows
        waiting += _inner_reads(maker[v], rows)
    return reads, scalars


def _inner_reads(equation, rows):
    if _is_reduction(equation):
        return [(equation.inputs[0], rows)]
    if lands(equation):
        operand, updates, *indices = equation.inputs
        return [(operand, 0), (updates, rows)] + [(i, min(rows, i.type.ndim)) for i in indices]
    return [(equation.inputs[r.input], min(rows, r.rows)) for r in reading(equation).reads]


def _joined(rows):
    """One group of all equations.

    What is read at its own row only may be written over, unless a second loop puts updates where
    they belong (see `row_blocks`).
    """
    joined = Group(rows.rows, is_unrolled=True, work=math.prod(rows.rows) * rows.scalars)
    for group in rows.groups:
        joined.phases.update(dict.fromkeys(group.phases, 0))
        for v in group.inlined:
            joined.inlined[v] = {0}
        joined.reads.update(group.reads)
    joined.elsewhere.update(joined.reads if any(map(lands, joined.phases)) else rows.far)
    return joined
