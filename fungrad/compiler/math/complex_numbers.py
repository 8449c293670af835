"""Words on complex numbers, from words on their real and imaginary parts.

Branch cuts and signs of zero are C's. The inverse functions follow W. Kahan, "Branch cuts for
complex elementary functions", 1987.
"""

import math

import numpy as np


def _parts(build, z):
    return build("real", z), build("imag", z)


def _complex(build, real, imag):
    return build("make_complex", real, imag)


def _by_parts(word):
    """The word applied to the real and to the imaginary parts."""

    def function(build, *operands):
        reals = [build("real", z) for z in operands]
        imags = [build("imag", z) for z in operands]
        return _complex(build, build(word, *reals), build(word, *imags))

    return function


def _multiply(build, z, w):
    (a, b), (c, d) = _parts(build, z), _parts(build, w)
    return _complex(build, a * c - b * d, a * d + b * c)


def _divide(build, z, w):
    """Smith's quotient, which does not square the divisor."""
    (a, b), (c, d) = _parts(build, z), _parts(build, w)
    is_wide = abs(c) >= abs(d)
    large, small = build.select(is_wide, c, d), build.select(is_wide, d, c)
    is_zero = build.equal(large, 0)
    ratio = build.select(is_zero, small, small / large)  # so that 1 / 0 is inf, not NaN
    scale = 1.0 / (large + small * ratio)
    x, y = build.select(is_wide, a, b), build.select(is_wide, b, a)
    imag = build.select(is_wide, b - a * ratio, a * 0.0 + b * ratio - a)
    return _complex(build, (x + y * ratio) * scale, imag * scale)


def _reciprocal(build, z):
    one = build.constant(1, build("real", z).dtype)
    return _divide(build, _complex(build, one, one * 0.0), z)


def _absolute(build, z):
    return build("hypot", *_parts(build, z))


def _conjugate(build, z):
    real, imag = _parts(build, z)
    return _complex(build, real, -imag)


def _sign(build, z):
    """z / |z|, and 0 at 0; along an axis where only one part is infinite."""
    real, imag = _parts(build, z)
    size = build("hypot", real, imag)
    one, is_zero = build.constant(1, size.dtype), build.equal(size, 0)
    size = build.select(is_zero, one, size)
    signs = []
    for x, y in ((real, imag), (imag, real)):
        along = build.select(build("isinf", x), build("copysign", one, x), one * 0.0)
        is_on_axis = build("isinf", x) ^ build("isinf", y)
        there = build.select(is_zero, one * 0.0, x / size)
        signs.append(build.select(is_on_axis, along, there))
    return _complex(build, *signs)


def _strong_multiply(build, z, w):
    zero = build.constant(0, z.dtype)
    is_zero = build.equal(z, zero) | build.equal(w, zero)
    return build.select(is_zero, zero, _multiply(build, z, w))


def _strong_divide(build, z, w):
    zero = build.constant(0, z.dtype)
    return build.select(build.equal(z, zero), zero, _divide(build, z, w))


def _equal(build, z, w):
    (a, b), (c, d) = _parts(build, z), _parts(build, w)
    return build.equal(a, c) & build.equal(b, d)


def _not_equal(build, z, w):
    return ~_equal(build, z, w)


def _ordered(word):
    """NumPy's order: by the real parts, then by the imaginary parts."""

    def compare(build, z, w):
        (a, b), (c, d) = _parts(build, z), _parts(build, w)
        strict = "less" if word.startswith("less") else "greater"
        has_number = build.equal(b, b) & build.equal(d, d)
        return (build(strict, a, c) & has_number) | (build.equal(a, c) & build(word, b, d))

    return compare


def _extremum(word):
    """NumPy's: the first if it is NaN or ordered so, else the second."""

    def choose(build, z, w):
        is_first = build("isnan", z) | build(word, z, w)
        return build.select(is_first, z, w)

    return choose


def _any(word):
    def test(build, z):
        real, imag = _parts(build, z)
        return build(word, real) | build(word, imag)

    return test


def _isfinite(build, z):
    real, imag = _parts(build, z)
    return build("isfinite", real) & build("isfinite", imag)


def _times(build, x, y):
    """x * y, but 0 where y is 0 although x is infinite."""
    return build.select(build.equal(y, 0), y, x * y)


def _exp(build, z):
    real, imag = _parts(build, z)
    size = build("exp", real)
    vanishes = build.equal(size, 0) & ~build("isfinite", imag)  # then any angle gives 0
    angle = build.select(vanishes, 0.0, imag)
    grows = build("isinf", real) & (real > 0) & ~build("isfinite", imag)  # then by any angle
    across = build.select(grows, size, size * build("cos", angle))
    return _complex(build, across, _times(build, size, build("sin", angle)))


