"""`scipy.special` over the whole range of doubles: values and slopes in every real parameter.

The bound is 1e-12 relative to mpmath's values, and near a zero or a pole, where the arguments' own
rounding moves the value by more, four times that movement.
"""

import mpmath
import numpy as np
import pytest

from fungrad import grad, jit
from fungrad.scipy import special

RNG = np.random.default_rng(11)
DIGITS, MORE_DIGITS = 50, 120


def sizes(low, high, count=24):
    """Positive numbers of all magnitudes between two powers of ten."""
    return 10 ** RNG.uniform(low, high, count)


def both(values):
    return np.concatenate([values, -values])


def around(places, distances):
    """Numbers close to some places, on either side."""
    return np.ravel(np.asarray(places)[:, None] * (1 + both(np.asarray(distances))))


def log_gamma(x):
    return mpmath.re(mpmath.loggamma(x))


def log_beta(a, b):
    return log_gamma(a) + log_gamma(b) - log_gamma(a + b)


def normal(x):
    return mpmath.erfc(-x / mpmath.sqrt(2)) / 2


def log_normal(x):
    return mpmath.log1p(-normal(-x)) if x > 0 else mpmath.log(normal(x))


def inverse(function, slope, start):
    """The inverse of a function, by Newton's method from a value in double precision."""

    def exact(y):
        x = mpmath.mpf(float(start(float(y))))
        for _ in range(6):
            x -= (function(x) - y) / slope(x)
        return x

    return exact


def bell(x):
    return mpmath.exp(-x * x)


erfinv = inverse(mpmath.erf, lambda x: 2 / mpmath.sqrt(mpmath.pi) * bell(x), special.erfinv)
erfcinv = inverse(mpmath.erfc, lambda x: -2 / mpmath.sqrt(mpmath.pi) * bell(x), special.erfcinv)
ndtri = inverse(normal, mpmath.npdf, special.ndtri)


def beta_integral(a, b, x):
    weight = mpmath.exp(a * mpmath.log(x) + b * mpmath.log1p(-x) - log_beta(a, b))
    if x < (a + 1) / (a + b + 2):
        return weight * mpmath.hyp2f1(1, a + b, a + 1, x, maxterms=10**6) / a
    return 1 - weight * mpmath.hyp2f1(1, a + b, b + 1, 1 - x, maxterms=10**6) / b


def bessel(order, is_scaled):
    factor = (lambda x: mpmath.exp(-abs(x))) if is_scaled else lambda x: 1
    return lambda x: mpmath.besseli(order, x) * factor(x)


def power_over(logarithm):
    return lambda x, k: mpmath.expm1(k * logarithm(x)) / k


TINY = [1e-14, 1e-9, 1e-5, 1e-2]
UNIT = np.concatenate([RNG.uniform(0, 1, 8), sizes(-300, -1, 6), 1 - sizes(-15, -1, 6)])
UNIT = np.concatenate([UNIT, around([0.5], TINY)])
SHAPES, OTHERS = sizes(-3, 4, 40), sizes(-3, 4, 40)
NEAR = SHAPES * np.exp(2 * RNG.normal(size=40) / np.sqrt(SHAPES + 1))
BETAS = np.clip(RNG.beta(SHAPES, OTHERS), 1e-200, 1 - 1e-12)
LEFT = -np.concatenate([RNG.uniform(0, 20, 8), RNG.integers(1, 30, 8) + both(sizes(-8, -1, 4))])
ALIKE = SHAPES * (1 + both(sizes(-14, -1, 20)))
LARGE, ANY = sizes(1, 9, 40), sizes(-8, 9, 40)
CHOSEN = LARGE * np.minimum(1, sizes(-9, 0, 40) * 30 / LARGE)

