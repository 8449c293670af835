"""What is computed from Schur forms: the forms, square roots, solutions of A X + X B = C."""

import numpy as np

from fungrad.core.errors import DtypeError, LinearityError, ShapeError
from fungrad.core.primitive import Routine
from fungrad.core.types import ArrayType
from fungrad.primitives.elementwise import less_equal, select
from fungrad.primitives.indexing import with_batch
from fungrad.primitives.matrices import (
    adjoint,
    complex_type,
    converted,
    matrix_product,
    matrix_transpose,
    positions,
    require_square,
    upper_triangle,
)
from fungrad.primitives.spectral import named
from fungrad.primitives.turning import hessenberg_turn, schur_turn


def _in_basis(z, x):
    return matrix_product(matrix_product(adjoint(z), x), z)


class Schur(Routine):
    """(T, Z) with Z T Z^H = A, Z unitary and T upper triangular, complex if A is or `is_complex`.

    The real form of a real matrix has blocks of 2 by 2 for pairs of complex eigenvalues; its
    derivative is nan then, that of the complex form is not. Equal eigenvalues have none.
    """

    is_complex: bool
    has_many_outputs = True

    def infer(self, a):
        require_square("schur", a)
        t = a.with_dtype(complex_type(a.dtype)) if self.is_complex else a
        return t, t

    def evaluate(self, a):
        from scipy.linalg import schur

        dtype = complex_type(a.dtype) if self.is_complex else a.dtype
        t, z = np.empty(a.shape, dtype), np.empty(a.shape, dtype)
        with named(self):
            for i in np.ndindex(a.shape[:-2]):
                if a[i].size:
                    t[i], z[i] = schur(a[i].astype(dtype), "complex" if self.is_complex else "real")
        return t, z

    def jvp(self, inputs, tangents):
        t, z = self(*inputs)
        return (t, z), _moved_form(t, z, tangents[0])

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError("schur is not linear")

    def batch(self, inputs, batched, axis):
        return self(*inputs), (True, True)

    def emit(self, build, inputs, outputs):
        build.schur(self, inputs, outputs)

    def failure(self):
        return np.linalg.LinAlgError, "schur: no convergence, or an element is inf or nan"


def _moved_form(t, z, da):
    """The tangents of a Schur form and its vectors."""
    inner = _in_basis(z, converted(da, z.dtype))
    turn = schur_turn(t, inner)
    moved = inner - matrix_product(turn, t) + matrix_product(t, turn)
    return upper_triangle(moved), matrix_product(z, turn)


class SortedSchur(Routine):
    """(T, Z) as `Schur`, the chosen eigenvalues in front.

    The second operand says which of the eigenvalues of `Schur` these are, in its order. Of a pair
    of complex ones in a real form both come if one does.
    """

    is_complex: bool
    has_many_outputs = True

    def infer(self, a, chosen):
        if chosen.dtype.kind != "b":
            raise DtypeError(f"sorted_schur: {chosen} is not true or false")
        if chosen.shape != a.shape[:-1]:
            raise ShapeError(f"sorted_schur: {chosen} and {a} do not fit")
        return Schur(self.is_complex).infer(a)

    def evaluate(self, a, chosen):
        from scipy.linalg import get_lapack_funcs

        t, z = Schur(self.is_complex).evaluate(a)
        trsen = get_lapack_funcs("trsen", (t,))
        for i in np.ndindex(a.shape[:-2]):
            if a[i].size:
                t[i], z[i], *_, status = trsen(chosen[i].astype(np.int32), t[i], z[i], job=b"N")
                if status:
                    error, message = self.failure()
                    raise error(message)
        return t, z

    def jvp(self, inputs, tangents):
        t, z = self(*inputs)
        return (t, z), _moved_form(t, z, tangents[0])

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError("sorted_schur is not linear")

    def batch(self, inputs, batched, axis):
        return self(*with_batch(inputs, batched, axis)), (True, True)

    def emit(self, build, inputs, outputs):
        build.sorted_schur(self, inputs, outputs)

    def failure(self):
        return np.linalg.LinAlgError, "schur: no convergence, or eigenvalues too close to be sorted"