def _exp2(build, z):
    real, imag = _parts(build, z)
    angle = imag * math.log(2)
    size = build("exp2", real)
    return _complex(build, size * build("cos", angle), _times(build, size, build("sin", angle)))


def _expm1(build, z):
    """expm1(x) cos(y) - 2 sin(y / 2)**2 + i exp(x) sin(y)."""
    real, imag = _parts(build, z)
    half = build("sin", 0.5 * imag)
    value = build("expm1", real) * build("cos", imag) - 2.0 * half * half
    return _complex(build, value, _times(build, build("exp", real), build("sin", imag)))


def _logistic(build, z):
    """1 / (1 + e**-z), from the exponential that does not overflow."""
    is_left = build("real", z) < 0
    one = build.constant(1, z.dtype)
    tail = _exp(build, build.select(is_left, z, -z))
    return (build.select(is_left, tail, one)) / (one + tail)


def _log_of_size(build, real, imag):
    """log(|z|), accurate where |z| is near 1."""
    a, b = abs(real), abs(imag)
    is_wide = a > b
    large, small = build.select(is_wide, a, b), build.select(is_wide, b, a)
    near = 0.5 * build("log1p", (large - 1.0) * (large + 1.0) + small * small)
    is_near = (large > 0.5) & (large < 2.0)
    return build.select(is_near, near, build("log", build("hypot", real, imag)))


def _log(build, z):
    real, imag = _parts(build, z)
    return _complex(build, _log_of_size(build, real, imag), build("arctan2", imag, real))


def _log_in_base(base):
    def logarithm(build, z):
        real, imag = _parts(build, _log(build, z))
        return _complex(build, real * (1 / math.log(base)), imag * (1 / math.log(base)))

    return logarithm


def _log1p(build, z):
    """The real part is log1p(x (2 + x) + y**2) / 2 near 0."""
    real, imag = _parts(build, z)
    near = 0.5 * build("log1p", real * (2.0 + real) + imag * imag)
    is_near = (abs(real) < 0.5) & (abs(imag) < 0.5)
    far = _log_of_size(build, 1.0 + real, imag)
    return _complex(build, build.select(is_near, near, far), build("arctan2", imag, 1.0 + real))


def _power(build, z, w):
    """exp(w log(z)); 1 where w is 0, else 0 where z is 0."""
    zero, one = build.constant(0, z.dtype), build.constant(1, z.dtype)
    value = _exp(build, w * _log(build, z))
    is_zero = build.equal(z, zero) & (build("real", w) > 0)
    return build.select(build.equal(w, zero), one, build.select(is_zero, zero, value))


def _sqrt(build, z):
    """t + i y / (2 t) with t = sqrt((|x| + |z|) / 2), its parts exchanged on the left.

    Small numbers are scaled by an even power of two, so that halves of subnormals are exact.
    """
    real, imag = _parts(build, z)
    power = 12 if real.dtype == np.float32 else 27
    is_small = abs(real) + abs(imag) < float(np.finfo(real.dtype).tiny) * 4.0**power
    one = build.constant(1, real.dtype)
    up, down = (
        build.select(is_small, build.constant(2.0**p, real.dtype), one) for p in (2 * power, -power)
    )
    x, y = real * up, imag * up
    t = build("sqrt", 0.5 * abs(x) + 0.5 * build("hypot", x, y))
    t = build.select(build("isinf", imag), abs(imag), t)
    other = build.select(build.equal(t, 0), 0.0, abs(y) / (t + t))
    other = build.select(build("isinf", imag), abs(imag), other)
    is_left = real < 0
    value = build.select(is_left, other, t) * down
    return _complex(build, value, build("copysign", build.select(is_left, t, other) * down, imag))


def _rsqrt(build, z):
    return _reciprocal(build, _sqrt(build, z))


def _sinh_parts(build, real, imag):
    a = _times(build, build("sinh", real), build("cos", imag))
    return build.select(build.equal(real, 0), real, a), _times(
        build, build("cosh", real), build("sin", imag)
    )


def _cosh_parts(build, real, imag):
    zero_or = build.equal(real, 0) | build.equal(imag, 0)
    b = build("sinh", real) * build("sin", imag)
    return build("cosh", real) * build("cos", imag), build.select(zero_or, real * imag, b)


def _tanh_parts(build, real, imag):
    """Kahan's: from t = tan(y) and s = sinh(x); far out, +-1 + i 4 sin(y) cos(y) e**-2|x|."""
    largest = 10.0 if real.dtype == np.float32 else 20.0
    is_far = abs(real) > largest
    x = build.select(is_far, 0.0, real)
    t, s = build("tan", imag), build("sinh", x)
    secant = 1.0 + t * t
    divisor = 1.0 + secant * s * s
    a = secant * build("sqrt", 1.0 + s * s) * s / divisor
    far_a = build("copysign", build.constant(1, real.dtype), real)
    far_b = 4.0 * build("sin", imag) * build("cos", imag) * build("exp", -2.0 * abs(real))
    return build.select(is_far, far_a, a), build.select(is_far, far_b, t / divisor)


