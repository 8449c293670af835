"""Determinants and their logarithms.

The determinant has the derivatives that a polynomial has everywhere, at singular matrices too.
"""

import numpy as np

from fungrad.core.errors import LinearityError
from fungrad.core.primitive import Routine
from fungrad.core.types import ArrayType
from fungrad.primitives.composed import Composed
from fungrad.primitives.elementwise import (
    Convert,
    absolute,
    equal,
    imag,
    less,
    log,
    logical_and,
    make_complex,
    not_equal,
    select,
    sign,
)
from fungrad.primitives.indexing import with_batch
from fungrad.primitives.linalg import lapack
from fungrad.primitives.lu import INT32, Factors, Solve
from fungrad.primitives.matrices import (
    INT64,
    adjoint,
    columns_of,
    conjugated,
    converted,
    diagonal,
    matrix_product,
    matrix_transpose,
    positions,
    real_part,
    real_type,
    require_square,
    rows_of,
    spread,
    with_diagonal,
)
from fungrad.primitives.movement import Broadcast, Iota, Slice
from fungrad.primitives.reductions import Prod, Sum
from fungrad.primitives.spectral import Svd


def parity(pivots, dtype):
    """1 for an even number of exchanges, -1 for an odd one."""
    own = Iota(tuple(pivots.shape), INT32, pivots.ndim - 1)()
    turns = Convert(dtype)(not_equal(pivots, own))
    return Prod((pivots.ndim - 1,))(dtype.type(1) - (turns + turns))


def _exchanges(pivots):
    """How many rows of one matrix were exchanged with another."""
    return len([k for k, p in enumerate(pivots.tolist()) if p != k])


class LogDet(Composed, Routine):
    """(sign, logarithm of the modulus) of determinants, given matrices, their factors and pivots.

    The sign of a complex determinant is its phase; a singular matrix gives 0 and -inf.
    """

    has_many_outputs = True

    def infer(self, a, factors, pivots):
        require_square("slogdet", a)
        shape = a.shape[:-2]
        return ArrayType(shape, a.dtype), ArrayType(shape, real_type(a.dtype))

    def evaluate(self, a, factors, pivots):
        d = factors.diagonal(0, -2, -1)
        if d.ndim == 1 and d.dtype.kind == "f" and 0.0 not in (elements := d.tolist()):
            turns = _exchanges(pivots) + len([x for x in elements if x < 0])
            size = np.add.reduce(np.log(np.absolute(d)))
            return d.dtype.type(-1 if turns % 2 else 1) if size == size else size, size
        odd = np.not_equal(pivots, np.arange(pivots.shape[-1])).sum(-1) % 2
        total = np.sign(d).prod(-1) * (1 - 2 * odd).astype(d.dtype)
        with np.errstate(divide="ignore"):
            return total[()], np.log(np.abs(d)).sum(-1)[()]

    def formula(self, a, factors, pivots):
        d = diagonal(factors)
        last = (d.ndim - 1,)
        total = Prod(last)(sign(d)) * parity(pivots, d.dtype)
        return total, Sum(last)(log(absolute(d)))

    def jvp(self, inputs, tangents):
        a, factors, pivots = inputs
        y, logarithm = self(*inputs)
        if tangents[0] is None:
            return (y, logarithm), (None, None)
        rate = diagonal(Solve(False, False)(a, factors, pivots, tangents[0]))
        rate = Sum((rate.ndim - 1,))(rate)
        if a.dtype.kind != "c":
            return (y, logarithm), (None, rate)
        turn = make_complex(logarithm.dtype.type(0), imag(rate))
        return (y, logarithm), (y * turn, real_part(rate))

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError("slogdet is not linear")

    def batch(self, inputs, batched, axis):
        return self(*with_batch(inputs, batched, axis)), (True, True)


def _well_conditioned(a):
    """The cofactors of one real matrix, by its inverse; None where that is not accurate."""
    getrf, getri, lange = [lapack(name, a.dtype) for name in ("getrf", "getri", "lange")]
    factors, pivots, info = getrf(a)
    if info == 0:
        inverse, info = getri(factors, pivots)
        if info == 0 and lange("1", a) * lange("1", inverse) < _WELL_CONDITIONED:
            turns = _exchanges(pivots)
            total = np.multiply.reduce(factors.diagonal())
            return inverse.T * (-total if turns % 2 else total)
    return None


#: Up to this condition number the inverse is as accurate as the singular values, and faster.
_WELL_CONDITIONED = 100.0


