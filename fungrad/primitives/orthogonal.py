"""Factorisations with an orthogonal (unitary) factor: QR by Householder reflectors."""

import numpy as np

from fungrad.core.errors import LinearityError
from fungrad.core.primitive import Routine
from fungrad.core.types import ArrayType
from fungrad.primitives.elementwise import Convert
from fungrad.primitives.joining import Concatenate, Pad
from fungrad.primitives.linalg import TriangularSolve, lapack
from fungrad.primitives.lu import lu_flops, right_solve
from fungrad.primitives.matrices import (
    INT64,
    adjoint,
    columns_of,
    identity,
    imaginary_diagonal,
    lower_triangle,
    matrix_product,
    matrix_transpose,
    part_of,
    require_matrices,
    with_diagonal,
)
from fungrad.primitives.movement import Broadcast
from fungrad.primitives.ordering import gather_along


class Qr(Routine):
    """(Q, R) with Q R = A, Q^H Q = 1 and R upper triangular, as LAPACK's reflectors make them.

    Of an m by n matrix with m > n, `full` gives all m columns of Q, else n of them. The derivative
    needs independent columns among the first min(m, n); for complex matrices R has a real diagonal.
    """

    full: bool
    has_many_outputs = True

    def flops(self, inputs, outputs):
        """Reflections, and as many operations again for Q: twice twice those of LU."""
        return 4 * lu_flops(inputs[0])

    def infer(self, a):
        require_matrices("qr", a)
        *batch, m, n = a.shape
        k = m if self.full else min(m, n)
        return a.with_shape((*batch, m, k)), a.with_shape((*batch, k, n))

    def evaluate(self, a):
        return tuple(np.linalg.qr(a, "complete" if self.full else "reduced"))

    def jvp(self, inputs, tangents):
        (a,), (da,) = inputs, tangents
        q, r = self(a)
        m, n = a.shape[-2:]
        if m > n:
            first, upper = part_of(q, columns=slice(n)), part_of(r, rows=slice(n))
            dq, dr = _square_tangents(first, upper, da)
            if self.full:
                dq = Concatenate(q.ndim - 1)(dq, _complement_tangent(q, dq, n))
                none = (0,) * (r.ndim - 2)
                dr = Pad((*none, 0, 0), (*none, m - n, 0), (0,) * r.ndim)(dr, dr.dtype.type(0))
            return (q, r), (dq, dr)
        left = slice(m)
        dq, dr = _square_tangents(q, part_of(r, columns=left), part_of(da, columns=left))
        if m < n:
            right = slice(m, n)
            rest = matrix_product(adjoint(q), part_of(da, columns=right))
            turned = matrix_product(adjoint(q), dq)
            rest = rest - matrix_product(turned, part_of(r, columns=right))
            dr = Concatenate(r.ndim - 1)(dr, rest)
        return (q, r), (dq, dr)

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError("qr is not linear")

    def batch(self, inputs, batched, axis):
        return self(*inputs), (True, True)

    def emit(self, build, inputs, outputs):
        build.qr(self, inputs, outputs)


def _square_tangents(q, r, da):
    """The tangents of Q (m by n) and R (n by n): Q^H dQ is skew, dR R^-1 is upper triangular."""
    solve = TriangularSolve(True, True, False)
    x = matrix_transpose(solve(r, matrix_transpose(da)))
    inner = matrix_product(adjoint(q), x)
    lower = lower_triangle(inner, 0.0)
    skew = lower - adjoint(lower)
    if inner.dtype.kind == "c":
        skew = skew + imaginary_diagonal(inner)
    rest = skew - inner
    return matrix_product(q, rest) + x, -matrix_product(rest, r)


def _complement_tangent(q, dq, n):
    """The tangent of the columns of Q after the first n, given that of the first n.

    The reflectors make Q = 1 - V T V^H, so these columns are E2 + (Q1 - E1) Z^H, where E1 and E2
    are columns of 1 and Z (Q1' - 1) = Q1'', with Q1' the upper and Q1'' the lower part of Q1.
    """
    first = part_of(q, columns=slice(n))
    moved = first - identity(first.shape, first.dtype)
    square = part_of(moved, rows=slice(n))
    z = right_solve(square, part_of(first, rows=slice(n, None)))
    d_square, d_lower = part_of(dq, rows=slice(n)), part_of(dq, rows=slice(n, None))
    dz = right_solve(square, d_lower - matrix_product(z, d_square))
    return matrix_product(dq, adjoint(z)) + matrix_product(moved, adjoint(dz))


def product_of_reflectors(a, taus, columns):
    """The first columns of the product of 1 - tau v v^H; v is a column of `a` below its diagonal.

    The product is 1 - V T V^H with T^-1 = diag(1 / tau) + the strict upper triangle of V^H V.
    """
    k = taus.shape[-1]
    v = part_of(a, columns=slice(k))
    v = lower_triangle(v, 0.0) + identity(v.shape, v.dtype)
    inner = matrix_product(adjoint(v), v)
    strict = adjoint(lower_triangle(adjoint(inner), 0.0))
    square = identity(strict.shape, v.dtype) + strict * columns_of(taus, k)
    t = TriangularSolve(True, False, False, True)(square, with_diagonal(taus))
    head = adjoint(part_of(v, rows=slice(columns)))
    return identity((*a.shape[:-1], columns), v.dtype) - matrix_product(v, matrix_product(t, head))


class QrPivots(Routine):
    """The order of columns (int32) in which LAPACK's QR with pivoting takes them."""

    @property
    def name(self):
        return "qr_pivots"

    def flops(self, inputs, outputs):
        return 4 * lu_flops(inputs[0])

    def infer(self, a):
        require_matrices("qr", a)
        return ArrayType((*a.shape[:-2], a.shape[-1]), np.int32)

    def evaluate(self, a):
        geqp3 = lapack("geqp3", a.dtype)
        order = np.empty((*a.shape[:-2], a.shape[-1]), np.int32)
        for i in np.ndindex(a.shape[:-2]):
            order[i] = geqp3(a[i])[1] - 1 if a[i].size else np.arange(a.shape[-1])
        return order

    def jvp(self, inputs, tangents):
        return self(*inputs), None

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError("qr is not linear")

    def batch(self, inputs, batched, axis):
        return self(*inputs), True

    def emit(self, build, inputs, outputs):
        build.qr_pivots(self, inputs, outputs)


def column_order(x, order):
    """The columns of matrices in an order; one order per matrix."""
    axes = (*range(x.ndim - 2), x.ndim - 1)
    wide = Broadcast(tuple(x.shape), axes)(Convert(INT64)(order))
    return gather_along(x, wide, x.ndim - 1)
