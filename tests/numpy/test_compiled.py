"""Compiled code for one call of every function of the table, several to a program."""

import pytest

from tests.tables.laws import compiled
from tests.tables.of_numpy import CALLS
from tests.tables.traced import operands

SIZE = 16


def first_of_each():
    """The first call of each function that has traced operands."""
    found = {}
    for call in CALLS:
        if operands(call) and call.sized:
            found.setdefault(call.function, call)
    return list(found.values())


GROUPS = [first_of_each()[i::SIZE] for i in range(SIZE)]


@pytest.mark.parametrize("number", range(SIZE))
def test_compiled(number):
    compiled(GROUPS[number])
