"""Derivatives of SciPy's functions in parameters for which there is no closed form.

Bessel functions are analytic in their orders, hypergeometric functions in their parameters. So the
polynomial through the values at 20 Chebyshev points around a parameter has its derivatives (L. N.
Trefethen, Approximation Theory and Approximation Practice, 2013, chapters 8 and 21): to some 1e-12
for the first and 1e-10 for the second one, relative to the larger of it and the function. The points
lie so close together that the function changes by e**3 at most and that no pole is near.

The formulas are for a `build` that makes expressions, or evaluates them on arrays (see `formulas`).
"""

import numpy as np

_COUNT = 20
_ANGLES = np.pi * (np.arange(_COUNT) + 0.5) / _COUNT
_DEGREES = np.arange(_COUNT)
_COEFFICIENTS = 2 / _COUNT * np.cos(np.outer(_DEGREES, _ANGLES))  # of polynomials, from values
_COEFFICIENTS[0] /= 2
#: The derivatives of Chebyshev's polynomials at 0 are k sin(k pi / 2) and -k**2 cos(k pi / 2).
_FIRST = _DEGREES * np.array([0, 1, 0, -1] * (_COUNT // 4))
_SECOND = -(_DEGREES**2) * np.array([1, 0, -1, 0] * (_COUNT // 4))
#: The tables that the formulas look up.
TABLES = {
    "chebyshev_places": np.cos(_ANGLES),
    "chebyshev_weights_1": _FIRST @ _COEFFICIENTS,
    "chebyshev_weights_2": _SECOND @ _COEFFICIENTS,
}
_CHANGE = 3.0  # of the logarithm of a function from the middle to the outermost point


def _derivative(build, function, parameters, steps, orders):
    """The mixed derivative of a function of parameters, of the given orders."""
    which = next((i for i, order in enumerate(orders) if order), None)
    if which is None:
        return function(*parameters)
    order, middle, step = orders[which], parameters[which], steps[which]
    rest = [0 if i == which else n for i, n in enumerate(orders)]

    def term(k, total):
        place = middle + step * build.table("chebyshev_places", k)
        moved = [place if i == which else p for i, p in enumerate(parameters)]
        value = _derivative(build, function, moved, steps, rest)
        return (total + build.table(f"chebyshev_weights_{order}", k) * value,)

    total = build.loop(f"points_{which}", _COUNT, term, 0.0 * middle)
    return total / (step if order == 1 else step * step)


def _least(build, x, y):
    return build.select(x < y, x, y)


def _most(build, x, y):
    return build.select(x > y, x, y)


def in_order(word, order):
    """The formula of the derivative of a Bessel function in its order."""

    def derivative(build, v, x):
        is_inside = (abs(x) > 0.0) & (abs(x) < np.inf) & (abs(v) < np.inf)
        place, middle = build.select(is_inside, x, 1.0), build.select(is_inside, v, 1.0)
        change = abs(build("log", 0.5 * abs(place) / (abs(middle) + 1.0)))
        step = _least(build, 0.5 + 0.0 * change, _CHANGE / (1.0 + change))
        function = lambda v: build(word, v, place)  # noqa: E731
        value = _derivative(build, function, [middle], [step], [order])
        is_regular = word in ("bessel_jv", "bessel_iv", "bessel_ive")
        at_zero = build.select((v > 0.0) & build.equal(x, 0.0) & is_regular, 0.0 * v, np.nan)
        return build.select(is_inside, value, at_zero)

    return derivative


def _distance_to_pole(build, b):
    """How far 0, -1, -2, ... are, up to 1; 1 where b is one of them, so that nothing overflows."""
    distance = build.select(b > 0.0, b, abs(b - build("rint", b)))
    distance = _least(build, distance, 1.0 + 0.0 * distance)
    return build.select(distance > 0.0, distance, 1.0)


def hyp1f1_in(of_a, of_b):
    """The formula of a derivative of Kummer's function in a and b."""

    def derivative(build, a, b, x):
        near = abs(x) / (abs(b) + 1e-300)
        change = build("log1p", near) + 1e-3
        pole = _distance_to_pole(build, b)
        steps = [
            _least(build, _CHANGE / change, 2.0 + abs(a)),
            _most(
                build,
                _least(build, 0.4 * pole, _CHANGE / (1.0 + build("log1p", abs(x)))),
                0.3 * (b - 2.0 * abs(x) - 2.0 * abs(a)),
            ),
        ]
        function = lambda a, b: build("hyp1f1", a, b, x)  # noqa: E731
        return _derivative(build, function, [a, b], steps, [of_a, of_b])

    return derivative


def hyp2f1_in(of_a, of_b, of_c):
    """The formula of a derivative of Gauss's function in a, b and c."""

    def derivative(build, a, b, c, z):
        rest = abs(build("log1p", -z)) + 1e-3
        size = abs(z) / (abs(c) + 1e-300)
        pole = _distance_to_pole(build, c)
        in_c = _least(build, 0.4 * pole, _CHANGE / (1.0 + rest))
        largest = _most(build, abs(a), abs(b))
        steps = [
            _least(
                build, _CHANGE / _most(build, rest, build("log1p", size * abs(b))), 2.0 + abs(a)
            ),
            _least(
                build, _CHANGE / _most(build, rest, build("log1p", size * abs(a))), 2.0 + abs(b)
            ),
            _most(build, in_c, build.select(rest < 1.0, 0.3 * (c - 2.0 * largest - 2.0), 0.0)),
        ]
        function = lambda a, b, c: build("hyp2f1", a, b, c, z)  # noqa: E731
        return _derivative(build, function, [a, b, c], steps, [of_a, of_b, of_c])

    return derivative


_ORDERED = "jv yv iv kv ive kve".split()
_PAIRS = {"a": (1, 0), "b": (0, 1), "aa": (2, 0), "ab": (1, 1), "bb": (0, 2)}
_TRIPLES = {
    **{"a": (1, 0, 0), "b": (0, 1, 0), "c": (0, 0, 1)},
    **{"aa": (2, 0, 0), "bb": (0, 2, 0), "cc": (0, 0, 2)},
    **{"ab": (1, 1, 0), "ac": (1, 0, 1), "bc": (0, 1, 1)},
}
#: The formulas by the word of scalar expressions that they define.
FORMULAS = {
    **{f"bessel_{w}_v": in_order(f"bessel_{w}", 1) for w in _ORDERED},
    **{f"bessel_{w}_vv": in_order(f"bessel_{w}", 2) for w in _ORDERED},
    **{f"hyp1f1_{letters}": hyp1f1_in(*orders) for letters, orders in _PAIRS.items()},
    **{f"hyp2f1_{letters}": hyp2f1_in(*orders) for letters, orders in _TRIPLES.items()},
}
