"""`fungrad.scipy.special`: values against mpmath and SciPy, derivatives against differences."""

import mpmath
import numpy as np
import pytest
import scipy.special

import fungrad
from fungrad import grad, jit
from fungrad.errors import NotDifferentiableError
from fungrad.scipy import special
from fungrad.testing import check_grads

RNG = np.random.default_rng(4)
SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, -2.0, 0.5, -0.5, np.inf, -np.inf, np.nan, 1e-300, 1e300])


def spread(low, high, count=30):
    """Positive numbers of all magnitudes between two powers of ten."""
    return 10 ** RNG.uniform(low, high, count)


POSITIVE, SHAPES, OTHERS = spread(-6, 3), spread(-3, 4), spread(-3, 4)
SIGNED = np.concatenate([POSITIVE, -spread(-6, 1.4)])
UNIT = np.concatenate([RNG.uniform(0, 1, 20), spread(-10, -0.1, 10)])
NEAR = SHAPES * np.exp(RNG.normal(size=30) / np.sqrt(SHAPES + 1))
BETAS = np.clip(RNG.beta(SHAPES, OTHERS), 1e-200, 1 - 1e-12)
WHOLE = RNG.integers(1, 6, 30).astype(float)

#: Per name: arguments, and the exact value, where None is SciPy's.
TABLE = {
    "erf": ((SIGNED,), mpmath.erf),
    "erfc": ((SIGNED,), mpmath.erfc),
    "erfinv": ((np.concatenate([UNIT, -UNIT]),), mpmath.erfinv),
    "erfcinv": ((UNIT,), lambda x: mpmath.findroot(lambda y: mpmath.erfc(y) - x, _erfcinv(x))),
    "gamma": ((spread(-6, 2.2),), mpmath.gamma),
    "gammaln": ((POSITIVE,), lambda x: mpmath.re(mpmath.loggamma(x))),
    "digamma": (
        (np.concatenate([1.4616 + POSITIVE[:8] * 1e-5, POSITIVE, -POSITIVE[:9] - 0.31]),),
        mpmath.digamma,
    ),
    "polygamma": ((WHOLE, POSITIVE), mpmath.polygamma),
    "zeta": ((1 + POSITIVE[:30] / 99, spread(-2, 2)), mpmath.zeta),
    "beta": ((SHAPES[:20], OTHERS[:20]), mpmath.beta),
    "betaln": (
        (SHAPES, OTHERS),
        lambda a, b: mpmath.loggamma(a) + mpmath.loggamma(b) - mpmath.loggamma(a + b),
    ),
    "poch": ((spread(-2, 1), spread(-2, 1)), mpmath.rf),
    "expit": ((SIGNED,), lambda x: 1 / (1 + mpmath.exp(-x))),
    "logit": ((UNIT,), lambda x: mpmath.log(x / (1 - x))),
    "log_ndtr": (
        (SIGNED,),
        lambda x: mpmath.log1p(-mpmath.ncdf(-x)) if x > 0 else mpmath.log(mpmath.ncdf(x)),
    ),
    "ndtr": ((-spread(-4, 1.4),), mpmath.ncdf),
    "ndtri": ((UNIT,), None),
    "xlogy": ((SIGNED[:30], SHAPES), lambda x, y: x * mpmath.log(y)),
    "xlog1py": ((SIGNED[:30], SHAPES), lambda x, y: x * mpmath.log1p(y)),
    "entr": ((POSITIVE,), lambda x: -x * mpmath.log(x)),
    "rel_entr": ((SHAPES, SHAPES * (1 + 1e-7)), lambda x, y: x * mpmath.log(x / y)),
    "kl_div": ((SHAPES, OTHERS), lambda x, y: x * mpmath.log(x / y) - x + y),
    "gammainc": ((SHAPES, NEAR), lambda a, x: mpmath.gammainc(a, 0, x, regularized=True)),
    "gammaincc": ((SHAPES, NEAR), lambda a, x: mpmath.gammainc(a, x, regularized=True)),
    "betainc": ((SHAPES, OTHERS, BETAS), None),
    "i0": ((spread(-6, 2),), lambda x: mpmath.besseli(0, x)),
    "i0e": ((POSITIVE,), lambda x: mpmath.besseli(0, x) * mpmath.exp(-x)),
    "i1": ((spread(-6, 2),), lambda x: mpmath.besseli(1, x)),
    "i1e": ((POSITIVE,), lambda x: mpmath.besseli(1, x) * mpmath.exp(-x)),
    "boxcox": ((OTHERS, RNG.normal(size=30) * 1e-3), lambda x, v: mpmath.powm1(x, v) / v),
    "boxcox1p": ((OTHERS, RNG.normal(size=30)), lambda x, v: mpmath.powm1(1 + x, v) / v),
    "expi": ((POSITIVE[POSITIVE < 600],), mpmath.ei),
    "exp1": ((POSITIVE[POSITIVE < 600],), mpmath.e1),
    "expn": ((WHOLE, UNIT), mpmath.expint),
    "erfcx": ((POSITIVE,), None),
    "dawsn": ((SIGNED,), None),
    "spence": ((SHAPES,), lambda x: mpmath.re(mpmath.polylog(2, 1 - x))),
    "owens_t": ((RNG.normal(size=30), RNG.normal(size=30)), None),
    "hyp1f1": ((WHOLE, OTHERS, UNIT), mpmath.hyp1f1),
    "hyp2f1": ((WHOLE, UNIT, OTHERS, UNIT * 0.8), mpmath.hyp2f1),
    "exprel": ((SIGNED,), lambda x: mpmath.expm1(x) / x),
}


