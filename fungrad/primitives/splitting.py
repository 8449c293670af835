"""How eigenvalues, singular values and their vectors move with a matrix.

Where values coincide, vectors are determined up to a rotation among themselves. Their tangents
have no part along each other there. So the derivative is right of functions of the values alone,
of traces, of projectors on all vectors of a value, and of the polar factor. What changes under such
rotations has none: in reverse mode it is nan. A function of the matrix that is put together as
V f(w) V^H loses the term f'(w) within coinciding values, which no rule of `eigh` can know: `w` has
no place for it. So both modes warn, eager and compiled, where that may be. `scipy.linalg.funm`,
`sqrtm`, `expm` have that term.

Reverse mode sees what reads the vectors, and so does not warn of projectors: their cotangents are
symmetric within a value, as those of V f(w) V^H are, but they read no values. Values from a call of
their own are seen by their cotangents, which differ within a value there, as they do where a single
one of coinciding values is read. Forward mode sees nothing of what comes after, and always warns.
"""

import numpy as np

from fungrad.core.errors import DtypeError, LinearityError, ShapeError
from fungrad.core.primitive import Routine
from fungrad.primitives.caution import Caution
from fungrad.primitives.composed import Composed
from fungrad.primitives.elementwise import (
    absolute,
    greater,
    less_equal,
    logical_and,
    logical_not,
    not_equal,
    select,
)
from fungrad.primitives.indexing import with_batch
from fungrad.primitives.matrices import (
    INT64,
    adjoint,
    columns_of,
    converted,
    diagonal,
    largest,
    positions,
    real_type,
    require_square,
    rows_of,
    spread,
    with_diagonal,
)
from fungrad.primitives.reductions import Any, Max

#: What `GapQuotient` and `Splitting` warn of.
_DOUBTS = (
    "eigenvalues or singular values coincide, and the function depends on the choice of their "
    "vectors; it has no derivative",
    "eigenvalues or singular values coincide, and their vectors take part in the derivative: it is "
    "right for polar factors and for projectors on all vectors of a value, but lacks a term for "
    "V f(w) V^H (use scipy.linalg.funm, sqrtm or expm) and in second derivatives, and single "
    "vectors have none",
)
#: What `Even` warns of.
_UNEVEN = (
    "eigenvalues or singular values coincide, and the function does not treat them alike: single "
    "ones have no derivative there, and V f(w) V^H lacks a term (use scipy.linalg.funm, sqrtm or "
    "expm)",
)


class GapQuotient(Composed, Routine):
    """x[i, j] / (w[j] - w[i]), and 0 where the difference is rounding of equal numbers.

    It warns of what it drops where it is `cautious`. The transpose is `strict`: there it is nan,
    with a warning, where x says that the function depends on the choice of the vectors. That is
    where x[i, j] is not the conjugate of x[j, i] if they are `unitary`, else where it is not 0.
    """

    strict: bool
    cautious: bool
    unitary: bool

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

    def formula(self, w, x):
        n = w.shape[-1]
        if 0 in x.shape:
            return (x,)
        gap = rows_of(w, n) - columns_of(w, n)
        unit = 10 * n * np.finfo(x.dtype).eps
        bound = spread(largest(w), gap.shape) * unit
        is_equal = less_equal(absolute(gap), bound)
        gap = select(is_equal, gap.dtype.type(1), gap)
        y = x / converted(gap, x.dtype)
        if not self.strict and not self.cautious:
            return (select(is_equal, x.dtype.type(0), y),)
        is_inner = logical_and(is_equal, not_equal(*positions(x.shape)))
        is_mixed, is_dropped = self._doubts(x, is_inner, 100 * unit)
        y = select(is_equal, select(is_mixed, x.dtype.type(np.nan), x.dtype.type(0)), y)
        code = select(_any(is_mixed), INT64.type(1), select(_any(is_dropped), INT64.type(2), 0))
        return (Caution(_DOUBTS)(y, code),)

    def _doubts(self, x, is_inner, unit):
        """Where x says that there is no derivative, and where something is dropped."""
        least = spread(Max((x.ndim - 2,))(largest(x)), x.shape) * unit
        is_present = logical_and(is_inner, greater(absolute(x), least))
        nowhere = logical_and(is_inner, False)
        if not self.strict:
            return nowhere, is_present
        if self.unitary:
            is_mixed = logical_and(is_inner, greater(absolute(x - adjoint(x)), least))
            return is_mixed, is_present if self.cautious else nowhere
        # V f(w) V^-1 has x = 0, since any other basis would do; its term is missing all the same.
        return (nowhere, is_inner) if self.cautious else (is_present, nowhere)

    def jvp(self, inputs, tangents):
        w, x = inputs
        dw, dx = tangents
        y = self(w, x)
        total = None if dx is None else self(w, dx)
        if dw is not None:
            term = _gap_tangent(w, y, dw)
            total = term if total is None else total + term
        return y, total

    def transpose(self, cotangents, inputs, linear):
        if linear[0]:
            raise LinearityError(f"{self.name} is linear in its second operand only")
        return None, self.replace(strict=True)(inputs[0], cotangents[0])

    def batch(self, inputs, batched, axis):
        return self(*with_batch(inputs, batched, axis)), True


