"""Elementwise primitives: rows of a table.

A row says: the name (also the word of the scalar language), the NumPy function, and per input how
a tangent `t` passes through it, given the inputs and the output `y`. Since the Jacobian is
diagonal, the same rule serves the transpose of those inputs in which the function is linear.

Inputs have the shape of the output, or rank 0; all have one dtype unless a row says otherwise.
"""

import math
import operator

import numpy as np

from fungrad.core.errors import (
    DtypeError,
    LinearityError,
    ShapeError,
)
from fungrad.core.primitive import Pointwise
from fungrad.core.types import ArrayType
from fungrad.primitives.movement import Broadcast
from fungrad.primitives.reductions import Sum

BOOL = np.dtype(bool)


def same_dtype(dtypes):
    """The common dtype of the inputs."""
    return dtypes[0]


def bool_dtype(dtypes):
    """The dtype of truth values."""
    return BOOL


def real_dtype(dtypes):
    """The dtype of the real part."""
    return dtypes[0] if dtypes[0].kind != "c" else np.dtype(f"f{dtypes[0].itemsize // 2}")


def complex_dtype(dtypes):
    """The complex dtype with parts of the input's dtype."""
    return np.dtype(f"c{2 * dtypes[0].itemsize}")


def second_dtype(dtypes):
    """The dtype of the second input."""
    return dtypes[1]


def common_shape(name, types):
    """The shape of the operands that are not of rank 0; ShapeError when they differ."""
    shape = ()
    for t in types:
        if t.shape and t.shape != shape:
            if shape:
                raise ShapeError(f"{name}: shapes {shape} and {t.shape} differ")
            shape = t.shape
    return shape


def aligned(inputs, batched, axis):
    """Operands of an elementwise function with the batch axis in front of each that has a rank."""
    rank = max(np.ndim(x) - b for x, b in zip(inputs, batched, strict=True))
    shape = next(
        (tuple(x.shape)[b:] for x, b in zip(inputs, batched, strict=True) if np.ndim(x) - b == rank)
    )
    result = []
    for x, is_batched in zip(inputs, batched, strict=True):
        if is_batched and rank and x.ndim == 1:
            x = Broadcast((axis.size, *shape), (0,))(x)
        elif not is_batched and np.ndim(x):
            x = Broadcast((axis.size, *shape), tuple(range(1, rank + 1)))(x)
        result.append(x)
    return result


class Elementwise(Pointwise):
    """A row of the table; see the module's docstring for the fields."""

    word: str
    evaluate: object
    passes: tuple
    linear: tuple
    kinds: str
    result: object
    selector: bool = False
    transposed: tuple = ()
    multilinear: bool = False

    @property
    def name(self):
        return self.word

    def __str__(self):
        return self.word

    def infer(self, *types):
        operands = types[1:] if self.selector else types
        if self.selector and types[0].dtype.kind != "b":
            raise DtypeError(f"{self.word}: the condition has dtype {types[0].dtype}, not bool")
        dtypes = [t.dtype for t in operands]
        if any(d != dtypes[0] for d in dtypes):
            raise DtypeError(f"{self.word}: dtypes {', '.join(map(str, dtypes))} differ")
        if dtypes[0].kind not in self.kinds:
            raise DtypeError(f"{self.word} is not defined for dtype {dtypes[0]}")
        return ArrayType(common_shape(self.word, types), self.result(dtypes))

    def jvp(self, inputs, tangents):
        y = self(*inputs)
        total = None
        for passes, t in zip(self.passes, tangents, strict=True):
            if t is not None and passes is not None:
                term = passes(t, *inputs, y)
                total = term if total is None else add(total, term)
        if total is not None and np.shape(total) != np.shape(y):
            total = Broadcast(y.shape, ())(total)
        return y, total

    def transpose(self, cotangents, inputs, linear):
        if self.multilinear and sum(linear) > 1:
            raise LinearityError(f"{self.word} is linear in one operand at a time")
        (cotangent,) = cotangents
        result = []
        for i, is_linear in enumerate(linear):
            if not is_linear:
                result.append(None)
                continue
            if i not in self.linear:
                raise LinearityError(f"{self.word} is not linear in operand {i}")
            passes = self.transposed[i] if self.transposed else self.passes[i]
            c = passes(cotangent, *inputs, None)
            if not inputs[i].shape and np.ndim(c):
                c = Sum(tuple(range(c.ndim)))(c)
            elif np.shape(c) != inputs[i].shape:
                c = Broadcast(inputs[i].shape, ())(c)
            result.append(c)
        return tuple(result)

    def batch(self, inputs, batched, axis):
        return self(*aligned(inputs, batched, axis)), True

    def element(self, build, index, read, types, output):
        operands = [read(i, index if t.shape else ()) for i, t in enumerate(types)]
        return build.call(self.word, output.dtype, *operands)