def _erfcinv(x):
    return scipy.special.erfcinv(float(x))


@pytest.fixture(scope="module", autouse=True)
def _precision():
    with mpmath.workdps(40):
        yield


@pytest.fixture(scope="module")
def compiled():
    """Every function of the table on its arguments, from one program."""
    names = list(TABLE)
    program = jit(lambda arguments: [getattr(special, n)(*arguments[n]) for n in names])
    return dict(zip(names, program({n: TABLE[n][0] for n in names}), strict=True))


@pytest.mark.parametrize("name", TABLE)
def test_values_are_exact(name, compiled):
    arguments, exact = TABLE[name]
    if exact is None:
        expected = getattr(scipy.special, name)(*arguments)
    else:
        rows = zip(*[x.tolist() for x in arguments], strict=True)
        expected = np.array([float(exact(*map(mpmath.mpf, row))) for row in rows])
    for result in (getattr(special, name)(*arguments), compiled[name]):
        np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("name", [n for n in TABLE if not n.startswith("hyp")])
def test_special_values_are_scipys(name):
    count = len(TABLE[name][0])
    if name in ("expn", "polygamma", "zeta"):
        grid = [np.array([2.0, 3.0]), SPECIAL[:8]]
    elif count > 2:
        grid = [SPECIAL[[0, 2, 5, 7, 9]]] * count
    else:
        stop = 7 if "boxcox" in name else 10 if count > 1 else None
        grid = [SPECIAL[:stop]] * count
    values = [x.ravel() for x in np.meshgrid(*grid)]
    if name == "polygamma":
        values[0] = values[0].astype(int)
    with np.errstate(all="ignore"):
        expected = getattr(scipy.special, name)(*values)
        result = getattr(special, name)(*values)
    np.testing.assert_allclose(result, expected, rtol=1e-11, atol=1e-300)


@pytest.mark.parametrize("name", [n for n in TABLE if n not in ("polygamma", "expn")])
def test_scipys_own_ufunc_on_traced_values(name):
    arguments = [x[:3] for x in TABLE[name][0]]
    function, own = getattr(special, name), getattr(scipy.special, name)
    last = len(arguments) - 1
    slope = grad(lambda *xs: np.sum(own(*xs)), last)(*arguments)
    expected = grad(lambda *xs: np.sum(function(*xs)), last)(*arguments)
    np.testing.assert_array_equal(slope, expected)


HELD = {"polygamma": 1, "zeta": 1, "expn": 1, "hyp1f1": 2, "hyp2f1": 3}


@pytest.mark.parametrize("name", TABLE)
def test_derivatives(name):
    """By differences, in every argument that has a derivative, to second order."""
    arguments = [np.copysign(np.clip(abs(x), 0.06, 6), x)[:3] for x in TABLE[name][0]]
    if name in ("betainc", "logit", "ndtri", "erfinv", "erfcinv", "hyp2f1"):
        arguments[-1] = np.array([0.2, 0.45, 0.7])
    held = [x[:3] for x in TABLE[name][0]][: HELD.get(name, 0)]
    function = getattr(special, name)
    check_grads(lambda *xs: function(*held, *xs), arguments[len(held) :], order=2)


