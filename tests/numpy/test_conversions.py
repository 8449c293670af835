"""From traced values to Python's: what works, and what the errors say."""

import copy
import math
import pickle

import numpy as np
import pytest
import scipy.interpolate
import scipy.linalg
import scipy.special
import scipy.stats

import fungrad.numpy as fnp
from fungrad import grad, jit, vmap
from fungrad.core.errors import LeakedTracerError, LostDerivativeError, UnknownValueError
from fungrad.lax import stop_gradient
from fungrad.numpy import scalar_types


def test_eager_code_is_ordinary_python():
    lines = []

    def f(x):
        y = x[0]
        assert isinstance(x > 0, type(x)) and bool(y > 0) and not y < 0 and y
        assert 1.0 in x and 7.0 not in x
        assert len(x) == 3 and x.shape == (3,) and x.ndim == 1 and x.size == 3
        lines.append(f"{y:.3f} {y} {x}")
        lines.append(repr(y))
        for row in x:
            if row > 2.5:
                y = y * row
        n = int(x[2])
        assert [10, 20, 30, 40][np.argmax(x)] == 30 and list(range(np.argmax(x))) == [0, 1]
        assert round(x[1]) == 2 and math.floor(x[1]) == 2 and math.ceil(x[1]) == 2
        assert math.trunc(x[1]) == 2 and divmod(x[1], 2)[0] == 1
        while y < 100:
            y = y * n
        first, *rest = x
        return y + first + copy.copy(rest[0]) + copy.deepcopy(rest[1])

    result = grad(f)(np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(result, [244.0, 1.0, 82.0])
    assert lines == ["1.000 1.0 [1. 2. 3.]", "Traced(np.float64(1.0))"]


@pytest.mark.parametrize(
    ("convert", "what"),
    [
        (float, r"float\(x\)"),
        (math.sin, r"float\(x\)"),
        (complex, r"complex\(x\)"),
        (lambda x: x.item(), r"x.item\(\)"),
        (lambda x: x.tolist(), r"x.tolist\(\)"),
        (np.asarray, "a conversion to a plain NumPy array"),
        (lambda x: np.array([x, x]), "a conversion to a plain NumPy array"),
        (lambda x: np.asarray(x[None]), "a conversion to a plain NumPy array"),
        (lambda x: float(abs(x) * 2 + 1), r"float\(x\)"),
    ],
)
def test_conversions_that_lose_a_derivative(convert, what):
    text = rf"{what} would drop the derivative of .* inside grad of f; use .*stop_gradient\(x\)"

    def f(x):
        convert(x)
        return x

    with pytest.raises(LostDerivativeError, match=text):
        grad(f)(2.0)
    with pytest.raises(LostDerivativeError, match="inside grad of f"):
        grad(lambda y: grad(f)(y))(2.0)

    def stopped(x):
        convert(stop_gradient(x))
        return x * 2

    assert grad(stopped)(2.0) == 2.0


def test_conversions_of_what_has_no_derivative():
    def f(x):
        constant = fnp.ones(3).sum() * 2
        assert float(constant) == 6.0 and constant.item() == 6.0
        assert float(x.argmax()) == 1.0 and (x > 1).tolist() == [False, True]
        assert np.asarray(x > 1).dtype == bool and int(x[1]) == 2
        assert float(stop_gradient(x)[0] + 1) == 2.0
        return x.sum() * float(stop_gradient(x[1]))

    np.testing.assert_array_equal(grad(f)(np.array([1.0, 2.0])), [2.0, 2.0])


def at_the_trace(function, transform):
    """Call `function` on a scalar whose value the transform hides."""
    if transform is jit:
        return jit(lambda x: function(x) and 0.0)(2.0)
    return vmap(lambda x: function(x) and 0.0)(np.ones(2))


@pytest.mark.parametrize("transform", [jit, vmap])
@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: 1 if x > 0 else 0, ["bool(x)", "where(condition, x, y)", "cond", "while_loop"]),
        (float, ["float(x)", "np.sin(x)"]),
        (math.sin, ["float(x)", "np.sin(x)"]),
        (int, ["int(x)", "fori_loop"]),
        (np.asarray, ["a conversion to a plain NumPy array", "fungrad.numpy.asarray"]),
        (lambda x: x.item(), ["x.item()"]),
        (lambda x: list(range(x.astype(int))), ["range(n)", "fori_loop"]),
        (lambda x: np.arange(3)[x.astype(int)], ["asarray(a)[i]"]),
        (lambda x: f"{x:.2f}", ["the format '.2f'", "debug.print"]),
    ],
)
def test_unknown_values(transform, function, words):
    with pytest.raises(UnknownValueError) as caught:
        at_the_trace(function, transform)
    text = str(caught.value)
    for word in [f"{transform.__name__} of <lambda>", *words]:
        assert word in text
    assert ("static_argnums" in text) == (transform is jit)


