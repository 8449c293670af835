"""Draws as functions of a key: known values, every way to run them, bad input."""

import re

import numpy as np
import pytest

from fungrad import grad, jit, make_program, random, show, vmap
from fungrad.errors import DtypeError, ShapeError
from fungrad.primitives.random_bits import threefry2x32

KEY = random.key(0)

# Known answers of Random123 (kat_vectors, threefry2x32 with 20 rounds): counter, key, result.
KNOWN_ANSWERS = [
    (0x00000000_00000000, 0x00000000_00000000, 0x6B200159_99BA4EFE),
    (0xFFFFFFFF_FFFFFFFF, 0xFFFFFFFF_FFFFFFFF, 0x1CB996FC_BB002BE7),
    (0x243F6A88_85A308D3, 0x13198A2E_03707344, 0xC4923A9C_483DF7A0),
]


@pytest.mark.parametrize("counter, key, result", KNOWN_ANSWERS)
def test_published_known_answers(counter, key, result):
    operands = np.uint64(key), np.uint64(counter)
    assert threefry2x32(*operands) == np.uint64(result)
    assert jit(threefry2x32)(*operands) == np.uint64(result)
    many = threefry2x32(np.uint64(key), np.full(100, counter, np.uint64))
    np.testing.assert_array_equal(many, np.full(100, result, np.uint64))


P = np.array([0.1, 0.2, 0.3, 0.4])
MATRIX = np.arange(24.0).reshape(4, 3, 2)
F32 = np.float32

# title: (draw of a key)
DRAWS = {
    "split": lambda k: random.split(k, (2, 3)),
    "fold_in": lambda k: random.fold_in(k, 7),
    "bits": lambda k: random.bits(k, (3, 5)),
    "bits u8": lambda k: random.bits(k, (7,), np.uint8),
    "uniform": lambda k: random.uniform(k, (3, 5)),
    "uniform f32": lambda k: random.uniform(k, (7,), F32, -1.0, 3.0),
    "normal": lambda k: random.normal(k, (5,)),
    "normal f32": lambda k: random.normal(k, (2, 0, 3), F32),
    "normal c128": lambda k: random.normal(k, (5,), np.complex128),
    "uniform f16": lambda k: random.uniform(k, (5,), np.float16),
    "truncated_normal f16": lambda k: random.truncated_normal(k, -1.0, 1.0, (5,), np.float16),
    "truncated_normal": lambda k: random.truncated_normal(k, -1.0, np.array([0.5, 2.0]), (3, 2)),
    "exponential": lambda k: random.exponential(k, (5,)),
    "gumbel": lambda k: random.gumbel(k, (5,), F32),
    "gumbel high": lambda k: random.gumbel(k, (5,), mode="high"),
    "laplace": lambda k: random.laplace(k, (5,)),
    "logistic": lambda k: random.logistic(k, (5,)),
    "cauchy": lambda k: random.cauchy(k, ()),
    "randint": lambda k: random.randint(k, (2, 3), np.array([0, 5, -3]), 20),
    "randint i8": lambda k: random.randint(k, (9,), -128, 128, np.int8),
    "bernoulli": lambda k: random.bernoulli(k, P),
    "bernoulli high": lambda k: random.bernoulli(k, 0.3, (5,), mode="high"),
    "rademacher": lambda k: random.rademacher(k, (5,)),
    "permutation": lambda k: random.permutation(k, 9),
    "permutation of rows": lambda k: random.permutation(k, MATRIX, 1),
    "permutation of lines": lambda k: random.permutation(k, MATRIX, -1, independent=True),
    "choice": lambda k: random.choice(k, MATRIX, (2, 5), axis=1),
    "choice of few": lambda k: random.choice(k, 9, (4,), replace=False),
    "choice by p": lambda k: random.choice(k, 4, (5,), p=P),
    "choice of few by p": lambda k: random.choice(k, 4, (3,), replace=False, p=P),
    "categorical": lambda k: random.categorical(k, np.log(P), shape=(5,)),
    "categorical, an axis": lambda k: random.categorical(k, MATRIX, 1),
    "categorical of few": lambda k: random.categorical(k, np.log(P), shape=(2,), replace=False),
}


def assert_equal_draws(x, y):
    """Equal integers; reals to the last digits, in which libm and compiled functions differ."""
    assert x.dtype == y.dtype and x.shape == y.shape
    if x.dtype.kind in "fc":
        np.testing.assert_allclose(x, y, rtol=200 * np.finfo(x.dtype).eps)
    else:
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("draw", DRAWS.values(), ids=list(DRAWS))
def test_vmap_over_keys(draw):
    keys = random.split(KEY, 3)
    for row, key in zip(vmap(draw)(keys), keys, strict=True):
        assert_equal_draws(row, np.asarray(draw(key)))


COMPILED = ("fold_in", "uniform f16", "uniform f32", "normal", "randint i8", "permutation of lines")