@pytest.mark.parametrize("name", ["gammainc", "betainc", "betaln", "log_ndtr", "polygamma", "i1"])
def test_compiled_second_derivatives(name):
    arguments = [np.clip(abs(x), 0.1, 0.9)[:4] for x in TABLE[name][0]]
    held = (2.0,) if name == "polygamma" else ()
    f = lambda *xs: np.sum(getattr(special, name)(*held, *xs))  # noqa: E731
    arguments = arguments[len(held) :]
    second = fungrad.hessian(f, tuple(range(len(arguments))))
    for a, b in zip(second(*arguments), jit(second)(*arguments), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-12, atol=1e-14)


def test_trigamma():
    x = np.concatenate([POSITIVE, -POSITIVE[POSITIVE < 100] - 0.013])
    exact = np.array([float(mpmath.polygamma(1, mpmath.mpf(v))) for v in x.tolist()])
    poles = np.array([0.0, -3.0, np.inf, np.nan])
    for f in (lambda x: special.polygamma(1, x), jit(lambda x: special.polygamma(1, x))):
        np.testing.assert_allclose(f(x), exact, rtol=1e-12)
        np.testing.assert_array_equal(f(poles), [np.inf, np.inf, 0, np.nan])


def _tail(low, scale, density, score):
    """The integral of a density times a score from low on, in pieces that grow with the scale."""
    places = [low, *[low + scale * 2.0**k for k in range(-3, 9)]]
    return mpmath.quad(lambda t: density(t) * score(t), places)


@pytest.mark.parametrize("a, x", [(0.02, 1.1), (0.7, 0.2), (2.5, 1.0), (40.0, 52.0), (3e3, 3.1e3)])
def test_derivatives_of_gammainc_in_its_parameter(a, x):
    """Against the integrals of the scores, by the other end for what is to the right."""
    p, q = mpmath.mpf(a), mpmath.mpf(x)
    norm, mean, bend = mpmath.loggamma(p), mpmath.digamma(p), mpmath.polygamma(1, p)
    density = lambda t: mpmath.exp((p - 1) * mpmath.log(t) - t - norm)  # noqa: E731
    score = lambda t: mpmath.log(t) - mean  # noqa: E731
    scale = mpmath.sqrt(p) if p > 1 else mpmath.mpf(1)
    first = -_tail(q, scale, density, score)
    second = -_tail(q, scale, density, lambda t: score(t) ** 2 - bend)
    slope = grad(special.gammainc)
    np.testing.assert_allclose(slope(a, x), float(first), rtol=2e-12)
    np.testing.assert_allclose(grad(slope)(a, x), float(second), rtol=2e-11)
    assert grad(special.gammaincc)(a, x) == -slope(a, x)


@pytest.mark.parametrize("a, b, x", [(0.06, 1.1, 0.5), (30.0, 50.0, 0.4)])
def test_derivatives_of_betainc_in_its_parameters(a, b, x):
    p, q, u = map(mpmath.mpf, (a, b, x))
    norm = mpmath.loggamma(p) + mpmath.loggamma(q) - mpmath.loggamma(p + q)
    both, bend = mpmath.digamma(p + q), mpmath.polygamma(1, p + q)
    mean_a, mean_b = mpmath.digamma(p) - both, mpmath.digamma(q) - both

    def integral(score):  # over v = -log((1 - t) / (1 - x))
        def logarithms(v):
            return mpmath.log1p(-(1 - u) * mpmath.exp(-v)), mpmath.log1p(-u) - v

        def density(v):
            log_t, log_rest = logarithms(v)
            return mpmath.exp((p - 1) * log_t + q * log_rest - norm)

        def centred(v):
            log_t, log_rest = logarithms(v)
            return score(log_t - mean_a, log_rest - mean_b)

        with mpmath.workdps(22):
            return -float(_tail(mpmath.mpf(0), 1 / q, density, centred))

    slopes = grad(special.betainc, (0, 1))(a, b, x)
    exact = [integral(lambda of_a, of_b: of_a), integral(lambda of_a, of_b: of_b)]
    np.testing.assert_allclose(slopes, exact, rtol=2e-12)
    (aa, ab), (ba, bb) = fungrad.hessian(special.betainc, (0, 1))(a, b, x)
    exact = [
        integral(lambda of_a, of_b: of_a**2 - mpmath.polygamma(1, p) + bend),
        integral(lambda of_a, of_b: of_a * of_b + bend),
        integral(lambda of_a, of_b: of_b**2 - mpmath.polygamma(1, q) + bend),
    ]
    np.testing.assert_allclose([aa, ab, bb], exact, rtol=2e-11)
    assert ab == ba