class Hessenberg(Routine):
    """(H, Q) with Q H Q^H = A, Q unitary and H zero below the first subdiagonal."""

    has_many_outputs = True

    def infer(self, a):
        require_square("hessenberg", a)
        return a, a

    def evaluate(self, a):
        from scipy.linalg import hessenberg

        h, q = np.empty(a.shape, a.dtype), np.empty(a.shape, a.dtype)
        for i in np.ndindex(a.shape[:-2]):
            if a[i].size:
                h[i], q[i] = hessenberg(a[i], calc_q=True, check_finite=False)
        return h, q

    def jvp(self, inputs, tangents):
        h, q = self(*inputs)
        inner = _in_basis(q, tangents[0])
        turn = hessenberg_turn(h, inner)
        moved = inner - matrix_product(turn, h) + matrix_product(h, turn)
        row, column = positions(h.shape)
        kept = select(less_equal(row, column + 1), moved, h.dtype.type(0))
        return (h, q), (kept, matrix_product(q, turn))

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError("hessenberg is not linear")

    def batch(self, inputs, batched, axis):
        return self(*inputs), (True, True)

    def emit(self, build, inputs, outputs):
        build.hessenberg(self, inputs, outputs)


class Sqrtm(Routine):
    """The principal square roots of square matrices: complex, also where they are real.

    The derivative solves X dX + dX X = dA, and needs eigenvalues of X whose sums are not 0.
    """

    def infer(self, a):
        require_square("sqrtm", a)
        return a.with_dtype(complex_type(a.dtype))

    def evaluate(self, a):
        from scipy.linalg import sqrtm

        dtype, result = complex_type(a.dtype), np.empty(a.shape, complex_type(a.dtype))
        for i in np.ndindex(a.shape[:-2]):
            if a[i].size:
                result[i] = sqrtm(a[i].astype(dtype))
        return result

    def jvp(self, inputs, tangents):
        x = self(*inputs)
        return x, Sylvester()(x, x, converted(tangents[0], x.dtype))

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError("sqrtm is not linear")

    def batch(self, inputs, batched, axis):
        return self(*inputs), True

    def emit(self, build, inputs, outputs):
        build.sqrtm(self, inputs, outputs)

    def failure(self):
        return np.linalg.LinAlgError, "sqrtm: no convergence, or an element is inf or nan"


class Sylvester(Routine):
    """X with A X + X B = C; eigenvalues of A and of -B must differ.

    Source: R. H. Bartels and G. W. Stewart, Commun. ACM 15 (1972).
    """

    def infer(self, a, b, c):
        require_square("solve_sylvester", a)
        require_square("solve_sylvester", b)
        if not a.dtype == b.dtype == c.dtype:
            raise DtypeError(f"solve_sylvester: dtypes {a.dtype}, {b.dtype} and {c.dtype} differ")
        if c.shape != (*a.shape[:-1], b.shape[-1]) or a.shape[:-2] != b.shape[:-2]:
            raise ShapeError(f"solve_sylvester: {a}, {b} and {c} do not fit")
        return ArrayType(c.shape, c.dtype)

    def evaluate(self, a, b, c):
        from scipy.linalg import solve_sylvester

        result = np.empty(c.shape, c.dtype)
        with named(self):
            for i in np.ndindex(c.shape[:-2]):
                if c[i].size:
                    result[i] = solve_sylvester(a[i], b[i], c[i])
        return result

    def jvp(self, inputs, tangents):
        a, b, c = inputs
        da, db, dc = tangents
        x = self(a, b, c)
        right = dc
        for term in (
            None if da is None else matrix_product(da, x),
            None if db is None else matrix_product(x, db),
        ):
            if term is not None:
                right = -term if right is None else right - term
        return x, self(a, b, right)

    def transpose(self, cotangents, inputs, linear):
        if any(linear[:2]):
            raise LinearityError("solve_sylvester is linear in its last operand only")
        a, b, _ = inputs
        return None, None, self(matrix_transpose(a), matrix_transpose(b), cotangents[0])

    def batch(self, inputs, batched, axis):
        return self(*with_batch(inputs, batched, axis)), True

    def emit(self, build, inputs, outputs):
        build.sylvester(self, inputs, outputs)

    def failure(self):
        return np.linalg.LinAlgError, "solve_sylvester: no convergence, or an element is inf or nan"
