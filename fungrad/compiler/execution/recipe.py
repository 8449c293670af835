"""Recipes: how what was made with open numbers follows from the numbers that are given."""

from functools import lru_cache
from importlib import import_module

import numpy as np

from fungrad.core.open_values import OpenNumber

#: What a form holds in place of an open number: (_PLACE, number of the value).
_PLACE = "#"

_PLAIN = (bool, int, float, complex, str, bytes, type(None))


class Recipe:
    """A form, and what is computed to fill it in; all of it is plain data.

    The first `count` values are given. After them come the `constants`, and what the `steps`
    compute, each (name of a function, operands, expected): the operands are numbers of values, and
    `expected` is the truth value of a decision, or None.
    """

    def __init__(self, count, constants, steps, form):
        self.count, self.constants, self.steps, self.form = count, constants, steps, form
        self._ready = None

    @staticmethod
    def of(opened, count, form):
        """The recipe of a form in which some numbers are open; `count` of these were given."""
        needed = _needed(opened, [*_open_in(form), *opened.decisions])
        constants = [i for i in needed if opened.nodes[i][0] is None and i >= count]
        computed = [i for i in needed if opened.nodes[i][0] is not None]
        places = {n: i for i, n in enumerate([*range(count), *constants, *computed])}
        steps = []
        for i in computed:
            function, operands = opened.nodes[i]
            numbers = tuple([places[n] for n in operands])
            steps.append((_name(function), numbers, opened.decisions.get(i)))
        values = tuple([_as_data(opened.values[i]) for i in constants])
        return Recipe(count, values, tuple(steps), _with_places(form, places))

    def as_data(self):
        """Plain data from which `Recipe(*data)` makes the same."""
        return self.count, self.constants, self.steps, self.form

    def filled(self, given):
        """The form for the given numbers; None where a decision comes out differently."""
        if len(given) != self.count:
            return None
        if self._ready is None:
            constants = [_from_data(x) for x in self.constants]
            self._ready = constants, [(_function(name), *rest) for name, *rest in self.steps]
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
    if form and form[0] == _PLACE:
        return values[form[1]]
    return tuple([x if type(x) is not tuple else _filled(x, values) for x in form])


def _with_places(form, places):
    if type(form) is OpenNumber:
        return _PLACE, places[form.number]
    return tuple([_with_places(x, places) for x in form]) if type(form) is tuple else form


def _open_in(form):
    """The numbers of the nodes of the open numbers in a form."""
    if type(form) is OpenNumber:
        return [form.number]
    return [i for x in form for i in _open_in(x)] if type(form) is tuple else []


def _needed(opened, numbers):
    """The nodes that some nodes are computed from, and these themselves, in their order."""
    needed, waiting = set(), list(numbers)
    while waiting:
        number = waiting.pop()
        if number not in needed:
            needed.add(number)
            function, operands = opened.nodes[number]
            if function is not None:
                waiting += operands
    return sorted(needed)


def _as_data(constant):
    """A constant as data that means the same when it is read from disk."""
    if isinstance(constant, np.generic) or (isinstance(constant, np.ndarray) and not constant.ndim):
        return "scalar", constant.dtype.str, constant.tobytes()
    if type(constant) not in _PLAIN:
        raise TypeError(f"{constant!r:.60} of type {type(constant).__name__} is not plain data")
    return constant


def _from_data(data):
    return np.frombuffer(data[2], data[1])[0] if type(data) is tuple else data


def _name(function):
    """The name by which every process finds a function."""
    module = "numpy" if isinstance(function, np.ufunc) else function.__module__
    name = f"{module}:{function.__name__}"
    if _function(name) is not function:
        raise TypeError(f"{function} has no name by which it is found")
    return name


@lru_cache(maxsize=1000)
def _function(name):
    module, _, name = name.partition(":")
    return getattr(import_module(module), name, None)
