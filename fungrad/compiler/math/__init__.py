"""Elementary functions as branch-free scalar expressions. Imports `fungrad.compiler.scalar` only.

A word that has an expansion here is computed by it, on every code generator; the others are
machine instructions or calls of libm. No expansion needs fast-math flags, and each is right
whether or not products and sums are contracted to fma.
"""

from fungrad.compiler.math import (
    arithmetic,
    error_function,
    exponential,
    inverse_trigonometric,
    logarithm,
    power,
    trigonometric,
)
from fungrad.compiler.math.tables import TABLES

__all__ = ["TABLES", "expand"]

_FAMILIES = {
    exponential: "exp exp2 expm1 logistic tanh sinh cosh",
    logarithm: "log log2 log10 log1p arcsinh arccosh arctanh",
    trigonometric: "sin cos tan",
    inverse_trigonometric: "arcsin arccos arctan arctan2",
    error_function: "erf erfc erfinv",
    power: "power cbrt hypot",
}
_OF_FLOAT = {
    name: getattr(family, name) for family, names in _FAMILIES.items() for name in names.split()
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
