"""Every law for every call of the tables that have no tests of their own."""

import pytest

from tests.coverage_of_names.catalogue import catalogue, is_present
from tests.tables import all_rows
from tests.tables.laws import CHECKS, applies, compiled
from tests.tables.row import Call

OWN = ("numpy", "numpy.linalg", "scipy.linalg")  # tests/numpy and tests/scipy go through these
ROWS = [row for row in all_rows() if row.names and row.names[0][0] not in OWN]
CASES = [(law, row) for row in ROWS for law in CHECKS if law != "jit" and applies(law, row)]
COMPILED = [row for row in ROWS if row.names[0][0] in ("lax", "lax.linalg", "fungrad", "ops")]
SIZE = 12


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("law, row", CASES, ids=str)
def test_law(law, row):
    CHECKS[law](row)


@pytest.mark.parametrize("number", range(SIZE))
def test_compiled(number):
    """What has no compiled tests elsewhere; several calls to a program."""
    compiled([row for row in COMPILED[number::SIZE] if row.sized])


NOT_CALLED = """checkpoint_policies debug custom_derivatives tree tree_util fungrad scipy.sparse.linalg
    test_util at scipy.optimize""".split()


@pytest.mark.parametrize("space", [s for s in catalogue() if s not in NOT_CALLED])
def test_every_name_of_the_first_priority_has_a_call(space):
    called = {key for row in all_rows() for key in row.names}
    names = [n for n in catalogue()[space].get("P0", ()) if is_present(space, n)]
    assert [n for n in names if (space, n) not in called] == []


def broken(**changes):
    """A call whose function is wrong in one way."""
    import numpy as np

    from fungrad import custom_jvp, stop_gradient
    from tests.tables.row import Traced

    wrong = custom_jvp(np.sin)
    wrong.defjvp(lambda p, t: (np.sin(p[0]), 1.01 * t[0] * stop_gradient(np.cos(p[0]))))
    function = {"values": lambda x: np.sin(x) + 1e-6, "derivative": wrong, "second": wrong}
    args = (Traced(np.array([0.3, 0.7])),)
    return Call(function[changes["law"]], args, expected=np.sin)


@pytest.mark.parametrize("law", ["values", "derivative", "second"])
def test_a_law_finds_what_is_wrong(law):
    with pytest.raises(AssertionError):
        CHECKS[law](broken(law=law))
