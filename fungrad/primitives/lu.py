"""LU factors with partial pivoting, and what is made from them: solutions, inverses, determinants.

What needs factors takes them as an operand beside the matrix itself: the derivative of a solution
is a solution with the same factors, in both modes and at every order.
"""

from math import prod

import numpy as np

from fungrad.core.errors import DtypeError, LinearityError, ShapeError
from fungrad.core.primitive import Routine
from fungrad.core.types import ArrayType
from fungrad.primitives.elementwise import (
    Convert,
)
from fungrad.primitives.indexing import with_batch
from fungrad.primitives.joining import Concatenate
from fungrad.primitives.linalg import TriangularSolve, blas, lapack
from fungrad.primitives.matrices import (
    INT64,
    adjoint,
    conjugated,
    folded,
    identity,
    lower_triangle,
    matrix_product,
    matrix_transpose,
    part_of,
    require_matrices,
    require_square,
    unfolded,
    upper_triangle,
)
from fungrad.primitives.movement import Broadcast
from fungrad.primitives.ordering import gather_along

INT32 = np.dtype(np.int32)


def factor_types(name, a):
    """The types of the factors in one matrix, and of the pivots."""
    require_matrices(name, a)
    return a, ArrayType((*a.shape[:-2], min(a.shape[-2:])), INT32)


def factorised(a):
    """The factors and pivots of matrices, and whether one of the square ones is singular."""
    if not a.size:
        return a.copy(), np.zeros((*a.shape[:-2], min(a.shape[-2:])), INT32), False
    getrf = lapack("getrf", a.dtype)
    if a.ndim == 2:
        factors, pivots, info = getrf(a)
        return factors, pivots if pivots.dtype is INT32 else pivots.astype(INT32), info > 0
    many = prod(a.shape[:-2])
    if max(a.shape[-2:]) <= 8 and many >= 32:
        return _eliminated(np.array(a))
    factors, is_singular = np.empty(a.shape, a.dtype), False
    pivots = np.empty((*a.shape[:-2], min(a.shape[-2:])), INT32)
    for i in np.ndindex(a.shape[:-2]):
        factors[i], pivots[i], info = getrf(a[i])
        is_singular |= info > 0
    return factors, pivots, is_singular


def _eliminated(a):
    """The same for many small matrices, all at once; `a` is overwritten."""
    m, n = a.shape[-2:]
    flat = a.reshape(-1, m, n)
    every = np.arange(len(flat))
    pivots = np.empty((len(flat), min(m, n)), INT32)
    is_singular = False
    for k in range(min(m, n)):
        size = np.abs(flat[:, k:, k].real) + np.abs(flat[:, k:, k].imag)
        p = pivots[:, k] = k + np.argmax(size, 1)
        swapped = flat[every, p]
        flat[every, p] = flat[:, k]
        flat[:, k] = swapped
        pivot = swapped[:, k]
        is_zero = pivot == 0
        if is_zero.any():
            is_singular = True
            pivot = np.where(is_zero, 1, pivot)
        flat[:, k + 1 :, k] /= pivot[:, None]
        flat[:, k + 1 :, k + 1 :] -= flat[:, k + 1 :, k, None] * swapped[:, None, k + 1 :]
    return a, pivots.reshape(*a.shape[:-2], -1), is_singular


