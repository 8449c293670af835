"""The matrix exponential and its derivative."""

from fungrad.core.errors import DtypeError, LinearityError, ShapeError
from fungrad.core.primitive import Routine
from fungrad.primitives.composed import Composed
from fungrad.primitives.indexing import with_batch
from fungrad.primitives.joining import Concatenate
from fungrad.primitives.matrices import matrix_transpose, part_of, require_square
from fungrad.primitives.movement import Fill


class Expm(Routine):
    """The exponentials of square matrices."""

    def flops(self, inputs, outputs):
        """Six products and a solution of Padé's approximant; squarings depend on the values."""
        a = inputs[0]
        return (6 * 2 + 3) * a.size * a.shape[-1]

    def infer(self, a):
        require_square("expm", a)
        return a

    def evaluate(self, a):
        from scipy.linalg import expm

        return expm(a)

    def jvp(self, inputs, tangents):
        return self(*inputs), ExpmFrechet()(*inputs, *tangents)

    def transpose(self, cotangents, inputs, linear):
        raise LinearityError("expm is not linear")

    def batch(self, inputs, batched, axis):
        return self(*inputs), True

    def emit(self, build, inputs, outputs):
        build.expm(self, inputs, outputs)


class ExpmFrechet(Composed, Routine):
    """The derivative of exp at A in direction E: the upper right part of exp([[A, E], [0, A]])."""

    @property
    def name(self):
        return "expm_frechet"

    def infer(self, a, e):
        require_square(self.name, a)
        if a.dtype != e.dtype:
            raise DtypeError(f"{self.name}: dtypes {a.dtype} and {e.dtype} differ")
        if a.shape != e.shape:
            raise ShapeError(f"{self.name}: shapes {a.shape} and {e.shape} differ")
        return e

    def formula(self, a, e):
        return (upper_right(Expm()(blocks(a, e, a))),)

    def jvp(self, inputs, tangents):
        a, e = inputs
        da, de = tangents
        total = None if de is None else self(a, de)
        if da is not None:
            zero = Fill(tuple(a.shape))(a.dtype.type(0))
            term = upper_right(self(blocks(a, e, a), blocks(da, zero, da)))
            total = term if total is None else total + term
        return self(a, e), total

    def transpose(self, cotangents, inputs, linear):
        if linear[0]:
            raise LinearityError(f"{self.name} is linear in its second operand only")
        return None, self(matrix_transpose(inputs[0]), cotangents[0])

    def batch(self, inputs, batched, axis):
        return self(*with_batch(inputs, batched, axis)), True


def blocks(first, beside, last):
    """[[first, beside], [0, last]]."""
    axis = first.ndim - 1
    zero = Fill(tuple(first.shape))(first.dtype.type(0))
    return Concatenate(axis - 1)(Concatenate(axis)(first, beside), Concatenate(axis)(zero, last))


def upper_right(x):
    """The upper right quarter."""
    n = x.shape[-1] // 2
    return part_of(x, slice(n), slice(n, None))
