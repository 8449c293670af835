"""Awkward functions crossed with every pair of transforms, against differences of their NumPy form.

A transform here maps a function to a function of the same arguments that returns a list of arrays;
beside it stands the same in numbers: differences, loops, or nothing.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from awkward import CORPUS, Awkward, X

import fungrad.numpy as fnp
from fungrad import (
    checkpoint,
    float0,
    grad,
    hessian,
    jacfwd,
    jacrev,
    jit,
    jvp,
    linearize,
    vjp,
    vmap,
)
from fungrad.errors import UnknownValueError
from fungrad.testing.comparison import Tolerance, require_close
from fungrad.testing.numerical import differences
from fungrad.tree import leaves as leaves_of
from fungrad.tree import map as tree_map

STEP = 5e-3  # balances rounding and truncation of two nested differences of fourth order
SCALES = np.array([1.0, 0.9, 1.05])
TOLERANCE = Tolerance(2e-5, 2e-5)


def is_float(leaf):
    """Whether an output counts: integers have no derivative."""
    return np.dtype(getattr(leaf, "dtype", type(leaf))).kind in "fc"


def flat(function):
    """The function with a list of real arrays as output."""
    return lambda x, *rest: [y for y in leaves_of(function(x, *rest)) if is_float(y)]


def pattern(leaf, shift):
    """Fixed numbers in the shape of a leaf: a direction, or weights."""
    shape = np.shape(leaf)
    return np.cos(np.arange(np.prod(shape)) + shift).reshape(shape)[()]


def direction(x):
    """The direction along which functions of x are differentiated."""
    return tree_map(lambda leaf: pattern(leaf, 1.0), x)


# ---- transforms


def pushed(f):
    def function(x, *rest):
        tangents = (direction(x), *[None for _ in rest])
        return jvp(flat(f), (x, *rest), tangents)[1]

    return function


def linearized(f):
    def function(x, *rest):
        _, push = linearize(flat(f), x, *rest)
        return push(direction(x), *[np.zeros(np.shape(r), float0) for r in rest])

    return function


def pulled(f):
    def function(x, *rest):
        y, pull_back = vjp(flat(f), x, *rest)
        return leaves_of(pull_back([pattern(v, 2.0) for v in y])[0])

    return function


def differentiated(f):
    def weighted(x, *rest):
        return sum((pattern(y, 2.0) * y).sum() for y in flat(f)(x, *rest)) + 0.0

    return lambda x, *rest: leaves_of(grad(weighted)(x, *rest))


def jacobian_by(mode):
    def transform(f):
        return lambda x, *rest: leaves_of(mode(flat(f))(x, *rest))

    return transform


def second(f):
    def weighted(x, *rest):
        return sum((pattern(y, 2.0) * y).sum() for y in flat(f)(x, *rest)) + 0.0

    return lambda x, *rest: leaves_of(hessian(weighted)(x, *rest))


def batched(f):
    def function(x, *rest):
        rows = tree_map(lambda leaf: fnp.multiply.outer(SCALES, leaf), x)
        return vmap(flat(f), in_axes=(0, *[None for _ in rest]))(rows, *rest)

    return function


# ---- the same in numbers


def moved(f, x, rest):
    """The function of the flat floats of x, and these."""
    structure = [np.asarray(leaf, float) for leaf in leaves_of(x)]

    def function(values):
        replaced = iter(values)
        return [np.asarray(y) for y in f(tree_map(lambda _: next(replaced)[()], x), *rest)]

    return function, structure


def along(f):
    def function(x, *rest):
        g, values = moved(f, x, rest)
        return differences(g, values, [np.asarray(pattern(v, 1.0)) for v in values], STEP)

    return function


def columns(f, x, rest):
    """For each leaf of x: the derivatives of all outputs along each of its elements."""
    g, values = moved(f, x, rest)
    result = []
    for i, v in enumerate(values):
        result.append([])
        for k in range(v.size):
            unit = np.zeros(v.size)
            unit[k] = 1.0
            tangents = [None] * len(values)
            tangents[i] = unit.reshape(v.shape)
            result[-1].append(differences(g, values, tangents, STEP))
    return result, values, g(values)


def weighted_rows(f):
    def function(x, *rest):
        table, values, outputs = columns(f, x, rest)
        weights = [pattern(y, 2.0) for y in outputs]
        return [
            np.array(
                [
                    sum(np.sum(w * d) for w, d in zip(weights, column, strict=True))
                    for column in leaf
                ]
            ).reshape(v.shape)
            for leaf, v in zip(table, values, strict=True)
        ]

    return function


def full(f):
    def function(x, *rest):
        table, values, outputs = columns(f, x, rest)
        result = []
        for k, y in enumerate(outputs):
            for leaf, v in zip(table, values, strict=True):
                stacked = [column[k] for column in leaf]
                block = np.stack(stacked, -1) if stacked else np.zeros((*y.shape, 0))
                result.append(block.reshape(y.shape + v.shape))
        return result

    return function


def stacked(f):
    def function(x, *rest):
        rows = [f(tree_map(lambda leaf, s=s: np.asarray(s * leaf)[()], x), *rest) for s in SCALES]
        return [np.stack(column) for column in zip(*rows, strict=True)]

    return function


@dataclass(frozen=True)
class Transform:
    """A transform, the same in numbers, its order, and whether it hides values."""

    name: str
    apply: object
    numbers: object
    order: int
    hides_values: bool = False


TRANSFORMS = [
    Transform("jvp", pushed, along, 1),
    Transform("linearize", linearized, along, 1),
    Transform("vjp", pulled, weighted_rows, 1),
    Transform("grad", differentiated, weighted_rows, 1),
    Transform("jacfwd", jacobian_by(jacfwd), full, 1),
    Transform("jacrev", jacobian_by(jacrev), full, 1),
    Transform("hessian", second, lambda f: full(weighted_rows(f)), 2),
    Transform("vmap", batched, stacked, 0, True),
    Transform("jit", lambda f: jit(flat(f)), lambda f: f, 0, True),
    Transform("checkpoint", lambda f: checkpoint(flat(f)), lambda f: f, 0),
]
PAIRS = [(a, b) for a in TRANSFORMS for b in TRANSFORMS if a.order + b.order <= 2]
NUMBERS = {}


def expected(case, outer, inner):
    """What outer of inner of the function returns, in numbers; computed once per kind of pair."""
    key = case.name, outer.numbers, inner.numbers
    if key not in NUMBERS:
        f = inner.numbers(flat(case.reference))
        if len(key) > 2:
            NUMBERS[key] = outer.numbers(f)(case.x, *case.rest)
    return NUMBERS[key]


def compare(found, case, outer, inner):
    """Each output against the numbers, by shape and value."""
    numbers = expected(case, outer, inner)
    found = [np.asarray(y) for y in leaves_of(found)]
    assert [y.shape for y in found] == [np.shape(y) for y in numbers]
    for k, (y, reference) in enumerate(zip(found, numbers, strict=True)):
        what = f"{outer.name} of {inner.name} of {case.name}: output {k}"
        require_close(y, np.asarray(reference, float), what, TOLERANCE)


def applicable(case, *transforms):
    """Whether the transforms can trace the function."""
    return not (case.needs_values and any(t.hides_values for t in transforms))


@pytest.mark.parametrize("outer", [t for t in TRANSFORMS if t.name != "jit"], ids=lambda t: t.name)
@pytest.mark.parametrize("case", CORPUS, ids=lambda c: c.name)
def test_pairs_of_transforms(case, outer):
    for first, inner in PAIRS:
        if first is outer and inner.name != "jit" and applicable(case, outer, inner):
            transformed = outer.apply(inner.apply(case.function))
            compare(transformed(case.x, *case.rest), case, outer, inner)


def pytest_generate_tests(metafunc):
    """Every pair with jit inside, outside or around, or a few of them."""
    if "compiled_pair" in metafunc.fixturenames:
        is_thorough = metafunc.config.getoption("--all-compiled")
        chosen = [p for p in PAIRS if is_thorough or (p[0].name, p[1].name) in COMPILED]
        metafunc.parametrize("compiled_pair", chosen, ids=lambda p: f"{p[0].name}-{p[1].name}")


COMPILED = {("vmap", "grad"), ("jvp", "vjp"), ("grad", "jit"), ("jacfwd", "jit")}


@pytest.mark.parametrize("case", [c for c in CORPUS if not c.needs_values], ids=lambda c: c.name)
def test_compiled_pairs_of_transforms(case, compiled_pair):
    outer, inner = compiled_pair
    transformed = outer.apply(inner.apply(case.function))
    if inner.name != "jit":
        transformed = jit(transformed)
    compare(transformed(case.x, *case.rest), case, outer, inner)


@pytest.mark.parametrize("name", ["vmap", "jit"])
@pytest.mark.parametrize("case", [c for c in CORPUS if c.needs_values], ids=lambda c: c.name)
def test_hidden_values_are_named(case, name):
    transform = next(t for t in TRANSFORMS if t.name == name)
    with pytest.raises(UnknownValueError, match=name):
        transform.apply(case.function)(case.x, *case.rest)


def test_a_function_sees_each_transform_once_more():
    """Three transforms deep, on one function of each kind."""
    by_name = {t.name: t for t in TRANSFORMS}
    case = Awkward(lambda x: fnp.sin(x) * x.sum(), X)
    for names in [
        ("vmap", "jvp", "grad"),
        ("grad", "vmap", "jit"),
        ("jvp", "jit", "vjp"),
        ("jacfwd", "vmap", "checkpoint"),
        ("linearize", "checkpoint", "jvp"),
    ]:
        function, numbers = case.function, flat(case.function)
        for name in reversed(names):
            function = by_name[name].apply(function)
            numbers = by_name[name].numbers(numbers)
        for found, reference in zip(leaves_of(function(X)), numbers(X), strict=True):
            require_close(found, np.asarray(reference), " of ".join(names), TOLERANCE)
