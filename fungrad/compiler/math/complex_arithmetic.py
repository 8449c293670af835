"""Products, quotients, powers by integers and comparisons of complex numbers, from their parts.

Each gives NumPy's own result, with its infinities, nans and signs of zero.
"""


def parts(build, z):
    """The real and the imaginary part."""
    return build("real", z), build("imag", z)


def from_parts(build, real, imag):
    """The number of these parts."""
    return build("make_complex", real, imag)


def _by_parts(word):
    """The word applied to the real and to the imaginary parts."""

    def function(build, *operands):
        reals = [build("real", z) for z in operands]
        imags = [build("imag", z) for z in operands]
        return from_parts(build, build(word, *reals), build(word, *imags))

    return function


def _multiply(build, z, w):
    """NumPy's product of arrays, whose second products are rounded and whose first are not."""
    (a, b), (c, d) = parts(build, z), parts(build, w)
    return from_parts(build, build.fma(a, c, -(b * d)), build.fma(a, d, b * c))


def rounded_product(build, z, w):
    """The product whose four products are rounded: `x * y` of C where that has a number."""
    (a, b), (c, d) = parts(build, z), parts(build, w)
    ac, bd = build("rounded_multiply", a, c), build("rounded_multiply", b, d)
    ad, bc = build("rounded_multiply", a, d), build("rounded_multiply", b, c)
    return from_parts(build, ac - bd, ad + bc)


def infinite_product(build, z, w):
    """C's product (Annex G of C99), which finds the infinity where both parts would be nan."""
    product = rounded_product(build, z, w)
    (a, b), (c, d) = parts(build, z), parts(build, w)
    is_large_z = build("isinf", a) | build("isinf", b)
    is_large_w = build("isinf", c) | build("isinf", d)
    overflows = build("isinf", a * c) | build("isinf", b * d)
    overflows = overflows | build("isinf", a * d) | build("isinf", b * c)
    a, b = (_direction(build, x, is_large_z) for x in (a, b))
    c, d = (_direction(build, x, is_large_w) for x in (c, d))
    infinity = build.constant(float("inf"), a.dtype)
    found = from_parts(build, infinity * (a * c - b * d), infinity * (a * d + b * c))
    real, imag = parts(build, product)
    is_nan = build("isnan", real) & build("isnan", imag)
    is_infinite = is_large_z | is_large_w | overflows
    return build.select(is_infinite & is_nan, found, product)


def _direction(build, x, is_large):
    """A part of a factor: signed, 1 or 0 if the factor is infinite, else 0 in place of nan.

    Without an infinite factor a nan changes nothing: then both parts of the product stay nan.
    """
    one = build.constant(1, x.dtype)
    size = build.select(build("isinf", x), one, one * 0.0)
    small = build.select(build("isnan", x), one * 0.0, abs(x))
    return build("copysign", build.select(is_large, size, small), x)


def divide(build, z, w):
    """Smith's quotient, which does not square the divisor; by 0 that by its absolute value."""
    (a, b), (c, d) = parts(build, z), parts(build, w)
    is_wide = abs(c) >= abs(d)
    large, small = build.select(is_wide, c, d), build.select(is_wide, d, c)
    x, y = build.select(is_wide, a, b), build.select(is_wide, b, a)
    ratio = small / large
    scale = 1.0 / (large + build("rounded_multiply", small, ratio))
    real = (x + build("rounded_multiply", y, ratio)) * scale
    across = build("rounded_multiply", x, ratio)
    imag = build.select(is_wide, y - across, across - y) * scale
    is_zero = build.equal(c, 0) & build.equal(d, 0)
    real = build.select(is_zero, a / abs(c), real)
    return from_parts(build, real, build.select(is_zero, b / abs(c), imag))


def reciprocal(build, z):
    """Smith's 1 / z; nan for 0."""
    real, imag = parts(build, z)
    is_wide = abs(imag) <= abs(real)
    large, small = build.select(is_wide, real, imag), build.select(is_wide, imag, real)
    ratio = small / large
    size = large + build("rounded_multiply", small, ratio)
    along, across = 1.0 / size, ratio / size
    return from_parts(
        build, build.select(is_wide, along, across), -build.select(is_wide, across, along)
    )


