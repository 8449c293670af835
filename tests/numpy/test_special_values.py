"""Compiled code on nan, infinities, negative zeros, subnormals and extreme integers: NumPy's results."""

import warnings
from functools import partial

import numpy as np
import pytest

import fungrad.numpy as fnp
from fungrad import jit, vjp, vmap
from fungrad.primitives.cumulative import Recurrence

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

FINITE = [0, 1, 0.5, 2, 3, 1.5, 2.5, np.pi, 100, 1e5]


def floats(dtype):
    """Numbers of both signs: small, large, subnormal, beside 1, and where functions overflow."""
    f = np.finfo(dtype)
    edges = [f.smallest_subnormal, f.tiny, f.tiny * 0.3, f.max, f.eps, 1 + f.eps, 1 - f.eps / 2]
    edges += [1 / f.eps, np.log(f.max), np.log(f.tiny), f.max**0.5, np.inf]
    positive = np.array([*FINITE, *edges], dtype)
    return np.concatenate([positive, -positive, np.array([np.nan], dtype)])


def integers(dtype):
    """Small ones, those beside the number of bits, and the extreme ones."""
    i = np.iinfo(dtype)
    numbers = [0, 1, 2, 3, 5, 7, 8, 31, 32, 33, 63, 64, 65, 100, i.max, i.max - 1, i.min, i.min + 1]
    numbers += [-1, -2, -3, -7]
    return np.array([n for n in numbers if i.min <= n <= i.max], dtype)


UNARY = """negative absolute fabs sign rint exp exp2 expm1 log log2 log10 log1p sqrt square cbrt
    reciprocal sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh degrees radians
    floor ceil trunc isfinite isinf isnan signbit logical_not nan_to_num sinc""".split()
BINARY = """add subtract multiply divide floor_divide remainder fmod power float_power arctan2 hypot
    logaddexp logaddexp2 maximum minimum fmax fmin copysign nextafter heaviside equal less
    less_equal logical_and logical_xor divmod""".split()
OF_INTEGERS = """add subtract multiply divide floor_divide remainder fmod maximum minimum left_shift
    right_shift bitwise_and bitwise_xor gcd lcm equal less divmod""".split()


def disagreement(name, found, expected, inputs):
    """The first elements where two results differ in value, nan or sign of zero, or None."""
    assert found.dtype == expected.dtype, name
    if expected.dtype.kind != "f":
        wrong = found != expected
    else:
        f = np.finfo(expected.dtype)
        distance = np.abs(found - expected)
        least = f.eps if name.startswith("logadd") else 4 * f.smallest_subnormal  # sums near 0
        near = distance <= 20 * f.eps * np.abs(expected) + least
        wrong = ~((found == expected) | near | np.isnan(expected))
        wrong |= np.isnan(found) != np.isnan(expected)
        wrong |= (np.signbit(found) != np.signbit(expected)) & (found == expected)
    return [(name, *[x[i] for x in inputs], found[i], expected[i]) for i in np.flatnonzero(wrong)]


def compared(names, *inputs):
    """Where the named functions, compiled as one program, differ from NumPy's."""
    found = jit(lambda *x: [getattr(fnp, name)(*x) for name in names])(*inputs)
    wrong = []
    for name, y in zip(names, found, strict=True):
        expected = getattr(np, name)(*inputs)
        pairs = zip(y, expected, strict=True) if isinstance(expected, tuple) else [(y, expected)]
        for a, b in pairs:
            wrong += disagreement(name, a, b, inputs)
    return wrong[:5]


def pairs(x):
    return [np.ravel(a).copy() for a in np.meshgrid(x, x)]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_functions_of_floats(dtype):
    assert not compared(UNARY, floats(dtype))
    assert not compared(BINARY, *pairs(floats(dtype)))


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint8, np.uint64])
def test_functions_of_integers(dtype):
    assert not compared(OF_INTEGERS, *pairs(integers(dtype)))


@pytest.mark.parametrize("name", ["exp", "sqrt", "sign", "absolute", "multiply", "conjugate"])
def test_functions_of_complex_numbers(name):
    parts = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 5e-324, 1e-310, 1e308]
    z = np.array([complex(a, b) for a in parts for b in parts])
    if name == "exp":
        z = z[~(np.isneginf(z.real) & ~np.isfinite(z.imag))]  # zeros of any sign
    inputs = pairs(z[::3]) if name == "multiply" else [z]
    found, expected = jit(getattr(fnp, name))(*inputs), getattr(np, name)(*inputs)
    for part in (np.real, np.imag):
        assert not disagreement(name, part(found).copy(), part(expected).copy(), inputs)


REDUCTIONS = (
    "max min argmax argmin sum prod cumsum sort mean any nansum nanmean count_nonzero".split()
)


