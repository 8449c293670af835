"""Special functions: rows of the table of elementwise primitives."""

import numpy as np

from fungrad.core.errors import NotDifferentiableError
from fungrad.primitives.elementwise import binary, of_scipy, strong_multiply, unary


def not_differentiable(function, operand):
    """How a tangent passes through an operand in which a function has no derivative yet."""

    def passes(*operands):
        raise NotDifferentiableError(
            f"{function} has no derivative in its {operand} argument; "
            "write it with custom_jvp, or apply stop_gradient to the argument"
        )

    return passes


# ---- gamma functions


def _zeta(s, q):
    """Hurwitz's zeta function; for q < 0 and whole s by the sum over all integers.

    With the fraction f of q it is zeta(s, f) + (-1)**s (zeta(s, 1 - f) - zeta(s, 1 - q)).
    """
    from scipy.special import zeta as of_positive

    if not np.any(q < 0):
        return of_positive(s, q)
    with np.errstate(invalid="ignore"):
        is_left, fraction, sign = q < 0, q - np.floor(q), np.where(s % 2 == 0, 1, -1)
        left = of_positive(s, 1 - fraction) - of_positive(s, 1 - q)
    value = of_positive(s, np.where(is_left, fraction, q)) + np.where(is_left, sign * left, 0)
    value = np.where(is_left & ((s != np.rint(s)) | np.isinf(q)), np.nan, value)
    value = np.where(is_left & (fraction == 0) & (s >= 1), np.inf, value)
    return np.where(is_left & (s == 1), np.inf, value).astype(s.dtype)[()]


zeta = binary(
    "zeta",
    _zeta,
    (
        not_differentiable("zeta", "first"),
        lambda t, s, q, y: strong_multiply(t, -s * zeta(s + 1, q)),
    ),
    kinds="f",
)
digamma = unary(
    "digamma",
    of_scipy("digamma"),
    lambda t, x, y: strong_multiply(t, zeta(x.dtype.type(2), x)),
    kinds="f",
)
lgamma = unary(
    "lgamma", of_scipy("gammaln"), lambda t, x, y: strong_multiply(t, digamma(x)), kinds="f"
)
