"""Parts, magnitudes and signs of complex and real numbers."""

import numpy as np

from fungrad.primitives.elementwise.arithmetic import divide, multiply, negative, unless_zero
from fungrad.primitives.elementwise.comparison import equal, select
from fungrad.primitives.elementwise.rows import (
    Elementwise,
    binary,
    complex_dtype,
    real_dtype,
    unary,
)

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
    turned = make_complex(across.dtype.type(0), unless_zero(across, absolute(x)))
    return multiply(y, turned)


copysign = binary(
    "copysign",
    np.copysign,
    (lambda t, x, y, z: t * sign(x) * copysign(y.dtype.type(1), y), None),
    kinds="f",
)
nextafter = binary("nextafter", np.nextafter, (lambda t, x, y, z: t, None), kinds="f")
