"""The pseudo-inverse, which has a derivative wherever the rank does not change."""

from fungrad.core.errors import DtypeError, LinearityError, ShapeError
from fungrad.core.primitive import Routine
from fungrad.primitives.composed import Composed
from fungrad.primitives.elementwise import greater, select
from fungrad.primitives.indexing import with_batch
from fungrad.primitives.matrices import (
    adjoint,
    converted,
    matrix_product,
    real_type,
    require_matrices,
    rows_of,
)
from fungrad.primitives.movement import Broadcast
from fungrad.primitives.reductions import Max
from fungrad.primitives.spectral import Svd


class PseudoInverse(Composed, Routine):
    """The pseudo-inverses of matrices: singular values up to a part of the largest count as 0.

    The second operand is that part, one number per matrix.
    Derivative: G. H. Golub and V. Pereyra, SIAM J. Numer. Anal. 10 (1973).
    """

    @property
    def name(self):
        return "pinv"

    def infer(self, a, part):
        require_matrices(self.name, a)
        if part.shape != a.shape[:-2]:
            raise ShapeError(f"{self.name}: {part} and {a} do not fit")
        if part.dtype != real_type(a.dtype):
            raise DtypeError(f"{self.name}: dtypes {a.dtype} and {part.dtype} do not fit")
        return a.with_shape((*a.shape[:-2], a.shape[-1], a.shape[-2]))

    def formula(self, a, part):
        if 0 in a.shape[-2:]:
            return (adjoint(a),)
        u, s, vh = Svd(False)(a)
        bound = Max((s.ndim - 1,))(s) * part
        if s.ndim > 1:
            bound = Broadcast(tuple(s.shape), tuple(range(s.ndim - 1)))(bound)
        is_large = greater(s, bound)
        one, zero = s.dtype.type(1), s.dtype.type(0)
        inverse = select(is_large, one / select(is_large, s, one), zero)
        inverse = converted(rows_of(inverse, a.shape[-1]), a.dtype)
        return (matrix_product(adjoint(vh) * inverse, adjoint(u)),)

    def jvp(self, inputs, tangents):
        """dP = -P dA P + P P^H dA^H (1 - A P) + (1 - P A) dA^H P^H P."""
        (a, part), (da, _) = inputs, tangents
        p = self(a, part)
        if da is None:
            return p, None
        turned, ph = adjoint(da), adjoint(p)
        tangent = -matrix_product(matrix_product(p, da), p)
        m, n = a.shape[-2:]
        if m != 0 and n != 0:
            across = matrix_product(p, matrix_product(ph, turned))
            tangent = tangent + across - matrix_product(matrix_product(across, a), p)
            along = matrix_product(matrix_product(turned, ph), p)
            tangent = tangent + along - matrix_product(p, matrix_product(a, along))
        return p, tangent

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError(f"{self.name} is not linear")

    def batch(self, inputs, batched, axis):
        return self(*with_batch(inputs, batched, axis)), True
