"""The routines that primitives write their statements with, and where they are found."""

from importlib import import_module

import pytest

from fungrad.compiler import math
from fungrad.compiler.routines import _FILE_OF, RoutineBuilder


@pytest.mark.parametrize("name", _FILE_OF)
def test_every_routine_is_where_the_table_says(name):
    assert callable(getattr(import_module(f"fungrad.compiler.{_FILE_OF[name]}"), name))
    builder = RoutineBuilder.__new__(RoutineBuilder)
    assert getattr(builder, name).__func__.__name__ == name


def test_others_are_missed():
    with pytest.raises(AttributeError, match="no 'wash'"):
        RoutineBuilder.__new__(RoutineBuilder).wash


@pytest.mark.parametrize("name", math._FAMILY_OF)
def test_every_function_of_a_family_is_in_its_file(name):
    assert callable(math._expansion(name, "f"))
