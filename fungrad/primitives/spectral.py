"""Eigenvalues and singular values, with their vectors.

Where values coincide, vectors are determined up to a rotation among themselves. Their tangents
have no part along each other there. So the derivative is right of functions of the values alone,
of traces, of projectors on all vectors of a value, and of the polar factor. What changes under such
rotations has none: in reverse mode it is nan. A function of the matrix that is put together as
V f(w) V^H loses the term f'(w) within coinciding values, which no rule of `eigh` can know; eager
reverse mode warns of it. `scipy.linalg.funm`, `sqrtm`, `expm` have that term.
"""

import warnings
from math import prod

import numpy as np

from fungrad.core.errors import DtypeError, LinearityError, ShapeError
from fungrad.core.primitive import Routine
from fungrad.core.types import ArrayType
from fungrad.primitives.composed import Composed
from fungrad.primitives.elementwise import (
    absolute,
    equal,
    greater,
    less_equal,
    logical_and,
    not_equal,
    select,
)
from fungrad.primitives.indexing import with_batch
from fungrad.primitives.joining import Concatenate
from fungrad.primitives.matrices import (
    adjoint,
    columns_of,
    converted,
    diagonal,
    hermitian_of_lower,
    matrix_product,
    part_of,
    positions,
    real_part,
    real_type,
    require_matrices,
    require_square,
    rows_of,
)
from fungrad.primitives.movement import Broadcast
from fungrad.primitives.reductions import Max


def spread(v, shape):
    """One number per matrix as many as the matrix has elements."""
    return Broadcast(tuple(shape), tuple(range(v.ndim)))(v) if v.ndim else v


def largest(x):
    """The largest modulus along the last axis."""
    return Max((x.ndim - 1,))(absolute(x))


class GapQuotient(Composed, Routine):
    """x[i, j] / (w[j] - w[i]), and 0 where the difference is rounding of equal numbers.

    The transpose is `strict`: there it is nan where x[i, j] is not the conjugate of x[j, i].
    """

    strict: bool

    @property
    def name(self):
        return "gap_quotient"

    def infer(self, w, x):
        require_square(self.name, x)
        if w.shape != x.shape[:-1]:
            raise ShapeError(f"{self.name}: {w} and {x} do not fit")
        if real_type(w.dtype) != real_type(x.dtype) or (w.dtype.kind, x.dtype.kind) == ("c", "f"):
            raise DtypeError(f"{self.name}: dtypes {w.dtype} and {x.dtype} differ")
        return x

    def evaluate(self, w, x):
        y = super().evaluate(w, x)
        if not self.strict or np.isnan(x).any():
            return y
        message = None
        if np.isnan(y).any():
            message = "the function depends on the choice of their vectors; it has no derivative"
        elif self._has_inner_part(w, x):
            message = (
                "the derivative is right for projectors on all of their vectors, but lacks a term "
                "for V f(w) V^H; use scipy.linalg.funm, sqrtm or expm for functions of a matrix"
            )
        if message is not None:
            warnings.warn(
                f"eigh or svd: values coincide, and {message}", RuntimeWarning, stacklevel=2
            )
        return y

    @staticmethod
    def _has_inner_part(w, x):
        """Whether vectors of coinciding values take part in each other's cotangents."""
        n = w.shape[-1]
        if not x.size:
            return False
        gap = np.abs(w[..., None, :] - w[..., :, None])
        unit = 10 * n * np.finfo(x.dtype).eps
        inner = (gap <= unit * np.abs(w).max(-1)[..., None, None]) & ~np.eye(n, dtype=bool)
        scale = np.abs(x).max((-2, -1), keepdims=True)
        return bool((np.abs(np.where(inner, x, 0)) > 100 * unit * scale).any())

    def formula(self, w, x):
        n = w.shape[-1]
        if not n:
            return (x,)
        gap = rows_of(w, n) - columns_of(w, n)
        unit = 10 * n * np.finfo(x.dtype).eps
        bound = spread(largest(w), gap.shape) * unit
        is_equal = less_equal(absolute(gap), bound)
        gap = select(is_equal, gap.dtype.type(1), gap)
        y = x / converted(gap, x.dtype)
        zero, inside = x.dtype.type(0), x.dtype.type(0)
        if self.strict:
            skew = absolute(x - adjoint(x))
            scale = Max((x.ndim - 2,))(largest(x))
            is_mixed = greater(skew, spread(scale, skew.shape) * (100 * unit))
            is_mixed = logical_and(is_mixed, not_equal(*positions(x.shape)))
            inside = select(is_mixed, x.dtype.type(np.nan), zero)
        return (select(is_equal, inside, y),)

    def jvp(self, inputs, tangents):
        w, x = inputs
        dw, dx = tangents
        y = self(w, x)
        total = None if dx is None else self(w, dx)
        if dw is not None:
            n = w.shape[-1]
            gap = rows_of(dw, n) - columns_of(dw, n)
            gap = converted(gap, x.dtype)
            term = -GapQuotient(False)(w, y * gap)
            total = term if total is None else total + term
        return y, total

    def transpose(self, cotangents, inputs, linear):
        if linear[0]:
            raise LinearityError(f"{self.name} is linear in its second operand only")
        return None, GapQuotient(True)(inputs[0], cotangents[0])

    def batch(self, inputs, batched, axis):
        return self(*with_batch(inputs, batched, axis)), True