@pytest.mark.parametrize("title", COMPILED)
def test_compiled(title):
    keys = random.split(KEY, 3)
    draw = DRAWS[title]
    for row, key in zip(jit(vmap(draw))(keys), keys, strict=True):
        assert_equal_draws(row, np.asarray(draw(key)))


def test_a_draw_under_jit_is_part_of_the_program():
    """A key from outside is no reason to keep an array of draws among the program's constants."""
    text = str(make_program(jit(lambda x: x + random.normal(KEY, (1000,))))(np.ones(1000)))
    assert "threefry2x32" in text


def test_a_compiled_draw_fuses_into_its_reader():
    """One kernel draws, squares and sums, a second one adds the parts up: no draws are stored."""
    text = str(show(lambda key: (random.normal(key, (1000,)) ** 2).sum())(KEY))
    names = re.findall(r"^ *def (\w+)", text, re.MULTILINE)
    assert names == ["sum_kernel", "combining_kernel", "entry"]


def test_few_many_and_compiled_bits_are_the_same():
    keys = random.bits(random.key(1), (100,))
    counters = random.bits(random.key(2), (100,))
    many = threefry2x32(keys, counters)
    few = [threefry2x32(k, c) for k, c in zip(keys, counters, strict=True)]
    np.testing.assert_array_equal(many, few)
    np.testing.assert_array_equal(many, jit(threefry2x32)(keys, counters))


def test_large_eager_draws_equal_small_ones():
    n = 40_000
    for draw in (random.bits, random.uniform, random.normal):
        large, small = draw(KEY, (n,)), draw(KEY, (5,))
        assert_equal_draws(large[:5], small)


def test_half_precision_stays():
    for draw in (random.normal, random.gumbel, random.cauchy):
        found = draw(KEY, (5,), np.float16)
        assert found.dtype == np.float16
    compiled = jit(lambda k: random.normal(k, (5,), np.float16))(KEY)
    np.testing.assert_allclose(compiled, random.normal(KEY, (5,), np.float16), rtol=5e-3)


def test_gradients_in_bounds():
    def total(low, high):
        return random.uniform(KEY, (100,), minval=low, maxval=high).sum()

    u = random.uniform(KEY, (100,))
    np.testing.assert_allclose(grad(total, (0, 1))(1.0, 3.0), [(1 - u).sum(), u.sum()])


BAD = {
    "int key": (lambda: random.normal(0), DtypeError, "two uint32 words"),
    "float key": (lambda: random.split(np.zeros(2)), DtypeError, "float64"),
    "several keys": (lambda: random.normal(random.split(KEY)), ShapeError, "vmap"),
    "a long key": (lambda: random.bits(np.zeros(3, np.uint32)), ShapeError, "shape"),
    "float seed": (lambda: random.key(1.5), DtypeError, "one integer"),
    "other generator": (lambda: random.key(1, impl="rbg"), ValueError, "rbg"),
    "float bits": (lambda: random.bits(KEY, (), float), DtypeError, "unsigned"),
    "int normal": (lambda: random.normal(KEY, (), int), DtypeError, "float or complex"),
    "int uniform": (lambda: random.uniform(KEY, (), int), DtypeError, "float"),
    "float randint": (lambda: random.randint(KEY, (), 0, 5, float), DtypeError, "integer"),
    "empty range": (lambda: random.randint(KEY, (2,), 3, 3), ValueError, "minval = 3"),
    "wide bound": (lambda: random.randint(KEY, (), 0, 2**65), ValueError, "64 bits"),
    "probability": (lambda: random.bernoulli(KEY, 1.5), ValueError, "p = 1.5"),
    "int probability": (lambda: random.bernoulli(KEY, 1), DtypeError, "float"),
    "bounds": (lambda: random.uniform(KEY, (3,), minval=np.ones(2)), ShapeError, "broadcast"),
    "negative shape": (lambda: random.uniform(KEY, (-1,)), ValueError, "negative"),
    "nothing": (lambda: random.choice(KEY, 0, (1,)), ValueError, "nothing to draw"),
    "too many": (lambda: random.choice(KEY, 3, (4,), False), ValueError, "without replacement"),
    "length of p": (lambda: random.choice(KEY, 3, (4,), p=P), ShapeError, "(3,)"),
    "negative p": (lambda: random.choice(KEY, 4, (4,), p=-P), ValueError, "negative"),
    "axis": (lambda: random.permutation(KEY, MATRIX, 3), np.exceptions.AxisError, "axis 3"),
    "scalar": (lambda: random.permutation(KEY, 1.5), DtypeError, "integer"),
    "categories": (
        lambda: random.categorical(KEY, P, shape=(5,), replace=False),
        ValueError,
        "5 of 4",
    ),
    "mode": (lambda: random.gumbel(KEY, mode="best"), ValueError, "best"),
}


@pytest.mark.parametrize("call, error, message", BAD.values(), ids=list(BAD))
def test_bad_input(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)
