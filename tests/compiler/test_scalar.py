"""Scalar expressions: their algebra, their printed form, and every word against NumPy's."""

import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
import scipy.special
from scalar_kernels import compiled

from fungrad.compiler.language.builder import Builder
from fungrad.compiler.language.numba_scalar import NumbaPrinter, literal
from fungrad.compiler.language.scalar import result_dtype, substitute, topological_order
from fungrad.compiler.language.words import LIBRARY, VOCABULARY
from fungrad.compiler.math import OUTLINED, ULP_BOUNDS, expand

build = Builder()
DTYPE_NAMES = """bool int8 int16 int32 int64 uint8 uint16 uint32 uint64
    float32 float64 complex64 complex128"""
DTYPES = [np.dtype(name) for name in DTYPE_NAMES.split()]


# The algebra of expressions.


def test_equal_expressions_are_one_object():
    x = build.symbol("x", float)
    assert x * x + 1 is build.symbol("x", "f8") * x + 1.0
    assert x * x is not build.symbol("x", "f4") * build.symbol("x", "f4")


def test_constants_keep_the_sign_of_zero_and_nan():
    assert build.constant(0.0, float) is not build.constant(-0.0, float)
    assert build.constant(np.nan, float) is build.constant(np.nan, float)
    assert build.constant(0.1, np.float32).attribute == float(np.float32(0.1))


def test_index_arithmetic_is_simplified():
    i = build.symbol("i", np.int64)
    assert i + 0 is i and 0 + i is i and i - 0 is i and i * 1 is i
    assert (i * 0).attribute == 0 and (i - i).attribute == 0
    assert (i + 2) + 3 is i + 5 and 2 + i is i + 2
    assert build("index_divide", i, build.constant(1, np.int64)) is i
    assert build("index_remainder", i, build.constant(1, np.int64)).attribute == 0
    assert (build.constant(3, np.int64) < 4).attribute is True
    largest = build.constant(2**63 - 1, np.int64)
    assert (largest + 1).attribute == -(2**63)


def test_floating_point_is_not_simplified():
    x = build.symbol("x", float)
    assert (x + 0.0).op == "add"
    assert (x * 0.0).op == "multiply"


def test_conditions_are_simplified():
    i, x = build.symbol("i", np.int64), build.symbol("x", float)
    yes, no = build.constant(True, bool), build.constant(False, bool)
    inside = i < 5
    assert (inside & yes) is inside and (inside & no) is no
    assert (inside | yes) is yes and (inside | no) is inside
    assert build.select(yes, x, 0.0) is x
    assert build.select(inside, x, x) is x


def test_substitute_replaces_leaves():
    x, y = build.symbol("x", float), build.symbol("y", float)

    def replace(node, operands):
        return y if node is x else build.call(node.op, node.dtype, *operands) if operands else node

    assert substitute([x * x + 1.0], replace) == [y * y + 1.0]


def test_deep_expressions_need_no_recursion():
    x = y = build.symbol("x", float)
    for _ in range(5000):
        y = y * x
    assert len(topological_order([y])) == 5001


def test_errors_name_the_operands():
    x, i = build.symbol("x", float), build.symbol("i", np.int64)
    with pytest.raises(TypeError, match=r"x is float64 and i is int64; convert one"):
        x + i
    with pytest.raises(ValueError, match="'sine' is no word"):
        build("sine", x)
    with pytest.raises(TypeError, match="exp takes 1 operands, 2 were given"):
        build("exp", x, x)
    with pytest.raises(TypeError, match=r"no truth value.*less\(x, 0.0\).*build.select"):
        bool(x < 0)


# The printed form.


def test_statements_share_subexpressions():
    x, y = build.symbol("x", np.float32), build.symbol("y", np.float32)
    product = x * y
    printer = NumbaPrinter()
    printer.assign("z", build.select(x > y, build("maximum", product, x) + 2.5 * product, 0.0))
    assert printer.lines == [
        "t0 = x > y",
        "t1 = x * y",
        "t2 = maximum(t1, x)",
        "t3 = float32(2.5) * t1",
        "t4 = t2 + t3",
        "z = select(t0, t4, float32(0.0))",
    ]
    printer.assign("w", product)
    assert printer.lines[-1] == "w = t1"


