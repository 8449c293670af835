"""Elementary functions as branch-free scalar expressions. Imports `fungrad.compiler.scalar` only.

A word that has an expansion here is computed by it, on every code generator; the others are
machine instructions or calls of libm. No expansion needs fast-math flags, and each is right
whether or not products and sums are contracted to fma.
"""

from fungrad.compiler.math import arithmetic, exponential, logarithm, trigonometric
from fungrad.compiler.math.tables import TABLES

__all__ = ["TABLES", "expand"]

_OF_FLOAT = {
    **{name: getattr(exponential, name) for name in "exp exp2 expm1 logistic tanh sinh cosh".split()},
    **{name: getattr(logarithm, name) for name in "log log2 log10 log1p".split()},
    **{name: getattr(logarithm, name) for name in "arcsinh arccosh arctanh".split()},
    **{name: getattr(trigonometric, name) for name in "sin cos tan".split()},
}
_EXPANSIONS = {
    **arithmetic.EXPANSIONS,
    **{(word, "f"): function for word, function in _OF_FLOAT.items()},
}


def expand(word, dtype):
    """The function `(build, *operands) -> Scalar` that computes a word, or None.

    `dtype` is that of the first operand. A word with an attribute (`integer_power`) takes it as
    the last argument.
    """
    return _EXPANSIONS.get((word, dtype.kind))