def unary(word, function, passes=None, linear=False, kinds="fc", result=same_dtype, transposed=()):
    """A row with one input."""
    return Elementwise(
        word, function, (passes,), (0,) if linear else (), kinds, result, False, transposed
    )


def binary(
    word,
    function,
    passes=(None, None),
    linear=(),
    kinds="iufc",
    result=same_dtype,
    multilinear=False,
):
    """A row with two inputs of one dtype; `multilinear` where it is linear in one at a time."""
    return Elementwise(word, function, passes, linear, kinds, result, multilinear=multilinear)


# ---- arithmetic

add = binary(
    "add", operator.add, (lambda t, x, y, z: t, lambda t, x, y, z: t), (0, 1)
)
subtract = binary(
    "subtract", operator.sub, (lambda t, x, y, z: t, lambda t, x, y, z: -t), (0, 1)
)
multiply = binary(
    "multiply",
    operator.mul,
    (lambda t, x, y, z: multiply(t, y), lambda t, x, y, z: multiply(x, t)),
    (0, 1),
    multilinear=True,
)
divide = binary(
    "divide",
    np.divide,
    (
        lambda t, x, y, z: strong_divide(t, y),
        lambda t, x, y, z: strong_multiply(t, negative(strong_divide(z, y))),
    ),
    (0,),
    kinds="fc",
)


def _strong_multiply(x, y):
    if isinstance(x, np.generic) and isinstance(y, np.generic):
        return x.dtype.type(0) if x == 0 or y == 0 else x * y
    with np.errstate(invalid="ignore", over="ignore"):
        return _without_nan(x * y, (x == 0) | (y == 0))


def _strong_divide(x, y):
    if isinstance(x, np.generic) and isinstance(y, np.generic):
        return x if x == 0 else np.divide(x, y)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        return _without_nan(np.divide(x, y), x == 0)


def _without_nan(z, is_zero):
    """z, but 0 where it is nan although a factor is 0."""
    is_wrong = np.isnan(z) & is_zero
    return np.where(is_wrong, z.dtype.type(0), z) if is_wrong.any() else z


# Products and quotients in which 0 annihilates inf and nan: a zero tangent or cotangent stays 0
# whatever the local derivative, so the untaken arm of `where` adds nothing.
strong_multiply = binary(
    "strong_multiply",
    _strong_multiply,
    (lambda t, x, y, z: strong_multiply(t, y), lambda t, x, y, z: strong_multiply(x, t)),
    (0, 1),
    kinds="fc",
    multilinear=True,
)
strong_divide = binary(
    "strong_divide",
    _strong_divide,
    (
        lambda t, x, y, z: strong_divide(t, y),
        lambda t, x, y, z: strong_multiply(t, negative(strong_divide(z, y))),
    ),
    (0,),
    kinds="fc",
)
negative = unary("negative", operator.neg, lambda t, x, y: negative(t), True, kinds="iufc")
remainder = binary(
    "remainder",
    np.remainder,
    (lambda t, x, y, z: t, lambda t, x, y, z: -t * floor(x / y)),
    kinds="iuf",
)
fmod = binary(
    "fmod",
    np.fmod,
    (lambda t, x, y, z: t, lambda t, x, y, z: -t * trunc(x / y)),
    kinds="iuf",
)
floor_divide = binary("floor_divide", np.floor_divide, kinds="iuf")
maximum = binary(
    "maximum",
    np.maximum,
    (lambda t, x, y, z: _tie(t, x, y, z, 0), lambda t, x, y, z: _tie(t, x, y, z, 1)),
    kinds="biuf",
)
minimum = binary(
    "minimum",
    np.minimum,
    (lambda t, x, y, z: _tie(t, x, y, z, 0), lambda t, x, y, z: _tie(t, x, y, z, 1)),
    kinds="biuf",
)


