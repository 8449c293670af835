"""Entries of scalar loops are packed into vectors where an operation takes long, not elsewhere."""

import numpy as np
import pytest

import fungrad
import fungrad.numpy as fnp
from fungrad.compiler.llvm import build
from fungrad.compiler.llvm.build import Array, Scalar, entry_request
from fungrad.compiler.llvm.effort import LOOPS, ONCE, SCALARS, effort_of
from fungrad.compiler.compiling import assembled

LOOP = """def entry(a, b):
    c = a[0]
    for i0 in turns(sizes[0], n0, n1):
        {}
    return 0
"""


@pytest.mark.parametrize(
    ("statement", "effort"),
    [
        ("c = c * b + 1.0", SCALARS),
        ("c = fast_add(c, b) / 4.0", SCALARS),
        ("c = select(c < b, (c - b) / 0.5, -c)", SCALARS),
        ("c = c / 3.0", LOOPS),
        ("c = c / b", LOOPS),
        ("c = f(c / b, b)", LOOPS),
        ("c = (c + b) / (c - b)", LOOPS),
        ("c = sqrt(c)", LOOPS),
        ("c = 1.0 + exp((c * b))", LOOPS),
        ("c = left_shift(c, b)", LOOPS),
    ],
)
def test_what_takes_long_is_packed(statement, effort):
    assert effort_of(LOOP.format(statement)) == effort


def test_what_runs_once_is_not_optimised():
    assert effort_of("def entry(a, b):\n    formula = sqrt(a)\n    return 0\n") == ONCE


def test_the_same_source_is_packed_or_not_for_good():
    arguments = Array("float64"), Scalar("float64")
    source = LOOP.format("c = c * b").replace("turns(sizes[0], n0, n1)", "range(9)")
    assert entry_request(source, "entry", arguments).effort == SCALARS


def leaps(q, p):
    """Ten leaps in a valley."""

    def leap(_, state):
        place, momentum = state
        place = place + 0.1 * momentum
        bend = place[1] - place[0] ** 2
        return place, momentum - 0.1 * fnp.stack([-4 * bend * place[0], 2 * bend])

    return fungrad.lax.fori_loop(0, 10, leap, (q, p))


def test_a_loop_of_sums_and_products_has_no_shuffles():
    made = assembled(fungrad.jit(leaps).lower(np.ones(2), np.ones(2)).program, ())
    request = build.entry_request(made.source, "entry", made.arguments, {})
    assert request.effort == SCALARS
    from fungrad.compiler.llvm import machine

    text = str(machine.optimised(request.texts(), request.exports, request.effort))
    assert "x double>" not in text
    assert "x double>" in str(machine.optimised(request.texts(), request.exports, LOOPS))


def test_its_result_is_that_of_eager_code():
    q, p = np.array([0.3, -1.2]), np.array([0.7, 0.2])
    for compiled, eager in zip(fungrad.jit(leaps)(q, p), leaps(q, p), strict=True):
        np.testing.assert_allclose(compiled, eager, rtol=1e-13, atol=1e-14)
