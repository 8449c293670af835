"""Indexing of traced arrays equals NumPy's: reads, writes, in place and by `at`."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import fungrad.numpy as fnp
from fungrad.core.errors import BooleanIndexError, OutOfBoundsError, ShapeError, UnknownValueError
from fungrad.core.tracing import Recording, trace
from fungrad.core.types import type_of
from tests.tables.traced import compiled_path, eagerly, same

SHAPES = hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=5)


def values(shape):
    return np.arange(1.0, 1.0 + np.prod(shape)).reshape(shape)


@st.composite
def arrays_and_indices(draw):
    """An array with a basic index, or one that mixes arrays, slices and masks."""
    x = values(draw(SHAPES))
    if draw(st.booleans()):
        return x, draw(hnp.basic_indices(x.shape, allow_newaxis=True))
    front = draw(hnp.array_shapes(min_dims=0, max_dims=2, min_side=1, max_side=3))
    items, axis = [], 0
    while axis < x.ndim and draw(st.integers(0, 5)):
        n = x.shape[axis]
        kind = draw(st.sampled_from(["array", "list", "int", "slice", "none", "mask", "stepped"]))
        if kind == "array":
            shape = draw(st.sampled_from([front, front[1:], (1,) * len(front)]))
            items.append(draw(hnp.arrays(np.int64, shape, elements=st.integers(-n, n - 1))))
        elif kind == "list":
            items.append([draw(st.integers(-n, n - 1))])
        elif kind == "int":
            items.append(draw(st.integers(-n, n - 1)))
        elif kind == "slice":
            items.append(draw(st.slices(n)))
        elif kind == "stepped":
            items.append(slice(None, None, draw(st.sampled_from([-2, -1, 2, 3]))))
        elif kind == "mask":
            items.append(draw(hnp.arrays(bool, (n,))))
        axis += kind != "none"
        if kind == "none":
            items.append(None)
    if draw(st.booleans()):
        items.insert(draw(st.integers(0, len(items))), Ellipsis)
    index = tuple(items)
    try:
        x[index]
    except IndexError:  # masks whose counts do not broadcast
        index = (0,)
    return x, index


@settings(max_examples=400, deadline=None)
@given(arrays_and_indices())
def test_reading_equals_numpy(case):
    x, index = case
    same(x[index], eagerly(lambda t: t[index], x))
    same(x[index], compiled_path(lambda t: t[index], x))


def written(x, index, value):
    y = x.copy()
    y[index] = value
    return y


@settings(max_examples=400, deadline=None)
@given(arrays_and_indices(), st.booleans())
def test_writing_equals_numpy(case, is_scalar):
    x, index = case
    value = -1.0 if is_scalar else -np.arange(1.0, 1.0 + x[index].size).reshape(x[index].shape)
    expected = written(x, index, value)
    same(expected, eagerly(lambda t, v: written(t, index, v), x, np.asarray(value)[()]))
    same(expected, compiled_path(lambda t, v: written(t, index, v), x, np.asarray(value)[()]))
    same(expected, fnp.at(x)[index].set(value))


@settings(max_examples=200, deadline=None)
@given(arrays_and_indices())
def test_adding_accumulates(case):
    x, index = case
    expected = x.copy()
    np.add.at(expected, index, 2.0)
    same(expected, eagerly(lambda t: t.at[index].add(2.0), x))
    same(expected, fnp.at(x)[index].add(2.0))
    expected = x.copy()
    expected[index] += 2.0

    def in_place(t):
        y = t.copy()
        y[index] += 2.0
        return y

    same(expected, eagerly(in_place, x))


@pytest.mark.parametrize("mode", ["clip", "wrap", "fill", "drop"])
@pytest.mark.parametrize("index", [7, -7, (0, 9), [0, 4, -5], (slice(1), [5, 0])])
def test_modes_agree_for_static_and_traced_indices(mode, index):
    x = values((3, 4))

    def get(t, i):
        return t.at[i].get(mode=mode)

    expected = fnp.at(x)[index].get(mode=mode)
    same(expected, eagerly(lambda t: get(t, index), x))
    if not isinstance(index, tuple):
        same(expected, compiled_path(get, x, np.asarray(index)[()]))
    changed = fnp.at(x)[index].set(0.0, mode=mode)
    same(changed, compiled_path(lambda t: t.at[index].set(0.0, mode=mode), x))


def test_the_modes_of_at():
    x = values((3,))
    at = fnp.at(x)
    assert at[5].get(mode="clip") == 3.0
    assert at[-5].get(mode="clip") == 1.0
    assert at[4].get(mode="wrap") == 2.0
    assert np.isnan(at[5].get(mode="fill"))
    assert at[5].get(mode="fill", fill_value=-1) == -1.0
    assert at[-1].get(mode="fill") == 3.0
    same(at[[0, 5]].set(9.0, mode="drop"), np.array([9.0, 2.0, 3.0]))
    same(at[[0, -1]].set(9.0, mode="promise_in_bounds"), np.array([9.0, 2.0, 9.0]))
    with pytest.raises(ValueError, match="mode 'keep' is not one of raise, clip"):
        at[0].get(mode="keep")


def test_the_operations_of_at():
    x = values((4,))
    at = fnp.at(x)[[1, 1, 3]]
    same(at.set(5.0), np.array([1.0, 5.0, 3.0, 5.0]))
    same(at.add(5.0), np.array([1.0, 12.0, 3.0, 9.0]))
    same(at.subtract(5.0), np.array([1.0, -8.0, 3.0, -1.0]))
    same(at.multiply(2.0), np.array([1.0, 8.0, 3.0, 8.0]))
    same(at.mul(2.0), at.multiply(2.0))
    same(at.divide(2.0), np.array([1.0, 0.5, 3.0, 2.0]))
    same(at.power(2.0), np.array([1.0, 4.0, 3.0, 16.0]))
    same(at.min(3.0), np.array([1.0, 2.0, 3.0, 3.0]))
    same(at.max(3.0), np.array([1.0, 3.0, 3.0, 4.0]))
    same(at.apply(np.negative), np.array([1.0, -2.0, 3.0, -4.0]))
    same(fnp.at(x)[1:3].add(1.0, unique_indices=True), np.array([1.0, 3.0, 4.0, 4.0]))
    same(fnp.at(x)[x > 2].set(0.0), np.array([1.0, 2.0, 0.0, 0.0]))
    assert x is not fnp.at(x)[:].set(x) and not np.shares_memory(x, fnp.at(x)[:].get())


def test_traced_integers_as_indices():
    x = values((3, 4))
    i = np.int64(-1)
    for function in (eagerly, compiled_path):
        same(x[i], function(lambda t, i: t[i], x, i))
        same(x[1, i], function(lambda t, i: t[1, i], x, i))
        same(x[:, i], function(lambda t, i: t[:, i], x, i))
        same(x[[0, 1], i], function(lambda t, i: t[[0, 1], i], x, i))
        same(x[..., None, i], function(lambda t, i: t[..., None, i], x, i))
        same(written(x, i, 5.0), function(lambda t, i: written(t, i, 5.0), x, i))
        with pytest.raises(OutOfBoundsError, match="index 3 is out of bounds for axis 0 with size"):
            function(lambda t, i: t[i], x, np.int64(3))


def test_known_integers_are_slice_bounds():
    x = values((5,))
    same(x[1:3], eagerly(lambda t, i: t[i : i + 2], x, np.int64(1)))


@pytest.mark.parametrize(
    ("index", "error", "text"),
    [
        (3, OutOfBoundsError, "index 3 is out of bounds for axis 0 with size 3"),
        ((0, -5), OutOfBoundsError, "index -5 is out of bounds for axis 1 with size 4"),
        ([0, 7], OutOfBoundsError, "index 7 is out of bounds for axis 0 with size 3"),
        ((0, 0, 0), IndexError, "too many indices for array: array is 2-dimensional, but 3"),
        ((..., ...), IndexError, "single ellipsis"),
        (1.5, IndexError, "only integers, slices"),
        ("a", IndexError, "only integers, slices"),
        (np.zeros(2), IndexError, "only integers, slices"),
        (np.ones(4, bool), IndexError, "boolean index did not match indexed array along axis 0"),
        (([0, 1], [0, 1, 2]), IndexError, "index arrays: shapes"),
    ],
)
def test_bad_indices(index, error, text):
    with pytest.raises(error, match=text):
        eagerly(lambda t: t[index], values((3, 4)))
    if error is not ShapeError:
        with pytest.raises(IndexError):
            values((3, 4))[index]


def test_unknown_masks():
    x = values((3,))
    with pytest.raises(BooleanIndexError, match=r"jit of f is traced; write fungrad.numpy.where"):
        trace(lambda t: [t[t > 1]], [type_of(x)], "jit of f")
    with pytest.raises(BooleanIndexError, match=r"nonzero: .*give size="):
        trace(lambda t: [np.nonzero(t)[0]], [type_of(x)], "jit of f")
    with pytest.raises(UnknownValueError, match="dynamic_slice_in_dim"):
        trace(lambda t, i: [t[i:]], [type_of(x), type_of(np.int64(1))], "jit of f")

    def masked(t):
        y = t * 1
        y[y > 1] = 0.0
        y[y == 1] = t[0:1] * 9
        return y

    same(np.array([9.0, 0.0, 0.0]), compiled_path(masked, x))


def test_writes_that_do_not_fit():
    x = values((3, 4))
    with pytest.raises(ShapeError, match=r"a value of shape \(3,\) into an indexed array of shape"):
        eagerly(lambda t: written(t, 0, np.ones(3)), x)
    with pytest.raises(TypeError, match="would drop its derivative"):
        eagerly(lambda t: written(fnp.zeros(3, int), 0, t[0, 0]), x)
    same(np.array([2, 0]), eagerly(lambda t: written(fnp.zeros(2, int), 0, 2.7), x))


def test_positions_of_an_unknown_mask_with_a_size():
    x = np.array([[0.0, 1.0], [2.0, 0.0]])
    for n in (1, 2, 3):
        expected = [np.pad(i, (0, 9), constant_values=-1)[:n] for i in np.nonzero(x)]
        same(expected, compiled_path(lambda t, n=n: fnp.nonzero(t, size=n, fill_value=-1), x))
    same(np.array([1, 2]), compiled_path(lambda t: fnp.flatnonzero(t, size=2), x))
    same(np.argwhere(x), compiled_path(lambda t: fnp.argwhere(t, size=2), x))
    assert fnp.where(x, size=1)[1] == 1


def test_masks_with_fewer_axes_select_rows():
    x, mask = values((2, 3, 2)), np.array([[True, False, True], [False, True, False]])
    with Recording("grad of f") as recording:
        t = recording.add_input(type_of(x), x)
        same(x[mask], t[mask].value)
        same(x[:, mask[0]], t[:, mask[0]].value)
        same(x[True], t[True].value)
        same(x[False], t[False].value)
        y = t.copy()
        y[mask] = 0.0
        same(written(x, mask, 0.0), y.value)
