"""Eigenvalues and singular values, with their vectors.

`splitting` says what their derivatives are where values coincide.
"""

from math import prod

import numpy as np

from fungrad.core.errors import LinearityError
from fungrad.core.primitive import Routine
from fungrad.core.types import ArrayType
from fungrad.primitives.elementwise import (
    equal,
    less_equal,
    select,
)
from fungrad.primitives.joining import Concatenate
from fungrad.primitives.matrices import (
    adjoint,
    columns_of,
    converted,
    hermitian_of_lower,
    largest,
    matrix_product,
    part_of,
    real_part,
    real_type,
    require_matrices,
    require_square,
    rows_of,
    spread,
)
from fungrad.primitives.reductions import Max
from fungrad.primitives.splitting import Splitting


class Eigh(Routine):
    """(eigenvalues in ascending order, eigenvectors) of Hermitian matrices.

    Reads the lower triangles, or else the upper ones, and the real parts of the diagonals. With
    `values_elsewhere`, somebody has the eigenvalues from elsewhere and reads the vectors here.
    """

    lower: bool
    values_elsewhere: bool = False
    has_many_outputs = True

    def flops(self, inputs, outputs):
        """To leading order, as G. Golub and C. Van Loan count (Matrix Computations, 2013)."""
        a = inputs[0]
        return 9 * a.size * a.shape[-1]

    def infer(self, a):
        require_square("eigh", a)
        return ArrayType(a.shape[:-1], real_type(a.dtype)), a

    def evaluate(self, a):
        with named(self):
            return tuple(np.linalg.eigh(a, "L" if self.lower else "U"))

    def jvp(self, inputs, tangents):
        (a,), (da,) = inputs, tangents
        w, v = self(a)
        inner = _in_basis(v, hermitian(da, self.lower))
        moved, turned = Splitting(True, self.values_elsewhere)(w, inner)
        return (w, v), (real_part(moved), matrix_product(v, turned))

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError("eigh is not linear")

    def batch(self, inputs, batched, axis):
        return self(*inputs), (True, True)

    def emit(self, build, inputs, outputs):
        build.eigh(self, inputs, outputs)

    def failure(self):
        return np.linalg.LinAlgError, "eigh: eigenvalues did not converge"


class Eigvalsh(Routine):
    """The eigenvalues of Hermitian matrices in ascending order; reads one triangle."""

    lower: bool

    def flops(self, inputs, outputs):
        """To leading order, as G. Golub and C. Van Loan count (Matrix Computations, 2013)."""
        a = inputs[0]
        return 4 * a.size * a.shape[-1] // 3

    def infer(self, a):
        require_square("eigvalsh", a)
        return ArrayType(a.shape[:-1], real_type(a.dtype))

    def evaluate(self, a):
        with named(self):
            return np.linalg.eigvalsh(a, "L" if self.lower else "U")

    def jvp(self, inputs, tangents):
        _, (dw, _) = Eigh(self.lower, True).jvp(inputs, tangents)
        return self(*inputs), dw  # whose eigenvalues are rounded in another way

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError("eigvalsh is not linear")

    def batch(self, inputs, batched, axis):
        return self(*inputs), True

    def emit(self, build, inputs, outputs):
        build.eigh(self, inputs, outputs)

    def failure(self):
        return np.linalg.LinAlgError, "eigvalsh: eigenvalues did not converge"


def hermitian(x, lower):
    """The Hermitian matrices that one triangle stands for."""
    return hermitian_of_lower(x) if lower else adjoint(hermitian_of_lower(adjoint(x)))


def _in_basis(v, x):
    return matrix_product(matrix_product(adjoint(v), x), v)


class named:
    """Errors of NumPy's inside carry the primitive's name."""

    def __init__(self, primitive):
        self.primitive = primitive

    def __enter__(self):
        pass

    def __exit__(self, kind, error, trace):
        if kind is np.linalg.LinAlgError:
            _, message = self.primitive.failure()
            raise np.linalg.LinAlgError(message) from None


