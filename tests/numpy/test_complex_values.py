"""Compiled complex functions give NumPy's results, at infinities, nans and zeros of either sign too."""

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import jit, vmap

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

UNARY = """exp exp2 expm1 log log2 log10 log1p sqrt sin cos tan sinh cosh tanh arcsin arccos arctan
    arcsinh arccosh arctanh absolute angle sign conjugate reciprocal square negative isnan isinf
    isfinite rint positive""".split()
BINARY = """add subtract multiply divide power maximum minimum fmax fmin equal not_equal less
    less_equal greater greater_equal logical_and""".split()
DTYPES = (np.complex128, np.complex64)


def grid(dtype):
    """Every pair of these parts."""
    f = np.finfo(dtype)
    positive = [0, 1, 2, 0.5, f.tiny, f.max, np.inf]
    parts = np.array([*positive, *[-x for x in positive], -1.5, np.nan], f.dtype)
    z = np.empty((parts.size, parts.size), dtype)
    z.real, z.imag = parts[:, None], parts
    return z.ravel()


def spread(dtype, n=3000):
    """Numbers of many sizes, near the branch points and beside the axes."""
    rng, f = np.random.default_rng(0), np.finfo(dtype)
    largest = np.log10(float(f.max)) - 1
    scale = 10.0 ** rng.uniform(-largest, largest, (2, n))
    parts = np.where(rng.random((2, n)) < 0.6, 10.0 ** rng.uniform(-3, 1.5, (2, n)), scale)
    a, b = parts * rng.choice([-1, 1], (2, n))
    a[::7], b[::7] = np.sign(a[::7]), b[::7] * 1e-6
    z = np.empty(n, dtype)
    z.real, z.imag = a, b
    return z


def disagreements(name, found, expected, inputs, rounding=60):
    """The elements that are not NumPy's: by their size, and by part at inf, nan and zeros."""
    assert found.dtype == expected.dtype, name
    if found.dtype.kind not in "fc":
        wrong = found != expected
    else:
        f = np.finfo(found.dtype)
        size = np.minimum(np.abs(expected), f.max)
        wrong = np.zeros(found.shape, bool)
        for x, y in ((found.real, expected.real), (found.imag, expected.imag)):
            same = (x == y) & (np.signbit(x) == np.signbit(y)) | np.isnan(x) & np.isnan(y)
            near = np.abs(x - y) <= rounding * f.eps * size
            near = near & (y != 0) | (np.abs(x - y) <= 4 * f.smallest_subnormal) & (x != y)
            wrong |= ~(same | near & np.isfinite(y))
    return [(name, *[x[i] for x in inputs], found[i], expected[i]) for i in np.flatnonzero(wrong)]


def compared(names, *inputs):
    found = jit(lambda *x: [getattr(fnp, name)(*x) for name in names])(*inputs)
    wrong = []
    for name, y in zip(names, found, strict=True):
        wrong += disagreements(name, y, getattr(np, name)(*inputs), inputs)
    return wrong[:5]


@pytest.mark.parametrize("dtype", DTYPES)
def test_special_values(dtype):
    z = grid(dtype)
    assert not compared(UNARY, z)
    pairs = [np.ravel(x).copy() for x in np.meshgrid(z, z)]
    assert not compared([name for name in BINARY if name != "power"], *pairs)
    # the angle of a power by a huge exponent is lost in rounding, by a tiny one in NumPy's logarithm
    parts = np.abs(np.stack([pairs[1].real, pairs[1].imag, pairs[0].real, pairs[0].imag]))
    f = np.finfo(dtype)
    known = ~((parts[:2] == f.max).any(0) | (parts == f.tiny).any(0))
    assert not compared(["power"], *[x[known] for x in pairs])


@pytest.mark.parametrize("dtype", DTYPES)
def test_values_of_every_size(dtype):
    z = spread(dtype)
    smooth = [name for name in UNARY if name not in ("tan", "tanh", "expm1", "log1p", "exp2")]
    assert not compared(smooth, z)
    moderate = z[np.abs(z) < 30]
    assert not compared(["tan", "tanh", "exp2"], moderate)
    assert not compared(["multiply", "divide"], z, np.roll(z, 1))


@pytest.mark.parametrize("exponent", [-99, -7, -2, -1, 0, 1, 2, 3, 4, 5, 6, 100, 0.5, 2.5])
def test_powers_by_a_constant(exponent):
    """Whole exponents multiply, as NumPy's do, so that infinities and nans are the same."""
    z = grid(np.complex128)
    expected = z**exponent
    assert not disagreements("power", jit(lambda z: z**exponent)(z), expected, [z], rounding=300)


def test_exponentials_whose_parts_overflow_on_the_way():
    z = np.array(
        [710 + 1.57j, 720 + 1.5707963j, 1400 + 1e-320j, -712 + 1.57j, 1e3 + 0j, 88.9 + 1.5j]
    )
    assert not compared(["exp", "sinh", "cosh"], z)
    assert not compared(["exp", "sinh", "cosh"], np.array([89 + 1.57j, -90 + 1.57j], np.complex64))


#: Functions of complex lines with nans, of which the first, or the last in NumPy's order, is found.
OF_LINES = "max min argmax argmin nanmax nanmin ptp median".split()


@pytest.mark.parametrize("name", OF_LINES)
def test_complex_lines_with_nan(name):
    rng = np.random.default_rng(1)
    z = rng.choice(grid(np.complex128)[::3], (40, 7))
    if name == "median":  # NumPy divides infinite means by complex numbers
        z = np.where(np.isinf(z) | (np.abs(z) > 10), 2 + 1j, z)
    for x in (z, np.where(np.isnan(z), 1 - 0j, z)):
        expected = getattr(np, name)(x, axis=-1)
        numbers = getattr(fnp, name)
        assert not disagreements(name, jit(lambda x: numbers(x, axis=-1))(x), expected, [x])
        assert not disagreements(name, vmap(numbers)(x), expected, [x])
