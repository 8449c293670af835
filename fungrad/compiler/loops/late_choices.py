"""Choices that a loop goes on with, known only late in a turn: branches instead of selections.

Whether a Markov chain takes its new place is known when the energies there are; a selection makes
the next turn wait for them, where a branch lets the processor guess and go on:

    q = select(accepts, new, old)       becomes     q = old
                                                    if guessed(accepts):
                                                        q = new

A wrong guess costs some 20 cycles. That is little where a turn holds a loop of its own, and only
there it is done: 200 transitions of ten leaps in two dimensions take 14 us instead of 17.
"""

from itertools import groupby

from fungrad.compiler.language.scalar import topological_order
from fungrad.compiler.language.statements import If, Let, Loop, Remark, Repeat, Set, bodies, walk


def branch_on_late_choices(body):
    """The statements of an entry; inner blocks are changed in place."""
    for statement in body:
        for inner in bodies(statement):
            branch_on_late_choices(inner)
            if isinstance(statement, Loop | Repeat):
                inner[:] = _branching(inner)
    return body


def _branching(body):
    """The body of a loop with its late choices as branches."""
    late = _made_of_inner_loops(body)
    carried = {s.value.attribute for s in body if isinstance(s, Set) and s.value.op == "symbol"}
    result = []
    for condition, group in groupby(body, _condition):
        statements = list(group)
        is_late = condition is not None and condition.attribute in late
        if is_late and any(s.name in carried for s in statements):
            statements = _chosen(condition, statements)
        result += statements
    return result


def _made_of_inner_loops(body):
    """The names whose values depend on what an inner loop sets."""
    found = set()
    for statement in body:
        if isinstance(statement, Loop | Repeat):
            found.update(s.name for s in walk(statement.body) if isinstance(s, Set))
        elif isinstance(statement, Let):
            nodes = topological_order([statement.value])
            if any(x.op == "symbol" and x.attribute in found for x in nodes):
                found.add(statement.name)
    return found


def _condition(statement):
    """The named truth value by which a statement chooses between two values that are there."""
    if not isinstance(statement, Let) or statement.value.op != "select":
        return None
    condition, *values = statement.value.operands
    is_plain = condition.op == "symbol" and not any(x.operands for x in values)
    return condition if is_plain else None


def _chosen(condition, statements):
    """A branch that gives new values to the names of some selections."""
    first = [Remark(s.remark) for s in statements if s.remark]
    first += [Set(s.name, s.value.operands[2]) for s in statements]
    chosen = [Set(s.name, s.value.operands[1]) for s in statements]
    return [*first, If(condition, chosen, is_guessed=True)]