def _tie(t, x, y, z, side):
    """The share of a tangent that a maximum or minimum lets through: ties split equally."""
    mine, other = (x, y) if side == 0 else (y, x)
    dtype = z.dtype.type
    share = select(equal(other, z), dtype(0.5), dtype(1))
    return multiply(t, select(equal(mine, z), share, dtype(0)))


def _positive_log(x):
    """log(x), and 0 where x is 0: the factor in d(x**y)/dy, which is 0 at x = 0 for y > 0."""
    one, zero = x.dtype.type(1), x.dtype.type(0)
    return select(equal(x, zero), zero, log(select(equal(x, zero), one, x)))


def _power_base(t, x, y, z):
    one, zero = x.dtype.type(1), x.dtype.type(0)
    lowered = power(x, subtract(y, one))
    return strong_multiply(t, select(equal(y, zero), zero, multiply(y, lowered)))


power = binary(
    "power",
    np.power,
    (_power_base, lambda t, x, y, z: strong_multiply(t, multiply(z, _positive_log(x)))),
)
arctan2 = binary(
    "arctan2",
    np.arctan2,
    (
        lambda t, x, y, z: strong_multiply(t, _over_square(y, x, y)),
        lambda t, x, y, z: strong_multiply(t, negative(_over_square(x, x, y))),
    ),
    kinds="f",
)


def _over_square(numerator, x, y):
    """numerator / (x**2 + y**2) without squares, which overflow, and 0 where both are 0."""
    length = hypot(x, y)
    return _unless_zero(_unless_zero(numerator, length), length)


hypot = binary(
    "hypot",
    np.hypot,
    (
        lambda t, x, y, z: multiply(t, _unless_zero(x, z)),
        lambda t, x, y, z: multiply(t, _unless_zero(y, z)),
    ),
    kinds="f",
)


def _unless_zero(numerator, denominator):
    """numerator / denominator, and 0 where the denominator is 0."""
    one, zero = denominator.dtype.type(1), denominator.dtype.type(0)
    is_zero = equal(denominator, zero)
    return select(is_zero, zero, numerator / select(is_zero, one, denominator))


logaddexp = binary(
    "logaddexp",
    np.logaddexp,
    (
        lambda t, x, y, z: multiply(t, _share_of_exp(x, y, z)),
        lambda t, x, y, z: multiply(t, _share_of_exp(y, x, z)),
    ),
    kinds="f",
)


def _share_of_exp(x, y, z):
    """exp(x - z) as a function of x - y, which loses no digits where x and y are large.

    It is 1/2 where both are inf and 0 where both are -inf.
    """
    zero = z.dtype.type(0)
    is_same = logical_and(equal(x, y), isinf(x))
    distance = subtract(select(is_same, zero, x), select(is_same, zero, y))
    return select(equal(z, z.dtype.type(-np.inf)), zero, logistic(distance))


copysign = binary(
    "copysign",
    np.copysign,
    (lambda t, x, y, z: t * sign(x) * copysign(y.dtype.type(1), y), None),
    kinds="f",
)
nextafter = binary("nextafter", np.nextafter, (lambda t, x, y, z: t, None), kinds="f")


# ---- elementary functions of one argument

absolute = unary(
    "absolute", np.abs, lambda t, x, y: _absolute_tangent(t, x, y), kinds="iufc", result=real_dtype
)


def _absolute_tangent(t, x, y):
    if x.dtype.kind != "c":
        return t * sign(x)
    one, zero = y.dtype.type(1), y.dtype.type(0)
    is_zero = equal(y, zero)
    safe = select(is_zero, one, y)
    product = real(multiply(conjugate(x), t))
    return select(is_zero, zero, divide(product, safe))