class Eigh(Routine):
    """(eigenvalues in ascending order, eigenvectors) of Hermitian matrices.

    Reads the lower triangles, or else the upper ones, and the real parts of the diagonals.
    """

    lower: bool
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
        turned = matrix_product(v, GapQuotient(False)(w, inner))
        return (w, v), (real_part(diagonal(inner)), turned)

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
        _, v = Eigh(self.lower)(*inputs)  # whose eigenvalues are rounded in another way
        return self(*inputs), real_part(diagonal(_in_basis(v, hermitian(tangents[0], self.lower))))

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

    Of an m by n matrix, `full` gives m columns of U and n rows of V^H, else min(m, n) of each.
    """

    full: bool
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
        du, ds, dv = _thin_tangents(left, s, right, da)
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


def _thin_tangents(u, s, v, da):
    """The tangents of min(m, n) singular vectors and values.

    With X and Y the Hermitian and skew parts of U^H dA V, U^H dU is X / (s_j - s_i) + Y / (s_j +
    s_i) and V^H dV is the same with a minus sign: nothing cancels, and only X is lost where values
    coincide.
    """
    k = s.shape[-1]
    inner = matrix_product(matrix_product(adjoint(u), da), v)
    turned = adjoint(inner)
    gap_part = GapQuotient(False)(s, (inner + turned) * 0.5)
    total = rows_of(s, k) + columns_of(s, k)
    sum_part = _scaled((inner - turned) * 0.5, total)
    du = matrix_product(u, gap_part + sum_part)
    dv = matrix_product(v, gap_part - sum_part)
    m, n = da.shape[-2:]
    if m > k:
        du = du + _scaled(_outside(u, matrix_product(da, v)), rows_of(s, m))
    if n > k:
        dv = dv + _scaled(_outside(v, matrix_product(adjoint(da), u)), rows_of(s, n))
    ds = real_part(diagonal(inner))
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
        s = self(*inputs)
        u, _, vh = Svd(False)(*inputs)  # whose singular values are rounded in another way
        inner = diagonal(matrix_product(matrix_product(adjoint(u), tangents[0]), adjoint(vh)))
        return s, select(equal(s, s.dtype.type(0)), s.dtype.type(0), real_part(inner))

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError("svdvals is not linear")

    def batch(self, inputs, batched, axis):
        return self(*inputs), True

    def emit(self, build, inputs, outputs):
        build.svd(self, inputs, outputs)

    def failure(self):
        return np.linalg.LinAlgError, "svdvals: singular values did not converge"
