"""Elementary functions as branch-free scalar expressions. Imports `fungrad.compiler.scalar` only.

A word that has an expansion here is computed by it, on every code generator; the others are
machine instructions or calls of libm. No expansion needs fast-math flags, and each is right
whether or not products and sums are contracted to fma.
"""

from fungrad.compiler.math import arithmetic
from fungrad.compiler.math.tables import TABLES

__all__ = ["TABLES", "expand"]

_EXPANSIONS = {**arithmetic.EXPANSIONS}


def expand(word, dtype):
    """The function `(build, *operands) -> Scalar` that computes a word, or None.

    `dtype` is that of the first operand. A word with an attribute (`integer_power`) takes it as
    the last argument.
    """
    return _EXPANSIONS.get((word, dtype.name)) or _EXPANSIONS.get((word, dtype.kind))