class Svd(Routine):
    """(U, singular values in descending order, V^H) with A = U diag(s) V^H.

    Of an m by n matrix, `full` gives m columns of U and n rows of V^H, else min(m, n) of each. With
    `values_elsewhere`, somebody has the singular values from elsewhere.
    """

    full: bool
    values_elsewhere: bool = False
    has_many_outputs = True

    def flops(self, inputs, outputs):
        """To leading order, as G. Golub and C. Van Loan count (Matrix Computations, 2013)."""
        *batch, m, n = inputs[0].shape
        k = min(m, n)
        return prod(batch) * (14 * m * n * k + 8 * k**3)

    def infer(self, a):
        require_matrices("svd", a)
        *batch, m, n = a.shape
        k = min(m, n)
        s = ArrayType((*batch, k), real_type(a.dtype))
        columns, rows = (m, n) if self.full else (k, k)
        return a.with_shape((*batch, m, columns)), s, a.with_shape((*batch, rows, n))

    def evaluate(self, a):
        with named(self):
            return tuple(np.linalg.svd(a, self.full))

    def jvp(self, inputs, tangents):
        (a,), (da,) = inputs, tangents
        u, s, vh = self(a)
        k = s.shape[-1]
        left = part_of(u, columns=slice(k))
        right = adjoint(part_of(vh, rows=slice(k)))
        du, ds, dv = _thin_tangents(left, s, right, da, self.values_elsewhere)
        if self.full:
            du = _with_complement(u, du, k)
            dv = _with_complement(adjoint(vh), dv, k)
        return (u, s, vh), (du, ds, adjoint(dv))

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError("svd is not linear")

    def batch(self, inputs, batched, axis):
        return self(*inputs), (True, True, True)

    def emit(self, build, inputs, outputs):
        build.svd(self, inputs, outputs)

    def failure(self):
        return np.linalg.LinAlgError, "svd: singular values did not converge"


def _thin_tangents(u, s, v, da, values_elsewhere):
    """The tangents of min(m, n) singular vectors and values.

    With X and Y the Hermitian and skew parts of U^H dA V, U^H dU is X / (s_j - s_i) + Y / (s_j +
    s_i) and V^H dV is the same with a minus sign: nothing cancels, and only X is lost where values
    coincide.
    """
    k = s.shape[-1]
    inner = matrix_product(matrix_product(adjoint(u), da), v)
    turned = adjoint(inner)
    splitting = Splitting(True, values_elsewhere)
    moved, gap_part = splitting(s, (inner + turned) * 0.5)
    total = rows_of(s, k) + columns_of(s, k)
    sum_part = _scaled((inner - turned) * 0.5, total)
    du = matrix_product(u, gap_part + sum_part)
    dv = matrix_product(v, gap_part - sum_part)
    m, n = da.shape[-2:]
    if m > k:
        du = du + _scaled(_outside(u, matrix_product(da, v)), rows_of(s, m))
    if n > k:
        dv = dv + _scaled(_outside(v, matrix_product(adjoint(da), u)), rows_of(s, n))
    ds = real_part(moved)
    return du, select(equal(s, s.dtype.type(0)), s.dtype.type(0), ds), dv


def _outside(u, x):
    """The part of x at a right angle to the columns of u."""
    return x - matrix_product(u, matrix_product(adjoint(u), x))


def _scaled(x, by):
    """x / by, and 0 where `by` is 0 to rounding."""
    if 0 in x.shape:
        return x
    scale = Max((by.ndim - 2,))(largest(by))
    bound = spread(scale, by.shape) * (by.shape[-1] * np.finfo(by.dtype).eps)
    is_zero = less_equal(by, bound)
    by = select(is_zero, by.dtype.type(1), by)
    quotient = x / converted(by, x.dtype)
    return select(is_zero, x.dtype.type(0), quotient)


def _with_complement(u, du, k):
    """The tangent of all columns of u: the later ones move only along the first k."""
    if u.shape[-1] == k:
        return du
    rest = part_of(u, columns=slice(k, None))
    along = matrix_product(adjoint(rest), du)
    moved = -matrix_product(part_of(u, columns=slice(k)), adjoint(along))
    return Concatenate(u.ndim - 1)(du, moved)


class Svdvals(Routine):
    """The singular values in descending order."""

    def flops(self, inputs, outputs):
        """To leading order, as G. Golub and C. Van Loan count (Matrix Computations, 2013)."""
        *batch, m, n = inputs[0].shape
        k = min(m, n)
        return prod(batch) * (4 * m * n * k - 4 * k**3 // 3)

    def infer(self, a):
        require_matrices("svdvals", a)
        return ArrayType((*a.shape[:-2], min(a.shape[-2:])), real_type(a.dtype))

    def evaluate(self, a):
        with named(self):
            return np.linalg.svdvals(a)

    def jvp(self, inputs, tangents):
        _, (_, ds, _) = Svd(False, True).jvp(inputs, tangents)
        return self(*inputs), ds  # whose singular values are rounded in another way

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError("svdvals is not linear")

    def batch(self, inputs, batched, axis):
        return self(*inputs), True

    def emit(self, build, inputs, outputs):
        build.svd(self, inputs, outputs)

    def failure(self):
        return np.linalg.LinAlgError, "svdvals: singular values did not converge"
