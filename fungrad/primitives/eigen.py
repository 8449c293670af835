"""Eigenvalues and eigenvectors of matrices without symmetry: complex, also of real matrices."""

import numpy as np

from fungrad.core.errors import LinearityError
from fungrad.core.primitive import Routine
from fungrad.core.types import ArrayType
from fungrad.primitives.elementwise import equal, imag, make_complex, real, select, sqrt, square
from fungrad.primitives.lu import Inverse, solution
from fungrad.primitives.matrices import (
    INT64,
    adjoint,
    complex_type,
    conjugated,
    converted,
    matrix_product,
    require_square,
    rows_of,
)
from fungrad.primitives.movement import Iota
from fungrad.primitives.reductions import ArgExtremum, Sum
from fungrad.primitives.spectral import named
from fungrad.primitives.splitting import Splitting


class Eig(Routine):
    """(eigenvalues, right eigenvectors); vectors have length 1 and a real largest component.

    The derivative needs a basis of eigenvectors: it is not finite at defective matrices. With
    `values_elsewhere`, somebody has the eigenvalues from elsewhere.
    """

    values_elsewhere: bool = False
    has_many_outputs = True

    def flops(self, inputs, outputs):
        """To leading order, as G. Golub and C. Van Loan count (Matrix Computations, 2013)."""
        a = inputs[0]
        return 25 * a.size * a.shape[-1]

    def infer(self, a):
        require_square("eig", a)
        dtype = complex_type(a.dtype)
        return ArrayType(a.shape[:-1], dtype), ArrayType(a.shape, dtype)

    def evaluate(self, a):
        dtype = complex_type(a.dtype)
        with named(self):
            return tuple([x.astype(dtype, copy=False) for x in np.linalg.eig(a)])

    def jvp(self, inputs, tangents):
        """With C = V^-1 dA V: dw = diag(C), dV = V (C[i, j] / (w[j] - w[i])) + V diag(k).

        k keeps the lengths and the phases of the columns as they are.
        """
        (a,), (da,) = inputs, tangents
        w, v = self(a)
        inner = _in_basis(v, da)
        moved, turned = Splitting(False, self.values_elsewhere)(w, inner)
        turned = matrix_product(v, turned)
        return (w, v), (moved, turned + _kept_normal(v, turned))

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError("eig is not linear")

    def batch(self, inputs, batched, axis):
        return self(*inputs), (True, True)

    def emit(self, build, inputs, outputs):
        build.eig(self, inputs, outputs)

    def failure(self):
        return np.linalg.LinAlgError, "eig: no convergence, or an element is inf or nan"


class Eigvals(Routine):
    """The eigenvalues of matrices without symmetry."""

    def flops(self, inputs, outputs):
        """To leading order, as G. Golub and C. Van Loan count (Matrix Computations, 2013)."""
        a = inputs[0]
        return 10 * a.size * a.shape[-1]

    def infer(self, a):
        require_square("eigvals", a)
        return ArrayType(a.shape[:-1], complex_type(a.dtype))

    def evaluate(self, a):
        with named(self):
            return np.linalg.eigvals(a).astype(complex_type(a.dtype), copy=False)

    def jvp(self, inputs, tangents):
        _, (dw, _) = Eig(True).jvp(inputs, tangents)
        return self(*inputs), dw  # whose eigenvalues are rounded in another way

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError("eigvals is not linear")

    def batch(self, inputs, batched, axis):
        return self(*inputs), True

    def emit(self, build, inputs, outputs):
        build.eig(self, inputs, outputs)

    def failure(self):
        return np.linalg.LinAlgError, "eigvals: no convergence, or an element is inf or nan"


def _in_basis(v, x):
    """V^-1 X V."""
    return solution(v, matrix_product(converted(x, v.dtype), v))


def _kept_normal(v, dv):
    """What, along v itself, keeps columns of length 1 and their largest components real."""
    n = v.shape[-1]
    if not n:
        return dv
    rows = v.ndim - 2
    sizes = square(real(v)) + square(imag(v))
    is_largest = _at_largest(v, sizes)
    zero = sizes.dtype.type(0)
    shrink = Sum((rows,))(real(conjugated(v) * dv))
    height = Sum((rows,))(select(is_largest, real(v), zero))
    turn = Sum((rows,))(select(is_largest, imag(dv), zero)) / height
    return v * rows_of(make_complex(-shrink, -turn), n)


def left_vectors(v):
    """Left eigenvectors, with the order and the form of the right ones: the rows of V^-1."""
    u = adjoint(Inverse()(v))
    n = v.shape[-1]
    if not n:
        return u
    rows = v.ndim - 2
    sizes = square(real(u)) + square(imag(u))
    is_largest = _at_largest(u, sizes)
    zero = sizes.dtype.type(0)
    parts = [Sum((rows,))(select(is_largest, part(u), zero)) for part in (real, imag)]
    height = sqrt(square(parts[0]) + square(parts[1]))
    length = sqrt(Sum((rows,))(sizes))
    scale = make_complex(parts[0], -parts[1]) / converted(height * length, v.dtype)
    return u * rows_of(scale, n)


def _at_largest(v, sizes):
    """Where the element of largest size of every column stands, the first one of equal ones."""
    rows = v.ndim - 2
    place = ArgExtremum(rows, True)(sizes)
    return equal(Iota(tuple(v.shape), INT64, rows)(), rows_of(place, v.shape[-1]))
