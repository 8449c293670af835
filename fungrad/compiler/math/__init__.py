"""Elementary and special functions as branch-free scalar expressions. Imports `fungrad.compiler.scalar`
and, for those that eager code evaluates too, formulas of `fungrad.primitives`.

A word that has an expansion here is computed by it, on every code generator; the others are
machine instructions or calls of libm. No expansion needs fast-math flags, and each is right
whether or not products and sums are contracted to fma.
"""

import numpy as np

from fungrad.compiler.math import (
    arithmetic,
    complex_numbers,
    error_function,
    exponential,
    gamma,
    inverse_trigonometric,
    logarithm,
    power,
    trigonometric,
)
from fungrad.compiler.math.tables import TABLES
from fungrad.primitives.special import FORMULAS

__all__ = ["FUNCTIONS", "OUTLINED", "TABLES", "ULP_BOUNDS", "expand"]

_BOUNDS = {
    1.0: "exp exp2 log log2 log10 sin cos power cbrt",
    1.5: "log1p arccos rsqrt hypot",
    2.0: "expm1 cosh arcsinh erf erfinv",
    2.5: "logistic sinh tanh arccosh arctanh tan arcsin arctan arctan2",
    3.5: "erfc",
    6.0: "digamma",
}
#: The largest error of each function on float32 and float64, in units in the last place of the
#: exact result, subnormal ones included. That of digamma is in units of the larger of it and 1.
ULP_BOUNDS = {word: bound for bound, words in _BOUNDS.items() for word in words.split()}

_FAMILIES = {
    exponential: "exp exp2 expm1 logistic tanh sinh cosh",
    logarithm: "log log2 log10 log1p xlogy xlog1py arcsinh arccosh arctanh",
    trigonometric: "sin cos tan",
    inverse_trigonometric: "arcsin arccos arctan arctan2",
    error_function: "erf erfc erfinv",
    gamma: "digamma trigamma",
    power: "power cbrt hypot",
}
_OF_FLOAT = {
    name: getattr(family, name) for family, names in _FAMILIES.items() for name in names.split()
}
#: Functions that expansions branch to, by name; a code generator makes real functions of them.
FUNCTIONS = {**trigonometric.OF_HUGE, **error_function.RARE}


def _in_double(formula):
    """The expansion that computes a formula in double precision."""

    def expansion(build, *operands):
        if operands[0].dtype == np.float64:
            return formula(build, *operands)
        value = formula(build, *[build.cast(x, np.float64) for x in operands])
        return build.cast(value, operands[0].dtype)

    return expansion


#: Words whose expansion a code generator makes a function of, because it has loops.
OUTLINED = frozenset(FORMULAS)
_EXPANSIONS = {
    **arithmetic.EXPANSIONS,
    **{(word, "f"): function for word, function in _OF_FLOAT.items()},
    **{(word, "f"): _in_double(function) for word, function in FORMULAS.items()},
    **{(word, "c"): function for word, function in complex_numbers.EXPANSIONS.items()},
}


def expand(word, dtype):
    """The function `(build, *operands) -> Scalar` that computes a word, or None.

    `dtype` is that of the first operand. A word with an attribute (`integer_power`) takes it as
    the last argument.
    """
    return _EXPANSIONS.get((word, dtype.kind))