sign = unary("sign", np.sign, lambda t, x, y: _sign_tangent(t, x, y), kinds="iufc")


def _sign_tangent(t, x, y):
    """None for real x; on the unit circle, the part of t / |x| at a right angle to y."""
    if x.dtype.kind != "c":
        return None
    across = imag(multiply(conjugate(y), t))
    turned = make_complex(across.dtype.type(0), _unless_zero(across, absolute(x)))
    return multiply(y, turned)


floor = unary("floor", np.floor, kinds="f")
ceil = unary("ceil", np.ceil, kinds="f")
trunc = unary("trunc", np.trunc, kinds="f")
rint = unary("rint", np.rint, kinds="fc")
square = unary("square", np.square, lambda t, x, y: t * (x + x), kinds="iufc")
sqrt = unary("sqrt", np.sqrt, lambda t, x, y: strong_divide(t, y + y))
rsqrt = unary(
    "rsqrt", lambda x: 1 / np.sqrt(x), lambda t, x, y: strong_multiply(t, -0.5 * y / x)
)
cbrt = unary(
    "cbrt", np.cbrt, lambda t, x, y: strong_divide(t, 3 * square(y)), kinds="f"
)
reciprocal = unary("reciprocal", lambda x: 1 / x, lambda t, x, y: strong_multiply(t, -y * y))
exp = unary("exp", np.exp, lambda t, x, y: strong_multiply(t, y))
exp2 = unary("exp2", np.exp2, lambda t, x, y: strong_multiply(t, y * math.log(2.0)))
expm1 = unary("expm1", np.expm1, lambda t, x, y: strong_multiply(t, exp(x)))  # y + 1 cancels
log = unary("log", np.log, lambda t, x, y: strong_divide(t, x))
log2 = unary("log2", np.log2, lambda t, x, y: strong_divide(t, x * math.log(2.0)))
log10 = unary("log10", np.log10, lambda t, x, y: strong_divide(t, x * math.log(10.0)))
log1p = unary("log1p", np.log1p, lambda t, x, y: strong_divide(t, 1 + x))
sin = unary("sin", np.sin, lambda t, x, y: t * cos(x))
cos = unary("cos", np.cos, lambda t, x, y: -t * sin(x))
tan = unary("tan", np.tan, lambda t, x, y: t * (1 + y * y))
arcsin = unary(
    "arcsin", np.arcsin, lambda t, x, y: strong_divide(t, sqrt((1 - x) * (1 + x)))
)
arccos = unary(
    "arccos", np.arccos, lambda t, x, y: strong_divide(-t, sqrt((1 - x) * (1 + x)))
)
arctan = unary("arctan", np.arctan, lambda t, x, y: strong_divide(t, 1 + x * x))
sinh = unary("sinh", np.sinh, lambda t, x, y: strong_multiply(t, cosh(x)))
cosh = unary("cosh", np.cosh, lambda t, x, y: strong_multiply(t, sinh(x)))
tanh = unary("tanh", np.tanh, lambda t, x, y: t * ((1 - y) * (1 + y)))  # 1 - y*y cancels
arcsinh = unary("arcsinh", np.arcsinh, lambda t, x, y: strong_divide(t, sqrt(1 + x * x)))
arccosh = unary(
    "arccosh", np.arccosh, lambda t, x, y: strong_divide(t, sqrt(x - 1) * sqrt(x + 1))
)
arctanh = unary("arctanh", np.arctanh, lambda t, x, y: strong_divide(t, (1 - x) * (1 + x)))


def of_scipy(name):
    """The function of `scipy.special`, imported at its first call; half precision stays."""

    def function(*operands):
        from scipy import special

        result = getattr(special, name)(*operands)
        return result.astype(np.float16) if operands[0].dtype == np.float16 else result

    return function


def _logistic(x):
    """1 / (1 + exp(-x)) without overflow; complex arguments by the formula."""
    return of_scipy("expit")(x) if x.dtype.kind != "c" else 1 / (1 + np.exp(-x))