def lu_flops(a):
    """The operations of an LU factorisation, to leading order: 2/3 n^3 of a square matrix."""
    *batch, m, n = a.shape
    k = min(m, n)
    return prod(batch) * (2 * m * n * k - (m + n) * k * k + 2 * k**3 // 3)


class Lu(Routine):
    """(L and U in one matrix, pivots) of P A = L U: row i was exchanged with row pivots[i].

    L has a unit diagonal, which is not stored; the pivots are int32 and count from 0.
    """

    has_many_outputs = True

    def flops(self, inputs, outputs):
        return lu_flops(inputs[0])

    def infer(self, a):
        return factor_types("lu", a)

    def evaluate(self, a):
        return factorised(a)[:2]

    def jvp(self, inputs, tangents):
        """With M = L^-1 P dA U^-1: dL = L tril(M, -1) and dU = triu(M) U; then what is not square.

        A taller L and a wider U follow from dL U + L dU = P dA.
        """
        (a,), (da,) = inputs, tangents
        factors, pivots = self(a)
        m, n = a.shape[-2:]
        k = min(m, n)
        order = Permutation(m)(pivots)
        da = permuted(da, order)
        square = part_of(factors, slice(k), slice(k))
        by_lower = TriangularSolve(False, False, False, True)
        by_upper = TriangularSolve(True, True, False)
        half = by_lower(square, part_of(da, slice(k), slice(k)))
        inner = matrix_transpose(by_upper(square, matrix_transpose(half)))
        lower = lower_triangle(square, 0.0) + identity(square.shape, square.dtype)
        upper = upper_triangle(square)
        d_upper = matrix_product(upper_triangle(inner), upper)
        d_lower = matrix_product(lower, lower_triangle(inner, 0.0))
        result = d_lower + d_upper
        if m > n:
            below = part_of(da, slice(k, None)) - matrix_product(
                part_of(factors, slice(k, None)), d_upper
            )
            below = matrix_transpose(by_upper(square, matrix_transpose(below)))
            result = Concatenate(a.ndim - 2)(result, below)
        if n > m:
            beside = part_of(da, columns=slice(k, None)) - matrix_product(
                d_lower, part_of(factors, columns=slice(k, None))
            )
            result = Concatenate(a.ndim - 1)(result, by_lower(square, beside))
        return (factors, pivots), (result, None)

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError("lu is not linear")

    def batch(self, inputs, batched, axis):
        return self(*inputs), (True, True)

    def emit(self, build, inputs, outputs):
        build.lu(self, inputs, outputs)


class Factors(Routine):
    """What `Lu` gives, as an operand of `Solve` and `LogDet`: it has no derivative of its own.

    Raises numpy.linalg.LinAlgError in the name of a `function` for a singular matrix; with None it
    lets it pass.
    """

    function: str | None
    has_many_outputs = True

    def flops(self, inputs, outputs):
        return lu_flops(inputs[0])

    def infer(self, a):
        require_square(self.function or "lu", a)
        return factor_types(self.function or "lu", a)

    def evaluate(self, a):
        *factors, is_singular = factorised(a)
        if is_singular and self.function:
            error, message = self.failure()
            raise error(message)
        return tuple(factors)

    def jvp(self, inputs, tangents):
        return self(*inputs), (None, None)

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError("lu is not linear")

    def batch(self, inputs, batched, axis):
        return self(*inputs), (True, True)

    def emit(self, build, inputs, outputs):
        build.lu(self, inputs, outputs)

    def failure(self):
        return np.linalg.LinAlgError, f"{self.function}: singular matrix"


class Permutation(Routine):
    """The order (int32) of `size` rows after the exchanges that pivots stand for."""

    size: int
    computes = False

    def infer(self, pivots):
        if pivots.dtype.kind != "i":
            raise DtypeError(f"permutation: the pivots have dtype {pivots.dtype}")
        if not pivots.ndim or pivots.shape[-1] > self.size:
            raise ShapeError(f"permutation: pivots of shape {pivots.shape} for {self.size} rows")
        return ArrayType((*pivots.shape[:-1], self.size), INT32)

    def evaluate(self, pivots):
        flat = pivots.reshape(prod(pivots.shape[:-1]), pivots.shape[-1])
        every = np.arange(len(flat))
        order = np.tile(np.arange(self.size, dtype=INT32), (len(flat), 1))
        for k in range(pivots.shape[-1]):
            p = flat[:, k]
            order[:, k], order[every, p] = order[every, p], order[:, k].copy()
        return order.reshape(*pivots.shape[:-1], self.size)

    def jvp(self, inputs, tangents):
        return self(*inputs), None

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError("permutation is not linear")

    def batch(self, inputs, batched, axis):
        return self(*inputs), True

    def emit(self, build, inputs, outputs):
        build.permutation(self, inputs, outputs)


def permuted(x, order):
    """The rows of matrices in an order; one order per matrix."""
    wide = Broadcast(tuple(x.shape), tuple(range(x.ndim - 1)))(Convert(INT64)(order))
    return gather_along(x, wide, x.ndim - 2)


def _substituted(factors, pivots, b, form):
    """Solutions of many small systems, all at once; `form` as LAPACK counts them."""
    n, m = b.shape[-2:]
    f, y = factors.reshape(-1, n, n), b.reshape(-1, n, m)
    order = Permutation(n).evaluate(pivots).reshape(-1, n, 1)
    if not form:
        y = np.take_along_axis(y, order, 1)
        for i in range(1, n):
            y[:, i] -= np.einsum("zk,zkm->zm", f[:, i, :i], y[:, :i])
        for i in reversed(range(n)):
            y[:, i] -= np.einsum("zk,zkm->zm", f[:, i, i + 1 :], y[:, i + 1 :])
            y[:, i] /= f[:, i, i, None]
        return y.reshape(b.shape)
    f, y = f.conj() if form == 2 else f, y.copy()
    for i in range(n):
        y[:, i] -= np.einsum("zk,zkm->zm", f[:, :i, i], y[:, :i])
        y[:, i] /= f[:, i, i, None]
    for i in reversed(range(n - 1)):
        y[:, i] -= np.einsum("zk,zkm->zm", f[:, i + 1 :, i], y[:, i + 1 :])
    result = np.empty_like(y)
    np.put_along_axis(result, order, y, 1)
    return result.reshape(b.shape)


#: Products up to which solutions are computed by the steps of LAPACK's getrs: OpenBLAS runs getrs
#: itself on all cores, however small it is, which takes 40 ms where another process has one of them.
_MOST_BY_STEPS = 1 << 15


def _by_steps(factors, pivots, b, form):
    """What getrs returns."""
    laswp, trsm = lapack("laswp", b.dtype), blas("trsm", b.dtype)
    if not form:
        y = trsm(1, factors, laswp(b, pivots), lower=1, diag=1)
        return trsm(1, factors, y)
    y = trsm(1, factors, trsm(1, factors, b, trans_a=form), lower=1, diag=1, trans_a=form)
    return laswp(y, pivots, inc=-1, overwrite_a=1)


class Solve(Routine):
    """X with op(A) X = B, given A, its factors and pivots, and B.

    op is the identity, the transpose (`transposed`) or, with `conjugated` too, the adjoint.
    """

    transposed: bool
    conjugated: bool

    def flops(self, inputs, outputs):
        return 2 * inputs[0].shape[-1] * outputs[0].size

    def infer(self, a, factors, pivots, b):
        require_square("solve", a)
        if a.dtype != b.dtype:
            raise DtypeError(f"solve: dtypes {a.dtype} and {b.dtype} differ")
        if b.ndim != a.ndim or b.shape[:-1] != a.shape[:-1] or factors.shape != a.shape:
            raise ShapeError(f"solve: {a} and {b} do not fit")
        return b

    def evaluate(self, a, factors, pivots, b):
        form = 2 if self.conjugated else int(self.transposed)
        if not b.size:
            return np.zeros(b.shape, b.dtype)
        if b.ndim == 2 and 1 < b.shape[1] and a.size * b.shape[1] <= _MOST_BY_STEPS:
            return _by_steps(factors, pivots, b, form)
        getrs = lapack("getrs", b.dtype)
        if b.ndim == 2:
            return getrs(factors, pivots, b, form)[0]
        if a.shape[-1] <= 8 and prod(b.shape[:-2]) >= 32:
            return _substituted(factors, pivots, b, form)
        result = np.empty(b.shape, b.dtype)
        for i in np.ndindex(b.shape[:-2]):
            result[i] = getrs(factors[i], pivots[i], b[i], form)[0]
        return result

    def _coefficients(self, a):
        if self.conjugated:
            return adjoint(a)
        return matrix_transpose(a) if self.transposed else a

    def jvp(self, inputs, tangents):
        a, factors, pivots, b = inputs
        da, *_, db = tangents
        x = self(a, factors, pivots, b)
        right = db
        if da is not None:
            term = -matrix_product(self._coefficients(da), x)
            right = term if db is None else db + term
        return x, None if right is None else self(a, factors, pivots, right)

    def transpose(self, cotangents, inputs, linear):
        if any(linear[:3]):
            raise LinearityError("solve is linear in its right-hand side only")
        (c,) = cotangents
        a, factors, pivots, _ = inputs
        if self.conjugated:
            solve = Solve(False, False)
            return None, None, None, solve(conjugated(a), conjugated(factors), pivots, c)
        return None, None, None, Solve(not self.transposed, False)(a, factors, pivots, c)

    def batch(self, inputs, batched, axis):
        *matrices, b = inputs
        if not any(batched[:3]):
            return unfolded(self(*matrices, folded(b)), axis.size, b.shape[-1]), True
        return self(*with_batch(inputs, batched, axis)), True

    @property
    def begins_with(self):
        """Which output begins as which operand, so that it may take over its memory."""
        return {0: 3}

    def emit(self, build, inputs, outputs):
        build.solve(self, inputs, outputs)


def solution(a, b, function=None):
    """X with A X = B; a singular A is an error in the name of the function, if there is one."""
    return Solve(False, False)(a, *Factors(function)(a), b)


def right_solve(a, b, function=None):
    """X with X A = B."""
    solve = Solve(True, False)
    return matrix_transpose(solve(a, *Factors(function)(a), matrix_transpose(b)))


class Inverse(Routine):
    """The inverse matrices; numpy.linalg.LinAlgError for a singular one."""

    def flops(self, inputs, outputs):
        return 2 * outputs[0].shape[-1] * outputs[0].size

    def infer(self, a):
        require_square("inv", a)
        return a

    def evaluate(self, a):
        try:
            return np.linalg.inv(a)
        except np.linalg.LinAlgError:
            error, message = self.failure()
            raise error(message) from None

    def jvp(self, inputs, tangents):
        (a,), (da,) = inputs, tangents
        x = self(a)
        return x, -matrix_product(matrix_product(x, da), x)

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError("inv is not linear")

    def batch(self, inputs, batched, axis):
        return self(*inputs), True

    def emit(self, build, inputs, outputs):
        build.inverse(self, inputs, outputs)

    def failure(self):
        return np.linalg.LinAlgError, "inv: singular matrix"
