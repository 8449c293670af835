"""Derivatives of the table's smooth calls: both modes against finite differences, and vmap."""

import numpy as np
import pytest
from calls import CALLS
from harness import flat, operands, with_operands
from test_calls import VALUE_DEPENDENT

import fungrad

SMOOTH = [
    c
    for c in CALLS
    if c.smooth and all(np.asarray(x).dtype == np.float64 for x in operands(c)) and operands(c)
]
BATCHED = [c for c in CALLS if operands(c) and c.function not in VALUE_DEPENDENT]
STEP = 1e-6

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def is_float(y):
    """Whether an output is an array of floats, or a float."""
    return np.dtype(getattr(y, "dtype", type(y))).kind == "f"


def numeric(call):
    """The call as a function of its float arrays, with its float outputs as a list."""
    return lambda *values: [y for y in flat(with_operands(call, values)) if is_float(y)]


def difference(function, values, direction):
    """The central difference along a direction."""
    above = function(*[x + STEP * d for x, d in zip(values, direction, strict=True)])
    below = function(*[x - STEP * d for x, d in zip(values, direction, strict=True)])
    return [(a - b) / (2 * STEP) for a, b in zip(above, below, strict=True)]


def random_like(values, seed):
    random = np.random.default_rng(seed)
    return [random.standard_normal(np.shape(x))[()] for x in values]


@pytest.mark.law("derivative")
@pytest.mark.parametrize("call", SMOOTH, ids=str)
def test_both_modes(call):
    values = tuple(operands(call))
    function = numeric(call)
    direction = random_like(values, 1)
    expected = difference(function, values, direction)
    outputs, tangents = fungrad.jvp(function, values, tuple(direction))
    for e, t, y in zip(expected, tangents, outputs, strict=True):
        assert t.dtype == y.dtype
        np.testing.assert_allclose(t, e, rtol=1e-5, atol=1e-7)
    outputs, pull_back = fungrad.vjp(function, *values)
    weights = random_like(outputs, 2)
    pulled = pull_back(weights)
    assert [p.shape for p in pulled] == [np.shape(x) for x in values]
    along = sum(np.vdot(p, d) for p, d in zip(pulled, direction, strict=True))
    across = sum(np.vdot(w, t) for w, t in zip(weights, tangents, strict=True))
    np.testing.assert_allclose(along, across, rtol=1e-9, atol=1e-9)


@pytest.mark.law("vmap")
@pytest.mark.parametrize("call", BATCHED, ids=str)
def test_batched(call):
    values = tuple(operands(call))
    others = [x + x.dtype.type(0.01) if x.dtype.kind in "fc" else x for x in values]
    batch = [np.stack(pair) for pair in zip(values, others, strict=True)]

    def function(*values):
        outputs = flat(with_operands(call, values))
        return [y for y in outputs if hasattr(y, "dtype") or type(y) is bool]

    results = fungrad.vmap(function)(*batch)
    for i, row in enumerate((values, others)):
        for r, e in zip(results, function(*row), strict=True):
            close = 1e-9 if np.asarray(e).dtype.itemsize >= 8 else 1e-4
            np.testing.assert_allclose(r[i], e, rtol=close, atol=close)


@pytest.mark.law("derivative")
@pytest.mark.parametrize("call", SMOOTH, ids=str)
def test_second_order(call):
    """Forward over reverse equals the difference of two gradients."""
    values = tuple(operands(call))
    function = numeric(call)
    weights = random_like(function(*values), 3)
    arguments = tuple(range(len(values)))

    def loss(*x):
        return sum((w * y).sum() for w, y in zip(weights, function(*x), strict=True))

    gradient = fungrad.grad(loss, argnums=arguments)
    direction = random_like(values, 4)
    _, curved = fungrad.jvp(gradient, values, tuple(direction))
    for c, e in zip(curved, difference(gradient, values, direction), strict=True):
        np.testing.assert_allclose(c, e, rtol=1e-4, atol=1e-5)