logistic = unary("logistic", _logistic, lambda t, x, y: t * (y * logistic(-x)))
erf = unary(
    "erf", of_scipy("erf"), lambda t, x, y: t * (exp(-x * x) * (2 / math.sqrt(math.pi))), kinds="f"
)
erfc = unary(
    "erfc", of_scipy("erfc"), lambda t, x, y: t * (exp(-x * x) * (-2 / math.sqrt(math.pi))), kinds="f"
)
erfinv = unary(
    "erfinv", of_scipy("erfinv"), lambda t, x, y: t * (exp(y * y) * (math.sqrt(math.pi) / 2)), kinds="f"
)


# ---- complex numbers

conjugate = unary("conjugate", np.conjugate, lambda t, x, y: conjugate(t), True, kinds="c")
real = unary(
    "real",
    np.real,
    lambda t, x, y: real(t),
    True,
    kinds="c",
    result=real_dtype,
    transposed=(lambda t, x, y: make_complex(t, t.dtype.type(0)),),
)
imag = unary(
    "imag",
    np.imag,
    lambda t, x, y: imag(t),
    True,
    kinds="c",
    result=real_dtype,
    transposed=(lambda t, x, y: make_complex(t.dtype.type(0), negative(t)),),
)


def _make_complex(x, y):
    result = np.empty(np.broadcast_shapes(np.shape(x), np.shape(y)), complex_dtype([x.dtype]))
    result.real, result.imag = x, y
    return result[()]


make_complex = Elementwise(
    "make_complex",
    _make_complex,
    (
        lambda t, x, y, z: make_complex(t, t.dtype.type(0)),
        lambda t, x, y, z: make_complex(t.dtype.type(0), t),
    ),
    (0, 1),
    "f",
    complex_dtype,
    False,
    (lambda t, x, y, z: real(t), lambda t, x, y, z: negative(imag(t))),
)


# ---- comparison, logic, bits

equal = binary("equal", operator.eq, kinds="biufc", result=bool_dtype)
not_equal = binary("not_equal", operator.ne, kinds="biufc", result=bool_dtype)
less = binary("less", operator.lt, kinds="biuf", result=bool_dtype)
less_equal = binary("less_equal", operator.le, kinds="biuf", result=bool_dtype)
greater = binary("greater", operator.gt, kinds="biuf", result=bool_dtype)
greater_equal = binary("greater_equal", operator.ge, kinds="biuf", result=bool_dtype)
isnan = unary("isnan", np.isnan, kinds="fc", result=bool_dtype)
isinf = unary("isinf", np.isinf, kinds="fc", result=bool_dtype)
isfinite = unary("isfinite", np.isfinite, kinds="fc", result=bool_dtype)
signbit = unary("signbit", np.signbit, kinds="f", result=bool_dtype)
logical_and = binary("logical_and", np.logical_and, kinds="b")
logical_or = binary("logical_or", np.logical_or, kinds="b")
logical_xor = binary("logical_xor", np.logical_xor, kinds="b")
logical_not = unary("logical_not", np.logical_not, kinds="b")
bitwise_and = binary("bitwise_and", operator.and_, kinds="biu")
bitwise_or = binary("bitwise_or", operator.or_, kinds="biu")
bitwise_xor = binary("bitwise_xor", operator.xor, kinds="biu")
bitwise_not = unary("bitwise_not", operator.invert, kinds="biu")
left_shift = binary("left_shift", np.left_shift, kinds="iu")
right_shift = binary("right_shift", np.right_shift, kinds="iu")
population_count = unary(
    "population_count",
    lambda x: np.bitwise_count(x.view(f"u{x.itemsize}")).astype(x.dtype),
    kinds="iu",
)


# ---- selection, identity

select = Elementwise(
    "select",
    lambda c, x, y: np.where(c, x, y)[()],
    (
        None,
        lambda t, c, x, y, z: select(c, t, t.dtype.type(0)),
        lambda t, c, x, y, z: select(c, t.dtype.type(0), t),
    ),
    (1, 2),
    "biufc",
    same_dtype,
    True,
)
stop_gradient = unary("stop_gradient", lambda x: x, kinds="biufc")


