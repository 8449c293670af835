"""Elementary functions against mpmath: everywhere within their bounds, and right at the edges."""

import re

import mpmath
import numpy as np
import pytest
import scipy.special
from scalar_kernels import compiled, kernel_of

from fungrad.compiler.language.builder import Builder
from fungrad.compiler.language.words import VOCABULARY
from fungrad.compiler.math import ULP_BOUNDS

build = Builder()
BINARY = [word for word in ULP_BOUNDS if VOCABULARY[word] == 2]
EXACT = {
    "arccos": mpmath.acos,
    "arccosh": mpmath.acosh,
    "arcsin": mpmath.asin,
    "arcsinh": mpmath.asinh,
    "arctan": mpmath.atan,
    "arctan2": mpmath.atan2,
    "arctanh": mpmath.atanh,
    "cbrt": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
    "exp2": lambda x: mpmath.mpf(2) ** x,
    "log2": lambda x: mpmath.log(x) / mpmath.ln2,
    "log10": mpmath.log10,
    "logistic": lambda x: 1 / (1 + mpmath.exp(-x)),
    "rsqrt": lambda x: 1 / mpmath.sqrt(x),
}
#: Where the result is real and finite; elsewhere the result is compared with NumPy's.
DOMAIN = {
    "arccos": lambda x: abs(x) <= 1,
    "arccosh": lambda x: x >= 1,
    "arcsin": lambda x: abs(x) <= 1,
    "arctanh": lambda x: abs(x) < 1,
    "digamma": lambda x: (x > 0) | (x != np.floor(x)) & (x > -1e4),
    "erfc": lambda x: abs(x) < 1e3,
    "erfinv": lambda x: abs(x) < 1,
    "log1p": lambda x: x > -1,
    **dict.fromkeys(("log", "log2", "log10", "rsqrt"), lambda x: x > 0),
}
FEWER = {"digamma": 5, "erfinv": 8, "erfc": 2}
HUGE_ANGLES = [1e22, 1e300, 6381956970095103.0 * 2.0**797, 5319372648326541.0 * 2.0**-48, 2.0**120]


def _reference(word, *values):
    """The exact result of a word, of numbers that are converted without error."""
    values = [mpmath.mpf(float(v)) for v in values]
    return EXACT.get(word, getattr(mpmath, word, None))(*values)


def _samples(dtype, rng):
    """Numbers of all magnitudes and both signs, edges, and random bit patterns."""
    about = np.finfo(dtype)
    integer = np.dtype(f"u{dtype.itemsize}")
    magnitudes = 2.0 ** rng.uniform(about.minexp - about.nmant, about.maxexp, 300)
    moderate = 10 ** rng.uniform(-4, 3, 300)
    bits = rng.integers(0, 2 ** (8 * dtype.itemsize), 300, integer).view(dtype)
    multiples = rng.integers(1, 2**14, 100) * np.asarray(np.pi / 2, dtype)
    large_multiples = rng.integers(1, 2**27, 50) * np.asarray(np.pi / 2, dtype)
    edges = [1, 0.5, 0.7, 2, about.eps, about.smallest_subnormal, about.tiny, about.max]
    edges += [709.78, 710.4758, 745.13, 708.4, 88.72, 89.41, 87.34, 103.9, 1023, 1074, 127, 149]
    edges += [np.sqrt(2), 3, 10, 1000, 2**15, 2**28, 19.06, 9.01, 27.2, 10.05, 5.92, 3.92]
    points = np.concatenate([multiples, large_multiples, edges]).astype(dtype)
    points = points[points < about.max]
    neighbours = [np.nextafter(points, np.inf, dtype=dtype), np.nextafter(points, 0, dtype=dtype)]
    spread = rng.uniform(-1, 1, 300), rng.uniform(-10, 10, 300), rng.uniform(-110, 110, 200)
    near_one = 1 - 10 ** rng.uniform(-16, 0, 100)
    values = [magnitudes, moderate, points, *neighbours, near_one, HUGE_ANGLES]
    with np.errstate(over="ignore", under="ignore"):
        values = np.concatenate(values).astype(dtype)
        values = np.concatenate([values, -values, bits, np.concatenate(spread).astype(dtype)])
    return values[np.isfinite(values)]


def _pairs(dtype, rng):
    """Pairs of all magnitudes, of like magnitude, and those whose power is a finite number."""
    about = np.finfo(dtype)
    wide = 2.0 ** rng.uniform(about.minexp - about.nmant, about.maxexp, (2, 400))
    wide *= rng.choice([-1, 1], (2, 400))
    like = rng.normal(size=(2, 400)) * 10 ** rng.uniform(-30, 30, 400)
    base = 2.0 ** rng.uniform(about.minexp - about.nmant, about.maxexp, 800)
    exponents = rng.uniform(about.minexp - about.nmant - 1, about.maxexp + 1, 800)
    powers = base, exponents / np.log2(base)
    near_one = 1 + rng.normal(size=400) * 1e-5, rng.normal(size=400) * 1e5
    signed = -rng.uniform(0.1, 10, 200), rng.integers(-30, 30, 200)
    with np.errstate(over="ignore", under="ignore"):
        x, y = np.concatenate([wide, like, powers, near_one, signed], axis=1).astype(dtype)
    return x, y


