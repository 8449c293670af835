"""What generated code tells LLVM about its loops."""

import ast
from math import prod

from llvmlite import ir
from llvmlite.ir.values import MDValue

_SHORT = 16  # turns; LLVM makes vectors of shorter rows as a whole or not at all
_MOST_WRITTEN_OUT = 64  # turns of a loop and of those inside of it
_VECTOR = 8  # elements: a whole number of vectors of every processor, in single precision


def is_worth_unrolling(loop):
    """Whether LLVM may write out the turns of a loop whose number it knows (a syntax tree).

    Around a loop of unknown length that only makes as many copies of the inner loop, each of which
    becomes a vector loop with its rest: 16 took 110 ms to compile instead of 15, and ran no faster.
    And a row that fills vectors is best left to the vectoriser: LLVM writes it out before it looks
    for vectors, and then finds them along the loop around it, where they have gaps. Adding a row
    of 16 floats to others took nine times as long, subtracting their sum from them seven times.
    """
    loops = _loops_in(loop.body)
    return all(map(_is_known, loops)) and (bool(loops) or not _is_row_of_vectors(loop))


def _loops_in(statements):
    """The loops among statements and inside of them."""
    found = []
    for each in statements:
        if isinstance(each, ast.For | ast.While):
            found.append(each)
        for inside in ("body", "orelse"):
            found += _loops_in(getattr(each, inside, ()))
    return found


def _is_row_of_vectors(loop):
    """Whether the turns are a multiple of 8 that we know, and none of them leaves gaps."""
    if not _is_known(loop) or len(loop.iter.args) > 1 or loop.iter.args[0].value % _VECTOR:
        return False
    return not _has_gaps(loop)


def _has_gaps(loop):
    """Whether the number of the turn is multiplied, as in a position with a stride."""
    inner = [each for statement in loop.body for each in ast.walk(statement)]
    factors = [x for each in inner if isinstance(each, ast.BinOp) for x in _factors(each)]
    return any(isinstance(x, ast.Name) and x.id == loop.target.id for x in factors)


def _factors(operation):
    return (operation.left, operation.right) if isinstance(operation.op, ast.Mult) else ()


def _is_known(loop):
    """Whether the source itself says how many turns a loop makes."""
    return isinstance(loop, ast.For) and all(
        isinstance(bound, ast.Constant) for bound in getattr(loop.iter, "args", ())
    )


def is_short_row_of_windows(loop):
    """Whether fewer than 16 turns, which read with gaps, are around loops of a few turns.

    Left alone, LLVM makes vectors of all turns with a mask for the last one, and what has gaps is
    gathered element by element: the search in 14 windows of 2 x 2 took four times as long.
    """
    if not _is_known(loop) or len(loop.iter.args) > 1:
        return False
    loops = _loops_in(loop.body)
    if not loops or not all(_is_known(x) and len(x.iter.args) == 1 for x in loops):
        return False
    turns = prod([x.iter.args[0].value for x in (loop, *loops)])
    is_short = loop.iter.args[0].value < _SHORT and turns <= _MOST_WRITTEN_OUT
    return is_short and _has_gaps(loop)


def keep_rolled(branch):
    """Let LLVM not unroll the loop whose last branch this is."""
    _hint(branch, ("llvm.loop.unroll.disable",))


def write_out(branch):
    """Let LLVM write out all turns of a loop."""
    _hint(branch, ("llvm.loop.unroll.full",))


def _hint(branch, *hints):
    module = branch.function.module
    nodes = [
        module.add_metadata([ir.MetaDataString(module, name), *values]) for name, *values in hints
    ]
    loop = MDValue(module, (), str(len(module.metadata)))
    loop.operands = (loop, *nodes)  # a loop's node contains itself, so that it is its own
    branch.set_metadata("llvm.loop", loop)
