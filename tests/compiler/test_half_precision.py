"""float16 in compiled programs: the bits are NumPy's, and so are the roundings."""

import numpy as np
import pytest

import fungrad
import fungrad.numpy as fnp
from fungrad import grad, jit, jvp, lax, vmap
from fungrad.errors import DtypeError
from fungrad.primitives.half_precision import DecodeHalf, EncodeHalf, RoundToHalf

BITS = np.arange(2**16, dtype=np.uint16)
HALVES = BITS.view(np.float16)
X = np.linspace(0.2, 2, 5).astype(np.float16)

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def test_every_float16_is_decoded_and_encoded():
    wide = jit(DecodeHalf())(BITS)
    np.testing.assert_array_equal(wide, HALVES.astype(np.float32))
    np.testing.assert_array_equal(jit(EncodeHalf())(wide).view(np.float16), HALVES)
    zeros = jit(DecodeHalf())(np.array([0, 0x8000], np.uint16))
    assert np.signbit(zeros).tolist() == [False, True]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_round_as_numpy_rounds_them(dtype):
    random = np.random.default_rng(0)
    with np.errstate(all="ignore"):
        between = (HALVES.astype(np.float64) * (1 + 2.0**-11)).astype(dtype)
    spread = random.standard_normal(20_000) * 10 ** random.uniform(-9, 6, 20_000)
    edges = [65519.99, 65520, -65520, 2**-25, 3 * 2**-25, -0.0, np.inf, -np.inf, np.nan]
    x = np.concatenate(
        [HALVES.astype(dtype), between, spread.astype(dtype), np.array(edges, dtype)]
    )
    np.testing.assert_array_equal(jit(RoundToHalf())(x), x.astype(np.float16).astype(np.float32))


def grown(x):
    """A sum after a while loop of four steps."""
    step = lambda c: (c[0] + 1, np.sin(c[1]) * x + c[1])  # noqa: E731
    return lax.while_loop(lambda c: c[0] < 4, step, (0, x))[1].sum()


PROGRAMS = {
    "elementwise": lambda x: np.sin(x) * x + 1,
    "reductions": lambda x: (x.sum(), x.mean(), x.max(), np.argmax(x), np.linalg.norm(x)),
    "products": lambda x: np.outer(x, x) @ x,
    "order": lambda x: (np.sort(-x), np.cumsum(x), np.searchsorted(x, np.float16(1))),
    "indices": lambda x: (x[np.array([3, 0])], fnp.at(x)[2].add(1), np.concatenate([x, x[1:]])),
    "conversions": lambda x: (x.astype(np.float32), (x.astype(float) / 3).astype(np.float16)),
    "promotion": lambda x: (np.float32(2) * x, np.int8(2) * x, x + 1j),
    "creation": lambda x: fnp.arange(4, dtype=np.float16) * x[1] + fnp.zeros(4, np.float16),
    "overflow": lambda x: (x * np.float16(60000), np.exp(20 * x), -x / 0),
    "branches": lambda x: lax.cond(x[0] > 1, lambda v: v * 2, lambda v: v / 3, x),
    "scan": lambda x: lax.scan(lambda c, v: (c * v + 1, c), x[0], x),
    "while": grown,
    "gradient": grad(grown),
    "second order": lambda x: jvp(grad(grown), (x,), (np.ones_like(x),)),
    "batch": vmap(grad(lambda t: np.tanh(t) * t)),
    "unchanged": lambda x: (x, x, np.float16(3)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_compiled_equals_eager(name):
    expected = fungrad.tree.leaves(PROGRAMS[name](X))
    for e, r in zip(expected, fungrad.tree.leaves(jit(PROGRAMS[name])(X)), strict=True):
        assert np.asarray(r).dtype == np.asarray(e).dtype
        np.testing.assert_allclose(np.asarray(r, complex), np.asarray(e, complex), rtol=4e-3)


def test_scalars_and_gradients_of_jitted_functions():
    y = jit(lambda x: x * x)(np.float16(1.5))
    assert type(y) is np.float16 and y == 2.25
    np.testing.assert_allclose(grad(jit(grown))(X), grad(grown)(X), rtol=4e-3)


def test_donated_memory_holds_the_result():
    x = X.copy()
    y = jit(lambda x: x + 1, donate_argnums=0)(x)
    assert y.dtype == np.float16 and np.shares_memory(x, y)


def test_what_machine_code_does_not_have_is_refused():
    with pytest.raises(DtypeError, match="input 0 of f has the dtype .*128.* astype"):

        @jit
        def f(x):
            return x + 1

        f(np.ones(3, np.longdouble))
    with pytest.raises(DtypeError, match="nextafter of float16 is not supported under jit"):
        jit(lambda x: np.nextafter(x, np.float16(1)))(X)