def test_unknown_values_can_be_shown_and_counted():
    shown = []

    def f(x):
        shown.append(f"{x} {x!r}")
        assert len(x) == 2 and len(list(x)) == 2
        return x.sum()

    jit(f)(np.ones((2, 3)))
    assert shown == ["Traced(f64[2,3]) Traced(f64[2,3])"]


def test_scalars_have_no_length():
    def f(x):
        with pytest.raises(TypeError, match=r"len\(\) of unsized object"):
            len(x)
        with pytest.raises(TypeError, match="iteration over a 0-d array"):
            iter(x)
        with pytest.raises(IndexError, match="too many indices"):
            x[0]
        with pytest.raises(TypeError, match="only integer scalar arrays"):
            range(x)
        with pytest.raises(ValueError, match="ambiguous"):
            bool(fnp.zeros(2) + x)
        with pytest.raises(ValueError, match="without a copy"):
            np.asarray(fnp.ones(2), copy=False)
        with pytest.raises(TypeError, match="reinterprets bits"):
            x.view(np.int64)
        return x

    grad(f)(1.0)


def test_leaked_values_raise_and_can_be_shown():
    kept = []
    grad(lambda x: kept.append(x * 2) or x)(1.0)
    with pytest.raises(LeakedTracerError):
        kept[0] + 1
    with pytest.raises(LeakedTracerError):
        np.exp(kept[0])
    assert repr(kept[0])


def test_printed_by_numpy():
    def f(x):
        assert np.array_repr(x) == "array([1., 2.])" and np.array_str(x) == "[1. 2.]"
        return x.sum()

    grad(f)(np.array([1.0, 2.0]))


def sets_an_item(x):
    y = np.zeros(3)
    y[0] = x
    return y.sum()


def sets_a_slice(x):
    y = np.zeros(3)
    y[1:] = x
    return y.sum()


@pytest.mark.parametrize("transform", [grad, jit])
@pytest.mark.parametrize(
    ("function", "words"),
    [
        (sets_an_item, "setting an item of a plain array .*fungrad.numpy.zeros"),
        (sets_a_slice, "setting an item of a plain array .*fungrad.numpy.zeros"),
        (lambda x: np.array([x, x]).sum(), "conversion to a plain NumPy array .*asarray or array"),
        (lambda x: np.vectorize(lambda a: a * a)(x), "numpy.vectorize.* use fungrad.numpy.vectori"),
        (lambda x: scipy.special.logsumexp(x), "use fungrad.scipy.special.logsumexp"),
        (lambda x: scipy.stats.norm.logpdf(x), "use fungrad.scipy.stats.norm.logpdf"),
        (
            lambda x: scipy.linalg.solve_triangular(np.eye(1), x[None])[0],
            "use fungrad.scipy.linalg.solve_triangular",
        ),
        (
            lambda x: scipy.interpolate.CubicSpline(np.arange(3.0), x * np.ones(3))(1.0),
            r"scipy.interpolate\.CubicSpline, which works on plain arrays, .*pure_callback",
        ),
    ],
)
def test_the_error_tells_what_the_line_does(transform, function, words):
    with pytest.raises((LostDerivativeError, UnknownValueError), match=words):
        transform(function)(2.0)


def test_what_frompyfunc_makes_names_the_way_out():
    square = np.frompyfunc(lambda a: a * a, 1, 1)
    with pytest.raises(TypeError, match="frompyfunc of <lambda> .* use fungrad.numpy.vectorize"):
        grad(lambda x: square(x))(2.0)


def test_an_unknown_index_into_a_plain_array():
    with pytest.raises(UnknownValueError, match=r"indexing a plain array .*asarray\(a\)\[i\]"):
        jit(lambda i: np.arange(3.0)[i])(np.array([0, 2]))


@pytest.mark.parametrize("name", scalar_types.NAMES)
def test_scalar_types_convert_traced_values_and_are_numpys(name):
    kind, own = getattr(fnp, name), getattr(np, name)
    value = 0.75 if np.issubdtype(own, np.inexact) else 3
    converted = jit(lambda x: kind(x))(value)
    assert converted == own(value) and converted.dtype == own
    assert jit(lambda x: kind([x, 1]))(value).tolist() == np.array([value, 1], own).tolist()
    assert kind == own and own == kind and hash(kind) == hash(own) and kind != np.void
    assert np.dtype(kind) == own and np.dtype(own) == kind and np.zeros(2, kind).dtype == own
    assert isinstance(own(1), kind) and issubclass(own, kind) and issubclass(kind, np.generic)
    assert type(kind(1)) is own and pickle.loads(pickle.dumps(kind)) is kind
    assert np.result_type(kind, np.int8) == np.result_type(own, np.int8)


def test_scalar_types_are_differentiated():
    slope = grad(lambda x: fnp.float32(x) ** 2)(3.0)
    assert slope == 6.0 and slope.dtype == np.float64
    with pytest.raises(UnknownValueError, match=r"x\.astype\(np\.float32\) for np\.float32\(x\)"):
        jit(lambda x: np.float32(x))(1.0)
