"""Array types: interning, names, the types of values."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fungrad.core.types import ArrayType, is_python_number, short_name, type_of


def test_equal_types_are_one_object():
    assert ArrayType((3,), float) is ArrayType((3,), np.float64)
    assert ArrayType((3,), "f8") is ArrayType([3], np.dtype("float64"))
    assert ArrayType((np.int64(3), True), int) is ArrayType((3, 1), np.int64)
    assert ArrayType((3,), float) is not ArrayType((3, 1), float)
    assert ArrayType((), np.float32) is not ArrayType((), np.float64)


def test_byte_order_is_not_part_of_a_type():
    swapped = np.zeros(3, np.dtype(np.float64).newbyteorder("S"))
    assert type_of(swapped) is ArrayType((3,), np.float64)


def test_a_shape_is_a_tuple_of_python_ints():
    shape = ArrayType((np.int32(2), np.uint8(3)), np.int8).shape
    assert shape == (2, 3) and {type(n) for n in shape} == {int}


def test_rank_and_size():
    kind = ArrayType((2, 3, 4), bool)
    assert (kind.ndim, kind.size) == (3, 24)
    assert (ArrayType((), bool).ndim, ArrayType((), bool).size) == (0, 1)
    assert ArrayType((2, 0), bool).size == 0


def test_other_shape_and_dtype():
    kind = ArrayType((2, 3), float)
    assert kind.with_shape((6,)) is ArrayType((6,), float)
    assert kind.with_dtype(complex) is ArrayType((2, 3), complex)


def test_copies_and_pickles_are_the_same_object():
    kind = ArrayType((2, 3), np.complex64)
    assert copy.deepcopy(kind) is kind
    assert pickle.loads(pickle.dumps(kind)) is kind


@pytest.mark.parametrize(
    ("dtype", "name"),
    [
        (bool, "bool"),
        (np.int8, "i8"),
        (np.uint64, "u64"),
        (np.float16, "f16"),
        (np.float32, "f32"),
        (float, "f64"),
        (np.complex64, "c64"),
        (complex, "c128"),
    ],
)
def test_short_names(dtype, name):
    assert short_name(dtype) == name
    assert repr(ArrayType((2, 3), dtype)) == f"{name}[2,3]"
    assert repr(ArrayType((), dtype)) == f"{name}[]"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "bool[]"),
        (3, "i64[]"),
        (3.0, "f64[]"),
        (3j, "c128[]"),
        (np.float32(3), "f32[]"),
        (np.array(3, np.int8), "i8[]"),
        (np.ones((2, 0), np.uint8), "u8[2,0]"),
    ],
)
def test_the_type_of_a_value(value, text):
    assert repr(type_of(value)) == text


def test_other_values_have_no_type():
    with pytest.raises(AttributeError):
        type_of("text")


def test_real_and_complex_types_are_differentiable():
    for dtype in (np.float16, np.float32, float, np.complex64, complex):
        assert ArrayType((2,), dtype).is_differentiable
    for dtype in (bool, np.int64, np.uint8):
        assert not ArrayType((2,), dtype).is_differentiable


def test_python_numbers():
    assert all(map(is_python_number, (True, 1, 1.0, 1j)))
    assert not any(map(is_python_number, (np.float64(1), np.True_, "1", None)))


def test_interning_is_the_same_on_every_thread():
    shapes = [(n, m) for n in range(50) for m in range(20)] * 2

    def made(_):
        return [id(ArrayType(s, np.uint16)) for s in shapes]

    with ThreadPoolExecutor(8) as pool:
        first, *others = pool.map(made, range(8))
    assert all(other == first for other in others)
