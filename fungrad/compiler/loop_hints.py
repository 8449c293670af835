"""What generated code tells LLVM about its loops."""

import ast

from llvmlite import ir
from llvmlite.ir.values import MDValue


def is_worth_unrolling(loop):
    """Whether LLVM may write out the turns of a loop whose number it knows (a syntax tree).

    Around a loop of unknown length that only makes as many copies of the inner loop, each of which
    becomes a vector loop with its rest: 16 took 110 ms to compile instead of 15, and ran no faster.
    """
    inner = (each for statement in loop.body for each in ast.walk(statement))
    return not any(isinstance(each, ast.For | ast.While) and not _is_known(each) for each in inner)


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