def _hyperbolic(function):
    def of_parts(build, z):
        return _complex(build, *function(build, *_parts(build, z)))

    return of_parts


def _sin(build, z):
    """-i sinh(i z)."""
    real, imag = _parts(build, z)
    a, b = _sinh_parts(build, -imag, real)
    return _complex(build, b, -a)


def _cos(build, z):
    """cosh(i z)."""
    real, imag = _parts(build, z)
    return _complex(build, *_cosh_parts(build, -imag, real))


def _tan(build, z):
    """-i tanh(i z)."""
    real, imag = _parts(build, z)
    a, b = _tanh_parts(build, -imag, real)
    return _complex(build, b, -a)


def _roots_around_one(build, z):
    """sqrt(1 - z) and sqrt(1 + z), each as its parts."""
    real, imag = _parts(build, z)
    below = _sqrt(build, _complex(build, 1.0 - real, -imag))
    above = _sqrt(build, _complex(build, 1.0 + real, imag))
    return _parts(build, below), _parts(build, above)


def _arcsin_parts(build, z):
    (a, b), (c, d) = _roots_around_one(build, z)
    real = build("arctan2", build("real", z), a * c - b * d)
    return real, build("arcsinh", a * d - b * c)


def _arcsin(build, z):
    return _complex(build, *_arcsin_parts(build, z))


def _arcsinh(build, z):
    """-i arcsin(i z)."""
    real, imag = _parts(build, z)
    a, b = _arcsin_parts(build, _complex(build, -imag, real))
    return _complex(build, b, -a)


def _arccos(build, z):
    (a, b), (c, d) = _roots_around_one(build, z)
    return _complex(build, 2.0 * build("arctan2", a, c), build("arcsinh", b * c - a * d))


def _arccosh(build, z):
    real, imag = _parts(build, z)
    a, b = _parts(build, _sqrt(build, _complex(build, real - 1.0, imag)))
    c, d = _parts(build, _sqrt(build, _complex(build, real + 1.0, imag)))
    return _complex(build, build("arcsinh", a * c + b * d), 2.0 * build("arctan2", b, c))


def _arctanh_parts(build, real, imag):
    size = abs(real)
    square = imag * imag
    away = (1.0 - size) * (1.0 - size) + square
    value = 0.25 * build("log1p", 4.0 * size / away)
    angle = 0.5 * build("arctan2", 2.0 * imag, (1.0 - size) * (1.0 + size) - square)
    return build("copysign", value, real), angle


def _arctanh(build, z):
    return _complex(build, *_arctanh_parts(build, *_parts(build, z)))


def _arctan(build, z):
    """-i arctanh(i z)."""
    real, imag = _parts(build, z)
    a, b = _arctanh_parts(build, -imag, real)
    return _complex(build, b, -a)


#: Expansions by word, for complex operands.
EXPANSIONS = {
    **{word: _by_parts(word) for word in ("add", "subtract", "negative", "fast_add", "rint")},
    **{word: _ordered(word) for word in ("less", "less_equal", "greater", "greater_equal")},
    "maximum": _extremum("greater_equal"),
    "minimum": _extremum("less_equal"),
    "isnan": _any("isnan"),
    "isinf": _any("isinf"),
    "isfinite": _isfinite,
    "multiply": _multiply,
    "divide": _divide,
    "reciprocal": _reciprocal,
    "absolute": _absolute,
    "conjugate": _conjugate,
    "sign": _sign,
    "strong_multiply": _strong_multiply,
    "strong_divide": _strong_divide,
    "equal": _equal,
    "not_equal": _not_equal,
    "exp": _exp,
    "exp2": _exp2,
    "expm1": _expm1,
    "logistic": _logistic,
    "log": _log,
    "log2": _log_in_base(2),
    "log10": _log_in_base(10),
    "log1p": _log1p,
    "power": _power,
    "sqrt": _sqrt,
    "rsqrt": _rsqrt,
    "sin": _sin,
    "cos": _cos,
    "tan": _tan,
    "sinh": _hyperbolic(_sinh_parts),
    "cosh": _hyperbolic(_cosh_parts),
    "tanh": _hyperbolic(_tanh_parts),
    "arcsin": _arcsin,
    "arccos": _arccos,
    "arctan": _arctan,
    "arcsinh": _arcsinh,
    "arccosh": _arccosh,
    "arctanh": _arctanh,
}