@pytest.mark.parametrize("n", [3, 9, 40])
def test_reductions(n):
    """Rows with nan at either end, infinities of both signs, and zeros of either sign."""
    rows = np.tile(np.linspace(-1, 2, n), (8, 1))
    rows[0, 0] = rows[1, -1] = np.nan
    rows[2, 0], rows[3, 0], rows[3, -1] = np.inf, np.inf, -np.inf
    rows[4], rows[5] = 0.0, -0.0
    rows[6, -2:] = np.nan
    functions = [lambda x, f=f: getattr(fnp, f)(x, axis=1) for f in REDUCTIONS]
    found = jit(lambda x: [f(x) for f in functions])(rows)
    for name, y in zip(REDUCTIONS, found, strict=True):
        expected = getattr(np, name)(rows, axis=1)
        inputs = [np.arange(y.size)]
        assert not disagreement(name, np.ravel(y), np.ravel(expected), inputs)
    totals = jit(lambda x: (fnp.sum(x), fnp.max(x), fnp.min(x)))(rows[5])
    assert [np.signbit(t) for t in totals] == [False, True, True]


def test_conversions():
    """Floats to integers: towards zero, and beyond the range as NumPy's machine instructions."""
    values = np.array([0, -0.0, 1.5, -2.7, 100.9, -1, 127, 300.5, -6e4, 5e-324, 2**31, 4e9, 9.3e18])
    narrow = [np.int8, np.int16, np.int32, np.uint8, np.uint16, np.int64, np.float32, np.bool_]
    for x in (values, values.astype(np.float32)):
        found = jit(lambda x: [x.astype(d) for d in narrow])(x)
        for y, dtype in zip(found, narrow, strict=True):
            np.testing.assert_array_equal(y, x.astype(dtype), err_msg=f"{x.dtype} {dtype}")
    large = integers(np.int64)
    found = jit(lambda x: [x.astype(d) for d in narrow])(large)
    for y, dtype in zip(found, narrow, strict=True):
        np.testing.assert_array_equal(y, large.astype(dtype), err_msg=str(dtype))


NAN = np.array([[1.0, np.nan], [np.nan, np.nan]])
WHOLE = np.array([2, 0, 1])
#: Calls that NumPy refuses because of values: compiled code does, with the same class.
REFUSED = {
    "all nan": (lambda np, x: np.nanargmax(x, axis=1), NAN),
    "all nan, least": (lambda np, x: np.nanargmin(x), NAN[1]),
    "choose": (lambda np, i: np.choose(i, (i, i)), WHOLE),
    "choose by floats": (lambda np, i: np.choose(i * 1.0, (i, i)), WHOLE),
    "negative power": (lambda np, i: np.power(i, -i), WHOLE),
    "known negative power": (lambda np, i: np.power(i, -WHOLE), WHOLE),
    "digitize": (lambda np, i: np.digitize(i, i * 1.0), WHOLE),
    "unravel_index": (lambda np, i: np.unravel_index(i, (2, 1)), WHOLE),
    "ravel_multi_index": (lambda np, i: np.ravel_multi_index((i, i), (2, 3)), WHOLE),
    "geomspace": (lambda np, i: np.geomspace(i, 5, 4), WHOLE),
    "several axes": (lambda np, x: np.argmax(x, axis=(0, 1)), NAN),
    "mask of more axes": (lambda np, x: np.sum(x[0], where=x > 0), NAN),
    "order": (lambda np, x: np.reshape(x, 4, order="X"), NAN),
    "dtype": (lambda np, x: np.nanmean(x, dtype=int), NAN),
}


@pytest.mark.parametrize("name", REFUSED)
def test_values_that_numpy_refuses(name):
    function, x = REFUSED[name]
    with pytest.raises(Exception) as caught:  # noqa: PT011  whatever NumPy raises
        function(np, x)
    for wrap in (jit, lambda f: vmap(f), lambda f: jit(vmap(f))):
        batched = x if wrap is jit else np.stack([x, x])
        with pytest.raises(caught.type):
            wrap(lambda x: function(fnp, x))(batched)


def test_values_that_numpy_takes():
    x = np.array([0.0, -3.5, 5e-324, 1.7e308, -1e-310, np.inf])
    for name in ("frexp", "spacing"):
        found = jit(getattr(fnp, name))(x)
        for a, b in zip(np.atleast_2d(found), np.atleast_2d(getattr(np, name)(x)), strict=True):
            np.testing.assert_array_equal(a[:5], b[:5])
    spiral = jit(lambda a, b: fnp.geomspace(a, b, 4))(1 + 2j, 5 - 1j)
    np.testing.assert_allclose(spiral, np.geomspace(1 + 2j, 5 - 1j, 4))
    powers = jit(fnp.power)(np.array([2, 3]), np.array([3, 0]))
    np.testing.assert_array_equal(powers, [8, 1])


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("name", ["convolve", "correlate"])
@pytest.mark.parametrize("sizes", [(7, 3), (3, 7), (4, 4), (5, 1), (6, 5)])
def test_lines_that_slide(name, mode, sizes):
    """What reaches beyond the ends takes no part, so that nan and infinities do not spread there."""
    rng = np.random.default_rng(0)
    function = getattr(fnp, name)
    for place, value in ((0, np.nan), (-1, np.inf), (0, 2.0)):
        a, v = (rng.normal(size=n) for n in sizes)
        for x in (a, v):
            x = x.copy()
            x[place] = value
            pairs = ((x, v), (x, v * 1j)) if x.size == a.size else ((a, x),)
            for given in pairs:
                expected = getattr(np, name)(*given, mode)
                found = jit(lambda a, v: function(a, v, mode))(*given)
                np.testing.assert_allclose(found, expected, 1e-12, 1e-12)
                eager = vjp(lambda a, v: function(a, v, mode), *given)[0]
                np.testing.assert_allclose(eager, expected, 1e-12, 1e-12)


