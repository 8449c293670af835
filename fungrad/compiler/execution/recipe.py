"""Recipes: how what was made with open numbers follows from the numbers that are given."""

from functools import lru_cache
from importlib import import_module

import numpy as np

#: What a form holds in place of an open number: (PLACE, number of the value).
PLACE = "#"


class Recipe:
    """A form, and what is computed to fill it in; all of it is plain data.

    The first `count` values are given. After them come the `constants`, and what the `steps`
    compute, each (name of a function, operands, expected): the operands are numbers of values, and
    `expected` is the truth value of a decision, or None.
    """

    def __init__(self, count, constants, steps, form):
        self.count, self.constants, self.steps, self.form = count, constants, steps, form
        self._ready = None

    def as_data(self):
        """Plain data from which `Recipe(*data)` makes the same."""
        return self.count, self.constants, self.steps, self.form

    def filled(self, given):
        """The form for the given numbers; None where a decision comes out differently."""
        if len(given) != self.count:
            return None
        if not (given or self.constants or self.steps):
            return self.form  # nothing of it is open
        if self._ready is None:
            constants = [_from_data(x) for x in self.constants]
            self._ready = constants, [(function_of(name), *rest) for name, *rest in self.steps]
        constants, steps = self._ready
        values = [*given, *constants]
        try:
            with np.errstate(all="ignore"):
                for function, operands, expected in steps:
                    if len(operands) == 2:
                        first, second = operands
                        value = function(values[first], values[second])
                    else:
                        value = function(*[values[i] for i in operands])
                    if expected is not None and bool(value) is not expected:
                        return None
                    values.append(value)
        except ArithmeticError:  # such as a division by a size that is 0 here
            return None
        return _filled(self.form, values)


def _filled(form, values):
    if type(form) is not tuple:
        return form
    if form and form[0] == PLACE:
        return values[form[1]]
    return tuple([x if type(x) is not tuple else _filled(x, values) for x in form])


def _from_data(data):
    return np.frombuffer(data[2], data[1])[0] if type(data) is tuple else data


@lru_cache(maxsize=1000)
def function_of(name):
    """The function of a name of a step."""
    module, _, name = name.partition(":")
    return getattr(import_module(module), name, None)
