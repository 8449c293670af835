"""Polynomials by their coefficients, the highest power first."""

import numpy as np

from fungrad.core.tracing import Tracer
from fungrad.numpy import ufuncs
from fungrad.numpy.arrays import operand, stacked, whole
from fungrad.numpy.calculus import convolve
from fungrad.numpy.creation import vander
from fungrad.numpy.dispatch import traced
from fungrad.numpy.joining import concatenate, getitem_any, trim_zeros
from fungrad.numpy.linalg import eigvals, lstsq
from fungrad.numpy.promotion import convert, promote
from fungrad.numpy.reductions import sum
from fungrad.numpy.shapes import atleast_1d


@traced(np.polyval, ignored=("unroll",))
def polyval(p, x):
    """`numpy.polyval`, by Horner's rule."""
    p, x = operand(p), operand(x)
    y = ufuncs.multiply(x, x.dtype.type(0))
    for i in range(len(p)):
        y = ufuncs.add(ufuncs.multiply(y, x), getitem_any(p, i))
    return y


def _added(a1, a2, combine):
    a, b = promote(atleast_1d(operand(a1)), atleast_1d(operand(a2)))
    n = max(len(a), len(b))
    a, b = (concatenate([np.zeros(n - len(v), v.dtype), v]) if len(v) < n else v for v in (a, b))
    return combine(a, b)


@traced(np.polyadd)
def polyadd(a1, a2):
    """`numpy.polyadd`."""
    return _added(a1, a2, ufuncs.add)


@traced(np.polysub)
def polysub(a1, a2):
    """`numpy.polysub`."""
    return _added(a1, a2, ufuncs.subtract)


@traced(np.polymul)
def polymul(a1, a2):
    """`numpy.polymul`."""
    return convolve(operand(a1), operand(a2))


@traced(np.polydiv)
def polydiv(u, v):
    """`numpy.polydiv`: quotient and remainder; the remainder keeps its leading zeros."""
    u, v = (atleast_1d(operand(x)) for x in (u, v))
    u, v = promote(u, v)
    u, v = ufuncs.add(u, 0.0), ufuncs.add(v, 0.0)
    n, m = len(u), len(v)
    if n < m:
        return ufuncs.multiply(getitem_any(u, slice(0, 1)), 0.0), u
    scale = ufuncs.divide(1.0, getitem_any(v, 0))
    quotient, rest = [], u
    for _ in range(n - m + 1):
        factor = ufuncs.multiply(scale, getitem_any(rest, 0))
        quotient.append(factor)
        head = ufuncs.subtract(getitem_any(rest, slice(0, m)), ufuncs.multiply(factor, v))
        rest = concatenate([getitem_any(head, slice(1, None)), getitem_any(rest, slice(m, None))])
    return stacked(quotient), rest if m > 1 else ufuncs.multiply(scale, np.zeros(1))


@traced(np.polyfit)
def polyfit(x, y, deg, rcond=None, full=False, w=None, cov=False):
    """`numpy.polyfit` by least squares: the coefficients, differentiable in x, y and w."""
    if full or cov:
        raise TypeError(
            "polyfit: full= and cov= are not supported on traced values; use "
            "numpy.linalg.lstsq(numpy.vander(x, deg + 1), y)"
        )
    degree = whole(deg)
    if degree < 0:
        raise ValueError("expected deg >= 0")
    x, y = ufuncs.add(operand(x), 0.0), ufuncs.add(operand(y), 0.0)
    if x.ndim != 1 or y.ndim not in (1, 2):
        raise TypeError(f"expected 1D vector for x, 1D or 2D array for y: {x.shape}, {y.shape}")
    if not x.size or x.shape[0] != y.shape[0]:
        raise TypeError(f"expected x and y to have same length: {x.shape} and {y.shape}")
    rcond = x.shape[0] * np.finfo(x.dtype).eps if rcond is None else rcond
    table = vander(x, degree + 1)
    if w is not None:
        w = ufuncs.add(operand(w), 0.0)
        table = ufuncs.multiply(table, w[:, None])
        y = ufuncs.multiply(y, w if y.ndim == 1 else w[:, None])
    scale = ufuncs.sqrt(sum(ufuncs.multiply(table, table), 0))
    found = lstsq(ufuncs.divide(table, scale), y, rcond)[0]
    return ufuncs.divide(found, scale if y.ndim == 1 else scale[:, None])


@traced(np.roots, ignored=("strip_zeros",))
def roots(p):
    """`numpy.roots`: always complex on traced values, since which are real depends on values.

    Leading zeros are dropped where the coefficients are known.
    """
    p = atleast_1d(operand(p))
    if p.ndim != 1:
        raise ValueError("Input must be a rank-1 array.")
    p = trim_zeros(p, "f") if type(p) is not Tracer or p.is_known else p
    if len(p) < 2:
        return np.zeros(0)
    n = len(p) - 1
    p = ufuncs.add(p, 0.0)
    first = ufuncs.negative(ufuncs.divide(p[1:], p[0]))
    companion = concatenate([first[None, :], np.eye(n, dtype=first.dtype)[:-1]])
    return eigvals(companion)


@traced(np.polyder)
def polyder(p, m=1):
    """`numpy.polyder`."""
    p = operand(p)
    for _ in range(m):
        n = len(p) - 1
        p = ufuncs.multiply(getitem_any(p, slice(None, -1)), np.arange(n, 0, -1))
    return p


@traced(np.polyint)
def polyint(p, m=1, k=None):
    """`numpy.polyint`."""
    p = operand(p)
    constants = [0] * m if k is None else [k] * m if np.ndim(k) == 0 else list(k)
    for i in range(m):
        scaled = ufuncs.divide(p, np.arange(len(p), 0, -1))
        p = concatenate([scaled, atleast_1d(convert(operand(constants[i]), scaled.dtype))])
    return p


@traced(np.poly)
def poly(seq_of_zeros):
    """`numpy.poly` of known degree: the coefficients with the given roots."""
    roots = atleast_1d(operand(seq_of_zeros))
    if roots.ndim != 1:
        raise ValueError("poly of a matrix is not supported on traced values: give its eigenvalues")
    p = np.ones(1, np.result_type(roots.dtype, 1.0))
    for i in range(len(roots)):
        root = getitem_any(roots, i)
        p = convolve(p, stacked(promote(np.ones((), p.dtype)[()], ufuncs.negative(root))))
    return p
