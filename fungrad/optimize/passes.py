"""The list of passes."""

from dataclasses import replace
from operator import is_

from fungrad.core.program import derived
from fungrad.optimize.algebra import simplify
from fungrad.optimize.carry_in_parts import carry_in_parts
from fungrad.optimize.common_subexpressions import share_common_subexpressions
from fungrad.optimize.constants import fold_constants
from fungrad.optimize.contractions import simplify_contractions
from fungrad.optimize.dead_code import remove_dead_code
from fungrad.optimize.inline import inline_calls
from fungrad.optimize.layout import move_transpositions
from fungrad.optimize.lift_from_loops import lift_from_loops
from fungrad.optimize.rewrite import with_subprograms
from fungrad.optimize.scattered import sum_scattered_rows
from fungrad.optimize.selections import select_early
from fungrad.optimize.share_loops import share_loops

#: The passes in their order, each with the reason for its place.
PASSES = (
    inline_calls,  # before all: what follows sees one program, not walls
    lift_from_loops,  # bodies are cheap already, and what leaves them is not
    remove_dead_code,  # early: nothing that follows looks at what nobody needs
    share_common_subexpressions,  # rules that look at the maker of an operand see one maker
    fold_constants,  # makes the literals that the algebra looks for
    simplify,  # may leave equal equations behind
    sum_scattered_rows,  # asks for rows of the other operands, which the next pass takes to inputs
    select_early,  # sees selections of selections as one
    move_transpositions,  # movements of movements are one now, so each is seen
    simplify_contractions,  # takes in the transpositions that have arrived there
    share_common_subexpressions,
    carry_in_parts,  # sums of padded arrays are concatenations now
    share_loops,  # equal operands are one, and bodies are as simple as they get
    remove_dead_code,  # last: what was simplified away leaves makers without readers
)

#: Those for programs inside of programs. Of what a loop does not change, all rows before the loop
#: cost less than one row in each step.
_OF_ROWS = (sum_scattered_rows, select_early)
_PASSES_WITHIN = tuple([change for change in PASSES if change not in _OF_ROWS])

_MOST_ROUNDS = 4

#: The passes that pay where NumPy evaluates each equation, and what equations call is left alone.
EVALUATED = (
    share_common_subexpressions,
    fold_constants,
    simplify,
    share_common_subexpressions,
    remove_dead_code,
)


@derived
def tidied(program):
    """The same program with fewer equations, for NumPy: no call is inlined, no body changed."""
    for _ in range(_MOST_ROUNDS):
        before = program.equations
        for change in EVALUATED:
            program = change(program)
        if _same(before, program.equations):
            break
    return program


@derived
def optimize(program):
    """The same program, cheaper: the passes applied until nothing changes, inside out."""
    return _last(steps(program), program)


@derived
def _optimize_within(program):
    return _last(steps(program, _PASSES_WITHIN), program)


def _last(pairs, program):
    for _, changed in pairs:
        program = changed
    return program


def steps(program, passes=PASSES):
    """The program after each pass in turn, as (pass, program) pairs."""
    program = _optimize_subprograms(program)
    finished = {}  # the program in which a pass has found nothing to do
    for _ in range(_MOST_ROUNDS):
        before = program.equations
        for change in passes:
            if finished.get(change) is program:
                continue
            changed = change(program)
            if changed is program:
                finished[change] = program
            program = changed
            yield change, program
        if _same(before, program.equations):
            break


def _optimize_subprograms(program):
    equations = []
    for equation in program.equations:
        primitive = with_subprograms(equation.primitive, _optimize_within)
        equations.append(
            equation if primitive is equation.primitive else replace(equation, primitive=primitive)
        )
    if all(map(is_, equations, program.equations)):
        return program
    return program.replace(equations=tuple(equations))


def _same(before, after):
    return len(before) == len(after) and all(
        a.primitive is b.primitive for a, b in zip(before, after, strict=True)
    )