def test_integers_of_numbers_that_the_compiler_knows_to_be_nan():
    """Machine code has a result for them, where LLVM's instruction has none."""
    x = np.ones(3)

    def integers_of(x):
        known = (x * 0 + np.nan, x.sum() * np.inf, x[:0].sum() / 0, -np.inf * x.sum())
        return [v.astype(d) for v in known for d in (np.int64, np.int32, np.int8, np.uint64)]

    for found, expected in zip(jit(integers_of)(x), integers_of(x), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("mode", ["full", "same"])
@pytest.mark.parametrize("is_of_both", [True, False])
def test_lines_that_slide_in_batches_and_backwards(mode, is_of_both):
    """So it is for lines of a batch, and for what the cotangents meet in reverse mode."""
    rng = np.random.default_rng(1)
    a, v = rng.normal(size=(2, 6)), rng.normal(size=(2, 4))
    v[1, 0], v[1, 2] = np.inf, np.nan
    axes, lines = ((0, 0), v) if is_of_both else ((0, None), v[1])
    rows = v if is_of_both else v[[1, 1]]
    batched = vmap(lambda a, v: fnp.convolve(a, v, mode), axes)
    weights = rng.normal(size=(2, len(np.convolve(a[0], v[0], mode))))
    start = 0 if mode == "full" else 1
    places = np.arange(weights.shape[1])[:, None] + start - np.arange(6)  # of v, per row and of a
    is_met = (places >= 0) & (places < 4)
    met = [np.where(is_met, v[np.clip(places, 0, 3)], 0) for v in rows]
    for transform in (jit, lambda f: f):
        found, pull = transform(lambda a, v: vjp(batched, a, v))(a, lines)
        expected = [np.convolve(a, v, mode) for a, v in zip(a, rows, strict=True)]
        np.testing.assert_allclose(found, expected, 1e-12, 1e-12)
        expected = [w @ m for w, m in zip(weights, met, strict=True)]
        np.testing.assert_array_equal(np.isfinite(pull(weights)[0]), np.isfinite(expected))


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "c8", "c16"])
@pytest.mark.parametrize("shape", [(), (3,)])
def test_the_bits_of_places_between_ends(dtype, shape):
    """Compiled products and sums are not fused there, also not with a product that is an end."""
    rng = np.random.default_rng(2)
    numbers = [rng.normal(size=shape) + 1j * rng.normal(size=shape) for _ in range(3)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", np.exceptions.ComplexWarning)
        x, y, z = (np.asarray(v).astype(dtype)[()] for v in numbers)
    for size, endpoint in ((11, True), (50, False), (1, True)):
        between = partial(fnp.linspace, num=size, endpoint=endpoint)
        found = jit(between)(x, y)
        np.testing.assert_array_equal(found, np.linspace(x, y, size, endpoint), strict=True)
        if x.dtype.kind == "f":
            found = jit(lambda x, y, z, f=between: f(x * y, z))(x, y, z)
            np.testing.assert_array_equal(found, np.linspace(x * y, z, size, endpoint))


def test_values_on_the_edges_of_bins():
    rng = np.random.default_rng(3)
    function = jit(lambda a, low, high: fnp.histogram(a, 20, (low, high)))
    for _ in range(10):
        low, high = np.sort(rng.normal(size=2))
        values = np.linspace(low, high, 21)
        for found, expected in zip(
            function(values, low, high), np.histogram(values, 20, (low, high)), strict=True
        ):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("reverse", [False, True])
def test_a_recurrence_begins_with_its_first_term(reverse):
    """Whatever stands before it: nothing is multiplied by it."""
    a, b = np.array([[np.inf, 2.0, np.nan], [0.0, 1.0, 3.0]]), np.array([[-0.0, 1.0, 2.0]] * 2)
    recurrence = Recurrence(1, reverse)
    found = recurrence(a, b)
    first = -1 if reverse else 0
    np.testing.assert_array_equal(found[:, first], b[:, first])
    assert np.signbit(found[0, 0]) or reverse
    np.testing.assert_array_equal(jit(recurrence)(a, b), found)
