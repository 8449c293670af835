"""Linear algebra on LAPACK: matrices in the last two axes, batches in front."""

import numpy as np

from fungrad.core.errors import DtypeError, LinearityError, ShapeError
from fungrad.core.primitive import Routine
from fungrad.primitives.contraction import Contract
from fungrad.primitives.elementwise import conjugate, greater, greater_equal, select
from fungrad.primitives.indexing import with_batch
from fungrad.primitives.movement import Iota, Transpose


def require_square(name, x):
    """An error unless the last two axes have one size and the elements are real or complex."""
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"{name} needs square matrices, got shape {x.shape}")
    if x.dtype.kind not in "fc":
        raise DtypeError(f"{name} is not defined for dtype {x.dtype}")


def matrix_transpose(x):
    """The last two axes exchanged."""
    n = x.ndim
    return Transpose((*range(n - 2), n - 1, n - 2))(x)


def adjoint(x):
    """The conjugate transpose of matrices."""
    x = matrix_transpose(x)
    return conjugate(x) if x.dtype.kind == "c" else x


def matrix_product(x, y):
    """The product of matrices with equal batches in front."""
    batch = tuple(range(x.ndim - 2))
    i, j, k = len(batch), len(batch) + 1, len(batch) + 2
    return Contract((*batch, i, j), (*batch, j, k), (*batch, i, k))(x, y)


def lower_triangle(x, diagonal=1.0):
    """The lower triangles, with the diagonal scaled."""
    shape = tuple(x.shape)
    row = Iota(shape, np.dtype(np.int64), x.ndim - 2)()
    column = Iota(shape, np.dtype(np.int64), x.ndim - 1)()
    zero = x.dtype.type(0)
    kept = select(greater_equal(row, column), x, zero)
    if diagonal == 1.0:
        return kept
    return select(greater(row, column), kept, select(row == column, x * diagonal, zero))


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
        return np.linalg.cholesky(a)

    def jvp(self, inputs, tangents):
        """dL = L Phi(L^-1 dA L^-H): Phi takes the lower triangle and halves the diagonal."""
        (a,), (da,) = inputs, tangents
        factor = self(a)
        symmetric = lower_triangle(da) + adjoint(lower_triangle(da, 0.0))
        if da.dtype.kind == "c":
            symmetric = _hermitian(da)
        half = TriangularSolve(False, False, False)(factor, symmetric)
        inner = adjoint(TriangularSolve(False, False, False)(factor, adjoint(half)))
        return factor, matrix_product(factor, lower_triangle(inner, 0.5))

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError("cholesky is not linear")

    def batch(self, inputs, batched, axis):
        return self(*inputs), True

    def emit(self, build, inputs, outputs):
        build.cholesky(self, inputs, outputs)

    def failure(self):
        return np.linalg.LinAlgError, "cholesky: a matrix is not positive definite"


def _hermitian(da):
    """The Hermitian matrix that the lower triangle of `da` stands for: a real diagonal."""
    strict = lower_triangle(da, 0.0)
    diagonal = lower_triangle(da) - strict
    return strict + adjoint(strict) + (diagonal + conjugate(diagonal)) * 0.5


class TriangularSolve(Routine):
    """X with op(T) X = B, where T is the lower (or `upper`) triangle of the first operand.

    op is the identity, the transpose (`transposed`) or, with `conjugated` too, the adjoint.
    Raises numpy.linalg.LinAlgError where the diagonal has a 0.
    """

    upper: bool
    transposed: bool
    conjugated: bool

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
        from scipy.linalg import solve_triangular

        form = "C" if self.conjugated else "T" if self.transposed else "N"
        result = np.empty(b.shape, b.dtype)
        for i in np.ndindex(t.shape[:-2]):
            if b.size:
                result[i] = solve_triangular(t[i], b[i], form, lower=not self.upper)
        return result

    def _coefficients(self, t):
        """The triangle that is read, under op."""
        kept = matrix_transpose(lower_triangle(matrix_transpose(t)))
        kept = kept if self.upper else lower_triangle(t)
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
            solve = TriangularSolve(self.upper, False, False)
            return None, solve(conjugate(t) if t.dtype.kind == "c" else t, c)
        return None, TriangularSolve(self.upper, not self.transposed, False)(t, c)

    def batch(self, inputs, batched, axis):
        return self(*with_batch(inputs, batched, axis)), True

    @property
    def begins_with(self):
        """Which output begins as which operand, so that it may take over its memory."""
        return {0: 1}

    def emit(self, build, inputs, outputs):
        build.triangular_solve(self, inputs, outputs)

    def failure(self):
        return np.linalg.LinAlgError, "triangular_solve: a matrix is singular"