class IntegerPower(Pointwise):
    """x to a constant whole power, by repeated squaring."""

    exponent: int

    @property
    def name(self):
        return "integer_power"

    def flops(self, inputs, outputs):
        n = abs(self.exponent)
        products = n.bit_length() + n.bit_count() - 2 if n else 0
        return (products + (self.exponent < 0)) * outputs[0].size

    def infer(self, x):
        if x.dtype.kind == "b":
            raise DtypeError(f"{self.name} is not defined for dtype {x.dtype}")
        if x.dtype.kind in "iu" and self.exponent < 0:
            raise DtypeError("integers to negative whole powers are not integers")
        return x

    def evaluate(self, x):
        result, base, n = None, x, abs(self.exponent)
        while n:
            if n & 1:
                result = base if result is None else result * base
            n >>= 1
            base = base * base if n else base
        if result is None:
            return np.ones_like(x)[()]
        return result if self.exponent > 0 else 1 / result

    def jvp(self, inputs, tangents):
        (x,), (t,), n = inputs, tangents, self.exponent
        if n == 0:
            return self(x), None
        slope = multiply(IntegerPower(n - 1)(x), x.dtype.type(n)) if n != 1 else x.dtype.type(1)
        return self(x), multiply(t, slope) if n > 0 else strong_multiply(t, slope)

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError(f"{self} is not linear")

    def batch(self, inputs, batched, axis):
        return self(*inputs), True

    def element(self, build, index, read, types, output):
        result, base, n = None, read(0, index), abs(self.exponent)
        while n:
            if n & 1:
                result = base if result is None else result * base
            n >>= 1
            base = base * base if n else base
        one = build.constant(1, output.dtype)
        if result is None:
            return one
        if self.exponent > 0:
            return result
        return build.call("divide", output.dtype, one, result)


class Convert(Pointwise):
    """The value in another dtype, as NumPy's `astype` converts it."""

    dtype: np.dtype
    computes = False

    def infer(self, x):
        return x.with_dtype(self.dtype)

    def evaluate(self, x):
        with np.errstate(invalid="ignore", over="ignore"):
            if x.dtype.kind == "c" and self.dtype.kind != "c" and self.dtype != BOOL:
                x = x.real
            return x.astype(self.dtype)

    def jvp(self, inputs, tangents):
        y = self(*inputs)
        return y, self(tangents[0]) if ArrayType((), self.dtype).is_differentiable else None

    def transpose(self, cotangents, inputs, linear):
        if not ArrayType((), self.dtype).is_differentiable:
            raise LinearityError(f"conversion to {self.dtype} is not linear")
        return (Convert(inputs[0].dtype)(cotangents[0]),)

    def batch(self, inputs, batched, axis):
        return self(*inputs), True

    def element(self, build, index, read, types, output):
        return build.cast(read(0, index), output.dtype)


class Bitcast(Pointwise):
    """The value of another dtype of the same size that has the same bits."""

    dtype: np.dtype

    def infer(self, x):
        if x.dtype.itemsize != self.dtype.itemsize or "c" in x.dtype.kind + self.dtype.kind:
            raise DtypeError(f"bitcast: {x.dtype} has no values with the bits of {self.dtype}")
        return x.with_dtype(self.dtype)

    def evaluate(self, x):
        return x.view(self.dtype)

    def jvp(self, inputs, tangents):
        return self(*inputs), None

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError("bitcast is not linear")

    def batch(self, inputs, batched, axis):
        return self(*inputs), True

    def element(self, build, index, read, types, output):
        return build.bitcast(read(0, index), output.dtype)


class Named(Pointwise):
    """The identity, with a name that checkpoint policies can refer to."""

    label: str
    computes = False

    def infer(self, x):
        return x

    def evaluate(self, x):
        return x

    def jvp(self, inputs, tangents):
        return self(*inputs), tangents[0]

    def transpose(self, cotangents, inputs, linear):
        return cotangents

    def batch(self, inputs, batched, axis):
        return self(*inputs), True

    def element(self, build, index, read, types, output):
        return read(0, index)