def _any(conditions):
    return Any(tuple(range(conditions.ndim)))(conditions)


def _gap_tangent(w, y, dw):
    """The tangent of a gap quotient y through the gaps."""
    n = w.shape[-1]
    gap = rows_of(dw, n) - columns_of(dw, n)
    return -GapQuotient(False, False, True)(w, y * converted(gap, y.dtype))


class Even(Composed, Routine):
    """The cotangents x of values w themselves; it warns where they differ within coinciding ones."""

    name = "even"

    def infer(self, w, x):
        if w.shape != x.shape:
            raise ShapeError(f"{self.name}: {w} and {x} do not fit")
        return x

    def formula(self, w, x):
        n = w.shape[-1]
        if n < 2 or 0 in x.shape:
            return (x,)
        unit = 10 * n * np.finfo(x.dtype).eps
        is_equal, is_uneven = _are_near(w, unit), logical_not(_are_near(x, 1000 * unit))
        code = select(_any(logical_and(is_equal, is_uneven)), INT64.type(1), INT64.type(0))
        return (Caution(_UNEVEN)(x, code),)

    def jvp(self, inputs, tangents):
        return self(*inputs), tangents[1]

    def transpose(self, cotangents, inputs, linear):
        if linear[0]:
            raise LinearityError(f"{self.name} is linear in its second operand only")
        return None, cotangents[0]

    def batch(self, inputs, batched, axis):
        return self(*with_batch(inputs, batched, axis)), True


def _are_near(w, unit):
    """Which pairs of values differ by rounding only."""
    n = w.shape[-1]
    gap = rows_of(w, n) - columns_of(w, n)
    return less_equal(absolute(gap), spread(largest(w), gap.shape) * real_type(w.dtype).type(unit))


class Splitting(Composed, Routine):
    """How the change x of a matrix, in the basis of its vectors, moves values and vectors.

    The diagonal of x, and the gap quotients of x at the values w; one of them if `values` or
    `vectors` is false. In reverse mode a function that reads only the vectors needs nothing that is
    dropped, unless it has the `values_elsewhere`; in forward mode nobody knows, so there is a
    warning whenever something is.
    """

    unitary: bool
    values_elsewhere: bool
    values: bool = True
    vectors: bool = True
    has_many_outputs = True

    def infer(self, w, x):
        y = self._quotient.infer(w, x)
        moved = x.with_shape(x.shape[:-1]), y
        return tuple([t for t, is_used in zip(moved, self._used, strict=True) if is_used])

    @property
    def _used(self):
        return self.values, self.vectors

    @property
    def _quotient(self):
        return GapQuotient(False, True, self.unitary)

    def formula(self, w, x):
        found = (diagonal(x),) if self.values else ()
        return (*found, self._quotient(w, x)) if self.vectors else found

    def jvp(self, inputs, tangents):
        w, x = inputs
        dw, dx = tangents
        outputs = self(w, x)
        found = (None,) * len(outputs) if dx is None else self(w, dx)
        if dw is not None and self.vectors:
            term = _gap_tangent(w, outputs[-1], dw)
            found = (*found[:-1], term if found[-1] is None else found[-1] + term)
        return outputs, found

    def transpose(self, cotangents, inputs, linear):
        if linear[0]:
            raise LinearityError("splitting is linear in its second operand only")
        of_values, of_vectors = self._by_kind(cotangents)
        if of_vectors is None:
            return None, with_diagonal(Even()(inputs[0], of_values))
        has_both = of_values is not None or self.values_elsewhere
        pulled = GapQuotient(True, has_both, self.unitary)(inputs[0], of_vectors)
        return None, pulled if of_values is None else pulled + with_diagonal(of_values)

    def _by_kind(self, outputs):
        """(what belongs to the values, what belongs to the vectors), None where there is none."""
        outputs = iter(outputs)
        return tuple([next(outputs) if is_used else None for is_used in self._used])

    def batch(self, inputs, batched, axis):
        outputs = self(*with_batch(inputs, batched, axis))
        return outputs, (True,) * len(outputs)

    def narrowed(self, needed):
        """The primitive without the outputs that nobody reads."""
        of_values, of_vectors = self._by_kind(needed)
        return self.replace(values=bool(of_values), vectors=bool(of_vectors))
