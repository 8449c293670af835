"""Elementary and special functions as branch-free scalar expressions. Imports `fungrad.compiler.language.scalar`
and, for those that eager code evaluates too, formulas of `fungrad.primitives`.

A word that has an expansion here is computed by it, on every code generator; the others are
machine instructions or calls of libm. No expansion needs fast-math flags, and each is right
whether or not products and sums are contracted to fma.
"""

from functools import cache
from importlib import import_module

import numpy as np

from fungrad.compiler.math import arithmetic
from fungrad.compiler.math.tables import constant_table
from fungrad.primitives.special import FORMULAS

__all__ = ["OUTLINED", "ULP_BOUNDS", "branch", "constant_table", "expand"]

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

#: The files of this folder that have the functions of floating-point numbers; they are imported
#: when a program has one of them.
_FAMILIES = {
    "exponential": "exp exp2 expm1 logistic tanh sinh cosh",
    "logarithm": "log log2 log10 log1p xlogy xlog1py arcsinh arccosh arctanh",
    "trigonometric": "sin cos tan",
    "inverse_trigonometric": "arcsin arccos arctan arctan2",
    "error_function": "erf erfc erfinv",
    "gamma": "digamma trigamma",
    "power": "power cbrt hypot",
}
_FAMILY_OF = {name: family for family, names in _FAMILIES.items() for name in names.split()}
_BRANCHES = {"sin": "trigonometric", "cos": "trigonometric", "tan": "trigonometric"}
_BRANCHES |= {"erfinv": "error_function"}


def _family(name):
    return import_module(f"fungrad.compiler.math.{name}")


def branch(name):
    """The function, such as `sin_of_huge`, that an expansion branches to where that is rare.

    A code generator makes a real function of it.
    """
    return _family(_BRANCHES[name.partition("_")[0]]).RARE[name]


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


def expand(word, dtype):
    """The function `(build, *operands) -> Scalar` that computes a word, or None.

    `dtype` is that of the first operand. A word with an attribute (`integer_power`) takes it as
    the last argument.
    """
    return _expansion(word, dtype.kind)


@cache
def _expansion(word, kind):
    if kind == "c" and word in (expansions := _family("complex_numbers").EXPANSIONS):
        return expansions[word]
    if kind == "f" and word in FORMULAS:
        return _in_double(FORMULAS[word])
    if kind == "f" and word in _FAMILY_OF:
        return getattr(_family(_FAMILY_OF[word]), word)
    return arithmetic.EXPANSIONS.get((word, kind))
