"""NumPy's functions on every shape and dtype: the same values, dtypes, shapes and errors."""

import warnings

import numpy as np
import pytest
from grid import ACCIDENTS, DTYPES, FAMILIES, NUMBERS, PAIRS, TWO_SHAPES

from tests.tables.traced import compiled_path, eagerly, flat

R = np.random.default_rng(7)
TOLERANCES = {2: 1e-2, 4: 1e-4}

pytestmark = pytest.mark.filterwarnings("ignore")


def array(shape, dtype, is_finite=False):
    """An array with a nan, an infinity and a negative zero among its floats."""
    dtype = np.dtype(dtype)
    if dtype.kind in "biu":
        low = 0 if dtype.kind in "bu" else -4
        return R.integers(low, 2 if dtype.kind == "b" else 6, shape).astype(dtype)[()]
    x = R.uniform(-2, 2, shape) + (1j * R.uniform(-2, 2, shape) if dtype.kind == "c" else 0)
    x = np.asarray(x).astype(dtype)
    if dtype.kind == "f" and x.size > 2 and R.random() < 0.5 and not is_finite:
        x.flat[:3] = np.nan, np.inf, -0.0
    return x[()]


def outcome(function, values):
    """What a call returns, as a list, or the exception that it raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return flat(function(*values)), None
        except Exception as error:
            return None, error


def difference(function, values, path):
    """What differs between NumPy's outcome and that on traced values; None if nothing does."""
    expected, error = outcome(function, values)
    given, own = outcome(lambda *v: path(function, *v), values)
    if error is not None:
        wanted = TypeError if isinstance(error, TypeError) else type(error)
        return None if isinstance(own, wanted) else f"{error!r}, but {own or given!r}"
    if own is not None:
        return f"a value, but {own!r}"
    if len(expected) != len(given):
        return f"{len(expected)} results, but {len(given)}"
    for e, g in zip(map(np.asarray, expected), map(np.asarray, given), strict=True):
        if (e.shape, e.dtype) != (g.shape, g.dtype):
            return f"{e.dtype}{e.shape}, but {g.dtype}{g.shape}"
        size = e.dtype.itemsize // (2 if e.dtype.kind == "c" else 1)
        close = TOLERANCES.get(size, 1e-9)
        if not np.allclose(g, e, rtol=close, atol=close, equal_nan=True):
            return f"{e!r}, but {g!r}"
    return None


def is_accident(name, text):
    return any(name == n and part in text for n, part in ACCIDENTS)


def cases_of(name):
    """Every call of a function of one array, with its description."""
    function = getattr(np, name)
    for family in FAMILIES:
        if name not in family.names.split():
            continue
        for dtype in family.dtypes:
            for shape in family.shapes:
                for option in family.options:
                    given = {
                        k: v(shape) if callable(v) and not isinstance(v, type) else v
                        for k, v in option.items()
                    }
                    text = f"{np.dtype(dtype)}{shape} {option}"
                    yield text, lambda x, g=given: function(x, **g), [array(shape, dtype)]


def cases_of_pair(name):
    """Every call of a function of two arrays, with its description."""
    function = getattr(np, name)
    is_power = name in ("power", "left_shift", "right_shift")

    is_finite = name == "convolve"  # which multiplies by the zeros beyond the ends

    def second(shape, dtype):
        y = array(shape, dtype, is_finite)
        return np.abs(y) if is_power and np.dtype(dtype).kind == "i" else y

    for dtype in DTYPES:
        for other in DTYPES:
            text = f"{np.dtype(dtype)}, {np.dtype(other)}"
            shapes = ((3,), (3,)) if name in ("convolve", "correlate") else ((2, 3), (3,))
            first = array(shapes[0], dtype, is_finite)
            yield text, function, [first, second(shapes[1], other)]
        for number in NUMBERS:
            if is_power and number == -1:
                continue
            yield (
                f"{np.dtype(dtype)}, {number}",
                lambda x, n=number: function(x, n),
                [array((3,), dtype)],
            )
    for shape, other in TWO_SHAPES:
        first = array(shape, float, is_finite)
        yield f"{shape}, {other}", function, [first, second(other, float)]


NAMES = list(dict.fromkeys(name for family in FAMILIES for name in family.names.split()))


@pytest.mark.parametrize("name", NAMES)
def test_functions_of_one_array(name):
    check(name, cases_of(name))


@pytest.mark.parametrize("name", PAIRS)
def test_functions_of_two_arrays(name):
    check(name, cases_of_pair(name))


def check(name, cases):
    wrong = []
    for number, (text, function, values) in enumerate(cases):
        path = compiled_path if number % 2 and name != "unique" else eagerly
        found = difference(function, values, path)
        if found and not is_accident(name, text):
            wrong.append(f"{name} {text}: {found}"[:300])
    assert not wrong, f"{len(wrong)} of them: " + "\n".join(wrong[:5])


def test_the_check_finds_a_wrong_dtype_and_a_wrong_error():
    x = np.arange(3, dtype=np.int8)
    assert "int8(3,), but int64(3,)" in difference(
        lambda v: v + 1 if isinstance(v, np.ndarray) else v + np.int64(1), [x], eagerly
    )
    assert "IndexError" in difference(
        lambda v: v[5] if isinstance(v, np.ndarray) else np.sum(v), [x], eagerly
    )