def test_single_precision():
    for name in ("gammainc", "betainc", "digamma", "log_ndtr", "i0e", "xlogy", "kl_div", "betaln"):
        arguments = [x[:5].astype(np.float32) for x in TABLE[name][0]]
        expected = getattr(scipy.special, name)(*[x.astype(float) for x in arguments])
        for f in (getattr(special, name), jit(getattr(special, name))):
            result = f(*arguments)
            assert result.dtype == np.float32
            np.testing.assert_allclose(result, expected, rtol=2e-5)


def test_zeta_in_its_exponent():
    """The first and the second derivative in s, to the last digits."""
    for s, q in ((1.03, 0.4), (2.5, 30.0), (9.0, 0.05), (40.0, 2.0)):
        for order, slope in enumerate((grad(special.zeta), grad(grad(special.zeta))), 1):
            exact = mpmath.diff(lambda t, q=q: mpmath.zeta(t, q), s, order)
            np.testing.assert_allclose(slope(s, q), float(exact), rtol=1e-13)
            np.testing.assert_allclose(jit(slope)(s, q), float(exact), rtol=1e-12)
    assert np.isnan(grad(special.zeta)(2.0, -1.5))


#: A name, its arguments, mpmath's function of the same arguments.
IN_PARAMETERS = [
    *[("jv", (v, x), mpmath.besselj) for v, x in [(0.0, 0.5), (0.3, 1e-8), (30.0, 29.0)]],
    *[("yv", (v, x), mpmath.bessely) for v, x in [(1.0, 20.0), (100.0, 3.0), (2.5, 100.0)]],
    *[("iv", (v, x), mpmath.besseli) for v, x in [(0.0, 1e-3), (-0.7, 2.0), (1.5, 600.0)]],
    *[("kv", (v, x), mpmath.besselk) for v, x in [(0.4, 0.5), (30.0, 5.0)]],
    *[
        ("hyp1f1", given, mpmath.hyp1f1)
        for given in [(0.5, 1.5, 2.0), (2.0, 3.0, -4.0), (3.0, 50.0, 1.0), (-1.5, -0.5, 3.0)]
    ],
    *[
        ("hyp2f1", given, mpmath.hyp2f1)
        for given in [(0.5, 1.5, 2.0, 0.3), (2.0, 3.0, 4.5, -4.0), (2.2, 3.3, 8.0, 0.99)]
    ],
]


@pytest.mark.parametrize("name, given, exact", IN_PARAMETERS)
def test_derivatives_in_orders_and_parameters(name, given, exact):
    """Relative to the larger of the derivative and the function, as the documentation says."""
    function, count = getattr(special, name), len(given) - 1
    value = abs(float(exact(*given)))
    places = tuple(range(count + 1))
    slopes = [wrap(grad(function, places))(*given) for wrap in (lambda f: f, jit)]
    bends = fungrad.hessian(function, places)(*given)
    for i in range(count):
        for j in range(i, count + 1):
            orders = [int(k == i) + int(k == j) for k in places]
            with mpmath.workdps(40):
                second = float(mpmath.diff(exact, given, tuple(orders)))
            assert abs(bends[i][j] - second) <= 2e-10 * max(abs(second), value)
            np.testing.assert_allclose(bends[i][j], bends[j][i], rtol=1e-6, atol=1e-9 * value)
        with mpmath.workdps(40):
            first = float(mpmath.diff(exact, given, tuple([int(k == i) for k in places])))
        for slope in slopes:
            assert abs(slope[i] - first) <= 2e-12 * max(abs(first), value)


def test_orders_without_a_derivative():
    with pytest.raises(NotDifferentiableError, match="expn .* whole orders have none"):
        grad(special.expn)(1.0, 2.0)
    with pytest.raises(NotDifferentiableError, match="second derivative of jv"):
        grad(grad(grad(special.jv)))(1.0, 2.0)


def test_sine_integrals_and_fresnels():
    """Compiled code beside SciPy, whose own phase is good to 1e-16 times its square."""
    x = np.concatenate([np.linspace(-60, 60, 1001), [0.0, -0.0, 1e-300, 1e3, np.inf, np.nan]])
    for name in ("sici", "fresnel"):
        found, expected = jit(getattr(special, name))(x), getattr(scipy.special, name)(x)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=3e-14)
    third = grad(grad(grad(lambda x: special.sici(x)[0])))
    np.testing.assert_allclose(third(0.0), -1 / 3, rtol=1e-14)
    np.testing.assert_allclose(
        [jit(special.fresnel)(99999.3)[0]], [float(mpmath.fresnels(99999.3))], rtol=1e-14
    )
