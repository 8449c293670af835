"""Pytrees as flat arrays, and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fungrad import tree
from fungrad.core.errors import DtypeError, ShapeError
from fungrad.flatten_util import ravel_pytree

dtypes = st.sampled_from([np.float64, np.float32, np.int32, np.complex64, np.bool_])
leaves = arrays.arrays(dtypes, arrays.array_shapes(min_dims=0, max_dims=3, min_side=0))
trees = st.recursive(
    leaves | st.floats(allow_nan=False) | st.integers(-100, 100),
    lambda x: st.lists(x, max_size=3) | st.dictionaries(st.sampled_from("abc"), x, max_size=3),
    max_leaves=6,
)


@given(trees)
def test_unravel_inverts_ravel(x):
    flat, unravel = ravel_pytree(x)
    assert flat.shape == (sum(np.size(leaf) for leaf in tree.leaves(x)),)
    again = unravel(flat)
    assert tree.structure(again) is tree.structure(x)
    for a, b in zip(tree.leaves(again), tree.leaves(x), strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.shape == np.shape(b) and a.dtype == np.asarray(b).dtype


def test_leaves_follow_each_other_in_row_order():
    flat, _ = ravel_pytree({"b": np.array([[1.0, 2.0], [3.0, 4.0]]).T, "a": 0.0})
    np.testing.assert_array_equal(flat, [0, 1, 3, 2, 4])


def test_dtypes_promote_and_are_cast_back():
    x = [np.array([1, 2], np.int32), np.array([0.5], np.float32), np.array(True)]
    flat, unravel = ravel_pytree(x)
    assert flat.dtype == np.float64
    assert [leaf.dtype for leaf in unravel(flat)] == [np.int32, np.float32, np.bool_]
    assert [leaf.dtype for leaf in unravel(flat.astype(np.float32))][1] == np.float32


def test_complex_flat_arrays_are_cast_back_without_a_warning(recwarn):
    flat, unravel = ravel_pytree((1.0, np.array([1j])))
    assert flat.dtype == np.complex128
    assert unravel(flat) == (1.0, np.array([1j]))
    assert not recwarn.list


def test_one_dtype_leaves_the_dtype_of_the_argument():
    _, unravel = ravel_pytree((np.float32(1.0), np.ones(2, np.float32)))
    assert unravel(np.ones(3))[1].dtype == np.float64
    assert unravel([1, 2, 3])[0] == 1


def test_the_flat_array_shares_no_memory():
    x = np.zeros(3)
    flat, unravel = ravel_pytree([x])
    flat[0] = 1
    assert x[0] == 0
    (again,) = unravel(flat)
    flat[1] = 1
    assert again[1] == 0


def test_no_leaves():
    flat, unravel = ravel_pytree({"a": None, "b": ()})
    assert flat.shape == (0,) and flat.dtype == np.float64
    assert unravel(flat) == {"a": None, "b": ()}


def test_unravel_is_equal_for_equal_structures():
    x = {"a": np.ones(2), "b": 1.0}
    (_, one), (_, other), (_, third) = map(ravel_pytree, (x, x, {"a": np.ones(3), "b": 1.0}))
    assert one == other and hash(one) == hash(other)
    assert one != third
    assert tree.leaves(one) == []


@pytest.mark.parametrize("shape", [(4,), (1, 5), (6,), ()])
def test_unravel_wants_the_shape_of_the_flat_array(shape):
    _, unravel = ravel_pytree((np.ones((2, 2)), 1.0))
    with pytest.raises(ShapeError) as error:
        unravel(np.ones(shape))
    assert str(error.value) == f"unravel: expected an array of shape (5,), got shape {shape}"


@pytest.mark.parametrize("leaf", ["text", np.array(["a"]), np.array([None])])
def test_leaves_must_be_numbers(leaf):
    with pytest.raises(DtypeError, match=r"the leaf at \['a'\]\[1\] is a (str|ndarray), and not"):
        ravel_pytree({"a": [1.0, leaf]})
