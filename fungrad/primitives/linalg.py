"""Triangular matrices: the Cholesky factor, and solutions of triangular systems."""

from functools import cache

import numpy as np

from fungrad.core.errors import DtypeError, LinearityError, ShapeError
from fungrad.core.primitive import Routine
from fungrad.primitives.composed import Composed
from fungrad.primitives.indexing import with_batch
from fungrad.primitives.matrices import (
    adjoint,
    conjugated,
    folded,
    hermitian_of_lower,
    lower_triangle,
    matrix_product,
    matrix_transpose,
    require_square,
    unfolded,
)


def lapack(name, dtype):
    """SciPy's function for a routine of LAPACK."""
    return _lapack(name, dtype.char)  # hashing a dtype takes longer than a small factorisation


def blas(name, dtype):
    """SciPy's function for a routine of BLAS."""
    return _blas(name, dtype.char)


@cache
def _blas(name, code):
    from scipy.linalg import get_blas_funcs

    return get_blas_funcs(name, dtype=code)


@cache
def _lapack(name, code):
    from scipy.linalg import get_lapack_funcs

    return get_lapack_funcs(name, dtype=code)


class Cholesky(Routine):
    """The lower triangular L with L L^H = A; reads the lower triangle of A only.

    Raises numpy.linalg.LinAlgError for a matrix that is not positive definite.
    Derivative: S. F. Walter and L. Lehmann (2010); I. Murray, arXiv:1602.07527.
    """

    def flops(self, inputs, outputs):
        (a,) = inputs
        return a.size * a.shape[-1] // 3

    def infer(self, a):
        require_square("cholesky", a)
        return a

    def evaluate(self, a):
        if a.ndim == 2 and a.size:  # a third of the time of NumPy's for a small one
            factor, info = lapack("potrf", a.dtype)(a, lower=1)
            if info > 0:
                error, message = self.failure()
                raise error(message)
            return factor
        try:
            return np.linalg.cholesky(a)
        except np.linalg.LinAlgError:
            error, message = self.failure()
            raise error(message) from None

    def jvp(self, inputs, tangents):
        """dL = L Phi(L^-1 dA L^-H): Phi takes the lower triangle and halves the diagonal."""
        (a,), (da,) = inputs, tangents
        factor = self(a)
        solve = TriangularSolve(False, False, False)
        half = solve(factor, hermitian_of_lower(da))
        inner = adjoint(solve(factor, adjoint(half)))
        return factor, matrix_product(factor, lower_triangle(inner, 0.5))

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError("cholesky is not linear")

    def batch(self, inputs, batched, axis):
        return self(*inputs), True

    def emit(self, build, inputs, outputs):
        build.cholesky(self, inputs, outputs)

    def failure(self):
        return np.linalg.LinAlgError, "cholesky: a matrix is not positive definite"


class TriangularSolve(Routine):
    """X with op(T) X = B, where T is the lower (or `upper`) triangle of the first operand.

    op is the identity, the transpose (`transposed`) or, with `conjugated` too, the adjoint. With
    `unit` the diagonal is 1, whatever stands there.
    Raises numpy.linalg.LinAlgError where the diagonal has a 0.
    """

    upper: bool
    transposed: bool
    conjugated: bool
    unit: bool = False

    @property
    def name(self):
        return "triangular_solve"

    def flops(self, inputs, outputs):
        t, b = inputs
        return b.size * t.shape[-1]

    def infer(self, t, b):
        require_square(self.name, t)
        if t.dtype != b.dtype:
            raise DtypeError(f"{self.name}: dtypes {t.dtype} and {b.dtype} differ")
        if b.ndim != t.ndim or b.shape[:-1] != t.shape[:-1]:
            raise ShapeError(f"{self.name}: {t} and {b} do not fit")
        return b

    def evaluate(self, t, b):
        if not b.size:
            return np.zeros(b.shape, b.dtype)
        trtrs, form = lapack("trtrs", b.dtype), 2 if self.conjugated else int(self.transposed)
        if b.ndim == 2:
            result, info = trtrs(t, b, not self.upper, form, self.unit)
        else:
            result, info = np.empty(b.shape, b.dtype), 0
            for i in np.ndindex(t.shape[:-2]):
                result[i], failed = trtrs(t[i], b[i], not self.upper, form, self.unit)
                info = info or failed
        if info:
            error, message = self.failure()
            raise error(message)
        return result

    def _coefficients(self, t):
        """The triangle that is read, under op."""
        if self.upper:
            kept = matrix_transpose(lower_triangle(matrix_transpose(t), 1.0 - self.unit))
        else:
            kept = lower_triangle(t, 1.0 - self.unit)
        if self.conjugated:
            return adjoint(kept)
        return matrix_transpose(kept) if self.transposed else kept

    def jvp(self, inputs, tangents):
        t, b = inputs
        dt, db = tangents
        x = self(t, b)
        right = db
        if dt is not None:
            term = -matrix_product(self._coefficients(dt), x)
            right = term if db is None else db + term
        return x, self(t, right)

    def transpose(self, cotangents, inputs, linear):
        if linear[0]:
            raise LinearityError(f"{self.name} is linear in its second operand only")
        (c,) = cotangents
        t, _ = inputs
        if self.conjugated:
            return None, TriangularSolve(self.upper, False, False, self.unit)(conjugated(t), c)
        return None, TriangularSolve(self.upper, not self.transposed, False, self.unit)(t, c)

    def batch(self, inputs, batched, axis):
        t, b = inputs
        if not batched[0]:
            return unfolded(self(t, folded(b)), axis.size, b.shape[-1]), True
        return self(*with_batch(inputs, batched, axis)), True

    @property
    def begins_with(self):
        """Which output begins as which operand, so that it may take over its memory."""
        return {0: 1}

    def emit(self, build, inputs, outputs):
        build.triangular_solve(self, inputs, outputs)

    def failure(self):
        return np.linalg.LinAlgError, "triangular_solve: a matrix is singular"


class PositiveSolve(Composed, Routine):
    """X with A X = B, given a Hermitian positive definite A, its Cholesky factor, and B."""

    @property
    def name(self):
        return "positive_solve"

    def infer(self, a, factor, b):
        require_square(self.name, a)
        if a.dtype != b.dtype:
            raise DtypeError(f"{self.name}: dtypes {a.dtype} and {b.dtype} differ")
        if b.ndim != a.ndim or b.shape[:-1] != a.shape[:-1] or factor.shape != a.shape:
            raise ShapeError(f"{self.name}: {a} and {b} do not fit")
        return b

    def formula(self, a, factor, b):
        half = TriangularSolve(False, False, False)(factor, b)
        return (TriangularSolve(False, True, True)(factor, half),)

    def jvp(self, inputs, tangents):
        a, factor, b = inputs
        da, _, db = tangents
        x = self(a, factor, b)
        right = db
        if da is not None:
            term = -matrix_product(da, x)
            right = term if db is None else db + term
        return x, None if right is None else self(a, factor, right)

    def transpose(self, cotangents, inputs, linear):
        if any(linear[:2]):
            raise LinearityError(f"{self.name} is linear in its right-hand side only")
        a, factor, _ = inputs
        return None, None, self(conjugated(a), conjugated(factor), cotangents[0])

    def batch(self, inputs, batched, axis):
        *matrices, b = inputs
        if not any(batched[:2]):
            return unfolded(self(*matrices, folded(b)), axis.size, b.shape[-1]), True
        return self(*with_batch(inputs, batched, axis)), True