@pytest.mark.parametrize(
    ("value", "dtype", "text"),
    [
        (1.5, "f8", "1.5"),
        (-0.0, "f8", "-0.0"),
        (np.inf, "f8", "inf"),
        (-np.inf, "f4", "float32(-inf)"),
        (np.nan, "f8", "nan"),
        (0.1, "f4", "float32(0.10000000149011612)"),
        (7, "i8", "7"),
        (7, "u1", "uint8(7)"),
        (True, "?", "True"),
        (1 - 2j, "c16", "make_complex((1.0), (-2.0))"),
        (1 - 2j, "c8", "make_complex(float32(1.0), float32(-2.0))"),
    ],
)
def test_literals_have_their_dtype(value, dtype, text):
    assert literal(build.constant(value, dtype)) == text


def test_scalars_and_functions_need_neither_numba_nor_llvm():
    modules = "fungrad.compiler.language.numba_scalar, fungrad.compiler.math"
    check = f"import sys, {modules}; print('numba' in sys.modules or 'llvmlite' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", check], text=True).strip() == "False"


# Every word against NumPy's function.

_EXACT = """negative absolute sign floor ceil rint trunc sqrt reciprocal logical_not bitwise_not
    population_count isnan isinf isfinite signbit real imag conjugate add subtract multiply divide
    maximum minimum remainder fmod floor_divide copysign nextafter strong_multiply strong_divide equal not_equal
    less less_equal greater greater_equal logical_and logical_or logical_xor bitwise_and bitwise_or
    bitwise_xor left_shift right_shift fast_add rounded_add rounded_multiply make_complex select
    integer_power index_divide index_remainder"""
EXACT = set(_EXACT.split())
SIGNED_ZEROS = """add subtract multiply divide negative absolute floor ceil rint trunc sqrt
    remainder fmod floor_divide copysign nextafter"""
SCIPY = {"logistic": "expit", "lgamma": "gammaln", "digamma": "psi"}
NUMPY = {
    "bitwise_not": np.invert,
    "fast_add": np.add,
    "rounded_add": np.add,
    "rounded_multiply": np.multiply,
    "rsqrt": lambda x: np.reciprocal(np.sqrt(x)),
    "imag": lambda x: x.imag,
    "real": lambda x: x.real,
    "strong_divide": lambda x, y: np.where(x == 0, x.dtype.type(0), np.divide(x, y)),
    "strong_multiply": lambda x, y: np.where((x == 0) | (y == 0), x.dtype.type(0), x * y),
    "strong_divide": lambda x, y: np.where(x == 0, x.dtype.type(0), x / y),
    "population_count": lambda x: np.bitwise_count(x.view(f"u{x.itemsize}")).astype(x.dtype),
    "make_complex": lambda x, y: (x + 1j * np.where(np.isfinite(y), y, 0)).astype(
        f"c{2 * x.itemsize}"
    ),
    "select": lambda c, x, y: np.where(c, x, y),
    "index_divide": np.floor_divide,
    "index_remainder": np.remainder,
}
KINDS = {
    "real": "biufc",
    "imag": "iufc",
    "select": "biufc",
    "strong_multiply": "iufc",
    "strong_divide": "fc",
    "rounded_add": "fc",
    "rounded_multiply": "f",
    "population_count": "iu",
    "make_complex": "f",
    "rsqrt": "fc",
    "index_divide": "iu",
    "index_remainder": "iu",
    **dict.fromkeys("logistic lgamma digamma erf erfc erfinv xlogy xlog1py".split(), "f"),
}
ELSEWHERE = {
    "convert",
    "bitcast",
    "table",
    "call_where",
    "integer_power",
    "fma",
    "trigamma",
    *LIBRARY,
    *OUTLINED,
}


def _numpy(word):
    if word in NUMPY:
        return NUMPY[word]
    return getattr(np, word, None) or getattr(scipy.special, SCIPY.get(word, word))


def _is_defined(word, dtype):
    """Whether NumPy's function has a loop for the dtype that gives the word's dtype."""
    if word in KINDS:
        return dtype.kind in KINDS[word]
    dtypes = [dtype] * VOCABULARY[word]
    operands = "".join(d.char for d in dtypes)
    result = result_dtype(word, *dtypes)
    loops = [loop.split("->") for loop in _numpy(word).types]
    return any(i == operands and np.dtype(o) == result for i, o in loops)


def _words(dtype):
    words = sorted(VOCABULARY.keys() - ELSEWHERE)
    return [word for word in words if _is_defined(word, dtype)]