def _largest_error(word, results, *values):
    """The largest error in units in the last place, and where it is."""
    about = np.finfo(results.dtype)
    limit = mpmath.mpf(2) ** about.maxexp  # what infinity stands for
    largest = 0, None
    for result, *arguments in zip(results.tolist(), *(v.tolist() for v in values), strict=True):
        exact = max(min(_reference(word, *arguments), limit), -limit)
        size = max(abs(exact), 1) if word == "digamma" else abs(exact)
        exponent = int(mpmath.floor(mpmath.log(size, 2))) if size else about.minexp
        unit = mpmath.mpf(2) ** (max(min(exponent, about.maxexp - 1), about.minexp) - about.nmant)
        assert result == result, f"{word}{tuple(arguments)} is NaN, not {exact}"
        found = max(min(mpmath.mpf(result), limit), -limit)
        largest = max(largest, (abs(found - exact) / unit, arguments), key=lambda e: e[0])
    return largest


@pytest.fixture(scope="module", params=["float32", "float64"])
def dtype(request):
    """A floating-point dtype."""
    return np.dtype(request.param)


@pytest.fixture(scope="module", params=[True, False], ids=["contract", "strict"])
def functions(request, dtype):
    """All functions on a dtype, compiled with and without contraction to fma."""
    x, y = build.symbol("x", dtype), build.symbol("y", dtype)
    roots = {word: build(word, *(x, y)[: VOCABULARY[word]]) for word in ULP_BOUNDS}
    return compiled(roots, {"x": dtype, "y": dtype}, contract=request.param)


@pytest.fixture(scope="module", autouse=True)
def _precision():
    with mpmath.workprec(180):
        yield


@pytest.fixture(scope="module")
def unary(functions, dtype):
    """The samples and what each function makes of them."""
    x = _samples(dtype, np.random.default_rng(7))
    return x, functions(x=x, y=x)


@pytest.mark.parametrize("word", [word for word in ULP_BOUNDS if word not in BINARY])
def test_unary_within_bounds(word, unary):
    x, results = unary
    inside = DOMAIN[word](x) if word in DOMAIN else np.ones(x.shape, bool)
    chosen = np.flatnonzero(inside)[:: FEWER.get(word, 1)]
    error, where = _largest_error(word, results[word][chosen], x[chosen])
    assert error <= ULP_BOUNDS[word], f"{word}({where}) is {float(error):.3f} ulp off"
    with np.errstate(all="ignore"):
        expected = _numpy(word)(x)
    outside = ~inside & ((expected == np.round(expected)) | (expected != expected))
    np.testing.assert_array_equal(results[word][outside], expected[outside])


@pytest.mark.parametrize("word", BINARY)
def test_binary_within_bounds(word, functions, dtype):
    x, y = _pairs(dtype, np.random.default_rng(8))
    if word == "power":
        inside = (x > 0) | (y == np.round(y)) & (abs(y) < 1e6)
        x, y = x[inside], y[inside]
    error, where = _largest_error(word, functions(x=x, y=y)[word], x, y)
    assert error <= ULP_BOUNDS[word], f"{word}{where} is {float(error):.3f} ulp off"


def _numpy(word):
    names = {"logistic": "expit", "digamma": "psi"}
    if word == "rsqrt":
        return lambda x: 1 / np.sqrt(x)
    return getattr(np, word, None) or getattr(scipy.special, names.get(word, word))


SPECIAL = [0.0, -0.0, 1, -1, 2, -2, 3, -3, 0.5, -0.5, np.inf, -np.inf, np.nan, 1e30, -1e30]


@pytest.mark.parametrize("word", ULP_BOUNDS)
def test_special_values_are_numpys(word, functions, dtype):
    about = np.finfo(dtype)
    edges = [about.smallest_subnormal, -about.smallest_subnormal, about.tiny, about.max, about.min]
    special = np.array([*SPECIAL, *edges], dtype)
    x, y = (v.ravel() for v in np.meshgrid(special, special))
    result = functions(x=x, y=y)[word]
    with np.errstate(all="ignore"):
        expected = _numpy(word)(*(x, y)[: VOCABULARY[word]])
    zero = 4 * about.eps if word == "digamma" else 0
    np.testing.assert_allclose(result, expected, rtol=4 * about.eps, atol=zero)
    is_number = expected == expected
    if word == "erfinv":  # SciPy's of -0.0 is 0.0
        is_number &= x != 0
    np.testing.assert_array_equal(np.signbit(result)[is_number], np.signbit(expected)[is_number])


@pytest.mark.parametrize("word", ["sin", "cos", "tan"])
def test_huge_angles_are_reduced_exactly(word, functions, dtype):
    with np.errstate(over="ignore"):
        x = np.array(HUGE_ANGLES + [1e9, 3e8, 40000.0, 1e37], dtype)
    x = x[np.isfinite(x)]
    error, where = _largest_error(word, functions(x=x, y=x)[word], x)
    assert error <= ULP_BOUNDS[word], f"{word}({where}) is {float(error):.3f} ulp off"


def test_whole_powers_and_logarithms_are_exact(functions, dtype):
    k = np.arange(-20.0, 21.0).astype(dtype)
    result = functions(x=k, y=k)
    np.testing.assert_array_equal(result["exp2"], np.exp2(k))
    powers = np.exp2(k)
    np.testing.assert_array_equal(functions(x=powers, y=k)["log2"], k)
    small = np.arange(1.0, 8.0).astype(dtype)
    squares = functions(x=small, y=np.full_like(small, 2))["power"]
    np.testing.assert_array_equal(squares, small * small)


@pytest.mark.parametrize("word", ULP_BOUNDS)
def test_loops_are_vectorised(word, dtype):
    x, y = build.symbol("x", dtype), build.symbol("y", dtype)
    root = {word: build(word, *(x, y)[: VOCABULARY[word]])}
    (code,) = kernel_of(root, {"x": dtype, "y": dtype}).inspect_llvm().values()
    element = "float" if dtype == np.float32 else "double"
    assert re.search(rf"store <\d+ x {element}>", code), f"the loop of {word} is scalar"
