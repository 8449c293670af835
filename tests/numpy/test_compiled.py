"""Compiled code for one call of every function of the table, several to a program."""

import warnings

import numpy as np
import pytest
from calls import CALLS
from harness import flat, operands, same, with_operands
from test_calls import VALUE_DEPENDENT

from fungrad import jit

SIZE = 16


def first_of_each():
    """The first call of each function that has traced operands."""
    found = {}
    for call in CALLS:
        if operands(call) and call.function not in VALUE_DEPENDENT:
            found.setdefault(call.function, call)
    return list(found.values())


GROUPS = [first_of_each()[i::SIZE] for i in range(SIZE)]


@pytest.mark.law("jit")
@pytest.mark.parametrize("number", range(SIZE))
def test_compiled(number):
    calls = GROUPS[number]
    values = [operands(call) for call in calls]

    def together(values):
        return [flat(with_operands(c, v)) for c, v in zip(calls, values, strict=True)]

    results = jit(together)(values)
    for call, v, result in zip(calls, values, results, strict=True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = with_operands(call, v)
        try:
            same(expected, [np.asarray(y) for y in result])
        except AssertionError as error:
            raise AssertionError(f"{call}: {error}") from None