def _values(dtype, rng):
    if dtype.kind == "b":
        return rng.integers(0, 2, 200).astype(bool)
    if dtype.kind in "iu":
        about = np.iinfo(dtype)
        edges = np.array([0, 1, 2, 3, about.min, about.min + 1, about.max, about.max - 1], dtype)
        signs = [-1, -2, -3] if dtype.kind == "i" else []
        spread = rng.integers(about.min, about.max, 200, dtype, endpoint=True)
        return np.concatenate([edges, np.array(signs, dtype), spread])
    if dtype.kind == "c":
        parts = [_values(np.dtype(f"f{dtype.itemsize // 2}"), rng) for _ in range(2)]
        parts = [rng.permutation(part[abs(part) < 20]) for part in parts]
        return (parts[0][:150] + 1j * parts[1][:150]).astype(dtype)
    edges = [0.0, -0.0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, np.inf, -np.inf, np.nan, 1e30, 1e-30]
    spread = rng.normal(size=200) * 10 ** rng.uniform(-2, 2, 200)
    return np.concatenate([edges, spread]).astype(dtype)


def _operands(dtype):
    """All pairs of some values, then random ones."""
    rng = np.random.default_rng(3)
    values = _values(dtype, rng)
    x, y = (v.ravel() for v in np.meshgrid(values[:14], values[:14]))
    x = np.concatenate([x, values, rng.permutation(values)])
    y = np.concatenate([y, values, rng.permutation(values)])
    condition = rng.integers(0, 2, x.size).astype(bool)
    operands = {"c": condition, "x": x, "y": y}
    if dtype.kind in "iu":
        largest = np.array(8 * dtype.itemsize + 3, dtype)
        one = np.array(1, dtype)
        operands["count"] = np.minimum(np.where(y < 0, -(y + one), y), largest)
        operands["index"], operands["divisor"] = np.maximum(x, 0), np.maximum(y, one)
    return operands


def _names(word, dtype):
    """The operands of a word, by name."""
    if word == "select":
        return "c", "x", "y"
    if word in ("left_shift", "right_shift") or (word == "power" and dtype.kind in "iu"):
        return "x", "count"
    if word.startswith("index"):
        return "index", "divisor"
    return ("x", "y")[: VOCABULARY[word]]


@pytest.fixture(scope="module", params=DTYPES, ids=lambda dtype: dtype.name)
def results(request):
    """All words on operands of a dtype: the dtype, the operands, the results by word."""
    dtype = request.param
    operands = _operands(dtype)
    symbols = {name: build.symbol(name, v.dtype) for name, v in operands.items()}
    roots = {w: build(w, *[symbols[n] for n in _names(w, dtype)]) for w in _words(dtype)}
    x = symbols["x"]
    roots |= {f"convert {t.name}": build.cast(x, t) for t in DTYPES if t != dtype}
    if dtype.kind in "iufc":
        exponents = (0, 1, 2, 3, 5, 10, -1) if dtype.kind in "fc" else (0, 1, 2, 3, 5, 10)
        roots |= {f"integer_power {n}": build.integer_power(x, n) for n in exponents}
    dtypes = {name: v.dtype for name, v in operands.items()}
    return dtype, operands, compiled(roots, dtypes, vectorised=False)(**operands)


def _is_sampled(word, dtype, arguments):
    """Where NumPy defines the result."""
    inside = np.ones(arguments[0].shape, bool)
    if word == "reciprocal" and dtype.kind in "iu":
        inside &= arguments[0] != 0
    if word in ("divide", "strong_divide", "power", "reciprocal", "rsqrt") and dtype.kind == "c":
        inside &= abs(arguments[-1]) > 0
    if word == "lgamma":  # SciPy's of -inf is -inf, C's is inf
        inside &= arguments[0] > -np.inf
    if word == "make_complex":
        inside &= np.isfinite(arguments[0]) & np.isfinite(arguments[1])
    return inside


def _assert_close(result, expected, tolerance, word):
    assert result.dtype == expected.dtype, word
    if result.dtype.kind == "c" and tolerance:
        result, expected = result[np.isfinite(expected)], expected[np.isfinite(expected)]
        error = abs(result - expected) / np.maximum(abs(expected), np.finfo(result.dtype).tiny)
        np.testing.assert_array_less(error, tolerance, err_msg=word)
    elif result.dtype.kind in "fc" and tolerance:
        np.testing.assert_allclose(result, expected, tolerance, tolerance, err_msg=word)
    else:
        np.testing.assert_array_equal(result, expected, err_msg=word)


def test_words_are_numpys(results):
    dtype, operands, computed = results
    for word in _words(dtype):
        arguments = [operands[name] for name in _names(word, dtype)]
        inside = _is_sampled(word, dtype, arguments)
        arguments = [x[inside] for x in arguments]
        with np.errstate(all="ignore"):
            expected = np.asarray(_numpy(word)(*arguments))
        unit = np.finfo(dtype).eps if dtype.kind in "fc" else 0
        is_exact = word in EXACT and dtype.kind != "c"
        _assert_close(computed[word][inside], expected, 0 if is_exact else 100 * unit, word)
        if dtype.kind == "f" and word in SIGNED_ZEROS.split():
            signs = np.signbit(computed[word][inside]), np.signbit(expected)
            np.testing.assert_array_equal(*(s[expected == 0] for s in signs), err_msg=word)


