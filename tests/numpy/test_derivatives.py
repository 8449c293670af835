"""Derivatives of the table's smooth calls: both modes against finite differences, and vmap."""

import pytest

from tests.tables.laws import applies, batched, derivative, second
from tests.tables.of_numpy import CALLS

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


@pytest.mark.parametrize("call", [c for c in CALLS if applies("derivative", c)], ids=str)
def test_both_modes(call):
    derivative(call)


@pytest.mark.parametrize("call", [c for c in CALLS if applies("vmap", c)], ids=str)
def test_batched(call):
    batched(call)


@pytest.mark.parametrize("call", [c for c in CALLS if applies("second", c)], ids=str)
def test_second_order(call):
    second(call)