def integer_power(build, z, exponent):
    """z to a Python int by squaring, from 1 on where the exponent is not 1, 2 or 3."""
    one, size = build.constant(1, z.dtype), abs(exponent)
    if size == 0:
        return one
    if exponent in (1, 2, 3):
        square = z if exponent == 1 else rounded_product(build, z, z)
        return rounded_product(build, z, square) if exponent == 3 else square
    power, square = one, z
    for place in range(size.bit_length()):
        square = rounded_product(build, square, square) if place else z
        if size >> place & 1:
            power = rounded_product(build, power, square)
    if exponent > 0:
        return power
    real, imag = parts(build, z)
    is_zero, nan = build.equal(real, 0) & build.equal(imag, 0), float("nan")
    quotient = parts(build, divide(build, one, power))
    return from_parts(build, *(build.select(is_zero, nan, x) for x in quotient))


def power_by_bits(build, z, exponent):
    """z to an exponent that is whole and smaller than 128, a real number: as `integer_power`."""
    one = build.constant(1, z.dtype)
    power, square, size = one, z, abs(exponent)
    for place in range(7):
        square = rounded_product(build, square, square) if place else z
        half = build("floor", 0.5 * size)
        is_set, size = build.not_equal(half + half, size), half
        power = build.select(is_set, rounded_product(build, power, square), power)
    power = build.select(exponent < 0, divide(build, one, power), power)
    for number in (1, 2, 3):
        power = build.select(build.equal(exponent, number), integer_power(build, z, number), power)
    return power


def _absolute(build, z):
    return build("hypot", *parts(build, z))


def _conjugate(build, z):
    real, imag = parts(build, z)
    return from_parts(build, real, -imag)


def _sign(build, z):
    """z / |z|, and 0 at 0; along an axis where |z| is infinite, as NumPy's is."""
    real, imag = parts(build, z)
    size = build("hypot", real, imag)
    one, is_zero = build.constant(1, size.dtype), build.equal(size, 0)
    is_large, divisor = build("isinf", size), build.select(is_zero, one, size)
    both = build("isinf", real) & build("isinf", imag)
    is_real = build("isinf", real)
    nan = build.constant(float("nan"), size.dtype)
    signs = []
    for x, is_along in ((real, is_real), (imag, ~is_real)):
        along = build.select(is_along, build("copysign", one, x), one * 0.0)
        there = build.select(is_zero, one * 0.0, x / divisor)
        there = build.select(is_large, build.select(both, nan, along), there)
        signs.append(build.select(build("isnan", size), nan, there))
    return from_parts(build, *signs)


def _strong_multiply(build, z, w):
    zero = build.constant(0, z.dtype)
    is_zero = build.equal(z, zero) | build.equal(w, zero)
    return build.select(is_zero, zero, _multiply(build, z, w))


def _strong_divide(build, z, w):
    zero = build.constant(0, z.dtype)
    return build.select(build.equal(z, zero), zero, divide(build, z, w))


def _equal(build, z, w):
    (a, b), (c, d) = parts(build, z), parts(build, w)
    return build.equal(a, c) & build.equal(b, d)


def _not_equal(build, z, w):
    return ~_equal(build, z, w)


def _ordered(word):
    """NumPy's order: by the real parts, then by the imaginary parts."""

    def compare(build, z, w):
        (a, b), (c, d) = parts(build, z), parts(build, w)
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
        real, imag = parts(build, z)
        return build(word, real) | build(word, imag)

    return test


def _isfinite(build, z):
    real, imag = parts(build, z)
    return build("isfinite", real) & build("isfinite", imag)


#: Expansions by word, for complex operands.
EXPANSIONS = {
    **{
        word: _by_parts(word)
        for word in ("add", "subtract", "negative", "fast_add", "rounded_add", "rint")
    },
    **{word: _ordered(word) for word in ("less", "less_equal", "greater", "greater_equal")},
    "maximum": _extremum("greater_equal"),
    "minimum": _extremum("less_equal"),
    "isnan": _any("isnan"),
    "isinf": _any("isinf"),
    "isfinite": _isfinite,
    "multiply": _multiply,
    "divide": divide,
    "reciprocal": reciprocal,
    "integer_power": integer_power,
    "absolute": _absolute,
    "conjugate": _conjugate,
    "sign": _sign,
    "strong_multiply": _strong_multiply,
    "strong_divide": _strong_divide,
    "equal": _equal,
    "not_equal": _not_equal,
}