@pytest.mark.filterwarnings("ignore:Casting complex")
def test_conversions_are_numpys(results):
    dtype, operands, computed = results
    x = operands["x"]
    for target in DTYPES:
        if target == dtype:
            continue
        inside = np.ones(x.shape, bool)
        if dtype.kind in "fc" and target.kind in "iu":
            about = np.iinfo(target)
            inside = (x.real >= about.min) & (x.real < float(about.max))
        with np.errstate(all="ignore"):
            expected = x[inside].astype(target)
        np.testing.assert_array_equal(computed[f"convert {target.name}"][inside], expected)


def test_integer_powers(results):
    dtype, operands, computed = results
    for name in computed:
        if name.startswith("integer_power"):
            exponent = int(name.split()[1])
            with np.errstate(all="ignore"):
                expected = operands["x"] ** (dtype.type(exponent) if exponent >= 0 else exponent)
            unit = np.finfo(dtype).eps if dtype.kind in "fc" else 0
            _assert_close(computed[name], expected, 20 * unit, name)


def test_every_word_is_tested_or_has_its_own_test():
    tested = {word for dtype in DTYPES for word in _words(dtype)}
    assert tested | ELSEWHERE == VOCABULARY.keys()
    assert ULP_BOUNDS.keys() <= tested
    assert expand("tanh", np.dtype("f4")) and not expand("sqrt", np.dtype("f4"))


def test_division_by_zero_and_overflow_are_numpys():
    x, y = build.symbol("x", np.int8), build.symbol("y", np.int8)
    roots = {word: build(word, x, y) for word in ("floor_divide", "remainder", "fmod")}
    values = {"x": np.array([7, -7, -128, 0], np.int8), "y": np.array([0, 0, -1, 0], np.int8)}
    for word, result in compiled(roots, {"x": "i1", "y": "i1"})(**values).items():
        with np.errstate(all="ignore"):
            expected = getattr(np, word)(values["x"], values["y"])
        np.testing.assert_array_equal(result, expected)


def test_bitcast_and_fma_and_table():
    x = build.symbol("x", float)
    roots = {
        "bits": build.bitcast(x, np.int64),
        "back": build.bitcast(build.bitcast(x, np.uint64) ^ (1 << 63), float),
        "lost": build.fma(x, x, -build("rounded_multiply", x, x)),
        "entry": build.table("two_over_pi", build.cast(x, np.int64)),
    }
    values = np.array([0.1, 1.5, -0.3, 3.0])
    got = compiled(roots, {"x": float})(x=abs(values) * np.sign(values))
    np.testing.assert_array_equal(got["bits"], values.view(np.int64))
    np.testing.assert_array_equal(got["back"], -values)
    lost = [float(Fraction(v) ** 2 - Fraction(v * v)) for v in values.tolist()]
    np.testing.assert_array_equal(got["lost"], lost)


def test_a_function_is_called_where_a_condition_holds():
    x = build.symbol("x", float)
    values = np.array([0.1, 1.5, -0.3, 1e15])  # `sin_of_huge` is for huge arguments only
    got = compiled({"rare": build.call_where(x > 1e10, "sin_of_huge", x)}, {"x": float})(x=values)
    np.testing.assert_array_equal(got["rare"][:3], values[:3])
    np.testing.assert_allclose(got["rare"][3], np.sin(1e15), rtol=1e-15)


def test_words_work_in_functions_from_the_disk_cache(tmp_path):
    """The second process loads what the first compiled, with expansions and tables inside."""
    names = "sin, exp, select, float32, maximum"
    (tmp_path / "cached.py").write_text(f"""
import numba, numpy as np
from fungrad.compiler.llvm.intrinsics import {names}

@numba.njit("f8(f8)", cache=True, fastmath={{"contract"}}, error_model="numpy")
def f(x):
    return select(x > 1.0, sin(x), exp(x)) + float32(maximum(x, 2.0))

print(f(1e22), sum(f.stats.cache_hits.values()))
""")
    command = [sys.executable, str(tmp_path / "cached.py")]
    first, second = (subprocess.check_output(command, text=True).split() for _ in range(2))
    assert first[0] == second[0]
    assert (first[1], second[1]) == ("0", "1")
