"""Formulas that compiled code and eager code share: written for a `build`, evaluated by `Arrays`.

`build` is a `Builder` of `fungrad.compiler.language.builder`, or an `Arrays` with the methods that
formulas use.
"""

import numpy as np


def name_in_scipy(word):
    """The name in `scipy.special` of a word: what follows `bessel_` or `library_`, if anything."""
    return word.removeprefix("bessel_").removeprefix("library_")


class Arrays:
    """The `build` that evaluates a formula on arrays."""

    def __init__(self, functions, tables):
        self.functions, self.tables = functions, tables

    def __call__(self, word, *operands):
        from scipy import special

        function = self.functions.get(word) or getattr(np, word, None)
        function = function or getattr(special, name_in_scipy(word))
        return function(*operands)

    def constant(self, value, dtype):
        return np.dtype(dtype).type(value)

    def select(self, condition, x, y):
        return np.where(condition, x, y)

    def equal(self, x, y):
        return x == y

    def cast(self, x, dtype):
        return np.asarray(x, dtype)

    def table(self, name, index):
        return self.tables[name][index]

    def loop(self, name, count, step, *states, needed=None):
        for index in range(count if needed is None or np.any(needed) else 1):
            states = step(index, *states)
        return states[0]


def polynomial(x, coefficients):
    """c[0] + c[1] x + c[2] x**2 + ... by Horner's rule."""
    value = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        value = value * x + coefficient
    return value
