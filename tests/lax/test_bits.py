"""Functions of bits against Python's integers and NumPy's views, eager and compiled."""

import numpy as np
import pytest

from fungrad import grad, jit, lax, vmap
from fungrad.errors import DtypeError, ShapeError

EACH_INTEGER = pytest.mark.parametrize(
    "dtype", [np.int8, np.int32, np.int64, np.uint8, np.uint32, np.uint64]
)


def integers(dtype, seed=0):
    """Integers of all sizes, with the extremes."""
    info = np.iinfo(dtype)
    rng = np.random.default_rng(seed)
    drawn = rng.integers(info.min, info.max, 40, dtype=dtype, endpoint=True)
    small = drawn >> rng.integers(0, info.bits - 1, 40, dtype=dtype)
    return np.concatenate([np.array([0, 1, info.max, info.min], dtype), drawn, small])


def unsigned(x):
    """The numbers that the bits stand for without a sign, as Python's."""
    return [int(v) % 2 ** (8 * x.dtype.itemsize) for v in x]


@EACH_INTEGER
def test_shifts_zeros_and_upper_halves(dtype):
    x, y = integers(dtype), integers(dtype, 1)[::-1].copy()
    bits = 8 * x.dtype.itemsize
    places = (np.arange(len(x)) % (bits + 2)).astype(dtype)
    wanted = {
        lax.shift_right_logical: [u >> int(n) for u, n in zip(unsigned(x), places, strict=True)],
        lax.mulhi: [(int(a) * int(b)) >> bits for a, b in zip(x, y, strict=True)],
    }
    for function, values in wanted.items():
        second = places if function is lax.shift_right_logical else y
        expected = np.array([v % 2**bits for v in values], f"u{bits // 8}").astype(dtype)
        for call in (function, jit(function)):
            result = call(x, second)
            assert result.dtype == dtype
            np.testing.assert_array_equal(result, expected)
    zeros = [bits - u.bit_length() for u in unsigned(x)]
    np.testing.assert_array_equal(lax.clz(x), np.array(zeros, dtype))
    np.testing.assert_array_equal(jit(lax.clz)(x), np.array(zeros, dtype))


@pytest.mark.parametrize("source", [np.float32, np.float64, np.int16, np.uint8])
@pytest.mark.parametrize("target", [np.uint8, np.int32, np.float32, np.float64])
def test_bits_of_another_dtype(source, target):
    x = (np.arange(16) * 37 % 101 - 20).astype(source).reshape(2, 8)
    ratio = np.dtype(target).itemsize // x.dtype.itemsize
    x = x.reshape(-1, ratio) if ratio > 1 else x
    wanted = x.view(target)
    shape = (
        (*x.shape, -1)
        if x.dtype.itemsize > wanted.dtype.itemsize
        else x.shape[: x.ndim - (ratio > 1)]
    )
    wanted = wanted.reshape(shape)
    for call in (lax.bitcast_convert_type, jit(lax.bitcast_convert_type, static_argnums=1)):
        y = call(x, target)
        assert y.dtype == target and y.tobytes() == wanted.tobytes() and y.shape == wanted.shape


def test_fewer_bits_are_those_of_half_precision():
    """But for numbers that are not normal, which become 0."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(300) * 10.0 ** rng.integers(-8, 8, 300)
    x = np.concatenate([x, [0.0, -0.0, np.inf, -np.inf, np.nan, 65519.9, 65520.0, 2049.0, 2051.0]])
    with np.errstate(over="ignore"):
        wanted = x.astype(np.float16).astype(float)
    wanted = np.where(np.abs(wanted) < np.finfo(np.float16).tiny, np.copysign(0.0, x), wanted)
    for call in (lax.reduce_precision, jit(lax.reduce_precision, static_argnums=(1, 2))):
        np.testing.assert_array_equal(call(x, 5, 10), wanted)
        single = call(x.astype(np.float32), 8, 23)
        np.testing.assert_array_equal(single, x.astype(np.float32))
    np.testing.assert_array_equal(grad(lambda x: lax.reduce_precision(x, 5, 2).sum())(x[:3]), 1.0)


def test_exclusive_or():
    x = integers(np.int32).reshape(-1, 2, 3)
    wanted = np.bitwise_xor.reduce(x, (0, 2))
    np.testing.assert_array_equal(lax.reduce_xor(x, (0, 2)), wanted)
    np.testing.assert_array_equal(
        jit(vmap(lambda v: lax.reduce_xor(v, (0,))))(x)[0], x[0, 0] ^ x[0, 1]
    )
    assert lax.reduce_xor(np.array([True, True, True]), (0,))


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: lax.clz(1.5), DtypeError, "clz is not defined for dtype float64"),
        (lambda: lax.mulhi(1.5, 2.5), DtypeError, "mulhi is not defined"),
        (lambda: lax.reduce_xor(1.5, ()), DtypeError, "reduce_xor is not defined"),
        (
            lambda: lax.bitcast_convert_type(1j, np.float64),
            DtypeError,
            "not defined from complex128",
        ),
        (lambda: lax.bitcast_convert_type(np.zeros(3, np.uint8), np.int16), ShapeError, "2 parts"),
        (lambda: lax.reduce_precision(1, 5, 10), DtypeError, "reduce_precision is not defined"),
        (lambda: lax.reduce_precision(1.0, 0, 10), ValueError, "exponent_bits is at least 1"),
    ],
)
def test_what_has_no_such_bits_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


# Of jax.lax.rng_bit_generator with RNG_THREE_FRY: a state, a dtype, the next state, the bits.
GENERATED = [
    ([1, 2, 3, 4], np.uint32, [1, 2, 6, 4],
     [1576285164, 2249660814, 740599976, 2425682526, 2436392515]),
    ([1, 2, 3, 4], np.uint16, [1, 2, 6, 4], [13292, 6542, 43176, 64094, 26179]),
    ([5, 7], np.uint64, [5, 10],
     [4568218857448468851, 8837050182540938565, 6891647807627726705]),
]  # fmt: skip


@pytest.mark.parametrize("state, dtype, following, bits", GENERATED)
def test_generated_bits_are_jaxs(state, dtype, following, bits):
    state = np.array(state, np.uint64 if len(state) == 2 else np.uint32)
    draw = lambda state: lax.rng_bit_generator(state, (len(bits),), dtype)  # noqa: E731
    for found in (draw(state), jit(draw)(state)):
        assert found[0].dtype == state.dtype and found[1].dtype == dtype
        np.testing.assert_array_equal(found[0], following)
        np.testing.assert_array_equal(found[1], bits)


def test_numbers_without_a_key_differ_from_call_to_call():
    draw = jit(lambda: lax.rng_uniform(np.float32(2), np.float32(3), (5,)))
    first, second = draw(), draw()
    assert first.dtype == np.float32 and (first != second).any() and 2 <= first.min() < 3
    with pytest.raises(TypeError, match="one dtype"):
        lax.rng_uniform(0.0, 1, (2,))
    with pytest.raises(ValueError, match=r"shape \(4,\)"):
        lax.rng_bit_generator(np.zeros(3, np.uint32), (2,))
