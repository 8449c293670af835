"""Index arithmetic: linear forms, and what ranges simplify."""

import numpy as np
import pytest

from fungrad.compiler.language.index import Affine, IndexBuilder
from fungrad.compiler.language.scalar import INDEX
from fungrad.compiler.language.views import row_major
from fungrad.primitives.movement import clamp, ravel_index, unravel_index


@pytest.fixture
def build():
    return IndexBuilder()


def loops(build, *extents):
    return tuple([build.index(f"i{k}", n) for k, n in enumerate(extents)])


def test_small_constants_are_literals_and_large_ones_are_symbols(build):
    assert repr(build.constant(16, INDEX)) == "16"
    large = build.constant(17, INDEX)
    assert large.op == "symbol" and build.sizes[large] == 17


def test_linear_forms(build):
    i, j = loops(build, 20, 30)
    form = build.affine(i * build.constant(30, INDEX) + j - i * 2 + build.constant(100, INDEX))
    assert form == Affine(100, ((i, 28), (j, 1)))


@pytest.mark.parametrize("shape", [(600,), (20, 30), (2, 10, 30), (20, 2, 15), (4, 150), (600, 1)])
def test_a_position_survives_a_detour_through_any_shape(build, shape):
    index = loops(build, 20, 30)
    position = ravel_index(build, index, (20, 30))
    detour = unravel_index(build, position, shape)
    assert build.position(detour, row_major(shape)) == build.position(index, (30, 1))


def test_quotients_and_remainders_of_joined_indices_vanish(build):
    i, j = loops(build, 20, 30)
    n = build.constant(30, INDEX)
    position = i * n + j
    assert build.affine(build.call("floor_divide", INDEX, position, n)) == Affine(0, ((i, 1),))
    assert build.affine(build.call("remainder", INDEX, position, n)) == Affine(0, ((j, 1),))


def test_a_remainder_that_stays_is_unsigned(build):
    (i,) = loops(build, 600)
    rest = build.call("remainder", INDEX, i, build.constant(7, INDEX))
    assert rest.op == "index_remainder"
    assert build.range(rest) == (0, 6)


def test_bounds_that_hold_vanish(build):
    (i,) = loops(build, 20)
    assert clamp(build, i, 20) is i
    shifted = i + build.constant(40, INDEX)
    assert clamp(build, shifted, 60) is shifted
    assert clamp(build, shifted, 50) is not shifted
    assert build.call("less", np.dtype(bool), i, build.constant(20, INDEX)).attribute is True


def test_comparisons_that_change_are_breaks(build):
    (i,) = loops(build, 60)
    build.call("less", np.dtype(bool), i, build.constant(20, INDEX))
    build.call("greater", np.dtype(bool), i, build.constant(40, INDEX))
    clamp(build, build.constant(59, INDEX) - i, 50)
    assert build.breaks == {i: {20, 41, 10}}


def test_data_is_not_simplified_since_it_may_wrap_around(build):
    x = build.symbol("x", INDEX)
    six = build.constant(6, INDEX)
    quotient = build.call("floor_divide", INDEX, x * six, six)
    assert quotient.op == "floor_divide"


def test_terms_are_ordered_whatever_they_share_inside():
    """A term of many levels, each read twice, is ordered without being written out as a tree."""
    build = IndexBuilder()
    i, data = build.index("i", 100), build.symbol("data", np.int64)
    for _ in range(200):
        data = build.call("bitwise_xor", INDEX, data, data << 1)
    assert (build.affine(data) + build.affine(i)).terms == (
        build.affine(i) + build.affine(data)
    ).terms
