"""Inner loops that are left out where a truth value makes all that they add zero."""

import numpy as np
import pytest

import fungrad
import fungrad.numpy as fnp
from fungrad import grad, jit
from fungrad.compiler.fusion.guards import guard, masks
from fungrad.compiler.language.builder import Builder
from fungrad.compiler.language.scalar import constant

build = Builder()
x, y = build.symbol("x", float), build.symbol("y", float)
p, q = build.symbol("p", bool), build.symbol("q", bool)


def test_masks_of_expressions():
    as_number = build.cast(p, float)
    assert masks(x) == masks(x + y) == ()
    assert masks(as_number) == masks(-(y * as_number)) == (p,)
    assert masks(build.select(p, x, 0.0)) == (p,)
    assert masks(build.select(p, as_number * build.cast(q, float), 0.0)) == (p, p, q)
    assert masks(build.select(p, 0.0, x)) == masks(build.select(p, x, 1.0)) == ()
    assert masks(as_number / x) == ()  # 0 / 0 is not 0


def test_guards_of_several_values():
    a, b = build.select(p, x, 0.0), build.select(q, y, 0.0)
    assert guard([a, a * y], lambda mask: True) is p
    assert guard([a, b], lambda mask: True) is p | q
    assert guard([a, x], lambda mask: True) is None
    assert guard([a, b], lambda mask: mask is p) is None
    assert constant(0, np.dtype(float)) not in masks(a)


def nearest(centres, points):
    distances = ((points[:, None, :] - centres) ** 2).sum(2)
    return distances.min(1).sum()


def source(f, *arguments):
    return jit(f).lower(*arguments).as_text()


def case(n=7, k=3, d=20):
    generator = np.random.default_rng(0)
    return generator.normal(size=(k, d)), generator.normal(size=(n, d))


def test_the_derivative_of_a_minimum_visits_the_rows_that_attain_it():
    text = source(grad(nearest), *case())
    assert "if u1:\n                for i2 in range(n0):" in text
    centres, points = case()
    closest = ((points[:, None, :] - centres) ** 2).sum(2).argmin(1)
    expected = np.zeros_like(centres)
    np.add.at(expected, closest, 2 * (centres[closest] - points))
    np.testing.assert_allclose(jit(grad(nearest))(centres, points), expected, rtol=1e-12)


def test_ties_share_the_derivative():
    centres, points = case()
    centres[1] = centres[0]
    compiled = jit(grad(nearest))(centres, points)
    np.testing.assert_allclose(compiled, grad(nearest)(centres, points), rtol=1e-12)


def test_loops_that_something_else_needs_are_not_left_out():
    """A sum that ends inside the loop, and one without a mask beside one with it."""

    def by_rows(mask, x):
        return fnp.where(mask[:, None], x, 0.0).sum(1)

    def two_sums(mask, x):
        return fnp.where(mask[:, None], x, 0.0).sum(0), x.sum(0)

    generator = np.random.default_rng(1)
    mask, x = generator.uniform(size=30) < 0.5, generator.normal(size=(30, 20))
    for f in (by_rows, two_sums):
        assert "if u" not in source(f, mask, x) and "if x" not in source(f, mask, x)
        for ours, theirs in zip(
            *map(fungrad.tree.leaves, (jit(f)(mask, x), f(mask, x))), strict=True
        ):
            np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_sum_over_masked_rows(share):
    """The sum over the rows where a mask holds; nothing is added for the others, not even nan."""

    def f(mask, x):
        return fnp.where(mask[:, None], x * x, 0.0).sum(0)

    generator = np.random.default_rng(2)
    mask, x = generator.uniform(size=30) < share, generator.normal(size=(30, 20))
    x[~mask] = np.nan
    assert "if " in source(f, mask, x)
    np.testing.assert_allclose(jit(f)(mask, x), f(mask, x), rtol=1e-12)
