"""Loops that repeat the turns of another loop give way to it: f(x) and then the gradient of f.

The derivative of a loop computes all that the loop does. Where both stand in one program, the loop
takes its results from the derivative. Where the derivative stands in a branch behind the loop, as
in a line search that looks for the slope where the value is small, it moves in front of the branch
if its turns are a few scalar operations: these wait for each other anyway, and most steps of a line
search succeed.
"""

from dataclasses import replace
from operator import is_

from fungrad.core.cost import flops_of
from fungrad.core.primitive import Pointwise
from fungrad.core.program import Equation, Variable, acts, derived, live

_LOCAL_SIZE = 16  # elements: up to this size values of a body are local variables
#: What may be computed in vain: operations of a turn in front of a branch, and as multiples of
#: those of the loop that it stands for.
_MOST_OPERATIONS, _MOST_TIMES = 256, 3


def share_loops(program):
    """The same program with fewer loops.

    A loop says by `covers(inputs, other, its inputs)` which of its outputs equal those of another;
    a choice between programs has `branches`, of which its first operand takes one.
    """
    while True:
        loops = [e for e in program.equations if hasattr(e.primitive, "covers")]
        if not loops:
            return program
        changed = _with_one_less(program, loops)
        if changed is None:
            return program
        program = changed


def _with_one_less(program, loops):
    """The program without a loop that another one covers, or None."""
    for small in loops:
        for big in loops:
            shared = big is not small and _shared(big, small)
            changed = shared and _without(program, small, shared, program.equations)
            if changed:
                return changed
    for choice in program.equations:
        for k, branch in enumerate(getattr(choice.primitive, "branches", ())):
            for inner in branch.equations:
                if hasattr(inner.primitive, "covers"):
                    changed = _with_moved(program, loops, choice, k, inner)
                    if changed is not None:
                        return changed
    return None


def _shared(big, small):
    """The outputs of an equation that equal those of a smaller one, or None."""
    is_alike = type(big.primitive) is type(small.primitive)
    if not is_alike or not set(small.inputs) <= set(big.inputs) or acts(small):
        return None
    numbers = big.primitive.covers(big.inputs, small.primitive, small.inputs)
    return numbers and [big.outputs[k] for k in numbers]


def _without(program, small, shared, equations):
    """The program with other values for what an equation makes; None if these depend on it."""
    new = dict(zip(small.outputs, shared, strict=True))
    kept = []
    for e in equations:
        if e is not small:
            inputs = tuple([new.get(v, v) for v in e.inputs])
            kept.append(e if all(map(is_, inputs, e.inputs)) else replace(e, inputs=inputs))
    ordered = _ordered(kept)
    if ordered is None:
        return None
    outputs = tuple([new.get(v, v) for v in program.outputs])
    return live(program.replace(equations=tuple(ordered), outputs=outputs))


def _ordered(equations):
    """The equations, each after those that make its inputs; None if that is impossible.

    Those that can be seen from outside stay in their order.
    """
    maker = {v: e for e in equations for v in e.outputs}
    done, open_, result = set(), set(), []
    waiting = list(reversed(equations))
    while waiting:
        e = waiting[-1]
        missing = [m for m in (maker.get(v) for v in e.inputs) if m and id(m) not in done]
        if id(e) in done or not missing:
            waiting.pop()
            if id(e) not in done:
                done.add(id(e))
                result.append(e)
        elif id(e) in open_:
            return None
        else:
            open_.add(id(e))
            waiting += missing
    seen = [[id(e) for e in several if acts(e)] for several in (equations, result)]
    return result if seen[0] == seen[1] else None


# ---- out of a branch


def _with_moved(program, loops, choice, k, inner):
    """The program with a loop of branch k in front of the choice, for a loop that it covers."""
    before = program.equations[: program.equations.index(choice)]
    candidates = [e for e in loops if e in before and _is_little_more(inner, e)]
    if not candidates:
        return None
    moved = _moved(before, choice, k, inner)
    for small in candidates if moved else ():
        shared = _shared(moved[-1], small)
        if shared:
            new = _taking_outputs(choice, k, inner, moved[-1].outputs)
            rest = [new if e is choice else e for e in program.equations[len(before) :]]
            return _without(program, small, shared, [*before, *moved, *rest])
    return None


def _is_little_more(big, small):
    """Whether a loop may take the place of another one although its results may not be needed."""
    programs = [p for p, _ in big.primitive.runs()]
    if type(big.primitive) is not type(small.primitive) or not all(map(_is_local, programs)):
        return False
    few = sum(flops_of(p)[0] for p, _ in small.primitive.runs())
    return sum(flops_of(p)[0] for p in programs) <= min(_MOST_TIMES * few, _MOST_OPERATIONS)


@derived
def _is_local(program):
    """Whether a program works on local variables alone, and nothing in it can fail or be seen."""
    return all(_is_harmless(e) for e in program.equations)


def _is_harmless(e):
    p = e.primitive
    is_bound = hasattr(p, "failure") or hasattr(p, "may_fail") or acts(e)
    return not is_bound and not p.runs() and all(map(_has_local_size, e.outputs))


def _has_local_size(v):
    return getattr(v.type, "size", _LOCAL_SIZE + 1) <= _LOCAL_SIZE  # a stack has none


def _moved(before, choice, k, inner):
    """The loop of a branch and what it needs as equations in front of the choice, or None."""
    branch = choice.primitive.branches[k]
    new = dict(zip(branch.inputs, choice.inputs[1:], strict=True))
    known = {(e.primitive, e.inputs): e.outputs for e in before}
    needed, result = _needed(branch, inner), []
    for e in branch.equations:
        if e is not inner and e not in needed:
            continue
        is_free = isinstance(e.primitive, Pointwise) and _is_harmless(e)
        if e is not inner and not is_free:
            return None
        inputs = tuple([new.get(v, v) for v in e.inputs])
        outputs = known.get((e.primitive, inputs))
        if outputs is None:
            outputs = tuple([Variable(v.type) for v in e.outputs])
            result.append(Equation(e.primitive, inputs, outputs, e.source))
        elif e is inner:
            return None
        new.update(zip(e.outputs, outputs, strict=True))
        if e is inner:
            return result
    return None


def _needed(branch, inner):
    """The equations of a branch that one of them depends on."""
    wanted, found = set(inner.inputs), []
    for e in reversed(branch.equations[: branch.equations.index(inner)]):
        if wanted.intersection(e.outputs):
            found.append(e)
            wanted.update(e.inputs)
    return found


def _taking_outputs(choice, k, inner, outputs):
    """The choice with the outputs of a loop of branch k as further operands."""
    branches = []
    for i, branch in enumerate(choice.primitive.branches):
        given = inner.outputs if i == k else tuple([Variable(v.type) for v in outputs])
        equations = tuple([e for e in branch.equations if e is not inner])
        inputs = (*branch.inputs, *given)
        branches.append(live(branch.replace(inputs=inputs, equations=equations)))
    primitive = choice.primitive.replace(branches=tuple(branches))
    return replace(choice, primitive=primitive, inputs=(*choice.inputs, *outputs))