#: Per name: arguments, and mpmath's function of them. A name may stand twice, with a remark.
TABLE = {
    "erf": ((both(sizes(-300, 1)),), mpmath.erf),
    "erfc": ((np.concatenate([both(sizes(-6, 0.7)), sizes(0.5, 1.4)]),), mpmath.erfc),
    "erfinv": (
        (both(UNIT),),
        lambda y: mpmath.sign(y) * erfcinv(1 - abs(y)) if abs(y) > 0.5 else erfinv(y),
    ),
    "gamma": ((np.concatenate([sizes(-300, 2.2), LEFT]),), mpmath.gamma),
    "gammaln": (
        (np.concatenate([sizes(-300, 300), LEFT, around([1, 2, -2.4570247382208006], TINY)]),),
        log_gamma,
    ),
    "loggamma": ((np.concatenate([sizes(-300, 300), around([1, 2], TINY)]),), log_gamma),
    "digamma": (
        (np.concatenate([sizes(-300, 300), LEFT, around([1.46163214496836, -0.504083], TINY)]),),
        mpmath.digamma,
    ),
    "polygamma 1": ((sizes(-6, 300),), lambda x: mpmath.polygamma(1, x)),
    "polygamma 2": ((sizes(-6, 140),), lambda x: mpmath.polygamma(2, x)),
    "polygamma 7": ((sizes(-6, 20),), lambda x: mpmath.polygamma(7, x)),
    "multigammaln": (
        (1 + sizes(-3, 6),),
        lambda a: (
            sum(log_gamma(a - mpmath.mpf(j) / 2) for j in range(3)) + 1.5 * mpmath.log(mpmath.pi)
        ),
    ),
    "beta": ((sizes(-3, 6, 40), sizes(-6, 1, 40)), mpmath.beta),
    "betaln": ((LARGE, ANY), log_beta),
    "betaln small": ((sizes(-8, 1.5), sizes(-8, 1.5)), log_beta),
    "factorial": ((np.concatenate([sizes(-6, 2.2), np.arange(1.0, 170, 17)]),), mpmath.factorial),
    "comb": ((LARGE, CHOSEN), mpmath.binomial),
    "comb half": ((np.linspace(1, 999.5, 30), np.linspace(0.5, 444, 30)), mpmath.binomial),
    "poch": ((sizes(-1, 8, 40), sizes(-6, 1, 40)), mpmath.rf),
    "expit": ((both(sizes(-10, 2.8)),), lambda x: 1 / (1 + mpmath.exp(-x))),
    "logit": ((UNIT,), lambda x: mpmath.log(x) - mpmath.log1p(-x)),
    "log_ndtr": ((both(sizes(-6, 1.7)),), log_normal),
    "ndtr": ((both(sizes(-6, 1.5)),), normal),
    "ndtri": ((UNIT,), lambda p: ndtri(p) if p < 0.5 else -ndtri(1 - p)),
    "xlogy": (
        (both(sizes(-100, 100, 20)), np.concatenate([sizes(-100, 100), around([1], TINY * 2)])),
        lambda x, y: x * mpmath.log(y),
    ),
    "xlog1py": (
        (both(sizes(-100, 100, 20)), np.concatenate([sizes(-100, 100), both(sizes(-99, 0, 8))])),
        lambda x, y: x * mpmath.log1p(y),
    ),
    "entr": (
        (np.concatenate([sizes(-300, 300), around([1], TINY)]),),
        lambda x: -x * mpmath.log(x),
    ),
    "rel_entr": ((SHAPES, ALIKE), lambda x, y: x * mpmath.log(x / y)),
    "kl_div": ((SHAPES, OTHERS), lambda x, y: x * mpmath.log(x / y) - x + y),
    "kl_div alike": ((SHAPES, ALIKE), lambda x, y: x * mpmath.log(x / y) - x + y),
    "gammainc": ((SHAPES, NEAR), lambda a, x: mpmath.gammainc(a, 0, x, regularized=True)),
    "gammaincc": ((SHAPES, NEAR), lambda a, x: mpmath.gammainc(a, x, regularized=True)),
    "betainc": ((SHAPES, OTHERS, BETAS), beta_integral),
    "i0": ((both(sizes(-8, 2.84)),), bessel(0, False)),
    "i0e": ((both(sizes(-8, 8)),), bessel(0, True)),
    "i1": ((both(sizes(-8, 2.84)),), bessel(1, False)),
    "i1e": ((both(sizes(-8, 8)),), bessel(1, True)),
    "boxcox": ((sizes(-9, 9, 40), both(sizes(-30, 1, 20))), power_over(mpmath.log)),
    "boxcox1p": ((sizes(-9, 9, 40), both(sizes(-30, 1, 20))), power_over(mpmath.log1p)),
}


def function(name):
    word, _, remark = name.partition(" ")
    if word == "polygamma":
        return lambda x: special.polygamma(int(remark), x)
    if word == "multigammaln":
        return lambda a: special.multigammaln(a, 3)
    return getattr(special, word)


def slopes(name):
    f, count = function(name), len(TABLE[name][0])
    return grad(lambda *xs: np.sum(f(*xs)), tuple(range(count)))


def some(name):
    """Every third row of the arguments."""
    return [x[::3] for x in TABLE[name][0]]


@pytest.fixture(scope="module")
def compiled():
    """By name: the values, and the slopes at some places, from one program each."""
    values = jit(lambda rows: {name: function(name)(*rows[name]) for name in TABLE})
    of_slopes = jit(lambda rows: {name: slopes(name)(*rows[name]) for name in TABLE})
    everywhere, somewhere = {n: TABLE[n][0] for n in TABLE}, {n: some(n) for n in TABLE}
    return values(everywhere), of_slopes(somewhere)


def slope_of(exact, place):
    """The derivative of mpmath's function in one argument, by differences in many digits."""

    def derivative(*row):
        step = row[place] * mpmath.mpf(10) ** -25
        ends = [[*row[:place], row[place] + d, *row[place + 1 :]] for d in (step, -step)]
        return (exact(*ends[0]) - exact(*ends[1])) / (2 * step)

    return derivative


def moved_by_rounding(exact, row):
    """How far half a unit in the last place of each argument moves the value."""
    value, moved = exact(*row), 0
    for i, x in enumerate(row):
        moved += abs(exact(*row[:i], x * (1 + mpmath.mpf(2) ** -53), *row[i + 1 :]) - value)
    return moved


def check(name, exact, arguments, *results):
    """Every result within 1e-12 of the exact value, or within what the rounding amounts to."""
    for index, numbers in enumerate(zip(*[x.tolist() for x in arguments], strict=True)):
        row = tuple(map(mpmath.mpf, numbers))
        value = mpmath.re(exact(*row))
        if not 1e-300 < abs(value) < 1e300:
            continue
        for result in results:
            found = float(result[index])
            error = abs(found - value)
            if not error <= 1e-12 * abs(value):
                assert error <= 4 * moved_by_rounding(exact, row), (name, numbers, found, value)


@pytest.mark.parametrize("name", TABLE)
def test_values(name, compiled):
    arguments, exact = TABLE[name]
    with np.errstate(all="ignore"), mpmath.workdps(DIGITS):
        check(name, exact, arguments, function(name)(*arguments), compiled[0][name])


@pytest.mark.parametrize("name", TABLE)
def test_slopes(name, compiled):
    arguments, exact = some(name), TABLE[name][1]
    with np.errstate(all="ignore"), mpmath.workdps(MORE_DIGITS):
        found = slopes(name)(*arguments)
        for place in range(len(arguments)):
            results = found[place], compiled[1][name][place]
            check(name, slope_of(exact, place), arguments, *results)