class Det(Composed, Routine):
    """The determinants of square matrices."""

    def infer(self, a):
        require_square("det", a)
        return ArrayType(a.shape[:-2], a.dtype)

    def evaluate(self, a):
        return np.linalg.det(a)

    def formula(self, a):
        factors, pivots = Factors(None)(a)
        return (Prod((a.ndim - 2,))(diagonal(factors)) * parity(pivots, a.dtype),)

    def jvp(self, inputs, tangents):
        (a,), (da,) = inputs, tangents
        return self(a), Sum((a.ndim - 2, a.ndim - 1))(Cofactors()(a) * da)

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError("det is not linear")

    def batch(self, inputs, batched, axis):
        return self(*inputs), True


class Cofactors(Composed, Routine):
    """The derivatives of the determinant in every element: the transposes of the adjugates.

    From A = U diag(s) V^H they are w conj(U) diag(p) V^T with p[i] the product of all s but s[i],
    and w = det(U) det(V^H): no division, so that singular matrices are like others.
    """

    def infer(self, a):
        require_square("det", a)
        return a

    def evaluate(self, a):
        if a.size:
            if a.ndim == 2 and a.dtype.kind == "f":
                result = _well_conditioned(a)
                return super().evaluate(a) if result is None else result
            try:
                inverse = np.linalg.inv(a)
            except np.linalg.LinAlgError:
                return super().evaluate(a)
            sizes = [np.abs(x).sum(-2).max(-1) for x in (a, inverse)]
            if (sizes[0] * sizes[1] < _WELL_CONDITIONED).all():
                return np.linalg.det(a)[..., None, None] * inverse.swapaxes(-1, -2)
        return super().evaluate(a)

    def formula(self, a):
        if not a.shape[-1]:
            return (a,)
        u, s, vh = Svd(False)(a)
        middle = converted(products_without_one(s), a.dtype)
        scale = spread(Det()(u) * Det()(vh), a.shape)
        return (
            scale * matrix_product(conjugated(u) * rows_of(middle, s.shape[-1]), conjugated(vh)),
        )

    def jvp(self, inputs, tangents):
        """The derivative of the adjugate of diag(s) in direction E, in the basis of U and V.

        With P[i, j] the product of all s but s[i] and s[j], it is -E[i, j] P[i, j] where i != j,
        and the sum over j != i of E[j, j] P[i, j] at i.
        """
        (a,), (da,) = inputs, tangents
        n = a.shape[-1]
        y = self(a)
        if n < 2:
            return y, None
        u, s, vh = Svd(False)(a)
        inner = matrix_product(matrix_product(adjoint(u), da), adjoint(vh))
        both = converted(products_without_two(s), a.dtype)
        on = Sum((a.ndim - 1,))(both * rows_of(diagonal(inner), n))
        turned = with_diagonal(on) - matrix_transpose(inner * both)
        scale = spread(Det()(u) * Det()(vh), a.shape)
        return y, scale * matrix_product(matrix_product(conjugated(u), turned), conjugated(vh))

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError("cofactors are not linear")

    def batch(self, inputs, batched, axis):
        return self(*inputs), True


def products_without_one(s):
    """For each number, the product of all others."""
    n = s.shape[-1]
    wide = rows_of(s, n)
    row, column = positions(wide.shape)
    return Prod((s.ndim,))(select(equal(row, column), s.dtype.type(1), wide))


def products_without_two(s):
    """For each pair of different descending numbers >= 0, the product of all others; 0 for i = j.

    Only the last two may be 0 where a product is not, so that what is divided by is not 0.
    """
    n = s.shape[-1]
    front = part_of_vector(s, 0, n - 2)
    last, one_before = part_of_vector(s, n - 1, n), part_of_vector(s, n - 2, n - 1)
    zero, one = s.dtype.type(0), s.dtype.type(1)
    total = Prod((s.ndim - 1,))(front)
    number = Iota(tuple(s.shape), INT64, s.ndim - 1)()
    is_front = less(number, INT64.type(n - 2))
    safe = select(logical_and(is_front, s > zero), s, one)
    inverse = one / safe
    last, one_before = (
        Broadcast(tuple(s.shape), tuple(range(s.ndim)))(x) for x in (last, one_before)
    )
    is_last = equal(number, INT64.type(n - 1))
    other = select(is_front, last * one_before, select(is_last, one_before, last))
    row, column = positions((*s.shape, n))
    front_i, front_j = less(row, INT64.type(n - 2)), less(column, INT64.type(n - 2))
    factor = select(front_i, rows_of(other, n), select(front_j, columns_of(other, n), one))
    product = factor * rows_of(inverse, n) * columns_of(inverse, n)
    result = product * spread(total, product.shape)
    return select(equal(row, column), zero, result)


def part_of_vector(v, start, stop):
    """Some adjacent numbers of each vector."""
    starts, stops = (0,) * (v.ndim - 1) + (start,), (*v.shape[:-1], stop)
    return Slice(starts, stops, (1,) * v.ndim)(v)
