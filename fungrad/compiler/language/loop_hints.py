"""What generated code tells LLVM about its loops."""

import ast

from llvmlite import ir
from llvmlite.ir.values import MDValue

_VECTOR = 8  # elements: a whole number of vectors of every processor, in single precision


def is_worth_unrolling(loop):
    """Whether LLVM may write out the turns of a loop whose number it knows (a syntax tree).

    Around a loop of unknown length that only makes as many copies of the inner loop, each of which
    becomes a vector loop with its rest: 16 took 110 ms to compile instead of 15, and ran no faster.
    And a row that fills vectors is best left to the vectoriser: LLVM writes it out before it looks
    for vectors, and then finds them along the loop around it, where they have gaps. Adding a row
    of 16 floats to others took nine times as long, subtracting their sum from them seven times.
    """
    inner = [each for statement in loop.body for each in ast.walk(statement)]
    loops = [each for each in inner if isinstance(each, ast.For | ast.While)]
    return all(map(_is_known, loops)) and (bool(loops) or not _is_row_of_vectors(loop, inner))


def _is_row_of_vectors(loop, inner):
    """Whether the turns are a multiple of 8 that we know, and none of them leaves gaps."""
    if not _is_known(loop) or len(loop.iter.args) > 1 or loop.iter.args[0].value % _VECTOR:
        return False
    index = loop.target.id
    factors = [x for each in inner if isinstance(each, ast.BinOp) for x in _factors(each)]
    return not any(isinstance(x, ast.Name) and x.id == index for x in factors)


def _factors(operation):
    return (operation.left, operation.right) if isinstance(operation.op, ast.Mult) else ()


def _is_known(loop):
    """Whether the source itself says how many turns a loop makes."""
    return isinstance(loop, ast.For) and all(
        isinstance(bound, ast.Constant) for bound in getattr(loop.iter, "args", ())
    )


def keep_rolled(branch):
    """Let LLVM not unroll the loop whose last branch this is."""
    module = branch.function.module
    text = ir.MetaDataString(module, "llvm.loop.unroll.disable")
    disabled = module.add_metadata([text])
    loop = MDValue(module, (), str(len(module.metadata)))
    loop.operands = (loop, disabled)  # a loop's node contains itself, so that it is its own
    branch.set_metadata("llvm.loop", loop)
